//! Right histories in which the end or a lease is made wrong.

use super::sim::{self, Dice, World};
use super::spoil::{change, flagged};
use crate::check::judge;
use crate::history::*;

#[test]
fn a_lost_acknowledged_write_is_flagged() {
    flagged(&["durability.lost"], |history, dice| {
        for (_, observation) in &mut history.observations {
            if let Observation::FullRange {
                node: 2,
                reply: Observed::Got((_, kvs)),
            } = observation
            {
                let at = dice.below(kvs.len() as u64) as usize;
                kvs.remove(at);
            }
        }
        Some(())
    });
}

#[test]
fn a_member_with_other_data_or_what_is_gone_is_flagged() {
    let spoil = |what: fn(&mut Vec<KeyValue>)| {
        move |history: &mut History, _: &mut Dice| {
            for (_, observation) in &mut history.observations {
                if let Observation::FullRange {
                    node: 3,
                    reply: Observed::Got((_, kvs)),
                } = observation
                {
                    what(kvs);
                }
            }
            Some(())
        }
    };
    flagged(&["durability.differs"], spoil(|kvs| kvs[0].version += 1));
    flagged(
        &["durability.resurrected"],
        spoil(|kvs| {
            let mut old = kvs[0].clone();
            old.key = "k/none".into();
            old.mod_revision = 1;
            kvs.push(old);
        }),
    );
}

#[test]
fn a_lease_that_ends_early_or_never_is_flagged() {
    flagged(&["lease.early"], |history, _| grant_more(history));
    flagged(&["lease.late"], |history, _| {
        leave_attached(history)?;
        look_late(history);
        Some(())
    });
    // Without that last look nobody knows when it ended: perhaps in time, while members were compared.
    for seed in 0..60 {
        let mut history = sim::history(seed, World::default());
        if leave_attached(&mut history).is_some() {
            history.end += LATE;
            let rules = super::spoil::rules(&judge(&history).findings);
            assert!(!rules.contains(&"lease.late".to_owned()), "seed {seed}");
        }
    }
}

#[test]
fn a_lease_that_ends_early_by_a_clock_of_another_rate_is_not_flagged() {
    let mut seen = 0;
    for seed in 0..60 {
        let mut history = sim::history(seed, World::default());
        if judge(&history).truth.choice.is_some() || grant_more(&mut history).is_none() {
            continue;
        }
        seen += 1;
        let end = history.end;
        let mut is_flagged = |kind: &str, from, to| {
            let steps = vec![(from, fault(kind)), (to, fault(kind))];
            history.faults = vec![Fault { steps }];
            let rules = super::spoil::rules(&judge(&history).findings);
            rules.contains(&"lease.early".to_owned())
        };
        for kind in ["clock-rate", "clock-leap"] {
            assert!(!is_flagged(kind, 0, end), "seed {seed}: {kind}");
            assert!(is_flagged(kind, end, end), "seed {seed}: {kind} later");
        }
        // The clock on the wall measures no lease.
        assert!(is_flagged("clock", 0, end), "seed {seed}");
    }
    assert!(seen >= 5, "only {seen} histories have a lease that ended");
}

/// A step of a fault; which one it is does not matter here.
fn fault(kind: &str) -> FaultRecord {
    let detail = String::new();
    FaultRecord {
        fault: 1,
        kind: kind.to_owned(),
        class: "F10".to_owned(),
        nodes: vec![1],
        phase: FaultPhase::Start { detail },
    }
}

/// Leases that ended by themselves.
fn expired(history: &History) -> Vec<i64> {
    let found = judge(history);
    let changes = found.truth.changes.iter();
    let leases = changes.filter_map(|one| match one.cause {
        crate::check::Cause::Expiry(lease) => Some(lease),
        _ => None,
    });
    leases.collect()
}

/// A lease that ended was granted for longer than that: its end is right, what was acknowledged is not.
fn grant_more(history: &mut History) -> Option<()> {
    let ends = expired(history);
    history
        .operations
        .iter_mut()
        .find_map(|operation| match &mut operation.outcome {
            Outcome::Ok(Reply::Lease {
                reply: LeaseReply::Granted { id, ttl },
                ..
            }) if ends.contains(id) => {
                *ttl += 60;
                Some(())
            }
            _ => None,
        })
}

/// Much later than any lease of a history lives.
const LATE: Nanos = 100_000_000_000;

/// A key that is there until the end hangs on a lease that should have ended.
fn leave_attached(history: &mut History) -> Option<()> {
    let lease = *expired(history).first()?;
    let FullKeys(kvs) = full(history)?;
    let key = kvs
        .iter()
        .find(|kv| kv.key.starts_with(b"k/") && kv.lease == 0 && kv.version >= 1)?
        .key
        .clone();
    let put = history.operations.iter_mut().rev().find(
        |one| matches!(&one.call, Call::Kv(KvCall::Put(put)) if put.key == key && one.is_ok()),
    )?;
    if let Call::Kv(KvCall::Put(put)) = &mut put.call {
        put.lease = lease;
    }
    let is_about = |call: &Call| matches!(call, Call::Lease(LeaseCall::KeepAlive { id } | LeaseCall::Grant { id, .. }) if *id == lease);
    let in_doubt = history
        .operations
        .iter()
        .any(|one| is_about(&one.call) && !one.is_ok());
    let is_left = !judge(history).truth.store.keys_of(lease).is_empty();
    (is_left && !in_doubt).then_some(())
}

/// Somebody asks the whole store for a key that is not there, at the end of a long time.
fn look_late(history: &mut History) {
    history.end += LATE;
    let revision = judge(history).truth.store.revision();
    let header = Header {
        revision,
        ..Header::default()
    };
    let reply = KvReply::Range(RangeReply::default());
    history.operations.push(Operation {
        id: u64::MAX,
        process: Process::MAX,
        node: None,
        invoke: history.end,
        complete: Some(history.end),
        call: Call::get("nobody"),
        intent: None,
        outcome: Outcome::Ok(Reply::Kv { header, reply }),
    });
}

struct FullKeys(Vec<KeyValue>);

fn full(history: &History) -> Option<FullKeys> {
    history.observations.iter().find_map(|(_, one)| match one {
        Observation::FullRange {
            reply: Observed::Got((_, kvs)),
            ..
        } => Some(FullKeys(kvs.clone())),
        _ => None,
    })
}

#[test]
fn a_lease_that_is_dead_and_kept_alive_or_has_wrong_keys_is_flagged() {
    flagged(&["lease.kept-dead"], |history, _| {
        let ends: Vec<i64> = judge(history)
            .truth
            .changes
            .iter()
            .filter_map(|one| match one.cause {
                crate::check::Cause::Expiry(lease) => Some(lease),
                _ => None,
            })
            .collect();
        let id = *ends.first()?;
        let (process, at) = (9000, history.end + 10);
        history.operations.push(Operation {
            id: 9000,
            process,
            node: None,
            invoke: at,
            complete: Some(at + 1),
            call: Call::Lease(LeaseCall::KeepAlive { id }),
            intent: None,
            outcome: Outcome::Ok(Reply::Lease {
                header: Header {
                    revision: 1,
                    ..Header::default()
                },
                reply: LeaseReply::KeptAlive { ttl: 1 },
            }),
        });
        Some(())
    });
    flagged(&["lease.keys"], |history, dice| {
        change(history, dice, |operation| match &mut operation.outcome {
            Outcome::Ok(Reply::Lease {
                reply: LeaseReply::TimeToLive { keys, ttl, .. },
                ..
            }) if *ttl >= 0 => {
                keys.push("k/none".into());
                Some(())
            }
            _ => None,
        })
    });
    flagged(
        &[
            "witness.revoke-left-keys",
            "witness.read-answer",
            "durability.resurrected",
            "watch.phantom",
            "durability.lost",
            "witness.phantom",
        ],
        |history, _| {
            let attached = history.operations.iter().find_map(|one| match &one.call {
                Call::Kv(KvCall::Put(put)) if put.lease != 0 && one.is_ok() => {
                    Some((put.lease, one.clone()))
                }
                _ => None,
            })?;
            let Outcome::Ok(reply) = &attached.1.outcome else {
                return None;
            };
            let header = *reply.header()?;
            history.operations.push(Operation {
                id: 9001,
                process: 9001,
                node: None,
                invoke: attached.1.invoke,
                complete: attached.1.complete,
                call: Call::Lease(LeaseCall::Revoke { id: attached.0 }),
                intent: None,
                outcome: Outcome::Ok(Reply::Lease {
                    header,
                    reply: LeaseReply::Revoked,
                }),
            });
            Some(())
        },
    );
}
