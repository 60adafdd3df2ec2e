//! §2.4, 66 to 74: cancelling, progress, and the stream that watches share.

use super::helpers::*;
use super::{Statement, private, statement};
use crate::check::{Check, holds, same};
use crate::request::*;
use crate::target::{Launcher, Target};
use crate::watching::WatchStream;
use keelson_proto::etcdserverpb::*;
use std::time::Duration;
use tonic::Code;

pub(super) fn statements() -> Vec<Statement> {
    vec![
        statement!(c66_cancel_is_answered_once),
        private!(c67_periodic_progress_when_idle),
        statement!(c68_progress_is_answered_for_the_whole_stream),
        statement!(c68_progress_without_watches_is_not_answered),
        statement!(c68_progress_waits_for_the_start_revision).since(3, 6, 2),
        private!(c68_a_watch_on_lost_history_does_not_hold_progress_back).until(3, 0, 0),
        statement!(c69_progress_comes_after_the_events),
        private!(c72_a_stream_that_wants_a_leader_ends_without_one),
        statement!(c73_many_watches_share_a_stream),
        private!(c74_server_shutdown_ends_the_stream),
    ]
}

async fn c66_cancel_is_answered_once(t: &Target) -> Check {
    let s = t.space();
    let mut stream = WatchStream::open(&s);
    let id = stream.create(watch(s.key("k"))).await?.watch_id;
    stream.cancel(id)?;
    let reply = stream.next().await?;
    same("canceled", reply.canceled, true)?;
    same("created", reply.created, false)?;
    same("watch_id", reply.watch_id, id)?;
    same("reason", reply.cancel_reason.as_str(), "")?;
    stream.cancel(id)?;
    stream.cancel(12345)?;
    s.put(put(s.key("k"), "v")).await?;
    silence(&mut stream).await
}

async fn c67_periodic_progress_when_idle(t: &Launcher) -> Check {
    let s = t.own(&["--watch-progress-notify-interval=300ms"]).await?;
    let now = s.put(put("k", "v")).await?.revision();
    let mut stream = WatchStream::open(&s);
    let wanted = WatchCreateRequest {
        progress_notify: true,
        watch_id: 5,
        ..watch("k")
    };
    let other = WatchCreateRequest {
        watch_id: 6,
        ..watch("k")
    };
    // The one that is told nothing comes first: the other one's progress may precede any later answer.
    stream.create(other).await?;
    stream.create(wanted).await?;
    for _ in 0..2 {
        let message = stream.next().await?;
        same("watch_id", message.watch_id, 5)?;
        same("events", message.events.len(), 0)?;
        same("revision", message.revision(), now)?;
        same(
            "created or canceled",
            message.created || message.canceled,
            false,
        )?;
    }
    Ok(())
}

async fn c68_progress_is_answered_for_the_whole_stream(t: &Target) -> Check {
    let s = t.pinned_space();
    let now = s.put(put(s.key("k"), "v")).await?.revision();
    let mut stream = WatchStream::open(&s);
    stream.create(watch(s.key("k"))).await?;
    stream.create(watch(s.key("other"))).await?;
    let message = progress(&mut stream).await?;
    same("watch_id", message.watch_id, -1)?;
    same("revision", message.revision(), now)?;
    same("events", message.events.len(), 0)?;
    same(
        "created or canceled",
        message.created || message.canceled,
        false,
    )
}

async fn c68_progress_without_watches_is_not_answered(t: &Target) -> Check {
    let s = t.space();
    let mut stream = WatchStream::open(&s);
    stream.progress()?;
    silence(&mut stream).await?;
    // The stream lives on.
    stream.create(watch(s.key("k"))).await?;
    Ok(())
}

async fn c68_progress_waits_for_the_start_revision(t: &Target) -> Check {
    let s = t.pinned_space();
    let now = s.revision().await?;
    let mut stream = WatchStream::open(&s);
    stream.create(from(now + 2, watch(s.key("k")))).await?;
    stream.progress()?;
    silence(&mut stream).await?;
    s.put(put(s.key("k"), "1")).await?;
    s.put(put(s.key("k"), "2")).await?;
    same(
        "revision",
        revision_of(&stream.events(1).await?[0]),
        now + 2,
    )?;
    same("progress", progress(&mut stream).await?.revision(), now + 2)
}

async fn c68_a_watch_on_lost_history_does_not_hold_progress_back(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    compacted(&s, 10, 3).await?;
    let mut stream = WatchStream::open(&s);
    stream.create(watch("k")).await?;
    stream.create(from(2, watch("k"))).await?;
    same("canceled", stream.next().await?.canceled, true)?;
    same("watch_id", progress(&mut stream).await?.watch_id, -1)
}

async fn c69_progress_comes_after_the_events(t: &Target) -> Check {
    let s = t.pinned_space();
    let mut stream = WatchStream::open(&s);
    for i in 0..20 {
        stream.create(watch(s.key(&format!("k{}", i % 2)))).await?;
    }
    let writer = s.clone();
    let write = tokio::spawn(async move {
        for i in 0..200 {
            writer
                .put(put(writer.key(&format!("k{}", i % 2)), "v"))
                .await?;
        }
        Ok::<(), tonic::Status>(())
    });
    let (mut seen, mut promised, mut answers) = (0, 0, 0);
    while seen < 2000 || answers == 0 {
        stream.progress()?;
        let message = stream.next().await?;
        if message.watch_id == -1 {
            promised = message.revision();
            answers += 1;
        }
        for event in &message.events {
            holds(
                "no event is older than a progress before it",
                revision_of(event) > promised,
            )?;
        }
        seen += message.events.len();
    }
    write.await??;
    Ok(())
}

async fn c72_a_stream_that_wants_a_leader_ends_without_one(t: &Launcher) -> Check {
    let mut s = t.own_cluster(3, &[]).await?;
    let client = s.cluster.client_of(0)?;
    client.put(put("k", "v")).await?;
    let mut patient = WatchStream::open(&client);
    patient.create(from(1, watch("k"))).await?;
    same("events", patient.events(1).await?.len(), 1)?;
    let mut strict = WatchStream::open_with_leader(&client);
    strict.create(watch("k")).await?;
    s.cluster.kill(1);
    s.cluster.kill(2);
    let status = strict.end(Duration::from_secs(20)).await?;
    same("code", status.code(), Code::Unavailable)?;
    same("text", status.message(), "etcdserver: no leader")?;
    same(
        "the other lives on",
        patient.create(from(1, watch("k"))).await?.canceled,
        false,
    )?;
    same("and serves what it has", patient.events(1).await?.len(), 1)
}

async fn c73_many_watches_share_a_stream(t: &Target) -> Check {
    let s = t.space();
    let mut stream = WatchStream::open(&s);
    for i in 0..2000 {
        let reply = stream.create(watch(s.key(&format!("k{i}")))).await?;
        same("watch_id", reply.watch_id, i)?;
    }
    for i in [0, 999, 1999] {
        s.put(put(s.key(&format!("k{i}")), "v")).await?;
        same("watch_id", stream.next().await?.watch_id, i)?;
    }
    Ok(())
}

async fn c74_server_shutdown_ends_the_stream(t: &Launcher) -> Check {
    let mut s = t.own(&[]).await?;
    let mut stream = WatchStream::open(&s);
    stream.create(watch("k")).await?;
    s.cluster.stop(0).await?;
    let status = stream.end(Duration::from_secs(10)).await?;
    holds(
        &format!("Unavailable, or a broken connection: {status:?}"),
        [Code::Unavailable, Code::Unknown, Code::Internal].contains(&status.code()),
    )
}
