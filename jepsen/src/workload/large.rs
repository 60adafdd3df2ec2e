//! Values of up to a megabyte under few keys: written, read, compared with, several in one transaction (F24).

use super::{Actor, Stage, key};
use crate::history::*;
use crate::large;
use keelson_kit::check::Check;
use rand::Rng;
use std::time::Duration;
use tokio::task::JoinSet;

const KEYS: u32 = 4;
/// Sizes of values. Of the three in a transaction each is an eighth at most: with the one that is compared they must
/// be less than 1.5 MiB.
const BYTES: std::ops::RangeInclusive<usize> = (100 << 10)..=(1 << 20);
/// What all actors together write, about. The more of it is gone the smaller values become: disks of members keep
/// every version.
const ALTOGETHER: usize = 150 << 20;
/// Between two requests of one actor, at most.
const REST: Duration = Duration::from_millis(400);

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    let cast = stage.cast(1200)?;
    let share = ALTOGETHER / cast.len();
    for actor in cast {
        actors.spawn(act(actor, share));
    }
    Ok(())
}

async fn act(mut actor: Actor, mut left: usize) -> Check {
    while actor.goes_on().await {
        let rest = actor.random.random_range(Duration::ZERO..REST);
        tokio::time::sleep(rest).await;
        let key = any(&mut actor);
        match actor.random.random_range(0..100) {
            0..40 => drop(put(&mut actor, key, &mut left).await),
            40..80 => drop(actor.session.call(Call::get(key)).await),
            80..95 => drop(swap(&mut actor, key, &mut left).await),
            _ => drop(delete(&mut actor, key).await),
        }
    }
    Ok(())
}

fn any(actor: &mut Actor) -> Blob {
    key("large/", actor.random.random_range(0..KEYS))
}

/// A value that nobody else writes, of at most a part of the usual size.
fn value(actor: &mut Actor, left: &mut usize, part: usize) -> Blob {
    let bytes = actor.random.random_range(BYTES).min(*left / 8) / part;
    *left -= bytes.min(*left);
    large::name(bytes, &actor.unique().text())
}

async fn put(actor: &mut Actor, key: Blob, left: &mut usize) -> Outcome {
    let call = PutCall {
        key,
        value: value(actor, left, 1),
        prev_kv: actor.chance(20),
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

/// Reads a value, and writes three if it is still there.
async fn swap(actor: &mut Actor, key: Blob, left: &mut usize) -> Option<()> {
    let read = RangeCall {
        range: KeyRange::one(key.clone()),
        ..RangeCall::default()
    };
    let (_, found) = actor.session.range(read).await?;
    let target = match found.kvs.first() {
        Some(kv) => Target::Value(kv.value.clone()),
        None => Target::Create(0),
    };
    let mut success = Vec::new();
    for number in 0..3 {
        success.push(KvCall::Put(PutCall {
            key: self::key("large/more/", number),
            value: value(actor, left, 8),
            ..PutCall::default()
        }));
    }
    let call = TxnCall {
        compare: vec![Comparison {
            range: KeyRange::one(key.clone()),
            operator: Operator::Equal,
            target,
        }],
        success,
        failure: vec![KvCall::Range(RangeCall {
            range: KeyRange::one(key),
            ..RangeCall::default()
        })],
    };
    actor.session.txn(call, None).await.map(drop)
}
