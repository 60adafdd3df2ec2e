//! Random histories: what each watch receives against what the list of events says it must.

use super::bench::{Bench, Change, from, range, revision, take};
use crate::Revision;
use crate::event::Event;
use crate::watch::{NO_WATCH, Options, Source, Stream};
use keelson_proto::etcdserverpb::watch_create_request::FilterType;
use keelson_proto::etcdserverpb::{WatchCreateRequest, WatchResponse};
use keelson_proto::mvccpb;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const ENDS: [&str; 5] = ["", "c", "e", "g", "\0"];

/// One watch as its client sees it.
struct Watch {
    request: WatchCreateRequest,
    first: Revision,
    received: Vec<mvccpb::Event>,
    /// No event at or below this revision may follow.
    passed: Revision,
    in_fragment: bool,
    compacted: Option<Revision>,
}

impl Watch {
    fn wants(&self, event: &Event) -> bool {
        let (key, end) = (&self.request.key[..], &self.request.range_end[..]);
        let in_range = match end {
            b"" => event.key == key,
            b"\0" => event.key >= key,
            end => event.key >= key && &event.key[..] < end,
        };
        let filter = match event.deleted {
            true => FilterType::Nodelete,
            false => FilterType::Noput,
        };
        in_range && event.revision >= self.first && !self.request.filters.contains(&(filter as i32))
    }

    fn expected<'a>(&'a self, events: &'a [Event]) -> impl Iterator<Item = &'a Event> {
        events.iter().filter(|event| self.wants(event))
    }
}

struct Client {
    stream: Stream,
    /// Requests whose created reply has not been read, by id.
    asked: BTreeMap<i64, WatchCreateRequest>,
    watches: BTreeMap<i64, Watch>,
    done: Vec<Watch>,
    next_id: i64,
}

/// A history, decided by `random`.
pub struct Run<R> {
    bench: Bench,
    random: R,
    clients: Vec<Client>,
    progress_answers: usize,
    cancellations: usize,
}

impl<R: Rng> Run<R> {
    pub fn new(random: R) -> Run<R> {
        let bench = Bench::with(Options {
            window_bytes: 6_000,
            stream_queue_bytes: 3_000,
            hub_queue_bytes: 8_000,
            slice_bytes: 1_000,
            response_bytes: 120,
            ..Options::default()
        });
        Run {
            bench,
            random,
            clients: Vec::new(),
            progress_answers: 0,
            cancellations: 0,
        }
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.random.random_range(0..of.len())]
    }

    fn changes(&mut self) -> Vec<Change<'static>> {
        let mut changes: Vec<Change<'static>> = Vec::new();
        for _ in 0..self.random.random_range(1..4) {
            let key = self.pick(&KEYS);
            if changes.iter().all(|(other, _)| *other != key) {
                let value = self.pick(&["short", "a value that is somewhat longer than the other"]);
                changes.push((key, self.random.random_bool(0.7).then_some(value)));
            }
        }
        changes
    }

    pub fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..30 => {
                let count = self.random.random_range(1..4);
                let run: Vec<_> = (0..count).map(|_| self.changes()).collect();
                let run: Vec<_> = run.iter().map(|changes| &changes[..]).collect();
                self.bench.write_run(&run);
            }
            30..45 => {
                self.bench.turn();
            }
            45..55 => self.create(),
            55..85 => self.read_some(),
            85..88 => self.cancel(),
            88..90 => {
                let (low, high) = (self.bench.fake.compacted(), self.bench.fake.revision());
                let oldest = low.max(high - 40).max(1);
                let compacted = self.random.random_range(oldest..=high);
                self.bench.fake.compact(compacted);
            }
            90..91 => {
                for _ in 0..self.random.random_range(0..3) {
                    let changes = self.changes();
                    self.bench.fake.commit(&changes);
                }
                self.bench.feed.reset();
            }
            91..97 => {
                if let Some(client) = self.client() {
                    self.clients[client].stream.request_progress().unwrap();
                }
            }
            97 => {
                if let Some(client) = self.client() {
                    self.clients.swap_remove(client);
                }
            }
            _ => {
                self.bench.tick(std::time::Duration::from_secs(700));
            }
        }
    }

    fn client(&mut self) -> Option<usize> {
        let count = self.clients.len();
        (count > 0).then(|| self.random.random_range(0..count))
    }

    fn create(&mut self) {
        if self.clients.len() < 4 {
            self.clients.push(Client {
                stream: self.bench.hub.open_stream(),
                asked: BTreeMap::new(),
                watches: BTreeMap::new(),
                done: Vec::new(),
                next_id: 1,
            });
        }
        let now = self.bench.fake.revision();
        let start = match self.random.random_range(0..5) {
            0 => 0,
            1 => now + 1,
            2 => now + self.random.random_range(1..10),
            _ => self.random.random_range((now - 60).max(1)..=now),
        };
        let (key, end) = (self.pick(&KEYS), self.pick(&ENDS));
        let end = if end != "\0" && key >= end { "" } else { end };
        let filters = match self.random.random_range(0..6) {
            0 => vec![FilterType::Noput as i32],
            1 => vec![FilterType::Nodelete as i32],
            _ => vec![],
        };
        let client = self.client().expect("one was added if there was none");
        let client = &mut self.clients[client];
        let request = WatchCreateRequest {
            filters,
            prev_kv: self.random.random_bool(0.5),
            fragment: self.random.random_bool(0.5),
            progress_notify: self.random.random_bool(0.5),
            watch_id: client.next_id,
            ..from(start, range(key, end))
        };
        client.asked.insert(client.next_id, request.clone());
        client.next_id += 1;
        client.stream.create(request).unwrap();
    }

    fn cancel(&mut self) {
        let Some(client) = self.client() else { return };
        let client = &self.clients[client];
        if let Some(id) = client.watches.keys().next() {
            client.stream.cancel(*id).unwrap();
        }
    }

    fn read_some(&mut self) {
        let Some(client) = self.client() else { return };
        for _ in 0..self.random.random_range(1..8) {
            if !self.read_one(client) {
                return;
            }
        }
    }

    fn read_one(&mut self, client: usize) -> bool {
        let Some(response) = take(&mut self.clients[client].stream) else {
            return false;
        };
        let (events, compacted) = (self.bench.fake.events(), self.bench.fake.compacted());
        let client = &mut self.clients[client];
        let id = response.watch_id;
        if response.created {
            let request = client
                .asked
                .remove(&id)
                .expect("a watch that was asked for");
            let first = match request.start_revision {
                0 => revision(&response) + 1,
                start => start,
            };
            let watch = Watch {
                request,
                first,
                received: Vec::new(),
                passed: 0,
                in_fragment: false,
                compacted: None,
            };
            assert!(client.watches.insert(id, watch).is_none());
        } else if response.canceled {
            let mut watch = client.watches.remove(&id).expect("a watch that lives");
            if response.compact_revision != 0 {
                assert_eq!(revision(&response), 0);
                assert!(response.compact_revision <= compacted);
                watch.compacted = Some(response.compact_revision);
                self.cancellations += 1;
            }
            assert!(!watch.in_fragment);
            client.done.push(watch);
        } else if response.events.is_empty() {
            self.progress_answers += 1;
            for (other, watch) in &mut client.watches {
                if id == NO_WATCH || id == *other {
                    check_progress(watch, revision(&response), &events);
                }
            }
        } else {
            let watch = client
                .watches
                .get_mut(&id)
                .expect("events of a watch that lives");
            check_events(watch, &response, &events, compacted);
        }
        true
    }

    pub fn finish(mut self) -> (usize, usize) {
        for client in 0..self.clients.len() {
            loop {
                self.bench.run();
                if !self.read_one(client) {
                    break;
                }
            }
        }
        let events = self.bench.fake.events();
        for client in self.clients {
            assert!(client.asked.is_empty());
            for watch in client.watches.values() {
                assert_eq!(watch.received.len(), watch.expected(&events).count());
                assert!(!watch.in_fragment);
            }
            for watch in &client.done {
                let Some(compacted) = watch.compacted else {
                    continue;
                };
                // Only history that it still needed may cancel it.
                let next = watch.first.max(watch.passed + 1);
                assert!(
                    next < compacted,
                    "canceled at {next} by compaction {compacted}"
                );
            }
        }
        (self.progress_answers, self.cancellations)
    }
}

fn mod_revision(event: &mvccpb::Event) -> Revision {
    event.kv.as_ref().expect("a record").mod_revision
}

fn check_progress(watch: &mut Watch, revision: Revision, events: &[Event]) {
    let covered = |event: &&Event| event.revision <= revision;
    let due = watch.expected(events).filter(covered).count();
    assert_eq!(
        due,
        watch.received.len(),
        "progress {revision} runs ahead of events"
    );
    let start = watch.request.start_revision;
    assert!(
        revision >= start,
        "progress {revision} for a watch that starts at {start}"
    );
    assert!(revision >= watch.passed, "progress steps back");
    watch.passed = revision;
}

fn check_events(
    watch: &mut Watch,
    response: &WatchResponse,
    events: &[Event],
    compacted: Revision,
) {
    let expected: Vec<_> = watch.expected(events).cloned().collect();
    for event in &response.events {
        let wanted = &expected[watch.received.len()];
        let kv = event.kv.as_ref().expect("a record");
        assert_eq!((kv.mod_revision, &kv.key), (wanted.revision, &wanted.key));
        assert_eq!(
            event.r#type() == mvccpb::event::EventType::Delete,
            wanted.deleted
        );
        assert!(
            wanted.revision > watch.passed,
            "an event after progress that covered it"
        );
        let before = events
            .iter()
            .rev()
            .find(|before| before.key == wanted.key && before.revision < wanted.revision);
        let before = before.filter(|before| !before.deleted && watch.request.prev_kv);
        match (&event.prev_kv, before) {
            (Some(got), Some(before)) => assert_eq!(got.mod_revision, before.revision),
            (None, Some(_)) => assert!(wanted.revision <= compacted, "prev_kv is missing"),
            (got, None) => assert!(got.is_none()),
        }
        watch.received.push(event.clone());
    }
    let header = revision(response);
    let last = mod_revision(response.events.last().expect("events"));
    assert!(header >= last);
    assert!(watch.request.fragment || !response.fragment);
    watch.in_fragment = response.fragment;
    if !response.fragment {
        let due = expected
            .iter()
            .filter(|event| event.revision <= header)
            .count();
        assert_eq!(
            due,
            watch.received.len(),
            "a revision is split, or the header says too much"
        );
        watch.passed = header.max(watch.passed);
    }
}

#[test]
fn every_watch_receives_exactly_its_events_in_random_histories() {
    let (mut progress_answers, mut cancellations) = (0, 0);
    for seed in 0..60 {
        let result = std::panic::catch_unwind(|| {
            let mut run = Run::new(StdRng::seed_from_u64(seed));
            for _ in 0..1500 {
                run.step();
            }
            run.finish()
        });
        let Ok((progress, cancels)) = result else {
            panic!("seed {seed} fails");
        };
        progress_answers += progress;
        cancellations += cancels;
    }
    // The histories were not so tame that the checks had nothing to check.
    assert!(
        progress_answers > 500,
        "{progress_answers} progress answers"
    );
    assert!(cancellations > 20, "{cancellations} cancellations");
}
