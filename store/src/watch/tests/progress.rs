//! Progress: contract #67 to #69.

use super::bench::{Bench, everything, from, key, revision, values};
use crate::watch::{NO_WATCH, Options};
use keelson_proto::etcdserverpb::WatchCreateRequest;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(600);

fn notify(request: WatchCreateRequest) -> WatchCreateRequest {
    WatchCreateRequest {
        progress_notify: true,
        ..request
    }
}

#[test]
fn s67_a_quiet_watch_that_asked_for_it_hears_of_progress() {
    let bench = Bench::new();
    let mut asked = bench.watch(notify(key("a")));
    let mut other = bench.watch(key("a"));
    bench.put("b", "2");
    bench.run();
    bench.tick(INTERVAL - Duration::from_secs(1));
    assert_eq!(bench.drain(&mut asked), []);
    bench.tick(INTERVAL.mul_f64(1.11));
    let responses = bench.drain(&mut asked);
    assert_eq!(responses.len(), 1);
    assert_eq!((responses[0].watch_id, revision(&responses[0])), (0, 2));
    assert!(responses[0].events.is_empty() && !responses[0].created);
    assert_eq!(bench.drain(&mut other), []);
    bench.tick(INTERVAL.mul_f64(2.22));
    assert_eq!(bench.drain(&mut asked).len(), 1);
}

#[test]
fn s67_a_watch_that_got_events_in_the_interval_hears_nothing_more() {
    let bench = Bench::new();
    let mut stream = bench.watch(notify(key("a")));
    bench.put("a", "2");
    assert_eq!(bench.values(&mut stream), ["2"]);
    bench.tick(INTERVAL.mul_f64(1.11));
    assert_eq!(bench.drain(&mut stream), []);
    bench.tick(INTERVAL.mul_f64(2.22));
    assert_eq!(bench.drain(&mut stream).len(), 1);
}

#[test]
fn s67_a_watch_that_is_behind_hears_nothing() {
    let bench = Bench::with(Options {
        slice_bytes: 1,
        ..Options::default()
    });
    for _ in 0..50 {
        bench.put("a", "old");
    }
    bench.feed.reset();
    let mut stream = bench.watch(notify(from(2, key("b"))));
    bench.turn();
    bench.tick(INTERVAL.mul_f64(1.11));
    assert_eq!(super::bench::take(&mut stream), None);
    bench.run();
    bench.tick(INTERVAL.mul_f64(2.22));
    assert_eq!(revision(&bench.drain(&mut stream)[0]), 51);
}

#[test]
fn s68_a_request_gets_one_answer_when_all_watches_are_synced() {
    let bench = Bench::new();
    let mut stream = bench.watch(key("a"));
    stream.create(from(1, everything())).unwrap();
    stream.request_progress().unwrap();
    let responses = bench.drain(&mut stream);
    assert_eq!(responses.len(), 2);
    assert_eq!(
        (responses[1].watch_id, revision(&responses[1])),
        (NO_WATCH, 1)
    );
    bench.run();
    assert_eq!(bench.drain(&mut stream), []);
}

#[test]
fn s68_a_stream_without_watches_gets_no_answer() {
    let bench = Bench::new();
    let mut other = bench.watch(key("a"));
    let mut stream = bench.hub.open_stream();
    stream.request_progress().unwrap();
    assert_eq!(bench.drain(&mut stream), []);
    stream.create(key("a")).unwrap();
    assert_eq!(bench.drain(&mut stream).len(), 1);
    assert_eq!(bench.drain(&mut other), []);
}

#[test]
fn s68_a_lagging_watch_holds_the_answer_back() {
    let bench = Bench::with(Options {
        window_bytes: 1000,
        stream_queue_bytes: 1000,
        ..Options::default()
    });
    let mut stream = bench.watch(key("a"));
    for number in 2..=40 {
        bench.put("a", &number.to_string());
        bench.run();
    }
    stream.request_progress().unwrap();
    bench.run();
    let responses = bench.drain(&mut stream);
    let (answer, events) = responses.split_last().unwrap();
    assert_eq!(values(events).len(), 39);
    assert_eq!((answer.watch_id, revision(answer)), (NO_WATCH, 40));
}

#[test]
fn s69_an_answer_comes_after_every_event_it_covers() {
    let bench = Bench::new();
    let mut stream = bench.watch(key("a"));
    bench.put("a", "2");
    // The hub has not had a turn: the answer must bring the event along first.
    stream.request_progress().unwrap();
    let first = super::bench::take(&mut stream).unwrap();
    assert_eq!(values(&[first]), ["2"]);
    let answer = super::bench::take(&mut stream).unwrap();
    assert_eq!((answer.watch_id, revision(&answer)), (NO_WATCH, 2));
}

#[test]
fn s69_an_answer_is_as_recent_as_the_store_was_when_asked() {
    let bench = Bench::new();
    let mut stream = bench.watch(key("a"));
    let batch = bench.fake.commit(&[("b", Some("2"))]);
    stream.request_progress().unwrap();
    assert_eq!(bench.drain(&mut stream), []);
    bench.feed.publish(std::sync::Arc::new(batch));
    assert_eq!(revision(&bench.drain(&mut stream)[0]), 2);
}
