//! A control: disks that say that they have synced, and then lose power, all of them.
//!
//! More than half of all disks lie, so writes were acknowledged that are nowhere: whoever finds nothing wrong with a
//! run in which this was effective is blind. It is never part of a campaign.

use super::{Active, Injector, Means};
use keelson_kit::check::{Check, some};
use keelson_kit::process::Process;
use rand::Rng;
use rand::seq::SliceRandom;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// A member that works syncs within this time.
const SYNC: Duration = Duration::from_millis(1500);
/// What a disk is asked for that a program wants to be durable.
const SYNCS: &str = "fsync,fdatasync,syncfs,msync,sync_file_range";

/// Who lies.
#[derive(Debug)]
pub(super) struct Liar {
    member: usize,
    /// How many lies there were before.
    before: i64,
    /// Swallows the syncs of a program that asks the kernel itself, and says which.
    tracer: Option<(Process, PathBuf)>,
}

impl Injector<'_> {
    pub(super) async fn lie(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let size = self.cluster.size();
        let mut all = fault.victims.clone();
        all.shuffle(&mut fault.random);
        // Those that tell the truth can save what the others lost, if one of them leads next.
        let count = match fault.random.random_bool(0.5) {
            true => size,
            false => size - self.cluster.minority(),
        };
        let mut liars = Vec::new();
        for member in all.into_iter().take(count) {
            // Fails where there was no compiler: then it does not listen either.
            let _ = self.cluster.set_lying(member, true);
            liars.push(Liar {
                member,
                before: self.cluster.lies_told(member),
                tracer: None,
            });
        }
        sleep(SYNC).await;
        let mut failed = Ok(());
        for liar in &mut liars {
            if self.cluster.lies_told(liar.member) == liar.before {
                failed = failed.and(self.swallow(liar));
            }
        }
        fault.means = Means::Lying(liars);
        failed?;
        // Effective once the power is gone.
        Ok(None)
    }

    fn swallow(&self, liar: &mut Liar) -> Check {
        let pid = some("a process", self.cluster.pid(liar.member))?.to_string();
        let seen = self.cluster.directory().join(format!("lie-{pid}.log"));
        let (trace, inject) = (format!("trace={SYNCS}"), format!("inject={SYNCS}:retval=0"));
        let words = ["-f", "-qq", "-e", &trace, "-e", &inject, "-p", &pid];
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        liar.tracer = Some((Process::start(Path::new("strace"), &words, &seen)?, seen));
        Ok(())
    }

    /// The power goes; then all disks tell the truth again.
    pub(super) async fn expose(&mut self, fault: &mut Active) -> Check<String> {
        let Means::Lying(liars) = std::mem::replace(&mut fault.means, Means::None) else {
            self.start(fault)?;
            return Ok(String::new());
        };
        let lost = self.power(fault).await;
        let (mut told, mut names) = (0, Vec::new());
        for liar in liars {
            let listened = self.cluster.lies_told(liar.member) - liar.before;
            let traced = liar.tracer.map_or(0, |(mut tracer, seen)| {
                tracer.kill();
                let text = std::fs::read_to_string(seen).unwrap_or_default();
                text.matches("(INJECTED)").count() as i64
            });
            let _ = self.cluster.set_lying(liar.member, false);
            let count = listened + traced;
            names.push(format!("{} {count} times", self.cluster.name(liar.member)));
            // One that had nothing to sync has lied about nothing.
            told += i64::from(count > 0);
        }
        let evidence = lost?;
        let is_most = told as usize > self.cluster.minority();
        if let Some(evidence) = evidence.filter(|_| is_most) {
            let names = names.join(", ");
            self.effective(
                fault,
                format!("syncs that were not done: {names}; {evidence}"),
            );
        }
        self.start(fault)
    }
}
