//! What was asked for.

use super::{Blob, HttpCall, KeyRange, KvCall};
use serde::{Deserialize, Serialize};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Call {
    /// To the key/value service.
    Kv(KvCall),
    /// Forget what is older than a revision.
    Compact {
        /// The oldest revision that is still wanted.
        revision: i64,
        /// If the answer comes only after the space is free.
        #[serde(default)]
        physical: bool,
    },
    /// To the lease service.
    Lease(LeaseCall),
    /// To the cluster service.
    Member(MemberCall),
    /// To the lock and election services.
    Lock(LockCall),
    /// To the maintenance service.
    Admin(AdminCall),
    /// To something beside the store, which a lock of the store is meant to protect.
    Outside(OutsideCall),
    /// To the Kubernetes API.
    Http(HttpCall),
}

/// Requests about leases.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LeaseCall {
    /// A new lease.
    Grant {
        /// Its id; zero lets the server choose.
        id: i64,
        /// Seconds that it lives without being kept alive.
        ttl: i64,
    },
    /// An end to a lease and its keys.
    Revoke {
        /// Which.
        id: i64,
    },
    /// One message that keeps a lease alive, and its answer.
    KeepAlive {
        /// Which.
        id: i64,
    },
    /// How long a lease still lives.
    TimeToLive {
        /// Which.
        id: i64,
        /// If its keys are wanted.
        keys: bool,
    },
    /// All leases.
    List,
}

/// Requests about members.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MemberCall {
    /// A new member.
    Add {
        /// Where its peers find it.
        peer_urls: Vec<String>,
        /// If it only listens at first.
        learner: bool,
    },
    /// A member leaves for ever.
    Remove {
        /// Its id.
        id: u64,
    },
    /// A learner becomes a voter.
    Promote {
        /// Its id.
        id: u64,
    },
    /// A member moves.
    Update {
        /// Its id.
        id: u64,
        /// Where its peers find it now.
        peer_urls: Vec<String>,
    },
    /// Who is there.
    List {
        /// If the member that is asked must first learn what is newest.
        linearizable: bool,
    },
}

/// Requests to the services that build locks and elections from keys, on the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LockCall {
    /// Wait for a lock.
    Lock {
        /// Its name.
        name: Blob,
        /// The lease that ends it.
        lease: i64,
    },
    /// Give a lock back.
    Unlock {
        /// The key that it was given with.
        key: Blob,
    },
    /// Wait to be elected.
    Campaign {
        /// The election.
        name: Blob,
        /// The lease that ends it.
        lease: i64,
        /// What is proclaimed.
        value: Blob,
    },
    /// Proclaim something else.
    Proclaim {
        /// The leader's key.
        key: Blob,
        /// Its create revision.
        revision: i64,
        /// The lease that it hangs on, and goes on to.
        lease: i64,
        /// What is proclaimed.
        value: Blob,
    },
    /// Who leads.
    Leader {
        /// The election.
        name: Blob,
    },
    /// Who leads from now on, for a while.
    Observe {
        /// The election.
        name: Blob,
    },
    /// Stop leading.
    Resign {
        /// The leader's key.
        key: Blob,
        /// Its create revision.
        revision: i64,
    },
}

/// Requests that change no data.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AdminCall {
    /// Status of a member.
    Status,
    /// Give space back to the disk.
    Defragment,
    /// Hand leadership over.
    MoveLeader {
        /// Id of the member that shall lead.
        to: u64,
    },
    /// Take a snapshot and throw it away.
    Snapshot,
    /// Raise, clear or list alarms.
    Alarm {
        /// In words: `list`, `activate nospace`, ...
        what: String,
    },
    /// Anything else that changes no data.
    Other {
        /// In words.
        what: String,
    },
}

/// Requests to a set beside the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OutsideCall {
    /// Read the set, wait, write it back with one more element: safe only under a lock.
    Add {
        /// Which set.
        set: String,
        /// The new element.
        element: u64,
        /// The number that the set compares with the greatest it has seen, if the set is fenced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fence: Option<i64>,
    },
    /// All elements.
    Read {
        /// Which set.
        set: String,
    },
}

/// What a request to the store means to its workload. Checkers of sets read it; the others need none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Intent {
    /// Adds an element that nobody else adds. A transaction that did not succeed added nothing.
    Add {
        /// Which set.
        set: String,
        /// The element.
        element: u64,
    },
    /// Reads a whole set.
    ReadSet {
        /// Which set.
        set: String,
        /// How its elements are found in the answer.
        layout: SetLayout,
    },
    /// Takes a lock by writing a key: holds it from a transaction that succeeded on.
    Acquire {
        /// The lock.
        lock: String,
    },
    /// Gives a lock back.
    Release {
        /// The lock.
        lock: String,
    },
}

/// How a set lies in the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SetLayout {
    /// In one value, in decimal, with spaces between.
    OneValue,
    /// One key each: what follows the last `/`, in decimal.
    OneKeyEach,
}

impl Call {
    /// A read of one key.
    pub fn get(key: impl Into<Blob>) -> Call {
        Call::Kv(KvCall::Range(super::RangeCall {
            range: KeyRange::one(key),
            ..Default::default()
        }))
    }

    /// A write of one key.
    pub fn put(key: impl Into<Blob>, value: impl Into<Blob>) -> Call {
        Call::Kv(KvCall::Put(super::PutCall {
            key: key.into(),
            value: value.into(),
            ..Default::default()
        }))
    }
}
