//! W10: candidates who are elected, proclaim, resign or stall, and observers at every member.
//!
//! The services do with keys what a client could do itself, so the witness explains every key they write; who led
//! and who was told so is for `check/election`.

use super::{Actor, Stage};
use crate::history::*;
use keelson_kit::check::Check;
use rand::Rng;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Seconds that a leader outlives its silence.
const TTL: i64 = 2;
/// Ids are chosen here, so that a lease whose grant was not answered has a name.
const FIRST_ID: i64 = 10_000_000;

fn name() -> Blob {
    Blob::from("w10/leader")
}

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    for actor in stage.cast(1000)? {
        actors.spawn(run(actor));
    }
    for i in 0..stage.endpoints.len() {
        actors.spawn(look(stage.actor(1040 + i, Some(i))?));
    }
    Ok(())
}

async fn run(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        let id = FIRST_ID + actor.stage.recorder.number() as i64;
        let grant = LeaseCall::Grant { id, ttl: TTL };
        if let Outcome::Ok(_) = actor.session.call(Call::Lease(grant)).await {
            campaign(&mut actor, id).await;
            // Whatever became of it: nobody waits for a candidate that has gone away.
            let revoke = LeaseCall::Revoke { id };
            actor.session.call(Call::Lease(revoke)).await;
        }
    }
    Ok(())
}

/// One candidacy, to its end or to the first request that is not answered.
async fn campaign(actor: &mut Actor, lease: i64) -> Option<()> {
    let (name, value) = (name(), actor.unique());
    let campaign = LockCall::Campaign { name, lease, value };
    let LockReply::Elected { key, revision } = ask(actor, campaign).await? else {
        return None;
    };
    for _ in 0..actor.random.random_range(0..3) {
        let (key, value) = (key.clone(), actor.unique());
        let proclaim = LockCall::Proclaim {
            key,
            revision,
            lease,
            value,
        };
        ask(actor, proclaim).await?;
    }
    if actor.chance(10) {
        // As a process that is stopped: others lead when it goes on.
        let stall_ms = TTL.unsigned_abs() * 1_000 + actor.random.random_range(500..2_500);
        sleep(Duration::from_millis(stall_ms)).await;
    }
    if actor.chance(80) {
        ask(actor, LockCall::Resign { key, revision }).await?;
    }
    Some(())
}

/// Asks one member who leads, and follows what it says for a while.
async fn look(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        let name = name();
        let call = match actor.chance(30) {
            true => LockCall::Observe { name },
            false => LockCall::Leader { name },
        };
        ask(&mut actor, call).await;
    }
    Ok(())
}

async fn ask(actor: &mut Actor, call: LockCall) -> Option<LockReply> {
    match actor.session.call(Call::Lock(call)).await {
        Outcome::Ok(Reply::Lock { reply, .. }) => Some(reply),
        _ => None,
    }
}
