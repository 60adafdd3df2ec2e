//! Where the states of one member lie: engines in memory that outlive its crashes.

use crate::plan::Planted;
use bytes::Bytes;
use keelson_store::engine::memory::MemoryEngine;
use keelson_store::engine::{Batch, Engine, EngineError, Family, GarbageSlot, Keep, Load, Visit};
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
    engines: BTreeMap<PathBuf, Arc<MemoryEngine>>,
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
            }),
        }
    }

    fn shown(&self, engine: Arc<MemoryEngine>) -> Arc<dyn Engine> {
        match self.planted {
            Some(Planted::LostWrite) if self.number != 0 => engine,
            Some(bug @ (Planted::LostWrite | Planted::LyingFlush)) => {
                Arc::new(Spoilt { engine, bug })
            }
            _ => engine,
        }
    }
}

/// What `engine` says of its place in the log.
fn place(engine: &MemoryEngine) -> Result<Batch, EngineError> {
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
                let engine = MemoryEngine::open(directory, garbage)?;
                let _ = std::fs::remove_dir_all(directory);
                engine
            }
            Some(old) => {
                // The engine may have flushed by itself at any time.
                let unflushed = old.unflushed();
                let keeping = match inner.random.random_range(0..3) {
                    0 => 0,
                    1 => unflushed,
                    _ => inner.random.random_range(0..=unflushed),
                };
                if self.planted == Some(Planted::TornState) {
                    // The newest place in the log, and the oldest data: what separate files would do.
                    let place = place(&old)?;
                    let engine = old.reopened(0, garbage);
                    engine.write(&place)?;
                    engine.flush()?;
                    engine
                } else {
                    old.reopened(keeping, garbage)
                }
            }
            None if must_exist => {
                return Err(EngineError::Damaged {
                    place: directory.display().to_string(),
                    detail: "the simulated disk has no state here".to_owned(),
                });
            }
            None => MemoryEngine::new(garbage),
        };
        let engine = Arc::new(engine);
        inner
            .engines
            .insert(directory.to_owned(), Arc::clone(&engine));
        Ok(self.shown(engine))
    }
}

/// An engine with a bug.
struct Spoilt {
    engine: Arc<MemoryEngine>,
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
