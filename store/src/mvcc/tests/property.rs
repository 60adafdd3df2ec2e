//! Anything that can be done to a store, in any order, compared with the model.

use super::model::{Answer, Model, Version};
use super::reading::{compare, look_then_read, read_all};
use super::*;
use crate::Revision;
use crate::engine::rocks::{RocksEngine, RocksOptions};
use crate::event::{Event, Previous};
use crate::mvcc::RangeScan;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Change {
    Put(u8, u8, i64),
    Delete(u8),
}

#[derive(Clone, Debug)]
enum Step {
    /// Revisions of one run; a range in the middle of each; perhaps a compaction at the end.
    Run(Vec<Vec<Change>>, RangeRequest, Option<i64>),
    Range(RangeRequest, usize),
    History(i64, i64, usize),
    Hash(i64),
    /// Begins a scan that is read, and compared, only by a later one.
    Pin(RangeRequest),
    Sweep,
    Flush,
    Dump,
    Defragment,
    /// A new process; whether it finds the dumps.
    Crash(bool),
}

fn key(number: u8) -> Vec<u8> {
    format!("k{:02}", number).into_bytes()
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (0..12u8, 0..4u8, 0..3i64).prop_map(|(key, value, lease)| Change::Put(key, value, lease)),
        2 => (0..12u8).prop_map(Change::Delete),
    ]
}

/// Revisions are drawn below zero to mean "so many before the present".
fn request() -> impl Strategy<Value = RangeRequest> {
    let interval = prop_oneof![
        (0..12u8).prop_map(|from| (key(from), Vec::new())),
        (0..12u8).prop_map(|from| (key(from), vec![0])),
        Just((vec![0], vec![0])),
        (0..12u8, 0..13u8).prop_map(|(from, to)| (key(from), key(to))),
    ];
    let revision = prop_oneof![2 => Just(0i64), 3 => -12..4i64];
    let bound = || prop_oneof![4 => Just(0i64), 1 => 1..40i64];
    let bounds = prop_oneof![3 => Just([0; 4]), 1 => [bound(), bound(), bound(), bound()]];
    let order = prop_oneof![2 => Just((0, 0)), 3 => (0..3i32, 0..5i32)];
    (
        interval,
        -1..6i64,
        revision,
        order,
        any::<bool>(),
        0..8u8,
        bounds,
    )
        .prop_map(
            |(
                (key, range_end),
                limit,
                revision,
                (sort_order, sort_target),
                keys_only,
                count_only,
                bounds,
            )| {
                RangeRequest {
                    key: key.into(),
                    range_end: range_end.into(),
                    limit,
                    revision,
                    sort_order,
                    sort_target,
                    keys_only,
                    count_only: count_only == 0,
                    min_mod_revision: bounds[0],
                    max_mod_revision: bounds[1],
                    min_create_revision: bounds[2],
                    max_create_revision: bounds[3],
                    serializable: false,
                }
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    let revisions = proptest::collection::vec(proptest::collection::vec(change(), 0..4), 1..6);
    let compaction = proptest::option::weighted(0.3, -4..10i64);
    prop_oneof![
        8 => (revisions, request(), compaction).prop_map(|(run, range, at)| Step::Run(run, range, at)),
        4 => (request(), 1..5usize).prop_map(|(request, keys)| Step::Range(request, keys)),
        2 => (-10..3i64, -4..3i64, 1..600usize).prop_map(|(from, to, max)| Step::History(from, to, max)),
        1 => (-6..3i64).prop_map(Step::Hash),
        1 => request().prop_map(Step::Pin),
        3 => Just(Step::Sweep),
        2 => Just(Step::Flush),
        1 => Just(Step::Dump),
        1 => Just(Step::Defragment),
        1 => any::<bool>().prop_map(Step::Crash),
    ]
}

/// What outlives a crash.
enum Base {
    Test(Arc<TestEngine>),
    Rocks(tempfile::TempDir),
}

impl Base {
    /// A new process opens what the last one left.
    fn open(&mut self) -> (Arc<dyn Engine>, GarbageSlot) {
        match self {
            Base::Test(engine) => {
                let (next, slot) = engine.crash();
                *engine = next.clone();
                (next, slot)
            }
            Base::Rocks(directory) => {
                let slot = GarbageSlot::default();
                let options = RocksOptions::default();
                let engine = RocksEngine::open(directory.path(), slot.clone(), options);
                (Arc::new(engine.expect("the database opens")), slot)
            }
        }
    }
}

struct World {
    base: Base,
    store: Arc<Store>,
    cache_bytes: usize,
    model: Model,
    /// Revision and compaction floor after every run: what a crash may go back to.
    past: Vec<(Revision, Revision)>,
    pinned: Option<(RangeScan, Answer)>,
    directory: tempfile::TempDir,
}

impl World {
    fn new(mut base: Base, cache_bytes: usize) -> World {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let (engine, slot) = base.open();
        let store = open_on(engine, slot, cache_bytes, Some(directory.path()));
        World {
            base,
            store,
            cache_bytes,
            model: Model::new(),
            past: vec![(1, -1)],
            pinned: None,
            directory,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Run(revisions, range, compaction) => self.run(revisions, range, compaction),
            Step::Range(request, keys) => self.range(self.resolve(request), keys),
            Step::History(from, to, max) => self.history(from, to, max),
            Step::Hash(at) => self.hash(self.model.revision + at),
            Step::Pin(request) => self.pin(self.resolve(request)),
            Step::Sweep => self.sweep(),
            Step::Flush => self.store.flush().expect("flush"),
            Step::Dump => self.store.dump().expect("dump"),
            Step::Defragment => {
                self.store.defragment();
                let size = self.store.size();
                assert_eq!(size.total, size.in_use);
            }
            Step::Crash(keep_dumps) => self.crash(keep_dumps),
        }
        let live = self.model.keys();
        let live = live
            .iter()
            .filter(|key| self.model.live(key, Revision::MAX).is_some());
        assert_eq!(self.store.key_count(), live.count() as u64);
        assert_eq!(self.store.revision(), self.model.revision);
        assert_eq!(self.store.compacted(), self.model.compacted);
    }

    fn resolve(&self, mut request: RangeRequest) -> RangeRequest {
        if request.revision != 0 {
            request.revision += self.model.current();
        }
        request
    }

    fn run(&mut self, revisions: Vec<Vec<Change>>, range: RangeRequest, compaction: Option<i64>) {
        let first_new = self.model.versions.len();
        let mut previous = Vec::new();
        let mut writer = self.store.writer();
        for changes in revisions {
            for change in changes {
                let (Change::Put(number, ..) | Change::Delete(number)) = change;
                let key = key(number);
                let before = self.model.live(&key, Revision::MAX).cloned();
                assert_eq!(
                    writer.get(&key).map(|meta| meta.mod_revision),
                    before.as_ref().map(|kv| kv.mod_revision)
                );
                assert_eq!(
                    writer.value(&key),
                    before.as_ref().map(|kv| kv.value.clone())
                );
                let done = match change {
                    Change::Put(_, value, lease) => {
                        let value = vec![value; value as usize];
                        self.model.put(&key, &value, lease);
                        writer.put(&key.clone().into(), &value.into(), lease);
                        true
                    }
                    Change::Delete(_) => {
                        let done = writer.delete(&key);
                        assert_eq!(done, self.model.delete(&key));
                        done
                    }
                };
                if done {
                    let finished = self.model.revision;
                    previous.push(self.model.live(&key, finished).cloned());
                }
            }
            let request = self.resolve(range.clone());
            let answer = writer.range(&request);
            compare(
                &request,
                answer,
                self.model.range(&request),
                self.model.current(),
            );
            self.model.end_revision();
            assert_eq!(writer.end_revision(), self.model.revision);
        }
        if let Some(at) = compaction {
            let at = self.model.compacted.max(1) + at;
            assert_eq!(writer.compact(at), self.model.compact(at));
        }
        let batch = writer.commit().expect("commit");
        assert_eq!(batch.revision, self.model.revision);
        self.past.push((self.model.revision, self.model.compacted));
        let written = &self.model.versions[first_new..];
        assert_eq!(batch.events.len(), written.len());
        for ((event, version), before) in batch.events.iter().zip(written).zip(previous) {
            self.same_event(event, version);
            let found = self
                .store
                .previous(event)
                .map(|record| decode(&[record]).remove(0));
            assert_eq!(found, before, "previous of {event:?}");
        }
    }

    fn same_event(&self, event: &Event, version: &Version) {
        assert_eq!(
            (event.revision, event.sub),
            (version.kv.mod_revision, version.sub)
        );
        assert_eq!(
            (&event.key, event.deleted),
            (&version.kv.key, version.deleted)
        );
        assert_eq!(decode(std::slice::from_ref(&event.record))[0], version.kv);
    }

    fn range(&self, request: RangeRequest, keys: usize) {
        self.looked_up(&request);
        let expected = self.model.range(&request);
        let in_chunks = self
            .store
            .begin_range(&request)
            .map(|mut scan| read_all(&mut scan, keys));
        compare(
            &request,
            in_chunks,
            self.model.range(&request),
            self.model.revision,
        );
        compare(
            &request,
            self.store.range(&request),
            expected,
            self.model.revision,
        );
    }

    /// The same keys, first looked up and then read.
    fn looked_up(&self, request: &RangeRequest) {
        let plain = RangeRequest {
            key: request.key.clone(),
            range_end: request.range_end.clone(),
            limit: request.limit,
            revision: request.revision,
            ..RangeRequest::default()
        };
        let answer = self.store.begin_range(&plain).map(look_then_read);
        compare(
            &plain,
            answer,
            self.model.range(&plain),
            self.model.revision,
        );
    }

    fn pin(&mut self, request: RangeRequest) {
        self.read_pinned();
        if let (Ok(scan), Ok(answer)) =
            (self.store.begin_range(&request), self.model.range(&request))
        {
            self.pinned = Some((scan, answer));
        }
    }

    /// However much was compacted and swept since, a scan goes on at its revision.
    fn read_pinned(&mut self) {
        if let Some((mut scan, expected)) = self.pinned.take() {
            let answer = read_all(&mut scan, 2);
            assert_eq!(
                decode(&answer.kvs),
                expected.kvs,
                "by a scan that was left waiting"
            );
            assert_eq!((answer.count, answer.more), (expected.count, expected.more));
        }
    }

    fn history(&self, from: i64, to: i64, bytes_max: usize) {
        let (from, to) = (self.model.revision + from, self.model.revision + to);
        let batch = match self.store.history(from, to, bytes_max) {
            Err(error) => {
                assert_eq!(error, crate::Error::Compacted);
                assert!(from < self.model.compacted);
                return;
            }
            Ok(batch) => batch,
        };
        assert!(from >= self.model.compacted);
        let to = to.min(self.model.revision);
        assert!(batch.revision == to || (batch.revision < to && !batch.events.is_empty()));
        let covered =
            |version: &&Version| (from..=batch.revision).contains(&version.kv.mod_revision);
        // At the floor itself what was superseded within the revision may be gone or not.
        let at_floor = |revision: Revision| revision == self.model.compacted;
        let expected: Vec<_> = self.model.kept().filter(covered).collect();
        let events: Vec<_> = batch
            .events
            .iter()
            .filter(|event| {
                let same = |version: &&&Version| {
                    (version.kv.mod_revision, version.sub) == (event.revision, event.sub)
                };
                !at_floor(event.revision) || expected.iter().any(|version| same(&version))
            })
            .collect();
        assert_eq!(events.len(), expected.len(), "events {events:?}");
        for (event, version) in events.into_iter().zip(expected) {
            self.same_event(event, version);
            if event.revision > self.model.compacted + 1 {
                let before = self.model.live(&event.key, event.revision - 1).cloned();
                let found = self
                    .store
                    .previous(event)
                    .map(|record| decode(&[record]).remove(0));
                assert_eq!(found, before);
                assert!(!matches!(event.previous, Previous::Record(_)));
            }
        }
    }

    fn hash(&self, at: Revision) {
        match self.store.hash(at) {
            Ok(hash) => {
                let at = if at <= 0 { self.model.revision } else { at };
                assert_eq!(
                    (hash.revision, hash.compact_revision),
                    (at, self.model.compacted)
                );
                assert_eq!(hash.hash, self.model.hash(at));
            }
            Err(crate::Error::Compacted) => assert!(at < self.model.compacted),
            Err(crate::Error::FutureRevision) => assert!(at > self.model.revision),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn sweep(&mut self) {
        let pinned = self.pinned.is_some();
        let swept = self.store.sweep_durable(&|| false);
        assert!(swept.expect("sweep").floor <= self.model.compacted);
        self.check_everything();
        self.store.sweep(&|| false).expect("sweep");
        assert!(self.store.swept() <= self.model.compacted);
        if !pinned {
            assert_eq!(self.store.swept(), self.model.compacted);
            assert_eq!(self.store.size().in_use, self.model.in_use());
        }
        assert!(self.store.size().total >= self.store.size().in_use);
    }

    fn crash(&mut self, keep_dumps: bool) {
        self.read_pinned();
        let durable = self.store.durable();
        // RocksDB has to be let go of before it can be opened again; closing it flushes nothing.
        self.store = new_store();
        let (engine, slot) = self.base.open();
        if !keep_dumps {
            let files = std::fs::read_dir(self.directory.path()).expect("the scratch directory");
            files
                .flatten()
                .for_each(|file| std::fs::remove_file(file.path()).expect("a dump"));
        }
        self.store = open_on(engine, slot, self.cache_bytes, Some(self.directory.path()));
        let found = (self.store.revision(), self.store.compacted());
        assert!(found.0 >= durable);
        assert!(self.past.contains(&found), "{found:?} was never the state");
        self.model.truncate(found.0, found.1);
        let last = self.past.iter().rposition(|past| *past == found);
        self.past.truncate(last.map_or(0, |last| last + 1));
        self.check_everything();
    }

    fn check_everything(&self) {
        let oldest = self.model.compacted.max(1);
        for revision in oldest..=self.model.revision {
            self.range(
                RangeRequest {
                    revision,
                    ..everything()
                },
                3,
            );
        }
        self.hash(0);
    }
}

proptest! {
    #[test]
    fn the_store_answers_as_a_list_of_all_versions_would(
        steps in proptest::collection::vec(step(), 1..60),
        cache_bytes in prop_oneof![Just(0usize), Just(300), Just(1 << 20)],
    ) {
        let mut world = World::new(Base::Test(TestEngine::new().0), cache_bytes);
        steps.into_iter().for_each(|step| world.step(step));
        world.read_pinned();
        world.check_everything();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn it_does_so_on_rocksdb_too(steps in proptest::collection::vec(step(), 1..80)) {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let mut world = World::new(Base::Rocks(directory), 300);
        steps.into_iter().for_each(|step| world.step(step));
        world.read_pinned();
        world.check_everything();
    }
}
