//! Members that are far behind, or new, or going: by snapshot, while writes go on.

use keelson_kit::check::{Check, holds, same, some};
use keelson_kit::client::Client;
use keelson_kit::cluster::Cluster;
use keelson_kit::crash::verdict::{self, conclude, same_everywhere};
use keelson_kit::crash::writer::Writers;
use keelson_kit::keelson;
use keelson_kit::request::{Revision, get, put};
use keelson_kit::wait::wait_until;
use keelson_proto::etcdserverpb::{
    Member, MemberPromoteRequest, MemberRemoveRequest, MemberUpdateRequest,
};
use std::time::{Duration, Instant};
use tonic::Code;

/// For whatever takes as long as the machine is busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// So little of the log is kept that whoever was away needs a snapshot.
const SHORT_LOG: [&str; 2] = ["--snapshot-count=50", "--snapshot-catchup-entries=10"];
/// The line of a member that installs what it was sent.
const INSTALLED: &str = "installing the received snapshot";

/// Everything member `i` has logged.
fn log(cluster: &Cluster, i: usize) -> String {
    cluster.log(i).expect("the member has a log")
}

async fn writes(writers: &Writers, more: u64) -> Check {
    let wanted = writers.acknowledged() + more;
    wait_until("the writers have written enough", PATIENCE * 2, || async {
        writers.acknowledged() >= wanted
    })
    .await
}

/// Member `i` has what was acknowledged when this was called.
async fn has_caught_up(cluster: &Cluster, i: usize) -> Check<Duration> {
    verdict::has_caught_up(cluster, i, &cluster.client_of(0)?).await
}

#[tokio::test]
async fn a_member_that_was_down_for_100k_writes_catches_up_by_snapshot_while_writes_go_on() {
    let cluster = Cluster::start(&keelson!(), 3, &SHORT_LOG).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        cluster.kill(2);
        let others = Client::new(&cluster.endpoints()[..2])?;
        let writers = Writers::start(&others, 64);
        writes(&writers, 100_000).await?;
        cluster.restart(2)?;
        cluster.ready(2).await?;
        println!(
            "100000 writes behind: caught up after {:?}",
            has_caught_up(&cluster, 2).await?
        );
        holds(
            "a snapshot was installed",
            log(&cluster, 2).contains(INSTALLED),
        )?;
        // A state that came by snapshot is as good as any: it survives, and goes on.
        writes(&writers, 2_000).await?;
        cluster.restart(2)?;
        cluster.ready(2).await?;
        writes(&writers, 2_000).await?;
        conclude(&cluster, writers).await
    };
    Box::pin(run).await.expect("the member catches up");
}

#[tokio::test]
async fn a_member_killed_while_it_receives_snapshots_still_catches_up() {
    let cluster = Cluster::start(&keelson!(), 3, &SHORT_LOG).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        // Through the member itself, too: what waits there when its state is replaced is in doubt.
        let writers = Writers::start(&cluster.client()?, 64);
        let mut installed = 0;
        for round in 0..6_u64 {
            cluster.kill(2);
            writes(&writers, 8_000).await?;
            cluster.restart(2)?;
            let before = log(&cluster, 2).matches(INSTALLED).count();
            wait_until("a snapshot arrives", PATIENCE, || async {
                log(&cluster, 2).matches(INSTALLED).count() > before
            })
            .await?;
            installed += 1;
            // Each time a little later: while it is installed, while the log is cut, afterwards.
            tokio::time::sleep(Duration::from_millis(7 * round * round)).await;
        }
        println!("killed during or after {installed} installations");
        cluster.restart(2)?;
        cluster.ready(2).await?;
        has_caught_up(&cluster, 2).await?;
        conclude(&cluster, writers).await
    };
    Box::pin(run).await.expect("the member catches up");
}

#[tokio::test]
async fn new_members_catch_up_by_snapshot_while_writes_go_on() {
    let cluster = Cluster::start(&keelson!(), 3, &SHORT_LOG).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let founders = Client::new(&cluster.endpoints())?;
        let writers = Writers::start(&founders, 32);
        writes(&writers, 20_000).await?;
        let started = Instant::now();
        let voter = cluster.add_member(false).await?;
        println!("a new voter answers after {:?}", started.elapsed());
        has_caught_up(&cluster, 3).await?;
        holds(
            "the voter got a snapshot",
            log(&cluster, 3).contains(INSTALLED),
        )?;
        let learner = cluster.add_member(true).await?;
        has_caught_up(&cluster, 4).await?;
        holds(
            "the learner got a snapshot",
            log(&cluster, 4).contains(INSTALLED),
        )?;
        let is_learner = |members: &[Member], id| {
            members
                .iter()
                .find(|member| member.id == id)
                .map(|member| member.is_learner)
        };
        let list = founders.list_members().await?;
        same("the voter is none", is_learner(&list, voter), Some(false))?;
        same("the learner is one", is_learner(&list, learner), Some(true))?;
        let started = Instant::now();
        wait_until("the learner is ready to be promoted", PATIENCE, || async {
            founders
                .member_promote(MemberPromoteRequest { id: learner })
                .await
                .is_ok()
        })
        .await?;
        println!("promoted after {:?}", started.elapsed());
        let list = founders.list_members().await?;
        same(
            "the learner votes now",
            is_learner(&list, learner),
            Some(false),
        )?;
        cluster.ready(4).await?;
        // Five voters: two may be away.
        cluster.kill(0);
        cluster.kill(1);
        let client = cluster.client_of(4)?;
        wait_until("three of five take a write", PATIENCE, || async {
            client.put(put("three", "of five")).await.is_ok()
        })
        .await?;
        for i in [0, 1] {
            cluster.restart(i)?;
            cluster.ready(i).await?;
        }
        conclude(&cluster, writers).await
    };
    Box::pin(run).await.expect("new members catch up");
}

/// Member `i` stops by itself.
async fn ends(cluster: &mut Cluster, i: usize) -> Check<Duration> {
    let started = Instant::now();
    wait_until("the removed member has stopped", PATIENCE, || {
        let runs = cluster.runs(i);
        async move { !runs }
    })
    .await?;
    let text = log(cluster, i);
    holds("it says why", text.contains("removed from its group"))?;
    holds("it has not crashed", !text.contains("panicked"))?;
    Ok(started.elapsed())
}

#[tokio::test]
async fn removed_members_stop_and_the_others_go_on() {
    let cluster = Cluster::start(&keelson!(), 3, &[]).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let writers = Writers::start(&cluster.client()?, 4);
        writes(&writers, 200).await?;
        let mut last = None;
        for who in ["a follower", "the leader", "the leader, asked itself"] {
            cluster.add_member(false).await?;
            let running: Vec<_> = (0..cluster.size()).filter(|i| cluster.runs(*i)).collect();
            let (leads, _) = cluster.leader_among(&running).await?;
            let follows = *some("a follower", running.iter().find(|i| **i != leads))?;
            let (leaves, asked) = match who {
                "a follower" => (follows, leads),
                "the leader" => (leads, follows),
                _ => (leads, leads),
            };
            last = Some(leaves);
            let id = cluster.client_of(leaves)?.member_id().await?;
            let client = cluster.client_of(asked)?;
            let started = Instant::now();
            let reply = client.member_remove(MemberRemoveRequest { id }).await?;
            let answered = started.elapsed();
            let left = reply.members.iter().any(|member| member.id == id);
            holds("the reply does not list it", !left)?;
            let ended = ends(&mut cluster, leaves).await?;
            let rest: Vec<_> = running.into_iter().filter(|i| *i != leaves).collect();
            let client = cluster.client_of(rest[0])?;
            wait_until("the others take a write", PATIENCE, || async {
                client.put(put("after", who)).await.is_ok()
            })
            .await?;
            let took = started.elapsed();
            println!("{who} removed: answer {answered:?}, stopped {ended:?}, write {took:?}");
            for i in &rest {
                let value = cluster.client_of(*i)?.range(get("after")).await?.kvs;
                same("everybody has it", value.len(), 1)?;
            }
        }
        let running: Vec<_> = (0..cluster.size()).filter(|i| cluster.runs(*i)).collect();
        same("three are left", running.len(), 3)?;
        let _ = writers.finish().await?;
        // A removed member stays away, however often it is started.
        let gone = some("the last one removed", last)?;
        cluster.restart(gone)?;
        ends(&mut cluster, gone).await?;
        Ok::<_, keelson_kit::check::Failure>(())
    };
    Box::pin(run).await.expect("removed members stop");
}

#[tokio::test]
async fn a_leader_that_was_removed_changes_the_membership_no_more() {
    let cluster = Cluster::start(&keelson!(), 3, &[]).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let (leads, _) = cluster.leader().await?;
        let stays = (leads + 1) % 3;
        let update = MemberUpdateRequest {
            id: cluster.client_of(stays)?.member_id().await?,
            peer_ur_ls: vec![cluster.peer_url(stays).to_owned()],
        };
        let remove = MemberRemoveRequest {
            id: cluster.client_of(leads)?.member_id().await?,
        };
        let client = cluster.client_of(leads)?;
        wait_until("all members have said who they are", PATIENCE, || async {
            client
                .list_members()
                .await
                .is_ok_and(|list| list.iter().all(|member| !member.name.is_empty()))
        })
        .await?;
        // It goes on leading for a moment after its removal is committed, so that others learn of it.
        let pestering = tokio::spawn({
            let client = client.clone();
            async move {
                while !matches!(client.member_update(update.clone()).await,
                    Err(status) if status.code() == Code::Unavailable)
                {}
            }
        });
        client.member_remove(remove).await?;
        ends(&mut cluster, leads).await?;
        pestering.abort();
        let client = cluster.client_of(stays)?;
        wait_until("the others take a write", PATIENCE, || async {
            client.put(put("k", "v")).await.is_ok()
        })
        .await?;
        let list = client.list_members().await?;
        same("two are left", list.len(), 2)
    };
    Box::pin(run).await.expect("the leader leaves quietly");
}

#[tokio::test]
async fn a_member_is_reached_under_its_new_peer_url() {
    let cluster = Cluster::start(&keelson!(), 3, &[]).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let id = cluster.client_of(2)?.member_id().await?;
        let url = cluster.peer_url(2).replace("127.0.0.1", "localhost");
        let client = cluster.client_of(0)?;
        let update = MemberUpdateRequest {
            id,
            peer_ur_ls: vec![url.clone()],
        };
        client.member_update(update).await?;
        let list = client.list_members().await?;
        let found = list.iter().find(|member| member.id == id);
        same(
            "it is listed",
            &some("the member", found)?.peer_ur_ls,
            &vec![url],
        )?;
        let (leads, _) = cluster.leader().await?;
        // Whoever leads from now on must find the member under the new address.
        cluster.restart(leads)?;
        cluster.ready(leads).await?;
        cluster.restart(2)?;
        cluster.ready(2).await?;
        let revision = cluster.client_of(2)?.put(put("k", "v")).await?.revision();
        same_everywhere(&cluster, revision).await
    };
    Box::pin(run).await.expect("the member is reached");
}
