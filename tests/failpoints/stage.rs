//! The members, what is switched on at them, and who has died where.

use crate::load::Load;
use crate::watchers::Watchers;
use keelson_kit::check::{Check, Failure, holds};
use keelson_kit::cluster::{Binary, Cluster};
use keelson_kit::crash::verdict::{Verdict, judge_by};
use keelson_kit::keelson;
use keelson_kit::wait::wait_until;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Time for a member to come to a failpoint, on a machine with much else to do.
pub const REACHED: Duration = Duration::from_secs(180);
/// For a member that is asked whether it serves, before the others are looked at again.
const ANSWER: Duration = Duration::from_secs(2);

/// What makes members quick: elections, snapshots and purges come soon.
const FLAGS: [&str; 5] = [
    "--heartbeat-interval=50",
    "--election-timeout=500",
    "--snapshot-count=60",
    "--snapshot-catchup-entries=20",
    "--strict-reconfig-check=false",
];

/// The program, whose members look into a file beside their data for what is switched on.
pub fn binary() -> Binary {
    keelson!()
        .with_variable("KEELSON_FAILPOINTS_FILE", "{data}.failpoints")
        .with_variable("KEELSON_HURRY", "1")
}

/// Members that do not run yet.
pub fn prepare(size: usize) -> Check<Cluster> {
    Cluster::prepare(&binary(), size, &FLAGS)
}

fn file(cluster: &Cluster, i: usize) -> PathBuf {
    let mut path = cluster.data(i).into_os_string();
    path.push(".failpoints");
    path.into()
}

/// Switches on what `text` says at member `i`, and nothing else any more.
pub fn switch(cluster: &Cluster, i: usize, text: &str) -> Check {
    let file = file(cluster, i);
    let new = file.with_extension("new");
    std::fs::write(&new, text)?;
    Ok(std::fs::rename(&new, &file)?)
}

/// How often member `i` has said that it dies at `point`.
pub fn deaths(cluster: &Cluster, i: usize, point: &str) -> usize {
    let log = cluster.log(i).unwrap_or_default();
    let said = format!("\"failpoint\":\"{point}\"");
    log.matches(&said).count()
}

/// A cluster at work.
pub struct Stage {
    /// Its members.
    pub cluster: Cluster,
    /// What they are asked for.
    pub load: Load,
    /// Who watches.
    pub watchers: Watchers,
    size: usize,
    point: String,
    /// How often each member had died at the point before.
    before: Vec<usize>,
}

impl Stage {
    /// Starts members and gives them work.
    ///
    /// # Errors
    /// When they do not start.
    pub async fn open(size: usize) -> Check<Stage> {
        let mut cluster = prepare(size)?;
        for i in 0..size {
            switch(&cluster, i, "")?;
            cluster.restart(i)?;
        }
        for i in 0..size {
            cluster.ready(i).await?;
        }
        let watchers = Watchers::start(&cluster)?;
        let load = Load::start(&cluster.client()?, watchers.floor());
        Ok(Stage {
            cluster,
            load,
            watchers,
            size,
            point: String::new(),
            before: Vec::new(),
        })
    }

    /// The members that belong to the cluster for good.
    pub fn members(&self) -> std::ops::Range<usize> {
        0..self.size
    }

    /// Has members die where they come to `point`.
    pub fn arm(&mut self, members: impl IntoIterator<Item = usize>, point: &str) -> Check {
        self.arm_to(members, point, "kill")
    }

    /// Has `action` happen where members come to `point`.
    pub fn arm_to(
        &mut self,
        members: impl IntoIterator<Item = usize>,
        point: &str,
        action: &str,
    ) -> Check {
        self.point = point.to_owned();
        let count = |i| deaths(&self.cluster, i, point);
        self.before = self.members().map(count).collect();
        for i in members {
            switch(&self.cluster, i, &format!("{point}={action}"))?;
        }
        Ok(())
    }

    /// The members to whom it has happened.
    pub fn those_hit(&self) -> Vec<usize> {
        let is_hit = |i: &usize| deaths(&self.cluster, *i, &self.point) > self.before[*i];
        self.members().filter(is_hit).collect()
    }

    /// Whether one has died there. One that has died otherwise is an error.
    pub fn has_died(&mut self) -> Check<bool> {
        for i in self.members() {
            if self.cluster.runs(i) {
                continue;
            }
            if deaths(&self.cluster, i, &self.point) > self.before[i] {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits until one has died there.
    ///
    /// # Errors
    /// When none has.
    pub async fn death(&mut self) -> Check {
        let why = format!("a member comes to the failpoint {}", self.point);
        let mut seen = Ok(false);
        wait_until(&why, REACHED, || {
            seen = self.has_died();
            let over = !matches!(seen, Ok(false));
            async move { over }
        })
        .await?;
        seen.map(|_| ())
    }

    /// Switches everything off, starts those that have died, and waits until all serve and work goes on.
    ///
    /// # Errors
    /// When one does not come back, or had died otherwise than was asked for.
    pub async fn recover(&mut self, killed: &[usize]) -> Check {
        for i in self.members() {
            switch(&self.cluster, i, "")?;
        }
        let began = Instant::now();
        loop {
            // Again in each turn: one may have been about to die when it was told not to.
            self.restart_the_dead(killed)?;
            if self.all_answer().await? {
                break;
            }
            holds("all members answer", began.elapsed() < REACHED)?;
        }
        for i in self.members() {
            self.cluster.ready(i).await?;
        }
        self.peace(5).await
    }

    fn restart_the_dead(&mut self, killed: &[usize]) -> Check {
        for i in self.members() {
            if self.cluster.runs(i) {
                continue;
            }
            let as_asked = deaths(&self.cluster, i, &self.point) > self.before[i];
            holds(
                &format!("member {} has ended where it was asked to", i + 1),
                as_asked || killed.contains(&i),
            )?;
            self.cluster.restart(i)?;
        }
        Ok(())
    }

    async fn all_answer(&self) -> Check<bool> {
        for i in self.members() {
            let client = self.cluster.client_of(i)?;
            let answer = timeout(ANSWER, client.revision()).await;
            if !matches!(answer, Ok(Ok(_))) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until so many more writes are acknowledged.
    ///
    /// # Errors
    /// When they are not.
    pub async fn peace(&self, writes: u64) -> Check {
        let wanted = self.load.acknowledged() + writes;
        wait_until("writes are acknowledged", REACHED, || async {
            self.load.acknowledged() >= wanted
        })
        .await
    }

    /// Waits until so many more writes are acknowledged, or one has died where it was asked to; tells whether.
    ///
    /// # Errors
    /// When neither happens.
    pub async fn peace_or_death(&mut self, writes: u64) -> Check<bool> {
        let wanted = self.load.acknowledged() + writes;
        let mut died = Ok(false);
        let why = "writes are acknowledged, or a member has died";
        wait_until(why, REACHED, || {
            died = self.has_died();
            let over = !matches!(died, Ok(false)) || self.load.acknowledged() >= wanted;
            async move { over }
        })
        .await?;
        died
    }

    /// Ends the work and judges. With a failure come the ends of the logs.
    ///
    /// # Errors
    /// With the first thing that is wrong.
    pub async fn close(self) -> Result<Verdict, (Failure, String)> {
        let Stage {
            cluster,
            load,
            watchers,
            ..
        } = self;
        let judged = async {
            let writes = load.finish(&cluster).await?;
            let history = watchers.finish(&cluster).await?;
            judge_by(&cluster, &writes, &history).await
        };
        let judged = judged.await;
        judged.map_err(|failure| (failure, cluster.tails()))
    }
}
