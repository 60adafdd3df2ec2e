//! Right histories in which one operation, or what was written down of it, is made wrong.

use super::sim::{self, Dice, World};
use super::spoil::{change, flagged, kv, unknown};
use crate::check::judge;
use crate::history::*;

#[test]
fn a_stale_read_is_flagged() {
    flagged(
        &["witness.read-answer", "witness.write-answer"],
        |history, dice| {
            change(history, dice, |operation| {
                let (_, _, KvReply::Range(range)) = kv(operation)? else {
                    return None;
                };
                let shown = range.kvs.iter_mut().find(|kv| kv.version > 1)?;
                shown.version -= 1;
                Some(())
            })
        },
    );
}

#[test]
fn a_stale_revision_with_the_value_of_then_is_flagged() {
    flagged(&["witness.real-time"], |history, _| {
        // Everybody had seen a greater revision when the read began.
        let ops = history.operations.clone();
        history.operations.iter_mut().rev().find_map(|operation| {
            let invoke = operation.invoke;
            let (KvCall::Range(call), header, reply) = kv(operation)? else { return None };
            if call.serializable || call.revision > 0 {
                return None;
            }
            let seen = ops.iter().filter(|one| one.returned() < invoke).filter_map(|one| match &one.outcome {
                Outcome::Ok(Reply::Kv { header, .. }) if !matches!(&one.call, Call::Kv(KvCall::Range(r)) if r.serializable) => Some(header.revision),
                _ => None,
            });
            let newest = seen.max()?;
            let old = ops.iter().find(|one| one.call == Call::Kv(KvCall::Range(call.clone())) && matches!(&one.outcome, Outcome::Ok(r) if r.header().is_some_and(|h| h.revision < newest)))?;
            let Outcome::Ok(Reply::Kv { header: then, reply: was }) = &old.outcome else { return None };
            (*header, *reply) = (*then, was.clone());
            Some(())
        })
    });
}

#[test]
fn a_read_that_mixes_revisions_is_flagged_even_if_it_may_be_old() {
    flagged(&["witness.read-answer"], |history, dice| {
        change(history, dice, |operation| {
            let (KvCall::Range(call), _, KvReply::Range(range)) = kv(operation)? else {
                return None;
            };
            let is_old = call.serializable && !call.count_only;
            (is_old && range.kvs.len() > 1).then(|| drop(range.kvs.remove(0)))
        })
    });
}

#[test]
fn a_read_from_the_future_is_flagged() {
    flagged(&["witness.future"], |history, _| {
        let last = history
            .operations
            .iter()
            .filter(|one| one.is_ok())
            .filter_map(|one| match (&one.call, &one.outcome) {
                (Call::Kv(KvCall::Put(_)), Outcome::Ok(reply)) => {
                    Some((one.invoke, reply.header()?.revision))
                }
                _ => None,
            });
        let (invoke, revision) = last.collect::<Vec<_>>().pop()?;
        history.operations.iter_mut().find_map(|operation| {
            if operation.returned() >= invoke {
                return None;
            }
            let (KvCall::Range(call), header, _) = kv(operation)? else {
                return None;
            };
            call.serializable.then(|| header.revision = revision)
        })
    });
}

#[test]
fn a_wrong_count_or_end_of_a_list_is_flagged() {
    flagged(
        &["witness.read-answer", "witness.write-answer"],
        |history, dice| {
            change(history, dice, |operation| {
                let (_, _, KvReply::Range(range)) = kv(operation)? else {
                    return None;
                };
                match range.more {
                    true => range.more = false,
                    false => range.count += 1,
                }
                Some(())
            })
        },
    );
}

#[test]
fn a_wrong_branch_of_a_transaction_is_flagged() {
    flagged(
        &[
            "witness.read-answer",
            "witness.write-answer",
            "witness.phantom",
            "witness.applied-twice",
        ],
        |history, dice| {
            change(history, dice, |operation| {
                let (KvCall::Txn(call), _, KvReply::Txn(txn)) = kv(operation)? else {
                    return None;
                };
                if call.compare.is_empty() {
                    return None;
                }
                txn.succeeded = !txn.succeeded;
                txn.replies.clear();
                Some(())
            })
        },
    );
}

#[test]
fn a_wrong_version_before_is_flagged() {
    flagged(&["witness.write-answer"], |history, dice| {
        change(history, dice, |operation| {
            let (_, _, KvReply::Put(put)) = kv(operation)? else {
                return None;
            };
            put.prev.take().map(|_| ())
        })
    });
}

#[test]
fn a_revision_that_is_used_twice_is_flagged() {
    flagged(&["witness.revision-reused"], |history, dice| {
        let writes = history
            .operations
            .iter()
            .filter_map(|one| match (&one.call, &one.outcome) {
                (Call::Kv(KvCall::Put(_)), Outcome::Ok(reply)) => Some(reply.header()?.revision),
                _ => None,
            });
        let writes: Vec<i64> = writes.collect();
        let revision = writes[dice.below(writes.len() as u64) as usize];
        change(history, dice, |operation| {
            let (KvCall::Put(_), header, _) = kv(operation)? else {
                return None;
            };
            (header.revision != revision).then(|| header.revision = revision)
        })
    });
}

#[test]
fn something_refused_that_took_effect_is_flagged() {
    // H4: a recorder that takes unknown for failed makes just this history.
    flagged(
        &["witness.failed-took-effect", "witness.applied-twice"],
        |history, dice| {
            change(history, dice, |operation| {
                let (KvCall::Put(_), _, KvReply::Put(_)) = kv(operation)? else {
                    return None;
                };
                operation.outcome = Outcome::Failed {
                    code: "Unavailable".to_owned(),
                    text: String::new(),
                };
                Some(())
            })
        },
    );
}

#[test]
fn an_operation_that_was_sent_twice_is_flagged() {
    // H1: the recorder retried and wrote down one of the two attempts. Watches saw both.
    flagged(&["witness.applied-twice"], |history, dice| {
        let puts: Vec<(OpId, PutCall)> = history
            .operations
            .iter()
            .filter_map(|one| match &one.call {
                Call::Kv(KvCall::Put(put)) if one.is_ok() && put.lease == 0 => {
                    Some((one.id, put.clone()))
                }
                _ => None,
            })
            .collect();
        let (_, put) = &puts[dice.below(puts.len() as u64 / 2) as usize];
        // Another write of the same key becomes a repetition of this one that nobody recorded.
        let at = history.operations.iter().rposition(|one| matches!(&one.call, Call::Kv(KvCall::Put(other)) if one.is_ok() && other.key == put.key && other.value != put.value))?;
        let gone = history.operations.remove(at);
        let Outcome::Ok(reply) = &gone.outcome else {
            return None;
        };
        let revision = reply.header()?.revision;
        let mut was_seen = false;
        for watch in &mut history.watches {
            for (_, record) in &mut watch.records {
                if let WatchRecord::Events { events, .. } = record {
                    for event in events
                        .iter_mut()
                        .filter(|one| one.kv.mod_revision == revision)
                    {
                        event.kv.value = put.value.clone();
                        was_seen = true;
                    }
                }
            }
        }
        was_seen.then_some(())
    });
}

#[test]
fn a_write_of_nobody_is_flagged() {
    flagged(
        &["witness.phantom", "witness.applied-twice"],
        |history, dice| {
            let seen: Vec<i64> = history
                .watches
                .iter()
                .flat_map(|one| &one.records)
                .filter_map(|(_, record)| match record {
                    WatchRecord::Events { events, .. } => Some(events[0].kv.mod_revision),
                    _ => None,
                })
                .collect();
            let start = dice.below(10) as usize;
            let at = (start..history.operations.len()).find(|at| {
                match (
                    &history.operations[*at].call,
                    &history.operations[*at].outcome,
                ) {
                    (Call::Kv(KvCall::Put(_)), Outcome::Ok(reply)) => reply
                        .header()
                        .is_some_and(|header| seen.contains(&header.revision)),
                    _ => false,
                }
            })?;
            history.operations.remove(at);
            Some(())
        },
    );
}

#[test]
fn an_unknown_operation_is_placed_where_it_was_seen() {
    for seed in 0..50 {
        let mut history = sim::history(
            seed,
            World {
                unknown_percent: 0,
                ..World::default()
            },
        );
        let mut dice = Dice(seed);
        let Some(()) = change(&mut history, &mut dice, |operation| {
            let (KvCall::Put(_), ..) = kv(operation)? else {
                return None;
            };
            operation.outcome = unknown();
            Some(())
        }) else {
            continue;
        };
        let judgement = judge(&history);
        assert!(
            judgement.verdict().is_pass(),
            "seed {seed}: {:#?}",
            judgement.verdict()
        );
        assert!(judgement.truth.choice.is_none());
    }
}
