//! Byte accounting: what the store counts as its size, and where dead bytes lie.

use super::index::Version;
use crate::Revision;
use std::collections::BTreeMap;

/// Logical bytes: the sum over stored versions, not what files happen to occupy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// What the quota is held against: the most that was ever in use since the last
    /// [`super::Store::defragment`]. Space that compaction freed is used again before it grows, as in
    /// etcd's file.
    pub total: u64,
    /// Versions that can still be read.
    pub in_use: u64,
}

impl Size {
    /// A version of so many bytes was written.
    pub(crate) fn added(&mut self, bytes: u64) {
        self.in_use += bytes;
        self.total = self.total.max(self.in_use);
    }
}

/// Revisions per segment: the unit in which dead history is dropped. Small in tests, so that they
/// see many.
pub(crate) const SEGMENT_REVISIONS: i64 = if cfg!(test) { 8 } else { 1 << 16 };

/// What lies in one segment of the history, in bytes. An estimate after a restart, corrected
/// whenever the segment is examined; dead puts are never estimated at zero while there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Everything on disk, dead or not.
    pub total: u64,
    /// Puts that nothing refers to.
    pub dead_puts: u64,
    /// Tombstones that nothing refers to.
    pub dead_tombstones: u64,
}

/// All segments that hold anything, by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segments(pub BTreeMap<i64, Segment>);

impl Segments {
    /// The segment a revision falls into.
    pub fn number(revision: Revision) -> i64 {
        revision.div_euclid(SEGMENT_REVISIONS)
    }

    /// First revision of a segment.
    pub fn first(number: i64) -> Revision {
        number * SEGMENT_REVISIONS
    }

    pub fn added(&mut self, version: Version) {
        self.of(version).total += version.stored_bytes();
    }

    pub fn died(&mut self, version: Version) {
        let bytes = version.stored_bytes();
        let segment = self.of(version);
        match version.is_tombstone() {
            true => segment.dead_tombstones += bytes,
            false => segment.dead_puts += bytes,
        }
        // A database that was loaded with an older dump may count less than it holds.
        segment.total = segment
            .total
            .max(segment.dead_puts + segment.dead_tombstones);
    }

    fn of(&mut self, version: Version) -> &mut Segment {
        self.0
            .entry(Segments::number(version.revision))
            .or_default()
    }
}
