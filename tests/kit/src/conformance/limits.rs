//! §2.8: reads without a quorum, sizes, locks and elections.

use super::helpers::leave_alone;
use super::texts::NO_KEY;
use super::{Statement, private, statement};
use crate::check::{Check, holds, refused, same, some};
use crate::request::*;
use crate::target::{Launcher, Own, Target};
use crate::wait::wait_until;
use bytes::Bytes;
use keelson_proto::etcdserverpb::*;
use keelson_proto::health::HealthCheckRequest;
use keelson_proto::health::health_check_response::ServingStatus;
use keelson_proto::health::health_client::HealthClient;
use keelson_proto::v3electionpb::*;
use keelson_proto::v3lockpb::{LockRequest, UnlockRequest};
use std::time::Duration;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Endpoint;
use tonic::{Code, Request};

pub(super) fn statements() -> Vec<Statement> {
    vec![
        private!(c117_a_linearizable_read_times_out_without_a_quorum),
        private!(c117_a_read_sees_every_acknowledged_write),
        private!(c117_a_read_waits_for_no_timer),
        private!(c118_a_serializable_read_answers_without_a_quorum),
        statement!(c119_a_request_that_is_too_large_is_refused),
        statement!(c119_a_request_far_too_large_is_refused_by_grpc),
        private!(c119_the_limit_is_a_flag),
        private!(c121_a_request_that_wants_a_leader_fails_at_once),
        private!(c122_keepalive_pings_of_thirty_seconds_are_welcome),
        statement!(c123_a_lock_has_one_owner_and_the_next_waits),
        statement!(c123_the_lock_key_is_made_of_name_and_lease),
        statement!(c123_an_election),
        statement!(c123_an_election_request_needs_its_leader),
        private!(health_answers_serving),
    ]
}

/// Three members of which only the first is left.
async fn alone(t: &Launcher) -> Check<(Own, crate::client::Client)> {
    let mut s = t.own_cluster(3, &[]).await?;
    let one = s.cluster.client_of(0)?;
    one.put(put("k", "v")).await?;
    leave_alone(&mut s).await?;
    Ok((s, one))
}

async fn c117_a_linearizable_read_times_out_without_a_quorum(t: &Launcher) -> Check {
    let (_s, one) = alone(t).await?;
    let started = std::time::Instant::now();
    let refusal = one.range(get("k")).await;
    let took = started.elapsed();
    refused(refusal, Code::Unavailable, "etcdserver: request timed out")?;
    holds(&format!("it took {took:?}"), took > Duration::from_secs(4))?;
    holds(&format!("it took {took:?}"), took < Duration::from_secs(12))
}

async fn c117_a_read_sees_every_acknowledged_write(t: &Launcher) -> Check {
    let s = t.own_cluster(3, &[]).await?;
    for i in 0..100 {
        let written = s.put(put("k", i.to_string())).await?.revision();
        for member in 0..3 {
            let reply = s.member(member).range(get("k")).await?;
            holds("not an older revision", reply.revision() >= written)?;
            same(
                "value",
                reply.kvs[0].value.clone(),
                Bytes::from(i.to_string()),
            )?;
        }
    }
    Ok(())
}

/// Heartbeats come every 100 ms, a delayed acknowledgement of TCP after 40 ms: a read that waits for
/// either is slow every time, one that only meets a busy machine is not.
async fn c117_a_read_waits_for_no_timer(t: &Launcher) -> Check {
    let s = t.own_cluster(3, &[]).await?;
    s.put(put("k", "v")).await?;
    for member in 0..3 {
        let client = s.member(member);
        wait_until(
            "half of the reads are quick",
            Duration::from_secs(20),
            || {
                let client = client.clone();
                async move {
                    let mut times = Vec::new();
                    for _ in 0..11 {
                        let started = std::time::Instant::now();
                        if client.range(get("k")).await.is_err() {
                            return false;
                        }
                        times.push(started.elapsed());
                    }
                    times.sort();
                    times[5] < Duration::from_millis(25)
                }
            },
        )
        .await?;
    }
    Ok(())
}

async fn c118_a_serializable_read_answers_without_a_quorum(t: &Launcher) -> Check {
    let (_s, one) = alone(t).await?;
    let local = RangeRequest {
        serializable: true,
        ..get("k")
    };
    same("keys", one.range(local.clone()).await?.count, 1)?;
    holds(
        "in a txn too",
        one.txn(ops(vec![local.op()])).await?.succeeded,
    )
}

async fn c119_a_request_that_is_too_large_is_refused(t: &Target) -> Check {
    let s = t.space();
    let text = "etcdserver: request is too large";
    s.put(put(s.key("k"), vec![b'x'; 1_572_864 - 200])).await?;
    let large = s.put(put(s.key("k"), vec![b'x'; 1_572_864 + 1])).await;
    refused(large, Code::InvalidArgument, text)
}

async fn c119_a_request_far_too_large_is_refused_by_grpc(t: &Target) -> Check {
    let s = t.space();
    match s.put(put(s.key("k"), vec![b'x'; 3 << 20])).await {
        Ok(_) => Err(crate::check::Failure::new("3 MiB were taken")),
        Err(status) => same("code", status.code(), Code::ResourceExhausted),
    }
}

async fn c119_the_limit_is_a_flag(t: &Launcher) -> Check {
    let s = t.own(&["--max-request-bytes=10000"]).await?;
    s.put(put("k", vec![b'x'; 9_000])).await?;
    let text = "etcdserver: request is too large";
    let large = s.put(put("k", vec![b'x'; 10_001])).await;
    refused(large, Code::InvalidArgument, text)?;
    let reads = s.range(get(vec![b'k'; 20_000])).await?;
    same("a read may be larger", reads.count, 0)
}

async fn c121_a_request_that_wants_a_leader_fails_at_once(t: &Launcher) -> Check {
    let (_s, one) = alone(t).await?;
    let mut request = Request::new(get("k"));
    let value = AsciiMetadataValue::from_static("true");
    request.metadata_mut().insert("hasleader", value);
    let started = std::time::Instant::now();
    let refusal = one.kv().range(request).await;
    refused(refusal, Code::Unavailable, "etcdserver: no leader")?;
    holds("at once", started.elapsed() < Duration::from_secs(1))
}

async fn c122_keepalive_pings_of_thirty_seconds_are_welcome(t: &Launcher) -> Check {
    // Thirty seconds are too long for a test; the shortest that is allowed is five.
    let s = t.own(&["--grpc-keepalive-min-time=1s"]).await?;
    let channel = Endpoint::from_shared(s.cluster.endpoint(0).to_owned())?
        .http2_keep_alive_interval(Duration::from_millis(1500))
        .keep_alive_while_idle(true)
        .connect()
        .await?;
    let mut client = keelson_proto::etcdserverpb::kv_client::KvClient::new(channel);
    let started = std::time::Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        client.range(get("k")).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

async fn c123_a_lock_has_one_owner_and_the_next_waits(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(12301, 60)).await?;
    s.grant(lease(12302, 60)).await?;
    let ask = |lease| LockRequest {
        name: s.key("lock"),
        lease,
    };
    let first = s.lock().lock(ask(12301)).await?.into_inner();
    let again = s.lock().lock(ask(12301)).await?.into_inner();
    same("the owner may ask again", again.key, first.key.clone())?;
    let (mut service, request) = (s.lock(), ask(12302));
    let mut second = tokio::spawn(async move { service.lock(request).await });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
    holds("the second waits", early.is_err())?;
    s.lock().unlock(UnlockRequest { key: first.key }).await?;
    let second = second.await??.into_inner();
    same("owned", s.range(get(second.key)).await?.count, 1)
}

async fn c123_the_lock_key_is_made_of_name_and_lease(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(0xabcdef, 60)).await?;
    let request = LockRequest {
        name: s.key("lock"),
        lease: 0xabcdef,
    };
    let reply = s.lock().lock(request).await?.into_inner();
    same("key", reply.key.clone(), s.key("lock/abcdef"))?;
    let kv = some("the key", s.range(get(reply.key)).await?.kvs.pop())?;
    same("lease", kv.lease, 0xabcdef)?;
    same("value", kv.value, Bytes::new())?;
    let own_session = LockRequest {
        name: s.key("other"),
        lease: 0,
    };
    let reply = s.lock().lock(own_session).await?.into_inner();
    let kv = some("the key", s.range(get(reply.key)).await?.kvs.pop())?;
    let asked = LeaseTimeToLiveRequest {
        id: kv.lease,
        keys: false,
    };
    same(
        "seconds of its own session",
        s.time_to_live(asked).await?.granted_ttl,
        60,
    )
}

async fn c123_an_election(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(12311, 60)).await?;
    let name = s.key("election");
    let campaign = CampaignRequest {
        name: name.clone(),
        lease: 12311,
        value: "red".into(),
    };
    let won = s.election().campaign(campaign).await?.into_inner();
    let leader = some("leader", won.leader)?;
    same("name", leader.name.clone(), name.clone())?;
    same("key", leader.key.clone(), s.key("election/3017"))?;
    same("lease", leader.lease, 12311)?;
    let proclaim = ProclaimRequest {
        leader: Some(leader.clone()),
        value: "blue".into(),
    };
    s.election().proclaim(proclaim.clone()).await?;
    let who = LeaderRequest { name: name.clone() };
    let reply = s.election().leader(who.clone()).await?.into_inner();
    let kv = some("kv", reply.kv)?;
    same("value", kv.value, Bytes::from("blue"))?;
    same("rev", kv.create_revision, leader.rev)?;
    let mut observed = s.election().observe(who.clone()).await?.into_inner();
    let seen = some("an observation", observed.message().await?)?;
    same(
        "observed",
        seen.kv.map(|kv| kv.value),
        Some(Bytes::from("blue")),
    )?;
    let resign = ResignRequest {
        leader: Some(leader),
    };
    s.election().resign(resign).await?;
    let gone = s.election().leader(who).await;
    refused(gone, Code::Unknown, "election: no leader")?;
    let late = s.election().proclaim(proclaim).await;
    refused(late, Code::Unknown, "election: not leader")
}

async fn c123_an_election_request_needs_its_leader(t: &Target) -> Check {
    let s = t.space();
    let text = "\"leader\" field must be provided";
    let proclaim = s.election().proclaim(ProclaimRequest::default()).await;
    refused(proclaim, Code::Unknown, text)?;
    let resign = s.election().resign(ResignRequest::default()).await;
    refused(resign, Code::Unknown, text)
}

async fn health_answers_serving(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    let channel = Endpoint::from_shared(s.cluster.endpoint(0).to_owned())?
        .connect()
        .await?;
    let reply = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await?;
    same(
        "status",
        reply.into_inner().status(),
        ServingStatus::Serving,
    )?;
    refused(s.range(get("")).await, Code::InvalidArgument, NO_KEY)
}
