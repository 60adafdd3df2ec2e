//! Alarms, and what they forbid.

use super::*;
use alarm_request::AlarmAction;

const GET: i32 = AlarmAction::Get as i32;
const ACTIVATE: i32 = AlarmAction::Activate as i32;
const DEACTIVATE: i32 = AlarmAction::Deactivate as i32;
const NONE: i32 = AlarmType::None as i32;
const NOSPACE: i32 = AlarmType::Nospace as i32;
const CORRUPT: i32 = AlarmType::Corrupt as i32;

/// (member, type) of the alarms in the reply.
fn alarm(store: &mut Fixture, action: i32, member_id: u64, alarm: i32) -> Vec<(u64, i32)> {
    let request = AlarmRequest {
        action,
        member_id,
        alarm,
    };
    match store.apply(Operation::Alarm(request)) {
        Ok(Reply::Alarm(alarms)) => alarms.iter().map(|a| (a.member_id, a.alarm)).collect(),
        other => panic!("an alarm was answered with {other:?}"),
    }
}

fn put_error(store: &mut Fixture) -> Option<Error> {
    let request = PutRequest {
        key: bytes("new"),
        ..Default::default()
    };
    store.put_with(request).err()
}

#[test]
fn c103_without_space_nothing_is_stored_and_everything_else_goes_on() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    store.put("a", "1");
    store.put("b", "1");
    alarm(&mut store, ACTIVATE, 99, NOSPACE);
    assert_eq!(put_error(&mut store), Some(Error::NoSpace));
    assert_eq!(store.grant(2, 60), Err(Error::NoSpace));
    let storing = TxnRequest {
        failure: vec![nested(then(vec![put_op("c", "1")]))],
        ..Default::default()
    };
    assert_eq!(store.txn(storing), Err(Error::NoSpace));
    assert_eq!(store.store.revision(), 3);

    assert_eq!(store.delete("a", "").deleted, 1);
    store
        .txn(then(vec![delete_op("b", "")]))
        .expect("a deletion frees space");
    store.compact(5).expect("compaction frees space");
    store.revoke(1).expect("revocation frees space");
    assert_eq!(put_error(&mut store), Some(Error::NoSpace));
    alarm(&mut store, DEACTIVATE, 99, NOSPACE);
    assert_eq!(put_error(&mut store), None);
}

#[test]
fn c105_a_corrupt_cluster_changes_no_data() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    store.put("a", "1");
    alarm(&mut store, ACTIVATE, 5, NOSPACE);
    alarm(&mut store, ACTIVATE, 5, CORRUPT);
    let delete = Operation::DeleteRange(delete_request("a", ""));
    assert_eq!(put_error(&mut store), Some(Error::Corrupt));
    assert_eq!(store.apply(delete), Err(Error::Corrupt));
    assert_eq!(store.txn(then(vec![put_op("b", "1")])), Err(Error::Corrupt));
    assert_eq!(store.compact(2), Err(Error::Corrupt));
    assert_eq!(store.grant(2, 60), Err(Error::Corrupt));
    assert_eq!(store.revoke(1), Err(Error::Corrupt));
    assert_eq!(store.keys(), ["a"]);
    alarm(&mut store, DEACTIVATE, 5, CORRUPT);
    assert_eq!(put_error(&mut store), Some(Error::NoSpace));
}

#[test]
fn c106_alarms_are_per_member_and_type_and_persist() {
    let mut store = empty();
    assert_eq!(alarm(&mut store, ACTIVATE, 7, NOSPACE), [(7, NOSPACE)]);
    assert_eq!(alarm(&mut store, ACTIVATE, 7, NOSPACE), [(7, NOSPACE)]);
    assert_eq!(alarm(&mut store, ACTIVATE, 1, CORRUPT), [(1, CORRUPT)]);
    assert_eq!(alarm(&mut store, ACTIVATE, 3, NOSPACE), [(3, NOSPACE)]);
    let mut store = store.reopen();
    let all = [(3, NOSPACE), (7, NOSPACE), (1, CORRUPT)];
    assert_eq!(alarm(&mut store, GET, 0, NONE), all);
    assert_eq!(alarm(&mut store, GET, 0, CORRUPT), [(1, CORRUPT)]);
    assert_eq!(alarm(&mut store, DEACTIVATE, 7, NOSPACE), [(7, NOSPACE)]);
    assert_eq!(put_error(&mut store), Some(Error::Corrupt));
    let store = store.reopen();
    assert_eq!(store.machine.state().alarms().len(), 2);
}

#[test]
fn c106_raising_none_and_clearing_what_is_not_raised_do_nothing() {
    let mut store = empty();
    assert!(alarm(&mut store, ACTIVATE, 7, NONE).is_empty());
    assert!(alarm(&mut store, DEACTIVATE, 7, NOSPACE).is_empty());
    assert!(alarm(&mut store, 99, 7, NOSPACE).is_empty());
    assert!(store.machine.state().alarms().is_empty());
}
