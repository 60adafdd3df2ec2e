//! What several statements need.

use crate::check::{Check, Failure, same, some};
use crate::leader::leads;
use crate::request::*;
use crate::target::{Own, Space};
use crate::wait::wait_until;
use crate::watching::WatchStream;
use bytes::Bytes;
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::*;
use keelson_proto::mvccpb::Event;
use keelson_proto::mvccpb::KeyValue;
use std::time::Duration;

/// A message that must not come is waited for this long.
const SILENCE: Duration = Duration::from_millis(400);

/// The only key of an answer.
#[track_caller]
pub(super) fn only(reply: RangeResponse) -> Check<KeyValue> {
    same("number of keys", reply.kvs.len(), 1)?;
    some("the key", reply.kvs.into_iter().next())
}

pub(super) fn from(revision: i64, request: WatchCreateRequest) -> WatchCreateRequest {
    WatchCreateRequest {
        start_revision: revision,
        ..request
    }
}

pub(super) fn revision_of(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

pub(super) fn value_of(event: &Event) -> Bytes {
    event
        .kv
        .as_ref()
        .map_or(Bytes::new(), |kv| kv.value.clone())
}

/// Fails if anything comes.
pub(super) async fn silence(stream: &mut WatchStream) -> Check {
    match stream.next_within(SILENCE).await? {
        None => Ok(()),
        Some(message) => Err(Failure::new(format!(
            "nothing should come, but: {message:?}"
        ))),
    }
}

/// The answer to a progress request, which may have to be asked for more than once: a watch that has
/// just been created is not synced yet.
pub(super) async fn progress(stream: &mut WatchStream) -> Check<WatchResponse> {
    for _ in 0..100 {
        stream.progress()?;
        if let Some(message) = stream.next_within(Duration::from_millis(100)).await? {
            return Ok(message);
        }
    }
    Err(Failure::new("no answer to a hundred progress requests"))
}

/// `count` puts of `k` in a store of its own, compacted at the revision of the last but `keep`.
pub(super) async fn compacted(s: &Space, count: i64, keep: i64) -> Check<i64> {
    let mut last = 0;
    for i in 0..count {
        last = s.put(put("k", i.to_string())).await?.revision();
    }
    s.compact_with(CompactionRequest {
        revision: last - keep,
        physical: true,
    })
    .await?;
    Ok(last - keep)
}

/// Index of a member that does not lead.
pub(super) async fn follower(s: &Own) -> Check<usize> {
    for i in 0..s.cluster.size() {
        let status = s.cluster.client_of(i)?.status().await?;
        if !leads(&status) {
            return Ok(i);
        }
    }
    Err(Failure::new("every member says it leads"))
}

/// Kills all members but the first, and waits until that one knows of no leader.
pub(super) async fn leave_alone(s: &mut Own) -> Check {
    for i in 1..s.cluster.size() {
        s.cluster.kill(i);
    }
    let first = s.cluster.client_of(0)?;
    wait_until(
        "the member notices that it is alone",
        Duration::from_secs(20),
        || async { first.status().await.is_ok_and(|status| status.leader == 0) },
    )
    .await
}

pub(super) fn alarm(action: AlarmAction, member_id: u64, alarm: AlarmType) -> AlarmRequest {
    AlarmRequest {
        action: action as i32,
        member_id,
        alarm: alarm as i32,
    }
}
