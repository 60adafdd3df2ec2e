//! A store that is a list of events, a hub that moves only when told, and shorthands.

use crate::event::{Event, EventBatch, Previous};
use crate::watch::hub::Step;
use crate::watch::{Feed, Hub, Options, Source, Stream};
use crate::{Error, Revision};
use bytes::Bytes;
use keelson_proto::etcdserverpb::{WatchCreateRequest, WatchResponse};
use keelson_proto::mvccpb::KeyValue;
use parking_lot::Mutex;
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;

/// A write: a key and its new value, or `None` to delete it.
pub type Change<'a> = (&'a str, Option<&'a str>);

#[derive(Default)]
struct State {
    events: Vec<Event>,
    revision: Revision,
    compacted: Revision,
    live: HashMap<String, (KeyValue, u32)>,
    records: HashMap<(Revision, u32), Bytes>,
    history_reads: usize,
}

/// The simplest store that keeps its promises to the hubs.
pub struct Fake {
    state: Mutex<State>,
}

impl Fake {
    fn new() -> Fake {
        Fake {
            state: Mutex::new(State {
                revision: 1,
                compacted: -1,
                ..State::default()
            }),
        }
    }

    /// Carries out `changes` as one revision.
    pub fn commit(&self, changes: &[Change<'_>]) -> EventBatch {
        let mut state = self.state.lock();
        state.revision += 1;
        let revision = state.revision;
        for (sub, (key, value)) in changes.iter().enumerate() {
            let before = state.live.remove(*key);
            let mut record = KeyValue {
                key: Bytes::copy_from_slice(key.as_bytes()),
                mod_revision: revision,
                ..KeyValue::default()
            };
            if let Some(value) = value {
                let before = before.as_ref().map(|(before, _)| before);
                record.create_revision = before.map_or(revision, |before| before.create_revision);
                record.version = before.map_or(1, |before| before.version + 1);
                record.value = Bytes::copy_from_slice(value.as_bytes());
                state
                    .live
                    .insert((*key).to_owned(), (record.clone(), sub as u32));
            }
            let encoded = Bytes::from(record.encode_to_vec());
            state
                .records
                .insert((revision, sub as u32), encoded.clone());
            // Apply has the previous record at hand sometimes, and sometimes not.
            let previous = match before {
                None => Previous::None,
                Some((before, sub)) if revision % 2 == 0 => Previous::At(before.mod_revision, sub),
                Some((before, _)) => Previous::Record(before.encode_to_vec().into()),
            };
            state.events.push(Event {
                revision,
                sub: sub as u32,
                key: record.key,
                deleted: value.is_none(),
                record: encoded,
                previous,
            });
        }
        let first = state.events.len() - changes.len();
        let events = state.events[first..].to_vec();
        EventBatch { events, revision }
    }

    pub fn compact(&self, revision: Revision) {
        let mut state = self.state.lock();
        state.compacted = state.compacted.max(revision);
    }

    pub fn events(&self) -> Vec<Event> {
        self.state.lock().events.clone()
    }

    /// Times the stored history was read.
    pub fn history_reads(&self) -> usize {
        self.state.lock().history_reads
    }
}

impl Source for Fake {
    fn revision(&self) -> Revision {
        self.state.lock().revision
    }

    fn compacted(&self) -> Revision {
        self.state.lock().compacted
    }

    fn history(&self, from: Revision, to: Revision, max: usize) -> Result<EventBatch, Error> {
        let mut state = self.state.lock();
        state.history_reads += 1;
        if from < state.compacted {
            return Err(Error::Compacted);
        }
        let mut batch = EventBatch::default();
        for event in &state.events {
            let (revision, bytes) = (event.revision, batch.bytes());
            if revision < from || revision > to {
                continue;
            }
            if bytes >= max && revision != batch.revision {
                return Ok(batch);
            }
            batch.revision = revision;
            batch.events.push(event.clone());
        }
        batch.revision = to;
        Ok(batch)
    }

    fn previous(&self, event: &Event) -> Option<Bytes> {
        let state = self.state.lock();
        match &event.previous {
            Previous::At(revision, sub) if event.revision > state.compacted => {
                state.records.get(&(*revision, *sub)).cloned()
            }
            _ => None,
        }
    }
}

/// A store, a feed and a hub.
pub struct Bench {
    pub fake: Arc<Fake>,
    pub feed: Feed,
    pub hub: Hub,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::with(Options::default())
    }

    pub fn with(options: Options) -> Bench {
        let fake = Arc::new(Fake::new());
        let feed = Feed::new(fake.clone(), options);
        let hub = feed.attach();
        Bench { fake, feed, hub }
    }

    /// One revision, published.
    pub fn write(&self, changes: &[Change<'_>]) -> Revision {
        let batch = self.fake.commit(changes);
        let revision = batch.revision;
        self.feed.publish(Arc::new(batch));
        revision
    }

    pub fn put(&self, key: &str, value: &str) -> Revision {
        self.write(&[(key, Some(value))])
    }

    /// Several revisions as one apply run.
    pub fn write_run(&self, revisions: &[&[Change<'_>]]) -> Revision {
        let mut run = EventBatch::default();
        for changes in revisions {
            let batch = self.fake.commit(changes);
            run.revision = batch.revision;
            run.events.extend(batch.events);
        }
        let revision = run.revision;
        self.feed.publish(Arc::new(run));
        revision
    }

    /// One turn of the hub. True if there is more to do.
    pub fn turn(&self) -> bool {
        matches!(self.hub.inner().step(Instant::now()), Step::More)
    }

    /// Turns until nothing is left to do.
    pub fn run(&self) {
        for _ in 0..100_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("the hub does not come to rest");
    }

    /// Sends the periodic progress that is due `later`.
    pub fn tick(&self, later: std::time::Duration) {
        self.hub.inner().state.lock().tick(Instant::now() + later);
    }

    /// A stream with one watch, whose created reply is already read.
    pub fn watch(&self, request: WatchCreateRequest) -> Stream {
        let mut stream = self.hub.open_stream();
        stream.create(request).unwrap();
        let created = take(&mut stream).expect("a created reply");
        assert!(created.created && !created.canceled, "{created:?}");
        stream
    }

    /// Everything the stream gets until the hub rests and its queue is empty.
    pub fn drain(&self, stream: &mut Stream) -> Vec<WatchResponse> {
        let mut responses = Vec::new();
        loop {
            self.run();
            match take(stream) {
                Some(response) => responses.push(response),
                None => return responses,
            }
        }
    }

    /// The values of the events in [`Bench::drain`]; a deletion's is empty.
    pub fn values(&self, stream: &mut Stream) -> Vec<String> {
        values(&self.drain(stream))
    }
}

/// The next waiting response, as a client decodes it.
pub fn take(stream: &mut Stream) -> Option<WatchResponse> {
    let response = stream.try_next().expect("an open stream")?;
    Some(WatchResponse::decode(&response.encode_to_vec()[..]).expect("a valid message"))
}

pub fn values(responses: &[WatchResponse]) -> Vec<String> {
    let events = responses.iter().flat_map(|response| &response.events);
    let value = |event: &keelson_proto::mvccpb::Event| {
        let kv = event.kv.as_ref().expect("an event has a record");
        String::from_utf8(kv.value.to_vec()).expect("text")
    };
    events.map(value).collect()
}

pub fn revision(response: &WatchResponse) -> Revision {
    response.header.as_ref().expect("a header").revision
}

/// A watch of one key.
pub fn key(key: &str) -> WatchCreateRequest {
    WatchCreateRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        ..WatchCreateRequest::default()
    }
}

/// A watch of a range.
pub fn range(from: &str, to: &str) -> WatchCreateRequest {
    WatchCreateRequest {
        range_end: Bytes::copy_from_slice(to.as_bytes()),
        ..key(from)
    }
}

/// A watch of everything.
pub fn everything() -> WatchCreateRequest {
    range("", "\0")
}

/// The same from a revision on.
pub fn from(start_revision: Revision, request: WatchCreateRequest) -> WatchCreateRequest {
    WatchCreateRequest {
        start_revision,
        ..request
    }
}
