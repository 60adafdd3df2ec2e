//! Each condition is found where it holds, and not where it nearly does.

use super::*;
use crate::check::judge;
use crate::check::tests::sim::{self, World};

const SECOND: Nanos = 1_000_000_000;

fn operation(id: OpId, invoke: Nanos, complete: Nanos, call: Call, outcome: Outcome) -> Operation {
    Operation {
        id,
        process: id as Process,
        node: None,
        invoke,
        complete: Some(complete),
        call,
        intent: None,
        outcome,
    }
}

fn put(id: OpId, invoke: Nanos, complete: Nanos, term: u64) -> Operation {
    let header = Header {
        term,
        revision: id as i64 + 1,
        ..Header::default()
    };
    let reply = KvReply::Put(PutReply::default());
    let outcome = Outcome::Ok(Reply::Kv { header, reply });
    let call = Call::Kv(KvCall::Put(PutCall::default()));
    operation(id, invoke, complete, call, outcome)
}

fn refused(id: OpId, at: Nanos, text: &str) -> Operation {
    let outcome = Outcome::Failed {
        code: "ResourceExhausted".to_owned(),
        text: text.to_owned(),
    };
    Operation {
        outcome,
        ..put(id, at, at + 1, 1)
    }
}

fn of(operations: Vec<Operation>) -> History {
    History {
        operations,
        ..History::default()
    }
}

fn times(history: &History, name: &str) -> u64 {
    let counted = counts(history, &judge(history).truth);
    counted.get(name).copied().unwrap_or(0)
}

#[test]
fn a_leader_changed_in_a_request_if_the_one_before_still_answered_a_later_one() {
    let name = "leader-changed-in-request";
    let changed = of(vec![put(1, 10, 90, 3), put(2, 20, 30, 2)]);
    assert_eq!(times(&changed, name), 1);
    let before = of(vec![put(1, 10, 15, 2), put(2, 20, 30, 3)]);
    assert_eq!(times(&before, name), 0);
    // A member that nobody has told of the new leader may answer such a read.
    let range = RangeCall {
        serializable: true,
        ..RangeCall::default()
    };
    let mut stale = changed;
    stale.operations[1].call = Call::Kv(KvCall::Range(range));
    assert_eq!(times(&stale, name), 0);
}

#[test]
fn space_was_short_and_was_there_again() {
    let name = "quota-raised-and-cleared";
    let text = "etcdserver: mvcc: database space exceeded";
    let over = of(vec![refused(1, 10, text), put(2, 20, 30, 1)]);
    assert_eq!(times(&over, name), 1);
    let still = of(vec![put(1, 10, 15, 1), refused(2, 20, text)]);
    assert_eq!(times(&still, name), 0);
    let other = of(vec![
        refused(1, 10, "etcdserver: too many requests"),
        put(2, 20, 30, 1),
    ]);
    assert_eq!(times(&other, name), 0);
}

#[test]
fn a_compaction_is_under_a_watch_if_it_tells_something_before_and_after() {
    let name = "compacted-under-watch";
    let compact = Call::Compact {
        revision: 2,
        physical: false,
    };
    let header = Header::default();
    let compact = operation(1, 20, 30, compact, Outcome::Ok(Reply::Compact { header }));
    let told = |at| {
        let (watch, revision) = (1, 1);
        (at, WatchRecord::Progress { watch, revision })
    };
    let everything = sim::history(1, World::default()).watches[0].open.clone();
    let watch = |times: [Nanos; 2]| Watch {
        open: everything.clone(),
        at: 1,
        records: times.map(told).to_vec(),
    };
    let with = |times| History {
        watches: vec![watch(times)],
        ..of(vec![compact.clone()])
    };
    assert_eq!(times(&with([10, 40]), name), 1);
    assert_eq!(times(&with([10, 25]), name), 0);
    assert_eq!(times(&with([25, 40]), name), 0);
}

#[test]
fn what_was_found_in_logs_and_faults_that_worked_are_counted() {
    let step = |kind: &str, phase| {
        let record = FaultRecord {
            fault: 1,
            kind: kind.to_owned(),
            class: String::new(),
            nodes: vec![1],
            phase,
        };
        Fault {
            steps: vec![(1, record)],
        }
    };
    let worked = || FaultPhase::Effective {
        evidence: String::new(),
    };
    let begun = FaultPhase::Start {
        detail: String::new(),
    };
    let what = "snapshot-installed".to_owned();
    let history = History {
        faults: vec![
            step("power", worked()),
            step("power-all", worked()),
            step("power", begun),
            step("torn", worked()),
        ],
        observations: vec![(1, Observation::Sometimes { what })],
        ..History::default()
    };
    let found = ["power-took-bytes", "torn-tail", "snapshot-installed"];
    assert_eq!(found.map(|name| times(&history, name)), [2, 1, 1]);
}

#[test]
fn an_informer_or_an_answer_may_say_that_a_version_is_gone() {
    let body = serde_json::json!({"kind": "Status", "code": 410});
    let reply = HttpReply {
        code: 410,
        body: body.clone(),
    };
    let call = Call::Http(HttpCall::get("/api/v1/configmaps"));
    let mut history = of(vec![operation(
        1,
        1,
        2,
        call,
        Outcome::Ok(Reply::Http(reply)),
    )]);
    let open = InformerOpen {
        informer: 1,
        process: 1,
        node: 1,
        path: String::new(),
    };
    let (informer, kind) = (1, "ERROR".to_owned());
    let object = body;
    let event = InformerRecord::Event {
        informer,
        kind,
        object,
    };
    history.informers.push(Informer {
        open,
        at: 1,
        records: vec![(2, event)],
    });
    let counted = counts(&history, &Truth::default());
    assert_eq!(counted.get("gone"), Some(&2));
}

#[test]
fn a_lease_ended_at_a_failover_if_the_leader_changed_in_the_last_stretch_of_its_life() {
    let name = "lease-ended-at-failover";
    let granted = Reply::Lease {
        header: Header::default(),
        reply: LeaseReply::Granted { id: 7, ttl: 5 },
    };
    let grant = Call::Lease(LeaseCall::Grant { id: 7, ttl: 5 });
    let grant = operation(1, 1, 2, grant, Outcome::Ok(granted));
    let seen = put(2, 29 * SECOND, 30 * SECOND, 2);
    let change = crate::check::Change {
        revision: 3,
        events: Vec::new(),
        cause: Cause::Expiry(7),
        is_certain: true,
    };
    let truth = Truth {
        changes: vec![change],
        ..Truth::default()
    };
    let with = |at: Nanos| {
        let leader = |node, term| Observation::Leader { node, term };
        let observations = vec![(0, leader(1, 1)), (at, leader(2, 2))];
        let history = History {
            observations,
            ..of(vec![grant.clone(), seen.clone()])
        };
        counts(&history, &truth).get(name).copied()
    };
    assert_eq!(with(26 * SECOND), Some(1));
    assert_eq!(with(20 * SECOND), None);
    assert_eq!(with(31 * SECOND), None);
}

/// A right history has them, so that none of these counts nothing for ever.
#[test]
fn a_history_has_unknown_writes_of_both_kinds_and_both_branches() {
    let mut found = BTreeMap::new();
    for seed in 0..10 {
        let world = World {
            operations: 600,
            ..World::default()
        };
        let history = sim::history(seed, world);
        for (name, times) in counts(&history, &judge(&history).truth) {
            *found.entry(name).or_insert(0) += times;
        }
    }
    for name in ["unknown-happened", "unknown-lost", "both-branches"] {
        assert!(found.contains_key(name), "{name} is not among {found:?}");
    }
}

#[test]
fn no_two_have_one_name() {
    let names: std::collections::BTreeSet<_> = CONDITIONS.iter().map(|one| one.name).collect();
    assert_eq!(names.len(), CONDITIONS.len());
}
