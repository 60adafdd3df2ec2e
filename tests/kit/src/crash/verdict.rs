//! Compares the store with what its writers were told.

use super::writer::{Write, Writers, key, value};
use crate::check::{Check, Failure, holds, same};
use crate::client::Client;
use crate::cluster::Cluster;
use crate::request::{Revision, get, watch_range};
use crate::wait::{wait_for, wait_until};
use crate::watching::WatchStream;
use bytes::Bytes;
use keelson_proto::etcdserverpb::{HashKvRequest, RangeRequest, WatchCreateRequest};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// Time to catch up, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the store and the acknowledgements were found to agree on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    /// Writes that were acknowledged, all of which are in the history.
    pub acknowledged: usize,
    /// Writes of unknown outcome that are in the history.
    pub unknown_applied: usize,
    /// Writes of unknown outcome that are not.
    pub unknown_lost: usize,
}

/// Checks that no acknowledged write is lost, that no revision was given twice, that the history holds
/// only what was written, and that all members agree.
///
/// # Errors
///
/// With the first thing that is wrong.
pub async fn judge(cluster: &Cluster, writes: &[Write]) -> Check<Verdict> {
    let history = history(cluster, writes).await?;
    judge_by(cluster, writes, &history).await
}

/// The same, with a history that somebody watched: the revision of every value that was written. For stores that
/// are compacted meanwhile.
///
/// # Errors
///
/// With the first thing that is wrong.
pub async fn judge_by(
    cluster: &Cluster,
    writes: &[Write],
    history: &HashMap<Bytes, i64>,
) -> Check<Verdict> {
    unique_revisions(writes)?;
    let client = cluster.client_of(0)?;
    let mut verdict = Verdict::default();
    for write in writes {
        let found = history.get(&Bytes::from(value(write.writer, write.number)));
        match (write.revision, found) {
            (Some(revision), Some(found)) if *found == revision => verdict.acknowledged += 1,
            (Some(_), found) => {
                return Err(Failure::new(format!(
                    "acknowledged {write:?}, found at {found:?}"
                )));
            }
            (None, Some(_)) => verdict.unknown_applied += 1,
            (None, None) => verdict.unknown_lost += 1,
        }
    }
    in_order(writes, history)?;
    latest_values(cluster, writes, history).await?;
    same_everywhere(cluster, client.revision().await?).await?;
    Ok(verdict)
}

/// Ends the writers, judges what they were told, and prints what was found.
///
/// # Errors
///
/// With the first thing that is wrong.
pub async fn conclude(cluster: &Cluster, writers: Writers) -> Check<Verdict> {
    let verdict = judge(cluster, &writers.finish().await?).await?;
    println!("{verdict:?}");
    Ok(verdict)
}

/// Waits until member `i` has everything that `others` have now; says how long that took.
///
/// # Errors
///
/// When it has not after two minutes.
pub async fn has_caught_up(cluster: &Cluster, i: usize, others: &Client) -> Check<Duration> {
    let started = Instant::now();
    let (present, client) = (others.revision().await?, cluster.client_of(i)?);
    wait_until("the member has caught up", PATIENCE, || {
        let client = client.clone();
        async move {
            let status = client.status().await;
            status.is_ok_and(|status| {
                status
                    .header
                    .is_some_and(|header| header.revision >= present)
            })
        }
    })
    .await?;
    Ok(started.elapsed())
}

fn unique_revisions(writes: &[Write]) -> Check {
    let mut seen: HashMap<i64, &Write> = HashMap::new();
    for write in writes {
        let Some(revision) = write.revision else {
            continue;
        };
        if let Some(other) = seen.insert(revision, write) {
            return Err(Failure::new(format!(
                "two writes at one revision: {other:?}, {write:?}"
            )));
        }
    }
    Ok(())
}

/// Every value that was ever written, with its revision, from a watch over the whole history.
async fn history(cluster: &Cluster, writes: &[Write]) -> Check<HashMap<Bytes, i64>> {
    let expected: std::collections::HashSet<_> = writes
        .iter()
        .map(|write| Bytes::from(value(write.writer, write.number)))
        .collect();
    let client = cluster.client_of(0)?;
    let now = client.revision().await?;
    let mut stream = WatchStream::open(&client);
    stream
        .create(WatchCreateRequest {
            start_revision: 1,
            ..watch_range("", "\0")
        })
        .await?;
    // A last write tells where the history ends.
    let last = client
        .put(crate::request::put("the end", ""))
        .await?
        .revision();
    let (mut history, mut before) = (HashMap::new(), 0);
    loop {
        for event in stream.next().await?.events {
            let Some(kv) = event.kv else { continue };
            holds("revisions only grow", kv.mod_revision > before)?;
            before = kv.mod_revision;
            if kv.mod_revision == last {
                return Ok(history);
            }
            if !kv.key.starts_with(b"crash/") {
                continue;
            }
            holds(
                "revisions are not beyond the present",
                kv.mod_revision <= now,
            )?;
            holds(
                "only what was written is there",
                expected.contains(&kv.value),
            )?;
            let twice = history.insert(kv.value.clone(), kv.mod_revision);
            same("an earlier revision of the same write", twice, None)?;
        }
    }
}

/// A writer's next write began after the one before was acknowledged, so it has a later revision.
fn in_order(writes: &[Write], history: &HashMap<Bytes, i64>) -> Check {
    let mut floor: BTreeMap<u64, i64> = BTreeMap::new();
    for write in writes {
        let floor = floor.entry(write.writer).or_default();
        if let Some(found) = history.get(&Bytes::from(value(write.writer, write.number))) {
            let text = format!("{write:?} at {found} comes after {floor}");
            holds(&text, *found > *floor)?;
        }
        *floor = write.revision.unwrap_or(*floor).max(*floor);
    }
    Ok(())
}

/// Every member has, for every key, the newest value of the history.
async fn latest_values(
    cluster: &Cluster,
    writes: &[Write],
    history: &HashMap<Bytes, i64>,
) -> Check {
    let mut newest: BTreeMap<String, (i64, String)> = BTreeMap::new();
    for write in writes {
        let value = value(write.writer, write.number);
        if let Some(revision) = history.get(&Bytes::from(value.clone())) {
            let entry = newest.entry(key(write.writer, write.number)).or_default();
            if *revision > entry.0 {
                *entry = (*revision, value);
            }
        }
    }
    for i in 0..cluster.size() {
        let client = cluster.client_of(i)?;
        for (key, (revision, value)) in &newest {
            let kv = client.range(get(key.clone())).await?.kvs.pop();
            let found = kv.map(|kv| (kv.mod_revision, kv.value));
            let want = Some((*revision, Bytes::from(value.clone())));
            same(&format!("{key} on member {}", i + 1), found, want)?;
        }
    }
    Ok(())
}

/// All members have the same hash at `revision`.
///
/// # Errors
///
/// When they do not, or one does not answer within a minute.
pub async fn same_everywhere(cluster: &Cluster, revision: i64) -> Check {
    let mut hashes = Vec::new();
    for i in 0..cluster.size() {
        let client = cluster.client_of(i)?;
        let hash = wait_for(
            "the member has the revision",
            Duration::from_secs(60),
            || {
                let client = client.clone();
                async move { client.hash_kv(HashKvRequest { revision }).await.ok() }
            },
        )
        .await?;
        let reply = client
            .range(RangeRequest {
                revision,
                count_only: true,
                ..crate::request::range("\0", "\0")
            })
            .await?;
        hashes.push((hash.hash, hash.compact_revision, reply.count));
    }
    holds(
        &format!("all the same: {hashes:?}"),
        hashes.iter().all(|hash| *hash == hashes[0]),
    )
}
