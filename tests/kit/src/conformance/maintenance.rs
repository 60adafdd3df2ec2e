//! §2.7, 107, 108, 115 and 116: hashes, snapshots, status, downgrade.

use super::helpers::*;
use super::texts::*;
use super::{Statement, private};
use crate::check::{Check, holds, refused, same, some};
use crate::request::*;
use crate::target::{Kind, Launcher, Version};
use crate::wait::wait_until;
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::downgrade_request::DowngradeAction;
use keelson_proto::etcdserverpb::*;
use std::time::Duration;
use tonic::Code;

pub(super) fn statements() -> Vec<Statement> {
    vec![
        private!(c107_hash_kv_bounds),
        private!(c107_members_agree_on_the_hash),
        private!(c107_the_hash_survives_compaction_and_restart).restarts(),
        private!(c108_a_snapshot_ends_with_its_checksum),
        private!(c115_status_is_local_and_says_what_is_wrong),
        private!(c116_downgrade_takes_the_minor_version_before)
            .not_built("Downgrade: there is no second storage version yet")
            .since(3, 6, 0),
    ]
}

async fn c107_hash_kv_bounds(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    for value in ["1", "2", "3"] {
        s.put(put("k", value)).await?;
    }
    s.compact(3).await?;
    let hash = |revision| s.hash_kv(HashKvRequest { revision });
    refused(hash(2).await, Code::OutOfRange, COMPACTED)?;
    refused(hash(9).await, Code::OutOfRange, FUTURE)?;
    let present = hash(0).await?;
    same("compact_revision", present.compact_revision, 3)?;
    let named = hash(4).await?;
    same("hash of R", named.hash, present.hash)?;
    if !matches!(t.kind, Kind::Etcd(version) if version.1 < 6) {
        same("hash_revision of 0", present.hash_revision, 4)?;
        same("hash_revision of R", named.hash_revision, 4)?;
    }
    s.put(put("k", "4")).await?;
    // Not at 3: at exactly a compacted revision etcd gives another hash (with another
    // compact_revision) from the moment at which it has removed what was compacted.
    same("the past does not change", hash(4).await?.hash, named.hash)?;
    holds("the present does", hash(0).await?.hash != present.hash)
}

async fn c107_members_agree_on_the_hash(t: &Launcher) -> Check {
    let s = t.own_cluster(3, &[]).await?;
    s.grant(lease(107, 300)).await?;
    for i in 0..60 {
        let request = PutRequest {
            lease: if i % 3 == 0 { 107 } else { 0 },
            ..put(format!("k{}", i % 10), i.to_string())
        };
        s.put(request).await?;
        if i % 7 == 0 {
            s.delete(delete(format!("k{}", i % 4))).await?;
        }
    }
    let revision = s.revision().await?;
    for compact in [false, true] {
        if compact {
            s.compact(revision - 20).await?;
        }
        let mut hashes = Vec::new();
        for i in 0..3 {
            let member = s.cluster.client_of(i)?;
            // A linearizable read makes sure that the member has applied everything.
            member.revision().await?;
            let reply = member.hash_kv(HashKvRequest { revision }).await?;
            hashes.push((reply.hash, reply.compact_revision));
        }
        holds(
            &format!("all the same: {hashes:?}"),
            hashes.iter().all(|hash| *hash == hashes[0]),
        )?;
    }
    Ok(())
}

async fn c107_the_hash_survives_compaction_and_restart(t: &Launcher) -> Check {
    let mut s = t.own(&[]).await?;
    for i in 0..40 {
        s.put(put(format!("k{}", i % 4), i.to_string())).await?;
    }
    let revision = s.delete(delete("k1")).await?.revision();
    let physical = CompactionRequest {
        revision: revision - 5,
        physical: true,
    };
    s.compact_with(physical).await?;
    let want = s.hash_kv(HashKvRequest { revision }).await?.hash;
    s.defragment().await?;
    same(
        "after defragment",
        s.hash_kv(HashKvRequest { revision }).await?.hash,
        want,
    )?;
    s.cluster.kill(0);
    s.cluster.restart(0)?;
    s.cluster.ready(0).await?;
    same(
        "after a restart",
        s.hash_kv(HashKvRequest { revision }).await?.hash,
        want,
    )
}

async fn c108_a_snapshot_ends_with_its_checksum(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    for i in 0..50 {
        s.put(put(format!("k{i}"), vec![b'x'; 2000])).await?;
    }
    let mut stream = s
        .maintenance()
        .snapshot(SnapshotRequest {})
        .await?
        .into_inner();
    let (mut total, mut last, mut remaining) = (0, 0, u64::MAX);
    while let Some(message) = stream.message().await? {
        holds("chunks are at most 32 KiB", message.blob.len() <= 32 * 1024)?;
        holds(
            "what remains only shrinks",
            message.remaining_bytes <= remaining,
        )?;
        remaining = message.remaining_bytes;
        total += message.blob.len();
        last = message.blob.len();
    }
    same("the last is a SHA-256", last, 32)?;
    same("total % 512", total % 512, 32)?;
    holds("the data is in it", total > 100_000)
}

async fn c115_status_is_local_and_says_what_is_wrong(t: &Launcher) -> Check {
    let mut s = t.own_cluster(3, &[]).await?;
    let one = s.cluster.client_of(0)?;
    let id = one.member_id().await?;
    one.alarm(alarm(AlarmAction::Activate, id, AlarmType::Nospace))
        .await?;
    let errors = one.status().await?.errors;
    let named = errors.iter().any(|error| error.contains("NOSPACE"));
    holds(&format!("the alarm is named: {errors:?}"), named)?;
    leave_alone(&mut s).await?;
    let status = one.status().await?;
    let no_leader = "etcdserver: no leader".to_owned();
    holds("it says so", status.errors.contains(&no_leader))?;
    same("leader", status.leader, 0)
}

async fn c116_downgrade_takes_the_minor_version_before(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    let version = s.status().await?.version;
    let parsed = some("a version", Version::parse(&version))?;
    let Version(major, minor, _) = parsed;
    let ask = |action: DowngradeAction, version: String| DowngradeRequest {
        action: action as i32,
        version,
    };
    let before = format!("{major}.{}.0", minor - 1);
    // A fresh cluster decides its version a moment after it starts.
    let client = s.client_clone();
    wait_until("the cluster has a version", Duration::from_secs(20), || {
        let request = ask(DowngradeAction::Validate, before.clone());
        let client = client.clone();
        async move { client.downgrade(request).await.is_ok() }
    })
    .await?;
    let wrong = ask(
        DowngradeAction::Validate,
        format!("{major}.{}.0", minor - 2),
    );
    let text = "etcdserver: invalid downgrade target version";
    refused(s.downgrade(wrong).await, Code::InvalidArgument, text)?;
    let garbled = ask(DowngradeAction::Validate, "three".into());
    let text = "etcdserver: wrong downgrade target version format";
    refused(s.downgrade(garbled).await, Code::InvalidArgument, text)?;
    s.downgrade(ask(DowngradeAction::Enable, before.clone()))
        .await?;
    let text = "etcdserver: cluster has a downgrade job in progress";
    let twice = s.downgrade(ask(DowngradeAction::Enable, before)).await;
    refused(twice, Code::FailedPrecondition, text)?;
    s.downgrade(ask(DowngradeAction::Cancel, String::new()))
        .await?;
    s.downgrade(ask(DowngradeAction::Cancel, String::new()))
        .await?;
    refused(s.put(put("", "v")).await, Code::InvalidArgument, NO_KEY)
}
