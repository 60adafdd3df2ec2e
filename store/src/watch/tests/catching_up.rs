//! Slow and late watchers: contract #60, #70, #71, #73.

use super::bench::{Bench, everything, from, key, take, values};
use crate::watch::{Options, Stream};
use keelson_proto::etcdserverpb::WatchCreateRequest;
use std::sync::atomic::Ordering;

/// A queue of a few events, a window of a few events, slices of a few events.
fn narrow() -> Bench {
    Bench::with(Options {
        window_bytes: 2000,
        stream_queue_bytes: 1000,
        slice_bytes: 500,
        ..Options::default()
    })
}

fn numbers(range: std::ops::RangeInclusive<i64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn put_numbers(bench: &Bench, range: std::ops::RangeInclusive<i64>) {
    for number in numbers(range) {
        bench.put("a", &number);
        bench.run();
    }
}

fn slow(bench: &Bench) -> u64 {
    bench.feed.counters().slow_watchers.load(Ordering::Relaxed)
}

#[test]
fn s60_compaction_cancels_a_watcher_it_overtakes_and_no_other() {
    let bench = narrow();
    let mut slow_reader = bench.watch(key("a"));
    let mut reader = bench.watch(key("a"));
    let mut read = Vec::new();
    for number in 2..=60 {
        bench.put("a", &number.to_string());
        read.extend(bench.values(&mut reader));
    }
    assert_eq!(slow(&bench), 1);
    bench.fake.compact(50);
    let responses = bench.drain(&mut slow_reader);
    let (last, before) = responses.split_last().unwrap();
    assert!(last.canceled && last.compact_revision == 50 && last.cancel_reason.is_empty());
    assert_eq!(super::bench::revision(last), 0);
    let got = values(before);
    assert_eq!(got, numbers(2..=got.len() as i64 + 1));
    bench.put("a", "61");
    read.extend(bench.values(&mut reader));
    assert_eq!(read, numbers(2..=61));
    assert_eq!(slow(&bench), 0);
}

#[test]
fn s70_a_slow_reader_gets_everything_it_missed_in_order() {
    let bench = narrow();
    let mut stream = bench.watch(key("a"));
    put_numbers(&bench, 2..=200);
    assert_eq!(slow(&bench), 1);
    let waiting = bench
        .hub
        .inner()
        .mailbox
        .waiting_bytes
        .load(Ordering::Relaxed);
    assert!(waiting < 2000, "{waiting} bytes wait");
    assert_eq!(bench.values(&mut stream), numbers(2..=200));
    assert_eq!(slow(&bench), 0);
    put_numbers(&bench, 201..=202);
    assert_eq!(bench.values(&mut stream), numbers(201..=202));
}

#[test]
fn s70_a_stuck_reader_costs_the_others_nothing() {
    let bench = narrow();
    let stuck = bench.watch(everything());
    let mut reader = bench.watch(everything());
    for number in numbers(2..=100) {
        bench.put("a", &number);
        bench.run();
        assert_eq!(values(&[take(&mut reader).unwrap()]), [number]);
    }
    drop(stuck);
    assert_eq!(slow(&bench), 0);
}

#[test]
fn an_event_shared_by_watches_of_a_stream_counts_once() {
    let bench = Bench::with(Options {
        stream_queue_bytes: 10_000,
        ..Options::default()
    });
    let mut stream = bench.hub.open_stream();
    for _ in 0..20 {
        stream.create(key("a")).unwrap();
    }
    let value = "x".repeat(3_000);
    bench.put("a", &value);
    bench.run();
    assert_eq!(slow(&bench), 0);
    let waiting = bench
        .hub
        .inner()
        .mailbox
        .waiting_bytes
        .load(Ordering::Relaxed);
    assert!(waiting > 3_000);
    assert_eq!(bench.values(&mut stream), vec![value; 20]);
}

#[test]
fn all_queues_of_a_hub_together_are_bounded() {
    let bench = Bench::with(Options {
        stream_queue_bytes: 16_000,
        hub_queue_bytes: 20_000,
        ..Options::default()
    });
    let mut streams: Vec<Stream> = (0..10).map(|_| bench.watch(key("a"))).collect();
    put_numbers(&bench, 2..=300);
    let waiting = bench
        .hub
        .inner()
        .mailbox
        .waiting_bytes
        .load(Ordering::Relaxed);
    assert!(waiting < 20_000 + 10 * 1_500, "{waiting} bytes wait");
    for stream in &mut streams {
        assert_eq!(bench.values(stream), numbers(2..=300));
    }
}

#[test]
fn a_revision_is_kept_whole_when_the_queue_fills_up_in_it() {
    let bench = narrow();
    let mut stream = bench.watch(everything());
    let keys: Vec<String> = (0..20).map(|number| format!("k{number:02}")).collect();
    let changes: Vec<_> = keys.iter().map(|key| (&key[..], Some("v"))).collect();
    for _ in 0..5 {
        bench.write(&changes);
        bench.run();
    }
    let responses = bench.drain(&mut stream);
    assert_eq!(values(&responses).len(), 100);
    for response in &responses {
        assert_eq!(response.events.len() % 20, 0);
    }
}

#[test]
fn s71_after_a_reset_every_watch_goes_on_from_its_next_revision() {
    let bench = Bench::new();
    let mut stream = bench.watch(key("a"));
    bench.put("a", "2");
    assert_eq!(bench.values(&mut stream), ["2"]);
    bench.put("a", "3");
    bench.fake.commit(&[("a", Some("4"))]);
    bench.fake.commit(&[("a", Some("5"))]);
    bench.feed.reset();
    bench.put("a", "6");
    assert_eq!(bench.values(&mut stream), ["3", "4", "5", "6"]);
}

#[test]
fn s71_a_watch_is_canceled_if_the_new_state_has_its_next_revision_compacted() {
    let bench = Bench::new();
    let mut stream = bench.watch(key("a"));
    bench.put("a", "2");
    bench.run();
    bench.fake.commit(&[("a", Some("3"))]);
    bench.fake.commit(&[("a", Some("4"))]);
    bench.fake.compact(4);
    bench.feed.reset();
    let responses = bench.drain(&mut stream);
    assert_eq!(values(&responses), ["2"]);
    assert_eq!(responses.last().unwrap().compact_revision, 4);
    bench.put("a", "5");
    assert_eq!(bench.drain(&mut stream), []);
}

#[test]
fn a_batch_that_arrives_after_a_reset_covered_it_is_not_seen_twice() {
    let bench = Bench::new();
    let mut stream = bench.watch(key("a"));
    let batch = bench.fake.commit(&[("a", Some("2"))]);
    bench.feed.reset();
    bench.feed.publish(std::sync::Arc::new(batch));
    bench.put("a", "3");
    assert_eq!(bench.values(&mut stream), ["2", "3"]);
}

#[test]
fn a_gap_before_a_batch_is_read_from_history() {
    let bench = Bench::new();
    let mut stream = bench.watch(key("a"));
    bench.fake.commit(&[("a", Some("2"))]);
    bench.put("a", "3");
    assert_eq!(bench.values(&mut stream), ["2", "3"]);
}

#[test]
fn s73_a_watcher_that_missed_little_does_not_wait_for_one_that_missed_much() {
    // A wide queue: the other must be slow for the length of its way, not for its reader.
    let bench = Bench::with(Options {
        window_bytes: 2000,
        slice_bytes: 500,
        ..Options::default()
    });
    put_numbers(&bench, 2..=500);
    let far = bench.watch(from(2, key("a")));
    let mut near = bench.watch(from(499, key("a")));
    for _ in 0..3 {
        bench.turn();
    }
    assert_eq!(values(&[take(&mut near).unwrap()]), ["499", "500"]);
    assert_eq!(slow(&bench), 1);
    drop(far);
}

#[test]
fn s73_watchers_at_one_position_share_the_reading() {
    let bench = Bench::with(Options {
        window_bytes: 0,
        slice_bytes: 500,
        ..Options::default()
    });
    put_numbers(&bench, 2..=100);
    let alone = {
        let mut stream = bench.watch(from(2, key("a")));
        let before = bench.fake.history_reads();
        assert_eq!(bench.values(&mut stream), numbers(2..=100));
        bench.fake.history_reads() - before
    };
    let before = bench.fake.history_reads();
    let mut streams: Vec<Stream> = (0..50).map(|_| bench.watch(from(2, key("a")))).collect();
    for stream in &mut streams {
        assert_eq!(bench.values(stream), numbers(2..=100));
    }
    assert_eq!(bench.fake.history_reads() - before, alone);
}

#[test]
fn recent_history_is_read_from_memory() {
    let bench = Bench::new();
    put_numbers(&bench, 2..=100);
    let mut stream = bench.watch(from(2, key("a")));
    assert_eq!(bench.values(&mut stream), numbers(2..=100));
    assert_eq!(bench.fake.history_reads(), 0);
}

#[test]
fn many_watches_on_one_stream_all_get_everything_through_a_narrow_queue() {
    let bench = narrow();
    let mut stream = bench.hub.open_stream();
    for _ in 0..100 {
        stream
            .create(WatchCreateRequest {
                prev_kv: true,
                ..key("a")
            })
            .unwrap();
    }
    put_numbers(&bench, 2..=20);
    let mut got = vec![Vec::new(); 100];
    for response in bench.drain(&mut stream) {
        got[response.watch_id as usize].extend(values(&[response]));
    }
    for one in got {
        assert_eq!(one, numbers(2..=20));
    }
}
