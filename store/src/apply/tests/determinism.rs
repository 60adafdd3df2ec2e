//! The same commands give the same state, however they are cut into runs, whoever waits for the
//! replies, and wherever a crash falls.

use super::*;
use crate::engine::Family;
use crate::event::Event;
use crate::lease::{Change, Place};
use proptest::prelude::*;
use std::ops::ControlFlow;

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(KEYS.to_vec())
}

fn range_end() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "c", "z", "\0"])
}

fn put_request() -> impl Strategy<Value = PutRequest> {
    let flags = prop::sample::select(vec![
        (false, false),
        (false, false),
        (true, false),
        (false, true),
    ]);
    (key(), 0..4u8, 0..3i64, flags, any::<bool>()).prop_map(
        |(key, value, lease, (ignore_value, ignore_lease), prev_kv)| PutRequest {
            key: bytes(key),
            value: if ignore_value {
                Bytes::new()
            } else {
                vec![b'0' + value].into()
            },
            lease: if ignore_lease { 0 } else { lease },
            prev_kv,
            ignore_value,
            ignore_lease,
        },
    )
}

fn delete() -> impl Strategy<Value = DeleteRangeRequest> {
    (key(), range_end()).prop_map(|(key, end)| delete_request(key, end))
}

fn compare() -> impl Strategy<Value = Compare> {
    (key(), range_end(), 0..5i32, 0..4i32, 0..3i64).prop_map(
        |(key, end, target, result, number)| Compare {
            result,
            target,
            key: bytes(key),
            range_end: bytes(end),
            target_union: Some(match target {
                0 => compare::TargetUnion::Version(number),
                1 => compare::TargetUnion::CreateRevision(number),
                2 => compare::TargetUnion::ModRevision(number),
                3 => compare::TargetUnion::Value(vec![b'0' + number as u8].into()),
                _ => compare::TargetUnion::Lease(number),
            }),
        },
    )
}

fn txn() -> impl Strategy<Value = TxnRequest> {
    let leaf = prop_oneof![
        put_request().prop_map(|put| op(Request::RequestPut(put))),
        delete().prop_map(|delete| op(Request::RequestDeleteRange(delete))),
        (key(), -1..12i64).prop_map(|(key, revision)| range_op(key, revision)),
    ];
    let operation = leaf.prop_recursive(2, 8, 3, |inner| {
        txn_of(inner).prop_map(|txn| op(Request::RequestTxn(txn)))
    });
    txn_of(operation)
}

fn txn_of(
    operation: impl Strategy<Value = RequestOp> + Clone,
) -> impl Strategy<Value = TxnRequest> {
    let branch = prop::collection::vec(operation, 0..3);
    let compares = prop::collection::vec(compare(), 0..2);
    (compares, branch.clone(), branch).prop_map(|(compare, success, failure)| TxnRequest {
        compare,
        success,
        failure,
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let lease = 1..3i64;
    prop_oneof![
        6 => put_request().prop_map(Operation::Put),
        3 => delete().prop_map(Operation::DeleteRange),
        6 => txn().prop_map(Operation::Txn),
        1 => (0..12i64).prop_map(|revision| Operation::Compact(CompactionRequest {
            revision,
            physical: false,
        })),
        2 => lease.clone().prop_map(|id| Operation::LeaseGrant(LeaseGrantRequest { ttl: 60, id })),
        1 => lease.clone().prop_map(|id| Operation::LeaseRevoke(LeaseRevokeRequest { id })),
        1 => (lease.clone(), place()).prop_map(|(id, since)| {
            Operation::LeaseExpiry(LeaseExpiry { id, since })
        }),
        1 => (lease.clone(), place(), 0..70i64).prop_map(|(id, since, remaining_ttl)| {
            let notes = vec![LeaseNote { id, since, remaining_ttl }];
            Operation::LeaseNotes(LeaseNotes { notes })
        }),
        1 => (lease, 0..70i64).prop_map(|(id, remaining_ttl)| {
            Operation::LeaseCheckpoint(LeaseCheckpointRequest {
                checkpoints: vec![LeaseCheckpoint { id, remaining_ttl }],
            })
        }),
        1 => (1..3i32, 0..3u64, 0..2i32).prop_map(|(action, member_id, alarm)| {
            Operation::Alarm(AlarmRequest { action, member_id, alarm })
        }),
    ]
}

/// Where a lease may have been granted: the logs here have one command in an entry.
fn place() -> impl Strategy<Value = Option<Place>> {
    (1..20u64).prop_map(|index| Some(Place { index, command: 0 }))
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..60)
}

fn log(origin: Origin, operations: &[Operation]) -> Vec<Entry> {
    let entry = |(index, operation): (u64, &Operation)| {
        entry_of(index, origin, &[command(operation.clone())])
    };
    (1..).zip(operations).map(entry).collect()
}

/// Each member's own: how far its sweep had come when it wrote.
const OWN: &[u8] = b"mvcc/total";

/// Everything that the members must agree on.
#[derive(Debug, PartialEq)]
struct Content(Vec<(Family, Vec<u8>, Vec<u8>)>);

fn content(engine: &dyn Engine) -> Content {
    let mut content = Vec::new();
    for family in Family::ALL {
        engine
            .scan(family, b"", b"", &mut |key, value| {
                if (family, key) != (Family::Meta, OWN) {
                    content.push((family, key.to_vec(), value.to_vec()));
                }
                ControlFlow::Continue(())
            })
            .expect("memory can be read");
    }
    Content(content)
}

/// What a log brings about when it is applied in runs of `run` entries.
fn applied(log: &[Entry], run: usize) -> (Fixture, Vec<Event>, Vec<Change>) {
    let mut store = empty();
    let (mut events, mut changes) = (Vec::new(), Vec::new());
    for run in log.chunks(run) {
        let outcome = store.machine.apply(run);
        events.extend(outcome.events.events);
        changes.extend(outcome.lease_changes);
    }
    (store, events, changes)
}

/// The parts of an event that do not depend on what happened to be in memory.
fn essence(events: &[Event]) -> Vec<(Revision, u32, Bytes, bool, Bytes)> {
    let of = |event: &Event| {
        let Event {
            revision,
            sub,
            key,
            deleted,
            record,
            ..
        } = event.clone();
        (revision, sub, key, deleted, record)
    };
    events.iter().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn neither_runs_nor_replies_change_what_happens(operations in operations()) {
        let mine = log(ME, &operations);
        let (single, events, changes) = applied(&mine, 1);
        let others = log(Origin { member: 1, incarnation: 1 }, &operations);
        for (log, run) in [(&mine, 7), (&mine, usize::MAX), (&others, 1), (&others, usize::MAX)] {
            let (other, other_events, other_changes) = applied(log, run);
            prop_assert_eq!(content(&*single.engine), content(&*other.engine));
            prop_assert_eq!(essence(&events), essence(&other_events));
            prop_assert_eq!(&changes, &other_changes);
        }
    }

    #[test]
    fn a_refused_command_changes_nothing_but_the_position(operations in operations()) {
        let mut store = empty();
        for entry in log(ME, &operations) {
            let before = content(&*store.engine);
            let outcome = store.machine.apply(&[entry]);
            if outcome.replies[0].1.is_err() {
                let mut after = content(&*store.engine);
                after.0.retain(|(_, key, _)| key != b"apply/applied");
                let mut before = before;
                before.0.retain(|(_, key, _)| key != b"apply/applied");
                prop_assert_eq!(before, after);
                prop_assert!(outcome.events.events.is_empty());
                prop_assert!(outcome.lease_changes.is_empty());
            }
        }
    }

    #[test]
    fn after_a_crash_the_rest_of_the_log_gives_the_same_state(
        operations in operations(),
        flushed in 0..60usize,
        kept in 0..60usize,
    ) {
        let log = log(ME, &operations);
        let (whole, ..) = applied(&log, usize::MAX);

        let mut store = empty();
        for (at, entry) in log.iter().enumerate() {
            if at == flushed {
                store.engine.flush().expect("memory can be flushed");
            }
            store.machine.apply(std::slice::from_ref(entry));
        }
        store.engine.crash_keeping(kept);
        let mut store = store.reopen();
        let position = store.machine.position();
        // A log is replayed from somewhere at or before the position.
        let again = log.iter().map(|entry| entry.log_id.index);
        let from = again.take_while(|index| position.applied.is_some_and(|at| *index < at.index)).count();
        store.machine.apply(&log[from..]);
        prop_assert_eq!(content(&*whole.engine), content(&*store.engine));

        let leases = |store: &Fixture| {
            let state = store.machine.state();
            let ids = state.leases().ids();
            ids.into_iter().map(|id| (id, state.leases().get(id), state.leases().keys(id))).collect::<Vec<_>>()
        };
        prop_assert_eq!(leases(&whole), leases(&store));
        prop_assert_eq!(whole.machine.state().alarms(), store.machine.state().alarms());
        // The attachments are those that the records show.
        for (id, _, keys) in leases(&store) {
            let shown: Vec<_> = store.range("\0", "\0").into_iter().filter(|kv| kv.lease == id).map(|kv| kv.key).collect();
            prop_assert_eq!(keys, shown);
        }
    }
}
