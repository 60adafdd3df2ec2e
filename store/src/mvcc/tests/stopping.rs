//! Sweeps that are told to stop.

use super::*;
use crate::mvcc::size::SEGMENT_REVISIONS;
use std::cell::Cell;

/// Many leaves to trim, and segments of which every revision is a piece.
fn filled(engine: &(Arc<TestEngine>, GarbageSlot), directory: &Path) -> Arc<Store> {
    let store = open(engine, 0, Some(directory));
    let value = "x".repeat(600);
    write(&store, |writer| {
        for number in 0..4000 {
            let key = format!("key-{number:04}").into();
            writer.put(&key, &"first".into(), 0);
        }
        writer.end_revision();
        for number in 0..4000 {
            let key = format!("key-{number:04}").into();
            writer.put(&key, &"second".into(), 0);
        }
        writer.end_revision();
    });
    (0..40).for_each(|_| put(&store, "a", &value));
    put(&store, "deleted", &value);
    delete(&store, "deleted");
    (0..20).for_each(|_| put(&store, "a", &value));
    compact(&store, store.revision()).expect("compact");
    store.dump().expect("dump");
    store
}

/// Sweeps until it has asked `patience` times whether to stop. Whether it came to its end.
fn sweep_for(store: &Store, patience: usize) -> bool {
    let looks = Cell::new(0);
    let stop = || {
        looks.set(looks.get() + 1);
        looks.get() > patience
    };
    store.sweep(&stop).expect("the test engine does not fail");
    looks.get() <= patience
}

#[test]
fn a_sweep_that_is_told_to_stop_at_once_does_nothing() {
    let engine = TestEngine::new();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let store = filled(&engine, directory.path());
    let (size, records) = (store.size(), engine.0.history_len());
    let swept = store.sweep(&|| true).expect("sweep");
    assert_eq!((swept.versions, swept.segments), (0, 0));
    assert_eq!(store.size(), size);
    assert_eq!(engine.0.history_len(), records);
    assert!(!store.is_swept(store.compacted()));
}

#[test]
fn a_sweep_asks_before_each_bounded_step_whether_to_stop() {
    let engine = TestEngine::new();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let store = filled(&engine, directory.path());
    let in_use = Cell::new(store.size().in_use);
    let (visited, pieces) = (Cell::new(*engine.0.visited.lock()), Cell::new(0));
    let (trimmings, most_visited, most_pieces) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let look = || {
        if in_use.replace(store.size().in_use) > in_use.get() {
            trimmings.set(trimmings.get() + 1);
        }
        let now = *engine.0.visited.lock();
        let since = now - visited.replace(now);
        most_visited.set(most_visited.get().max(since));
        let now = engine.0.reclaimed.lock().len();
        let since = now - pieces.replace(now);
        most_pieces.set(most_pieces.get().max(since));
        false
    };
    store.sweep(&look).expect("sweep");
    assert!(trimmings.get() > 1, "the index was trimmed in one step");
    assert_eq!(most_visited.get(), 1, "a segment was examined in one step");
    assert_eq!(most_pieces.get(), 1, "pieces without a look between them");
    let reclaimed = engine.0.reclaimed.lock();
    let whole = |(from, to): &(i64, i64)| to - from == SEGMENT_REVISIONS;
    assert!(!reclaimed.iter().any(whole), "a segment in one step");
}

#[test]
fn wherever_a_sweep_is_stopped_the_next_start_sweeps_on() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let undisturbed = {
        let engine = TestEngine::new();
        let store = filled(&engine, directory.path());
        assert!(sweep_for(&store, usize::MAX));
        store.dump().expect("dump");
        let store = open(&engine.0.crash(), 0, Some(directory.path()));
        store.sweep(&|| false).expect("sweep");
        (store.size().in_use, engine.0.history_len())
    };
    let mut patience = 0;
    loop {
        let engine = TestEngine::new();
        let store = filled(&engine, directory.path());
        let finished = sweep_for(&store, patience);
        assert_eq!(store.is_swept(store.compacted()), finished);
        // An orderly stop dumps the index, half trimmed as it may be; a crash does not.
        if patience % 2 == 0 {
            store.dump().expect("dump");
        }
        let crashed = engine.0.crash();
        let reopened = open(&crashed, 0, Some(directory.path()));
        assert_eq!(reopened.range(&everything()), store.range(&everything()));
        reopened.sweep(&|| false).expect("sweep");
        assert_eq!(reopened.range(&everything()), store.range(&everything()));
        let left = (reopened.size().in_use, crashed.0.history_len());
        assert_eq!(left.0, undisturbed.0, "stopped at look {patience}");
        assert!(left.1 <= undisturbed.1 + 16, "{left:?}, {undisturbed:?}");
        if finished {
            break;
        }
        // Every look in the beginning, where steps are of all kinds, then some.
        patience += 1 + patience / 4;
    }
}
