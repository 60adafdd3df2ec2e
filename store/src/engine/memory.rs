//! In memory, for tests and simulation.
//!
//! Keeps the same promises as [`rocks`](super::rocks), and breaks what may break on purpose:
//! [`MemoryEngine::crash`] takes back what was not flushed. Nothing happens by itself here: no flush,
//! no rewriting, so a simulation can be repeated exactly.

mod file;

use super::{
    Batch, Engine, EngineError, Family, GarbageSlot, Visit, history_key, parse_history_key,
};
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

/// One family. Shared with the scans that began before the next write: only then is it copied.
type Map = Arc<BTreeMap<Bytes, Bytes>>;
/// Every family, by number.
type Families = [Map; Family::ALL.len()];

/// An [`Engine`] in memory. See the module's essay.
pub struct MemoryEngine {
    state: RwLock<State>,
    garbage: GarbageSlot,
}

#[derive(Default)]
struct State {
    families: Families,
    /// For each batch since the last flush, oldest first, what its operations replaced.
    unflushed: Vec<Vec<Undo>>,
}

/// What a key held before an operation.
struct Undo {
    family: Family,
    key: Bytes,
    value: Option<Bytes>,
}

impl MemoryEngine {
    /// An empty engine.
    pub fn new(garbage: GarbageSlot) -> MemoryEngine {
        MemoryEngine {
            state: RwLock::default(),
            garbage,
        }
    }

    /// An engine with what a [`checkpoint`](Engine::checkpoint) of another put into `directory`.
    pub fn open(directory: &Path, garbage: GarbageSlot) -> Result<MemoryEngine, EngineError> {
        let families = file::load(directory)?;
        let state = RwLock::new(State {
            families,
            unflushed: Vec::new(),
        });
        Ok(MemoryEngine { state, garbage })
    }

    fn family(&self, family: Family) -> Map {
        self.state.read().families[family as usize].clone()
    }

    /// What a crash of this engine leaves: all up to the last flush, and the oldest `batches` since then,
    /// opened again. Whoever still has this one can do no harm to that.
    pub fn reopened(&self, batches: usize, garbage: GarbageSlot) -> MemoryEngine {
        self.crash_keeping(batches);
        let families = self.state.read().families.clone();
        let state = RwLock::new(State {
            families,
            unflushed: Vec::new(),
        });
        MemoryEngine { state, garbage }
    }

    /// Batches that a crash could take back.
    pub fn unflushed(&self) -> usize {
        self.state.read().unflushed.len()
    }

    /// Loses everything since the last flush: the most that a crash can take.
    pub fn crash(&self) {
        self.crash_keeping(0);
    }

    /// Loses all but the oldest `batches` since the last flush: what a crash leaves if the engine had
    /// flushed by itself in between.
    pub fn crash_keeping(&self, batches: usize) {
        let mut guard = self.state.write();
        let state = &mut *guard;
        let lost = state
            .unflushed
            .split_off(batches.min(state.unflushed.len()));
        for undo in lost
            .into_iter()
            .rev()
            .flat_map(|batch| batch.into_iter().rev())
        {
            let map = Arc::make_mut(&mut state.families[undo.family as usize]);
            match undo.value {
                Some(value) => map.insert(undo.key, value),
                None => map.remove(&undo.key),
            };
        }
        // What is left was on disk, or the crash would have taken it.
        state.unflushed.clear();
    }
}

impl Engine for MemoryEngine {
    fn write(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut guard = self.state.write();
        let state = &mut *guard;
        let mut undo = Vec::with_capacity(batch.len());
        for (family, key, value) in batch.iter() {
            let map = Arc::make_mut(&mut state.families[family as usize]);
            let key = Bytes::copy_from_slice(key);
            let value = match value {
                Some(value) => map.insert(key.clone(), Bytes::copy_from_slice(value)),
                None => map.remove(&key),
            };
            undo.push(Undo { family, key, value });
        }
        state.unflushed.push(undo);
        Ok(())
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.family(family).get(key).cloned())
    }

    fn get_history(&self, positions: &[(i64, u32)]) -> Result<Vec<Option<Bytes>>, EngineError> {
        let history = self.family(Family::History);
        let record = |&(revision, sub): &(i64, u32)| history.get(&history_key(revision, sub)[..]);
        Ok(positions
            .iter()
            .map(|position| record(position).cloned())
            .collect())
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        if !to.is_empty() && from >= to {
            return Ok(());
        }
        // No lock is held while visiting: the visitor may call the engine, or wait for somebody who does.
        let map = self.family(family);
        let end = if to.is_empty() {
            Bound::Unbounded
        } else {
            Bound::Excluded(to)
        };
        for (key, value) in map.range::<[u8], _>((Bound::Included(from), end)) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), EngineError> {
        self.state.write().unflushed.clear();
        Ok(())
    }

    fn reclaim(&self, from: i64, to: i64) -> Result<(), EngineError> {
        let Some(garbage) = self.garbage.get() else {
            return Ok(());
        };
        let mut dropped = Vec::new();
        let (from, to) = (history_key(from, 0), history_key(to, 0));
        self.scan(Family::History, &from, &to, &mut |key, record| {
            if let Some((revision, sub)) = parse_history_key(key)
                && garbage.is_garbage(revision, sub, record)
            {
                dropped.push(Bytes::copy_from_slice(key));
            }
            ControlFlow::Continue(())
        })?;
        let mut state = self.state.write();
        let history = Arc::make_mut(&mut state.families[Family::History as usize]);
        for key in dropped {
            history.remove(&key);
        }
        Ok(())
    }

    fn checkpoint(&self, directory: &Path) -> Result<(), EngineError> {
        let mut state = self.state.write();
        file::save(directory, &state.families)?;
        // Taking a checkpoint flushes, as it does on disk.
        state.unflushed.clear();
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        let state = self.state.read();
        let records = state.families.iter().flat_map(|map| map.iter());
        records
            .map(|(key, value)| (key.len() + value.len()) as u64)
            .sum()
    }
}
