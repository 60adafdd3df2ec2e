//! Kills and restarts, and how long they take.

use crate::check::{Check, Failure};
use crate::client::Client;
use crate::cluster::Cluster;
use crate::request::{get, put};
use crate::wait::wait_until;
use std::fmt;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Time for a cluster to answer again after everything was killed, on a busy machine.
const RECOVERS: Duration = Duration::from_secs(60);
/// Between two kills the cluster works in peace for this long.
const PEACE: Duration = Duration::from_millis(1500);

/// How long restarts took.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time that this share of restarts (0 to 100) did not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0
            .get(last * percent / 100)
            .copied()
            .unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} times: fastest {:?}, median {:?}, 90 % {:?}, slowest {:?}",
            self.len(),
            self.percentile(0),
            self.percentile(50),
            self.percentile(90),
            self.percentile(100)
        )
    }
}

/// What a storm did.
#[derive(Clone, Debug, Default)]
pub struct Storm {
    /// From the start of one killed member's process to its first linearizable answer.
    pub member: Times,
    /// From the start of all members' processes to the first linearizable answer of any.
    pub all: Times,
}

/// Waits for the first linearizable read of a member that has just been started and returns how long
/// it took.
///
/// # Errors
///
/// When there is none within a minute, or the member has ended.
pub async fn first_read(cluster: &mut Cluster, member: usize) -> Check<Duration> {
    let client = cluster.client_of(member)?;
    let started = Instant::now();
    let mut runs = true;
    wait_until("a linearizable read succeeds again", RECOVERS, || {
        runs = cluster.runs(member);
        let (client, ended) = (client.clone(), !runs);
        async move { ended || reads(&client).await }
    })
    .await?;
    if runs {
        return Ok(started.elapsed());
    }
    Err(Failure::new(format!("member {} has ended", member + 1)))
}

/// The same for a cluster of which all members have just been started: the first answer of any.
///
/// # Errors
///
/// When there is none within a minute.
pub async fn first_read_of_any(cluster: &Cluster) -> Check<Duration> {
    let client = cluster.client()?;
    let started = Instant::now();
    wait_until("a linearizable read succeeds again", RECOVERS, || {
        reads(&client)
    })
    .await?;
    Ok(started.elapsed())
}

async fn reads(client: &Client) -> bool {
    let read = timeout(Duration::from_secs(1), client.range(get("storm"))).await;
    matches!(read, Ok(Ok(_)))
}

/// For `length`: kills one member after the other, and every fourth time all at once.
///
/// # Errors
///
/// When the cluster does not come back.
pub async fn rage(cluster: &mut Cluster, length: Duration) -> Check<Storm> {
    let mut storm = Storm::default();
    let started = Instant::now();
    let size = cluster.size();
    let mut round = 0;
    while started.elapsed() < length {
        if round % 4 == 3 {
            (0..size).for_each(|i| cluster.kill(i));
            for i in 0..size {
                cluster.restart(i)?;
            }
            storm.all.add(first_read_of_any(cluster).await?);
        } else {
            let victim = round % size;
            cluster.kill(victim);
            // The others go on without it: this write needs them only.
            let other = cluster.client_of((victim + 1) % size)?;
            wait_until("the others take a write", RECOVERS, || {
                let other = other.clone();
                async move {
                    let write = timeout(Duration::from_secs(2), other.put(put("storm", "v"))).await;
                    matches!(write, Ok(Ok(_)))
                }
            })
            .await?;
            cluster.restart(victim)?;
            storm.member.add(first_read(cluster, victim).await?);
        }
        for i in 0..size {
            cluster.ready(i).await?;
        }
        tokio::time::sleep(PEACE).await;
        round += 1;
    }
    Ok(storm)
}
