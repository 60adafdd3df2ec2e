//! W2: transactions over several keys; W4: transactions that append to lists.

use super::{Actor, Stage, key};
use crate::history::*;
use keelson_kit::check::Check;
use rand::Rng;
use tokio::task::JoinSet;

const KEYS: u32 = 12;
const LISTS: u32 = 4;
/// A list that is longer is begun anew: histories stay readable.
const LONGEST: usize = 600;

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    for actor in stage.cast(200)? {
        actors.spawn(act(actor));
    }
    Ok(())
}

pub fn start_append(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    for actor in stage.cast(400)? {
        actors.spawn(append(actor));
    }
    Ok(())
}

async fn act(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        let call = transaction(&mut actor, true);
        actor.session.txn(call, None).await;
    }
    Ok(())
}

fn some_key(actor: &mut Actor) -> Blob {
    key("w2/", actor.random.random_range(0..KEYS))
}

fn transaction(actor: &mut Actor, may_nest: bool) -> TxnCall {
    let conditions = actor.random.random_range(0..3);
    TxnCall {
        compare: (0..conditions).map(|_| condition(actor)).collect(),
        success: branch(actor, may_nest),
        failure: branch(actor, may_nest),
    }
}

fn condition(actor: &mut Actor) -> Comparison {
    let small = actor.random.random_range(0..4);
    let operator = match actor.random.random_range(0..4) {
        0 => Operator::Equal,
        1 => Operator::NotEqual,
        2 => Operator::Greater,
        _ => Operator::Less,
    };
    let target = match actor.random.random_range(0..5) {
        0 => Target::Version(small),
        1 => Target::Create(actor.random.random_range(0..2000)),
        2 => Target::Mod(actor.random.random_range(0..2000)),
        3 => Target::Value(Blob::from(format!("{small}"))),
        _ => Target::Lease(0),
    };
    Comparison {
        range: KeyRange::one(some_key(actor)),
        operator,
        target,
    }
}

/// Up to three operations. No two of them write the same key: the server refuses that.
fn branch(actor: &mut Actor, may_nest: bool) -> Vec<KvCall> {
    let mut calls = Vec::new();
    let mut written = Vec::new();
    for _ in 0..actor.random.random_range(1..4) {
        let key = some_key(actor);
        match actor.random.random_range(0..100) {
            0..40 if !written.contains(&key) => {
                written.push(key.clone());
                calls.push(KvCall::Put(PutCall {
                    key,
                    value: actor.unique(),
                    prev_kv: actor.chance(30),
                    ..PutCall::default()
                }));
            }
            40..45 if !written.contains(&key) && written.is_empty() => {
                written.push(key.clone());
                let range = KeyRange::one(key);
                calls.push(KvCall::Delete(DeleteCall {
                    range,
                    prev_kv: actor.chance(50),
                }));
            }
            45..50 if may_nest && written.is_empty() && calls.is_empty() => {
                // Alone in its branch: whatever it writes is written once.
                return vec![KvCall::Txn(transaction(actor, false))];
            }
            50..75 => calls.push(KvCall::Range(RangeCall {
                range: KeyRange::prefix("w2/"),
                limit: actor.random.random_range(0..5),
                ..RangeCall::default()
            })),
            _ => calls.push(KvCall::Range(RangeCall {
                range: KeyRange::one(key),
                ..RangeCall::default()
            })),
        }
    }
    calls
}

/// Reads two lists and appends to both, if neither has changed meanwhile.
async fn append(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        let first = actor.random.random_range(0..LISTS);
        let second = (first + actor.random.random_range(1..LISTS)) % LISTS;
        let keys = [key("w4/", first), key("w4/", second)];
        let reads = keys.iter().map(|key| {
            KvCall::Range(RangeCall {
                range: KeyRange::one(key.clone()),
                ..RangeCall::default()
            })
        });
        let read = TxnCall {
            success: reads.collect(),
            ..TxnCall::default()
        };
        let Some((_, found)) = actor.session.txn(read, None).await else {
            continue;
        };
        let element = actor.stage.recorder.number();
        let mut write = TxnCall::default();
        for (key, reply) in keys.iter().zip(&found.replies) {
            let KvReply::Range(reply) = reply else {
                continue;
            };
            let old = reply.kvs.first();
            let text = old.map_or(String::new(), |kv| kv.value.text());
            let text = if text.len() > LONGEST {
                String::new()
            } else {
                text + " "
            };
            write.compare.push(Comparison {
                range: KeyRange::one(key.clone()),
                operator: Operator::Equal,
                target: Target::Mod(old.map_or(0, |kv| kv.mod_revision)),
            });
            write.success.push(KvCall::Put(PutCall {
                key: key.clone(),
                value: Blob::from(format!("{text}{element}")),
                ..PutCall::default()
            }));
        }
        actor.session.txn(write, None).await;
    }
    Ok(())
}
