//! §2.5: leases.

use super::helpers::follower;
use super::texts::NO_LEASE;
use super::{Statement, private, statement};
use crate::check::{Check, holds, refused, same, some};
use crate::client::Client;
use crate::request::*;
use crate::target::{Launcher, Space, Target};
use crate::wait::wait_until;
use crate::watching::WatchStream;
use bytes::Bytes;
use keelson_proto::etcdserverpb::*;
use keelson_proto::mvccpb::event::EventType;
use std::time::{Duration, Instant};
use tonic::Code;

pub(super) fn statements() -> Vec<Statement> {
    vec![
        statement!(c76_the_server_chooses_an_id_for_zero),
        statement!(c76_negative_ids_are_legal),
        statement!(c76_an_existing_id_is_refused),
        statement!(c77_time_to_live_has_bounds),
        statement!(c78_keepalive_of_an_unknown_lease_answers_zero),
        statement!(c79_keepalive_through_any_member),
        private!(c79_a_keepalive_adds_nothing_to_the_log),
        statement!(c80_a_revoked_lease_cannot_be_renewed),
        statement!(c81_revoke_of_an_unknown_lease_is_refused),
        statement!(c81_revoke_deletes_all_keys_in_one_revision),
        statement!(c82_expiry_deletes_not_before_the_time),
        private!(c83_a_lease_outlives_a_change_of_leader),
        statement!(c85_time_to_live_of_an_unknown_lease_is_minus_one),
        statement!(c85_time_to_live_names_keys_when_asked),
        private!(c86_leases_are_listed_by_expiry),
        private!(c87_leases_survive_a_restart).restarts(),
        statement!(c88_a_renewed_lease_stays),
    ]
}

async fn attach(s: &Space, name: &str, id: i64) -> Check<i64> {
    let request = PutRequest {
        lease: id,
        ..put(s.key(name), "v")
    };
    Ok(s.put(request).await?.revision())
}

/// One renewal.
async fn keepalive(client: &Client, id: i64) -> Check<LeaseKeepAliveResponse> {
    let requests = tokio_stream::iter([LeaseKeepAliveRequest { id }]);
    let mut stream = client
        .lease()
        .lease_keep_alive(requests)
        .await?
        .into_inner();
    some("an answer", stream.message().await?)
}

async fn time_to_live(client: &Client, id: i64, keys: bool) -> Check<LeaseTimeToLiveResponse> {
    Ok(client
        .time_to_live(LeaseTimeToLiveRequest { id, keys })
        .await?)
}

async fn c76_the_server_chooses_an_id_for_zero(t: &Target) -> Check {
    let s = t.space();
    let first = s.grant(lease(0, 60)).await?;
    let second = s.grant(lease(0, 60)).await?;
    holds("ids are positive", first.id > 0 && second.id > 0)?;
    holds("ids differ", first.id != second.id)?;
    same("TTL", first.ttl, 60)?;
    same("error", first.error.as_str(), "")
}

async fn c76_negative_ids_are_legal(t: &Target) -> Check {
    let s = t.space();
    same("id", s.grant(lease(-76, 60)).await?.id, -76)?;
    attach(&s, "k", -76).await?;
    s.revoke(LeaseRevokeRequest { id: -76 }).await?;
    same("keys", s.range(s.all()).await?.count, 0)
}

async fn c76_an_existing_id_is_refused(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(7601, 60)).await?;
    let again = s.grant(lease(7601, 60)).await;
    refused(
        again,
        Code::FailedPrecondition,
        "etcdserver: lease already exists",
    )
}

async fn c77_time_to_live_has_bounds(t: &Target) -> Check {
    let s = t.space();
    let too_large = s.grant(lease(7701, 9_000_000_001)).await;
    refused(
        too_large,
        Code::OutOfRange,
        "etcdserver: too large lease TTL",
    )?;
    same(
        "the largest",
        s.grant(lease(7702, 9_000_000_000)).await?.ttl,
        9_000_000_000,
    )?;
    for (id, seconds) in [(7703, 1), (7704, 0), (7705, -5)] {
        same("raised to", s.grant(lease(id, seconds)).await?.ttl, 2)?;
    }
    Ok(())
}

async fn c78_keepalive_of_an_unknown_lease_answers_zero(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(7801, 60)).await?;
    let requests = [7_800_000, 7801].map(|id| LeaseKeepAliveRequest { id });
    let mut stream = s
        .lease()
        .lease_keep_alive(tokio_stream::iter(requests))
        .await?
        .into_inner();
    let unknown = some("an answer", stream.message().await?)?;
    same("id", unknown.id, 7_800_000)?;
    same("TTL", unknown.ttl, 0)?;
    let known = some("an answer on the same stream", stream.message().await?)?;
    same("id", known.id, 7801)?;
    same("TTL", known.ttl, 60)
}

async fn c79_keepalive_through_any_member(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(7901, 60)).await?;
    for i in 0..s.members() {
        same("TTL", keepalive(&s.member(i), 7901).await?.ttl, 60)?;
        same(
            "granted",
            time_to_live(&s.member(i), 7901, false).await?.granted_ttl,
            60,
        )?;
    }
    Ok(())
}

async fn c79_a_keepalive_adds_nothing_to_the_log(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    s.grant(lease(7902, 60)).await?;
    let index = s.status().await?.raft_index;
    for _ in 0..5 {
        same("TTL", keepalive(&s, 7902).await?.ttl, 60)?;
    }
    same("log index", s.status().await?.raft_index, index)
}

async fn c80_a_revoked_lease_cannot_be_renewed(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(8001, 60)).await?;
    s.revoke(LeaseRevokeRequest { id: 8001 }).await?;
    for i in 0..s.members() {
        same("TTL", keepalive(&s.member(i), 8001).await?.ttl, 0)?;
    }
    Ok(())
}

async fn c81_revoke_of_an_unknown_lease_is_refused(t: &Target) -> Check {
    let s = t.space();
    refused(
        s.revoke(LeaseRevokeRequest { id: 8_100_000 }).await,
        Code::NotFound,
        NO_LEASE,
    )
}

async fn c81_revoke_deletes_all_keys_in_one_revision(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(8101, 60)).await?;
    let mut last = 0;
    for name in ["c", "a", "b"] {
        last = attach(&s, name, 8101).await?;
    }
    let revoked = s.revoke(LeaseRevokeRequest { id: 8101 }).await?;
    same("header", revoked.revision(), last + 1)?;
    let mut stream = WatchStream::open(&s);
    stream
        .create(WatchCreateRequest {
            start_revision: last + 1,
            ..s.watch_all()
        })
        .await?;
    let responses = stream.responses(3).await?;
    same("responses", responses.len(), 1)?;
    let mut keys = Vec::new();
    for event in &responses[0].events {
        same("type", event.r#type(), EventType::Delete)?;
        let kv = some("kv", event.kv.clone())?;
        same("revision", kv.mod_revision, last + 1)?;
        keys.push(kv.key);
    }
    let want: Vec<Bytes> = ["a", "b", "c"].map(|name| s.key(name)).into();
    same("in key order", keys, want)?;
    s.grant(lease(8102, 60)).await?;
    let revoked = s.revoke(LeaseRevokeRequest { id: 8102 }).await?;
    same("without keys", revoked.revision(), last + 1)
}

async fn c82_expiry_deletes_not_before_the_time(t: &Target) -> Check {
    let s = t.space();
    let granted = Instant::now();
    let seconds = s.grant(lease(8201, 2)).await?.ttl;
    attach(&s, "k", 8201).await?;
    let client = s.client_clone();
    let key = s.key("k");
    wait_until("the key is gone", Duration::from_secs(30), || {
        let (client, key) = (client.clone(), key.clone());
        async move {
            client
                .range(get(key))
                .await
                .is_ok_and(|reply| reply.count == 0)
        }
    })
    .await?;
    holds(
        "not before its time",
        granted.elapsed() >= Duration::from_secs(seconds as u64),
    )?;
    same("TTL", time_to_live(&s, 8201, false).await?.ttl, -1)?;
    same("renewal", keepalive(&s, 8201).await?.ttl, 0)
}

async fn c83_a_lease_outlives_a_change_of_leader(t: &Launcher) -> Check {
    let s = t.own_cluster(3, &[]).await?;
    let follower = s.cluster.client_of(follower(&s).await?)?;
    let granted = Instant::now();
    follower.grant(lease(8301, 5)).await?;
    let request = PutRequest {
        lease: 8301,
        ..put("k", "v")
    };
    follower.put(request).await?;
    let target_id = follower.member_id().await?;
    let (leader, _) = s.cluster.leader().await?;
    let leader = s.cluster.client_of(leader)?;
    leader.move_leader(MoveLeaderRequest { target_id }).await?;
    wait_until("the key is gone", Duration::from_secs(40), || {
        let client = follower.clone();
        async move {
            client
                .range(get("k"))
                .await
                .is_ok_and(|reply| reply.count == 0)
        }
    })
    .await?;
    holds(
        "not before its time",
        granted.elapsed() >= Duration::from_secs(5),
    )
}

async fn c85_time_to_live_of_an_unknown_lease_is_minus_one(t: &Target) -> Check {
    let s = t.space();
    let reply = time_to_live(&s, 8_500_000, true).await?;
    same("id", reply.id, 8_500_000)?;
    same("TTL", reply.ttl, -1)?;
    same("granted", reply.granted_ttl, 0)?;
    same("keys", reply.keys.len(), 0)
}

async fn c85_time_to_live_names_keys_when_asked(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(8501, 60)).await?;
    for name in ["a", "b"] {
        attach(&s, name, 8501).await?;
    }
    let reply = time_to_live(&s, 8501, true).await?;
    same("granted", reply.granted_ttl, 60)?;
    holds(
        "what is left is in whole seconds",
        (50..60).contains(&reply.ttl),
    )?;
    let mut keys = reply.keys;
    keys.sort();
    same("keys", keys, vec![s.key("a"), s.key("b")])?;
    same(
        "not asked",
        time_to_live(&s, 8501, false).await?.keys.len(),
        0,
    )
}

async fn c86_leases_are_listed_by_expiry(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    for (id, seconds) in [(3, 300), (1, 100), (2, 200)] {
        s.grant(lease(id, seconds)).await?;
    }
    let listed = s.leases(LeaseLeasesRequest {}).await?.leases;
    let ids: Vec<_> = listed.into_iter().map(|lease| lease.id).collect();
    same("ids", ids, vec![1, 2, 3])
}

async fn c87_leases_survive_a_restart(t: &Launcher) -> Check {
    let mut s = t.own(&[]).await?;
    s.grant(lease(8701, 300)).await?;
    attach(&s, "kept", 8701).await?;
    attach(&s, "detached", 8701).await?;
    s.put(put(s.key("detached"), "v")).await?;
    s.cluster.kill(0);
    s.cluster.restart(0)?;
    s.cluster.ready(0).await?;
    let reply = time_to_live(&s, 8701, true).await?;
    same("granted", reply.granted_ttl, 300)?;
    same("keys", reply.keys, vec![s.key("kept")])?;
    s.revoke(LeaseRevokeRequest { id: 8701 }).await?;
    let left: Vec<_> = s
        .range(s.all())
        .await?
        .kvs
        .into_iter()
        .map(|kv| kv.key)
        .collect();
    same("left", left, vec![s.key("detached")])
}

async fn c88_a_renewed_lease_stays(t: &Target) -> Check {
    let s = t.space();
    let mut renewed = Instant::now();
    let ttl = Duration::from_secs(s.grant(lease(8801, 3)).await?.ttl as u64);
    attach(&s, "k", 8801).await?;
    let started = Instant::now();
    while started.elapsed() < ttl * 2 {
        let asked = Instant::now();
        let answer = keepalive(&s, 8801).await?.ttl;
        let count = s.range(s.all()).await?.count;
        // The lease may only end if this machine was too slow to renew it; that shows nothing.
        holds(
            "renewed in time, or this machine is too busy to ask",
            renewed.elapsed() < ttl,
        )?;
        same("renewed to", answer, 3)?;
        same("keys", count, 1)?;
        renewed = asked;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}
