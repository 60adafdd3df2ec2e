//! A development cluster whose members come back after they were killed.

use keelson_kit::check::{Check, Failure, some};
use keelson_kit::kubernetes::Client;
use keelson_kit::port::free_row;
use keelson_kit::process::tail;
use keelson_kit::tools;
use keelson_kit::wait::{wait_for, wait_until};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);
const TAIL_BYTES: u64 = 2048;
/// How many members there are; they are counted from 0.
pub const MEMBERS: usize = 3;

/// See the module. It ends with this value.
pub struct Dev {
    _child: Child,
    kubeconfig: String,
    client: Client,
    base: u16,
    directory: tempfile::TempDir,
    /// The members' etcd endpoints.
    pub endpoints: Vec<String>,
}

impl Dev {
    /// Starts it and waits until it serves.
    pub async fn start() -> Check<Dev> {
        let directory = tempfile::tempdir()?;
        let base = free_row(10 * MEMBERS as u16)?;
        let mut child = Command::new(PROGRAM)
            .args(["dev", "--restart", "--kubernetes"])
            .args(["--members", &MEMBERS.to_string()])
            .args(["--base-port", &base.to_string(), "--data-dir"])
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = some("stdout", child.stdout.take())?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, lines.next_line()).await??;
        let banner: Value = serde_json::from_str(&some("a banner", line)?)?;
        let path = some("a kubeconfig", banner["kubeconfig"].as_str())?;
        let port = |i: usize| base + 10 * i as u16;
        Ok(Dev {
            _child: child,
            kubeconfig: std::fs::read_to_string(path)?,
            client: Client::read(Path::new(path))?,
            base,
            directory,
            endpoints: (0..MEMBERS)
                .map(|i| format!("http://127.0.0.1:{}", port(i)))
                .collect(),
        })
    }

    /// The operator, at each member in turn.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Host and port at which a member serves Kubernetes.
    pub fn server(&self, member: usize) -> String {
        format!("127.0.0.1:{}", self.base + 10 * member as u16 + 2)
    }

    /// The operator's kubeconfig with one server alone.
    pub fn kubeconfig_for(&self, name: &str, server: &str) -> Check<PathBuf> {
        let path = self.directory.path().join(format!("{name}.kubeconfig"));
        let lines = self.kubeconfig.lines();
        let lines = lines.map(|line| match line.split_once("server: ") {
            Some((before, _)) => format!("{before}server: https://{server}\n"),
            None => format!("{line}\n"),
        });
        std::fs::write(&path, lines.collect::<String>())?;
        Ok(path)
    }

    async fn status(&self) -> Check<Vec<Value>> {
        let directory = self.directory.path().to_string_lossy().into_owned();
        let arguments = ["status", "-o", "json", "--data-dir", &directory];
        let output = tools::run(Path::new(PROGRAM), &arguments, "", PATIENCE).await?;
        let status: Value = serde_json::from_str(&output.stdout)?;
        let members = status["members"].as_array().cloned();
        some("members", members.filter(|all| all.len() == MEMBERS))
    }

    /// The member that leads, once there is one.
    pub async fn leader(&self) -> Check<usize> {
        wait_for("a member leads", PATIENCE, || async {
            let members = self.status().await.ok()?;
            members.iter().position(|member| member["role"] == "leader")
        })
        .await
    }

    /// The process of a member; `None` while it has none.
    async fn process(&self, member: usize) -> Option<i32> {
        let pid = self.status().await.ok()?[member]["pid"].as_i64()?;
        i32::try_from(pid).ok().filter(|pid| *pid > 1)
    }

    /// Kills one member. Returns when another process is in its place, which need not serve yet.
    pub async fn kill(&self, member: usize) -> Check {
        let killed = some("a process", self.process(member).await)?;
        // SAFETY: a plain system call; the pid is that of a member of this test's own cluster.
        if unsafe { libc::kill(killed, libc::SIGKILL) } != 0 {
            return Err(Failure::new(std::io::Error::last_os_error().to_string()));
        }
        wait_until("the member is started again", PATIENCE, || async {
            let process = self.process(member).await;
            process.is_some_and(|process| process != killed)
        })
        .await
    }

    /// Returns when a member that was killed serves again.
    pub async fn is_back(&self, member: usize) -> Check {
        let server = format!("server: https://{}", self.server(member));
        let servers = self.kubeconfig.lines().map(str::trim);
        let mut servers = servers.filter(|line| line.starts_with("server: "));
        let place = some("a server", servers.position(|line| line == server))?;
        let client = self.client.at(place);
        wait_until("the member serves again", PATIENCE, || async {
            client
                .get("/readyz")
                .await
                .is_ok_and(|answer| answer.code == 200)
        })
        .await
    }

    /// The ends of the members' logs.
    pub fn tails(&self) -> String {
        let files = std::fs::read_dir(self.directory.path())
            .into_iter()
            .flatten();
        let paths = files.flatten().map(|file| file.path());
        let logs = paths.filter(|path| path.extension() == Some("log".as_ref()));
        let tails = logs.map(|path| format!("{}\n{}\n", path.display(), tail(&path, TAIL_BYTES)));
        tails.collect()
    }
}
