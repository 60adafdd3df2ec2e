//! A batch of events with its wire forms, shared by every watcher of every hub.

use super::source::Source;
use crate::Revision;
use crate::event::{Event, EventBatch, Previous};
use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};
use std::sync::{Arc, OnceLock};

/// Events, and each one's encoded `mvccpb.Event` once somebody wanted it: at most two encodings per
/// event (with and without the previous record) however many watchers receive it.
#[derive(Debug)]
pub(crate) struct SharedBatch {
    batch: Arc<EventBatch>,
    bytes: usize,
    /// Made when the first event finds a watcher: unwatched writes pay nothing.
    encoded: OnceLock<Box<[Encoded]>>,
}

#[derive(Debug, Default)]
struct Encoded {
    plain: OnceLock<Bytes>,
    with_previous: OnceLock<Bytes>,
}

impl SharedBatch {
    pub fn new(batch: Arc<EventBatch>) -> SharedBatch {
        SharedBatch {
            bytes: batch.bytes(),
            batch,
            encoded: OnceLock::new(),
        }
    }

    pub fn revision(&self) -> Revision {
        self.batch.revision
    }

    pub fn events(&self) -> &[Event] {
        &self.batch.events
    }

    /// Approximate size of the events.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the batch may come to hold, both encodings of every event included.
    pub fn footprint(&self) -> usize {
        3 * self.bytes
    }

    /// The wire form of one event. The previous record is left out if it no longer exists.
    pub fn encoded(&self, index: usize, with_previous: bool, source: &dyn Source) -> Bytes {
        let encoded = self.encoded.get_or_init(|| {
            let events = self.batch.events.iter();
            events.map(|_| Encoded::default()).collect()
        });
        let event = &self.batch.events[index];
        let cell = &encoded[index];
        let plain = || cell.plain.get_or_init(|| encode(event, None)).clone();
        // What stood before a compacted revision counts as gone even where it is still at hand
        // (etcd contract #65), so that all members and all times answer alike.
        if !with_previous || event.revision <= source.compacted() {
            return plain();
        }
        cell.with_previous
            .get_or_init(|| match &event.previous {
                Previous::None => plain(),
                Previous::Record(record) => encode(event, Some(record)),
                Previous::At(..) => match source.previous(event) {
                    Some(record) => encode(event, Some(&record)),
                    None => plain(),
                },
            })
            .clone()
    }
}

// Tags of mvccpb.Event: type = 1 (varint), kv = 2 and prev_kv = 3 (messages).
const TYPE: u8 = 0x08;
const KV: u8 = 0x12;
const PREV_KV: u8 = 0x1a;
const DELETE: u8 = 1;

fn encode(event: &Event, previous: Option<&[u8]>) -> Bytes {
    let length = |record: &[u8]| 1 + encoded_len_varint(record.len() as u64) + record.len();
    let capacity = 2 + length(&event.record) + previous.map_or(0, length);
    let mut buffer = BytesMut::with_capacity(capacity);
    if event.deleted {
        buffer.put_slice(&[TYPE, DELETE]);
    }
    let mut put = |tag: u8, record: &[u8]| {
        buffer.put_u8(tag);
        encode_varint(record.len() as u64, &mut buffer);
        buffer.put_slice(record);
    };
    put(KV, &event.record);
    if let Some(previous) = previous {
        put(PREV_KV, previous);
    }
    buffer.freeze()
}
