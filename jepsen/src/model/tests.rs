//! Laws of the model, on random requests: what the contract says in numbered statements, said once
//! more and in another way.

use super::*;
use crate::history::*;
use proptest::prelude::*;

fn key() -> impl Strategy<Value = Blob> {
    (0..4_u8).prop_map(|nth| Blob::from(format!("k{nth}")))
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        3 => key().prop_map(KeyRange::one),
        1 => (key(), key()).prop_map(|(key, end)| KeyRange { key, end }),
        1 => Just(KeyRange::all()),
    ]
}

fn read() -> impl Strategy<Value = KvCall> {
    (range(), 0..8_i64, 0..3_i64).prop_map(|(range, revision, limit)| {
        KvCall::Range(RangeCall {
            range,
            revision,
            limit,
            ..RangeCall::default()
        })
    })
}

fn put() -> impl Strategy<Value = KvCall> {
    (key(), 0..5_u8, 0..3_i64, any::<(bool, bool)>()).prop_map(
        |(key, value, lease, (prev_kv, ignore_value))| {
            let value = if ignore_value {
                Blob::empty()
            } else {
                Blob::from(vec![b'a' + value])
            };
            KvCall::Put(PutCall {
                key,
                value,
                lease,
                prev_kv,
                ignore_value,
                ignore_lease: false,
            })
        },
    )
}

fn delete() -> impl Strategy<Value = KvCall> {
    (range(), any::<bool>())
        .prop_map(|(range, prev_kv)| KvCall::Delete(DeleteCall { range, prev_kv }))
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let operator = prop_oneof![
        Just(Operator::Equal),
        Just(Operator::NotEqual),
        Just(Operator::Greater),
        Just(Operator::Less)
    ];
    let target = prop_oneof![
        (0..3_i64).prop_map(Target::Version),
        (0..5_i64).prop_map(Target::Create),
        (0..5_i64).prop_map(Target::Mod),
        (0..3_i64).prop_map(Target::Lease),
        Just(Target::Value("b".into())),
    ];
    (range(), operator, target).prop_map(|(range, operator, target)| Comparison {
        range,
        operator,
        target,
    })
}

fn call() -> impl Strategy<Value = KvCall> {
    let leaf = prop_oneof![2 => read(), 3 => put(), 2 => delete()];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let branch = proptest::collection::vec(inner, 0..3);
        (
            proptest::collection::vec(comparison(), 0..3),
            branch.clone(),
            branch,
        )
            .prop_map(|(compare, success, failure)| {
                KvCall::Txn(TxnCall {
                    compare,
                    success,
                    failure,
                })
            })
    })
}

fn calls() -> impl Strategy<Value = Vec<KvCall>> {
    proptest::collection::vec(call(), 1..20)
}

/// A store with leases one and two.
fn store() -> Store {
    let mut store = Store::new();
    store.grant(1).unwrap();
    store.grant(2).unwrap();
    store
}

fn after(calls: &[KvCall]) -> Store {
    let mut store = store();
    for call in calls {
        let _ = store.apply(call);
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn a_request_makes_one_revision_or_none_and_a_refusal_nothing(calls in calls()) {
        let mut store = store();
        for call in &calls {
            let before = store.clone();
            match store.apply(call) {
                Err(_) => prop_assert_eq!(&store, &before),
                Ok(answer) => {
                    let grew = i64::from(!answer.events.is_empty());
                    prop_assert_eq!(store.revision(), before.revision() + grew);
                    prop_assert_eq!(answer.revision, store.revision());
                    for event in &answer.events {
                        prop_assert_eq!(event.kv.mod_revision, store.revision());
                        prop_assert_eq!(event.prev.as_ref(), before.get(&event.kv.key));
                    }
                }
            }
        }
    }

    #[test]
    fn versions_count_and_what_was_stays(calls in calls()) {
        let mut store = store();
        let mut seen = vec![(1, Vec::new())];
        for call in &calls {
            let _ = store.apply(call);
            let now: Vec<KeyValue> = store.range_at(&KeyRange::all(), i64::MAX).into_iter().cloned().collect();
            for kv in &now {
                prop_assert!(kv.version >= 1 && kv.create_revision <= kv.mod_revision);
                prop_assert_eq!(kv.version == 1, kv.create_revision == kv.mod_revision);
            }
            seen.push((store.revision(), now));
        }
        seen.reverse();
        seen.dedup_by_key(|(revision, _)| *revision);
        for (revision, then) in seen {
            let read: Vec<KeyValue> = store.range_at(&KeyRange::all(), revision).into_iter().cloned().collect();
            prop_assert_eq!(read, then);
        }
    }

    #[test]
    fn what_is_taken_back_never_was(calls in calls(), last in call()) {
        let mut store = after(&calls);
        let before = store.clone();
        if let Ok(answer) = store.apply(&last) {
            store.take_back(&answer.events);
        }
        prop_assert_eq!(store, before);
    }

    #[test]
    fn a_transaction_of_one_request_is_that_request(calls in calls(), last in prop_oneof![read(), put(), delete()]) {
        let mut alone = after(&calls);
        let mut inside = alone.clone();
        let txn = KvCall::Txn(TxnCall { success: vec![last.clone()], ..TxnCall::default() });
        let (one, two) = (alone.apply(&last), inside.apply(&txn));
        prop_assert_eq!(one.is_ok(), two.is_ok());
        if let (Ok(one), Ok(two)) = (one, two) {
            prop_assert_eq!(KvReply::Txn(TxnReply { succeeded: true, replies: vec![one.reply] }), two.reply);
            prop_assert_eq!(one.events, two.events);
        }
        prop_assert_eq!(alone, inside);
    }

    #[test]
    fn compaction_hides_what_is_older_and_nothing_else(calls in calls(), at in 1..12_i64) {
        let whole = after(&calls);
        let mut compacted = whole.clone();
        let did = compacted.compact(at);
        prop_assert_eq!(did.is_ok(), at <= whole.revision());
        if did.is_ok() {
            for revision in at..=whole.revision() {
                prop_assert_eq!(
                    whole.range_at(&KeyRange::all(), revision),
                    compacted.range_at(&KeyRange::all(), revision)
                );
            }
            let read = RangeCall { range: KeyRange::all(), revision: at - 1, ..RangeCall::default() };
            let expected = if at > 1 { Err(Refusal::Compacted) } else { compacted.range(&RangeCall { revision: 0, ..read.clone() }) };
            prop_assert_eq!(compacted.range(&read), expected);
            prop_assert_eq!(compacted.compact(at), Err(Refusal::Compacted));
        }
    }

    #[test]
    fn keys_hang_on_the_lease_that_they_name_and_go_with_it(calls in calls()) {
        let mut store = after(&calls);
        for lease in [1, 2] {
            let now = store.range_at(&KeyRange::all(), i64::MAX);
            let named: Vec<Blob> = now.into_iter().filter(|kv| kv.lease == lease).map(|kv| kv.key.clone()).collect();
            prop_assert_eq!(&store.keys_of(lease), &named);
            let before = store.revision();
            let events = store.revoke(lease).unwrap();
            prop_assert_eq!(store.revision(), before + i64::from(!named.is_empty()));
            let gone: Vec<Blob> = events.into_iter().map(|event| event.kv.key).collect();
            prop_assert_eq!(gone, named);
            prop_assert_eq!(store.revoke(lease), Err(Refusal::NoLease));
        }
    }

    #[test]
    fn a_limit_cuts_and_a_count_does_not(calls in calls(), range in range(), limit in 1..4_i64) {
        let store = after(&calls);
        let call = RangeCall { range, ..RangeCall::default() };
        let all = store.range(&call).unwrap();
        let some = store.range(&RangeCall { limit, ..call.clone() }).unwrap();
        let count = store.range(&RangeCall { count_only: true, ..call }).unwrap();
        prop_assert_eq!(all.count, all.kvs.len() as i64);
        prop_assert_eq!(some.more, all.count > limit);
        prop_assert_eq!(&some.kvs[..], &all.kvs[..some.kvs.len()]);
        prop_assert_eq!((some.count, count.count, count.kvs.len()), (all.count, all.count, 0));
    }
}

fn value_is(key: &str, value: &str) -> Comparison {
    Comparison {
        range: KeyRange::one(key),
        operator: Operator::Equal,
        target: Target::Value(value.into()),
    }
}

fn write(key: &str, value: &str) -> KvCall {
    KvCall::Put(PutCall {
        key: key.into(),
        value: value.into(),
        ..PutCall::default()
    })
}

#[test]
fn conditions_inside_see_the_state_before_all() {
    let inner = KvCall::Txn(TxnCall {
        compare: vec![value_is("a", "1")],
        success: vec![write("b", "then")],
        failure: vec![write("b", "else")],
    });
    let call = KvCall::Txn(TxnCall {
        success: vec![write("a", "1"), inner],
        ..TxnCall::default()
    });
    let mut store = Store::new();
    store.apply(&call).unwrap();
    assert_eq!(*store.get(b"b").unwrap().value, *b"else");
}

#[test]
fn a_key_that_is_not_there_equals_no_value_and_differs_from_none() {
    for operator in [
        Operator::Equal,
        Operator::NotEqual,
        Operator::Greater,
        Operator::Less,
    ] {
        let compare = vec![Comparison {
            operator,
            ..value_is("none", "")
        }];
        let call = KvCall::Txn(TxnCall {
            compare,
            ..TxnCall::default()
        });
        let answer = Store::new().apply(&call).unwrap();
        assert_eq!(
            answer.reply,
            KvReply::Txn(TxnReply::default()),
            "{operator:?}"
        );
    }
}

#[test]
fn a_key_is_touched_once_in_a_branch() {
    let both = |one: KvCall, two: KvCall| {
        KvCall::Txn(TxnCall {
            success: vec![one, two],
            ..TxnCall::default()
        })
    };
    let delete = KvCall::Delete(DeleteCall {
        range: KeyRange::prefix("a"),
        prev_kv: false,
    });
    let branches = KvCall::Txn(TxnCall {
        compare: Vec::new(),
        success: vec![write("a", "1")],
        failure: vec![write("a", "2")],
    });
    assert_eq!(
        Store::new().apply(&both(write("a", "1"), write("a", "2"))),
        Err(Refusal::Invalid)
    );
    assert_eq!(
        Store::new().apply(&both(write("ab", "1"), delete.clone())),
        Err(Refusal::Invalid)
    );
    assert_eq!(
        Store::new().apply(&both(branches.clone(), branches.clone())),
        Err(Refusal::Invalid)
    );
    assert!(
        Store::new()
            .apply(&both(delete.clone(), delete.clone()))
            .is_ok()
    );
    assert!(Store::new().apply(&branches).is_ok());
    // What is written in one branch of a nested transaction and deleted in the other.
    let either = |success: KvCall, failure: KvCall| {
        KvCall::Txn(TxnCall {
            compare: Vec::new(),
            success: vec![success],
            failure: vec![failure],
        })
    };
    let alone = either(either(write("ab", "1"), delete.clone()), write("b", "1"));
    assert!(Store::new().apply(&alone).is_ok());
    // Among siblings it depends on which comes first.
    let deletes = either(delete, write("b", "1"));
    let writes = either(write("ab", "1"), write("c", "1"));
    let later = Store::new().apply(&both(writes.clone(), deletes.clone()));
    assert!(later.is_ok());
    assert_eq!(
        Store::new().apply(&both(deletes, writes)),
        Err(Refusal::Invalid)
    );
}
