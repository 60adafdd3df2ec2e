//! The programs under test: where they come from, and what they print.

use super::judge::Seen;
use keelson_kit::check::{Check, Failure, some};
use keelson_kit::process::tail;
use keelson_kit::tools::{checkout, skip};
use keelson_kit::wait::wait_until;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(60);
const TAIL_BYTES: u64 = 2048;
/// The libraries, and what `scripts/clients.sh` calls them.
const LIBRARIES: [(&str, &str); 3] = [
    ("client-go", "go"),
    ("kube-rs", "rust"),
    ("python", "python"),
];

/// A program that uses one library.
pub struct Program {
    /// The library's name.
    pub library: &'static str,
    path: PathBuf,
}

impl Program {
    /// All that can be had here; those that cannot are told loudly.
    pub async fn all() -> Check<Vec<Program>> {
        let script = checkout().join("scripts/clients.sh");
        let mut programs = Vec::new();
        for (library, kind) in LIBRARIES {
            let run = Command::new(&script)
                .arg(kind)
                .stderr(Stdio::inherit())
                .output()
                .await?;
            match run.status.code() {
                Some(0) => programs.push(Program {
                    library,
                    path: PathBuf::from(String::from_utf8_lossy(&run.stdout).trim()),
                }),
                Some(3) => {
                    skip(
                        &format!("{library} while members die"),
                        "it cannot be had here",
                    );
                }
                code => return Err(Failure::new(format!("scripts/clients.sh {kind}: {code:?}"))),
            }
        }
        Ok(programs)
    }

    /// Runs it as one candidate for the lease that has the library's name.
    pub fn start(
        &self,
        candidate: &str,
        kubeconfig: &Path,
        namespace: &str,
        lease_s: u64,
        directory: &Path,
    ) -> Check<Running> {
        let name = format!("{} {candidate}", self.library);
        let log = directory.join(format!("{name}.errors"));
        let mut command = Command::new(&self.path);
        command
            .arg("-kubeconfig")
            .arg(kubeconfig)
            .args(["-namespace", namespace, "-lease", self.library])
            .args([
                "-identity",
                candidate,
                "-lease-seconds",
                &lease_s.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .kill_on_drop(true);
        // SAFETY: prctl is async-signal-safe and touches nothing but the child's own attributes.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let mut child = command.spawn()?;
        let stdout = some("stdout", child.stdout.take())?;
        let printed: Arc<Mutex<Vec<Value>>> = Arc::default();
        let into = printed.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let told = serde_json::from_str(&line).unwrap_or(Value::String(line));
                lock(&into).push(told);
            }
        });
        Ok(Running {
            name,
            child,
            printed,
            log,
        })
    }
}

fn lock(printed: &Mutex<Vec<Value>>) -> MutexGuard<'_, Vec<Value>> {
    printed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that runs. It ends with this value.
pub struct Running {
    /// The library and the candidate.
    pub name: String,
    child: Child,
    printed: Arc<Mutex<Vec<Value>>>,
    log: PathBuf,
}

impl Running {
    /// How often it has said this.
    pub fn count(&self, event: &str) -> usize {
        let printed = lock(&self.printed);
        printed.iter().filter(|line| line["event"] == event).count()
    }

    /// Returns when it has said this so often.
    pub async fn says(&self, event: &str, times: usize) -> Check {
        let why = format!("{} says {event:?}", self.name);
        wait_until(&why, PATIENCE, || {
            let is_said = self.count(event) >= times;
            async move { is_said }
        })
        .await
    }

    /// Returns when it has shown all objects with these names.
    pub async fn has_shown(&self, names: &[String]) -> Check {
        let why = format!("{} has shown {names:?}", self.name);
        wait_until(&why, PATIENCE, || {
            let printed = lock(&self.printed);
            // The latest are looked at first: they are what is waited for.
            let is_shown = |name: &String| printed.iter().rev().any(|line| line["name"] == **name);
            let are_shown = names.iter().all(is_shown);
            async move { are_shown }
        })
        .await
    }

    /// What it has shown of objects, in its order.
    pub fn seen(&self) -> Vec<Seen> {
        let printed = lock(&self.printed);
        printed.iter().filter_map(Seen::read).collect()
    }

    /// Ends it at once, as the death of its machine would.
    pub async fn kill(&mut self) -> Check {
        Ok(self.child.kill().await?)
    }

    /// The last it complained about.
    pub fn tail(&self) -> String {
        format!("{}\n{}\n", self.name, tail(&self.log, TAIL_BYTES))
    }
}
