//! W1: reads, writes and compare-and-swap of single keys.

use super::{Actor, Stage, key};
use crate::history::*;
use keelson_kit::check::Check;
use rand::Rng;
use tokio::task::JoinSet;

const HOT: u32 = 10;
const COLD: u32 = 400;

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    for actor in stage.cast(100)? {
        actors.spawn(act(actor));
    }
    Ok(())
}

async fn act(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        let key = match actor.chance(85) {
            true => key("w1/hot/", actor.random.random_range(0..HOT)),
            false => key("w1/cold/", actor.random.random_range(0..COLD)),
        };
        match actor.random.random_range(0..100) {
            0..35 => drop(actor.session.call(Call::get(key)).await),
            35..40 => drop(stale_get(&mut actor, key).await),
            40..78 => drop(put(&mut actor, key).await),
            78..80 => drop(delete(&mut actor, key).await),
            80..95 => drop(swap(&mut actor, key, true).await),
            _ => drop(swap(&mut actor, key, false).await),
        }
    }
    Ok(())
}

async fn stale_get(actor: &mut Actor, key: Blob) -> Option<(Header, RangeReply)> {
    let call = RangeCall {
        range: KeyRange::one(key),
        serializable: true,
        ..RangeCall::default()
    };
    actor.session.range(call).await
}

async fn put(actor: &mut Actor, key: Blob) -> Outcome {
    let call = PutCall {
        key,
        value: actor.unique(),
        prev_kv: actor.chance(30),
        ..PutCall::default()
    };
    actor.session.call(Call::Kv(KvCall::Put(call))).await
}

async fn delete(actor: &mut Actor, key: Blob) -> Outcome {
    let call = DeleteCall {
        range: KeyRange::one(key),
        prev_kv: actor.chance(50),
    };
    actor.session.call(Call::Kv(KvCall::Delete(call))).await
}

/// Reads, then writes only if nothing has changed: by revision or by value.
async fn swap(actor: &mut Actor, key: Blob, by_revision: bool) -> Option<()> {
    let read = RangeCall {
        range: KeyRange::one(key.clone()),
        ..RangeCall::default()
    };
    let (_, found) = actor.session.range(read).await?;
    let target = match found.kvs.first() {
        Some(kv) if by_revision => Target::Mod(kv.mod_revision),
        Some(kv) => Target::Value(kv.value.clone()),
        None => Target::Create(0),
    };
    let call = TxnCall {
        compare: vec![Comparison {
            range: KeyRange::one(key.clone()),
            operator: Operator::Equal,
            target,
        }],
        success: vec![KvCall::Put(PutCall {
            key: key.clone(),
            value: actor.unique(),
            ..PutCall::default()
        })],
        failure: vec![KvCall::Range(RangeCall {
            range: KeyRange::one(key),
            ..RangeCall::default()
        })],
    };
    actor.session.txn(call, None).await.map(drop)
}
