//! A member is added, gets its vote, and is removed, and somebody dies over it.

use crate::stage::{REACHED, Stage, switch};
use keelson_kit::check::{Check, Failure, some};
use keelson_kit::client::Client;
use keelson_kit::port::free_port;
use keelson_kit::wait::wait_until;
use keelson_proto::etcdserverpb::{
    Member, MemberAddRequest, MemberPromoteRequest, MemberRemoveRequest,
};
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use tonic::Status;

/// A request to a cluster of which a member dies.
const ASKED: Duration = Duration::from_secs(3);
/// Between two of them.
const REST: Duration = Duration::from_millis(50);

/// Asks until one has died over it.
async fn until_one_dies<T, F: Future<Output = Result<T, Status>>>(
    stage: &mut Stage,
    ask: impl Fn(Client) -> F,
) -> Check {
    let client = stage.cluster.client()?;
    let began = Instant::now();
    while !stage.has_died()? {
        // Whether it is done is not known, and told by the members afterwards.
        let _ = timeout(ASKED, ask(client.clone())).await;
        if began.elapsed() > REACHED {
            return Err(Failure::new("nobody has come there"));
        }
        sleep(REST).await;
    }
    Ok(())
}

async fn members(client: &Client) -> Option<Vec<Member>> {
    timeout(ASKED, client.list_members()).await.ok()?.ok()
}

/// Removes everybody who does not belong to the cluster for good.
async fn shrink(stage: &mut Stage) -> Check {
    let urls: Vec<_> = stage
        .members()
        .map(|i| stage.cluster.peer_url(i).to_owned())
        .collect();
    let client = stage.cluster.client()?;
    wait_until("only those are left that stay", REACHED, || async {
        let Some(members) = members(&client).await else {
            return false;
        };
        let stays = |member: &Member| member.peer_ur_ls.iter().any(|url| urls.contains(url));
        let Some(guest) = members.iter().find(|member| !stays(member)) else {
            return members.len() == urls.len();
        };
        let request = MemberRemoveRequest { id: guest.id };
        let _ = timeout(ASKED, client.member_remove(request)).await;
        false
    })
    .await?;
    while stage.cluster.size() > stage.members().len() {
        stage.cluster.forget_last();
    }
    Ok(())
}

/// Adds a learner that runs; returns its id.
async fn invite(stage: &mut Stage) -> Check<u64> {
    // Its directory and its switch may be left of the guest before.
    let i = stage.cluster.size();
    let data = stage.cluster.directory().join(format!("m{}", i + 1));
    let _ = std::fs::remove_dir_all(data);
    let id = stage.cluster.add_member(true).await?;
    switch(&stage.cluster, i, "")?;
    Ok(id)
}

pub async fn add(stage: &mut Stage, point: &str) -> Check {
    let request = MemberAddRequest {
        peer_ur_ls: vec![format!("http://127.0.0.1:{}", free_port()?)],
        is_learner: true,
    };
    stage.arm(stage.members(), point)?;
    until_one_dies(stage, |client| {
        let request = request.clone();
        async move { client.member_add(request).await }
    })
    .await?;
    stage.recover(&[]).await?;
    shrink(stage).await
}

pub async fn meet(stage: &mut Stage, point: &str) -> Check {
    stage.arm(stage.members(), point)?;
    invite(stage).await?;
    stage.death().await?;
    stage.recover(&[]).await?;
    shrink(stage).await
}

pub async fn promote(stage: &mut Stage, point: &str) -> Check {
    let id = invite(stage).await?;
    stage.arm(stage.members(), point)?;
    until_one_dies(stage, |client| async move {
        client.member_promote(MemberPromoteRequest { id }).await
    })
    .await?;
    stage.recover(&[]).await?;
    shrink(stage).await
}

pub async fn remove(stage: &mut Stage, point: &str) -> Check {
    let id = invite(stage).await?;
    stage.arm(stage.members(), point)?;
    until_one_dies(stage, |client| async move {
        client.member_remove(MemberRemoveRequest { id }).await
    })
    .await?;
    stage.recover(&[]).await?;
    let client = stage.cluster.client()?;
    some("the members", members(&client).await)?;
    shrink(stage).await
}
