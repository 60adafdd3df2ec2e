//! Who watches: a follower at each member, which goes on from where it was after a break, and latecomers.

use bytes::Bytes;
use keelson_kit::check::{Check, Failure, holds, same};
use keelson_kit::client::Client;
use keelson_kit::cluster::Cluster;
use keelson_kit::request::{Revision, put, watch_range};
use keelson_kit::watching::WatchStream;
use keelson_proto::etcdserverpb::WatchCreateRequest;
use keelson_proto::mvccpb::Event;
use keelson_proto::mvccpb::event::EventType;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Revisions that stay readable behind the slowest follower, for latecomers.
const KEPT: i64 = 60;
/// How far behind the slowest follower a latecomer begins.
const LATE: i64 = 20;
/// Events that a latecomer reads.
const READ: usize = 40;
/// Between two latecomers.
const LATE_RESTS: Duration = Duration::from_millis(150);
/// Between two attempts to go on.
const RETRY: Duration = Duration::from_millis(20);
/// Silence after which a stream is opened anew.
const SILENCE: Duration = Duration::from_secs(2);
/// Time for all to have seen the end.
const END: Duration = Duration::from_secs(90);

/// One event: its revision, its key, a digest of all of it, and the value if writers check it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    revision: i64,
    digest: u64,
    value: Option<Bytes>,
}

/// Where each follower is, and where all shall end.
struct Course {
    positions: Vec<AtomicI64>,
    end: AtomicI64,
}

impl Course {
    fn slowest(&self) -> i64 {
        let positions = self.positions.iter().map(|it| it.load(Ordering::SeqCst));
        positions.min().unwrap_or_default()
    }

    fn is_over(&self, position: i64) -> bool {
        position >= self.end.load(Ordering::SeqCst)
    }
}

/// All watchers.
pub struct Watchers {
    course: Arc<Course>,
    followers: Vec<JoinHandle<Check<Vec<Seen>>>>,
    latecomers: JoinHandle<Check<Vec<Vec<Seen>>>>,
}

impl Watchers {
    /// Starts a follower at each member, from the first revision on, and the latecomers.
    ///
    /// # Errors
    /// Only for a malformed URL.
    pub fn start(cluster: &Cluster) -> Check<Watchers> {
        let members = 0..cluster.size();
        let course = Arc::new(Course {
            positions: members.clone().map(|_| AtomicI64::new(0)).collect(),
            end: AtomicI64::new(i64::MAX),
        });
        let mut followers = Vec::new();
        for i in members {
            let follower = follow(cluster.client_of(i)?, i, course.clone());
            followers.push(tokio::spawn(follower));
        }
        let latecomers = tokio::spawn(come_late(cluster.client()?, course.clone()));
        Ok(Watchers {
            course,
            followers,
            latecomers,
        })
    }

    /// Tells up to where history may be compacted.
    pub fn floor(&self) -> impl Fn() -> i64 + Send + 'static {
        let course = self.course.clone();
        move || course.slowest() - KEPT
    }

    /// Ends them, when all have seen everything. Returns the revision of each value of the writers.
    ///
    /// # Errors
    /// When they have not seen the same, or an event twice, or out of order.
    pub async fn finish(self, cluster: &Cluster) -> Check<HashMap<Bytes, i64>> {
        let last = cluster.client()?.put(put("the end", "")).await?;
        self.course.end.store(last.revision(), Ordering::SeqCst);
        let mut all = Vec::new();
        for (i, follower) in self.followers.into_iter().enumerate() {
            let ended = timeout(END, follower).await;
            let late = |_| Failure::new(format!("the follower of member {} does not end", i + 1));
            all.push(ended.map_err(late)???);
        }
        let first = all.swap_remove(0);
        for other in &all {
            same_events("two followers", &first, other)?;
        }
        let late = self.latecomers.await??;
        println!("{} events, {} latecomers", first.len(), late.len());
        for seen in late.iter().filter(|seen| !seen.is_empty()) {
            let from = first.partition_point(|event| event.revision < seen[0].revision);
            let until = (from + seen.len()).min(first.len());
            same_events("a latecomer and the followers", &first[from..until], seen)?;
        }
        let values = first.into_iter().filter_map(|event| {
            let Seen {
                revision, value, ..
            } = event;
            Some((value?, revision))
        });
        Ok(values.collect())
    }
}

fn same_events(who: &str, one: &[Seen], other: &[Seen]) -> Check {
    let both = one.iter().zip(other);
    if let Some((one, other)) = both.into_iter().find(|(one, other)| one != other) {
        return Err(Failure::new(format!("{who} saw {one:?} and {other:?}")));
    }
    same(
        &format!("number of events of {who}"),
        one.len(),
        other.len(),
    )
}

fn request(from: i64) -> WatchCreateRequest {
    WatchCreateRequest {
        start_revision: from,
        ..watch_range("\0", "\0")
    }
}

/// Takes the events of a response: revisions only grow, and one is never in two responses.
fn take(position: i64, events: Vec<Event>, seen: &mut Vec<Seen>) -> Check<i64> {
    let mut newest = position;
    for event in events {
        let deleted = event.r#type == EventType::Delete as i32;
        let Some(kv) = event.kv else { continue };
        let revision = kv.mod_revision;
        holds(
            &format!("revision {revision} comes after {position} and {newest}"),
            revision > position && revision >= newest,
        )?;
        newest = revision;
        let mut digest = DefaultHasher::new();
        (&kv.key, &kv.value, deleted, kv.version, kv.create_revision).hash(&mut digest);
        seen.push(Seen {
            revision,
            digest: digest.finish(),
            value: kv.key.starts_with(b"crash/").then_some(kv.value),
        });
    }
    Ok(newest)
}

async fn follow(client: Client, i: usize, course: Arc<Course>) -> Check<Vec<Seen>> {
    let (mut seen, mut position) = (Vec::new(), 0);
    while !course.is_over(position) {
        let mut stream = WatchStream::open(&client);
        if stream.ask(request(position + 1)).is_ok() {
            // A break, or silence: another stream goes on from here.
            while let Ok(Some(response)) = stream.next_within(SILENCE).await {
                let lost = format!("member {} has what comes after {position}", i + 1);
                holds(&lost, response.compact_revision == 0)?;
                position = take(position, response.events, &mut seen)?;
                course.positions[i].store(position, Ordering::SeqCst);
                if response.canceled || course.is_over(position) {
                    break;
                }
            }
        }
        sleep(RETRY).await;
    }
    Ok(seen)
}

/// Opens one watch after the other a little in the past, at one member after the other.
async fn come_late(client: Client, course: Arc<Course>) -> Check<Vec<Vec<Seen>>> {
    let mut all = Vec::new();
    while course.end.load(Ordering::SeqCst) == i64::MAX {
        let from = (course.slowest() - LATE).max(1);
        let (mut seen, mut position) = (Vec::new(), from - 1);
        let mut stream = WatchStream::open(&client);
        if stream.ask(request(from)).is_ok() {
            while let Ok(Some(response)) = stream.next_within(SILENCE).await {
                // Compacted on its way there: that is said, and nothing is missing silently.
                position = take(position, response.events, &mut seen)?;
                if response.canceled || seen.len() >= READ {
                    break;
                }
            }
        }
        if seen.first().is_some_and(|first| first.revision == from) {
            all.push(seen);
        }
        drop(stream);
        sleep(LATE_RESTS).await;
    }
    Ok(all)
}
