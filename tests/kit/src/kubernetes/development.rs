//! A cluster of real processes as `keelson dev --kubernetes` starts it.

use super::client::Client;
use crate::check::{Check, some};
use crate::port::free_port;
use crate::process::tail;
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
/// How far apart the members' ports are, and how many each has.
const STEP: u16 = 10;
const PORTS: u16 = 3;
const TAIL_BYTES: u64 = 4096;

/// Held from the choice of ports until they are taken: of two tests that start at one time, both would
/// find the same ones free.
static STARTS: Mutex<()> = Mutex::const_new(());

/// It ends with this value.
pub struct Development {
    /// The operator, at each member in turn.
    pub client: Client,
    /// The store below.
    pub store: crate::client::Client,
    _child: Child,
    scratch: TempDir,
}

impl Development {
    /// Starts a cluster with so many members and waits until it serves.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(program: &Path, members: usize) -> Check<Development> {
        let _alone = STARTS.lock().await;
        let scratch = tempfile::tempdir()?;
        let base = some("a base port", (0..100).find_map(|_| base_port(members)))?;
        let mut child = Command::new(program)
            .args(["dev", "--kubernetes", "--members", &members.to_string()])
            .args(["--base-port", &base.to_string(), "--data-dir"])
            .arg(scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = some("stdout", child.stdout.take())?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, lines.next_line()).await??;
        let banner: Value = serde_json::from_str(&some("a banner", line)?)?;
        let kubeconfig = some("a kubeconfig", banner["kubeconfig"].as_str())?;
        let members = banner["members"].as_array().into_iter().flatten();
        let endpoints =
            members.filter_map(|member| Some(member["client_url"].as_str()?.to_owned()));
        let endpoints: Vec<String> = endpoints.collect();
        Ok(Development {
            client: Client::read(Path::new(kubeconfig))?,
            store: crate::client::Client::new(&endpoints)?,
            _child: child,
            scratch,
        })
    }

    /// The ends of the members' logs.
    pub fn tails(&self) -> String {
        let files = std::fs::read_dir(self.scratch.path()).into_iter().flatten();
        let paths = files.flatten().map(|file| file.path());
        let logs = paths.filter(|path| path.extension() == Some("log".as_ref()));
        let tails = logs.map(|path| format!("{}\n{}\n", path.display(), tail(&path, TAIL_BYTES)));
        tails.collect()
    }
}

fn base_port(members: usize) -> Option<u16> {
    let base = free_port().ok()?;
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let members = u16::try_from(members).ok()?;
    let mut all = (0..members).flat_map(|i| (0..PORTS).map(move |j| base + STEP * i + j));
    all.all(is_free).then_some(base)
}
