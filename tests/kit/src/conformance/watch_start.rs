//! §2.4, 51 to 60: where a watch begins, and when it cannot.

use super::helpers::*;
use super::texts::*;
use super::{Statement, private, statement};
use crate::check::{Check, same};
use crate::request::*;
use crate::target::{Launcher, Target};
use crate::watching::WatchStream;
use bytes::Bytes;
use keelson_proto::etcdserverpb::*;

pub(super) fn statements() -> Vec<Statement> {
    vec![
        statement!(c51_an_empty_interval_is_cancelled),
        private!(c52_an_empty_key_means_everything),
        statement!(c53_the_server_numbers_watches_and_takes_given_numbers),
        statement!(c53_a_number_in_use_is_refused),
        statement!(c54_a_negative_start_is_refused).since(3, 6, 6),
        statement!(c56_start_zero_means_from_now_on),
        statement!(c57_a_future_start_gets_nothing_earlier),
        private!(c58_a_compacted_start_is_created_then_cancelled),
        private!(c59_a_start_at_the_compact_revision_works),
        private!(c60_a_synced_watch_survives_compaction),
    ]
}

async fn c51_an_empty_interval_is_cancelled(t: &Target) -> Check {
    let s = t.space();
    let mut stream = WatchStream::open(&s);
    for end in ["b", "c"] {
        let reply = stream.create(watch_range(s.key("c"), s.key(end))).await?;
        same("canceled", reply.canceled, true)?;
        same("watch_id", reply.watch_id, -1)?;
        same(
            "reason",
            reply.cancel_reason.as_str(),
            "mvcc: watcher range is empty",
        )?;
    }
    let reply = stream.create(watch(s.key("k"))).await?;
    same("the stream lives on", reply.canceled, false)
}

async fn c52_an_empty_key_means_everything(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    let mut stream = WatchStream::open(&s);
    stream.create(watch_range("", "\0")).await?;
    s.put(put("a", "1")).await?;
    s.put(put(vec![0xff], "2")).await?;
    same("events", stream.events(2).await?.len(), 2)
}

async fn c53_the_server_numbers_watches_and_takes_given_numbers(t: &Target) -> Check {
    let s = t.space();
    let mut stream = WatchStream::open(&s);
    let with_id = |watch_id| WatchCreateRequest {
        watch_id,
        ..watch(s.key("k"))
    };
    for (asked, got) in [(0, 0), (2, 2), (0, 1), (0, 3), (77, 77), (0, 4), (-5, -5)] {
        same(
            "watch_id",
            stream.create(with_id(asked)).await?.watch_id,
            got,
        )?;
    }
    Ok(())
}

async fn c53_a_number_in_use_is_refused(t: &Target) -> Check {
    let s = t.space();
    let mut stream = WatchStream::open(&s);
    let seven = WatchCreateRequest {
        watch_id: 7,
        ..watch(s.key("k"))
    };
    stream.create(seven.clone()).await?;
    let reply = stream.create(seven).await?;
    same("canceled", reply.canceled, true)?;
    same("watch_id", reply.watch_id, -1)?;
    let reason = "mvcc: duplicate watch ID provided on the WatchStream";
    same("reason", reply.cancel_reason.as_str(), reason)?;
    s.put(put(s.key("k"), "v")).await?;
    same("the first lives on", stream.next().await?.watch_id, 7)
}

async fn c54_a_negative_start_is_refused(t: &Target) -> Check {
    let s = t.space();
    let mut stream = WatchStream::open(&s);
    let reply = stream.create(from(-1, watch(s.key("k")))).await?;
    same("canceled", reply.canceled, true)?;
    same("watch_id", reply.watch_id, -1)?;
    same("reason", reply.cancel_reason.as_str(), COMPACTED)
}

async fn c56_start_zero_means_from_now_on(t: &Target) -> Check {
    let s = t.pinned_space();
    let before = s.put(put(s.key("k"), "before")).await?.revision();
    let mut stream = WatchStream::open(&s);
    let created = stream.create(watch(s.key("k"))).await?;
    same("header", created.revision(), before)?;
    same("no events with it", created.events.len(), 0)?;
    let after = s.put(put(s.key("k"), "after")).await?.revision();
    let events = stream.events(1).await?;
    same("revision", revision_of(&events[0]), after)
}

async fn c57_a_future_start_gets_nothing_earlier(t: &Target) -> Check {
    let s = t.space();
    let now = s.revision().await?;
    let mut stream = WatchStream::open(&s);
    same(
        "canceled",
        stream
            .create(from(now + 3, watch(s.key("k"))))
            .await?
            .canceled,
        false,
    )?;
    for value in ["1", "2", "3", "4"] {
        s.put(put(s.key("k"), value)).await?;
    }
    let events = stream.events(2).await?;
    same("first", revision_of(&events[0]), now + 3)?;
    same("second", revision_of(&events[1]), now + 4)
}

async fn c58_a_compacted_start_is_created_then_cancelled(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    let at = compacted(&s, 10, 3).await?;
    let mut stream = WatchStream::open(&s);
    let created = stream.create(from(2, watch("k"))).await?;
    same("canceled at first", created.canceled, false)?;
    let ended = stream.next().await?;
    same("canceled", ended.canceled, true)?;
    same("created", ended.created, false)?;
    same("watch_id", ended.watch_id, created.watch_id)?;
    same("compact_revision", ended.compact_revision, at)?;
    same("header revision", ended.revision(), 0)?;
    same("reason", ended.cancel_reason.as_str(), "")
}

async fn c59_a_start_at_the_compact_revision_works(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    let at = compacted(&s, 10, 3).await?;
    let mut stream = WatchStream::open(&s);
    stream.create(from(at, watch("k"))).await?;
    let events = stream.events(4).await?;
    same("first", revision_of(&events[0]), at)
}

async fn c60_a_synced_watch_survives_compaction(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    s.put(put("k", "first")).await?;
    let mut stream = WatchStream::open(&s);
    stream.create(watch("k")).await?;
    let at = s.put(put("k", "second")).await?.revision();
    same(
        "value",
        value_of(&stream.events(1).await?[0]),
        Bytes::from("second"),
    )?;
    s.compact(at).await?;
    s.put(put("k", "third")).await?;
    same(
        "value",
        value_of(&stream.events(1).await?[0]),
        Bytes::from("third"),
    )
}
