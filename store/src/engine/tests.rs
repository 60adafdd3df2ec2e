//! What every engine promises, tried on both; and what only files can break, in [`disk`].

mod disk;

use super::memory::MemoryEngine;
use super::rocks::{RocksEngine, RocksOptions};
use super::*;
use std::collections::BTreeSet;
use tempfile::TempDir;

/// An engine under test that can crash and come back.
struct Subject {
    directory: TempDir,
    garbage: GarbageSlot,
    kind: Kind,
}

enum Kind {
    /// Absent only while it is opened again.
    Rocks(Option<RocksEngine>),
    Memory(MemoryEngine),
}

fn small_options() -> RocksOptions {
    RocksOptions {
        block_cache_bytes: 1 << 20,
        write_buffer_bytes: 16 << 20,
        ..RocksOptions::default()
    }
}

impl Subject {
    fn rocks() -> Subject {
        let directory = TempDir::new().unwrap();
        let garbage = GarbageSlot::default();
        let state = directory.path().join("state");
        let engine = RocksEngine::open(&state, garbage.clone(), small_options()).unwrap();
        Subject {
            directory,
            garbage,
            kind: Kind::Rocks(Some(engine)),
        }
    }

    fn memory() -> Subject {
        let garbage = GarbageSlot::default();
        let engine = MemoryEngine::new(garbage.clone());
        Subject {
            directory: TempDir::new().unwrap(),
            garbage,
            kind: Kind::Memory(engine),
        }
    }

    fn engine(&self) -> &dyn Engine {
        match &self.kind {
            Kind::Rocks(engine) => engine.as_ref().unwrap(),
            Kind::Memory(engine) => engine,
        }
    }

    fn crash(&mut self) {
        match &mut self.kind {
            Kind::Rocks(engine) => {
                // Closing does not flush, so this loses what a crash loses.
                *engine = None;
                let state = self.directory.path().join("state");
                let options = RocksOptions {
                    must_exist: true,
                    ..small_options()
                };
                let opened = RocksEngine::open(&state, self.garbage.clone(), options).unwrap();
                *engine = Some(opened);
            }
            Kind::Memory(engine) => engine.crash(),
        }
    }

    fn open_checkpoint(&self, directory: &Path) -> Box<dyn Engine> {
        match &self.kind {
            Kind::Rocks(_) => {
                Box::new(RocksEngine::open_read_only(directory, small_options()).unwrap())
            }
            Kind::Memory(_) => {
                Box::new(MemoryEngine::open(directory, GarbageSlot::default()).unwrap())
            }
        }
    }
}

/// Runs each function on both engines.
macro_rules! on_both_engines {
    ($($name:ident)*) => {
        mod rocks_engine { $( #[test] fn $name() { super::$name(super::Subject::rocks()) } )* }
        mod memory_engine { $( #[test] fn $name() { super::$name(super::Subject::memory()) } )* }
    };
}

on_both_engines! {
    later_operations_of_a_batch_win
    families_do_not_mix
    a_scan_goes_in_order_within_its_bounds
    a_scan_stops_when_told
    a_scan_shows_the_state_at_its_start
    history_answers_in_the_order_asked
    records_close_together_are_told_from_those_between_and_beside_them
    a_flush_survives_a_crash_and_what_followed_is_lost
    a_checkpoint_holds_everything_written_before_it
    garbage_is_kept_until_somebody_can_be_asked
    only_garbage_in_range_is_dropped
    a_sound_engine_is_healthy
}

fn put(engine: &dyn Engine, family: Family, key: &[u8], value: &[u8]) {
    let mut batch = Batch::default();
    batch.put(family, key, &[value]);
    engine.write(&batch).unwrap();
}

fn get(engine: &dyn Engine, family: Family, key: &[u8]) -> Option<Bytes> {
    engine.get(family, key).unwrap()
}

fn put_history(engine: &dyn Engine, revisions: std::ops::Range<i64>) {
    let mut batch = Batch::default();
    for revision in revisions {
        let value = format!("record {revision}");
        batch.put(
            Family::History,
            &history_key(revision, 0),
            &[value.as_bytes()],
        );
    }
    engine.write(&batch).unwrap();
}

fn scanned(engine: &dyn Engine, family: Family, from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    engine
        .scan(family, from, to, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

fn revisions(engine: &dyn Engine) -> Vec<i64> {
    let records = scanned(engine, Family::History, b"", b"");
    records
        .iter()
        .map(|(key, _)| parse_history_key(key).unwrap().0)
        .collect()
}

fn keys(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<&[u8]> {
    records.iter().map(|(key, _)| key.as_slice()).collect()
}

fn later_operations_of_a_batch_win(subject: Subject) {
    let engine = subject.engine();
    let mut batch = Batch::default();
    batch.put(Family::Meta, b"twice", &[b"first"]);
    batch.put(Family::Meta, b"twice", &[b"sec", b"", b"ond"]);
    batch.put(Family::Meta, b"gone", &[b"x"]);
    batch.delete(Family::Meta, b"gone");
    batch.delete(Family::Meta, b"back");
    batch.put(Family::Meta, b"back", &[]);
    engine.write(&batch).unwrap();
    assert_eq!(get(engine, Family::Meta, b"twice").unwrap(), "second");
    assert_eq!(get(engine, Family::Meta, b"gone"), None);
    assert_eq!(get(engine, Family::Meta, b"back").unwrap(), "");
}

fn families_do_not_mix(subject: Subject) {
    let engine = subject.engine();
    for family in Family::ALL {
        put(engine, family, b"key", family.name().as_bytes());
    }
    for family in Family::ALL {
        assert_eq!(get(engine, family, b"key").unwrap(), family.name());
        assert_eq!(scanned(engine, family, b"", b"").len(), 1);
    }
}

fn a_scan_goes_in_order_within_its_bounds(subject: Subject) {
    let engine = subject.engine();
    for key in ["d", "b", "a", "bb", "c"] {
        put(engine, Family::Lease, key.as_bytes(), b"");
    }
    // Part from a file, part from memory.
    engine.flush().unwrap();
    put(engine, Family::Lease, b"ba", b"");
    let all = scanned(engine, Family::Lease, b"", b"");
    assert_eq!(keys(&all), [&b"a"[..], b"b", b"ba", b"bb", b"c", b"d"]);
    let some = scanned(engine, Family::Lease, b"b", b"c");
    assert_eq!(keys(&some), [&b"b"[..], b"ba", b"bb"]);
    let rest = scanned(engine, Family::Lease, b"bc", b"");
    assert_eq!(keys(&rest), [&b"c"[..], b"d"]);
    assert!(scanned(engine, Family::Lease, b"c", b"c").is_empty());
    assert!(scanned(engine, Family::Lease, b"d", b"a").is_empty());
}

fn a_scan_stops_when_told(subject: Subject) {
    let engine = subject.engine();
    put_history(engine, 1..10);
    let mut seen = 0;
    engine
        .scan(Family::History, b"", b"", &mut |_, _| {
            seen += 1;
            if seen == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    assert_eq!(seen, 3);
}

fn a_scan_shows_the_state_at_its_start(subject: Subject) {
    let engine = subject.engine();
    put_history(engine, 1..4);
    let mut seen = 0;
    engine
        .scan(Family::History, b"", b"", &mut |_, _| {
            put_history(engine, 10 + seen..11 + seen);
            seen += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(seen, 3);
    assert_eq!(revisions(engine), [1, 2, 3, 10, 11, 12]);
}

fn history_answers_in_the_order_asked(subject: Subject) {
    let engine = subject.engine();
    put_history(engine, 1..700);
    engine.flush().unwrap();
    put_history(engine, 700..1000);
    let ascending: Vec<(i64, u32)> = (0..1001).map(|revision| (revision, 0)).collect();
    let scattered = vec![(999, 0), (1, 0), (1, 1), (500, 0), (1, 0), (2000, 0)];
    for positions in [ascending, scattered] {
        let records = engine.get_history(&positions).unwrap();
        assert_eq!(records.len(), positions.len());
        for (&(revision, sub), record) in positions.iter().zip(records) {
            let exists = (1..1000).contains(&revision) && sub == 0;
            assert_eq!(
                record,
                exists.then(|| Bytes::from(format!("record {revision}")))
            );
        }
    }
}

fn records_close_together_are_told_from_those_between_and_beside_them(subject: Subject) {
    let engine = subject.engine();
    for start in [100, 200, 300] {
        put_history(engine, start..start + 50);
        engine.flush().unwrap();
    }
    // Every distance around the one at which a walk gives way to a search, from a gap into a gap.
    for distance in 1..12 {
        let positions: Vec<_> = (90..360).step_by(distance).map(|at| (at, 0)).collect();
        let records = engine.get_history(&positions).unwrap();
        assert_eq!(records.len(), positions.len());
        for ((revision, _), record) in positions.iter().zip(records) {
            let exists = (100..350).contains(revision) && revision % 100 < 50;
            assert_eq!(record.is_some(), exists, "revision {revision}");
        }
    }
    // Beside what exists, within one revision.
    let subs: Vec<_> = (0..20).map(|sub| (120, sub)).collect();
    let records = engine.get_history(&subs).unwrap();
    assert_eq!(records.iter().filter(|record| record.is_some()).count(), 1);
    assert!(records[0].is_some());
}

fn a_flush_survives_a_crash_and_what_followed_is_lost(mut subject: Subject) {
    let engine = subject.engine();
    put(engine, Family::Meta, b"kept", b"old");
    put_history(engine, 1..4);
    engine.flush().unwrap();
    put(engine, Family::Meta, b"kept", b"new");
    put(engine, Family::Auth, b"lost", b"");
    put_history(engine, 4..6);
    subject.crash();
    let engine = subject.engine();
    assert_eq!(get(engine, Family::Meta, b"kept").unwrap(), "old");
    assert_eq!(get(engine, Family::Auth, b"lost"), None);
    assert_eq!(revisions(engine), [1, 2, 3]);
}

fn a_checkpoint_holds_everything_written_before_it(subject: Subject) {
    let engine = subject.engine();
    put_history(engine, 1..100);
    engine.flush().unwrap();
    for family in Family::ALL {
        put(engine, family, &history_key(100, 0), b"not flushed");
    }
    let expected = Family::ALL.map(|family| scanned(engine, family, b"", b""));
    let directory = subject.directory.path().join("checkpoint");
    engine.checkpoint(&directory).unwrap();
    put_history(engine, 200..300);
    let copy = subject.open_checkpoint(&directory);
    let found = Family::ALL.map(|family| scanned(&*copy, family, b"", b""));
    assert_eq!(found, expected);
    assert!(
        engine.checkpoint(&directory).is_err(),
        "a checkpoint replaces nothing"
    );
}

/// Calls the given revisions garbage, where the record is theirs.
struct Dead(BTreeSet<i64>);

impl Garbage for Dead {
    fn is_garbage(&self, revision: i64, sub: u32, record: &[u8]) -> bool {
        assert_eq!(record, format!("record {revision}").as_bytes());
        sub == 0 && self.0.contains(&revision)
    }
}

fn garbage_is_kept_until_somebody_can_be_asked(subject: Subject) {
    let engine = subject.engine();
    put_history(engine, 1..50);
    engine.flush().unwrap();
    engine.reclaim(0, 100).unwrap();
    assert_eq!(revisions(engine).len(), 49);
}

fn only_garbage_in_range_is_dropped(subject: Subject) {
    let engine = subject.engine();
    // Three files' worth, so that a range need not touch them all.
    for start in [1, 100, 200] {
        put_history(engine, start..start + 10);
        engine.flush().unwrap();
    }
    engine.reclaim(0, 1000).unwrap();
    let dead: Arc<dyn Garbage> = Arc::new(Dead([2, 3, 104, 205].into()));
    assert!(subject.garbage.set(dead).is_ok());
    engine.reclaim(0, 1000).unwrap();
    let mut expected: Vec<i64> = (1..11).chain(100..110).chain(200..210).collect();
    expected.retain(|revision| ![2, 3, 104, 205].contains(revision));
    assert_eq!(revisions(engine), expected);
    assert_eq!(engine.get_history(&[(2, 0), (4, 0)]).unwrap()[0], None);
}

fn a_sound_engine_is_healthy(subject: Subject) {
    let engine = subject.engine();
    put_history(engine, 1..1000);
    engine.flush().unwrap();
    assert_eq!(engine.health(), Ok(()));
    assert_eq!(engine.load().background_errors, 0);
    assert!(!engine.load().write_stopped);
    assert!(engine.disk_bytes() > 10_000);
}

#[test]
fn a_simulated_crash_can_keep_a_prefix() {
    let engine = MemoryEngine::new(GarbageSlot::default());
    for revision in 1..6 {
        put_history(&engine, revision..revision + 1);
        put(&engine, Family::Meta, b"revision", &revision.to_be_bytes());
    }
    assert_eq!(engine.unflushed(), 10);
    engine.crash_keeping(5);
    assert_eq!(revisions(&engine), [1, 2, 3]);
    assert_eq!(
        get(&engine, Family::Meta, b"revision").unwrap()[..],
        2i64.to_be_bytes()
    );
    engine.crash();
    assert_eq!(
        revisions(&engine),
        [1, 2, 3],
        "what a crash left is durable"
    );
}
