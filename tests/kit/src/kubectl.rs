//! An unmodified kubectl, at one member of a cluster or at whichever answers.

use crate::check::{Check, Failure};
use crate::tools::{Output, checkout, run, skip};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// How long one kubectl may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same if another member can be asked: less than it takes to try all of them.
const TURN: Duration = Duration::from_secs(20);
/// How often members are tried, and the pause between two.
const TURNS: usize = 30;
const PAUSE: Duration = Duration::from_millis(100);

/// The directory with kubectl and helm; `None`, and loudly, if they cannot be had. `line` is a minor version
/// such as `1.34`; without one the script's default counts.
///
/// # Errors
/// When the script fails.
pub fn programs(test: &str, line: Option<&str>) -> Check<Option<PathBuf>> {
    let script = checkout().join("scripts/kubectl.sh");
    let run = std::process::Command::new(script)
        .args(line)
        .stderr(Stdio::inherit())
        .output()?;
    match run.status.code() {
        Some(0) => {
            let path = String::from_utf8_lossy(&run.stdout);
            Ok(Some(PathBuf::from(path.trim())))
        }
        Some(3) => {
            skip(test, "kubectl cannot be had here");
            Ok(None)
        }
        code => Err(Failure::new(format!("scripts/kubectl.sh: {code:?}"))),
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: String,
    contexts: Vec<String>,
    turn: Duration,
}

impl Kubectl {
    /// With a kubeconfig as the program writes it: its contexts are called `name`, `name-2`, `name-3`.
    pub fn new(programs: &Path, kubeconfig: &Path, name: &str, members: usize) -> Kubectl {
        let later = (2..=members).map(|i| format!("{name}-{i}"));
        Kubectl {
            program: programs.join("kubectl"),
            kubeconfig: kubeconfig.display().to_string(),
            contexts: std::iter::once(name.to_owned()).chain(later).collect(),
            turn: TURN,
        }
    }

    /// The same, which gives a member so much time before it goes to the next one.
    #[must_use]
    pub fn with_turn(mut self, turn: Duration) -> Kubectl {
        self.turn = turn;
        self
    }

    /// Runs it against one member, counted from 0 and around.
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub async fn on(&self, member: usize, arguments: &[&str], input: &str) -> Check<Output> {
        self.within(PATIENCE, member, arguments, input).await
    }

    /// The same; it must succeed. Returns what it prints.
    ///
    /// # Errors
    /// When it does not succeed.
    pub async fn says(&self, member: usize, arguments: &[&str], input: &str) -> Check<String> {
        self.on(member, arguments, input).await?.success()
    }

    /// Runs it until a member answers it. Only for what may be asked twice.
    ///
    /// # Errors
    /// The last one, when no member does.
    pub async fn anywhere(&self, arguments: &[&str]) -> Check<String> {
        let mut last = Failure::new("nobody was asked");
        for turn in 0..TURNS {
            match self.within(self.turn, turn, arguments, "").await {
                Ok(output) if output.code == Some(0) => return Ok(output.stdout),
                Ok(output) => last = Failure::new(format!("{arguments:?}: {}", output.stderr)),
                Err(failure) => last = failure,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last)
    }

    async fn within(
        &self,
        patience: Duration,
        member: usize,
        arguments: &[&str],
        input: &str,
    ) -> Check<Output> {
        let context = &self.contexts[member % self.contexts.len()];
        let mut all = vec!["--kubeconfig", &self.kubeconfig, "--context", context];
        all.extend_from_slice(arguments);
        run(&self.program, &all, input, patience).await
    }
}
