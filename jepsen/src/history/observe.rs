//! What was seen of members from the side: during the run and when everything had been healed.

use super::{KeyValue, Node};
use serde::{Deserialize, Serialize};

/// An answer, or why there was none. That is never taken for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed<T> {
    /// It was answered.
    Got(T),
    /// It was not.
    Error(String),
}

/// The hash of a member's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HashReply {
    /// The hash.
    pub hash: u32,
    /// The revision up to which data was hashed.
    pub hash_revision: i64,
    /// The member's compacted revision, on which the hash depends.
    pub compact_revision: i64,
    /// The store's revision, from the header.
    pub revision: i64,
}

/// One entry of a member's log, as a tool reads it from the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// A hash of its payload.
    pub hash: u32,
}

/// What a member has by itself: on a disk that was copied or damaged, with nobody else's help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The revision that was read.
    pub revision: i64,
    /// Index that is committed, as far as it knows.
    pub committed: u64,
    /// Index that is applied.
    pub applied: u64,
    /// All keys at that revision, in order.
    pub kvs: Vec<KeyValue>,
}

/// What a cluster has that was restored from a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Revision of the data, by the backup's own account.
    pub revision: i64,
    /// Everything, before anything was written.
    pub kvs: Vec<KeyValue>,
    /// How many keys it had at the backup's own revision, if it gave an answer.
    pub old: Observed<i64>,
    /// Revision of its first write.
    pub next: i64,
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observation {
    /// Hash of the data of a member.
    HashKv {
        /// Which member.
        node: Node,
        /// The revision that was asked for.
        asked: i64,
        /// The answer.
        reply: Observed<HashReply>,
    },
    /// All keys of a member, read from what it has itself.
    FullRange {
        /// Which member.
        node: Node,
        /// Revision of the header, and the keys in order.
        reply: Observed<(i64, Vec<KeyValue>)>,
    },
    /// The member's own log text was read for signs of a crash.
    LogScan {
        /// Which member.
        node: Node,
        /// Lines that were read; zero means that nothing was scanned.
        lines: u64,
        /// Those that tell of a panic, an abort or a broken invariant.
        alarms: Vec<String>,
    },
    /// The end of a member's process.
    Exit {
        /// Which member.
        node: Node,
        /// In words: `signal 9`, `code 1`.
        how: String,
        /// If a fault wanted it.
        expected: bool,
    },
    /// The start of a member's process.
    Start {
        /// Which member.
        node: Node,
        /// Its process id.
        pid: u32,
        /// Its member id, once known.
        member: Option<u64>,
    },
    /// What a member says about itself.
    Status {
        /// Which member.
        node: Node,
        /// Its member id.
        member: u64,
        /// Id of the member that it takes for the leader; zero for none.
        leader: u64,
        /// Its term.
        term: u64,
        /// Revision of its header.
        revision: i64,
        /// Index that is committed, as far as it knows.
        committed: u64,
        /// Index that is applied.
        applied: u64,
        /// If it does not vote.
        learner: bool,
        /// Bytes of data.
        db_size: i64,
        /// Complaints.
        errors: Vec<String>,
    },
    /// Another member leads.
    Leader {
        /// Which member.
        node: Node,
        /// In which term.
        term: u64,
    },
    /// What a member's process uses.
    Resources {
        /// Which member.
        node: Node,
        /// Bytes of memory.
        rss_bytes: u64,
        /// Open files.
        files: u64,
        /// Bytes on disk.
        disk_bytes: u64,
    },
    /// Part of a member's log on disk.
    Log {
        /// Which member.
        node: Node,
        /// Consecutive entries.
        reply: Observed<Vec<LogEntry>>,
    },
    /// All faults were taken away and the cluster was asked to work again.
    Recovered {
        /// If all members answered and the final operations succeeded.
        complete: bool,
        /// The revision after the last write of the run; zero if not complete.
        revision: i64,
        /// In words.
        detail: String,
    },
    /// Something that must happen now and then did: named conditions of coverage.
    Sometimes {
        /// Its name.
        what: String,
    },
    /// A remark for the reader of the report.
    Note {
        /// In words.
        text: String,
    },
    /// A member was started on a disk that was copied or damaged, and asked what it has.
    Stored {
        /// Whose disk it is.
        node: Node,
        /// What was done to it.
        of: String,
        /// What it has; an error if the member did not open what it must be able to open.
        reply: Observed<Stored>,
    },
    /// A member was started on what it must not work with.
    Refusal {
        /// Which member.
        node: Node,
        /// What it was started on.
        on: String,
        /// How it ended by itself, or that it waits without serving; nothing if it went to work.
        how: Option<String>,
        /// The end of what it said.
        said: String,
        /// One of these a message must name that is of use to whoever reads it.
        names: Vec<String>,
    },
    /// A backup of a member that became a cluster of its own.
    Backup {
        /// Which member.
        node: Node,
        /// The newest revision that anybody had been told of when the new cluster wrote for the first time.
        told: i64,
        /// What the new cluster had.
        reply: Observed<Restored>,
    },
}
