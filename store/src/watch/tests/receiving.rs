//! What responses hold: contract #61 to #65.

use super::bench::{Bench, Change, everything, from, key, revision, take, values};
use crate::watch::Options;
use keelson_proto::etcdserverpb::WatchCreateRequest;
use keelson_proto::etcdserverpb::watch_create_request::FilterType;
use keelson_proto::mvccpb::event::EventType;

#[test]
fn s61_events_of_one_revision_come_in_one_response_and_in_order() {
    let bench = Bench::new();
    let mut live = bench.watch(everything());
    bench.write(&[("b", Some("1")), ("a", Some("2")), ("c", Some("3"))]);
    let mut late = bench.watch(from(2, everything()));
    for stream in [&mut live, &mut late] {
        let responses = bench.drain(stream);
        assert_eq!(responses.len(), 1);
        assert_eq!(values(&responses), ["1", "2", "3"]);
    }
}

#[test]
fn s61_a_response_spans_at_most_a_thousand_revisions() {
    let bench = Bench::new();
    let changes: &[Change<'_>] = &[("a", Some("1")), ("b", Some("2"))];
    let mut live = bench.watch(everything());
    bench.write_run(&vec![changes; 2500]);
    let mut late = bench.watch(from(2, everything()));
    for stream in [&mut live, &mut late] {
        let responses = bench.drain(stream);
        let events: Vec<_> = responses.iter().map(|got| got.events.len()).collect();
        assert_eq!(events, [2000, 2000, 1000]);
        let last = |got: &keelson_proto::etcdserverpb::WatchResponse| {
            got.events.last().unwrap().kv.as_ref().unwrap().mod_revision
        };
        assert!(responses.iter().all(|got| last(got) == revision(got)));
    }
}

#[test]
fn s61_large_responses_are_cut_between_revisions() {
    let bench = Bench::with(Options {
        response_bytes: 100,
        ..Options::default()
    });
    let mut stream = bench.watch(everything());
    let value = "x".repeat(30);
    let two: &[Change<'_>] = &[("a", Some(&value)), ("b", Some(&value))];
    bench.write_run(&[two, two, two]);
    let responses = bench.drain(&mut stream);
    assert_eq!(responses.len(), 3);
    assert!(
        responses
            .iter()
            .all(|got| got.events.len() == 2 && !got.fragment)
    );
}

#[test]
fn s62_only_a_watch_that_allows_it_gets_fragments() {
    let bench = Bench::with(Options {
        response_bytes: 80,
        ..Options::default()
    });
    let mut whole = bench.watch(everything());
    let fragment = true;
    let mut split = bench.watch(WatchCreateRequest {
        fragment,
        ..everything()
    });
    let value = "x".repeat(30);
    bench.write(&["a", "b", "c"].map(|key| (key, Some(&value[..]))));
    bench.put("d", "small");
    let responses = bench.drain(&mut whole);
    assert_eq!(responses[0].events.len(), 3);
    assert!(!responses[0].fragment);
    let responses = bench.drain(&mut split);
    let fragments: Vec<_> = responses.iter().map(|got| got.fragment).collect();
    assert_eq!(fragments, [true, true, false, false]);
    assert_eq!(values(&responses).len(), 4);
    assert!(responses[..3].iter().all(|got| revision(got) == 2));
}

#[test]
fn s63_the_header_names_the_events_revision_live_and_what_was_read_in_catch_up() {
    let bench = Bench::new();
    let mut live = bench.watch(key("a"));
    bench.write_run(&[&[("a", Some("2"))], &[("b", Some("3"))]]);
    assert_eq!(revision(&bench.drain(&mut live)[0]), 2);
    let mut late = bench.watch(from(2, key("a")));
    assert_eq!(revision(&bench.drain(&mut late)[0]), 3);
}

#[test]
fn s64_filters_leave_nothing_if_everything_is_filtered() {
    let bench = Bench::new();
    let filtered = |filters: &[FilterType]| WatchCreateRequest {
        filters: filters.iter().map(|filter| *filter as i32).collect(),
        ..everything()
    };
    let mut no_put = bench.watch(filtered(&[FilterType::Noput]));
    let mut no_delete = bench.watch(filtered(&[FilterType::Nodelete]));
    let mut nothing = bench.watch(filtered(&[FilterType::Noput, FilterType::Nodelete]));
    bench.put("a", "put");
    bench.run();
    assert!(take(&mut no_put).is_none());
    bench.write(&[("a", None)]);
    let deletes = bench.drain(&mut no_put);
    assert_eq!(deletes[0].events[0].r#type(), EventType::Delete);
    assert_eq!(deletes[0].events.len(), 1);
    assert_eq!(bench.values(&mut no_delete), ["put"]);
    assert_eq!(bench.drain(&mut nothing), []);
}

#[test]
fn s65_prev_kv_is_the_value_before_and_absent_for_creates() {
    let bench = Bench::new();
    let prev_kv = true;
    let mut live = bench.watch(WatchCreateRequest {
        prev_kv,
        ..everything()
    });
    let mut without = bench.watch(everything());
    bench.put("a", "1");
    bench.put("a", "2");
    bench.put("a", "3");
    bench.write(&[("a", None)]);
    bench.put("a", "4");
    let mut late = bench.watch(WatchCreateRequest {
        prev_kv,
        ..from(2, everything())
    });
    for stream in [&mut live, &mut late] {
        let responses = bench.drain(stream);
        let events: Vec<_> = responses.iter().flat_map(|got| &got.events).collect();
        let before = |index: usize| {
            let before = events[index].prev_kv.as_ref();
            before.map(|kv| (kv.value.to_vec(), kv.mod_revision))
        };
        assert_eq!(before(0), None);
        assert_eq!(before(1), Some((b"1".to_vec(), 2)));
        assert_eq!(before(2), Some((b"2".to_vec(), 3)));
        assert_eq!(before(3), Some((b"3".to_vec(), 4)));
        assert_eq!(before(4), None);
        assert_eq!(events[3].r#type(), EventType::Delete);
        assert_eq!(events[3].kv.as_ref().unwrap().mod_revision, 5);
    }
    let responses = bench.drain(&mut without);
    assert!(
        responses
            .iter()
            .flat_map(|got| &got.events)
            .all(|event| event.prev_kv.is_none())
    );
}

#[test]
fn s65_prev_kv_is_absent_where_it_was_compacted() {
    let bench = Bench::new();
    bench.put("a", "2");
    bench.put("b", "3");
    bench.put("a", "4");
    bench.put("a", "5");
    bench.put("a", "6");
    bench.fake.compact(4);
    bench.feed.reset();
    let mut stream = bench.watch(WatchCreateRequest {
        prev_kv: true,
        ..from(4, key("a"))
    });
    let responses = bench.drain(&mut stream);
    let events: Vec<_> = responses.iter().flat_map(|got| &got.events).collect();
    assert!(events[0].prev_kv.is_none());
    assert_eq!(events[1].prev_kv.as_ref().unwrap().value, "4");
    assert_eq!(events[2].prev_kv.as_ref().unwrap().value, "5");
}

#[test]
fn an_event_is_encoded_once_for_all_watchers() {
    let bench = Bench::new();
    let mut streams = [bench.watch(key("a")), bench.watch(everything())];
    bench.put("a", "shared");
    bench.run();
    let [one, other] = &mut streams;
    let one = one.try_next().unwrap().unwrap().events[0].clone();
    let other = other.try_next().unwrap().unwrap().events[0].clone();
    assert_eq!(one.as_ptr(), other.as_ptr());
}

#[test]
fn waiting_responses_of_one_watch_are_joined() {
    let bench = Bench::new();
    let mut stream = bench.watch(key("a"));
    for value in ["1", "2", "3"] {
        bench.put("a", value);
        bench.run();
    }
    let responses = bench.drain(&mut stream);
    assert_eq!(responses.len(), 1);
    assert_eq!(values(&responses), ["1", "2", "3"]);
    assert_eq!(revision(&responses[0]), 4);
}
