//! The server over real connections on this machine. Tests are named after what they show; those with a
//! number show a statement of the contract.

mod crowd;
mod custom;
mod everybody;
mod failures;
mod identity;
mod lane;
mod lifecycle;
mod nodes;
mod nonsense;
mod objects;
mod paths;
mod pieces;
mod reviews;
mod rights;
mod shared;
mod world;

use crate::registry::{Random, Registry};
use crate::storage::MemoryKv;
use std::sync::Arc;

/// The machine's own chance.
struct Chance;

impl Random for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}

/// A registry over a store.
pub fn registry_over(store: Arc<MemoryKv>) -> Arc<Registry> {
    let clock = Arc::new(world::SystemClock);
    Arc::new(Registry::new(store, clock, Arc::new(Chance)))
}

/// A registry of nothing yet.
fn registry() -> Arc<Registry> {
    registry_over(Arc::new(MemoryKv::new()))
}
