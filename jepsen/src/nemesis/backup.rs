//! A backup in the middle of everything: one member is asked for a snapshot, a directory is made from it, and a single
//! member starts there, on loopback, where nothing of the run reaches it. What it has is read and written down.
//!
//! The snapshot is taken while the fault begins; the rest is done on a thread of its own, so that other faults go on.

use super::{Active, Injector, Means, Nemesis};
use crate::history::{KeyRange, Node, Observation, Observed, RangeCall, Restored};
use crate::recorder::Recorder;
use crate::wire;
use keelson_kit::check::{Check, Failure, holds, some};
use keelson_kit::client::Client;
use keelson_kit::cluster::Binary;
use keelson_kit::port::free_port;
use keelson_kit::process::{Process, tail};
use keelson_kit::request::{get, put};
use keelson_kit::tools::run;
use keelson_kit::wait::wait_until;
use keelson_proto::etcdserverpb as pb;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::timeout;

/// A snapshot is sent within this time.
const SENT: Duration = Duration::from_secs(10);
/// A directory is made within this time.
const MADE: Duration = Duration::from_secs(60);
/// The new member answers within this time.
const STARTS: Duration = Duration::from_secs(60);
/// How far revisions jump ahead. What the old cluster writes meanwhile is far less.
const JUMP: i64 = 1_000_000_000;
/// Name of the one member of the new cluster.
const NAME: &str = "restored";
/// What is kept of its log when something failed.
const TAIL: u64 = 3_000;

/// A backup that is about to be a cluster.
#[derive(Debug)]
pub(super) struct Trial {
    directory: PathBuf,
    bytes: u64,
    thread: JoinHandle<Check<(i64, Restored)>>,
}

/// What makes a directory from a backup: our own program, or a tool beside etcd.
#[derive(Clone, Debug)]
enum Restorer {
    Keelson(PathBuf),
    Etcd(PathBuf),
}

/// Everything that the new cluster needs.
struct Site {
    restorer: Restorer,
    binary: Binary,
    directory: PathBuf,
    recorder: Recorder,
}

impl Injector<'_> {
    /// Why nothing can be restored here.
    pub(super) fn lacks_restorer(&self, kind: Nemesis) -> Option<String> {
        let lacks = kind == Nemesis::Backup && Restorer::of(self.cluster.binary()).is_none();
        lacks.then(|| "needs etcdutl beside etcd".to_owned())
    }

    pub(super) async fn back_up(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let binary = self.cluster.binary().clone();
        let name = format!("backup-{}", fault.record.fault);
        let directory = self.cluster.directory().join(name);
        std::fs::create_dir(&directory)?;
        let client = Client::new(&self.cluster.endpoints())?.member(victim);
        let file = directory.join("file");
        let saved = timeout(SENT, save(&client, &file)).await;
        let bytes = match saved.map_err(Failure::from).and_then(|saved| saved) {
            Ok(bytes) => bytes,
            Err(failure) => {
                std::fs::remove_dir_all(&directory)?;
                return Err(failure);
            }
        };
        let site = Site {
            restorer: some("a tool that restores", Restorer::of(&binary))?,
            binary,
            directory: directory.clone(),
            recorder: self.recorder.clone(),
        };
        let thread = std::thread::Builder::new().name("backup".to_owned());
        let thread = thread.spawn(move || {
            // The new member ends with this thread at the latest.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(site.come_to_life())
        })?;
        fault.means = Means::Backup(Trial {
            directory,
            bytes,
            thread,
        });
        // Whether it is one is known when something was read from it.
        Ok(None)
    }

    pub(super) async fn try_backup(&mut self, fault: &mut Active) -> Check<String> {
        let Means::Backup(trial) = std::mem::replace(&mut fault.means, Means::None) else {
            return Ok(String::new());
        };
        let node = *some("a victim", fault.victims.first())? as Node + 1;
        let waits = tokio::task::spawn_blocking(|| trial.thread.join());
        let panicked = |_| Err(Failure::new("the thread of a backup panicked"));
        let tried = waits.await?.unwrap_or_else(panicked);
        let told = self.recorder.newest();
        match tried {
            Ok((told, restored)) => {
                let (revision, next, keys) = (restored.revision, restored.next, restored.kvs.len());
                let evidence = format!(
                    "{} bytes of revision {revision} became a cluster with {keys} keys, which wrote at revision {next}",
                    trial.bytes
                );
                let reply = Observed::Got(restored);
                self.recorder
                    .observe(Observation::Backup { node, told, reply });
                self.effective(fault, evidence);
                std::fs::remove_dir_all(&trial.directory)?;
                Ok("the new cluster is gone".to_owned())
            }
            Err(failure) => {
                let reply = Observed::Error(failure.to_string());
                self.recorder
                    .observe(Observation::Backup { node, told, reply });
                Err(failure)
            }
        }
    }
}

/// Writes what a member sends as its snapshot into a file, as `etcdctl snapshot save` does. Returns how much it is.
async fn save(client: &Client, path: &Path) -> Check<u64> {
    let mut file = std::fs::File::create(path)?;
    let sent = client
        .maintenance()
        .snapshot(pb::SnapshotRequest {})
        .await?;
    let (mut sent, mut bytes) = (sent.into_inner(), 0);
    while let Some(part) = sent.message().await? {
        file.write_all(&part.blob)?;
        bytes += part.blob.len() as u64;
    }
    file.sync_all()?;
    holds("a snapshot has bytes", bytes > 0)?;
    Ok(bytes)
}

impl Restorer {
    fn of(binary: &Binary) -> Option<Restorer> {
        if !binary.leading.is_empty() {
            return Some(Restorer::Keelson(binary.path.clone()));
        }
        let tool = binary.path.with_file_name("etcdutl");
        tool.exists().then_some(Restorer::Etcd(tool))
    }

    /// Makes a directory for one member. Returns the revision of the data, and the one at which the new cluster
    /// begins.
    async fn restore(&self, file: &str, directory: &str, peers: &str) -> Check<(i64, i64)> {
        let (initial, jump) = (format!("{NAME}={peers}"), JUMP.to_string());
        let mut arguments = vec![
            "snapshot",
            "restore",
            file,
            "--data-dir",
            directory,
            "--name",
            NAME,
            "--initial-cluster",
            &initial,
            "--initial-cluster-token",
            NAME,
            "--initial-advertise-peer-urls",
            peers,
            "--bump-revision",
            &jump,
        ];
        match self {
            Restorer::Keelson(program) => {
                arguments.extend(["-o", "json"]);
                let told = json(program, &arguments).await?;
                let both = (
                    told["snapshot_revision"].as_i64(),
                    told["revision"].as_i64(),
                );
                Ok((some("a revision", both.0)?, some("a revision", both.1)?))
            }
            Restorer::Etcd(program) => {
                let told = json(program, &["snapshot", "status", file, "-w", "json"]).await?;
                let revision = some("a revision", told["revision"].as_i64())?;
                arguments.push("--mark-compacted");
                run(program, &arguments, "", MADE).await?.success()?;
                Ok((revision, revision + JUMP))
            }
        }
    }
}

async fn json(program: &Path, arguments: &[&str]) -> Check<Value> {
    let text = run(program, arguments, "", MADE).await?.success()?;
    Ok(serde_json::from_str(&text)?)
}

impl Site {
    /// Restores, starts, reads, writes. Returns the newest revision that the old cluster had told of by then, too.
    async fn come_to_life(self) -> Check<(i64, Restored)> {
        let path = |name: &str| self.directory.join(name).display().to_string();
        let url = || free_port().map(|port| format!("http://127.0.0.1:{port}"));
        let (clients, peers, data) = (url()?, url()?, path("data"));
        let (revision, start) = self.restorer.restore(&path("file"), &data, &peers).await?;
        let mut arguments = self.binary.leading.clone();
        arguments.extend([
            format!("--name={NAME}"),
            format!("--data-dir={data}"),
            format!("--listen-client-urls={clients}"),
            format!("--advertise-client-urls={clients}"),
            format!("--listen-peer-urls={peers}"),
            format!("--initial-advertise-peer-urls={peers}"),
            format!("--initial-cluster={NAME}={peers}"),
        ]);
        let log = self.directory.join("log");
        let _process = Process::start(&self.binary.path, &arguments, &log)?;
        let client = Client::new(&[clients])?;
        let told = |failure: Failure| Failure::new(format!("{failure}\n{}", tail(&log, TAIL)));
        starts(&client).await.map_err(told)?;
        let old = client.range(everything_at(revision)).await;
        let found = client.range(everything_at(start)).await?;
        let next = client.put(put("restored", "first")).await?.header;
        let restored = Restored {
            revision,
            kvs: found.kvs.iter().map(wire::key_value).collect(),
            old: match old {
                Ok(reply) => Observed::Got(reply.count),
                Err(status) => Observed::Error(status.message().to_owned()),
            },
            next: wire::header(next).revision,
        };
        Ok((self.recorder.newest(), restored))
    }
}

async fn starts(client: &Client) -> Check {
    wait_until("the new cluster answers", STARTS, || async {
        let read = timeout(Duration::from_secs(1), client.range(get("ready"))).await;
        matches!(read, Ok(Ok(_)))
    })
    .await
}

fn everything_at(revision: i64) -> pb::RangeRequest {
    wire::range(&RangeCall {
        range: KeyRange::all(),
        revision,
        ..RangeCall::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_restores_is_known_by_the_server() {
        let scratch = tempfile::tempdir().unwrap();
        let etcd = Binary::etcd(scratch.path().join("etcd"));
        assert!(Restorer::of(&etcd).is_none());
        std::fs::write(scratch.path().join("etcdutl"), "").unwrap();
        assert!(matches!(Restorer::of(&etcd), Some(Restorer::Etcd(_))));
        let ours = Binary::keelson(scratch.path().join("keelson"));
        assert!(matches!(Restorer::of(&ours), Some(Restorer::Keelson(_))));
    }
}
