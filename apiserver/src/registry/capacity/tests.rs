//! An audit finds what was done wrong.

use super::{COUNTED, Fault, LEDGERS, audit};
use crate::storage::{Change, Changed, Changes, KeyValue};
use serde_json::{Value, json};
use std::slice::from_ref;

/// A history: keys and values, `None` for those that go, in revisions of their own unless they are
/// written together.
fn history(revisions: &[&[(&str, Option<Value>)]]) -> Vec<Changes> {
    let changes = |(number, writes): (usize, &&[(&str, Option<Value>)])| {
        let revision = number as u64 + 2;
        let change = |(key, value): &(&str, Option<Value>)| Change {
            changed: match value {
                Some(_) => Changed::Put,
                None => Changed::Deleted,
            },
            now: KeyValue {
                key: key.to_string().into(),
                value: value
                    .clone()
                    .map_or(String::new(), |value| value.to_string())
                    .into(),
                create_revision: 0,
                mod_revision: revision,
                version: 0,
                lease: 0,
            },
            before: None,
        };
        Changes {
            revision,
            changes: writes.iter().map(change).collect(),
        }
    };
    revisions.iter().enumerate().map(changes).collect()
}

fn node(cpu: &str) -> Option<Value> {
    Some(json!({"status": {"allocatable": {"cpu": cpu, "pods": "2"}}}))
}

fn pod(on: &str, phase: &str) -> Option<Value> {
    Some(json!({"spec": {"nodeName": on,
        "containers": [{"resources": {"requests": {"cpu": "600m"}}}]}, "status": {"phase": phase}}))
}

fn ledger(cpu: &str, pods: &str) -> Option<Value> {
    Some(json!({"cpu": cpu, "pods": pods}))
}

fn overcommitted(revision: u64) -> Fault {
    Fault::Overcommitted {
        revision,
        node: "n".to_owned(),
        resource: "cpu".to_owned(),
    }
}

fn overfull(revision: u64) -> Fault {
    Fault::Overfull {
        revision,
        node: "n".to_owned(),
        resource: "cpu".to_owned(),
    }
}

fn wrong(revision: u64) -> Fault {
    Fault::Ledger {
        revision,
        node: "n".to_owned(),
    }
}

const NODE: &str = "/registry/minions/n";
const A: &str = "/registry/pods/ns/a";
const B: &str = "/registry/pods/ns/b";

#[test]
fn bindings_beyond_what_a_node_has_are_found() {
    let found = |history: &[&[(&str, Option<Value>)]]| audit(&self::history(history));
    let waits = || {
        [
            (NODE, node("1")),
            (A, pod("", "Pending")),
            (B, pod("", "Pending")),
        ]
    };
    let one = found(&[&waits(), &[(A, pod("n", "Pending"))]]);
    assert_eq!((one.bindings, one.faults), (1, vec![]));
    let two = [(B, pod("n", "Pending"))];
    let both = found(&[&waits(), &[(A, pod("n", "Pending"))], &two]);
    assert_eq!((both.bindings, both.faults), (2, vec![overcommitted(4)]));
    // The first has ended, or is gone, in between.
    for end in [pod("n", "Failed"), None] {
        let one = found(&[&waits(), &[(A, pod("n", "Pending"))], &[(A, end)], &two]);
        assert_eq!(one.faults, vec![]);
    }
    // Nobody bound it.
    let shrunk = found(&[
        &waits(),
        &[(A, pod("n", "Running"))],
        &[(NODE, node("500m"))],
        &[(NODE, node("400m"))],
    ]);
    assert_eq!(shrunk.faults, vec![overfull(4)]);
    let direct = found(&[
        &[(NODE, node("500m")), (A, pod("n", "Pending"))],
        &[(A, None)],
        &[(A, pod("n", "Pending"))],
    ]);
    assert_eq!(
        (direct.bindings, direct.faults),
        (0, vec![overfull(2), overfull(4)])
    );
}

#[test]
fn ledgers_that_are_wrong_and_pods_that_move_are_found() {
    let key = format!("{LEDGERS}n");
    let key = key.as_str();
    let counted = (COUNTED, Some(json!({})));
    let bound = (A, pod("n", "Pending"));
    let right = audit(&history(&[
        from_ref(&bound),
        &[counted.clone(), (key, ledger("600m", "1"))],
        &[(A, None), (key, None)],
    ]));
    assert_eq!(right.faults, vec![]);
    let late = audit(&history(&[
        from_ref(&counted),
        from_ref(&bound),
        &[(key, ledger("600m", "1"))],
        &[(key, ledger("601m", "1"))],
    ]));
    assert_eq!(late.faults, vec![wrong(3), wrong(5)]);
    let uncounted = audit(&history(&[from_ref(&bound), &[counted]]));
    assert_eq!(uncounted.faults, vec![wrong(3)]);
    let moved = audit(&history(&[&[bound], &[(A, pod("m", "Running"))]]));
    let pod = "ns/a".to_owned();
    assert_eq!(moved.faults, vec![Fault::Moved { revision: 3, pod }]);
}
