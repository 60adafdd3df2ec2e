//! The store as its users hold it, and the state behind its lock.

use super::Options;
use super::cache::Cache;
use super::dump::Dumps;
use super::index::Tree;
use super::load::{self, Loaded};
use super::pins::Pins;
use super::reclaim::Dead;
use super::schema;
use super::size::{Segments, Size};
use crate::engine::{Batch, Engine, EngineError, GarbageSlot};
use crate::error::Error;
use crate::event::{Event, Previous};
use crate::faults::failpoint;
use crate::{LeaseId, Revision};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

/// Records asked of the engine at once.
const FETCH_CHUNK: usize = 256;

/// The newest version of a key, without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Revision of the write that made it.
    pub mod_revision: Revision,
    /// Its place among the changes of that revision.
    pub sub: u32,
    /// Revision of the write that began the key's current life.
    pub create_revision: Revision,
    /// Writes since then, that one included.
    pub version: i64,
    /// The lease the key is attached to; zero for none.
    pub lease: LeaseId,
}

/// Every version of every key. Readers on any thread, one writer at a time.
pub struct Store {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) state: RwLock<State>,
    pub(super) pins: Arc<Pins>,
    /// Published copies of what is in the state, for those who need no lock.
    pub(super) revision: AtomicI64,
    pub(super) compacted: AtomicI64,
    /// What the last finished flush covered.
    pub(super) durable: AtomicI64,
    pub(super) durable_compacted: AtomicI64,
    /// Floor up to which the index is trimmed, and up to which a whole sweep is finished.
    pub(super) trimmed: AtomicI64,
    pub(super) swept: AtomicI64,
    /// Garbage that the engine may drop while it rewrites a segment.
    pub(super) dead: Arc<Dead>,
    /// Held while the index is trimmed or dumped: a dump says up to where all of it is trimmed.
    pub(super) maintenance: Mutex<Dumps>,
    /// Held by the one sweep at a time.
    pub(super) sweeping: Mutex<()>,
    /// For readers that outlive the call that made them.
    pub(super) this: Weak<Store>,
}

/// What the lock protects.
pub(super) struct State {
    pub tree: Tree,
    pub revision: Revision,
    pub compacted: Revision,
    pub size: Size,
    pub segments: Segments,
    pub cache: Cache,
    /// Bytes of history written since the last index dump.
    pub undumped_bytes: u64,
    /// Dead tombstones up to here may be dropped; written to the database before it is used.
    pub tombstone_floor: Revision,
    /// An empty batch with memory from the last run.
    pub spare: Batch,
}

impl Store {
    /// Loads the index: from the dump that belongs to the database and the history after it, or
    /// from the whole history. `garbage` is the slot that the engine was opened with.
    pub fn open(
        engine: Arc<dyn Engine>,
        garbage: GarbageSlot,
        options: Options,
    ) -> Result<Arc<Store>, EngineError> {
        // What was written before this store existed must count as durable or not at all.
        engine.flush()?;
        let Loaded { state, dumps } = load::load(engine.as_ref(), &options)?;
        let dead = Arc::new(Dead::default());
        if garbage.set(dead.clone()).is_err() {
            tracing::warn!(
                "another store answers for this engine's garbage; nothing will be reclaimed"
            );
        }
        Ok(Arc::new_cyclic(|this| Store {
            revision: AtomicI64::new(state.revision),
            compacted: AtomicI64::new(state.compacted),
            durable: AtomicI64::new(state.revision),
            durable_compacted: AtomicI64::new(state.compacted),
            trimmed: AtomicI64::new(state.compacted),
            swept: AtomicI64::new(state.compacted),
            pins: Arc::default(),
            dead,
            maintenance: Mutex::new(dumps),
            sweeping: Mutex::new(()),
            this: this.clone(),
            state: RwLock::new(state),
            engine,
        }))
    }

    /// What the state lies on.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// The newest revision that readers see; 1 for an empty store.
    pub fn revision(&self) -> Revision {
        self.revision.load(Ordering::Acquire)
    }

    /// The newest compaction: reads below fail. -1 before the first.
    pub fn compacted(&self) -> Revision {
        self.compacted.load(Ordering::Acquire)
    }

    /// Keys that exist now.
    pub fn key_count(&self) -> u64 {
        self.state.read().tree.sum().live
    }

    /// Logical size, for the quota and for `Status`.
    pub fn size(&self) -> Size {
        self.state.read().size
    }

    /// The newest revision that a finished flush covers.
    pub fn durable(&self) -> Revision {
        self.durable.load(Ordering::Acquire)
    }

    /// The compaction floor whose sweep is finished. Waits behind [`Store::compacted`] for a sweep,
    /// and while readers still hold older revisions.
    pub fn swept(&self) -> Revision {
        self.swept.load(Ordering::Acquire)
    }

    /// Lets [`Size::total`] drop to [`Size::in_use`]. This member's alone, and remembered.
    pub fn defragment(&self) {
        let mut state = self.state.write();
        state.size.total = state.size.in_use;
        let mut batch = Batch::default();
        schema::put_number(&mut batch, schema::TOTAL, state.size.total as i64);
        failpoint!("defragment-before-write");
        if let Err(error) = self.engine.write(&batch) {
            tracing::warn!(%error, "the size after defragmentation is not remembered");
        }
        failpoint!("defragment-after-write");
    }

    /// The encoded `KeyValue` of the version before an event, if it still exists.
    pub fn previous(&self, event: &Event) -> Option<Bytes> {
        match &event.previous {
            Previous::None => None,
            Previous::Record(record) => Some(record.clone()),
            Previous::At(revision, sub) => {
                let found = self.engine.get_history(&[(*revision, *sub)]);
                match found.ok()?.pop()? {
                    Some(stored) if !stored.is_empty() => Some(stored.slice(1..)),
                    _ => None,
                }
            }
        }
    }

    /// The records at these positions, without their kind bytes. They must exist: the caller holds
    /// a pin, or the lock.
    pub(super) fn fetch(&self, positions: &[(Revision, u32)]) -> Result<Vec<Bytes>, Error> {
        let mut order: Vec<usize> = (0..positions.len()).collect();
        order.sort_unstable_by_key(|at| positions[*at]);
        let mut records = vec![Bytes::new(); positions.len()];
        for chunk in order.chunks(FETCH_CHUNK) {
            let wanted: Vec<_> = chunk.iter().map(|at| positions[*at]).collect();
            let found = self.engine.get_history(&wanted).map_err(read_failed)?;
            for (at, stored) in chunk.iter().zip(found) {
                let Some(stored) = stored.filter(|stored| !stored.is_empty()) else {
                    crate::broken!(
                        "the index refers to {:?}, which the history does not have",
                        positions[*at]
                    );
                };
                records[*at] = stored.slice(1..);
            }
        }
        Ok(records)
    }
}

/// A read that the disk refused. Not in etcd's vocabulary.
pub(super) fn read_failed(error: EngineError) -> Error {
    tracing::error!(%error, "a read failed; nothing was answered from it");
    Error::Other(tonic::Code::Internal as i32, format!("etcdserver: {error}"))
}
