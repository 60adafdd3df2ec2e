//! What happened, in the form in which it travels from apply to the watchers.
//!
//! Records are kept in their wire form ([`bytes::Bytes`] of an encoded `mvccpb.KeyValue`), so that an
//! event is encoded once however many watchers receive it.

use crate::Revision;
use bytes::Bytes;

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The revision of the write.
    pub revision: Revision,
    /// Place among the changes of the same revision, from zero.
    pub sub: u32,
    /// The key, as a slice of `record`'s buffer where possible.
    pub key: Bytes,
    /// A deletion. Otherwise a put.
    pub deleted: bool,
    /// Encoded `KeyValue`: the new version, or for a deletion only key and mod_revision.
    pub record: Bytes,
    /// The version before this revision, encoded, where it was at hand when the write was applied.
    pub previous: Previous,
}

/// The version of a key before the revision of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Previous {
    /// The key did not exist.
    None,
    /// It did; this is its encoded `KeyValue`.
    Record(Bytes),
    /// It did; read the version at this revision (and sub-revision) from the store if somebody asks.
    At(Revision, u32),
}

/// The changes of one or more whole revisions, in order. Never a part of a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventBatch {
    /// Ascending by (revision, sub).
    pub events: Vec<Event>,
    /// The store's revision after these events. Not below the last event's, and above it only when
    /// revisions without events do not exist in between (that is: equal, unless `events` is empty).
    pub revision: Revision,
}

impl EventBatch {
    /// Approximate memory held, in bytes, to bound queues and windows.
    pub fn bytes(&self) -> usize {
        self.events
            .iter()
            .map(|event| {
                let previous = match &event.previous {
                    Previous::Record(record) => record.len(),
                    _ => 0,
                };
                128 + event.key.len() + event.record.len() + previous
            })
            .sum()
    }
}
