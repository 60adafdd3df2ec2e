//! What a Kubernetes API server must do, one function per numbered statement, asked over HTTPS.
//!
//! | file | what it holds |
//! |---|---|
//! | `connection`, `client`, `watch` | a lean client: each request goes to the next member |
//! | `development` | a cluster of real processes |
//! | `place`, `objects`, `definition` | a namespace of one's own, what to put there, and kinds of one's own |
//! | `traces` | what kubectl and helm send, recorded and asked again |
//! | `record` | the history of all objects, followed in the store |
//! | `judge`, `bounds` | what must hold in such a history, whatever becomes of control loops |
//! | `run`, `list` | asking all statements; those that cannot be asked yet, and why |
//! | the others | the statements by topic |
//!
//! A statement's name begins with `s` and its number. Three sections of the contract have no numbers of
//! their own: what is told of oneself, forms of objects, failures. Theirs begin with `c2`, `c9` and `c10`;
//! recordings of real clients with `trace`.
//!
//! What may enter: statements that a client can check, with the exact codes, reasons, messages and headers
//! that other clients rely on. What never happens here: knowledge of how the server is built, and waiting
//! for a time to pass. That nothing comes is shown by what comes next: a later write, a bookmark, an end.
//!
//! Each statement works in a fresh namespace, and many are asked at one time. Those that compact the store
//! are asked at last, one after the other: they take old states from everybody. So are those that define
//! kinds: they change what everybody is told.

mod access;
mod apply;
mod apply_lists;
mod bounds;
mod client;
mod compaction;
mod connection;
mod creates;
mod crowd;
mod custom;
mod custom_schemas;
mod definition;
mod definitions;
mod deletes;
mod development;
mod discovery;
mod errors;
mod formats;
mod immutable;
pub mod judge;
mod list;
mod lists;
mod namespaces;
mod objects;
mod patches;
mod place;
mod quota;
mod record;
mod run;
mod status;
mod strategic;
mod tables;
pub mod traces;
mod updates;
mod watch;
mod watches;

pub use client::{Answer, Client, Patch};
pub use development::Development;
pub use list::{KNOWN_FAILURES, NOT_BUILT};
pub use place::{Place, names};
pub use record::{Change, Recorder};
pub use run::{Outcome, Report, Statement, run, statements};
pub use watch::{Event, Watch, version};
