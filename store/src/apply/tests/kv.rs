//! Puts, deletions, compactions.

use super::*;

#[test]
fn c1_c2_the_first_write_makes_revision_two_and_each_further_one_the_next() {
    let mut store = empty();
    assert_eq!(store.store.revision(), 1);
    assert_eq!(store.put("a", "1"), 2);
    assert_eq!(store.put("b", "1"), 3);
    assert_eq!(revision(&store.delete("a", "z").header), 4);
    assert_eq!(store.store.revision(), 4);
}

#[test]
fn c2_every_command_of_a_run_has_its_own_revision() {
    let mut store = empty();
    let put = |key: &str| {
        command(Operation::Put(PutRequest {
            key: bytes(key),
            ..Default::default()
        }))
    };
    let run = [entry(1, &[put("a"), put("b")]), entry(2, &[put("c")])];
    let outcome = store.machine.apply(&run);
    let requests: Vec<_> = outcome.replies.iter().map(|(id, _)| *id).collect();
    assert_eq!(requests, [100, 101, 200]);
    let revisions: Vec<_> = outcome.events.events.iter().map(|e| e.revision).collect();
    assert_eq!(revisions, [2, 3, 4]);
    assert_eq!(outcome.events.revision, 4);
}

#[test]
fn c3_deleting_nothing_leaves_the_revision_alone() {
    let mut store = empty();
    store.put("a", "1");
    let response = store.delete("b", "");
    assert_eq!((response.deleted, revision(&response.header)), (0, 2));
    let response = store.delete("z", "a");
    assert_eq!((response.deleted, revision(&response.header)), (0, 2));
}

#[test]
fn c4_a_puts_header_is_the_keys_mod_revision() {
    let mut store = empty();
    let put = store.put("a", "1");
    assert_eq!(store.get("a").expect("a").mod_revision, put);
}

#[test]
fn c5_a_deletion_of_several_keys_is_one_revision_in_key_order() {
    let mut store = empty();
    for key in ["c", "a", "b"] {
        store.put(key, "v");
    }
    let outcome = store.outcome(Operation::DeleteRange(delete_request("a", "z")));
    let events: Vec<_> = outcome
        .events
        .events
        .iter()
        .map(|event| (event.revision, event.sub, text(&event.key), event.deleted))
        .collect();
    let expected = [(5, 0, "a"), (5, 1, "b"), (5, 2, "c")]
        .map(|(revision, sub, key)| (revision, sub, key.to_owned(), true));
    assert_eq!(events, expected);
}

#[test]
fn c29_ignoring_needs_a_key_that_exists() {
    let mut store = empty();
    for (ignore_value, ignore_lease) in [(true, false), (false, true)] {
        let request = PutRequest {
            key: bytes("a"),
            ignore_value,
            ignore_lease,
            ..Default::default()
        };
        assert_eq!(store.put_with(request), Err(Error::KeyNotFound));
    }
    assert_eq!(store.store.revision(), 1);
}

#[test]
fn c29_nonsense_that_reached_the_log_changes_nothing() {
    let mut store = empty();
    let request = PutRequest {
        key: bytes("a"),
        value: bytes("v"),
        ignore_value: true,
        ..Default::default()
    };
    assert_eq!(store.put_with(request), Err(Error::ValueProvided));
    assert_eq!(store.put_with(PutRequest::default()), Err(Error::EmptyKey));
    assert_eq!(store.store.revision(), 1);
}

#[test]
fn c30_ignoring_the_value_makes_a_new_version_with_the_old_value() {
    let mut store = empty();
    store.put("a", "1");
    let outcome = store.outcome(Operation::Put(PutRequest {
        key: bytes("a"),
        ignore_value: true,
        ..Default::default()
    }));
    let kv = record(&outcome.events.events[0].record);
    assert_eq!(
        (text(&kv.value), kv.version, kv.mod_revision),
        ("1".into(), 2, 3)
    );
}

#[test]
fn c31_an_unknown_lease_refuses_the_put() {
    let mut store = empty();
    assert_eq!(store.put_leased("a", 7), Err(Error::LeaseNotFound));
    assert_eq!((store.get("a"), store.store.revision()), (None, 1));
}

#[test]
fn c32_a_put_moves_a_key_between_leases_and_away_from_them() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    store.grant(2, 60).expect("granted");
    store.put_leased("a", 1).expect("put");
    assert_eq!(store.attached(1), ["a"]);
    store.put_leased("a", 2).expect("put");
    assert!(store.attached(1).is_empty());
    assert_eq!(store.attached(2), ["a"]);
    store.put("a", "v");
    assert!(store.attached(2).is_empty());
    assert_eq!(store.get("a").expect("a").lease, 0);
}

#[test]
fn c32_ignoring_the_lease_keeps_it() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    store.put_leased("a", 1).expect("put");
    let request = PutRequest {
        key: bytes("a"),
        value: bytes("new"),
        ignore_lease: true,
        ..Default::default()
    };
    store.put_with(request).expect("put");
    assert_eq!(store.get("a").expect("a").lease, 1);
    assert_eq!(store.attached(1), ["a"]);
}

#[test]
fn c33_the_version_before_comes_back_if_asked_for() {
    let mut store = empty();
    let request = PutRequest {
        key: bytes("a"),
        value: bytes("1"),
        prev_kv: true,
        ..Default::default()
    };
    let created = store.put_with(request.clone()).expect("put");
    assert!(created.prev_kv.is_empty());
    let replaced = store.put_with(request).expect("put");
    assert_eq!(record(&replaced.prev_kv).mod_revision, 2);
    store.put("b", "2");
    let deleted = records(&store.delete("a", "z").prev_kvs);
    let keys: Vec<_> = deleted.iter().map(|kv| text(&kv.key)).collect();
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(text(&deleted[1].value), "2");
}

#[test]
fn c35_the_same_value_again_is_a_new_revision() {
    let mut store = empty();
    assert_eq!(store.put("a", "1"), 2);
    assert_eq!(store.put("a", "1"), 3);
}

#[test]
fn c13_c14_compaction_goes_forward_only_and_not_into_the_future() {
    let mut store = empty();
    store.put("a", "1");
    let done = |revision| Ok(Reply::Compact { revision });
    assert_eq!(store.compact(0), done(2));
    assert_eq!(store.compact(0), Err(Error::Compacted));
    assert_eq!(store.compact(3), Err(Error::FutureRevision));
    assert_eq!(store.compact(2), done(2));
    assert_eq!(store.compact(2), Err(Error::Compacted));
}

#[test]
fn the_outcome_names_the_newest_compaction() {
    let mut store = empty();
    store.put("a", "1");
    store.put("a", "2");
    let compact = |revision| {
        command(Operation::Compact(CompactionRequest {
            revision,
            physical: false,
        }))
    };
    let commands = [compact(1), compact(3), compact(2)];
    let outcome = store.machine.apply(&[entry(3, &commands)]);
    assert_eq!(outcome.compacted, Some(3));
    assert_eq!(outcome.replies[2].1, Err(Error::Compacted));
}
