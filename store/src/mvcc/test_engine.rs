//! An engine for this module's tests: in memory, with crashes, and eager to drop garbage.

use crate::engine::{Batch, Engine, EngineError, Family, GarbageSlot, Visit, parse_history_key};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

type Families = BTreeMap<(Family, Vec<u8>), Bytes>;

/// Everything in a map, and the map as of the last flush.
#[derive(Default)]
pub(crate) struct TestEngine {
    live: Mutex<Families>,
    flushed: Mutex<Families>,
    garbage: Mutex<GarbageSlot>,
    /// The ranges of revisions it was asked to rewrite.
    pub reclaimed: Mutex<Vec<(i64, i64)>>,
    /// How many keys it has shown to scans.
    pub visited: Mutex<usize>,
}

impl TestEngine {
    /// A new engine and the slot it asks for garbage.
    pub fn new() -> (Arc<TestEngine>, GarbageSlot) {
        TestEngine::from_families(Families::new())
    }

    /// What a process finds that starts after a crash.
    pub fn crash(&self) -> (Arc<TestEngine>, GarbageSlot) {
        TestEngine::from_families(self.flushed.lock().clone())
    }

    fn from_families(families: Families) -> (Arc<TestEngine>, GarbageSlot) {
        let slot = GarbageSlot::default();
        let engine = TestEngine {
            live: Mutex::new(families.clone()),
            flushed: Mutex::new(families),
            garbage: Mutex::new(slot.clone()),
            reclaimed: Mutex::default(),
            visited: Mutex::default(),
        };
        (Arc::new(engine), slot)
    }

    /// Records in the history family.
    pub fn history_len(&self) -> usize {
        let live = self.live.lock();
        live.keys().filter(|key| key.0 == Family::History).count()
    }
}

impl Engine for TestEngine {
    fn write(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut live = self.live.lock();
        for (family, key, value) in batch.iter() {
            match value {
                Some(value) => live.insert((family, key.into()), Bytes::copy_from_slice(value)),
                None => live.remove(&(family, key.into())),
            };
        }
        Ok(())
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.live.lock().get(&(family, key.into())).cloned())
    }

    fn get_history(&self, positions: &[(i64, u32)]) -> Result<Vec<Option<Bytes>>, EngineError> {
        let get =
            |at: &(i64, u32)| self.get(Family::History, &crate::engine::history_key(at.0, at.1));
        positions.iter().map(get).collect()
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        // A snapshot, as a real engine's iterator has.
        let found: Vec<_> = {
            let live = self.live.lock();
            let range = (Bound::Included((family, from.to_vec())), Bound::Unbounded);
            live.range(range)
                .take_while(|((of, key), _)| *of == family && (to.is_empty() || &key[..] < to))
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect()
        };
        for (key, value) in found {
            *self.visited.lock() += 1;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), EngineError> {
        *self.flushed.lock() = self.live.lock().clone();
        Ok(())
    }

    fn reclaim(&self, from: i64, to: i64) -> Result<(), EngineError> {
        self.reclaimed.lock().push((from, to));
        let slot = self.garbage.lock().clone();
        let Some(garbage) = slot.get() else {
            return Ok(());
        };
        // Files lose records at once, flushed or not: nothing brings them back after a crash.
        for families in [&self.live, &self.flushed] {
            families.lock().retain(|(family, key), stored| {
                let position = parse_history_key(key).filter(|_| *family == Family::History);
                position.is_none_or(|(revision, sub)| {
                    revision < from || revision >= to || !garbage.is_garbage(revision, sub, stored)
                })
            });
        }
        Ok(())
    }

    fn checkpoint(&self, directory: &Path) -> Result<(), EngineError> {
        Err(EngineError::Io {
            place: directory.display().to_string(),
            detail: "this engine makes no copies".into(),
        })
    }

    fn disk_bytes(&self) -> u64 {
        0
    }
}
