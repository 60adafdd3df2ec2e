//! A client of a Kubernetes API server: requests over HTTP/2 and TLS, for programs that make many of them.
//!
//! Objects are bytes here. Whoever asks says what they are: a watch hands out whatever type it is told to
//! read. A client knows all servers of a cluster. It holds a few connections, called lanes, each to a server
//! of its own if there are so many; all requests share them. When a server is gone, its lane goes to the
//! next one: at once if the connection breaks, after a second and a half without a word from it. Whoever only
//! reads or watches goes there, too, if nothing is heard any more; a write is waited for, up to six seconds.
//!
//! What was sent and not answered may have happened. A read is then asked again elsewhere; of a write it is
//! said that nobody knows ([`Failure::Unknown`]). A watch goes on where it was, on any server, and lists
//! anew only if the servers have forgotten what came since.
//!
//! | file | what |
//! |---|---|
//! | `config` | what a kubeconfig says: servers, whom to trust, who one is |
//! | `connection` | one connection to one server |
//! | `pulse` | whether anything is heard of a server |
//! | `lane` | the connection that is used, whichever server it leads to |
//! | `path` | where objects are |
//! | `failure` | why there is no answer, by what to do about it |
//! | `request` | get, create, update, patch, delete, in JSON or protobuf |
//! | `acting` | the same in the name of somebody else |
//! | `lines` | a watch as the server sends it |
//! | `follow` | all objects and what becomes of them, without an end |
//!
//! What may enter: what every client of an API server needs. What never happens here: a look into an object
//! beyond its revision.

mod acting;
mod config;
mod connection;
mod failure;
mod follow;
mod lane;
mod lines;
mod path;
mod pulse;
mod request;
#[cfg(test)]
pub mod tests;

pub use acting::Acting;
pub use config::Config;
pub use failure::Failure;
pub use follow::{Seen, Told, follow};
pub use lines::Lines;
pub use path::{Resource, query};
pub use request::{Client, Encoding, PatchKind};
