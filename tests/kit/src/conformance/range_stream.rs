//! §2.2: the same questions as Range, answered in chunks.

use super::texts::{COMPACTED, FUTURE, NO_KEY};
use super::{Statement, private, statement};
use crate::check::{Check, holds, refused, same, some};
use crate::request::*;
use crate::target::{Launcher, Space, Target};
use keelson_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use keelson_proto::etcdserverpb::*;
use tonic::{Code, Status};

pub(super) fn statements() -> Vec<Statement> {
    [
        statement!(c36_range_stream_checks_what_range_checks),
        statement!(c36_sorts_and_filters_are_unimplemented),
        statement!(c37_a_large_range_comes_in_several_chunks),
        statement!(c38_only_the_last_chunk_has_header_more_and_count),
        statement!(c38_the_chunks_together_are_the_range),
        statement!(c39_writes_during_the_stream_are_invisible),
        statement!(c39_the_header_is_the_present_revision),
        statement!(c40_count_is_that_of_the_range),
        statement!(c41_count_only_and_empty_ranges_are_one_message),
        private!(c42_compaction_mid_stream_does_not_falsify_it),
        statement!(c43_a_serializable_stream_answers),
    ]
    .map(|statement| statement.since(3, 7, 0))
    .into()
}

/// All messages of a stream.
async fn chunks(s: &Space, request: RangeRequest) -> Result<Vec<RangeResponse>, Status> {
    let mut stream = s.kv().range_stream(request).await?.into_inner();
    let mut chunks = Vec::new();
    while let Some(message) = stream.message().await? {
        chunks.extend(message.range_response);
    }
    Ok(chunks)
}

async fn fill(s: &Space, keys: usize, size: usize) -> Check {
    for i in 0..keys {
        s.put(put(s.key(&format!("k{i:05}")), vec![b'x'; size]))
            .await?;
    }
    Ok(())
}

async fn c36_range_stream_checks_what_range_checks(t: &Target) -> Check {
    let s = t.space();
    refused(chunks(&s, get("")).await, Code::InvalidArgument, NO_KEY)?;
    let future = RangeRequest {
        revision: s.revision().await? + 1000,
        ..s.all()
    };
    refused(chunks(&s, future).await, Code::OutOfRange, FUTURE)?;
    let sort = RangeRequest {
        sort_order: 9,
        ..s.all()
    };
    refused(
        chunks(&s, sort).await,
        Code::InvalidArgument,
        "etcdserver: invalid sort option",
    )
}

async fn c36_sorts_and_filters_are_unimplemented(t: &Target) -> Check {
    let s = t.space();
    let descending = RangeRequest {
        sort_order: SortOrder::Descend as i32,
        ..s.all()
    };
    let by_value = RangeRequest {
        sort_order: SortOrder::Ascend as i32,
        sort_target: SortTarget::Value as i32,
        ..s.all()
    };
    for request in [descending, by_value] {
        let text = "RangeStream does not support custom sort orders";
        refused(chunks(&s, request).await, Code::Unimplemented, text)?;
    }
    let by_change = RangeRequest {
        min_mod_revision: 1,
        ..s.all()
    };
    let by_creation = RangeRequest {
        max_create_revision: 1,
        ..s.all()
    };
    for request in [by_change, by_creation] {
        let text = "RangeStream does not support revision filters";
        refused(chunks(&s, request).await, Code::Unimplemented, text)?;
    }
    Ok(())
}

async fn c37_a_large_range_comes_in_several_chunks(t: &Target) -> Check {
    let s = t.space();
    fill(&s, 60, 100_000).await?;
    let chunks = chunks(&s, s.all()).await?;
    holds("6 MB do not come in one chunk", chunks.len() > 2)?;
    for chunk in &chunks {
        holds("a chunk has keys", !chunk.kvs.is_empty())?;
        let size: usize = chunk.kvs.iter().map(|kv| kv.value.len()).sum();
        holds(
            "a chunk is not much larger than a request may be",
            size < 8 << 20,
        )?;
    }
    Ok(())
}

async fn c38_only_the_last_chunk_has_header_more_and_count(t: &Target) -> Check {
    let s = t.space();
    fill(&s, 100, 10).await?;
    let request = RangeRequest {
        limit: 70,
        ..s.all()
    };
    let chunks = chunks(&s, request).await?;
    let (last, earlier) = some("a chunk", chunks.split_last())?;
    holds("there is more than one chunk", !earlier.is_empty())?;
    for chunk in earlier {
        same("header", &chunk.header, &None)?;
        same("more", chunk.more, false)?;
        same("count", chunk.count, 0)?;
    }
    holds("the last has a header", last.revision() > 0)?;
    same("more", last.more, true)?;
    same("count", last.count, 100)
}

async fn c38_the_chunks_together_are_the_range(t: &Target) -> Check {
    let s = t.space();
    fill(&s, 100, 10).await?;
    let base = s.all();
    let variants = [
        base.clone(),
        RangeRequest {
            limit: 37,
            ..base.clone()
        },
        RangeRequest {
            limit: 100,
            ..base.clone()
        },
        RangeRequest {
            keys_only: true,
            ..base.clone()
        },
        RangeRequest {
            sort_order: SortOrder::Ascend as i32,
            ..base.clone()
        },
        RangeRequest {
            revision: s.revision().await? - 50,
            ..base
        },
        get(s.key("k00001")),
    ];
    for request in variants {
        let whole = s.range(request.clone()).await?;
        let chunks = match chunks(&s, request.clone()).await {
            // Key order said aloud may be supported or not.
            Err(status) if request.sort_order != 0 => {
                same("code", status.code(), Code::Unimplemented)?;
                continue;
            }
            chunks => chunks?,
        };
        let last = some("a chunk", chunks.last())?;
        same("count", last.count, whole.count)?;
        same("more", last.more, whole.more)?;
        same("header", last.revision(), whole.revision())?;
        let kvs: Vec<_> = chunks.into_iter().flat_map(|chunk| chunk.kvs).collect();
        same("keys", kvs, whole.kvs)?;
    }
    Ok(())
}

async fn c39_writes_during_the_stream_are_invisible(t: &Target) -> Check {
    let s = t.space();
    fill(&s, 60, 200_000).await?;
    let before = s.revision().await?;
    let mut stream = s.kv().range_stream(s.all()).await?.into_inner();
    let first = some("a first message", stream.message().await?)?;
    let mut kvs = some("a range", first.range_response)?.kvs;
    s.put(put(s.key("k00059"), "changed")).await?;
    s.put(put(s.key("k99999"), "new")).await?;
    let mut revision = 0;
    while let Some(message) = stream.message().await? {
        let part = some("a range", message.range_response)?;
        revision = part.revision();
        kvs.extend(part.kvs);
    }
    same("keys", kvs.len(), 60)?;
    holds(
        "no key is changed",
        kvs.iter().all(|kv| kv.value.len() == 200_000),
    )?;
    same("header", revision, before)
}

async fn c39_the_header_is_the_present_revision(t: &Target) -> Check {
    let s = t.space();
    fill(&s, 30, 10).await?;
    let present = s.revision().await?;
    let request = RangeRequest {
        revision: present - 5,
        ..s.all()
    };
    let chunks = chunks(&s, request).await?;
    let last = some("a chunk", chunks.last())?;
    same("header", last.revision(), present)?;
    same("count", last.count, 25)
}

async fn c40_count_is_that_of_the_range(t: &Target) -> Check {
    let s = t.space();
    fill(&s, 50, 10).await?;
    for limit in [0, 1, 9, 10, 11, 49, 50, 51] {
        let request = RangeRequest { limit, ..s.all() };
        let chunks = chunks(&s, request).await?;
        let last = some("a chunk", chunks.last())?;
        same("count", last.count, 50)?;
        same("more", last.more, limit > 0 && limit < 50)?;
    }
    Ok(())
}

async fn c41_count_only_and_empty_ranges_are_one_message(t: &Target) -> Check {
    let s = t.space();
    let empty = chunks(&s, s.all()).await?;
    same("messages", empty.len(), 1)?;
    holds("it has a header", empty[0].revision() > 0)?;
    same("count", empty[0].count, 0)?;
    fill(&s, 30, 10).await?;
    let request = RangeRequest {
        count_only: true,
        ..s.all()
    };
    let counted = chunks(&s, request).await?;
    same("messages", counted.len(), 1)?;
    holds("it has a header", counted[0].revision() > 0)?;
    same("count", counted[0].count, 30)?;
    same("keys", counted[0].kvs.len(), 0)
}

/// Etcd ends such a stream with "compacted"; a store that reads from a snapshot may finish it. What it
/// must not do is to end well with something missing.
async fn c42_compaction_mid_stream_does_not_falsify_it(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    fill(&s, 100, 200_000).await?;
    let pinned = s.revision().await?;
    let mut stream = s.kv().range_stream(s.all()).await?.into_inner();
    let mut keys = 0;
    let first = some("a first message", stream.message().await?)?;
    keys += first.range_response.map_or(0, |part| part.kvs.len());
    for i in 0..100 {
        s.put(put(s.key(&format!("k{i:05}")), "changed")).await?;
    }
    s.compact_with(CompactionRequest {
        revision: pinned + 100,
        physical: true,
    })
    .await?;
    loop {
        match stream.message().await {
            Ok(Some(message)) => {
                let part = some("a range", message.range_response)?;
                holds(
                    "no value changed",
                    part.kvs.iter().all(|kv| kv.value.len() == 200_000),
                )?;
                keys += part.kvs.len();
            }
            Ok(None) => return same("keys of a stream that ended well", keys, 100),
            Err(status) => return refused::<()>(Err(status), Code::OutOfRange, COMPACTED),
        }
    }
}

async fn c43_a_serializable_stream_answers(t: &Target) -> Check {
    let s = t.pinned_space();
    fill(&s, 30, 10).await?;
    let request = RangeRequest {
        serializable: true,
        ..s.all()
    };
    let chunks = chunks(&s, request).await?;
    same("count", some("a chunk", chunks.last())?.count, 30)
}
