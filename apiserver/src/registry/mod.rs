//! What can be done with objects: one engine for all kinds.
//!
//! A request that has been read, authenticated and authorised arrives as a [`Target`], a [`Caller`] and
//! typed options; what leaves is an [`Object`](crate::storage::Object), a [`List`], a stream of
//! [`Event`]s, or a finished [`Failure`](crate::status::Failure). HTTP stands in front of it, and so do
//! the control loops of this process.
//!
//! | file | what |
//! |---|---|
//! | `read` | get, list, watch |
//! | `write` | create, update, patch, apply, delete |
//! | `strategy` | how kinds differ when they are written |
//! | `scale` | the number of replicas as an object of its own |
//! | `versions` | kinds that are served in one version and stored in another |
//! | `leases` | objects that go by themselves |
//! | `everything` | all objects of all kinds, and then what becomes of them |
//! | `components` | whether the parts of the control plane do their work |
//! | `leftovers` | what is in a namespace that goes |
//! | `compact` | history that nobody needs |
//! | `claim` | who runs a control loop, as a condition of its writes |
//! | `capacity` | how much of each node is taken, and whether there is room |
//!
//! What may enter: everything above the wire. What never happens here: HTTP, a look at who may do what.

pub mod capacity;
mod claim;
mod compact;
mod components;
mod everything;
mod leases;
mod leftovers;
mod read;
mod scale;
mod strategy;
mod types;
mod versions;
mod write;

use crate::admission::{Admission, AdmissionRequest, AdmitAll};
use crate::status::Failure;
use crate::storage::Kv;
use leases::Leases;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use everything::{Everything, Sighting};
pub(crate) use strategy::keep_allocated;
pub use types::{Body, Caller, Event, EventKind, List, Target, Written};

/// See the module's essay.
pub struct Registry {
    kv: Arc<dyn Kv>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    admission: Arc<dyn Admission>,
    leases: Leases,
    /// It has been seen that every node with Pods has a ledger.
    counted: AtomicBool,
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
            random,
            admission: Arc::new(AdmitAll),
            leases: Leases::default(),
            counted: AtomicBool::new(false),
        }
    }

    /// The same, with admission in front of its writes.
    #[must_use]
    pub fn with_admission(mut self, admission: Arc<dyn Admission>) -> Registry {
        self.admission = admission;
        self
    }

    /// Asks admission about something that is answered and leaves nothing in the store, such as a
    /// TokenRequest. Answers with warnings for the client.
    ///
    /// # Errors
    /// The refusal for the client, or the store's.
    pub async fn admit(&self, request: &mut AdmissionRequest) -> Result<Vec<String>, Failure> {
        let mut admitted = self.admission.mutate(request).await?;
        admitted.append(self.admission.validate(request).await?);
        Ok(admitted.warnings)
    }

    /// A number that is as likely as any other.
    fn draw(&self) -> u32 {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// A new uid.
    fn uid(&self) -> String {
        crate::names::uid(|| self.draw())
    }
}
