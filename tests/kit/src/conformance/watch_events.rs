//! §2.4, 61 to 65, 70 and 71: which events come, together with what.

use super::helpers::*;
use super::{Statement, private, statement};
use crate::check::{Check, holds, same, some};
use crate::request::*;
use crate::target::{Launcher, Space, Target};
use crate::watching::WatchStream;
use bytes::Bytes;
use keelson_proto::etcdserverpb::watch_create_request::FilterType;
use keelson_proto::etcdserverpb::*;

pub(super) fn statements() -> Vec<Statement> {
    vec![
        statement!(c61_events_of_one_revision_come_together),
        private!(c62_fragments_are_marked),
        private!(c62_without_fragment_a_large_response_is_whole),
        statement!(c63_the_header_never_runs_ahead_of_the_events),
        statement!(c64_filters_apply_on_the_server),
        statement!(c65_prev_kv_is_the_version_before),
        private!(c65_prev_kv_is_absent_when_compacted),
        statement!(c70_a_slow_reader_misses_nothing),
        private!(c71_a_member_that_was_away_continues_its_watches),
    ]
}

async fn c61_events_of_one_revision_come_together(t: &Target) -> Check {
    let s = t.space();
    let mut stream = WatchStream::open(&s);
    let before = stream.create(s.watch_all()).await?.revision();
    for _ in 0..5 {
        let keys = (0..100)
            .map(|i| put(s.key(&format!("{i:03}")), "v").op())
            .collect();
        s.txn(ops(keys)).await?;
    }
    let live = stream.responses(500).await?;
    let mut late = WatchStream::open(&s);
    late.create(from(before + 1, s.watch_all())).await?;
    for responses in [live, late.responses(500).await?] {
        for response in responses {
            same("events are whole revisions", response.events.len() % 100, 0)?;
            let last = response.events.last().map_or(0, revision_of);
            holds("the header covers the events", response.revision() >= last)?;
        }
    }
    Ok(())
}

/// Five keys of 800 kB, written in one txn on a server that takes such requests.
async fn big_revision(s: &Space) -> Check<i64> {
    let keys = (0..5).map(|i| put(s.key(&i.to_string()), vec![b'x'; 800_000]).op());
    Ok(s.txn(ops(keys.collect())).await?.revision())
}

async fn c62_fragments_are_marked(t: &Launcher) -> Check {
    let s = t.own(&["--max-request-bytes=5000000"]).await?;
    let revision = big_revision(&s).await?;
    let limit = 5_000_000 + 512 * 1024;
    for _ in 0..2 {
        big_revision(&s).await?;
    }
    let mut stream = WatchStream::open(&s);
    // With what they replaced, the events of one revision are larger than the limit, so that the
    // response must be cut however many revisions a server puts into one.
    let request = WatchCreateRequest {
        fragment: true,
        prev_kv: true,
        ..from(revision, s.watch_all())
    };
    stream.create(request).await?;
    let (mut events, mut fragments, mut open) = (0, 0, true);
    while events < 15 || open {
        let response = stream.next().await?;
        let size: usize = response
            .events
            .iter()
            .map(|event| value_of(event).len())
            .sum();
        holds("a fragment is not larger than the limit", size <= limit)?;
        events += response.events.len();
        fragments += usize::from(response.fragment);
        open = response.fragment;
    }
    same("events", events, 15)?;
    holds("there was at least one fragment", fragments > 0)
}

async fn c62_without_fragment_a_large_response_is_whole(t: &Launcher) -> Check {
    let s = t.own(&["--max-request-bytes=5000000"]).await?;
    let revision = big_revision(&s).await?;
    for _ in 0..2 {
        big_revision(&s).await?;
    }
    let mut stream = WatchStream::open(&s);
    stream.create(from(revision, s.watch_all())).await?;
    for response in stream.responses(15).await? {
        same("fragment", response.fragment, false)?;
        same("whole revisions", response.events.len() % 5, 0)?;
    }
    Ok(())
}

async fn c63_the_header_never_runs_ahead_of_the_events(t: &Target) -> Check {
    let s = t.pinned_space();
    let mut stream = WatchStream::open(&s);
    stream.create(s.watch_all()).await?;
    let writer = s.clone();
    let write = tokio::spawn(async move {
        for i in 0..200 {
            writer.put(put(writer.key("k"), i.to_string())).await?;
        }
        Ok::<(), tonic::Status>(())
    });
    let (mut seen, mut promised) = (0, 0);
    while seen < 200 {
        let response = stream.next().await?;
        for event in &response.events {
            holds(
                "an event is newer than every earlier header",
                revision_of(event) > promised,
            )?;
            holds(
                "the header covers its events",
                revision_of(event) <= response.revision(),
            )?;
        }
        seen += response.events.len();
        promised = response.revision();
    }
    write.await??;
    Ok(())
}

async fn c64_filters_apply_on_the_server(t: &Target) -> Check {
    let s = t.space();
    let mut stream = WatchStream::open(&s);
    let filtered = |filters: &[FilterType]| WatchCreateRequest {
        filters: filters.iter().map(|filter| *filter as i32).collect(),
        ..watch(s.key("k"))
    };
    let no_put = stream
        .create(filtered(&[FilterType::Noput]))
        .await?
        .watch_id;
    let no_delete = stream
        .create(filtered(&[FilterType::Nodelete]))
        .await?
        .watch_id;
    stream
        .create(filtered(&[FilterType::Noput, FilterType::Nodelete]))
        .await?;
    s.put(put(s.key("k"), "v")).await?;
    let response = stream.next().await?;
    same("a put is seen by", response.watch_id, no_delete)?;
    s.delete(delete(s.key("k"))).await?;
    let response = stream.next().await?;
    same("a deletion is seen by", response.watch_id, no_put)?;
    silence(&mut stream).await
}

async fn c65_prev_kv_is_the_version_before(t: &Target) -> Check {
    let s = t.space();
    let first = s.put(put(s.key("k"), "1")).await?.revision();
    let one = s.range(get(s.key("k"))).await?.kvs.pop();
    s.put(put(s.key("k"), "2")).await?;
    let two = s.range(get(s.key("k"))).await?.kvs.pop();
    s.delete(delete(s.key("k"))).await?;
    s.put(put(s.key("k"), "3")).await?;
    let request = WatchCreateRequest {
        prev_kv: true,
        ..from(first, watch(s.key("k")))
    };
    let mut stream = WatchStream::open(&s);
    stream.create(request).await?;
    let before: Vec<_> = stream
        .events(4)
        .await?
        .into_iter()
        .map(|event| event.prev_kv)
        .collect();
    same("prev_kv", before, vec![None, one, two, None])?;
    s.put(put(s.key("k"), "4")).await?;
    let live = stream.events(1).await?;
    let before = some("prev_kv of a live event", live[0].prev_kv.clone())?;
    same("its value", before.value, Bytes::from("3"))
}

async fn c65_prev_kv_is_absent_when_compacted(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    let at = compacted(&s, 10, 0).await?;
    let request = WatchCreateRequest {
        prev_kv: true,
        ..from(at, watch("k"))
    };
    let mut stream = WatchStream::open(&s);
    stream.create(request).await?;
    let events = stream.events(1).await?;
    same("revision", revision_of(&events[0]), at)?;
    same("prev_kv", events[0].prev_kv.clone(), None)
}

async fn c70_a_slow_reader_misses_nothing(t: &Target) -> Check {
    let s = t.pinned_space();
    let mut stream = WatchStream::open(&s);
    stream.create(s.watch_all()).await?;
    // 40 MB on a connection whose other end reads only after all is written.
    let value = Bytes::from(vec![b'x'; 200_000]);
    let mut written = Vec::new();
    for _ in 0..200 {
        let answer = s.put(put(s.key("k"), value.clone())).await?;
        written.push(answer.revision());
    }
    let events = stream.events(200).await?;
    let revisions: Vec<_> = events.iter().map(revision_of).collect();
    // Not simply the last 200: a lease of an earlier statement may end meanwhile.
    same("revisions", revisions, written)
}

async fn c71_a_member_that_was_away_continues_its_watches(t: &Launcher) -> Check {
    // Few enough entries are kept that the member must be sent a snapshot.
    let mut s = t
        .own_cluster(3, &["--snapshot-count=50", "--snapshot-catchup-entries=10"])
        .await?;
    let lagging = follower(&s).await?;
    let client = s.cluster.client_of(lagging)?;
    let others = s.cluster.client_of((lagging + 1) % 3)?;
    let first = others.put(put("k", "0")).await?.revision();
    let mut stream = WatchStream::open(&client);
    stream.create(from(first, watch("k"))).await?;
    let mut revisions: Vec<_> = stream.events(1).await?.iter().map(revision_of).collect();
    s.cluster.pause(lagging);
    for i in 0..300 {
        others.put(put("k", i.to_string())).await?;
    }
    s.cluster.resume(lagging);
    for event in stream.events(300).await? {
        revisions.push(revision_of(&event));
    }
    same(
        "revisions",
        revisions,
        (first..=first + 300).collect::<Vec<_>>(),
    )
}
