//! Writers of unique values, and what they were told.

use crate::check::Check;
use crate::client::Client;
use crate::request::{Revision, put};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Keys each writer goes round in.
pub const KEYS: u64 = 16;
/// A write without an answer after this long has an unknown outcome.
const ANSWER: Duration = Duration::from_secs(3);

/// One write: what is known about it.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which writer.
    pub writer: u64,
    /// Its number within the writer: also its value.
    pub number: u64,
    /// The acknowledged revision; `None` when the outcome is unknown.
    pub revision: Option<i64>,
}

/// Key of a writer's write.
pub fn key(writer: u64, number: u64) -> String {
    format!("crash/{writer:02}/{:02}", number % KEYS)
}

/// Value of a writer's write; no two are equal.
pub fn value(writer: u64, number: u64) -> String {
    format!("{writer}-{number}")
}

/// Writers at work.
#[derive(Debug)]
pub struct Writers {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<Vec<Write>>>,
}

impl Writers {
    /// Starts `count` writers that spread their requests over the client's members.
    pub fn start(client: &Client, count: u64) -> Self {
        Self::start_paced(client, count, Duration::ZERO)
    }

    /// The same, where each writer rests that long behind each write.
    pub fn start_paced(client: &Client, count: u64, rest: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let tasks = (0..count)
            .map(|writer| {
                let (stop, acknowledged) = (stop.clone(), acknowledged.clone());
                let work = write(client.clone(), writer, rest, stop, acknowledged);
                tokio::spawn(work)
            })
            .collect();
        Self {
            stop,
            acknowledged,
            tasks,
        }
    }

    /// Acknowledged writes so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Lets every writer finish its last write; returns all writes, each writer's in order.
    ///
    /// # Errors
    ///
    /// When a writer panicked.
    pub async fn finish(self) -> Check<Vec<Write>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut writes = Vec::new();
        for task in self.tasks {
            writes.extend(task.await?);
        }
        Ok(writes)
    }
}

async fn write(
    client: Client,
    writer: u64,
    rest: Duration,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> Vec<Write> {
    let mut writes = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let request = put(key(writer, number), value(writer, number));
        let revision = match timeout(ANSWER, client.put(request)).await {
            Ok(Ok(reply)) => {
                acknowledged.fetch_add(1, Ordering::Relaxed);
                Some(reply.revision())
            }
            Ok(Err(_)) => {
                // A refused connection fails at once; do not spin while a member is down.
                tokio::time::sleep(Duration::from_millis(5)).await;
                None
            }
            Err(_) => None,
        };
        writes.push(Write {
            writer,
            number,
            revision,
        });
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
    }
    writes
}
