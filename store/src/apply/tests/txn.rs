//! Transactions.

use super::*;
use compare::{CompareResult, CompareTarget, TargetUnion};
use serving::response_op::Response;

fn compare(key: &str, result: CompareResult, union: TargetUnion) -> Compare {
    let target = match &union {
        TargetUnion::Version(_) => CompareTarget::Version,
        TargetUnion::CreateRevision(_) => CompareTarget::Create,
        TargetUnion::ModRevision(_) => CompareTarget::Mod,
        TargetUnion::Value(_) => CompareTarget::Value,
        TargetUnion::Lease(_) => CompareTarget::Lease,
    };
    Compare {
        result: result as i32,
        target: target as i32,
        key: bytes(key),
        target_union: Some(union),
        range_end: Bytes::new(),
    }
}

fn exists(key: &str) -> Compare {
    compare(key, CompareResult::Greater, TargetUnion::Version(0))
}

/// Whether a transaction with this one comparison succeeds.
fn succeeds(store: &mut Fixture, compare: Compare) -> bool {
    let request = TxnRequest {
        compare: vec![compare],
        ..Default::default()
    };
    store.txn(request).expect("nothing to refuse").succeeded
}

fn responses(response: &serving::TxnResponse) -> Vec<Response> {
    let each = response.responses.iter();
    each.map(|op| op.response.clone().expect("a response"))
        .collect()
}

#[test]
fn c4_a_txn_that_writes_reports_the_new_revision_and_one_that_does_not_the_old() {
    let mut store = empty();
    let response = store.txn(then(vec![put_op("a", "1"), put_op("b", "1")]));
    assert_eq!(revision(&response.expect("applied").header), 2);
    let response = store.txn(then(vec![nested(then(vec![range_op("a", 0)]))]));
    assert_eq!(revision(&response.expect("applied").header), 2);
    let response = store.txn(then(vec![delete_op("x", "")]));
    assert_eq!(revision(&response.expect("applied").header), 2);
}

#[test]
fn c5_operations_share_a_revision_in_their_order() {
    let mut store = empty();
    store.put("x", "1");
    let request = then(vec![
        put_op("b", "1"),
        nested(then(vec![delete_op("x", "")])),
        put_op("a", "1"),
    ]);
    let outcome = store.outcome(Operation::Txn(request));
    let order: Vec<_> = outcome
        .events
        .events
        .iter()
        .map(|event| (event.revision, event.sub, text(&event.key)))
        .collect();
    let expected = [(3, 0, "b"), (3, 1, "x"), (3, 2, "a")];
    assert_eq!(order, expected.map(|(r, s, key)| (r, s, key.to_owned())));
}

#[test]
fn c46_a_duplicate_that_reached_the_log_changes_nothing() {
    let mut store = empty();
    let request = then(vec![put_op("a", "1"), put_op("a", "2")]);
    assert_eq!(store.txn(request), Err(Error::DuplicateKey));
    assert_eq!(store.store.revision(), 1);
}

#[test]
fn c48_a_deletion_from_a_key_on_and_a_put_behind_it_both_happen_in_order() {
    let mut store = empty();
    store.put("a", "1");
    store.put("k", "1");
    store
        .txn(then(vec![delete_op("a", "\0"), put_op("k", "2")]))
        .expect("applied");
    assert_eq!(store.keys(), ["k"]);
    let kv = store.get("k").expect("k");
    assert_eq!((kv.version, kv.create_revision, kv.mod_revision), (1, 4, 4));
    store
        .txn(then(vec![put_op("m", "2"), delete_op("a", "\0")]))
        .expect("applied");
    assert!(store.keys().is_empty());
}

#[test]
fn c49_nested_compares_see_the_state_before_the_txn() {
    let mut store = empty();
    let inner = TxnRequest {
        compare: vec![exists("a")],
        success: vec![put_op("b", "seen")],
        failure: vec![put_op("b", "not seen")],
    };
    store
        .txn(then(vec![put_op("a", "1"), nested(inner.clone())]))
        .expect("applied");
    assert_eq!(store.value("b").as_deref(), Some("not seen"));
    let deletes = nested(then(vec![delete_op("a", "")]));
    store
        .txn(then(vec![deletes, nested(inner)]))
        .expect("applied");
    assert_eq!(store.value("b").as_deref(), Some("seen"));
}

#[test]
fn c50_a_missing_key_compares_as_zero_and_its_value_as_nothing() {
    use CompareResult::*;
    let mut store = empty();
    for zero in [
        TargetUnion::Version(0),
        TargetUnion::CreateRevision(0),
        TargetUnion::ModRevision(0),
        TargetUnion::Lease(0),
    ] {
        assert!(succeeds(&mut store, compare("a", Equal, zero.clone())));
        assert!(!succeeds(&mut store, compare("a", Greater, zero)));
    }
    for result in [Equal, NotEqual, Greater, Less] {
        for value in ["", "x"] {
            let value = TargetUnion::Value(bytes(value));
            assert!(!succeeds(&mut store, compare("a", result, value)));
        }
    }
}

#[test]
fn c50_every_operator_compares_what_is_there_with_what_is_asked() {
    use CompareResult::*;
    let mut store = empty();
    store.put("a", "m");
    store.put("a", "m");
    let mut check = |union: TargetUnion, expected: [bool; 4]| {
        let got = [Equal, NotEqual, Greater, Less]
            .map(|result| succeeds(&mut store, compare("a", result, union.clone())));
        assert_eq!(got, expected, "{union:?}");
    };
    let (equal, greater, less) = (
        [true, false, false, false],
        [false, true, true, false],
        [false, true, false, true],
    );
    check(TargetUnion::Version(2), equal);
    check(TargetUnion::Version(1), greater);
    check(TargetUnion::CreateRevision(3), less);
    check(TargetUnion::ModRevision(3), equal);
    check(TargetUnion::Lease(-1), greater);
    check(TargetUnion::Value(bytes("m")), equal);
    check(TargetUnion::Value(bytes("l")), greater);
    check(TargetUnion::Value(bytes("ma")), less);
}

#[test]
fn c50a_a_compare_over_a_range_holds_for_every_key_or_for_a_missing_one() {
    use CompareResult::*;
    let mut store = empty();
    let over = |union: TargetUnion, result: CompareResult| Compare {
        range_end: bytes("c"),
        ..compare("a", result, union)
    };
    assert!(succeeds(&mut store, over(TargetUnion::Version(0), Equal)));
    let value = TargetUnion::Value(bytes("x"));
    assert!(!succeeds(&mut store, over(value.clone(), NotEqual)));
    store.put("a", "x");
    store.put("b", "x");
    store.put("c", "outside");
    assert!(succeeds(&mut store, over(value.clone(), Equal)));
    store.put("b", "y");
    assert!(!succeeds(&mut store, over(value, Equal)));
    assert!(!succeeds(&mut store, over(TargetUnion::Version(1), Equal)));
    assert!(succeeds(&mut store, over(TargetUnion::Version(0), Greater)));
}

#[test]
fn c50b_unset_and_unknown_parts_of_a_compare_act_as_in_etcd() {
    let mut store = empty();
    store.put("a", "");
    let unset = |target: CompareTarget| Compare {
        target: target as i32,
        key: bytes("a"),
        ..Default::default()
    };
    assert!(!succeeds(&mut store, unset(CompareTarget::Version)));
    assert!(succeeds(&mut store, unset(CompareTarget::Lease)));
    assert!(succeeds(&mut store, unset(CompareTarget::Value)));
    let unknown = Compare {
        result: 99,
        ..unset(CompareTarget::Version)
    };
    assert!(succeeds(&mut store, unknown));
    // A number meant for another target counts as none.
    let other = Compare {
        target_union: Some(TargetUnion::ModRevision(1)),
        ..unset(CompareTarget::Version)
    };
    assert!(!succeeds(&mut store, other));
}

#[test]
fn c50c_a_range_sees_the_puts_before_it_and_not_those_behind() {
    let mut store = empty();
    let request = then(vec![
        range_op("a", 0),
        put_op("a", "1"),
        range_op("a", 0),
        nested(then(vec![range_op("a", 0)])),
    ]);
    let response = store.txn(request).expect("applied");
    let responses = responses(&response);
    let counts: Vec<_> = responses
        .iter()
        .map(|response| match response {
            Response::ResponseRange(range) => range.kvs.len(),
            Response::ResponseTxn(txn) => match &txn.responses[0].response {
                Some(Response::ResponseRange(range)) => range.kvs.len(),
                _ => 99,
            },
            _ => 7,
        })
        .collect();
    assert_eq!(counts, [0, 7, 1, 1]);
}

#[test]
fn c50c_an_unreadable_revision_refuses_the_whole_txn() {
    let mut store = empty();
    for value in ["1", "2", "3"] {
        store.put("a", value);
    }
    store.compact(3).expect("compacted");
    for (pin, error) in [
        (2, Error::Compacted),
        (-1, Error::Compacted),
        (5, Error::FutureRevision),
    ] {
        let inner = nested(then(vec![range_op("a", pin)]));
        let request = then(vec![put_op("b", "1"), inner]);
        assert_eq!(store.txn(request), Err(error));
        assert_eq!((store.get("b"), store.store.revision()), (None, 4));
    }
    for pin in [0, 3, 4] {
        let request = then(vec![range_op("a", pin)]);
        assert!(store.txn(request).is_ok(), "revision {pin}");
    }
    // On the branch that is not taken nothing is looked at.
    let request = TxnRequest {
        compare: vec![exists("missing")],
        success: vec![range_op("a", 99)],
        failure: vec![],
    };
    assert!(store.txn(request).is_ok());
}

#[test]
fn c50d_a_missing_lease_refuses_the_whole_txn() {
    let mut store = empty();
    let leased = op(Request::RequestPut(PutRequest {
        key: bytes("b"),
        lease: 7,
        ..Default::default()
    }));
    let request = then(vec![put_op("a", "1"), nested(then(vec![leased]))]);
    assert_eq!(store.txn(request.clone()), Err(Error::LeaseNotFound));
    assert_eq!((store.get("a"), store.store.revision()), (None, 1));
    store.grant(7, 60).expect("granted");
    store.txn(request).expect("applied");
    assert_eq!(store.attached(7), ["b"]);
}

#[test]
fn c50d_a_missing_key_to_keep_something_of_refuses_the_whole_txn() {
    let keeping = |key: &str| {
        op(Request::RequestPut(PutRequest {
            key: bytes(key),
            ignore_value: true,
            ..Default::default()
        }))
    };
    let mut store = empty();
    let request = then(vec![put_op("a", "1"), keeping("b")]);
    assert_eq!(store.txn(request), Err(Error::KeyNotFound));
    assert_eq!(store.store.revision(), 1);

    store.put("b", "1");
    let request = then(vec![delete_op("a", "\0"), keeping("b")]);
    assert_eq!(store.txn(request), Err(Error::KeyNotFound));
    assert_eq!(store.value("b").as_deref(), Some("1"));

    let request = then(vec![delete_op("c", "\0"), keeping("b")]);
    store.txn(request).expect("applied");
    assert_eq!(store.get("b").expect("b").version, 2);
}

#[test]
fn c50f_responses_inside_carry_the_revision_and_nothing_else() {
    let mut store = empty();
    store.put("x", "1");
    let request = then(vec![
        range_op("x", 0),
        put_op("a", "1"),
        delete_op("x", ""),
        range_op("x", 0),
        nested(then(vec![])),
    ]);
    let response = store.txn(request).expect("applied");
    let headers: Vec<_> = responses(&response)
        .into_iter()
        .map(|response| match response {
            Response::ResponseRange(range) => range.header,
            Response::ResponsePut(put) => put.header,
            Response::ResponseDeleteRange(delete) => delete.header,
            Response::ResponseTxn(txn) => txn.header,
        })
        .collect();
    let only = |revision| {
        Some(ResponseHeader {
            revision,
            ..Default::default()
        })
    };
    assert_eq!(headers, [only(2), only(3), only(3), only(3), only(0)]);
}

#[test]
fn c33_c50f_versions_before_come_back_inside_a_txn_too() {
    let mut store = empty();
    store.put("a", "1");
    store.put("b", "1");
    let put = op(Request::RequestPut(PutRequest {
        key: bytes("a"),
        value: bytes("2"),
        prev_kv: true,
        ..Default::default()
    }));
    let response = store
        .txn(then(vec![put, delete_op("b", "")]))
        .expect("applied");
    match &responses(&response)[..] {
        [
            Response::ResponsePut(put),
            Response::ResponseDeleteRange(delete),
        ] => {
            assert_eq!(text(&record(&put.prev_kv).value), "1");
            assert_eq!((delete.deleted, delete.prev_kvs.len()), (1, 1));
        }
        other => panic!("unexpected responses {other:?}"),
    }
}

#[test]
fn the_failure_branch_runs_when_a_compare_does_not_hold() {
    let mut store = empty();
    let request = TxnRequest {
        compare: vec![exists("a")],
        success: vec![delete_op("a", "")],
        failure: vec![put_op("a", "1")],
    };
    let created = store.txn(request.clone()).expect("applied");
    assert!(!created.succeeded);
    assert_eq!(store.value("a").as_deref(), Some("1"));
    let deleted = store.txn(request).expect("applied");
    assert!(deleted.succeeded);
    assert_eq!(store.get("a"), None);
}
