//! A member alone, on a copy of its disk: on a host of its own that nobody reaches.
//!
//! What it has, it has from the disk. It is asked with serializable reads, which need no others. The copy is thrown
//! away afterwards: a member that goes on from an old disk has forgotten what it promised since.

use crate::disk::Disk;
use crate::history::{KeyRange, Observed, RangeCall, Stored};
use crate::wire;
use keelson_kit::check::{Check, Failure, holds, some};
use keelson_kit::client::Client;
use keelson_kit::net::join;
use keelson_kit::process::{Process, tail};
use keelson_proto::etcdserverpb::{RangeRequest, RangeResponse};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// Time from a start to the first answer, on a busy machine.
const START: Duration = Duration::from_secs(90);
/// Longer is not waited for one answer.
const ANSWER: Duration = Duration::from_secs(20);
/// Between two looks.
const STEP: Duration = Duration::from_millis(20);
/// What is kept of what it said when it ended by itself.
const TAIL: u64 = 1_000;
/// Has the addresses of a member's host on a host that has no wires, and becomes the member's program.
const BECOME: &str = "ip link set lo up && ip addr add $1/32 dev lo && ip addr add $2/32 dev lo && shift 2 && exec \"$@\"";

/// A member on a copy.
#[derive(Debug)]
pub struct Offline {
    /// The copy of its disk. It is removed afterwards.
    pub image: PathBuf,
    /// Where it is mounted meanwhile.
    pub directory: PathBuf,
    /// The program and its arguments; its data is below `directory`.
    pub arguments: Vec<String>,
    /// What its host is called on its wires, of which it has none here.
    pub addresses: [String; 2],
    /// Where it serves clients.
    pub client_url: String,
    /// Where its output goes.
    pub log: PathBuf,
    /// Which of the revisions that it has is read besides the newest: this remainder.
    pub older: u64,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// What was not synced was not on the copy.
    pub is_crash: bool,
    /// What it has at its newest revision, and at an older one that is not compacted; an error if it ended by itself.
    pub stored: Observed<Vec<Stored>>,
}

impl Offline {
    /// Starts it, asks, ends it and removes the copy. For a thread that does nothing else: it stays where the member is.
    ///
    /// # Errors
    ///
    /// When the copy cannot be mounted, the host cannot be made, or the member neither answers nor ends.
    pub fn examine(self) -> Check<Found> {
        let found = self.on_copy();
        std::fs::remove_file(&self.image)?;
        found
    }

    fn on_copy(&self) -> Check<Found> {
        let disk = Disk::of(&self.image, &self.directory)?;
        let is_crash = disk.lacks_canary()?;
        let mut words = vec!["--net", "sh", "-c", BECOME, "sh"];
        words.extend(self.addresses.iter().map(String::as_str));
        words.extend(self.arguments.iter().map(String::as_str));
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        // Of this one alone.
        let _ = std::fs::remove_file(&self.log);
        let mut process = Process::start(Path::new("unshare"), &words, &self.log)?;
        enter(&mut process)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let stored = runtime.block_on(self.ask(&mut process));
        process.kill();
        let stored = stored
            .map_err(|failure| Failure::new(format!("{failure}: {}", tail(&self.log, TAIL))))?;
        Ok(Found { is_crash, stored })
    }

    async fn ask(&self, process: &mut Process) -> Check<Observed<Vec<Stored>>> {
        let client = Client::new(std::slice::from_ref(&self.client_url))?;
        let began = Instant::now();
        let newest = loop {
            if let Some(status) = process.ended() {
                let said = tail(&self.log, TAIL);
                return Ok(Observed::Error(format!("it ended with {status}: {said}")));
            }
            let answer = timeout(ANSWER, client.range(everything(0))).await;
            if let Ok(Ok(answer)) = answer {
                break answer;
            }
            holds("it answers on its copy", began.elapsed() < START)?;
            sleep(STEP).await;
        };
        let status = timeout(ANSWER, client.status()).await??;
        let stored = |revision: i64, answer: &RangeResponse| Stored {
            revision,
            committed: status.raft_index,
            applied: status.raft_applied_index,
            kvs: answer.kvs.iter().map(wire::key_value).collect(),
        };
        let revision = some("a header", newest.header)?.revision;
        let mut all = vec![stored(revision, &newest)];
        let older = 1 + (self.older % revision.max(1) as u64) as i64;
        // What is compacted is refused.
        if let Ok(answer) = timeout(ANSWER, client.range(everything(older))).await? {
            all.push(stored(older, &answer));
        }
        Ok(Observed::Got(all))
    }
}

/// A read of all keys that asks nobody else.
pub fn everything(revision: i64) -> RangeRequest {
    let all = RangeCall {
        range: KeyRange::all(),
        revision,
        serializable: true,
        ..RangeCall::default()
    };
    wire::range(&all)
}

/// Goes to where a process is, once it has left this place.
fn enter(process: &mut Process) -> Check {
    let space = |pid: &str| std::fs::read_link(Path::new("/proc").join(pid).join("ns/net"));
    let (own, began) = (space("thread-self")?, Instant::now());
    let there = process.id().to_string();
    while space(&there).is_ok_and(|its| its == own) {
        holds("a host is made", began.elapsed() < ANSWER)?;
        std::thread::sleep(STEP);
    }
    join(process.id())
}
