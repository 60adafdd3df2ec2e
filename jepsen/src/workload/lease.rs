//! W8: leases that are kept alive, revoked, or left alone until they end, each with keys.

use super::{Actor, Stage};
use crate::history::*;
use crate::watcher::{self, Until};
use keelson_kit::check::Check;
use rand::Rng;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

const PREFIX: &str = "w8/";
/// Ids are chosen here, so that a lease whose grant was not answered has a name.
const FIRST_ID: i64 = 8_000_000;

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    // Most of their time they wait, so there are twice as many as elsewhere.
    for actor in stage.cast(800)?.into_iter().chain(stage.cast(820)?) {
        actors.spawn(act(actor));
    }
    for i in 0..stage.endpoints.len() {
        actors.spawn(see(stage.actor(840 + i, Some(i))?));
    }
    Ok(())
}

async fn act(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        live(&mut actor).await;
    }
    Ok(())
}

/// The life of one lease. Whatever is not answered ends it early: the lease is left alone then.
async fn live(actor: &mut Actor) -> Option<()> {
    let id = FIRST_ID + actor.stage.recorder.number() as i64;
    let asked = actor.random.random_range(1..4);
    let grant = LeaseCall::Grant { id, ttl: asked };
    let LeaseReply::Granted { ttl, .. } = lease(actor, grant).await? else {
        return None;
    };
    let count = actor.random.random_range(1..4);
    for i in 0..count {
        attach(actor, id, i, id).await?;
    }
    for _ in 0..actor.random.random_range(0..5) {
        let third = Duration::from_millis(ttl.unsigned_abs() * 300);
        sleep(third).await;
        let call = LeaseCall::KeepAlive { id };
        if let LeaseReply::KeptAlive { ttl: ..=0 } = lease(actor, call).await? {
            return None;
        }
        if actor.chance(30) {
            lease(actor, LeaseCall::TimeToLive { id, keys: true }).await?;
        }
    }
    match actor.random.random_range(0..100) {
        // Detached, a key outlives its lease.
        0..15 => attach(actor, id, 0, 0).await,
        15..45 => lease(actor, LeaseCall::Revoke { id }).await.map(drop),
        45..55 => lease(actor, LeaseCall::List).await.map(drop),
        _ => None,
    }
}

async fn attach(actor: &mut Actor, id: i64, number: u32, lease: i64) -> Option<()> {
    let call = PutCall {
        key: Blob::from(format!("{PREFIX}{id}/{number}")),
        value: actor.unique(),
        lease,
        ..PutCall::default()
    };
    actor.session.kv(KvCall::Put(call)).await.map(drop)
}

async fn lease(actor: &mut Actor, call: LeaseCall) -> Option<LeaseReply> {
    match actor.session.call(Call::Lease(call)).await {
        Outcome::Ok(Reply::Lease { reply, .. }) => Some(reply),
        _ => None,
    }
}

/// Sees all keys go.
async fn see(actor: Actor) -> Check {
    let open = WatchOpen {
        watch: 0,
        stream: 0,
        process: actor.session.process(),
        node: actor.session.node().unwrap_or(1),
        range: KeyRange::prefix(PREFIX),
        start_revision: 1,
        prev_kv: true,
        no_put: false,
        no_delete: false,
        progress: true,
        fragment: false,
        resumes: None,
    };
    let until = Until::reached(actor.stage.last_revision.clone(), None);
    watcher::watch(
        &actor.stage.recorder,
        &actor.stage.endpoints,
        open,
        false,
        until,
    )
    .await
}
