//! Development clusters: `keelson dev` as a person or a script starts it, what it says of itself, and its
//! members by their processes.

use crate::check::{Check, Failure, some};
use crate::cli::Cli;
use crate::port::free_row;
use crate::process::{Process, tail};
use crate::wait::{wait_for, wait_until};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tempfile::TempDir;

/// Time for a start, an election or an end, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ports between the first ports of two members.
const PORTS: usize = 10;
/// What is kept of each log when something failed.
const TAIL_BYTES: u64 = 4096;

/// What follows the program's name: a cluster of so many members on ports that are free.
///
/// # Errors
/// When there are not enough free ports.
pub fn arguments(members: usize, flags: &[&str]) -> Check<Vec<String>> {
    let base = free_row(u16::try_from(PORTS * members)?)?.to_string();
    let members = members.to_string();
    let own = ["dev", "--members", &members, "--base-port", &base];
    Ok(own.iter().chain(flags).map(|word| (*word).into()).collect())
}

/// A member as `keelson status` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its process; `None` while it has none.
    pub pid: Option<i32>,
    /// `ready` if it serves.
    pub state: String,
    /// Whether it leads.
    pub leads: bool,
}

/// A cluster. It ends with this value, and its data with it.
#[derive(Debug)]
pub struct Dev {
    // Dropped before the directory.
    process: Process,
    program: PathBuf,
    data: PathBuf,
    banner: Value,
    _scratch: Option<TempDir>,
}

impl Dev {
    /// Starts one whose data lies in a directory of its own, and waits until it serves. `flags` are those of
    /// `keelson dev`, and behind `--` those of its members.
    ///
    /// # Errors
    /// When it does not start; the failure holds what it said.
    pub async fn start(program: &Path, members: usize, flags: &[&str]) -> Check<Dev> {
        let scratch = tempfile::Builder::new().prefix("keelson-kit-").tempdir()?;
        let data = scratch.path().display().to_string();
        // First, since flags may end with those of members.
        let words = [&["--data-dir", data.as_str()][..], flags].concat();
        let mut dev = Dev::start_in(program, scratch.path(), members, &words).await?;
        dev._scratch = Some(scratch);
        Ok(dev)
    }

    /// The same as if it were typed in this directory, which stays.
    ///
    /// # Errors
    /// When it does not start; the failure holds what it said.
    pub async fn start_in(
        program: &Path,
        directory: &Path,
        members: usize,
        flags: &[&str],
    ) -> Check<Dev> {
        let log = directory.join("dev.log");
        let arguments = arguments(members, flags)?;
        let mut process = Process::start_in(directory, program, &arguments, &log)?;
        let banner = wait_for("the cluster serves", PATIENCE, || {
            let found = match process.ended() {
                Some(status) => Some(Err(Failure::new(format!("it ended with {status}")))),
                None => banner(&log).map(Ok),
            };
            async move { found }
        });
        let banner = banner.await.and_then(|found| found);
        let told = |why| Failure::new(format!("{why}\n{}", tail(&log, TAIL_BYTES)));
        let banner = banner.map_err(told)?;
        Ok(Dev {
            process,
            program: program.to_owned(),
            data: some("a data directory", banner["data_dir"].as_str())?.into(),
            banner,
            _scratch: None,
        })
    }

    /// What it said when it was ready.
    pub fn banner(&self) -> &Value {
        &self.banner
    }

    /// Where its data lies, and its logs.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The members' etcd endpoints, in the order of their ports.
    pub fn endpoints(&self) -> Vec<String> {
        let members = self.banner["members"].as_array().into_iter().flatten();
        let urls = members.filter_map(|member| member["client_url"].as_str());
        urls.map(str::to_owned).collect()
    }

    /// The file for kubectl.
    ///
    /// # Errors
    /// When the cluster does not serve Kubernetes.
    pub fn kubeconfig(&self) -> Check<&Path> {
        let path = self.banner["kubeconfig"].as_str();
        Ok(Path::new(some("a kubeconfig", path)?))
    }

    /// What `keelson status -o json` prints of it.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn status(&self) -> Check<Value> {
        let directory = self.data.display().to_string();
        let keelson = Cli::offline(&self.program);
        keelson.json(&["status", "--data-dir", &directory]).await
    }

    /// The members, in the order of their ports.
    ///
    /// # Errors
    /// When they cannot be asked for.
    pub async fn members(&self) -> Check<Vec<Member>> {
        let status = self.status().await?;
        let members = status["members"].as_array().into_iter().flatten();
        let text = |member: &Value, field| member[field].as_str().unwrap_or_default().to_owned();
        let read = |member: &Value| Member {
            name: text(member, "name"),
            pid: member["pid"].as_i64().and_then(|pid| pid.try_into().ok()),
            state: text(member, "state"),
            leads: member["role"] == "leader",
        };
        Ok(members.map(read).collect())
    }

    /// Name and process of the member that leads; `None` while there is none.
    ///
    /// # Errors
    /// When the members cannot be asked for.
    pub async fn leader(&self) -> Check<Option<(String, i32)>> {
        let members = self.members().await?.into_iter();
        let mut leaders = members.filter(|member| member.leads);
        Ok(leaders.find_map(|leader| Some((leader.name, leader.pid?))))
    }

    /// Waits until a member leads.
    ///
    /// # Errors
    /// When there is none within a minute.
    pub async fn has_leader(&self) -> Check {
        wait_until("a member leads", PATIENCE, || async {
            self.leader().await.is_ok_and(|leader| leader.is_some())
        })
        .await
    }

    /// Ends it as Ctrl-C does, and waits until it is gone.
    ///
    /// # Errors
    /// When it is still there after a minute.
    pub async fn interrupt(&mut self) -> Check<ExitStatus> {
        self.process.signal(libc::SIGINT);
        wait_for("the cluster ended after SIGINT", PATIENCE, || {
            let ended = self.process.ended();
            async move { ended }
        })
        .await
    }

    /// The ends of its log and of its members'.
    pub fn tails(&self) -> String {
        tails(&self.data)
    }
}

/// The ends of all logs in a directory.
pub fn tails(directory: &Path) -> String {
    let files = std::fs::read_dir(directory).into_iter().flatten();
    let paths = files.flatten().map(|file| file.path());
    let logs = paths.filter(|path| path.extension() == Some("log".as_ref()));
    let tails = logs.map(|path| format!("{}\n{}\n", path.display(), tail(&path, TAIL_BYTES)));
    tails.collect()
}

fn banner(log: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(log).ok()?;
    let objects = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let mut ready = objects.filter(|line: &Value| line["msg"] == "dev cluster is ready");
    ready.next()
}
