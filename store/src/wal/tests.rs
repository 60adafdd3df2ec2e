//! What the tests share: a small log on a disk that fails, and waiting with a deadline.

mod behaviour;
mod crash;
mod damage;
mod failure;
mod fuzz;

use super::faulty::FaultyDisk;
use super::*;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tokio::time::Instant;

const PATH: &str = "wal";
const DEADLINE: Duration = Duration::from_secs(30);

/// Small segments, nearly no tail, and no marks unless a test wants them.
fn options() -> Options {
    Options {
        segment_bytes: 4096,
        tail_bytes: 600,
        write_bytes: 2048,
        idle: Duration::from_secs(3600),
        ..Options::default()
    }
}

/// The same with a disk that stalls: every sync waits for a message, or for the sender to be dropped.
fn stalling(options: Options) -> (mpsc::Sender<()>, Options) {
    let (hold, held) = mpsc::channel::<()>();
    let held = parking_lot::Mutex::new(held);
    let on_sync = move |_| {
        let _ = held.lock().recv_timeout(DEADLINE);
    };
    let stalling = Options {
        on_sync: Some(Arc::new(on_sync)),
        ..options
    };
    (hold, stalling)
}

fn open(disk: &FaultyDisk, options: Options) -> Result<(Wal, Recovered), WalError> {
    Wal::open(disk.mounted(), PATH, options)
}

fn opened(disk: &FaultyDisk) -> (Wal, Recovered) {
    open(disk, options()).expect("the log opens")
}

fn id(term: u64, index: u64) -> LogId {
    LogId {
        term,
        node_id: term % 3,
        index,
    }
}

/// An entry whose payload tells which entry it is.
fn entry(term: u64, index: u64, length: usize) -> Entry {
    let payload = match index % 7 {
        3 => Payload::Blank,
        5 => Payload::Membership(Bytes::from(vec![index as u8; length])),
        _ => Payload::Commands(Bytes::from(vec![(index + term) as u8; length])),
    };
    Entry {
        log_id: id(term, index),
        payload,
    }
}

fn entries(term: u64, indexes: std::ops::Range<u64>, length: usize) -> Vec<Entry> {
    indexes.map(|index| entry(term, index, length)).collect()
}

fn vote(term: u64) -> Vote {
    Vote {
        term,
        node_id: 1,
        committed: term.is_multiple_of(2),
    }
}

type Outcome = Receiver<io::Result<()>>;

/// A completion and where its outcome arrives. The receiver sees a hang-up if it is never called.
fn done() -> (Done, Outcome) {
    let (sender, receiver) = mpsc::channel();
    let done = move |outcome| {
        let _ = sender.send(outcome);
    };
    (Box::new(done), receiver)
}

fn append(wal: &Wal, entries: Vec<Entry>) -> Outcome {
    let (done, outcome) = done();
    wal.append(entries, done);
    outcome
}

fn save_vote(wal: &Wal, vote: Vote) -> Outcome {
    let (done, outcome) = done();
    wal.save_vote(vote, done);
    outcome
}

fn outcome(outcome: &Outcome) -> io::Result<()> {
    outcome
        .recv_timeout(DEADLINE)
        .expect("the completion is called in time")
}

fn append_durably(wal: &Wal, entries: Vec<Entry>) {
    outcome(&append(wal, entries)).expect("the entries become durable");
}

fn all(wal: &Wal) -> Vec<Entry> {
    let first = wal.purged().map_or(0, |purged| purged.index + 1);
    wal.read(first, u64::MAX, usize::MAX)
        .expect("the log is readable")
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        std::thread::yield_now();
    }
}

fn segments(disk: &FaultyDisk) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    disk.files()
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|e| e == "wal"))
        .collect()
}
