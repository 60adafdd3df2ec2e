//! Right histories in which compactions, hashes, members, invariants or sets are made wrong.

use super::sim::{self, Dice, World};
use super::spoil::{change, flagged, kv};
use crate::check::{Verdict, judge};
use crate::history::*;

#[test]
fn reading_what_is_compacted_and_refusing_what_is_not_are_flagged() {
    flagged(&["compaction.readable"], |history, _| {
        let done = history
            .operations
            .iter()
            .find_map(|one| match (&one.call, one.is_ok()) {
                (Call::Compact { revision, .. }, true) if *revision > 1 => {
                    Some((*revision, one.complete?))
                }
                _ => None,
            })?;
        history.operations.iter_mut().find_map(|operation| {
            let late = operation.invoke > done.1;
            match &mut operation.call {
                Call::Kv(KvCall::Range(range))
                    if late
                        && matches!(operation.outcome, Outcome::Ok(_))
                        && !range.serializable =>
                {
                    range.revision = done.0 - 1;
                    Some(())
                }
                _ => None,
            }
        })
    });
    flagged(&["compaction.refused"], |history, dice| {
        change(history, dice, |operation| match &operation.call {
            Call::Kv(KvCall::Range(range)) if range.revision > 0 && operation.is_ok() => {
                // So new that nobody can have compacted it.
                operation.call = Call::Kv(KvCall::Range(RangeCall {
                    revision: 1 << 40,
                    ..range.clone()
                }));
                operation.outcome = Outcome::Failed {
                    code: "OutOfRange".to_owned(),
                    text: "etcdserver: mvcc: required revision has been compacted".to_owned(),
                };
                Some(())
            }
            _ => None,
        })
    });
}

#[test]
fn hashes_that_differ_are_flagged_and_those_that_are_missing_are_no_pass() {
    flagged(&["hash.differs"], |history, _| {
        for (_, observation) in &mut history.observations {
            if let Observation::HashKv {
                node: 3,
                reply: Observed::Got(hash),
                ..
            } = observation
            {
                hash.hash ^= 1;
            }
        }
        Some(())
    });
    let spoils: [fn(&mut Observed<HashReply>); 2] = [
        |reply| *reply = Observed::Error("unavailable".to_owned()),
        |reply| {
            if let Observed::Got(hash) = reply {
                hash.hash_revision -= 1
            }
        },
    ];
    for spoil in spoils {
        let mut history = sim::history(1, World::default());
        for (_, observation) in &mut history.observations {
            if let Observation::HashKv { node: 3, reply, .. } = observation {
                spoil(reply);
            }
        }
        assert!(matches!(judge(&history).verdict(), Verdict::Unknown(_)));
    }
}

#[test]
fn what_members_show_from_the_side_is_flagged() {
    let add = |observations: Vec<Observation>| {
        move |history: &mut History, _: &mut Dice| {
            let end = history.end;
            history
                .observations
                .extend(observations.iter().cloned().map(|one| (end, one)));
            Some(())
        }
    };
    let status = |applied, committed| Observation::Status {
        node: 1,
        member: 1,
        leader: 1,
        term: 2,
        revision: 5,
        committed,
        applied,
        learner: false,
        db_size: 0,
        errors: Vec::new(),
    };
    let log = |node, hash| Observation::Log {
        node,
        reply: Observed::Got(vec![LogEntry {
            index: 4,
            term: 2,
            hash,
        }]),
    };
    flagged(
        &["process.two-leaders"],
        add(vec![Observation::Leader { node: 2, term: 2 }]),
    );
    flagged(&["process.applied-early"], add(vec![status(9, 8)]));
    flagged(
        &["process.went-back"],
        add(vec![status(9, 9), status(8, 9)]),
    );
    flagged(&["process.log-differs"], add(vec![log(1, 5), log(2, 6)]));
    flagged(
        &["process.exit"],
        add(vec![Observation::Exit {
            node: 1,
            how: "signal 6".to_owned(),
            expected: false,
        }]),
    );
    flagged(
        &["process.alarm"],
        add(vec![Observation::LogScan {
            node: 1,
            lines: 1,
            alarms: vec!["panicked".to_owned()],
        }]),
    );
}

#[test]
fn broken_invariants_are_flagged() {
    let spoil = |of: Invariant| {
        move |history: &mut History, _: &mut Dice| {
            let before = history.operations.len();
            history.head.invariants = vec![of.clone()];
            (before > 0
                && judge(history)
                    .truth
                    .changes
                    .iter()
                    .flat_map(|one| &one.events)
                    .filter(|event| *event.kv.key == *b"counter")
                    .count()
                    > 1)
            .then_some(())
        }
    };
    flagged(
        &["invariant.sum"],
        spoil(Invariant::Sum {
            prefix: "counter".to_owned(),
            total: 1,
        }),
    );
    flagged(
        &["invariant.number"],
        spoil(Invariant::NeverDecreases {
            key: "k/0".to_owned(),
        }),
    );
    flagged(
        &["invariant.never-decreases", "invariant.counts-up"],
        |history, _| {
            // An account goes up and down.
            history.head.invariants = vec![
                Invariant::NeverDecreases {
                    key: "bank/0".to_owned(),
                },
                Invariant::CountsUp {
                    key: "bank/0".to_owned(),
                },
            ];
            let truth = judge(history).truth;
            let values: Vec<i64> = truth
                .store
                .versions(b"bank/0")
                .iter()
                .map(|kv| kv.value.text().parse().unwrap())
                .collect();
            values
                .windows(2)
                .any(|pair| pair[1] < pair[0])
                .then_some(())
        },
    );
}

#[test]
fn lost_phantom_and_unstable_elements_are_flagged() {
    let read = |history: &mut History, spoil: &dyn Fn(&mut Vec<KeyValue>) -> Option<()>| {
        history.operations.iter_mut().rev().find_map(|operation| {
            if !matches!(operation.intent, Some(Intent::ReadSet { .. })) {
                return None;
            }
            let (_, _, KvReply::Range(range)) = kv(operation)? else {
                return None;
            };
            spoil(&mut range.kvs)
        })
    };
    flagged(&["set.lost", "set.unstable"], |history, _| {
        read(history, &|kvs| {
            (kvs.len() > 2).then(|| drop(kvs.drain(..2)))
        })
    });
    flagged(&["set.phantom"], |history, _| {
        read(history, &|kvs| {
            kvs.push(KeyValue {
                key: "set/99999".into(),
                ..KeyValue::default()
            });
            Some(())
        })
    });
}

#[test]
fn a_set_that_a_lock_does_not_protect_is_flagged_and_a_fenced_one_passes() {
    let outside =
        |id: OpId, at: u64, call: OutsideCall, accepted: bool, elements: Vec<u64>| Operation {
            id,
            process: id as u32,
            node: None,
            invoke: at,
            complete: Some(at + 5),
            call: Call::Outside(call),
            intent: None,
            outcome: Outcome::Ok(Reply::Outside { accepted, elements }),
        };
    let add = |element, fence| OutsideCall::Add {
        set: "s".to_owned(),
        element,
        fence,
    };
    let read = || OutsideCall::Read {
        set: "s".to_owned(),
    };
    let of = |operations| History {
        operations,
        ..History::default()
    };
    // Two holders at once: the second writes back what it read before the first was done.
    let history = of(vec![
        outside(1, 0, add(1, None), true, vec![]),
        outside(2, 1, add(2, None), true, vec![]),
        outside(3, 10, read(), true, vec![2]),
    ]);
    assert_eq!(
        crate::check::set::check(&history).verdict.rule(),
        Some("set.lost")
    );
    let history = of(vec![
        outside(1, 0, add(1, Some(1)), false, vec![]),
        outside(2, 1, add(2, Some(2)), true, vec![]),
        outside(3, 10, read(), true, vec![2]),
    ]);
    assert!(crate::check::set::check(&history).verdict.is_pass());
}

#[test]
fn members_that_come_back_or_answers_that_disagree_are_flagged() {
    // What is made wrong may be the answer to a change: that has a rule of its own.
    let rules = ["membership.not-linearizable", "membership.answer-late"];
    flagged(&rules, |history, dice| {
        change(history, dice, |operation| match &mut operation.outcome {
            Outcome::Ok(Reply::Member { reply, .. }) => {
                reply.members.pop();
                (reply.members.len() >= 2).then_some(())
            }
            _ => None,
        })?;
        // With one answer alone there is nothing to disagree with.
        let answers = history
            .operations
            .iter()
            .filter(|one| matches!(&one.outcome, Outcome::Ok(Reply::Member { .. })))
            .count();
        (answers > 1).then_some(())
    });
}
