//! Which revisions somebody is reading right now: no compaction trims past the smallest.

use crate::Revision;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pinned revisions and how many readers hold each.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<BTreeMap<Revision, usize>>);

impl Pins {
    /// Keeps the state at `revision` readable until the pin is dropped. Must be called where
    /// `revision` cannot be compacted away meanwhile: under the lock on the state.
    pub fn pin(self: &Arc<Pins>, revision: Revision) -> Pin {
        *self.0.lock().entry(revision).or_insert(0) += 1;
        Pin {
            pins: self.clone(),
            revision,
        }
    }

    /// The oldest pinned revision.
    pub fn oldest(&self) -> Option<Revision> {
        self.0
            .lock()
            .first_key_value()
            .map(|(revision, _)| *revision)
    }
}

/// Holds a revision; lets go of it when dropped.
#[derive(Debug)]
pub(crate) struct Pin {
    pins: Arc<Pins>,
    revision: Revision,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pinned = self.pins.0.lock();
        if let Some(holders) = pinned.get_mut(&self.revision) {
            *holders -= 1;
            if *holders == 0 {
                pinned.remove(&self.revision);
            }
        }
    }
}
