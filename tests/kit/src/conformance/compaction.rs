//! §2.1, 12 to 18: what compaction takes away, and what it leaves.

use super::helpers::*;
use super::texts::*;
use super::{Statement, private};
use crate::check::{Check, refused, same, some};
use crate::request::*;
use crate::target::Launcher;
use crate::wait::wait_until;
use crate::watching::WatchStream;
use bytes::Bytes;
use keelson_proto::etcdserverpb::*;
use keelson_proto::mvccpb::event::EventType;
use std::time::Duration;
use tonic::Code;

pub(super) fn statements() -> Vec<Statement> {
    vec![
        private!(c12_revision_bounds_of_a_range),
        private!(c13_revision_bounds_of_a_compaction),
        private!(c14_compact_zero_succeeds_once_on_a_fresh_store).etcd_only(),
        private!(c15_compaction_keeps_the_newest_version_at_its_revision),
        private!(c15_a_tombstone_at_the_compact_revision_is_still_watched).since(3, 5, 18),
        private!(c16_reads_below_a_compaction_fail_at_once),
        private!(c17_the_revision_does_not_go_down_over_a_restart).restarts(),
        private!(c18_periodic_mode_compacts_after_a_period),
    ]
}

async fn c12_revision_bounds_of_a_range(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    for value in ["1", "2", "3"] {
        s.put(put("k", value)).await?;
    }
    let at = |revision| RangeRequest {
        revision,
        ..get("k")
    };
    same(
        "revision -1",
        only(s.range(at(-1)).await?)?.value,
        Bytes::from("3"),
    )?;
    same(
        "revision 0",
        only(s.range(at(0)).await?)?.value,
        Bytes::from("3"),
    )?;
    refused(s.range(at(5)).await, Code::OutOfRange, FUTURE)?;
    s.compact(3).await?;
    refused(s.range(at(2)).await, Code::OutOfRange, COMPACTED)?;
    same("at C", only(s.range(at(3)).await?)?.value, Bytes::from("2"))
}

async fn c13_revision_bounds_of_a_compaction(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    for value in ["1", "2", "3"] {
        s.put(put("k", value)).await?;
    }
    refused(s.compact(5).await, Code::OutOfRange, FUTURE)?;
    s.compact(3).await?;
    refused(s.compact(3).await, Code::OutOfRange, COMPACTED)?;
    refused(s.compact(2).await, Code::OutOfRange, COMPACTED)?;
    refused(s.compact(-1).await, Code::OutOfRange, COMPACTED)?;
    same("header at R", s.compact(4).await?.revision(), 4)
}

async fn c14_compact_zero_succeeds_once_on_a_fresh_store(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    s.compact(0).await?;
    refused(s.compact(0).await, Code::OutOfRange, COMPACTED)
}

async fn c15_compaction_keeps_the_newest_version_at_its_revision(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    s.put(put("kept", "old")).await?; // 2
    s.put(put("kept", "new")).await?; // 3
    s.put(put("gone", "x")).await?; // 4
    s.delete(delete("gone")).await?; // 5
    let compacted = s.put(put("later", "x")).await?.revision(); // 6
    s.put(put("kept", "newest")).await?; // 7
    s.compact_with(CompactionRequest {
        revision: compacted,
        physical: true,
    })
    .await?;
    let at = |revision| RangeRequest {
        revision,
        ..range("a", "\0")
    };
    let then = s.range(at(compacted)).await?;
    same("count at C", then.count, 2)?;
    same(
        "the kept version",
        then.kvs[0].value.clone(),
        Bytes::from("new"),
    )?;
    same("its version", then.kvs[0].version, 2)?;
    same("its create_revision", then.kvs[0].create_revision, 2)?;
    let now = s.range(at(0)).await?;
    same(
        "the present value",
        now.kvs[0].value.clone(),
        Bytes::from("newest"),
    )?;
    same("the present version", now.kvs[0].version, 3)
}

async fn c15_a_tombstone_at_the_compact_revision_is_still_watched(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    s.put(put("k", "v")).await?;
    let deleted = s.delete(delete("k")).await?.revision();
    s.put(put("other", "v")).await?;
    s.compact_with(CompactionRequest {
        revision: deleted,
        physical: true,
    })
    .await?;
    let mut stream = WatchStream::open(&s);
    stream
        .create(WatchCreateRequest {
            start_revision: deleted,
            ..watch("k")
        })
        .await?;
    let event = some("an event", stream.events(1).await?.pop())?;
    same("type", event.r#type(), EventType::Delete)?;
    same(
        "revision",
        event.kv.map(|kv| kv.mod_revision),
        Some(deleted),
    )
}

async fn c16_reads_below_a_compaction_fail_at_once(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    let mut last = 0;
    for i in 0..300 {
        last = s.put(put(format!("k{}", i % 20), "v")).await?.revision();
    }
    for (revision, physical) in [(last - 10, false), (last, true)] {
        let request = CompactionRequest { revision, physical };
        same("header", s.compact_with(request).await?.revision(), last)?;
        let below = RangeRequest {
            revision: revision - 1,
            ..get("k1")
        };
        refused(s.range(below).await, Code::OutOfRange, COMPACTED)?;
    }
    Ok(())
}

async fn c17_the_revision_does_not_go_down_over_a_restart(t: &Launcher) -> Check {
    let mut s = t.own(&[]).await?;
    s.put(put("k", "v")).await?;
    let last = s.delete(delete("k")).await?.revision();
    s.compact_with(CompactionRequest {
        revision: last,
        physical: true,
    })
    .await?;
    s.cluster.kill(0);
    s.cluster.restart(0)?;
    s.cluster.ready(0).await?;
    same("revision after the restart", s.revision().await?, last)?;
    let below = RangeRequest {
        revision: last - 1,
        ..get("k")
    };
    refused(s.range(below).await, Code::OutOfRange, COMPACTED)?;
    same(
        "the next write",
        s.put(put("k", "v")).await?.revision(),
        last + 1,
    )
}

/// The revision mode looks every five minutes, which is too long for a test.
async fn c18_periodic_mode_compacts_after_a_period(t: &Launcher) -> Check {
    let s = t
        .own(&[
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=1s",
        ])
        .await?;
    for _ in 0..30 {
        s.put(put("k", "v")).await?;
    }
    let last = s.revision().await?;
    wait_until(
        "the first revisions are gone",
        Duration::from_secs(30),
        || {
            let client = s.client_clone();
            async move {
                let early = RangeRequest {
                    revision: 3,
                    ..get("k")
                };
                client.range(early).await.is_err()
            }
        },
    )
    .await?;
    let kept = RangeRequest {
        revision: last,
        ..get("k")
    };
    same("version at R", only(s.range(kept).await?)?.version, 30)
}
