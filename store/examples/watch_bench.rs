//! What fanning out costs: one key, many watchers, each on a stream of its own or on shared ones.
//!
//! `cargo run --release -p keelson-store --example watch_bench -- [watchers] [streams] [events] [run]`
//!
//! Publishes `run` revisions at a time, lets the hub's task work, and takes (does not encode) every
//! response. Prints the processor time per delivered event, and what publishing alone cost. Gossip,
//! not a benchmark: there is no network and no gRPC in it.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use keelson_proto::etcdserverpb::WatchCreateRequest;
use keelson_proto::mvccpb::KeyValue;
use keelson_store::event::{Event, EventBatch, Previous};
use keelson_store::watch::{Feed, Hub, Options, Source, Stream};
use keelson_store::{Error, Revision};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Counts how often history is asked for; it must not be, or the measurement is of something else.
#[derive(Default)]
struct Store {
    revision: AtomicI64,
    history_reads: AtomicUsize,
}

impl Source for Store {
    fn revision(&self) -> Revision {
        self.revision.load(Ordering::SeqCst)
    }

    fn compacted(&self) -> Revision {
        -1
    }

    fn history(&self, _: Revision, to: Revision, _: usize) -> Result<EventBatch, Error> {
        self.history_reads.fetch_add(1, Ordering::SeqCst);
        let (events, revision) = (Vec::new(), to);
        Ok(EventBatch { events, revision })
    }

    fn previous(&self, _: &Event) -> Option<Bytes> {
        None
    }
}

fn event(revision: Revision) -> Event {
    let record = KeyValue {
        key: Bytes::from_static(b"/registry/pods/default/one"),
        create_revision: 2,
        mod_revision: revision,
        version: revision - 1,
        value: Bytes::from(vec![b'x'; 1024]),
        lease: 0,
    };
    Event {
        revision,
        sub: 0,
        key: record.key.clone(),
        deleted: false,
        record: record.encode_to_vec().into(),
        previous: Previous::None,
    }
}

async fn open(hub: &Hub, watchers: usize, streams: usize) -> Vec<Stream> {
    let mut open = Vec::new();
    for number in 0..streams {
        let mut stream = hub.open_stream();
        let share = watchers / streams + usize::from(number < watchers % streams);
        for _ in 0..share {
            let request = WatchCreateRequest {
                key: Bytes::from_static(b"/registry/pods/default/one"),
                prev_kv: true,
                ..WatchCreateRequest::default()
            };
            stream.create(request).unwrap();
            assert!(stream.next().await.unwrap().created);
        }
        open.push(stream);
    }
    open
}

async fn measure(watchers: usize, streams: usize, events: usize, run: usize) {
    let store = Arc::new(Store::default());
    store.revision.store(1, Ordering::SeqCst);
    let feed = Feed::new(store.clone(), Options::default());
    let hub = feed.subscribe();
    let mut streams = open(&hub, watchers, streams).await;
    let mut publishing = Duration::ZERO;
    let started = Instant::now();
    let mut delivered = 0;
    for first in (2..2 + events as i64).step_by(run) {
        let last = first + run as i64 - 1;
        let batch = EventBatch {
            events: (first..=last).map(event).collect(),
            revision: last,
        };
        store.revision.store(last, Ordering::SeqCst);
        let before = Instant::now();
        feed.publish(Arc::new(batch));
        publishing += before.elapsed();
        let due = delivered + watchers * run;
        while delivered < due {
            for stream in &mut streams {
                while let Some(response) = stream.try_next().unwrap() {
                    delivered += response.events.len();
                }
            }
            tokio::task::yield_now().await;
        }
    }
    let elapsed = started.elapsed();
    println!(
        "{watchers} watchers on {} streams, {run} revisions per run: {:.0} ns per delivered event, \
         {:.1} us to publish a run, {} history reads",
        streams.len(),
        elapsed.as_nanos() as f64 / delivered as f64,
        publishing.as_nanos() as f64 / 1000.0 / (events / run) as f64,
        store.history_reads.load(Ordering::SeqCst),
    );
}

fn main() {
    let argument = |index: usize, default: usize| {
        let argument = std::env::args().nth(index);
        argument.map_or(default, |text| text.parse().expect("a number"))
    };
    let (watchers, events) = (argument(1, 10_000), argument(3, 200));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        measure(watchers, argument(2, watchers), events, argument(4, 1)).await;
        if std::env::args().len() == 1 {
            measure(watchers, 10, events, 1).await;
            measure(watchers, watchers, events, 20).await;
        }
    });
}
