//! Transfers that break off, go on, or are refused: everything but the network between two members.

use super::super::space::{Reserve, Space};
use super::super::state_dir::{StateDir, StateOptions};
use super::super::types::{Membership, PeerNode, StoredMembership};
use super::outgoing::{Outgoing, Sending, list_files};
use super::*;
use crate::apply::Origin;
use crate::wal;
use crate::world::Work;
use futures::StreamExt;
use keelson_proto::peer::snapshot_chunk::Part;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

mod resuming;
mod space;

/// Who sends, if nobody else is meant.
const LEADER: u64 = 0xa;

/// A member that receives, on a disk whose free space the test decides.
struct Receiver {
    scratch: TempDir,
    incoming: Arc<Incoming>,
    free: Arc<AtomicU64>,
}

/// What stays in reserve on that disk.
const RESERVE_BYTES: u64 = 1000;

impl Receiver {
    fn new() -> Receiver {
        let scratch = tempfile::tempdir().expect("a directory");
        let free = Arc::new(AtomicU64::new(1 << 40));
        let incoming = Arc::new(incoming(&scratch, &free));
        Receiver {
            scratch,
            incoming,
            free,
        }
    }

    /// Another process on the same disk.
    fn restart(&mut self) {
        states(&self.scratch).open(false).expect("a state");
        self.incoming = Arc::new(incoming(&self.scratch, &self.free));
    }

    /// Where the files of `sender` are collected.
    fn collected(&self, sender: u64) -> PathBuf {
        let directory = self.scratch.path().join("state/incoming");
        directory.join(format!("{sender:016x}")).join("db")
    }

    /// Sends the files in `from`, as the sender does it. Breaks off in front of byte `cut`.
    async fn take(&self, sender: u64, from: &Path, cut: Option<u64>) -> Sent {
        let files = list_files(from).expect("listed");
        let held = match self.incoming.prepare(sender, files.clone()).await {
            Ok(held) => held,
            Err(status) => return Sent::refused(status),
        };
        self.stream(sender, from, held, cut).await
    }

    async fn stream(
        &self,
        sender: u64,
        from: &Path,
        held: Vec<peer::HeldFile>,
        cut: Option<u64>,
    ) -> Sent {
        let outgoing = Outgoing {
            target: 1,
            root: from.to_owned(),
            files: list_files(from).expect("listed"),
            held,
            header: header(),
        };
        let (chunks, waiting) = mpsc::channel(WAITING_CHUNKS_MAX);
        let reader = std::thread::spawn(move || Sending::new(outgoing, chunks).run());
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let stream = ReceiverStream::new(waiting).map(move |chunk| {
            if let Some(Part::Data(data)) = &chunk.part {
                let bytes = data.len() as u64;
                let sent = counter.load(Ordering::Relaxed);
                if cut.is_some_and(|cut| sent + bytes > cut) {
                    return Err(Status::unavailable("the connection is cut"));
                }
                counter.store(sent + bytes, Ordering::Relaxed);
            }
            Ok(chunk)
        });
        let outcome = self.incoming.receive(sender, stream).await;
        reader.join().expect("the reader has ended");
        Sent {
            outcome,
            bytes: count.load(Ordering::Relaxed),
        }
    }
}

/// What became of a transfer.
struct Sent {
    outcome: Result<Received, Status>,
    /// Bytes of files that went over the wire.
    bytes: u64,
}

impl Sent {
    fn refused(status: Status) -> Sent {
        Sent {
            outcome: Err(status),
            bytes: 0,
        }
    }

    /// Its files, by name.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let received = self.outcome.as_ref().expect("it has arrived");
        content(&received.directory.path().expect("a place").join("db"))
    }

    fn failure(&self) -> &Status {
        self.outcome.as_ref().expect_err("it has not arrived")
    }
}

fn states(scratch: &TempDir) -> StateDir {
    let options = StateOptions {
        engines: crate::engine::Engines::Rocks,
        lanes: crate::world::Lanes::default(),
        cache_bytes: 1 << 20,
        origin: Origin {
            member: 1,
            incarnation: 1,
        },
    };
    StateDir::new(scratch.path(), options)
}

fn incoming(scratch: &TempDir, free: &Arc<AtomicU64>) -> Incoming {
    let free = Arc::clone(free);
    let probe = move || {
        Ok(Space {
            total: 1 << 40,
            free: free.load(Ordering::Relaxed),
        })
    };
    let reserve = Reserve::of(probe, Some(RESERVE_BYTES));
    Incoming::new(states(scratch), reserve)
}

fn header() -> peer::SnapshotHeader {
    let node = PeerNode::default();
    let membership = Membership::new(vec![BTreeSet::from([1])], BTreeMap::from([(1, node)]));
    let meta = SnapshotMeta {
        last_log_id: None,
        last_membership: StoredMembership::new(None, membership.expect("a membership")),
    };
    let vote = wal::Vote {
        term: 1,
        node_id: 1,
        committed: true,
    };
    write_header(&super::super::types::vote_from_wal(&vote), &meta)
}

/// A checkpoint: files with these names and bytes.
fn checkpoint(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, bytes) in files {
        fs::write(directory.path().join(name), bytes).expect("written");
    }
    directory
}

fn content(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("listed");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("listed").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        (name.into_owned(), fs::read(&path).expect("read"))
    };
    entries.map(read).collect()
}

/// Everything that is sent of a checkpoint, by a sender that does not ask.
fn parts(from: &Path) -> Vec<Part> {
    let mut header = header();
    let mut parts = Vec::new();
    for (name, data) in content(from) {
        header.total_bytes += data.len() as u64;
        parts.push(Part::File(peer::SnapshotFile {
            name,
            bytes: data.len() as u64,
            crc32c: crc32c::crc32c(&data),
        }));
        parts.push(Part::Data(data.into()));
    }
    let files = parts.len() as u64 / 2;
    parts.insert(0, Part::Header(header));
    parts.push(Part::End(peer::SnapshotEnd { files }));
    parts
}

/// Waits for another thread.
fn wait_until(why: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "still waiting until {why}");
        std::thread::yield_now();
    }
}

/// Bytes that look like no others.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(|_| next()).collect()
}
