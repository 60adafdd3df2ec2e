//! The store as this server sees it: ordered keys with revisions, one atomic write at a time, watches.

use bytes::Bytes;
use std::pin::Pin;
use std::time::Duration;

/// What a call of [`Kv`] returns.
pub type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
/// What a watch returns.
pub type Stream<T> = Pin<Box<dyn futures::Stream<Item = T> + Send>>;

/// A versioned, ordered key/value store in the manner of etcd. Revisions count writes of the whole store,
/// from 1.
pub trait Kv: Send + Sync + 'static {
    /// Reads keys in order, all as of one revision.
    ///
    /// # Errors
    /// [`KvError::Compacted`], [`KvError::TooNew`], [`KvError::Unavailable`].
    fn range(&self, range: Range) -> Future<'_, Result<Ranged, KvError>>;

    /// Carries out all writes if all guards hold, and none otherwise. All writes have one revision.
    ///
    /// # Errors
    /// [`KvError::Unknown`] if it may or may not have taken effect; everything else: it has not.
    fn txn(&self, txn: Txn) -> Future<'_, Result<Committed, KvError>>;

    /// Follows keys. Every change from `from` on comes once, in the order of revisions, and all changes
    /// of one revision together. A stream that fails says why and ends.
    ///
    /// # Errors
    /// [`KvError::Compacted`], [`KvError::Unavailable`].
    fn watch(&self, watch: Watch) -> Future<'_, Result<Stream<Result<Changes, KvError>>, KvError>>;

    /// Makes a lease that ends after so many seconds, with all keys attached to it. Returns its id.
    ///
    /// # Errors
    /// [`KvError::Unavailable`], [`KvError::Unknown`].
    fn grant(&self, ttl_s: i64) -> Future<'_, Result<i64, KvError>>;

    /// Drops history before `revision`. Compacting at or below an earlier compaction changes nothing.
    ///
    /// # Errors
    /// [`KvError::TooNew`], [`KvError::Unavailable`], [`KvError::Unknown`].
    fn compact(&self, revision: u64) -> Future<'_, Result<(), KvError>>;
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Bytes,
    /// Its value; empty for a key that was deleted.
    pub value: Bytes,
    /// Revision at which it came into being.
    pub create_revision: u64,
    /// Revision of this value; for a deleted key, of the deletion.
    pub mod_revision: u64,
    /// How often it was written since it came into being.
    pub version: u64,
    /// The lease it is attached to; 0 for none.
    pub lease: i64,
}

/// Which state is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// One that has every write that was acknowledged before.
    Latest,
    /// Whatever is at hand.
    Any,
    /// That of this revision or a later one. Waits for it, for at most the given time.
    NotBefore(u64, Duration),
    /// That of this revision.
    Exactly(u64),
}

/// Which keys are read, and as of when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first key.
    pub key: Bytes,
    /// The key before which the range ends; `None`: only `key`. One zero byte: it has no end.
    pub end: Option<Bytes>,
    /// Which state.
    pub at: At,
    /// How many keys at most; 0: all.
    pub limit: usize,
    /// Values are left out.
    pub keys_only: bool,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranged {
    /// The revision as of which it was read; for [`At::Exactly`], that one.
    pub revision: u64,
    /// In the order of keys.
    pub keys: Vec<KeyValue>,
    /// How many keys there are in the range, those beyond the limit included.
    pub count: u64,
}

/// What must be true of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The key.
    pub key: Bytes,
    /// Its `mod_revision`; 0: it does not exist.
    pub mod_revision: u64,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// The key gets the value, and is attached to the lease (0: none).
    Put {
        /// The key.
        key: Bytes,
        /// Its value.
        value: Bytes,
        /// The lease.
        lease: i64,
    },
    /// The key goes, if it is there.
    Delete {
        /// The key.
        key: Bytes,
    },
}

/// Guards and writes. No key is written twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must be true.
    pub guards: Vec<Guard>,
    /// What is done then.
    pub writes: Vec<Write>,
    /// Keys that are read if a guard does not hold.
    pub otherwise: Vec<Bytes>,
    /// Not zero: it takes effect only under the leadership that this number stands for. A store that
    /// knows no such thing refuses with [`KvError::Invalid`].
    pub fence: u64,
}

/// What became of a [`Txn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The writes took effect.
    Written {
        /// Their revision; if they changed nothing (there was nothing to delete), the newest one.
        revision: u64,
    },
    /// A guard did not hold, and nothing changed.
    Refused {
        /// The revision at that moment.
        revision: u64,
        /// What the keys of `otherwise` were; `None` for one that did not exist.
        found: Vec<Option<KeyValue>>,
    },
}

/// Which keys are followed, and from when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The first key.
    pub key: Bytes,
    /// The key before which the range ends; `None`: only `key`. One zero byte: it has no end.
    pub end: Option<Bytes>,
    /// The first revision whose changes are wanted; it may lie ahead. 0 is 1.
    pub from: u64,
    /// How often to say how far the stream is while nothing changes; `None`: never.
    pub progress_every: Option<Duration>,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It has a new value.
    Put,
    /// It is gone.
    Deleted,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub changed: Changed,
    /// The key as it is since. A deleted one has no value.
    pub now: KeyValue,
    /// The key as it was before; `None` if it did not exist, or if that state was compacted.
    pub before: Option<KeyValue>,
}

/// A piece of a watch: whole revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Every change up to this revision has come. Without changes: nothing else happened.
    pub revision: u64,
    /// In the order of revisions.
    pub changes: Vec<Change>,
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvError {
    /// That state is gone: begin anew with a state that is there.
    Compacted {
        /// The oldest revision that can be read; 0 if the store does not tell.
        oldest: u64,
    },
    /// That state is not there yet.
    TooNew {
        /// The newest revision.
        current: u64,
    },
    /// The fence is not the present leadership's: whoever asked has been replaced and should stop.
    Fenced,
    /// The store is asked for too much at once: try again later. Nothing has happened.
    Overloaded,
    /// The store has no room: it takes deletions only. Nothing has happened.
    NoSpace,
    /// The store refuses a value of this size. Nothing has happened.
    TooLarge,
    /// The store cannot do that, whoever asks. Nothing has happened.
    Invalid(String),
    /// The store cannot be reached or does not agree with itself: try again. Nothing has happened.
    Unavailable(String),
    /// It may or may not have happened.
    Unknown(String),
}
