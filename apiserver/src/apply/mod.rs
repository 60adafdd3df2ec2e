//! Server-side apply: who owns which field, and what that means for a write.
//!
//! Every field of an object can have owners, listed in its managed fields. A client that *applies* says
//! what it wants of an object; it owns what it names, and what it names no longer goes, unless somebody
//! else owns it. Where another owner wants another value the apply is refused, or takes the field by
//! force. Every other write *updates*: it never conflicts and owns what it changes.
//!
//! [`apply()`] and [`update()`] are these two, as functions of the stored object, the request and a
//! time that is handed in. Below them: `path` names fields and keeps sets of them, `typed` sees objects
//! through the schema table, `managers` is the list of owners. `contest` finds who loses fields to a
//! write, `prune` what goes because nobody wants it any more, `last_applied` lets those in who applied
//! by `kubectl` on their own side before.
//!
//! What enters: objects that were decoded (within the limits of size and depth for requests), the type
//! table, the request's manager. An applied configuration is checked here. What never happens here: IO,
//! a clock, defaulting, admission, or a rule of one kind. The caller drops nulls and sets defaults
//! afterwards, and finds out by [`managers::settle_times`] whether anything is left to write.
//!
//! Behaviour and texts are upstream's (structured-merge-diff 6, Kubernetes 1.35), with these
//! differences:
//!
//! * Causes of a conflict come in one order, by manager; upstream shuffles them.
//! * Faults of a configuration come in the order of its fields.
//! * A map or list that loses its last part while its owner remains stays, empty; upstream leaves null.
//! * An entry always has a time.
//! * A stored object that does not fit its type can be written; upstream gives up on its managed fields.
//! * Sets that were recorded when a list or map was still owned piece by piece, or still as a whole, are
//!   not rewritten when a custom resource's schema changes that.
//!
//! Applying a changed 4 KiB Deployment to a live one with two other managers takes about 195 µs on one
//! core of a busy two-core machine, the same one again 187 µs, and one that drops a label 333 µs
//! (`cargo test --release -p keelson-apiserver apply::tests::speed -- --ignored --nocapture`).

mod config;
mod conflict;
mod contest;
mod kind;
mod last_applied;
pub mod managers;
pub mod path;
mod prune;
pub mod typed;
mod update;

pub use config::apply;
pub use conflict::{Conflict, Conflicts, Refused};
pub use kind::{Kind, Request, rename_version};
pub use update::update;

#[cfg(test)]
mod tests;
