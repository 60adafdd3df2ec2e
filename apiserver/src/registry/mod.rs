//! What can be done with objects: one engine for all kinds.
//!
//! A request that has been read, authenticated and authorised arrives as a [`Target`], a [`Caller`] and
//! typed options; what leaves is an [`Object`](crate::storage::Object), a [`List`], a stream of
//! [`Event`]s, or a finished [`Failure`](crate::status::Failure). HTTP stands in front of it, and so do
//! the control loops of this process.
//!
//! | file | what |
//! |---|---|
//! | `convert` | objects in another version than the one they are stored in |
//! | `read` | get, list, watch |
//! | `write` | create, update, patch, apply, delete |
//!
//! What may enter: everything above the wire. What never happens here: HTTP, a look at who may do what.

mod convert;
mod read;
mod types;
mod write;

use crate::admission::{Admission, AdmitAll};
use crate::storage::Kv;
use std::sync::Arc;

pub use types::{Body, Caller, Event, EventKind, List, Target, Written};

/// See the module's essay.
pub struct Registry {
    kv: Arc<dyn Kv>,
    #[allow(dead_code)] // Until writes tell when they were.
    clock: Arc<dyn Clock>,
    #[allow(dead_code)] // Until writes ask.
    admission: Arc<dyn Admission>,
    random: Arc<dyn Random>,
}

/// The time of the day, handed in so that tests decide it.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since 1970.
    fn now_us(&self) -> i64;
}

/// Chance, handed in so that tests decide it.
pub trait Random: Send + Sync + 'static {
    /// Fills the buffer with bytes that nobody can foretell.
    fn fill(&self, bytes: &mut [u8]);
}

impl Registry {
    /// A registry over a store, which admits everything.
    pub fn new(kv: Arc<dyn Kv>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Registry {
        Registry {
            kv,
            clock,
            admission: Arc::new(AdmitAll),
            random,
        }
    }

    /// The same, with admission in front of its writes.
    #[must_use]
    pub fn with_admission(mut self, admission: Arc<dyn Admission>) -> Registry {
        self.admission = admission;
        self
    }
}
