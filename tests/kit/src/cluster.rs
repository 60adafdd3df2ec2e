//! Clusters of processes of any binary that takes etcd's flags.

use crate::check::{Check, Failure, some};
use crate::client::Client;
use crate::port::free_port;
use crate::process::{Process, tail};
use crate::request::get;
use crate::wait::{wait_for, wait_until};
use keelson_proto::etcdserverpb::MemberAddRequest;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tonic::{Code, Status};

/// Time a member may take from its start to its first answer, on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Time for a clean stop.
const STOP: Duration = Duration::from_secs(20);
/// What is kept of a log when something failed.
const TAIL: u64 = 60_000;

/// A server program, and what stands before the flags on its command line.
#[derive(Clone, Debug)]
pub struct Binary {
    /// Path of the program.
    pub path: PathBuf,
    /// Arguments before the flags: a subcommand, or nothing.
    pub leading: Vec<String>,
    /// Flags every member gets.
    pub flags: Vec<String>,
    /// What every member's environment holds besides this process's. `{data}` in a value is the member's data
    /// directory.
    pub environment: Vec<(String, String)>,
}

impl Binary {
    /// The real etcd.
    pub fn etcd(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            leading: Vec::new(),
            flags: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Keelson in its etcd dress.
    pub fn keelson(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            leading: vec!["etcd".into()],
            flags: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// The same with one more flag for every member.
    #[must_use]
    pub fn with_flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// The same with one more variable in every member's environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}

/// One member: where it lives, and its process while it runs.
#[derive(Debug)]
struct Member {
    name: String,
    client_url: String,
    peer_url: String,
    arguments: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
}

/// Some members of one cluster. Dropping it kills them and deletes their data.
#[derive(Debug)]
pub struct Cluster {
    binary: Binary,
    members: Vec<Member>,
    extra_flags: Vec<String>,
    directory: TempDir,
}

impl Cluster {
    /// Starts `size` members with `flags` (each `--name=value`) and waits until all answer.
    ///
    /// # Errors
    ///
    /// When a member does not come up; the failure holds the end of its log.
    pub async fn start(binary: &Binary, size: usize, flags: &[&str]) -> Check<Self> {
        let mut cluster = Self::prepare(binary, size, flags)?;
        for i in 0..size {
            cluster.spawn(i)?;
        }
        for i in 0..size {
            cluster.ready(i).await?;
        }
        Ok(cluster)
    }

    /// Members that do not run yet: [`restart`](Self::restart) starts each.
    ///
    /// # Errors
    ///
    /// When there is no directory or no port to be had.
    pub fn prepare(binary: &Binary, size: usize, flags: &[&str]) -> Check<Self> {
        let directory = tempfile::Builder::new().prefix("keelson-kit-").tempdir()?;
        let mut cluster = Self {
            binary: binary.clone(),
            members: Vec::new(),
            extra_flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            directory,
        };
        for i in 0..size {
            cluster.members.push(cluster.new_member(i)?);
        }
        let everyone = cluster.initial_cluster();
        for member in &mut cluster.members {
            member
                .arguments
                .push(format!("--initial-cluster={everyone}"));
            member.arguments.push("--initial-cluster-state=new".into());
        }
        Ok(cluster)
    }

    fn new_member(&self, i: usize) -> Check<Member> {
        let name = format!("m{}", i + 1);
        let client_url = format!("http://127.0.0.1:{}", free_port()?);
        let peer_url = format!("http://127.0.0.1:{}", free_port()?);
        let data = self.directory.path().join(&name);
        let mut arguments = self.binary.leading.clone();
        arguments.extend([
            format!("--name={name}"),
            format!("--data-dir={}", data.display()),
            format!("--listen-client-urls={client_url}"),
            format!("--advertise-client-urls={client_url}"),
            format!("--listen-peer-urls={peer_url}"),
            format!("--initial-advertise-peer-urls={peer_url}"),
        ]);
        arguments.extend(self.binary.flags.iter().cloned());
        arguments.extend(self.extra_flags.iter().cloned());
        Ok(Member {
            log: self.directory.path().join(format!("{name}.log")),
            name,
            client_url,
            peer_url,
            arguments,
            process: None,
        })
    }

    fn initial_cluster(&self) -> String {
        let parts: Vec<_> = self
            .members
            .iter()
            .map(|member| format!("{}={}", member.name, member.peer_url))
            .collect();
        parts.join(",")
    }

    fn spawn(&mut self, i: usize) -> Check {
        let data = self.data(i).display().to_string();
        let variables = self.binary.environment.iter();
        let environment: Vec<_> = variables
            .map(|(name, value)| (name.clone(), value.replace("{data}", &data)))
            .collect();
        let member = &mut self.members[i];
        member.process = Some(Process::start_with(
            &environment,
            &self.binary.path,
            &member.arguments,
            &member.log,
        )?);
        Ok(())
    }

    /// Waits until member `i` answers a linearizable read, and has told the group its name: it takes
    /// requests a moment before that, where etcd does only after.
    ///
    /// # Errors
    ///
    /// When it ended or does not answer within a minute.
    pub async fn ready(&mut self, i: usize) -> Check {
        let client = self.client_of(i)?;
        let mut ended = None;
        let why = "the member answers a linearizable read and its name is known";
        let up = wait_until(why, START, || {
            ended = self.members[i].process.as_mut().and_then(Process::ended);
            let stopped = ended.is_some();
            let client = client.clone();
            async move { stopped || answers(&client).await.unwrap_or(false) }
        })
        .await;
        match (up, ended) {
            (Ok(()), None) => Ok(()),
            (_, Some(status)) => Err(Failure::new(format!(
                "member {} ended with {status}:\n{}",
                i + 1,
                self.tail_of(i)
            ))),
            (Err(late), None) => Err(Failure::new(format!("{late}\n{}", self.tail_of(i)))),
        }
    }

    /// Adds a member to the running cluster; it is started and, unless a learner, waited for.
    ///
    /// # Errors
    ///
    /// When the cluster refuses it or it does not come up.
    pub async fn add_member(&mut self, is_learner: bool) -> Check<u64> {
        let i = self.members.len();
        let mut member = self.new_member(i)?;
        let request = MemberAddRequest {
            peer_ur_ls: vec![member.peer_url.clone()],
            is_learner,
        };
        let client = self.client()?;
        // A cluster grows only when its members have been there for some seconds.
        let reply = wait_for("the cluster is healthy enough to grow", START, || {
            let (client, request) = (client.clone(), request.clone());
            async move {
                let outcome = client.member_add(request).await;
                let early = matches!(&outcome, Err(status) if status.code() == Code::Unavailable);
                (!early).then_some(outcome)
            }
        })
        .await??;
        let id = some("the added member", reply.member)?.id;
        let everyone = format!(
            "{},{}={}",
            self.initial_cluster(),
            member.name,
            member.peer_url
        );
        member
            .arguments
            .push(format!("--initial-cluster={everyone}"));
        member
            .arguments
            .push("--initial-cluster-state=existing".into());
        self.members.push(member);
        self.spawn(i)?;
        if !is_learner {
            self.ready(i).await?;
        }
        Ok(id)
    }

    /// Kills the member that was added last and forgets it: it has left the cluster.
    pub fn forget_last(&mut self) {
        self.members.pop();
    }

    /// Number of members, running or not.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// Client URL of member `i`.
    pub fn endpoint(&self, i: usize) -> &str {
        &self.members[i].client_url
    }

    /// Peer URL of member `i`.
    pub fn peer_url(&self, i: usize) -> &str {
        &self.members[i].peer_url
    }

    /// Client URLs of all members.
    pub fn endpoints(&self) -> Vec<String> {
        self.members
            .iter()
            .map(|member| member.client_url.clone())
            .collect()
    }

    /// A client that spreads its requests over all members.
    ///
    /// # Errors
    ///
    /// Only for a malformed URL.
    pub fn client(&self) -> Check<Client> {
        Client::new(&self.endpoints())
    }

    /// A client of member `i` alone.
    ///
    /// # Errors
    ///
    /// Only for a malformed URL.
    pub fn client_of(&self, i: usize) -> Check<Client> {
        Client::new(&[self.members[i].client_url.clone()])
    }

    /// Ends member `i` with SIGKILL.
    pub fn kill(&mut self, i: usize) {
        if let Some(mut process) = self.members[i].process.take() {
            process.kill();
        }
    }

    /// Ends member `i` with SIGTERM.
    ///
    /// # Errors
    ///
    /// When it does not end within 20 seconds.
    pub async fn stop(&mut self, i: usize) -> Check {
        if let Some(mut process) = self.members[i].process.take() {
            process.stop(STOP).await?;
        }
        Ok(())
    }

    /// Starts member `i` again on its old data; does not wait for it.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn restart(&mut self, i: usize) -> Check {
        self.kill(i);
        self.spawn(i)
    }

    /// Stops member `i` in its tracks, with all its connections open.
    pub fn pause(&mut self, i: usize) {
        if let Some(process) = &mut self.members[i].process {
            process.signal(libc::SIGSTOP);
        }
    }

    /// Lets a paused member go on.
    pub fn resume(&mut self, i: usize) {
        if let Some(process) = &mut self.members[i].process {
            process.signal(libc::SIGCONT);
        }
    }

    /// Whether member `i` runs.
    pub fn runs(&mut self, i: usize) -> bool {
        self.members[i]
            .process
            .as_mut()
            .is_some_and(|process| process.ended().is_none())
    }

    /// Where data and logs are until the cluster is dropped.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Everything member `i` has logged.
    ///
    /// # Errors
    ///
    /// When it has never been started.
    pub fn log(&self, i: usize) -> Check<String> {
        Ok(std::fs::read_to_string(&self.members[i].log)?)
    }

    /// Where member `i` keeps its data.
    pub fn data(&self, i: usize) -> PathBuf {
        self.directory.path().join(&self.members[i].name)
    }

    /// The end of every member's log.
    pub fn tails(&self) -> String {
        (0..self.members.len()).map(|i| self.tail_of(i)).collect()
    }

    fn tail_of(&self, i: usize) -> String {
        let member = &self.members[i];
        format!("--- {} ---\n{}\n", member.name, tail(&member.log, TAIL))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tails());
        }
    }
}

/// Whether the member behind `client` answers a linearizable read and is known by its name.
async fn answers(client: &Client) -> Result<bool, Status> {
    let header = client.range(get("ready")).await?.header;
    let own = header.unwrap_or_default().member_id;
    let members = client.list_members().await?;
    Ok(members
        .iter()
        .any(|member| member.id == own && !member.name.is_empty()))
}
