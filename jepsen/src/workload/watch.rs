//! W7: writers, and watches of all kinds: of a key, a range and everything, from the past, now and the future,
//! with filters and previous values, taken up again at the next member.

use super::{Actor, Stage, key};
use crate::history::*;
use crate::watcher::{self, Until};
use keelson_kit::check::Check;
use rand::Rng;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const PREFIX: &str = "w7/";
const KEYS: u32 = 10;

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    for actor in stage.cast(700)? {
        actors.spawn(write(actor));
    }
    let size = stage.endpoints.len();
    for i in 0..size {
        actors.spawn(whole(stage.actor(720 + i, Some(i))?, i));
        actors.spawn(short(stage.actor(740 + i, Some(i))?));
    }
    Ok(())
}

async fn write(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        let some = key(PREFIX, actor.random.random_range(0..KEYS));
        let call = match actor.random.random_range(0..100) {
            0..70 => Call::put(some, actor.unique()),
            70..82 => Call::Kv(KvCall::Delete(DeleteCall {
                range: KeyRange::one(some),
                prev_kv: false,
            })),
            _ => Call::Kv(KvCall::Txn(several(&mut actor))),
        };
        actor.session.call(call).await;
    }
    Ok(())
}

/// Some keys at one revision: a watch shows all of them together.
fn several(actor: &mut Actor) -> TxnCall {
    let first = actor.random.random_range(0..KEYS);
    let puts = (0..3).map(|i| {
        KvCall::Put(PutCall {
            key: key(PREFIX, (first + i) % KEYS),
            value: actor.unique(),
            ..PutCall::default()
        })
    });
    TxnCall {
        success: puts.collect(),
        ..TxnCall::default()
    }
}

fn open(actor: &Actor, range: KeyRange) -> WatchOpen {
    WatchOpen {
        watch: 0,
        stream: 0,
        process: actor.session.process(),
        node: actor.session.node().unwrap_or(1),
        range,
        start_revision: 0,
        prev_kv: false,
        no_put: false,
        no_delete: false,
        progress: false,
        fragment: false,
        resumes: None,
    }
}

/// From before the first write to the end of the run. The first of them sees the whole store.
async fn whole(actor: Actor, number: usize) -> Check {
    let range = match number {
        0 => KeyRange::all(),
        _ => KeyRange::prefix(PREFIX),
    };
    let mut open = open(&actor, range);
    open.start_revision = if number == 0 { 1 } else { 0 };
    open.prev_kv = number == 1;
    open.progress = true;
    open.fragment = number == 2;
    let until = Until::reached(actor.stage.last_revision.clone(), None);
    let hop = number % 2 == 1;
    watcher::watch(
        &actor.stage.recorder,
        &actor.stage.endpoints,
        open,
        hop,
        until,
    )
    .await
}

/// One short watch after the other, from around the present revision.
async fn short(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        let some = actor.random.random_range(0..KEYS);
        let range = match actor.random.random_range(0..3) {
            0 => KeyRange::one(key(PREFIX, some)),
            1 => KeyRange::prefix(PREFIX),
            _ => KeyRange {
                key: key(PREFIX, some),
                end: key(PREFIX, some + 4),
            },
        };
        let read = RangeCall {
            range: KeyRange::one("w7/present"),
            serializable: true,
            ..RangeCall::default()
        };
        let Some((header, _)) = actor.session.range(read).await else {
            continue;
        };
        let mut open = open(&actor, range);
        let offset = actor.random.random_range(-100..100);
        open.start_revision = if actor.chance(20) {
            0
        } else {
            (header.revision + offset).max(1)
        };
        open.prev_kv = actor.chance(50);
        open.no_put = actor.chance(10);
        open.no_delete = actor.chance(10);
        let length = Duration::from_millis(actor.random.random_range(200..4000));
        let until = Until::reached(
            actor.stage.last_revision.clone(),
            Some(Instant::now() + length),
        );
        let hop = actor.chance(50);
        watcher::watch(
            &actor.stage.recorder,
            &actor.stage.endpoints,
            open,
            hop,
            until,
        )
        .await?;
    }
    Ok(())
}
