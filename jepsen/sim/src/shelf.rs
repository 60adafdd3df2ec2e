//! Where the states of one member lie: engines in memory that outlive its crashes.
//!
//! A state that came from another member arrives in files and is an engine from then on. The power can fail
//! while it is put in the place of the old one, too.

use crate::member;
use crate::plan::Planted;
use bytes::Bytes;
use keelson_store::engine::memory::MemoryEngine;
use keelson_store::engine::{Batch, Engine, EngineError, Family, GarbageSlot, Keep, Load, Visit};
use keelson_store::raft::probe::place;
use keelson_store::wal::LogId;
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the module's essay.
pub struct Shelf {
    planted: Option<Planted>,
    number: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    random: SmallRng,
    engines: BTreeMap<PathBuf, Arc<Kept>>,
    /// The one that was opened last, which the member's `CURRENT` names.
    current: Option<Arc<Kept>>,
    arrived: u64,
    /// One in so many arrivals is cut short; 0: none.
    cut_every: u32,
}

impl Shelf {
    /// An empty one, of the member with this `number`. The seed decides how much of what was not flushed survives a crash.
    pub fn new(seed: u64, number: usize, planted: Option<Planted>) -> Shelf {
        Shelf {
            planted,
            number,
            inner: Mutex::new(Inner {
                random: SmallRng::seed_from_u64(seed),
                engines: BTreeMap::new(),
                current: None,
                arrived: 0,
                cut_every: 0,
            }),
        }
    }

    /// From now on the power fails while one in `every` states of other members is installed; 0: never.
    pub fn cut_arrivals(&self, every: u32) {
        self.inner.lock().cut_every = every;
    }

    /// Throws everything away.
    pub fn clear(&self) {
        let mut inner = self.inner.lock();
        inner.engines.clear();
        inner.current = None;
    }

    /// States of other members that were installed.
    pub fn arrived(&self) -> u64 {
        self.inner.lock().arrived
    }

    /// The last entry whose effects any crash leaves.
    pub fn durable(&self) -> Option<LogId> {
        let current = self.inner.lock().current.clone();
        current.and_then(|kept| *kept.durable.lock())
    }

    fn shown(&self, engine: Arc<Kept>) -> Arc<dyn Engine> {
        match self.planted {
            Some(Planted::LostWrite) if self.number != 0 => engine,
            Some(bug @ (Planted::LostWrite | Planted::LyingFlush)) => {
                Arc::new(Spoilt { engine, bug })
            }
            _ => engine,
        }
    }
}

impl Inner {
    /// The engine of files that another member has sent.
    fn arrive(
        &mut self,
        directory: &Path,
        garbage: GarbageSlot,
    ) -> Result<MemoryEngine, EngineError> {
        let engine = MemoryEngine::open(directory, garbage)?;
        // Only the directory's name is of interest from here on.
        let _ = std::fs::remove_dir_all(directory);
        self.arrived += 1;
        Ok(engine)
    }

    /// What a crash has left of an engine.
    fn reopen(
        &mut self,
        old: &MemoryEngine,
        garbage: GarbageSlot,
        planted: Option<Planted>,
    ) -> Result<MemoryEngine, EngineError> {
        // The engine may have flushed by itself at any time.
        let unflushed = old.unflushed();
        let keeping = match self.random.random_range(0..3) {
            0 => 0,
            1 => unflushed,
            _ => self.random.random_range(0..=unflushed),
        };
        if planted != Some(Planted::TornState) {
            return Ok(old.reopened(keeping, garbage));
        }
        // The newest place in the log, and the oldest data: what separate files would do.
        let notes = notes(old)?;
        let engine = old.reopened(0, garbage);
        engine.write(&notes)?;
        engine.flush()?;
        Ok(engine)
    }
}

/// What `engine` says of itself: its place in the log above all.
fn notes(engine: &MemoryEngine) -> Result<Batch, EngineError> {
    let mut batch = Batch::default();
    engine.scan(Family::Meta, &[], &[], &mut |key, value| {
        batch.put(Family::Meta, key, &[value]);
        ControlFlow::Continue(())
    })?;
    Ok(batch)
}

impl Keep for Shelf {
    fn open(
        &self,
        directory: &Path,
        garbage: GarbageSlot,
        must_exist: bool,
    ) -> Result<Arc<dyn Engine>, EngineError> {
        let mut inner = self.inner.lock();
        let arrived = directory.join("state").exists();
        let kept = inner.engines.get(directory).cloned();
        let engine = match kept {
            // What came from another member replaces what lay here.
            _ if arrived => {
                let every = inner.cut_every;
                if every > 0 && inner.random.random_ratio(1, every) {
                    drop(inner);
                    member::fail_power("the power fails while a snapshot is installed");
                }
                inner.arrive(directory, garbage)?
            }
            Some(old) => inner.reopen(&old.engine, garbage, self.planted)?,
            None if must_exist => {
                return Err(EngineError::Damaged {
                    place: directory.display().to_string(),
                    detail: "the simulated disk has no state here".to_owned(),
                });
            }
            None => MemoryEngine::new(garbage),
        };
        let engine = Arc::new(Kept {
            durable: Mutex::new(place(&engine)?),
            engine,
        });
        inner
            .engines
            .insert(directory.to_owned(), Arc::clone(&engine));
        inner.current = Some(Arc::clone(&engine));
        Ok(self.shown(engine))
    }
}

/// An engine, and up to which entry its content is durable.
struct Kept {
    engine: MemoryEngine,
    durable: Mutex<Option<LogId>>,
}

impl Kept {
    fn is_durable(&self) -> Result<(), EngineError> {
        *self.durable.lock() = place(&self.engine)?;
        Ok(())
    }
}

impl Engine for Kept {
    fn write(&self, batch: &Batch) -> Result<(), EngineError> {
        self.engine.write(batch)
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.engine.get(family, key)
    }

    fn get_history(&self, positions: &[(i64, u32)]) -> Result<Vec<Option<Bytes>>, EngineError> {
        self.engine.get_history(positions)
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        self.engine.scan(family, from, to, visit)
    }

    fn flush(&self) -> Result<(), EngineError> {
        self.engine.flush()?;
        self.is_durable()
    }

    fn reclaim(&self, from: i64, to: i64) -> Result<(), EngineError> {
        self.engine.reclaim(from, to)
    }

    fn checkpoint(&self, directory: &Path) -> Result<(), EngineError> {
        self.engine.checkpoint(directory)?;
        self.is_durable()
    }

    fn disk_bytes(&self) -> u64 {
        self.engine.disk_bytes()
    }

    fn load(&self) -> Load {
        self.engine.load()
    }
}

/// An engine with a bug.
struct Spoilt {
    engine: Arc<Kept>,
    bug: Planted,
}

impl Engine for Spoilt {
    fn write(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut spoilt = Batch::default();
        for (family, key, value) in batch.iter() {
            // One record in many is forgotten.
            let lost = self.bug == Planted::LostWrite
                && family == Family::History
                && key.get(7).is_some_and(|low| *low % 16 == 7);
            match value {
                Some(value) if !lost => spoilt.put(family, key, &[value]),
                Some(_) => {}
                None => spoilt.delete(family, key),
            }
        }
        self.engine.write(&spoilt)
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.engine.get(family, key)
    }

    fn get_history(&self, positions: &[(i64, u32)]) -> Result<Vec<Option<Bytes>>, EngineError> {
        self.engine.get_history(positions)
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        self.engine.scan(family, from, to, visit)
    }

    fn flush(&self) -> Result<(), EngineError> {
        match self.bug {
            Planted::LyingFlush => Ok(()),
            _ => self.engine.flush(),
        }
    }

    fn reclaim(&self, from: i64, to: i64) -> Result<(), EngineError> {
        self.engine.reclaim(from, to)
    }

    fn checkpoint(&self, directory: &Path) -> Result<(), EngineError> {
        self.engine.checkpoint(directory)
    }

    fn disk_bytes(&self) -> u64 {
        self.engine.disk_bytes()
    }

    fn load(&self) -> Load {
        self.engine.load()
    }
}
