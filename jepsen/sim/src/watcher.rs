//! Watchers: clients that follow one key or all of them, from now or from the past, at one member after
//! the other.

use crate::ask::reach;
use crate::client::Desk;
use crate::plan::Plan;
use crate::watches::{Seen, Watched};
use futures::channel::mpsc;
use keelson_proto::etcdserverpb::watch_client::WatchClient;
use keelson_proto::etcdserverpb::watch_request::RequestUnion;
use keelson_proto::etcdserverpb::{
    WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use keelson_proto::mvccpb::KeyValue;
use keelson_proto::mvccpb::event::EventType;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tonic::Status;

/// One watcher.
pub struct Watcher {
    /// Its number.
    pub number: u64,
    /// What the seed wants.
    pub plan: Plan,
    /// Where it writes down what it sees.
    pub desk: Arc<Desk>,
}

impl Watcher {
    /// Watches until the desk is closed.
    pub async fn work(self) -> turmoil::Result {
        let mut random = SmallRng::seed_from_u64(self.plan.seed ^ ((self.number + 1) << 48));
        // Where the last watch of all keys stopped.
        let mut next = 0;
        while !self.desk.closed.load(Ordering::SeqCst) {
            let open = self.desk.members.load(Ordering::SeqCst) as usize;
            let member = random.random_range(0..open.max(1));
            let chronicled = self.desk.chronicled.load(Ordering::SeqCst);
            let request = self.choose(&mut random, next, chronicled);
            let mut watched = Watched {
                member,
                key: request.range_end.is_empty().then(|| text(&request.key)),
                from: request.start_revision,
                upto: 0,
                told: Vec::new(),
                compacted: 0,
            };
            let patience = Duration::from_millis(random.random_range(200..6_000));
            let asks = random.random_bool(0.5);
            let follow = follow(member, request, asks, &mut watched);
            // However it ends: what was told stays told.
            let _ = tokio::time::timeout(patience, follow).await;
            if watched.key.is_none() {
                next = watched.upto + 1;
            }
            if watched.from > 0 {
                self.desk.watched.lock().push(watched);
            }
            let pause = Duration::from_millis(random.random_range(0..500));
            tokio::time::sleep(pause).await;
        }
        self.desk.at_work.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    fn choose(&self, random: &mut SmallRng, next: i64, chronicled: i64) -> WatchCreateRequest {
        let key = format!("k{}", random.random_range(0..self.plan.keys));
        let all = random.random_bool(0.7);
        let start_revision = match random.random_range(0..4) {
            0 => 0,
            1 => random.random_range(1..=chronicled + 3),
            _ => next,
        };
        WatchCreateRequest {
            key: if all { "k".into() } else { key.into() },
            range_end: if all { "l".into() } else { "".into() },
            start_revision,
            progress_notify: random.random_bool(0.5),
            prev_kv: random.random_bool(0.3),
            ..WatchCreateRequest::default()
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Watches at the member with this number, and asks how far it is now and then if it `asks`.
async fn follow(
    member: usize,
    request: WatchCreateRequest,
    asks: bool,
    watched: &mut Watched,
) -> Result<(), Status> {
    let (mut requests, receiver) = mpsc::channel(4);
    let send = |union| WatchRequest {
        request_union: Some(union),
    };
    let create = send(RequestUnion::CreateRequest(request));
    // There is room for it.
    let _ = requests.try_send(create);
    let mut client = WatchClient::new(reach(member).await?);
    let answers = client.watch(receiver).await?;
    let mut answers = answers.into_inner();
    while let Some(answer) = answers.message().await? {
        let counts = !answer.events.is_empty();
        if !take(watched, answer) {
            break;
        }
        if asks && counts {
            let progress = send(RequestUnion::ProgressRequest(WatchProgressRequest {}));
            let _ = requests.try_send(progress);
        }
    }
    Ok(())
}

/// Writes down an answer. `false`: it was the last.
fn take(watched: &mut Watched, answer: WatchResponse) -> bool {
    let revision = answer.header.map_or(0, |header| header.revision);
    if answer.created {
        if watched.from == 0 {
            watched.from = revision + 1;
        }
        watched.upto = watched.from - 1;
    }
    if answer.canceled {
        watched.compacted = answer.compact_revision;
        return false;
    }
    if answer.events.is_empty() && !answer.created {
        watched.upto = watched.upto.max(revision);
    }
    for event in answer.events {
        let deleted = event.r#type == EventType::Delete as i32;
        let Some(record) = event.kv else { continue };
        watched.upto = watched.upto.max(record.mod_revision);
        watched.told.push(Seen {
            revision: record.mod_revision,
            key: text(&record.key),
            value: (!deleted).then(|| text(&record.value)),
            before: event.prev_kv.map(|before: KeyValue| text(&before.value)),
        });
    }
    true
}
