//! Data that is lost, whole or in part, and a second process on a directory that is in use.
//!
//! A member that has run before must not come back as if it had not: it would have forgotten whom it voted for and
//! what it acknowledged. It must refuse, and say what to do. Then the right data is put back.
//!
//! Wires are whole meanwhile. A member whose directory is empty asks the others who it is, and where nobody answers
//! nobody can know better. What no server here promises to notice is not done: an older copy of a directory, and two
//! directories that were swapped.

use super::bytes::is_etcds;
use super::{Active, Injector, Means};
use crate::disk::sync_names;
use crate::history::{Node, Observation};
use keelson_kit::check::{Check, holds, some};
use keelson_kit::client::Client;
use keelson_kit::request::get;
use keelson_kit::wait::{wait_for, wait_until};
use rand::Rng;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// A member that has lost its data waits for others that are busy for half a minute, and refuses then, too.
const REFUSAL: Duration = Duration::from_secs(60);
/// A real etcd waits for the directory, and says so after ten seconds.
const WAITS: Duration = Duration::from_secs(20);
/// Whoever serves answers within this time.
const ANSWER: Duration = Duration::from_secs(1);
/// What members say that have lost what they had.
const HAS_RUN: [&str; 2] = ["has run before", "has already been bootstrapped"];
/// What a process says whose directory is in use.
const IN_USE: [&str; 2] = ["in use by another process", "flocked by another process"];

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Everything,
    Log,
    State,
    Second,
}

impl Loss {
    /// What a server promises to notice.
    fn promised(is_etcds: bool) -> &'static [Loss] {
        match is_etcds {
            // It makes its state anew from the log.
            true => &[Loss::Everything, Loss::Log, Loss::Second],
            false => &[Loss::Everything, Loss::Log, Loss::State, Loss::Second],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Loss::Everything => "an empty directory",
            Loss::Log => "a directory without its log",
            Loss::State => "a directory without its state",
            Loss::Second => "a directory that another process uses",
        }
    }

    /// What is gone.
    fn path(self, data: &Path, is_etcds: bool) -> PathBuf {
        match (self, is_etcds) {
            (Loss::Log, true) => data.join("member").join("wal"),
            (Loss::Log, false) => data.join("wal"),
            (Loss::State, _) => data.join("state"),
            _ => data.to_owned(),
        }
    }
}

/// Data that was put aside.
#[derive(Debug)]
pub(super) struct Aside {
    place: PathBuf,
    kept: PathBuf,
}

impl Aside {
    fn put(place: &Path) -> Check<Aside> {
        let (place, kept) = (place.to_owned(), place.with_extension("aside"));
        let aside = Aside { place, kept };
        fs::rename(&aside.place, &aside.kept)?;
        aside.sync()?;
        Ok(aside)
    }

    /// Removes what was made there meanwhile, and puts back what was there.
    fn back(&self) -> Check {
        if self.place.exists() {
            fs::remove_dir_all(&self.place)?;
        }
        fs::rename(&self.kept, &self.place)?;
        self.sync()
    }

    fn sync(&self) -> Check {
        sync_names(some("where it is", self.place.parent())?)
    }
}

impl Injector<'_> {
    pub(super) async fn lose(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let data = self.cluster.data(victim);
        let is_etcds = is_etcds(&data);
        let promised = Loss::promised(is_etcds);
        let loss = promised[fault.random.random_range(0..promised.len())];
        self.end_all_of_network().await;
        if loss == Loss::Second {
            return self.double(victim).await;
        }
        self.kill(fault)?;
        fault.means = Means::Aside(Aside::put(&loss.path(&data, is_etcds))?);
        self.start(fault)?;
        let cluster = &mut *self.cluster;
        let ends = wait_for("the member refuses", REFUSAL, || {
            let ended = cluster.ended(victim);
            async move { ended }
        });
        // One that does not has broken a promise, and the judge says so.
        let how = ends.await.ok();
        let said = self.cluster.said_since(victim, fault.log_from);
        let seen = seen(loss, how.as_deref(), &said, &HAS_RUN);
        self.refused(victim, loss, how, said, &HAS_RUN);
        Ok(Some(seen))
    }

    /// A second process on the directory of a member that goes on.
    async fn double(&mut self, victim: usize) -> Check<Option<String>> {
        holds("the first one runs", self.cluster.runs(victim))?;
        let mut second = self.cluster.start_second(victim)?;
        let client = Client::new(std::slice::from_ref(&second.client_url))?;
        let says = |text: &str| IN_USE.iter().any(|word| text.contains(word));
        let settled = wait_until("it ends, or says that it waits", WAITS, || {
            let is_settled = second.process.ended().is_some() || says(&second.said());
            async move { is_settled }
        });
        // One that does neither went to work, unless nobody is served there.
        let _ = settled.await;
        let ends = wait_for("it ends", ANSWER, || {
            let ended = second.process.ended().map(|status| status.to_string());
            async move { ended }
        });
        let mut how = ends.await.ok();
        let said = second.said();
        if how.is_none() && says(&said) {
            let served = timeout(ANSWER, client.range(get("second"))).await;
            how = match (second.process.ended(), served) {
                (Some(status), _) => Some(status.to_string()),
                (None, Ok(Ok(_))) => None,
                (None, _) => Some("waits and serves nobody".to_owned()),
            };
        }
        second.process.kill();
        let seen = seen(Loss::Second, how.as_deref(), &said, &IN_USE);
        self.refused(victim, Loss::Second, how, said, &IN_USE);
        Ok(Some(seen))
    }

    fn refused(
        &self,
        victim: usize,
        loss: Loss,
        how: Option<String>,
        said: String,
        names: &[&str],
    ) {
        self.recorder.observe(Observation::Refusal {
            node: victim as Node + 1,
            on: loss.name().to_owned(),
            how,
            said,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        });
    }

    /// Puts back what was there.
    pub(super) fn put_back(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        let Means::Aside(aside) = std::mem::replace(&mut fault.means, Means::None) else {
            self.start(fault)?;
            return Ok("the first process went on".to_owned());
        };
        // It has ended by itself, unless it broke its promise.
        if self.cluster.kill(victim) {
            self.note_exit(victim, "signal 9");
        }
        self.cluster.excuse(victim, fault.log_from);
        aside.back()?;
        self.start(fault)?;
        Ok("the right data is back, and the member was started".to_owned())
    }
}

/// In words for the history: how it ended, and the line that says why.
fn seen(loss: Loss, how: Option<&str>, said: &str, words: &[&str]) -> String {
    let says = |line: &&str| words.iter().any(|word| line.contains(word));
    let line = said.lines().rev().find(says).unwrap_or_default();
    let how = how.unwrap_or("went to work");
    format!("started on {}: {how}: {}", loss.name(), line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_aside_is_back_and_what_came_meanwhile_is_gone() {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        fs::create_dir_all(data.join("wal")).unwrap();
        fs::write(data.join("wal").join("1.wal"), b"log").unwrap();
        for loss in [Loss::Everything, Loss::Log] {
            let place = loss.path(&data, false);
            let aside = Aside::put(&place).unwrap();
            assert!(!place.exists());
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("LOCK"), b"").unwrap();
            aside.back().unwrap();
            assert!(!place.join("LOCK").exists());
            assert_eq!(fs::read(data.join("wal").join("1.wal")).unwrap(), b"log");
        }
        assert_eq!(files_of(scratch.path()), ["data"]);
    }

    fn files_of(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}
