//! W6: lists: pages at one revision, limits, counts, sorting, bounds, serializable reads.

use super::{Actor, Stage, key};
use crate::history::*;
use keelson_kit::check::Check;
use rand::Rng;
use tokio::task::JoinSet;

const PREFIX: &str = "w6/";
const KEYS: u32 = 60;
const PAGE: i64 = 7;

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    for (i, actor) in stage.cast(600)?.into_iter().enumerate() {
        match i % 2 {
            0 => actors.spawn(write(actor)),
            _ => actors.spawn(read(actor)),
        };
    }
    Ok(())
}

async fn write(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        let key = key(PREFIX, actor.random.random_range(0..KEYS));
        let call = match actor.chance(92) {
            true => Call::put(key, actor.unique()),
            false => Call::Kv(KvCall::Delete(DeleteCall {
                range: KeyRange::one(key),
                prev_kv: true,
            })),
        };
        actor.session.call(call).await;
    }
    Ok(())
}

async fn read(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        match actor.chance(40) {
            true => drop(pages(&mut actor).await),
            false => {
                let call = odd(&mut actor);
                actor.session.range(call).await;
            }
        }
    }
    Ok(())
}

/// The whole list, page by page, all at the revision of the first.
async fn pages(actor: &mut Actor) -> Option<()> {
    let mut call = RangeCall {
        range: KeyRange::prefix(PREFIX),
        limit: PAGE,
        ..RangeCall::default()
    };
    loop {
        let (header, page) = actor.session.range(call.clone()).await?;
        let last = page.kvs.last().filter(|_| page.more)?;
        let mut next = last.key.to_vec();
        next.push(0);
        call.range.key = Blob::from(next);
        call.revision = header.revision.min(match call.revision {
            0 => i64::MAX,
            revision => revision,
        });
    }
}

/// One read with some of everything.
fn odd(actor: &mut Actor) -> RangeCall {
    let (order, sort) = match actor.random.random_range(0..6) {
        0 => (SortOrder::Ascend, SortBy::Mod),
        1 => (SortOrder::Descend, SortBy::Create),
        2 => (SortOrder::Descend, SortBy::Key),
        3 => (SortOrder::Ascend, SortBy::Value),
        _ => (SortOrder::None, SortBy::Key),
    };
    let from = actor.random.random_range(0..KEYS);
    let bound = actor.random.random_range(0..500);
    RangeCall {
        range: match actor.chance(50) {
            true => KeyRange::prefix(PREFIX),
            false => KeyRange {
                key: key(PREFIX, from),
                end: key(PREFIX, from + 20),
            },
        },
        limit: actor.random.random_range(0..8),
        order,
        sort,
        serializable: actor.chance(40),
        keys_only: actor.chance(20),
        count_only: actor.chance(20),
        mod_bounds: if actor.chance(10) { (bound, 0) } else { (0, 0) },
        ..RangeCall::default()
    }
}
