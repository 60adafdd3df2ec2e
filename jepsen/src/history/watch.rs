//! Watch streams: what was asked for, and everything that came.

use super::{KeyRange, KeyValue, Node, Process, WatchId};
use serde::{Deserialize, Serialize};

/// What a watch was asked to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchOpen {
    /// Unique in the history; not the number on the wire.
    pub watch: WatchId,
    /// The stream that carries it; unique in the history. Several watches may share one.
    pub stream: u64,
    /// Who watches.
    pub process: Process,
    /// The member that was asked.
    pub node: Node,
    /// Which keys.
    #[serde(flatten)]
    pub range: KeyRange,
    /// The first revision that is wanted; zero means from now on.
    #[serde(default)]
    pub start_revision: i64,
    /// If versions before are wanted.
    #[serde(default)]
    pub prev_kv: bool,
    /// If puts are left out.
    #[serde(default)]
    pub no_put: bool,
    /// If deletions are left out.
    #[serde(default)]
    pub no_delete: bool,
    /// If progress is told without being asked for.
    #[serde(default)]
    pub progress: bool,
    /// If large responses may come in pieces.
    #[serde(default)]
    pub fragment: bool,
    /// The watch that this one takes up again: it must go on where that one stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<WatchId>,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// It was written.
    Put,
    /// It was deleted.
    Delete,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The version that came to be; of a deletion only key and mod revision.
    pub kv: KeyValue,
    /// The version before, if it was asked for, existed and was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<KeyValue>,
}

/// Something about a watch, in the order in which it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchRecord {
    /// It was asked for.
    Open(WatchOpen),
    /// The server has it.
    Created {
        /// Which.
        watch: WatchId,
        /// Revision of the header: a watch that starts now shows what comes after it.
        revision: i64,
    },
    /// Events came, in one response.
    Events {
        /// Which.
        watch: WatchId,
        /// Revision of the header.
        revision: i64,
        /// The events.
        events: Vec<Event>,
        /// If this is a piece, and the next response belongs to it.
        #[serde(default)]
        fragment: bool,
    },
    /// Everything of this watch up to a revision has been sent.
    Progress {
        /// Which.
        watch: WatchId,
        /// That revision.
        revision: i64,
    },
    /// Everything of every watch of a stream up to a revision has been sent.
    StreamProgress {
        /// Which stream.
        stream: u64,
        /// That revision.
        revision: i64,
    },
    /// The server ended it.
    Canceled {
        /// Which.
        watch: WatchId,
        /// The oldest revision that is left if that is the reason, else zero.
        compact_revision: i64,
        /// The reason, often empty.
        reason: String,
    },
    /// The client ended it and promises to take no notice of what comes.
    Closed {
        /// Which.
        watch: WatchId,
    },
    /// The stream broke; what was sent after the last record may be lost.
    Broken {
        /// Which.
        watch: WatchId,
        /// How.
        error: String,
    },
}
