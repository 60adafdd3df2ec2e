//! One cluster that loses its leader in each way, under clients that never rest.

use super::longest_pause;
use super::pulse::{Ask, Pulse};
use crate::cluster::{Cluster, Spec};
use crate::net::{self, Shape};
use keelson_kit::check::{Check, holds, some};
use keelson_kit::wait::{wait_for, wait_until};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The leader stays away for so long: longer than any election, shorter than a request is waited for.
const AWAY: Duration = Duration::from_secs(5);
/// After it is back the clients go on for so long: a second pause would come now.
const AFTER: Duration = Duration::from_secs(2);
/// Time for all members to answer everything.
const STEADY: Duration = Duration::from_secs(60);
/// All members have answered for so long before a leader is taken away.
const WARM: Duration = Duration::from_secs(1);

/// How a leader is lost.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Its process is killed.
    Kill,
    /// Its process is stopped and goes on later.
    Pause,
    /// It and the others lose each other; clients reach everybody.
    Cut,
    /// Its disk does not answer.
    Stall,
}

impl Loss {
    /// All of them.
    pub const ALL: [Loss; 4] = [Loss::Kill, Loss::Pause, Loss::Cut, Loss::Stall];

    /// What happened to the leader, in a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Loss::Kill => "killed",
            Loss::Pause => "paused",
            Loss::Cut => "cut off",
            Loss::Stall => "disk stalled",
        }
    }
}

/// One loss of a leader. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The server: `keelson` or `etcd`.
    pub server: String,
    /// In which round.
    pub round: u64,
    /// How the leader was lost.
    pub loss: Loss,
    /// From the last acknowledged write, of anybody, to the next.
    pub no_write_ms: f64,
    /// The longest time in which one of the other members answered no linearizable read.
    pub others_reads_ms: f64,
    /// The same of writes.
    pub others_writes_ms: f64,
    /// Terms that have begun since; zero if the leader kept its place.
    pub terms: u64,
}

/// Starts a cluster and takes its leader away, once in each way, in this order. Returns what the server says it is,
/// and what was measured.
///
/// # Errors
///
/// When the cluster does not start, does not come back, or the host cannot do what is asked for.
pub async fn measure(
    spec: &Spec,
    losses: &[Loss],
    who: (&str, u64),
    scratch: &Path,
    logs: &Path,
) -> Check<(String, Vec<Sample>)> {
    let mut cluster = Cluster::prepare(spec, scratch, logs)?;
    for i in 0..spec.size {
        cluster.start(i)?;
    }
    cluster.ready().await?;
    let target = cluster.version(&spec.binary).await?;
    let pulse = Pulse::start(&cluster.endpoints())?;
    let mut samples = Vec::new();
    for loss in losses {
        samples.push(one(&mut cluster, &pulse, *loss, who).await?);
    }
    pulse.stop()?;
    cluster.end();
    Ok((target, samples))
}

/// One loss.
async fn one(
    cluster: &mut Cluster,
    pulse: &Pulse,
    loss: Loss,
    (server, round): (&str, u64),
) -> Check<Sample> {
    let warm = pulse.now() + WARM.as_nanos() as u64;
    let all = 0..cluster.size();
    wait_until("all members answer everything", STEADY, || async {
        all.clone().all(|i| pulse.has_answered_since(i, warm))
    })
    .await?;
    let leader = &*cluster;
    let (lost, term) = wait_for("a member leads", STEADY, || leader.leader()).await?;
    let from = pulse.now();
    let began = Instant::now();
    take(cluster, lost, loss)?;
    is_lost(cluster, lost, loss).await?;
    sleep_until(began + AWAY).await;
    give_back(cluster, lost, loss)?;
    cluster.ready().await?;
    let back = Instant::now();
    sleep_until(back + AFTER).await;
    let to = pulse.now();
    let (_, now) = some("a leader", cluster.leader().await)?;
    let others = (0..cluster.size()).filter(|i| *i != lost);
    let of_others = |ask| {
        let pauses = others.clone().map(|i| {
            let answers = pulse.answers(ask, |member| member == i);
            longest_pause(&answers, from, to)
        });
        pauses.max().unwrap_or(0) as f64 / 1e6
    };
    Ok(Sample {
        server: server.to_owned(),
        round,
        loss,
        no_write_ms: longest_pause(&pulse.answers(Ask::Write, |_| true), from, to) as f64 / 1e6,
        others_reads_ms: of_others(Ask::Read),
        others_writes_ms: of_others(Ask::Write),
        terms: now.saturating_sub(term),
    })
}

fn take(cluster: &mut Cluster, i: usize, loss: Loss) -> Check {
    match loss {
        Loss::Kill => holds("it ran until it was killed", cluster.kill(i)),
        Loss::Pause => {
            cluster.pause(i, true);
            Ok(())
        }
        Loss::Cut => net::cut(some("wires", cluster.net())?, &around(cluster, i)),
        Loss::Stall => cluster.disk(i).freeze(),
    }
}

/// The wires between a member and the others.
fn around(cluster: &Cluster, i: usize) -> Vec<net::Cut> {
    // The order of the others is all that is left to chance.
    Shape::Alone.cuts(cluster.size(), i, &mut StdRng::seed_from_u64(0))
}

/// Whether it is really so: a fault that does not work would make a server look good.
async fn is_lost(cluster: &Cluster, i: usize, loss: Loss) -> Check {
    match loss {
        Loss::Pause => {
            wait_until("the process is stopped", AWAY, || async {
                cluster.state(i) == Some('T')
            })
            .await
        }
        Loss::Cut => {
            let wires = some("wires", cluster.net())?;
            holds(
                "the wires are cut",
                net::are_cut(wires, &around(cluster, i))?,
            )
        }
        // The process was reaped; the kernel has frozen the disk.
        Loss::Kill | Loss::Stall => Ok(()),
    }
}

fn give_back(cluster: &mut Cluster, i: usize, loss: Loss) -> Check {
    match loss {
        Loss::Kill => cluster.start(i),
        Loss::Pause => {
            cluster.pause(i, false);
            Ok(())
        }
        Loss::Cut => some("wires", cluster.net())?.heal(),
        Loss::Stall => {
            cluster.disk(i).thaw()?;
            // A member may end itself when its disk does not answer.
            if !cluster.runs(i) {
                cluster.take_ends();
                cluster.start(i)?;
            }
            Ok(())
        }
    }
}
