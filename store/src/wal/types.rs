//! What goes into the log and what comes out.

use super::WalError;
use crate::faults::hurried;
use crate::world::Lanes;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Names an entry: where it is, and which leader wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The leader's term.
    pub term: u64,
    /// The leader.
    pub node_id: u64,
    /// The position in the log. The first entry of all has index 0.
    pub index: u64,
}

/// Whom this member votes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    /// The candidate's term.
    pub term: u64,
    /// The candidate.
    pub node_id: u64,
    /// Whether a quorum voted alike.
    pub committed: bool,
}

/// What an entry says. The log does not look inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: a leader's first entry.
    Blank,
    /// Commands for the state machine.
    Commands(Bytes),
    /// A membership.
    Membership(Bytes),
}

/// An entry of the log. A clone shares the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub log_id: LogId,
    /// Its content.
    pub payload: Payload,
}

impl Entry {
    /// Bytes of the payload.
    pub(super) fn payload_len(&self) -> usize {
        match &self.payload {
            Payload::Blank => 0,
            Payload::Commands(bytes) | Payload::Membership(bytes) => bytes.len(),
        }
    }
}

/// Called when an operation is durable, or with the error that prevented it. It runs on the log's own
/// thread, so it must not block.
pub type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// How the log works. `Options::default()` suits a member.
#[derive(Clone)]
pub struct Options {
    /// The size of a segment file. An entry that is larger gets a larger file of its own.
    pub segment_bytes: u64,
    /// How much of the newest entries is kept in memory beyond what is not yet durable.
    pub tail_bytes: usize,
    /// With more than this waiting for the disk, `append` blocks.
    pub queue_bytes: usize,
    /// The most that goes to disk in one write, unless a single entry is larger.
    pub write_bytes: usize,
    /// Purged segments beyond so many prepared ones are removed. At least one.
    pub spare_segments: usize,
    /// How long the log must be quiet before the writer marks its end.
    pub idle: Duration,
    /// `false`: what is written is not synced. A crash of the machine then loses acknowledged data, or
    /// leaves a log that is refused as damaged. A crash of the process alone does neither.
    pub sync: bool,
    /// Who writes.
    pub lanes: Lanes,
    /// Is told how long each `fdatasync` took.
    pub on_sync: Option<Arc<dyn Fn(Duration) + Send + Sync>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            segment_bytes: hurried(64 << 20, 256 << 10),
            tail_bytes: 64 << 20,
            queue_bytes: 256 << 20,
            write_bytes: 8 << 20,
            // One that is purged is only used again when there is room for a second.
            spare_segments: hurried(1, 2),
            idle: Duration::from_millis(50),
            sync: true,
            lanes: Lanes::default(),
            on_sync: None,
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<(), WalError> {
        if !(4096..=1 << 30).contains(&self.segment_bytes) || !self.segment_bytes.is_multiple_of(8)
        {
            let what = "segment_bytes must be a multiple of 8 between 4 KiB and 1 GiB";
            return Err(WalError::Invalid(what.to_owned()));
        }
        if self.spare_segments == 0 || self.write_bytes > 1 << 30 {
            let what = "spare_segments must be at least 1, write_bytes at most 1 GiB";
            return Err(WalError::Invalid(what.to_owned()));
        }
        Ok(())
    }
}

/// The log in a few words. Heads each segment, and is what an opened log starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The newest vote.
    pub vote: Option<Vote>,
    /// The newest entry that was noted as committed. May be older than what was committed.
    pub committed: Option<LogId>,
    /// Entries up to this one are gone.
    pub purged: Option<LogId>,
    /// The newest entry, or `purged` if there is none.
    pub last: Option<LogId>,
}

impl Checkpoint {
    /// The index of the next entry.
    pub fn next(&self) -> u64 {
        self.last.map_or(0, |last| last.index + 1)
    }

    /// The index of the oldest entry there can be.
    pub fn first(&self) -> u64 {
        self.purged.map_or(0, |purged| purged.index + 1)
    }

    /// Takes note of a truncation. Returns whether it removes anything.
    pub(super) fn truncate_after(&mut self, after: Option<LogId>) -> bool {
        let next = after.map_or(0, |after| after.index + 1);
        if next >= self.next() {
            return false;
        }
        self.last = if next < self.first() {
            self.purged
        } else {
            after
        };
        true
    }

    /// Takes note of a purge. Returns whether it removes anything.
    pub(super) fn purge(&mut self, upto: LogId) -> bool {
        if upto.index < self.first() {
            return false;
        }
        self.purged = Some(upto);
        if upto.index >= self.next() || self.last.is_none() {
            self.last = Some(upto);
        }
        true
    }
}

/// What an opened log found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The newest vote.
    pub vote: Option<Vote>,
    /// The newest entry that was noted as committed.
    pub committed: Option<LogId>,
    /// Entries up to this one are gone.
    pub purged: Option<LogId>,
    /// The newest entry, or `purged` if there is none.
    pub last: Option<LogId>,
    /// Bytes of an unfinished write that were cut off. If its very first bytes are missing, its length
    /// is not known, and it counts as 0.
    pub torn_bytes: u64,
}

impl Payload {
    /// Bytes of the payload, without framing.
    pub fn len(&self) -> usize {
        match self {
            Payload::Blank => 0,
            Payload::Commands(bytes) | Payload::Membership(bytes) => bytes.len(),
        }
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
