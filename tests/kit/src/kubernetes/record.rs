//! Every change of every object, with the moment at which it was seen: followed from the first revision on,
//! over whatever members are there.

use crate::check::{Check, Failure};
use crate::client::Client;
use crate::wait::wait_until;
use keelson_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use keelson_proto::etcdserverpb::watch_request::RequestUnion;
use keelson_proto::etcdserverpb::{RangeRequest, WatchCreateRequest, WatchRequest};
use keelson_proto::mvccpb::event::EventType;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;

/// All claims and all objects lie between these.
const FIRST: &str = "/keelson/kubernetes/claims/";
const END: &str = "/registry0";
const PATIENCE: Duration = Duration::from_secs(60);

/// One change of one key.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its revision.
    pub revision: i64,
    /// Which key.
    pub key: String,
    /// The object; `None`: it is gone.
    pub object: Option<Value>,
    /// When it was seen first.
    pub at: Instant,
}

/// Records until it is dropped.
pub struct Recorder {
    changes: Arc<Mutex<Vec<Change>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Follows all objects and claims, from the beginning of history.
    pub fn start(endpoints: &[String]) -> Check<Recorder> {
        let client = Client::new(endpoints)?;
        let changes: Arc<Mutex<Vec<Change>>> = Arc::default();
        let record = changes.clone();
        let task = tokio::spawn(async move {
            for member in (0..client.members()).cycle() {
                // A member that goes ends the stream; the next one goes on behind what was seen.
                let _ = follow(&client.member(member), &record).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Ok(Recorder { changes, task })
    }

    /// What has been seen, in the order of revisions.
    pub fn changes(&self) -> Vec<Change> {
        lock(&self.changes).clone()
    }

    /// Waits until it has seen whatever is in the store of this member now.
    pub async fn catches_up(&self, member: &Client) -> Check {
        let newest = RangeRequest {
            key: FIRST.into(),
            range_end: END.into(),
            limit: 1,
            sort_order: SortOrder::Descend.into(),
            sort_target: SortTarget::Mod.into(),
            keys_only: true,
            ..RangeRequest::default()
        };
        let found = member.range(newest).await?.kvs;
        let newest = found.first().map_or(0, |kv| kv.mod_revision);
        wait_until("the whole history is recorded", PATIENCE, || async {
            let changes = lock(&self.changes);
            changes.last().is_some_and(|last| last.revision >= newest)
        })
        .await
    }

    /// When a change that `is` wanted was first seen, of those seen after `since`.
    pub fn first(&self, since: Instant, is: impl Fn(&Change) -> bool) -> Option<Instant> {
        let changes = lock(&self.changes);
        let found = changes
            .iter()
            .find(|change| change.at >= since && is(change));
        found.map(|change| change.at)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn follow(member: &Client, record: &Mutex<Vec<Change>>) -> Check {
    // A member may have gone in the middle of a revision.
    let from = lock(record).last().map_or(1, |last| last.revision);
    let create = WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(WatchCreateRequest {
            key: FIRST.into(),
            range_end: END.into(),
            start_revision: from,
            ..WatchCreateRequest::default()
        })),
    };
    // The stream of requests stays open as long as the watch.
    let requests = tokio_stream::iter([create]).chain(tokio_stream::pending());
    let mut answers = member.watch().watch(requests).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        if answer.canceled {
            return Err(Failure::new(answer.cancel_reason));
        }
        let at = Instant::now();
        let mut changes = lock(record);
        for event in answer.events {
            let is_gone = event.r#type() == EventType::Delete;
            let Some(kv) = event.kv else { continue };
            let mut newest = changes.iter().rev();
            let mut same = newest
                .by_ref()
                .take_while(|last| last.revision >= kv.mod_revision);
            if same.any(|last| last.key.as_bytes() == kv.key) {
                continue;
            }
            changes.push(Change {
                revision: kv.mod_revision,
                key: String::from_utf8_lossy(&kv.key).into_owned(),
                object: match is_gone {
                    true => None,
                    false => serde_json::from_slice(&kv.value).ok(),
                },
                at,
            });
        }
    }
    Ok(())
}
