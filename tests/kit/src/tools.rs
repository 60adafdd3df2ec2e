//! Outside programs that tests run: with a deadline, with their output, never by a shell.

use crate::check::{Check, Failure};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Says loudly that a test did not run. Returns how many were skipped in this process so far.
pub fn skip(what: &str, why: &str) -> usize {
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    eprintln!("SKIPPED: {what}: {why} (skipped so far: {count})");
    count
}

/// The root of the checkout whose tests run: cargo starts them in the directory of their package. It is looked for
/// then, because several checkouts share what is compiled, and what was compiled in one of them would otherwise
/// look into that one wherever it is started.
pub fn checkout() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let root = here
        .ancestors()
        .find(|one| one.join("Cargo.lock").is_file());
    root.unwrap_or(&here).to_owned()
}

/// What a program printed, and whether it ended well.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output, if the program ended well.
    ///
    /// # Errors
    ///
    /// When it did not; the failure holds everything it printed.
    #[track_caller]
    pub fn success(self) -> Check<String> {
        if self.code == Some(0) {
            return Ok(self.stdout);
        }
        Err(Failure::new(format!(
            "exit code {:?}, stdout {:?}, stderr {:?}",
            self.code, self.stdout, self.stderr
        )))
    }
}

/// Given to programs written in Go, which live for a moment: collecting garbage is a fifth of what they do.
pub const HASTE: (&str, &str) = ("GOGC", "800");

/// Runs a program to its end with `input` on its standard input.
///
/// # Errors
///
/// When it cannot be started or still runs after `deadline` (it is killed then).
pub async fn run(
    program: &Path,
    arguments: &[&str],
    input: &str,
    deadline: Duration,
) -> Check<Output> {
    use tokio::io::AsyncWriteExt;
    let mut child = Command::new(program)
        .args(arguments)
        .env("ETCDCTL_API", "3")
        .env(HASTE.0, HASTE.1)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input may be gone already.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let ended = timeout(deadline, child.wait_with_output()).await;
    let output = ended.map_err(|_| {
        Failure::new(format!(
            "{} {arguments:?} ran for more than {deadline:?}",
            program.display()
        ))
    })??;
    Ok(Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
