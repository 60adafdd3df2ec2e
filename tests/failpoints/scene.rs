//! How members at work are led to a failpoint.

use crate::growth;
use crate::plan::Way;
use crate::stage::{REACHED, Stage, switch};
use keelson_kit::check::{Check, Failure, holds};
use keelson_kit::client::Client;
use keelson_kit::request::put;
use keelson_kit::wait::wait_until;
use keelson_proto::etcdserverpb::SnapshotRequest;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Writes after which the others' logs do not hold what one has missed.
const BEHIND: u64 = 120;
/// A request to a member without peers, which cannot answer.
const HOPELESS: Duration = Duration::from_millis(300);
/// A request to a member that dies meanwhile.
const ASKED: Duration = Duration::from_secs(5);

/// Leads a member to `point`, where it dies, and sees that all serve afterwards.
///
/// # Errors
/// When none comes there, or one does not come back.
pub async fn play(stage: &mut Stage, point: &str, way: Way) -> Check {
    match way {
        Way::Work | Way::Peers => {
            stage.arm(stage.members(), point)?;
            stage.death().await?;
            stage.recover(&[]).await
        }
        Way::Start => start(stage, point).await,
        Way::Stop => stop(stage, point).await,
        Way::Election => elect(stage, point).await,
        Way::Lag => lag(stage, point).await,
        Way::Conflict => conflict(stage, point).await,
        Way::Save | Way::Defragment => ask(stage, point, way).await,
        Way::Add => growth::add(stage, point).await,
        Way::Meet => growth::meet(stage, point).await,
        Way::Promote => growth::promote(stage, point).await,
        Way::Remove => growth::remove(stage, point).await,
        Way::Founding | Way::Restore => Err(Failure::new("no cluster is needed for it")),
    }
}

/// Leads a member to `point`, where the seam reports an error. Whatever the member does about it, it is killed
/// then, and serves again when it is back.
///
/// # Errors
/// When none comes there, or one does not come back.
pub async fn fail(stage: &mut Stage, point: &str, way: Way) -> Check {
    stage.arm_to(stage.members(), point, "error@1")?;
    if way == Way::Lag {
        until_one_errs(stage, victim(stage, point)).await?;
    } else {
        let why = format!("{point} reports an error");
        let is_hit = || std::future::ready(!stage.those_hit().is_empty());
        wait_until(&why, REACHED, is_hit).await?;
    }
    for i in stage.members() {
        switch(&stage.cluster, i, "")?;
    }
    let hit = stage.those_hit();
    hit.iter().for_each(|i| stage.cluster.kill(*i));
    stage.recover(&hit).await
}

/// A member, another one at each failpoint.
fn victim(stage: &Stage, point: &str) -> usize {
    point.bytes().map(usize::from).sum::<usize>() % stage.members().len()
}

/// Waits until a member has died where it was asked to, or `i` serves without having been there.
async fn died_or_serves(stage: &mut Stage, i: usize) -> Check<bool> {
    let client = stage.cluster.client_of(i)?;
    let mut died = Ok(false);
    wait_until("the member has died or serves", REACHED, || {
        died = stage.has_died();
        let over = !matches!(died, Ok(false));
        let client = client.clone();
        async move { over || matches!(timeout(ASKED, client.revision()).await, Ok(Ok(_))) }
    })
    .await?;
    Ok(died? || stage.has_died()?)
}

/// Starts `i` again and again, each time after more work without it, until one has died.
async fn until_one_dies(stage: &mut Stage, i: usize, mut without_it: u64) -> Check {
    let began = Instant::now();
    while began.elapsed() < REACHED {
        stage.cluster.restart(i)?;
        if died_or_serves(stage, i).await? || stage.peace_or_death(1).await? {
            return Ok(());
        }
        // A leader may come there only now, when it is too late for the one that is away.
        stage.cluster.kill(i);
        if stage.members().len() > 1 && stage.peace_or_death(without_it).await? {
            return Ok(());
        }
        without_it += BEHIND;
    }
    Err(Failure::new("nobody has come there"))
}

/// Has `i` miss more and more, until sending it a snapshot, or taking it, has failed.
async fn until_one_errs(stage: &mut Stage, i: usize) -> Check {
    let client = stage.cluster.client_of(i)?;
    let began = Instant::now();
    for turn in 1.. {
        stage.cluster.kill(i);
        let wanted = stage.load.acknowledged() + turn * BEHIND;
        let why = "writes are acknowledged, or it has failed before";
        wait_until(why, REACHED, || {
            let over = stage.load.acknowledged() >= wanted || !stage.those_hit().is_empty();
            std::future::ready(over)
        })
        .await?;
        stage.cluster.restart(i)?;
        wait_until("it has failed, or the member serves", REACHED, || {
            let is_hit = !stage.those_hit().is_empty();
            let client = client.clone();
            async move { is_hit || matches!(timeout(ASKED, client.revision()).await, Ok(Ok(_))) }
        })
        .await?;
        if !stage.those_hit().is_empty() {
            break;
        }
        holds("it fails in time", began.elapsed() < REACHED)?;
    }
    Ok(())
}

async fn start(stage: &mut Stage, point: &str) -> Check {
    let i = victim(stage, point);
    stage.cluster.kill(i);
    stage.arm([i], point)?;
    until_one_dies(stage, i, 1).await?;
    stage.recover(&[]).await
}

async fn stop(stage: &mut Stage, point: &str) -> Check {
    let i = victim(stage, point);
    stage.arm([i], point)?;
    stage.cluster.stop(i).await?;
    stage.death().await?;
    stage.recover(&[]).await
}

/// The leader is killed, and the others elect.
async fn elect(stage: &mut Stage, point: &str) -> Check {
    let (leader, _) = stage.cluster.leader().await?;
    stage.arm(stage.members(), point)?;
    stage.cluster.kill(leader);
    stage.death().await?;
    stage.recover(&[leader]).await
}

/// One is away for so long that it is sent a snapshot.
async fn lag(stage: &mut Stage, point: &str) -> Check {
    let i = victim(stage, point);
    stage.cluster.kill(i);
    stage.peace(BEHIND).await?;
    stage.arm(stage.members(), point)?;
    until_one_dies(stage, i, BEHIND).await?;
    stage.recover(&[i]).await
}

/// The leader takes entries that nobody else gets, and comes back when another leads.
async fn conflict(stage: &mut Stage, point: &str) -> Check {
    let began = Instant::now();
    while began.elapsed() < REACHED {
        let (leader, _) = stage.cluster.leader().await?;
        let others: Vec<_> = stage.members().filter(|i| *i != leader).collect();
        others.iter().for_each(|i| stage.cluster.kill(*i));
        let client = stage.cluster.client_of(leader)?;
        let alone = timeout(HOPELESS, client.put(put("conflict", "taken by one"))).await;
        if matches!(alone, Ok(Ok(_))) {
            return Err(Failure::new("one of three has acknowledged a write"));
        }
        stage.cluster.kill(leader);
        for i in &others {
            switch(&stage.cluster, *i, "")?;
            stage.cluster.restart(*i)?;
        }
        for i in others {
            stage.cluster.ready(i).await?;
        }
        stage.arm([leader], point)?;
        stage.cluster.restart(leader)?;
        if died_or_serves(stage, leader).await? {
            return stage.recover(&[]).await;
        }
        stage.recover(&[leader]).await?;
    }
    Err(Failure::new("nobody has come there"))
}

/// Asks one member after the other until one has died over it.
async fn ask(stage: &mut Stage, point: &str, way: Way) -> Check {
    stage.arm(stage.members(), point)?;
    let began = Instant::now();
    while !stage.has_died()? {
        for i in stage.members() {
            let client = stage.cluster.client_of(i)?;
            // Whether it answers is of no interest: it dies.
            match way {
                Way::Save => drop(timeout(ASKED, save(&client)).await),
                _ => drop(timeout(ASKED, client.defragment()).await),
            }
        }
        if began.elapsed() > REACHED {
            return Err(Failure::new("nobody has come there"));
        }
    }
    stage.recover(&[]).await
}

async fn save(client: &Client) -> Check {
    let mut service = client.maintenance();
    let mut parts = service.snapshot(SnapshotRequest {}).await?.into_inner();
    while parts.message().await?.is_some() {}
    Ok(())
}
