//! The members of a run: each on a host and a disk of its own where the enclosure allows, and always a process.
//!
//! Everything here is done by the thread that began the run. The kernel ends a member with the thread that
//! started it, so the members must not be started by threads that come and go.

use keelson_kit::check::{Check, Failure, some};
use keelson_kit::client::Client;
use keelson_kit::cluster::Binary;
use keelson_kit::leader::leads;
use keelson_kit::net::{Net, Wire};
use keelson_kit::port::free_port;
use keelson_kit::process::{Process, tail};
use keelson_kit::request::get;
use keelson_kit::wait::wait_until;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::time::timeout;

use crate::clock;
use crate::disk::Disk;
use crate::enclosure::Enclosure;
use crate::lie;

mod disks;

/// Time from a start to the first answer, on a busy machine.
const START: Duration = Duration::from_secs(90);
/// A member that takes longer to say who leads is not asked.
const ANSWER: Duration = Duration::from_millis(400);
/// What is kept of a log when something failed.
const TAIL: u64 = 4_000;

/// What a run's members are.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The server.
    pub binary: Binary,
    /// How many.
    pub size: usize,
    /// Hosts and disks beside theirs, for members that are added.
    pub spares: usize,
    /// What keeps them apart.
    pub enclosure: Enclosure,
    /// Size of each disk image.
    pub disk_megabytes: u64,
    /// The library that makes clocks of members listen, if they shall.
    pub fake_time: Option<PathBuf>,
    /// The library that makes disks of members lie when they are told to, if they shall.
    pub lies: Option<PathBuf>,
    /// If they serve the Kubernetes API.
    pub kubernetes: bool,
}

/// One of them.
#[derive(Debug)]
struct Member {
    name: String,
    client_url: String,
    peer_url: String,
    kubernetes_url: String,
    arguments: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
    is_paused: bool,
    /// Parts of the log, in bytes, in which a fault explains that the member complains and ends.
    excused: Vec<Range<usize>>,
}

/// All of them. Dropping it kills them; their data is deleted unless it is kept.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    /// Places, counted from zero, of those that belong to the cluster; the others are empty.
    present: BTreeSet<usize>,
    disks: Vec<Disk>,
    net: Option<Net>,
    directory: PathBuf,
    failpoints: Vec<String>,
    binary: Binary,
}

/// Asks a server for its failpoints. One that does not know the question answers it otherwise.
fn failpoints(program: &Path) -> Vec<String> {
    let mut command = std::process::Command::new(program);
    let asked = command.arg("--version").env("KEELSON_FAILPOINTS", "help");
    let answer = asked.output().map(|told| told.stdout).unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer);
    let names = answer.lines().filter_map(|line| line.split_once('\t'));
    names.map(|(name, _)| name.to_owned()).collect()
}

impl Cluster {
    /// Makes hosts, and disks below `directory`; nothing runs yet.
    ///
    /// # Errors
    ///
    /// When the enclosure does not hold what was promised.
    pub fn prepare(spec: &Spec, directory: &Path, logs: &Path) -> Check<Cluster> {
        let net = match spec.enclosure {
            Enclosure::None => None,
            _ => Some(Net::new(spec.size + spec.spares)?),
        };
        let mut disks = Vec::new();
        for i in 0..spec.size + spec.spares {
            let place = directory.join(name(i));
            disks.push(match spec.enclosure {
                Enclosure::Full => Disk::image(&place, spec.disk_megabytes)?,
                _ => Disk::plain(&place)?,
            });
        }
        let mut cluster = Cluster {
            members: Vec::new(),
            present: (0..spec.size).collect(),
            disks,
            net,
            directory: logs.to_owned(),
            failpoints: failpoints(&spec.binary.path),
            binary: spec.binary.clone(),
        };
        cluster.add_members(spec)?;
        Ok(cluster)
    }

    fn add_members(&mut self, spec: &Spec) -> Check {
        let mut urls = Vec::new();
        for i in 0..spec.size + spec.spares {
            urls.push(self.urls(i)?);
        }
        let everyone = urls.iter().take(spec.size).enumerate();
        let everyone: Vec<String> = everyone
            .map(|(i, (_, peers))| format!("{}={peers}", name(i)))
            .collect();
        for (i, (clients, peers)) in urls.into_iter().enumerate() {
            let name = name(i);
            let mut arguments = self.net.as_ref().map_or(Vec::new(), |net| net.on(i));
            if let Some(library) = &spec.fake_time {
                arguments.extend(clock::prefix(library, &self.directory, &name)?);
            }
            if let Some(library) = &spec.lies {
                lie::load(library, &self.directory, &name, &mut arguments)?;
            }
            arguments.push(spec.binary.path.display().to_string());
            match spec.kubernetes {
                // In its etcd dress it has nothing of Kubernetes.
                true => arguments.push("server".to_owned()),
                false => arguments.extend(spec.binary.leading.iter().cloned()),
            }
            arguments.extend([
                format!("--name={name}"),
                format!(
                    "--data-dir={}",
                    self.disks[i].directory().join("data").display()
                ),
                format!("--listen-client-urls={clients}"),
                format!("--advertise-client-urls={clients}"),
                format!("--listen-peer-urls={peers}"),
                format!("--initial-advertise-peer-urls={peers}"),
                format!("--initial-cluster={}", everyone.join(",")),
                "--initial-cluster-state=new".to_owned(),
            ]);
            let kubernetes_url = self.kubernetes_url(i)?;
            if spec.kubernetes {
                arguments.push(format!("--listen-kubernetes-url={kubernetes_url}"));
            }
            arguments.extend(spec.binary.flags.iter().cloned());
            self.members.push(Member {
                kubernetes_url,
                log: self.directory.join(format!("{name}.log")),
                name,
                client_url: clients,
                peer_url: peers,
                arguments,
                process: None,
                is_paused: false,
                excused: Vec::new(),
            });
        }
        Ok(())
    }

    /// Where clients and the others find a member.
    fn urls(&self, i: usize) -> Check<(String, String)> {
        if self.net.is_some() {
            let (clients, peers) = (Wire::Clients.address(i), Wire::Peers.address(i));
            return Ok((
                format!("http://{clients}:2379"),
                format!("http://{peers}:2380"),
            ));
        }
        let port = || free_port().map(|port| format!("http://127.0.0.1:{port}"));
        Ok((port()?, port()?))
    }

    fn kubernetes_url(&self, i: usize) -> Check<String> {
        Ok(match self.net {
            Some(_) => format!("https://{}:6443", Wire::Clients.address(i)),
            None => format!("https://127.0.0.1:{}", free_port()?),
        })
    }

    /// How many places for members there are, empty or not.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// How many of those that are present may be lost.
    pub fn minority(&self) -> usize {
        self.present.len().saturating_sub(1) / 2
    }

    /// A member's name.
    pub fn name(&self, i: usize) -> &str {
        &self.members[i].name
    }

    /// Client URLs of all places.
    pub fn endpoints(&self) -> Vec<String> {
        self.members
            .iter()
            .map(|member| member.client_url.clone())
            .collect()
    }

    /// Where a member listens to clients.
    pub fn client_address(&self, i: usize) -> Option<SocketAddr> {
        let (_, address) = self.members[i].client_url.split_once("://")?;
        address.parse().ok()
    }

    /// The server that members run.
    pub fn binary(&self) -> &Binary {
        &self.binary
    }

    /// Where members serve the Kubernetes API, if they do.
    pub fn kubernetes_urls(&self) -> Vec<String> {
        let urls = self.members.iter().map(|one| one.kubernetes_url.clone());
        urls.collect()
    }

    /// The wires, unless all are on loopback.
    pub fn net(&self) -> Option<&Net> {
        self.net.as_ref()
    }

    /// A member's disk.
    pub fn disk(&mut self, i: usize) -> &mut Disk {
        &mut self.disks[i]
    }

    /// Where logs are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A member's data directory, as it was told.
    pub fn data(&self, i: usize) -> PathBuf {
        self.disks[i].directory().join("data")
    }

    /// Starts a member that does not run; does not wait for it.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn start(&mut self, i: usize) -> Check {
        let member = &mut self.members[i];
        if member.process.is_some() {
            return Ok(());
        }
        let (program, arguments) = some("a program", member.arguments.split_first())?;
        let switch = self.directory.join(format!("{}.failpoints", member.name));
        let environment = [(
            "KEELSON_FAILPOINTS_FILE".to_owned(),
            switch.display().to_string(),
        )];
        let program = Path::new(program);
        let process = Process::start_with(&environment, program, arguments, &member.log)?;
        member.process = Some(process);
        member.is_paused = false;
        Ok(())
    }

    /// Ends a member with SIGKILL. Returns whether it ran until then.
    pub fn kill(&mut self, i: usize) -> bool {
        let member = &mut self.members[i];
        let Some(mut process) = member.process.take() else {
            return false;
        };
        member.is_paused = false;
        let ran = process.ended().is_none();
        process.kill();
        ran
    }

    /// Number of a member's process.
    pub fn pid(&self, i: usize) -> Option<u32> {
        self.members[i].process.as_ref().map(Process::id)
    }

    /// Whether a member runs.
    pub fn runs(&mut self, i: usize) -> bool {
        let process = self.members[i].process.as_mut();
        process.is_some_and(|process| process.ended().is_none())
    }

    /// Processes that have ended by themselves since the last time, and how.
    pub fn take_ends(&mut self) -> Vec<(usize, String)> {
        let mut ends = Vec::new();
        for (i, member) in self.members.iter_mut().enumerate() {
            if let Some(status) = member.process.as_mut().and_then(Process::ended) {
                member.process = None;
                ends.push((i, status.to_string()));
            }
        }
        ends
    }

    /// Asks a member to end, and waits.
    ///
    /// # Errors
    ///
    /// When it does not run, or still runs at the deadline.
    pub async fn stop(&mut self, i: usize, deadline: Duration) -> Check<ExitStatus> {
        let mut process = some("a process", self.members[i].process.take())?;
        process.stop(deadline).await
    }

    /// Waits until all members that are present answer a linearizable read.
    ///
    /// # Errors
    ///
    /// When one does not.
    pub async fn ready(&mut self) -> Check {
        for i in self.present() {
            let client = Client::new(&[self.members[i].client_url.clone()])?;
            let why = format!("{} answers a linearizable read", self.name(i));
            let waited = wait_until(&why, START, || {
                let client = client.clone();
                async move {
                    let read = timeout(Duration::from_secs(1), client.range(get("ready"))).await;
                    matches!(read, Ok(Ok(_)))
                }
            });
            if let Err(late) = waited.await {
                let tail = tail(&self.members[i].log, TAIL);
                return Err(Failure::new(format!("{late}\n{tail}")));
            }
        }
        Ok(())
    }

    /// Who leads, of those that say so the one with the newest term.
    pub async fn leader(&self) -> Option<(usize, u64)> {
        let asked = self
            .members
            .iter()
            .enumerate()
            .map(|(i, member)| async move {
                let is_here = self.present.contains(&i);
                if !is_here || member.process.is_none() || member.is_paused {
                    return None;
                }
                let client = Client::new(std::slice::from_ref(&member.client_url)).ok()?;
                let status = timeout(ANSWER, client.status()).await.ok()?.ok()?;
                leads(&status).then_some((i, status.raft_term))
            });
        let answers = futures::future::join_all(asked).await;
        answers.into_iter().flatten().max_by_key(|(_, term)| *term)
    }

    /// Whose server it is and which version, by its own account, and its flags.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub async fn version(&self, binary: &Binary) -> Check<String> {
        let status = Client::new(&self.endpoints())?.status().await?;
        let program = binary
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let flags = binary.flags.join(" ");
        Ok(format!("{program} {} {flags}", status.version)
            .trim()
            .to_owned())
    }

    /// Names of the failpoints that the server carries; none if it is not made for tests.
    pub fn failpoints(&self) -> &[String] {
        &self.failpoints
    }

    /// Switches failpoints on at a member, and all others off.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn switch_failpoints(&self, i: usize, orders: &str) -> Check {
        let file = self.directory.join(format!("{}.failpoints", self.name(i)));
        let new = file.with_extension("new");
        std::fs::write(&new, orders)?;
        Ok(std::fs::rename(&new, &file)?)
    }

    /// Lets the wall clock of a member be off by so many seconds. Only where the clock was made to listen.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn set_clock(&self, i: usize, seconds: i64) -> Check {
        clock::set(&self.directory, self.name(i), seconds)
    }

    /// Lets the clock of a member that only rises leap ahead, and run at a rate in thousandths from then on.
    ///
    /// # Errors
    ///
    /// When its clock does not listen.
    pub fn steer_clock(&self, i: usize, leap_ns: i64, rate: i64) -> Check {
        clock::steer(&self.directory, self.name(i), leap_ns, rate)
    }

    /// How often a member was told a time that is off.
    ///
    /// # Errors
    ///
    /// When its clock does not listen.
    pub fn times_told(&self, i: usize) -> Check<clock::Told> {
        clock::told(&self.directory, self.name(i))
    }

    /// Copies what members have on their disks, after the end.
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub fn keep_disks(&self, to: &Path) -> Check {
        for disk in &self.disks {
            disk.keep(to)?;
        }
        Ok(())
    }

    /// Stops all members for good; disks stay until this is dropped.
    pub fn end(&mut self) {
        for disk in &self.disks {
            // Fails when it is not frozen, which is nearly always.
            let _ = disk.thaw();
        }
        for i in 0..self.size() {
            self.kill(i);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

fn name(i: usize) -> String {
    format!("m{}", i + 1)
}

mod logs;
mod places;
mod stops;

pub use stops::state_of_process;

#[cfg(test)]
mod tests;
