//! The whole state as one portable file: what the `Snapshot` call streams, and what
//! `keelson snapshot` saves, examines and restores.
//!
//! A dump of keys and values, so it does not depend on how the engine lays them down. It is written
//! from a checkpoint (see [`Engine::checkpoint`](crate::engine::Engine::checkpoint)): consistent,
//! while writes go on. What never happens here: meaning. Like the engine, this module knows families,
//! keys and bytes; the header repeats what the caller read out of them.
//!
//! # Format, version 1
//!
//! Integers are little endian. Text is JSON.
//!
//! ```text
//! preamble   magic "KEELSNAP", version u32, CRC32C of these 12 bytes u32
//! frame 'H'  header: whose state at which revision
//! frame 'B'  records, many times
//! frame 'T'  totals: what a complete file contains
//! zeros      up to a multiple of 512 bytes
//! SHA-256    of everything before, 32 bytes
//!
//! frame      kind u8, zeros 3 bytes, payload length u32, CRC32C of the payload u32,
//!            CRC32C of these 12 bytes u32, payload
//! record     family u8, key length u32, value length u32, key, value
//! ```
//!
//! The zeros and the digest are etcd's: its tools take a snapshot only if its length leaves 32 when
//! divided by 512, and check the digest. The preamble keeps its form for ever, so that every version
//! can say which version it cannot read. A new family or kind of frame is a new version.

mod format;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{Reader, Status, VisitRecord, status};
pub use writer::{CHUNK_BYTES, Writer};

use crate::Revision;
use crate::engine::EngineError;

/// The newest version this program reads, and the one it writes.
pub const VERSION: u32 = 1;

/// Whose state an archive is, and as of when. Must agree with the records that follow, so it is to be
/// read from the same checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The cluster.
    pub cluster_id: u64,
    /// The member that wrote the archive.
    pub member_id: u64,
    /// Newest revision.
    pub revision: Revision,
    /// Compacted up to here; -1 if never.
    pub compacted: Revision,
    /// Term of the last applied log entry.
    pub applied_term: u64,
    /// Index of the last applied log entry.
    pub applied_index: u64,
    /// Version of the program that wrote the archive.
    pub created_by: String,
}

/// What an archive contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records of all families.
    pub records: u64,
    /// Bytes of all encoded records.
    pub bytes: u64,
    /// CRC32C of all encoded records in order: equal for equal states, whoever wrote the archive.
    pub hash: u32,
}

impl Totals {
    /// Takes note of `records` encoded records.
    fn add(&mut self, records: u64, encoded: &[u8]) {
        self.records += records;
        self.bytes += encoded.len() as u64;
        self.hash = crc32c::crc32c_append(self.hash, encoded);
    }
}

/// How far a long reading or writing has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the archive so far.
    pub done: u64,
    /// Bytes of the whole archive. Exact for a file, an estimate for one that is being written;
    /// zero if nobody knows.
    pub total: u64,
}

/// Why an archive cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveError {
    /// Something else: choose another file.
    NotAnArchive {
        /// File.
        place: String,
    },
    /// Written by a newer program: use that one.
    Newer {
        /// File.
        place: String,
        /// Its version.
        version: u32,
    },
    /// Cut off or changed since it was written: choose another file.
    Damaged {
        /// File.
        place: String,
        /// Byte at which the part begins that does not fit.
        offset: u64,
        /// What does not fit.
        detail: String,
    },
    /// It could not be read: where, and the system's words.
    Io {
        /// File.
        place: String,
        /// The system's words.
        detail: String,
    },
    /// The engine that was to take the records refused them.
    Engine(EngineError),
}

impl std::fmt::Display for ArchiveError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ArchiveError::NotAnArchive { place } => write!(
                formatter,
                "{place} is not a Keelson snapshot; use a file that `keelson snapshot save` wrote \
                 (snapshots of etcd are not read)"
            ),
            ArchiveError::Newer { place, version } => write!(
                formatter,
                "the snapshot {place} has format {version} and this program reads up to {VERSION}; \
                 use the version of keelson that wrote it, or a later one"
            ),
            ArchiveError::Damaged {
                place,
                offset,
                detail,
            } => write!(
                formatter,
                "the snapshot {place} is damaged at byte {offset}: {detail}; use another copy of it, \
                 or another snapshot"
            ),
            ArchiveError::Io { place, detail } => {
                write!(formatter, "reading {place} failed: {detail}")
            }
            ArchiveError::Engine(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<EngineError> for ArchiveError {
    fn from(error: EngineError) -> ArchiveError {
        ArchiveError::Engine(error)
    }
}
