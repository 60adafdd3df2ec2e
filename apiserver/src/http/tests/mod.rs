//! The server over real connections on this machine. Tests are named after what they show; those with a
//! number show a statement of the contract.

mod failures;
mod identity;
mod lifecycle;
mod paths;
mod pieces;
mod reviews;
mod rights;
mod world;

use crate::registry::Registry;
use crate::storage::MemoryKv;
use std::sync::Arc;

/// A registry of nothing yet.
fn registry() -> Arc<Registry> {
    let store = Arc::new(MemoryKv::new());
    Arc::new(Registry::new(store, Arc::new(world::SystemClock)))
}
