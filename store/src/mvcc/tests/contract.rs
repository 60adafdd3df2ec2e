//! Single statements of the etcd contract, by number.

use super::*;
use crate::Error;
use crate::event::Previous;

#[test]
fn an_empty_store_is_at_revision_one_and_the_first_write_makes_two() {
    // #1
    let store = new_store();
    let answer = store.range(&everything()).expect("the present is readable");
    assert_eq!(answer.header.map(|header| header.revision), Some(1));
    put(&store, "a", "1");
    assert_eq!(store.revision(), 2);
}

#[test]
fn one_revision_covers_all_changes_made_before_it_ends() {
    // #2 #5
    let store = new_store();
    let batch = {
        let mut writer = store.writer();
        for key in ["b", "a"] {
            writer.put(&Bytes::from(key), &Bytes::new(), 0);
        }
        assert_eq!(writer.end_revision(), 2);
        assert_eq!(writer.end_revision(), 2);
        writer.commit().expect("commit")
    };
    let order: Vec<_> = batch
        .events
        .iter()
        .map(|event| (event.revision, event.sub, &event.key[..]))
        .collect();
    assert_eq!(order, [(2, 0, &b"b"[..]), (2, 1, b"a")]);
}

#[test]
fn deleting_nothing_changes_nothing() {
    // #3
    let store = new_store();
    assert!(!delete(&store, "a"));
    assert_eq!(store.revision(), 1);
}

#[test]
fn a_new_life_begins_after_a_deletion() {
    // #6 #7 #8
    let store = new_store();
    put(&store, "a", "1");
    put(&store, "a", "2");
    let mut writer = store.writer();
    assert!(writer.delete(b"a"));
    let batch = writer.commit().expect("commit");
    let event = &batch.events[0];
    assert!(event.deleted && matches!(event.previous, Previous::Record(_)));
    let expected = KeyValue {
        key: Bytes::from("a"),
        mod_revision: 4,
        ..KeyValue::default()
    };
    assert_eq!(decode(std::slice::from_ref(&event.record))[0], expected);
    put(&store, "a", "3");
    let kv = &decode(&store.range(&get("a")).expect("present").kvs)[0];
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (5, 5, 1));
}

#[test]
fn the_version_before_an_event_is_that_of_an_earlier_revision() {
    // #65
    let store = new_store();
    put(&store, "old", "1");
    let mut writer = store.writer();
    for key in ["old", "new"] {
        writer.put(&key.into(), &"2".into(), 0);
        assert!(writer.delete(key.as_bytes()));
    }
    writer.end_revision();
    let live = writer.commit().expect("commit").events;
    let caught_up = store.history(3, 3, usize::MAX).expect("kept").events;
    for events in [live, caught_up] {
        let found = events.iter().map(|event| {
            let record = store.previous(event)?;
            Some(decode(&[record])[0].mod_revision)
        });
        let found: Vec<_> = found.collect();
        assert_eq!(found, [Some(2), Some(2), None, None]);
    }
}

#[test]
fn reads_are_bounded_by_the_floor_and_the_present() {
    // #12 #13
    let store = new_store();
    (0..5).for_each(|_| put(&store, "a", "x"));
    let at = |revision| {
        store
            .range(&RangeRequest {
                revision,
                ..get("a")
            })
            .map(|answer| answer.count)
    };
    assert_eq!(compact(&store, 7), Err(Error::FutureRevision));
    assert_eq!(compact(&store, 4), Ok(()));
    assert_eq!(compact(&store, 4), Err(Error::Compacted));
    assert_eq!((at(3), at(4), at(6)), (Err(Error::Compacted), Ok(1), Ok(1)));
    assert_eq!(at(7), Err(Error::FutureRevision));
    assert_eq!(compact(&store, 6), Ok(()));
}

#[test]
fn revision_zero_can_be_compacted_once() {
    // #14
    let store = new_store();
    assert_eq!(compact(&store, 0), Ok(()));
    assert_eq!(compact(&store, 0), Err(Error::Compacted));
    assert_eq!(compact(&store, -1), Err(Error::Compacted));
}

#[test]
fn a_watch_at_the_floor_sees_the_deletion_made_there() {
    // #15 #59
    let store = new_store();
    put(&store, "a", "1");
    put(&store, "b", "1");
    delete(&store, "a");
    compact(&store, 4).expect("compact");
    store.sweep(&|| false).expect("sweep");
    let batch = store
        .history(4, 4, usize::MAX)
        .expect("the floor is readable");
    assert_eq!(batch.events.len(), 1);
    assert!(batch.events[0].deleted);
    assert_eq!(store.history(3, 4, usize::MAX), Err(Error::Compacted));
    put(&store, "b", "2");
    compact(&store, 5).expect("compact");
    store.sweep(&|| false).expect("sweep");
    assert_eq!(store.state.read().tree.sum().trimmable, 0);
}

#[test]
fn a_limit_with_a_target_but_no_order_cuts_before_it_sorts() {
    // #23
    let store = new_store();
    for key in ["d", "c", "b", "a"] {
        put(&store, key, "x");
    }
    let request = RangeRequest {
        limit: 2,
        sort_target: 3,
        ..everything()
    };
    let answer = store.range(&request).expect("present");
    let keys: Vec<_> = decode(&answer.kvs).into_iter().map(|kv| kv.key).collect();
    assert_eq!(keys, ["c", "b"]);
    assert!(answer.more);
    let ordered = RangeRequest {
        sort_order: 1,
        ..request
    };
    let keys: Vec<_> = decode(&store.range(&ordered).expect("present").kvs)
        .into_iter()
        .map(|kv| kv.key)
        .collect();
    assert_eq!(keys, ["d", "c"]);
}

#[test]
fn unknown_sort_options_are_refused() {
    // #24
    let store = new_store();
    let order = RangeRequest {
        sort_order: 3,
        ..everything()
    };
    let target = RangeRequest {
        sort_target: 5,
        ..everything()
    };
    assert_eq!(store.range(&order), Err(Error::InvalidSortOption));
    assert_eq!(store.range(&target), Err(Error::InvalidSortOption));
}

#[test]
fn keys_only_keeps_the_lease_and_still_sorts_by_value() {
    // #25
    let store = new_store();
    write(&store, |writer| {
        for (key, value) in [("a", "2"), ("b", "1")] {
            writer.put(&Bytes::from(key), &Bytes::from(value), 7);
        }
    });
    let request = RangeRequest {
        keys_only: true,
        sort_order: 1,
        sort_target: 4,
        ..everything()
    };
    let kvs = decode(&store.range(&request).expect("present").kvs);
    assert_eq!(
        kvs.iter().map(|kv| &kv.key[..]).collect::<Vec<_>>(),
        [b"b", b"a"]
    );
    assert!(kvs.iter().all(|kv| kv.lease == 7 && kv.value.is_empty()));
}

#[test]
fn an_inverted_range_is_empty() {
    // #28
    let store = new_store();
    put(&store, "b", "x");
    let request = RangeRequest {
        range_end: Bytes::from("a"),
        ..get("b")
    };
    let answer = store.range(&request).expect("present");
    assert_eq!((answer.count, answer.kvs.len()), (0, 0));
}

#[test]
fn a_range_inside_a_transaction_reports_the_revision_in_progress() {
    // #50c
    let store = new_store();
    put(&store, "a", "1");
    let mut writer = store.writer();
    let header =
        |answer: keelson_proto::serving::RangeResponse| answer.header.map(|header| header.revision);
    assert_eq!(writer.range(&get("a")).map(header), Ok(Some(2)));
    writer.put(&Bytes::from("a"), &Bytes::from("2"), 0);
    let answer = writer.range(&get("a")).expect("present");
    assert_eq!(&decode(&answer.kvs)[0].value[..], b"2");
    assert_eq!(header(answer), Some(3));
    writer.commit().expect("commit");
}
