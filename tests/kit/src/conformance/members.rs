//! §2.7, 109 to 114: members, learners, leaders.

use super::helpers::*;
use super::{Statement, private};
use crate::check::{Check, holds, refused, same, some};
use crate::request::*;
use crate::target::{Launcher, Own};
use crate::wait::{wait_for, wait_until};
use crate::watching::WatchStream;
use keelson_proto::etcdserverpb::*;
use std::time::{Duration, Instant};
use tonic::Code;

const NOT_FOUND: &str = "etcdserver: member not found";

pub(super) fn statements() -> Vec<Statement> {
    vec![
        private!(c109_members_are_sorted_and_a_new_one_has_no_name),
        private!(c110_bad_member_changes_are_refused),
        private!(c111_a_removed_member_stays_removed),
        private!(c112_a_learner_is_promoted_when_in_sync),
        private!(c113_a_learner_answers_little),
        private!(c114_move_leader),
        private!(c114_a_stopping_leader_hands_over),
    ]
}

async fn c109_members_are_sorted_and_a_new_one_has_no_name(t: &Launcher) -> Check {
    let s = t.own_cluster(3, &["--strict-reconfig-check=false"]).await?;
    let added = s
        .member_add(MemberAddRequest {
            peer_ur_ls: vec!["http://127.0.0.1:9".into()],
            is_learner: true,
        })
        .await?;
    let new = some("member", added.member)?;
    same("members in the answer", added.members.len(), 4)?;
    let list = s.list_members().await?;
    holds("sorted by id", list.is_sorted_by_key(|member| member.id))?;
    for member in list {
        if member.id == new.id {
            same("name", member.name.as_str(), "")?;
            same("client URLs", member.client_ur_ls.len(), 0)?;
            same("learner", member.is_learner, true)?;
        } else {
            holds("a started member has a name", !member.name.is_empty())?;
            same("client URLs", member.client_ur_ls.len(), 1)?;
        }
    }
    Ok(())
}

async fn c110_bad_member_changes_are_refused(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    let add = |url: &str| MemberAddRequest {
        peer_ur_ls: vec![url.to_owned()],
        is_learner: true,
    };
    let invalid = "etcdserver: given member URLs are invalid";
    for url in ["not a url", "127.0.0.1:1", "http://127.0.0.1"] {
        refused(s.member_add(add(url)).await, Code::InvalidArgument, invalid)?;
    }
    let taken = s.cluster.peer_url(0).to_owned();
    let exists = "etcdserver: Peer URLs already exists";
    refused(
        s.member_add(add(&taken)).await,
        Code::FailedPrecondition,
        exists,
    )?;
    let unknown = s.member_remove(MemberRemoveRequest { id: 12345 }).await;
    refused(unknown, Code::NotFound, NOT_FOUND)?;
    let unknown = s.member_promote(MemberPromoteRequest { id: 12345 }).await;
    refused(unknown, Code::NotFound, NOT_FOUND)?;
    let update = MemberUpdateRequest {
        id: 12345,
        peer_ur_ls: vec!["http://127.0.0.1:9".into()],
    };
    refused(s.member_update(update).await, Code::NotFound, NOT_FOUND)
}

/// Adding a voter needs members that have been there for five seconds.
async fn settled_add(s: &Own, request: MemberAddRequest) -> Check<MemberAddResponse> {
    let client = s.client_clone();
    wait_for(
        "the cluster is healthy enough to grow",
        Duration::from_secs(30),
        || {
            let (client, request) = (client.clone(), request.clone());
            async move { client.member_add(request).await.ok() }
        },
    )
    .await
}

async fn c111_a_removed_member_stays_removed(t: &Launcher) -> Check {
    let s = t.own_cluster(3, &[]).await?;
    let voter = MemberAddRequest {
        peer_ur_ls: vec!["http://127.0.0.1:9".into()],
        is_learner: false,
    };
    let added = settled_add(&s, voter).await?;
    let id = some("member", added.member)?.id;
    s.member_remove(MemberRemoveRequest { id }).await?;
    refused(
        s.member_remove(MemberRemoveRequest { id }).await,
        Code::NotFound,
        NOT_FOUND,
    )?;
    same("members", s.list_members().await?.len(), 3)
}

async fn c112_a_learner_is_promoted_when_in_sync(t: &Launcher) -> Check {
    let mut s = t.own(&[]).await?;
    let voter = s.member_id().await?;
    let not_learner = s.member_promote(MemberPromoteRequest { id: voter }).await;
    let text = "etcdserver: can only promote a learner member";
    refused(not_learner, Code::FailedPrecondition, text)?;
    s.put(put("k", "v")).await?;
    let absent = MemberAddRequest {
        peer_ur_ls: vec!["http://127.0.0.1:9".into()],
        is_learner: true,
    };
    let id = some("member", s.member_add(absent).await?.member)?.id;
    let behind = s.member_promote(MemberPromoteRequest { id }).await;
    let text = "etcdserver: can only promote a learner member which is in sync with leader";
    refused(behind, Code::FailedPrecondition, text)?;
    let second = MemberAddRequest {
        peer_ur_ls: vec!["http://127.0.0.1:10".into()],
        is_learner: true,
    };
    let text = "etcdserver: too many learner members in cluster";
    refused(s.member_add(second).await, Code::FailedPrecondition, text)?;
    s.member_remove(MemberRemoveRequest { id }).await?;
    let id = s.cluster.add_member(true).await?;
    let leader = s.cluster.client_of(0)?;
    wait_until("the learner is in sync", Duration::from_secs(30), || {
        let leader = leader.clone();
        async move {
            leader
                .member_promote(MemberPromoteRequest { id })
                .await
                .is_ok()
        }
    })
    .await?;
    s.cluster.ready(1).await?;
    let there = s.cluster.client_of(1)?;
    same("read through it", there.range(get("k")).await?.count, 1)?;
    let list = there.list_members().await?;
    holds("both vote", list.iter().all(|member| !member.is_learner))
}

async fn c113_a_learner_answers_little(t: &Launcher) -> Check {
    let mut s = t.own(&[]).await?;
    s.put(put("k", "v")).await?;
    s.cluster.add_member(true).await?;
    let learner = s.cluster.client_of(1)?;
    let local = RangeRequest {
        serializable: true,
        ..get("k")
    };
    wait_until("the learner has the data", Duration::from_secs(30), || {
        let (learner, local) = (learner.clone(), local.clone());
        async move {
            learner
                .range(local)
                .await
                .is_ok_and(|reply| reply.count == 1)
        }
    })
    .await?;
    same("it says so", learner.status().await?.is_learner, true)?;
    let (code, text) = (
        Code::FailedPrecondition,
        "etcdserver: rpc not supported for learner",
    );
    refused(learner.range(get("k")).await, code, text)?;
    refused(learner.put(put("k", "v")).await, code, text)?;
    refused(learner.txn(ops(vec![])).await, code, text)?;
    refused(learner.grant(lease(1, 60)).await, code, text)?;
    let asked = learner
        .member_list(MemberListRequest {
            linearizable: false,
        })
        .await;
    refused(asked, code, text)?;
    let mut snapshot = learner
        .maintenance()
        .snapshot(SnapshotRequest {})
        .await?
        .into_inner();
    holds("it streams a snapshot", snapshot.message().await?.is_some())?;
    let mut watching = WatchStream::open(&learner);
    watching.ask(watch("k"))?;
    let ended = watching.end(Duration::from_secs(10)).await?;
    refused::<()>(Err(ended), code, text)
}

async fn c114_move_leader(t: &Launcher) -> Check {
    let s = t.own_cluster(3, &[]).await?;
    let heir = s.cluster.client_of(follower(&s).await?)?;
    let leader = s.cluster.client_of(s.cluster.leader().await?.0)?;
    let target_id = heir.member_id().await?;
    let request = MoveLeaderRequest { target_id };
    let elsewhere = heir.move_leader(request).await;
    refused(
        elsewhere,
        Code::FailedPrecondition,
        "etcdserver: not leader",
    )?;
    let stranger = leader
        .move_leader(MoveLeaderRequest { target_id: 12345 })
        .await;
    refused(
        stranger,
        Code::FailedPrecondition,
        "etcdserver: bad leader transferee",
    )?;
    same("header", leader.move_leader(request).await?.header, None)?;
    wait_until("the heir leads", Duration::from_secs(10), || {
        let heir = heir.clone();
        async move {
            heir.status()
                .await
                .is_ok_and(|status| status.leader == target_id)
        }
    })
    .await?;
    heir.put(put("k", "v")).await?;
    Ok(())
}

async fn c114_a_stopping_leader_hands_over(t: &Launcher) -> Check {
    let mut s = t.own_cluster(3, &[]).await?;
    let (leader, _) = s.cluster.leader().await?;
    let other = s.cluster.client_of((leader + 1) % 3)?;
    other.put(put("k", "v")).await?;
    let term = other.status().await?.raft_term;
    let started = Instant::now();
    s.cluster.stop(leader).await?;
    let stopped = started.elapsed();
    holds(
        &format!("it stopped in {stopped:?}"),
        stopped < Duration::from_secs(5),
    )?;
    wait_until("there is a leader again", Duration::from_secs(10), || {
        let other = other.clone();
        async move { other.put(put("k", "again")).await.is_ok() }
    })
    .await?;
    same("one term later", other.status().await?.raft_term, term + 1)
}
