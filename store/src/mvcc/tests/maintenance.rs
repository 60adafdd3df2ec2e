//! Sweeping, sizes, dumps and starts.

use super::*;

fn sweep(store: &Store) {
    store
        .sweep(&|| false)
        .expect("the test engine does not fail");
}

#[test]
fn compaction_and_defragmentation_bring_the_size_down() {
    // #104
    let store = new_store();
    (0..100).for_each(|_| put(&store, "a", &"x".repeat(1000)));
    let full = store.size();
    assert_eq!(full.total, full.in_use);
    assert!(full.total > 100_000);
    compact(&store, store.revision()).expect("compact");
    sweep(&store);
    assert_eq!(store.size().total, full.total);
    assert!(store.size().in_use < 1200);
    store.defragment();
    assert_eq!(store.size().total, store.size().in_use);
}

#[test]
fn space_that_compaction_freed_is_used_again_before_the_size_grows() {
    let store = new_store();
    (0..100).for_each(|_| put(&store, "a", &"x".repeat(1000)));
    let full = store.size().total;
    for _ in 0..10 {
        compact(&store, store.revision()).expect("compact");
        sweep(&store);
        (0..90).for_each(|_| put(&store, "a", &"x".repeat(1000)));
    }
    assert!(
        store.size().total <= full,
        "the quota would be used up by one key"
    );
}

#[test]
fn the_size_is_the_same_after_a_restart() {
    let engine = TestEngine::new();
    let store = open(&engine, 0, None);
    (0..20).for_each(|_| put(&store, "a", "value"));
    compact(&store, 10).expect("compact");
    sweep(&store);
    store.flush().expect("flush");
    let size = store.size();
    assert!(size.total > size.in_use);
    assert_eq!(open(&engine.0.crash(), 0, None).size(), size);
    store.defragment();
    store.flush().expect("flush");
    let store = open(&engine.0.crash(), 0, None);
    assert_eq!(store.size().total, size.in_use);
}

#[test]
fn a_sweep_drops_dead_records_from_the_engine() {
    let engine = TestEngine::new();
    let store = open(&engine, 0, None);
    (0..100).for_each(|_| put(&store, "a", "value"));
    compact(&store, store.revision()).expect("compact");
    sweep(&store);
    // The last segment is not finished and holds too little to be rewritten.
    assert!(
        engine.0.history_len() < 10,
        "{} records left",
        engine.0.history_len()
    );
}

#[test]
fn dead_tombstones_leave_the_engine_too() {
    let engine = TestEngine::new();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let store = open(&engine, 0, Some(directory.path()));
    for number in 0..100 {
        put(&store, &format!("key-{number}"), "value");
        delete(&store, &format!("key-{number}"));
    }
    put(&store, "last", "value");
    compact(&store, store.revision()).expect("compact");
    store.dump().expect("dump");
    sweep(&store);
    sweep(&store);
    assert!(
        engine.0.history_len() < 20,
        "{} records left",
        engine.0.history_len()
    );
}

#[test]
fn a_deleted_key_does_not_rise_again_when_its_tombstone_was_dropped() {
    let engine = TestEngine::new();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let store = open(&engine, 0, Some(directory.path()));
    put(&store, "a", "value");
    store.dump().expect("dump");
    delete(&store, "a");
    (0..30).for_each(|_| put(&store, "b", "value"));
    compact(&store, store.revision()).expect("compact");
    sweep(&store);
    sweep(&store);
    // With the dump that knows the key alive, and without any.
    for keep in [true, false] {
        if !keep {
            std::fs::remove_dir_all(directory.path()).expect("the scratch directory");
        }
        let store = open(&engine.0.crash(), 0, Some(directory.path()));
        assert_eq!(store.maintenance.lock().bound.is_some(), keep);
        assert_eq!(store.range(&get("a")).expect("present").count, 0);
        assert_eq!(store.range(&get("b")).expect("present").count, 1);
    }
}

#[test]
fn a_tombstone_stays_while_a_put_before_it_does() {
    let engine = TestEngine::new();
    let store = open(&engine, 0, None);
    // The first segment is mostly alive, so the dead put in it stays.
    put(&store, "a", "value");
    (0..5).for_each(|number| put(&store, &format!("kept-{number}"), "value"));
    delete(&store, "a");
    (0..30).for_each(|_| put(&store, "b", "value"));
    compact(&store, store.revision()).expect("compact");
    sweep(&store);
    sweep(&store);
    let reopened = open(&engine.0.crash(), 0, None);
    assert_eq!(reopened.range(&everything()), store.range(&everything()));
    // But not for ever: when enough tombstones wait for it, it goes, and then they do.
    for number in 0..100 {
        put(&store, &format!("key-{number}"), "value");
        delete(&store, &format!("key-{number}"));
    }
    put(&store, "b", "value");
    compact(&store, store.revision()).expect("compact");
    (0..3).for_each(|_| sweep(&store));
    assert!(
        engine.0.history_len() < 30,
        "{} records left",
        engine.0.history_len()
    );
    let reopened = open(&engine.0.crash(), 0, None);
    assert_eq!(reopened.range(&everything()), store.range(&everything()));
}

#[test]
fn a_damaged_dump_is_not_believed() {
    let engine = TestEngine::new();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let store = open(&engine, 0, Some(directory.path()));
    (0..50).for_each(|number| put(&store, &format!("key-{number}"), "value"));
    store.dump().expect("dump");
    let file = std::fs::read_dir(directory.path())
        .expect("the directory")
        .flatten()
        .next();
    let path = file.expect("one dump").path();
    let mut bytes = std::fs::read(&path).expect("the dump");
    for at in [9, bytes.len() / 2, bytes.len() - 1] {
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).expect("write");
        bytes[at] ^= 1;
        let engine = engine.0.crash();
        let reopened = open(&engine, 0, Some(directory.path()));
        assert_eq!(reopened.range(&everything()), store.range(&everything()));
        assert!(reopened.maintenance.lock().bound.is_none());
    }
    std::fs::write(&path, &bytes).expect("write");
    let reopened = open(&engine.0.crash(), 0, Some(directory.path()));
    assert!(reopened.maintenance.lock().bound.is_some());
    assert_eq!(reopened.range(&everything()), store.range(&everything()));
}

#[test]
fn the_cache_stays_within_its_budget_and_a_read_fills_it() {
    let store = open(&TestEngine::new(), 4000, None);
    for number in 0..200 {
        put(&store, &format!("key-{number}"), "value");
        assert!(store.state.read().cache.bytes() <= 4000);
    }
    let cached = |key: &str| {
        let state = store.state.read();
        state
            .tree
            .get(key.as_bytes())
            .is_some_and(|slot| slot.record().is_some())
    };
    let missing = (0..200)
        .map(|number| format!("key-{number}"))
        .find(|key| !cached(key));
    let missing = missing.expect("200 records do not fit");
    assert_eq!(store.range(&get(&missing)).expect("present").kvs.len(), 1);
    assert!(cached(&missing));
}

#[test]
fn a_flush_writes_a_dump_when_enough_history_has_come() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let store = open(&TestEngine::new(), 0, Some(directory.path()));
    put(&store, "a", "value");
    let dumped = || store.maintenance.lock().bound.is_some();
    store.flush().expect("flush");
    assert!(!dumped());
    store.state.write().undumped_bytes += 64 << 20;
    store.flush().expect("flush");
    assert!(dumped());
    assert_eq!(store.state.read().undumped_bytes, 0);
    assert_eq!(store.durable(), store.revision());
}
