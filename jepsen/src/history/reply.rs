//! What was answered.

use super::{Blob, HttpReply, KeyValue, KvReply};
use serde::{Deserialize, Serialize};

/// What a response says about who answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Header {
    /// Id of the cluster.
    #[serde(default)]
    pub cluster: u64,
    /// Id of the member.
    #[serde(default)]
    pub member: u64,
    /// The store's revision; zero where the service gives none.
    #[serde(rename = "rev")]
    pub revision: i64,
    /// The term.
    #[serde(default)]
    pub term: u64,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was answered.
    Ok(Reply),
    /// It was refused in a way that says that nothing changed, now or later.
    Failed {
        /// The status code's name, as gRPC spells it: `InvalidArgument`.
        code: String,
        /// The text of the error.
        text: String,
    },
    /// It may have happened, may happen yet, or never: no answer, or one that does not say.
    Unknown {
        /// The status code's name, or what broke: `Unavailable`, `DeadlineExceeded`, `reset`.
        code: String,
        /// The text of the error.
        text: String,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Of the key/value service.
    Kv {
        /// Header.
        #[serde(flatten)]
        header: Header,
        /// Body.
        reply: KvReply,
    },
    /// Of a compaction.
    Compact {
        /// Header.
        #[serde(flatten)]
        header: Header,
    },
    /// Of the lease service.
    Lease {
        /// Header.
        #[serde(flatten)]
        header: Header,
        /// Body.
        reply: LeaseReply,
    },
    /// Of the cluster service. Its header has no revision.
    Member {
        /// Header.
        #[serde(flatten)]
        header: Header,
        /// Body.
        reply: MemberReply,
    },
    /// Of the lock and election services.
    Lock {
        /// Header.
        #[serde(flatten)]
        header: Header,
        /// Body.
        reply: LockReply,
    },
    /// Of the maintenance service.
    Admin {
        /// Header, all zero where there is none.
        #[serde(flatten)]
        header: Header,
    },
    /// Of a set beside the store: its elements after the request.
    Outside {
        /// If an addition was taken; false means that its fence was too low.
        accepted: bool,
        /// Elements; empty in the answer to an addition.
        elements: Vec<u64>,
    },
    /// Of the Kubernetes API.
    Http(HttpReply),
}

impl Reply {
    /// The header, where there is one.
    pub fn header(&self) -> Option<&Header> {
        match self {
            Reply::Kv { header, .. }
            | Reply::Compact { header }
            | Reply::Lease { header, .. }
            | Reply::Member { header, .. }
            | Reply::Lock { header, .. }
            | Reply::Admin { header } => Some(header),
            Reply::Outside { .. } | Reply::Http(_) => None,
        }
    }
}

/// Answers about leases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseReply {
    /// It was granted.
    Granted {
        /// Its id.
        id: i64,
        /// Seconds that it lives, perhaps more than asked for.
        ttl: i64,
    },
    /// It is gone.
    Revoked,
    /// It was kept alive, or was not there: then the time is zero.
    KeptAlive {
        /// Seconds that it lives from now on.
        ttl: i64,
    },
    /// How long it still lives.
    TimeToLive {
        /// Seconds left; -1 if it is not there.
        ttl: i64,
        /// Seconds it was granted with; zero if it is not there.
        granted: i64,
        /// Its keys, if asked for, in no order.
        keys: Vec<Blob>,
    },
    /// All leases.
    List {
        /// Their ids.
        ids: Vec<i64>,
    },
}

/// A member, as members see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Its id.
    pub id: u64,
    /// Its name; empty until it has started.
    pub name: String,
    /// Where peers find it.
    pub peer_urls: Vec<String>,
    /// If it does not vote.
    pub learner: bool,
}

/// Answers about members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberReply {
    /// The member that was added, if one was.
    pub added: Option<u64>,
    /// Who is there after the request.
    pub members: Vec<MemberInfo>,
}

/// Answers of locks and elections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockReply {
    /// The lock is held.
    Locked {
        /// The key that holds it.
        key: Blob,
    },
    /// The election is won.
    Elected {
        /// The leader's key.
        key: Blob,
        /// Its create revision.
        revision: i64,
    },
    /// Who leads.
    Leader {
        /// The leader's key and what it proclaims.
        kv: KeyValue,
    },
    /// Who led, one after the other.
    Observed {
        /// The leaders' keys and what they proclaimed, as they came.
        kvs: Vec<KeyValue>,
    },
    /// It is done.
    Done,
}
