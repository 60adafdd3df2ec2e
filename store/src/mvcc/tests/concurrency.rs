//! Readers beside the writer and the sweeper.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Every revision writes the same number to all keys, so any mixture of revisions shows.
#[test]
fn a_scan_is_of_one_revision_whatever_happens_meanwhile() {
    const KEYS: usize = 1200;
    let engine = TestEngine::new();
    let store = open(&engine, 20_000, None);
    let write_all = |number: usize| {
        let mut writer = store.writer();
        for key in 0..KEYS {
            writer.put(
                &format!("key-{key:05}").into(),
                &format!("{number}").into(),
                0,
            );
        }
        writer.commit().expect("commit");
    };
    write_all(0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let revision = store.revision();
                if revision > store.compacted() {
                    compact(&store, revision).expect("compact");
                }
                store
                    .sweep(&|| stop.load(Ordering::Relaxed))
                    .expect("sweep");
            }
        });
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..15 {
                        let mut scan = store.begin_range(&everything()).expect("the present");
                        let mut kvs = Vec::new();
                        loop {
                            let chunk = scan.next_chunk(100, usize::MAX).expect("pinned");
                            if chunk.is_empty() {
                                break;
                            }
                            kvs.extend(decode(&chunk));
                        }
                        assert_eq!(kvs.len(), KEYS);
                        assert!(kvs.iter().all(|kv| kv.value == kvs[0].value));
                        assert!(kvs.iter().all(|kv| kv.mod_revision <= scan.revision()));
                    }
                })
            })
            .collect();
        (1..40).for_each(write_all);
        // The sweeper is told before anything is made of the outcomes: one that was not would sweep for ever.
        let read: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
        stop.store(true, Ordering::Relaxed);
        sweeper.join().expect("sweeper");
        read.into_iter()
            .for_each(|outcome| outcome.expect("reader"));
    });
}

#[test]
fn a_dump_taken_while_keys_change_is_of_one_revision() {
    let engine = TestEngine::new();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let store = open(&engine, 0, Some(directory.path()));
    let key = |number: usize| format!("key-{:05}", number * 7919 % 3000);
    (0..3000).for_each(|number| put(&store, &key(number), "first"));
    let dumping = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // Or all is written before the first dump is begun, and there is none.
            while !dumping.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            for number in 0..1500 {
                match number % 3 {
                    0 => drop(delete(&store, &key(number))),
                    _ => put(&store, &key(number), "second"),
                }
            }
        });
        dumping.store(true, Ordering::Relaxed);
        loop {
            store.dump().expect("dump");
            if writer.is_finished() {
                break;
            }
        }
        writer.join().expect("writer");
    });
    store.flush().expect("flush");
    let reopened = open(&engine.0.crash(), 0, Some(directory.path()));
    assert!(reopened.maintenance.lock().bound.is_some());
    assert_eq!(reopened.range(&everything()), store.range(&everything()));
    for revision in [3001, 3500, 4200] {
        let request = RangeRequest {
            revision,
            ..everything()
        };
        assert_eq!(reopened.range(&request), store.range(&request));
    }
    assert_eq!(reopened.size(), store.size());
}
