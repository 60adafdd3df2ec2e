//! W13: compactions, and reads and watches at their edge.

use super::{Actor, Stage, key};
use crate::history::*;
use crate::watcher::{self, Until};
use keelson_kit::check::Check;
use rand::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const PREFIX: &str = "w13/";
const KEYS: u32 = 20;

/// What everybody knows.
#[derive(Debug, Default)]
struct Edge {
    /// The newest revision that somebody has seen.
    newest: AtomicI64,
    /// The last one that was compacted.
    compacted: AtomicI64,
}

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    let edge = Arc::new(Edge::default());
    for actor in stage.cast(1000)? {
        actors.spawn(act(actor, Arc::clone(&edge)));
    }
    actors.spawn(compact(stage.actor(1020, None)?, Arc::clone(&edge)));
    for i in 0..2 {
        actors.spawn(watch(stage.actor(1030 + i, Some(i))?, Arc::clone(&edge)));
    }
    Ok(())
}

async fn act(mut actor: Actor, edge: Arc<Edge>) -> Check {
    while actor.goes_on().await {
        let key = key(PREFIX, actor.random.random_range(0..KEYS));
        let at = edge.compacted.load(Relaxed) + actor.random.random_range(-1..3);
        let call = match actor.random.random_range(0..100) {
            0..50 => Call::put(key, actor.unique()),
            50..65 => Call::Kv(KvCall::Delete(DeleteCall {
                range: KeyRange::one(key),
                prev_kv: false,
            })),
            _ => Call::Kv(KvCall::Range(RangeCall {
                range: KeyRange::prefix(PREFIX),
                revision: if actor.chance(70) { at.max(1) } else { 0 },
                ..RangeCall::default()
            })),
        };
        if let Outcome::Ok(Reply::Kv { header, .. }) = actor.session.call(call).await {
            edge.newest.fetch_max(header.revision, Relaxed);
        }
    }
    Ok(())
}

async fn compact(mut actor: Actor, edge: Arc<Edge>) -> Check {
    while actor.goes_on().await {
        sleep(Duration::from_millis(actor.random.random_range(300..1500))).await;
        let back = actor.random.random_range(0..60);
        let newest = edge.newest.load(Relaxed);
        // Sometimes right now, sometimes in the future, which is refused.
        let revision = match actor.random.random_range(0..10) {
            0 => newest + 100_000,
            1 | 2 => newest,
            _ => newest - back,
        };
        if revision < 1 {
            continue;
        }
        let physical = actor.chance(30);
        let call = Call::Compact { revision, physical };
        if let Outcome::Ok(_) = actor.session.call(call).await {
            edge.compacted.fetch_max(revision, Relaxed);
        }
    }
    Ok(())
}

/// One short watch after the other, from around the edge.
async fn watch(mut actor: Actor, edge: Arc<Edge>) -> Check {
    while actor.goes_on().await {
        let offset = actor.random.random_range(-1..3);
        let open = WatchOpen {
            watch: 0,
            stream: 0,
            process: actor.session.process(),
            node: actor.session.node().unwrap_or(1),
            range: KeyRange::prefix(PREFIX),
            start_revision: (edge.compacted.load(Relaxed) + offset).max(1),
            prev_kv: actor.chance(50),
            no_put: false,
            no_delete: false,
            progress: false,
            fragment: false,
            resumes: None,
        };
        let length = Duration::from_millis(actor.random.random_range(300..2500));
        let until = Until::reached(
            actor.stage.last_revision.clone(),
            Some(Instant::now() + length),
        );
        watcher::watch(
            &actor.stage.recorder,
            &actor.stage.endpoints,
            open,
            true,
            until,
        )
        .await?;
    }
    Ok(())
}
