//! Creating and cancelling watches: contract #51 to #59, #66.

use super::bench::{Bench, everything, from, key, range, revision, take};
use crate::Error;
use crate::watch::{NO_WATCH, Options};
use keelson_proto::etcdserverpb::{WatchCreateRequest, WatchResponse};
use std::sync::atomic::Ordering;

fn created(bench: &Bench, request: WatchCreateRequest) -> WatchResponse {
    let mut stream = bench.hub.open_stream();
    stream.create(request).unwrap();
    let response = take(&mut stream).unwrap();
    assert!(response.created);
    response
}

#[test]
fn s51_a_range_that_ends_before_it_starts_is_refused() {
    let bench = Bench::new();
    for request in [range("b", "b"), range("b", "a"), range("", "\0\0")] {
        let refused = !request.key.is_empty();
        let response = created(&bench, request);
        assert_eq!(response.canceled, refused);
        if refused {
            assert_eq!(response.watch_id, NO_WATCH);
            assert_eq!(response.cancel_reason, "mvcc: watcher range is empty");
        }
    }
    assert_eq!(bench.feed.counters().watchers.load(Ordering::Relaxed), 0);
}

#[test]
fn s52_an_empty_key_is_the_lowest_key() {
    let bench = Bench::new();
    let mut lowest = bench.watch(key(""));
    let mut all = bench.watch(range("", "\0"));
    bench.put("\0", "lowest");
    bench.put("zebra", "other");
    assert_eq!(bench.values(&mut lowest), ["lowest"]);
    assert_eq!(bench.values(&mut all), ["lowest", "other"]);
}

#[test]
fn s53_ids_are_given_from_zero_and_skip_those_in_use() {
    let bench = Bench::new();
    let mut stream = bench.hub.open_stream();
    let mut id = |watch_id| {
        let request = key("a");
        stream
            .create(WatchCreateRequest {
                watch_id,
                ..request
            })
            .unwrap();
        take(&mut stream).unwrap()
    };
    assert_eq!(id(1).watch_id, 1);
    assert_eq!(id(0).watch_id, 0);
    assert_eq!(id(0).watch_id, 2);
    assert_eq!(id(-7).watch_id, -7);
    let refused = id(1);
    assert!(refused.created && refused.canceled);
    assert_eq!(refused.watch_id, NO_WATCH);
    let reason = "mvcc: duplicate watch ID provided on the WatchStream";
    assert_eq!(refused.cancel_reason, reason);
    bench.put("a", "1");
    let mut ids: Vec<_> = bench
        .drain(&mut stream)
        .iter()
        .map(|got| got.watch_id)
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [-7, 0, 1, 2]);
}

#[test]
fn s54_a_negative_start_is_refused_as_compacted() {
    let bench = Bench::new();
    let response = created(&bench, from(-1, key("a")));
    assert!(response.canceled);
    assert_eq!(response.watch_id, NO_WATCH);
    assert_eq!(response.cancel_reason, Error::Compacted.text());
}

#[test]
fn s56_start_zero_means_after_the_created_reply() {
    let bench = Bench::new();
    // Committed and visible, but its events have not reached the hub when the watch is made.
    let late = bench.fake.commit(&[("a", Some("before"))]);
    let mut stream = bench.hub.open_stream();
    stream.create(key("a")).unwrap();
    bench.feed.publish(std::sync::Arc::new(late));
    bench.put("a", "after");
    let responses = bench.drain(&mut stream);
    assert!(responses[0].created && revision(&responses[0]) == 2);
    assert_eq!(super::bench::values(&responses), ["after"]);
    assert!(responses[0].events.is_empty());
}

#[test]
fn s57_a_start_in_the_future_stays_silent_until_it_is_reached() {
    let bench = Bench::new();
    let progress = |request| WatchCreateRequest {
        progress_notify: true,
        ..request
    };
    let mut stream = bench.watch(progress(from(5, key("a"))));
    for value in ["2", "3", "4"] {
        bench.put("a", value);
        stream.request_progress().unwrap();
        bench.tick(std::time::Duration::from_secs(3600));
        assert_eq!(bench.drain(&mut stream), []);
    }
    bench.put("a", "5");
    assert_eq!(bench.values(&mut stream), ["5"]);
}

#[test]
fn s57_a_remembered_progress_request_is_answered_when_the_future_is_reached() {
    let bench = Bench::new();
    let mut stream = bench.watch(from(3, key("a")));
    stream.request_progress().unwrap();
    bench.put("b", "2");
    assert_eq!(bench.drain(&mut stream), []);
    bench.put("b", "3");
    let answers = bench.drain(&mut stream);
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].watch_id, revision(&answers[0])), (NO_WATCH, 3));
}

#[test]
fn s58_a_compacted_start_is_created_and_then_canceled() {
    let bench = Bench::new();
    for value in 2..=9 {
        bench.put("a", &value.to_string());
    }
    bench.fake.compact(6);
    let mut stream = bench.hub.open_stream();
    stream.create(from(5, key("a"))).unwrap();
    let responses = bench.drain(&mut stream);
    assert_eq!(responses.len(), 2);
    assert!(responses[0].created && !responses[0].canceled);
    assert_eq!(revision(&responses[0]), 9);
    assert!(responses[1].canceled && !responses[1].created);
    assert_eq!(responses[1].watch_id, responses[0].watch_id);
    assert_eq!(responses[1].compact_revision, 6);
    assert_eq!(revision(&responses[1]), 0);
    assert_eq!(responses[1].cancel_reason, "");
}

#[test]
fn s59_a_start_at_the_compacted_revision_works() {
    let bench = Bench::new();
    for value in 2..=9 {
        bench.put("a", &value.to_string());
    }
    bench.fake.compact(6);
    let mut stream = bench.watch(from(6, key("a")));
    assert_eq!(bench.values(&mut stream), ["6", "7", "8", "9"]);
}

#[test]
fn s66_cancel_answers_once_and_only_for_a_known_id() {
    let bench = Bench::new();
    let mut stream = bench.watch(key("a"));
    stream.cancel(17).unwrap();
    assert_eq!(bench.drain(&mut stream), []);
    bench.put("a", "before");
    bench.run();
    stream.cancel(0).unwrap();
    bench.put("a", "after");
    let responses = bench.drain(&mut stream);
    assert_eq!(super::bench::values(&responses), ["before"]);
    let canceled = responses.last().unwrap();
    assert!(canceled.canceled && canceled.cancel_reason.is_empty());
    assert_eq!((canceled.watch_id, canceled.compact_revision), (0, 0));
    stream.cancel(0).unwrap();
    assert_eq!(bench.drain(&mut stream), []);
}

#[test]
fn a_stream_takes_no_more_watches_than_its_limit() {
    let bench = Bench::with(Options {
        watches_max: 2,
        ..Options::default()
    });
    let mut stream = bench.watch(key("a"));
    stream.create(key("b")).unwrap();
    stream.create(key("c")).unwrap();
    let responses = bench.drain(&mut stream);
    assert!(!responses[0].canceled);
    assert!(responses[1].canceled);
    assert_eq!(responses[1].cancel_reason, Error::TooManyRequests.text());
}

#[test]
fn requests_are_refused_while_too_many_replies_are_unread() {
    let bench = Bench::with(Options {
        replies_max: 2,
        ..Options::default()
    });
    let mut stream = bench.hub.open_stream();
    stream.create(key("a")).unwrap();
    stream.create(key("a")).unwrap();
    assert_eq!(stream.create(key("a")), Err(Error::TooManyRequests));
    assert!(take(&mut stream).is_some());
    stream.create(key("a")).unwrap();
}

#[test]
fn dropping_a_stream_leaves_nothing_behind() {
    let bench = Bench::new();
    let options = [
        key("a"),
        everything(),
        from(1, key("a")),
        from(99, key("a")),
    ];
    bench.put("a", "1");
    let stream = bench.hub.open_stream();
    for request in options {
        let request = WatchCreateRequest {
            progress_notify: true,
            ..request
        };
        stream.create(request).unwrap();
    }
    bench.put("a", "2");
    bench.run();
    drop(stream);
    let counters = bench.feed.counters();
    for gauge in [
        &counters.streams,
        &counters.watchers,
        &counters.slow_watchers,
        &counters.pending_events,
    ] {
        assert_eq!(gauge.load(Ordering::Relaxed), 0);
    }
    let inner = bench.hub.inner();
    assert_eq!(inner.mailbox.waiting_bytes.load(Ordering::Relaxed), 0);
    assert!(!inner.mailbox.listening.load(Ordering::Relaxed));
    assert!(inner.state.lock().due.is_empty());
}
