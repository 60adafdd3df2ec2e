//! A development cluster with hollow nodes whose members come back, and kubectl at whichever is there.

use keelson_kit::check::{Check, Failure, some};
use keelson_kit::port::free_row;
use keelson_kit::tools::{self, skip};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one kubectl may take: less than it takes to try the next member.
const ONE: Duration = Duration::from_secs(20);
const MEMBERS: u16 = 3;

/// See the module. It ends with this value.
pub struct Dev {
    _child: Child,
    kubectl: PathBuf,
    kubeconfig: String,
    directory: tempfile::TempDir,
    /// The members' etcd endpoints.
    pub endpoints: Vec<String>,
}

/// Where the script put kubectl; `None`, and loudly, if it cannot be had.
pub fn programs(test: &str) -> Check<Option<PathBuf>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/kubectl.sh");
    let run = std::process::Command::new(script)
        .stderr(Stdio::inherit())
        .output()?;
    match run.status.code() {
        Some(0) => Ok(Some(PathBuf::from(
            String::from_utf8_lossy(&run.stdout).trim(),
        ))),
        Some(3) => {
            skip(test, "kubectl cannot be had here");
            Ok(None)
        }
        code => Err(Failure::new(format!("scripts/kubectl.sh: {code:?}"))),
    }
}

impl Dev {
    /// Starts it, with so many hollow nodes.
    pub async fn start(programs: &Path, nodes: usize) -> Check<Dev> {
        let directory = tempfile::tempdir()?;
        let base = free_row(10 * MEMBERS)?;
        let mut child = Command::new(PROGRAM)
            .args(["dev", "--restart", "--nodes", &nodes.to_string()])
            .args(["--members", &MEMBERS.to_string()])
            .args(["--base-port", &base.to_string(), "--data-dir"])
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = some("stdout", child.stdout.take())?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, lines.next_line()).await??;
        let banner: Value = serde_json::from_str(&some("a banner", line)?)?;
        let kubeconfig = some("a kubeconfig", banner["kubeconfig"].as_str())?.to_owned();
        Ok(Dev {
            _child: child,
            kubectl: programs.join("kubectl"),
            kubeconfig,
            directory,
            endpoints: (0..MEMBERS)
                .map(|i| format!("http://127.0.0.1:{}", base + 10 * i))
                .collect(),
        })
    }

    /// Runs kubectl until a member answers it. Only for what may be asked twice.
    pub async fn kubectl(&self, arguments: &[&str]) -> Check<String> {
        let mut last = Failure::new("nobody was asked");
        for attempt in 0..30_u16 {
            let context = match attempt % MEMBERS {
                0 => "keelson-dev".to_owned(),
                i => format!("keelson-dev-{}", i + 1),
            };
            let mut all = vec!["--kubeconfig", &self.kubeconfig, "--context", &context];
            all.extend_from_slice(arguments);
            match tools::run(&self.kubectl, &all, "", ONE).await {
                Ok(output) if output.code == Some(0) => return Ok(output.stdout),
                Ok(output) => last = Failure::new(format!("{arguments:?}: {}", output.stderr)),
                Err(failure) => last = failure,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(last)
    }

    /// Name and process of the leader; `None` while there is none.
    pub async fn leader(&self) -> Check<Option<(String, i32)>> {
        let directory = self.directory.path().to_string_lossy().into_owned();
        let arguments = ["status", "-o", "json", "--data-dir", &directory];
        let output = tools::run(Path::new(PROGRAM), &arguments, "", ONE).await?;
        let status: Value = serde_json::from_str(&output.stdout)?;
        let members = status["members"].as_array().cloned().unwrap_or_default();
        let leader = members.iter().find(|member| member["role"] == "leader");
        Ok(leader.and_then(|leader| {
            let pid = i32::try_from(leader["pid"].as_i64()?).ok()?;
            Some((leader["name"].as_str()?.to_owned(), pid))
        }))
    }

    /// The ends of the members' logs.
    pub fn tails(&self) -> String {
        let mut tails = String::new();
        let files = std::fs::read_dir(self.directory.path())
            .into_iter()
            .flatten();
        for file in files
            .flatten()
            .filter(|file| file.path().extension() == Some("log".as_ref()))
        {
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(15)..].join("\n");
            tails.push_str(&format!("{}\n{last}\n", file.path().display()));
        }
        tails
    }
}

/// Sends a signal to a process of the cluster.
pub fn signal(pid: i32, signal: i32) {
    // SAFETY: a plain system call; the pid is that of a member of this test's own cluster.
    unsafe { libc::kill(pid, signal) };
}
