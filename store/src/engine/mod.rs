//! What the state lies on: ordered byte families, written by atomic batches.
//!
//! Two implementations: [`rocks`] for members, [`memory`] for tests and simulation. Nothing outside
//! this module names RocksDB. What never happens here: meaning. The engine knows families, keys and
//! bytes; which revision a key is, only `mvcc` knows. (One exception: the history family's garbage is
//! dropped while the engine rewrites files, so the engine asks [`Garbage`] about each record.)
//!
//! # Durability
//!
//! There is no write-ahead log here: the Raft log is the write-ahead log. [`Engine::write`] is atomic
//! and visible at once, and durable after the next [`Engine::flush`]. After a crash the state is that
//! of *some* flush or later point, always a prefix of the writes, across all families (RocksDB's
//! `atomic_flush`). The applied log id travels in the same batches, so recovery knows which one.

pub mod memory;
pub mod rocks;
mod source;
#[cfg(test)]
mod tests;

pub use source::{Engines, Keep};

use bytes::Bytes;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A family of keys. Every family lives in the same atomic batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Applied log id, membership, revision, compaction floor, alarms, format version.
    Meta,
    /// (revision, sub) -> record: every version of every key, written once. See [`history_key`].
    History,
    /// Lease id -> granted and remaining time.
    Lease,
    /// Member id -> attributes.
    Member,
    /// Users, roles and whether authentication is on.
    Auth,
}

impl Family {
    /// Every family, in the order of their numbers.
    pub const ALL: [Family; 5] = [
        Family::Meta,
        Family::History,
        Family::Lease,
        Family::Member,
        Family::Auth,
    ];

    /// The name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Family::Meta => "meta",
            Family::History => "history",
            Family::Lease => "lease",
            Family::Member => "member",
            Family::Auth => "auth",
        }
    }
}

/// Changes that happen together or not at all. Later operations win over earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Keys and values one behind the other: one allocation for a whole batch.
    arena: Vec<u8>,
    operations: Vec<Operation>,
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    family: Family,
    start: usize,
    key_len: usize,
    /// `None` deletes.
    value_len: Option<usize>,
}

impl Batch {
    /// Sets `key` to the parts of `value` joined.
    pub fn put(&mut self, family: Family, key: &[u8], value: &[&[u8]]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        for part in value {
            self.arena.extend_from_slice(part);
        }
        let value_len = self.arena.len() - start - key.len();
        self.operations.push(Operation {
            family,
            start,
            key_len: key.len(),
            value_len: Some(value_len),
        });
    }

    /// Removes `key` if it is there.
    pub fn delete(&mut self, family: Family, key: &[u8]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        self.operations.push(Operation {
            family,
            start,
            key_len: key.len(),
            value_len: None,
        });
    }

    /// The operations in order: family, key, and the value or `None` for a deletion.
    pub fn iter(&self) -> impl Iterator<Item = (Family, &[u8], Option<&[u8]>)> {
        self.operations.iter().map(|operation| {
            let key_end = operation.start + operation.key_len;
            let key = &self.arena[operation.start..key_end];
            let value = operation
                .value_len
                .map(|len| &self.arena[key_end..key_end + len]);
            (operation.family, key, value)
        })
    }

    /// Number of operations.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Nothing to write.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Bytes of keys and values.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Empties the batch and keeps its memory for the next.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.operations.clear();
    }
}

/// The key of a history record: revision and sub-revision, big endian, so that order is age.
pub fn history_key(revision: i64, sub: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&revision.to_be_bytes());
    key[8..].copy_from_slice(&sub.to_be_bytes());
    key
}

/// Reads a history key back. `None` if it is not one.
pub fn parse_history_key(key: &[u8]) -> Option<(i64, u32)> {
    let revision = i64::from_be_bytes(key.get(..8)?.try_into().ok()?);
    let sub = u32::from_be_bytes(key.get(8..12)?.try_into().ok()?);
    (key.len() == 12).then_some((revision, sub))
}

/// Why the engine did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineError {
    /// What is on disk is damaged: where, and what the reader said.
    Damaged {
        /// Directory or file.
        place: String,
        /// The reader's words.
        detail: String,
    },
    /// Another process has the directory open.
    InUse {
        /// Directory.
        place: String,
    },
    /// The disk refused: where, and its words.
    Io {
        /// Directory or file.
        place: String,
        /// The system's words.
        detail: String,
    },
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EngineError::Damaged { place, detail } => write!(
                formatter,
                "the database in {place} is damaged: {detail}; remove this member and add it anew, or restore a snapshot"
            ),
            EngineError::InUse { place } => write!(
                formatter,
                "the database in {place} is in use by another process; stop it, or choose another data directory"
            ),
            EngineError::Io { place, detail } => {
                write!(formatter, "reading or writing {place} failed: {detail}")
            }
        }
    }
}

impl std::error::Error for EngineError {}

/// Says which history records nobody can ask for any more.
///
/// Called from the engine's own threads for every record that it happens to rewrite; must be quick,
/// must not block for long, and may always answer `false`. A `true` must stay true for ever, *and*
/// hold for the state that a crash right now would leave: what superseded the record has been
/// flushed.
pub trait Garbage: Send + Sync + 'static {
    /// Whether the record at (`revision`, `sub`) may be dropped.
    fn is_garbage(&self, revision: i64, sub: u32, record: &[u8]) -> bool;
}

/// Where the answerer of [`Garbage`] is put once it exists: the engine opens first, and keeps
/// everything until then.
pub type GarbageSlot = Arc<OnceLock<Arc<dyn Garbage>>>;

/// Sees one key and its value; says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Ordered byte families with atomic batches. See the module's essay for what is durable when.
pub trait Engine: Send + Sync + 'static {
    /// Makes the whole batch visible, atomically.
    fn write(&self, batch: &Batch) -> Result<(), EngineError>;

    /// The value of one key.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// The history records at these positions, in the same order; `None` where there is none.
    /// Quickest when `positions` ascend.
    fn get_history(&self, positions: &[(i64, u32)]) -> Result<Vec<Option<Bytes>>, EngineError>;

    /// Visits keys in `[from, to)` in order (`to` empty: to the family's end) until told to stop.
    /// Meant for long scans: reads ahead and leaves caches alone.
    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError>;

    /// Makes everything written so far durable. Blocks.
    fn flush(&self) -> Result<(), EngineError>;

    /// Rewrites the history records of revisions `[from, to)` so that garbage among them leaves the
    /// disk. Blocks; for a helper thread.
    fn reclaim(&self, from: i64, to: i64) -> Result<(), EngineError>;

    /// Makes a consistent, openable copy of the whole state in `directory` (which must not exist),
    /// by hard links where it can. Everything written before the call is in it, durably.
    fn checkpoint(&self, directory: &Path) -> Result<(), EngineError>;

    /// Bytes on disk.
    fn disk_bytes(&self) -> u64;

    /// Whether the engine's own threads met an error since it was opened. Cheap: to be asked every few
    /// seconds. After an error, what was written may never become durable: the caller stops the
    /// member, and the restart replays the log.
    fn health(&self) -> Result<(), EngineError> {
        Ok(())
    }

    /// How hard the engine is working, for metrics.
    fn load(&self) -> Load {
        Load::default()
    }
}

/// How hard an engine is working.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Memory of writes that are not in files yet, in bytes.
    pub memtable_bytes: u64,
    /// Memory of the block cache in use, in bytes.
    pub block_cache_bytes: u64,
    /// Bytes that are due to be rewritten.
    pub pending_compaction_bytes: u64,
    /// Writes wait until files have been merged.
    pub write_stopped: bool,
    /// Not zero: writes are slowed down to this many bytes per second.
    pub delayed_write_rate: u64,
    /// Errors of background threads since the engine was opened.
    pub background_errors: u64,
}
