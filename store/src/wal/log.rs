//! The log as its users see it: the queue, the readable state, and reading.

use super::record::{self, PAYLOAD_MAX, SMALL};
use super::segment::Index;
use super::tail::{Leaders, Tail};
use super::types::{Checkpoint, Done, Entry, LogId, Options, Recovered, Vote};
use super::{Disk, WalError, recovery, writer};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::Instant;

/// A write-ahead log. Clones are the same log; when the last one is dropped, everything that waits is
/// written and synced, and the log is closed; that blocks for the disk.
#[derive(Clone)]
pub struct Wal {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    /// `None` if it is no thread, or is being waited for.
    writer: Option<JoinHandle<()>>,
}

/// What the users of the log and its writer share.
pub(super) struct Shared {
    pub state: Mutex<State>,
    /// Something is in the queue.
    pub work: Condvar,
    /// The queue became shorter.
    pub space: Condvar,
    pub bytes_on_disk: AtomicU64,
    pub directory: PathBuf,
    queue_bytes: usize,
}

/// An operation on its way to disk. `epoch` is [`State::epoch`] after it.
pub(super) enum Operation {
    Append {
        entries: std::vec::IntoIter<Entry>,
        epoch: u64,
        bytes: usize,
        done: Done,
    },
    Vote(Vote, Done),
    Committed(Option<LogId>),
    Truncate {
        after: Option<LogId>,
        epoch: u64,
    },
    Purge(LogId),
}

impl Operation {
    /// Bytes of the next record of this operation.
    pub fn next_bytes(&self) -> usize {
        match self {
            Operation::Append { entries, .. } => entries
                .as_slice()
                .first()
                .map_or(0, |entry| record::entry_bytes(entry.payload_len())),
            _ => SMALL,
        }
    }

    /// Who waits for it.
    pub fn into_done(self) -> Option<Done> {
        match self {
            Operation::Append { done, .. } | Operation::Vote(_, done) => Some(done),
            _ => None,
        }
    }
}

pub(super) struct State {
    /// What readers see: everything that was asked for, on disk or not.
    pub seen: Checkpoint,
    pub leaders: Leaders,
    pub tail: Tail,
    /// What is on disk.
    pub index: Index,
    /// Counts what removed entries at the end. The writer may call entries durable only if none of
    /// them was removed meanwhile.
    pub epoch: u64,
    pub queue: Vec<Operation>,
    /// Payload bytes that are not yet durable.
    pub waiting_bytes: usize,
    /// Whether the queue holds more than committed marks.
    pub urgent: bool,
    pub closing: bool,
    /// When the oldest operation in the queue came.
    pub queued_since: Option<Instant>,
    /// When the oldest operation that is being written came.
    pub writing_since: Option<Instant>,
    pub failed: Option<Failure>,
}

/// Why the log stopped.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: io::ErrorKind,
    text: String,
}

impl Failure {
    pub fn new(error: &io::Error) -> Failure {
        Failure {
            kind: error.kind(),
            text: format!("the log stopped: {error}"),
        }
    }

    pub fn error(&self) -> io::Error {
        io::Error::new(self.kind, self.text.clone())
    }
}

impl Wal {
    /// Opens the log in a directory, which is made if it is missing. Only one process may do that at a
    /// time; the caller holds the lock of the data directory. Blocks: reads the whole log, and fills
    /// the first segment of a new log with zeros.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: impl AsRef<Path>,
        options: Options,
    ) -> Result<(Wal, Recovered), WalError> {
        options.check()?;
        let directory = directory.as_ref();
        let found = recovery::recover(&disk, directory, &options)?;
        let seen = found.checkpoint;
        let recovered = Recovered {
            vote: seen.vote,
            committed: seen.committed,
            purged: seen.purged,
            last: seen.last,
            torn_bytes: found.torn_bytes,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                seen,
                leaders: found.leaders,
                tail: Tail::new(seen.next(), options.tail_bytes),
                index: found.index,
                epoch: 0,
                queue: Vec::new(),
                waiting_bytes: 0,
                urgent: false,
                closing: false,
                queued_since: None,
                writing_since: None,
                failed: None,
            }),
            work: Condvar::new(),
            space: Condvar::new(),
            bytes_on_disk: AtomicU64::new(found.bytes_on_disk),
            directory: directory.to_owned(),
            queue_bytes: options.queue_bytes,
        });
        let writer = writer::start(disk, shared.clone(), options, found.resume, seen)
            .map_err(|error| WalError::io("start the writer of", directory, error))?;
        Ok((
            Wal {
                handle: Arc::new(Handle { shared, writer }),
            },
            recovered,
        ))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.handle.shared.state.lock()
    }

    /// Adds entries at the end. They are readable when this returns and durable when `done` is called
    /// (see the module's notes on completions). Entries that do not continue the log are refused
    /// through `done`, and nothing changes. Blocks only when far too much waits for the disk.
    pub fn append(&self, entries: Vec<Entry>, done: Done) {
        let mut bytes = 0;
        let mut largest = 0;
        for entry in &entries {
            bytes += record::entry_bytes(entry.payload_len());
            largest = largest.max(entry.payload_len());
        }
        let mut state = self.state();
        while state.waiting_bytes > self.handle.shared.queue_bytes && state.failed.is_none() {
            self.handle.shared.space.wait(&mut state);
        }
        let refused = state.refusal(&entries, largest);
        if let Some(error) = refused {
            drop(state);
            return done(Err(error));
        }
        for entry in &entries {
            state.leaders.push(entry.log_id);
            state.tail.push(entry.clone());
        }
        if let Some(entry) = entries.last() {
            state.seen.last = Some(entry.log_id);
        }
        state.waiting_bytes += bytes;
        let epoch = state.epoch;
        self.enqueue(
            &mut state,
            Operation::Append {
                entries: entries.into_iter(),
                epoch,
                bytes,
                done,
            },
        );
    }

    /// Notes a vote. It is durable, with everything that came before it, when `done` is called.
    pub fn save_vote(&self, vote: Vote, done: Done) {
        let mut state = self.state();
        if let Some(failed) = state.failed.clone() {
            drop(state);
            return done(Err(failed.error()));
        }
        state.seen.vote = Some(vote);
        self.enqueue(&mut state, Operation::Vote(vote, done));
    }

    /// Notes what is committed. Goes to disk with the next write, or when the log is idle; nothing
    /// waits for it.
    pub fn save_committed(&self, committed: Option<LogId>) -> io::Result<()> {
        let mut state = self.state();
        state.check()?;
        state.seen.committed = committed;
        match state.queue.last_mut() {
            Some(Operation::Committed(older)) => *older = committed,
            _ => state.queue.push(Operation::Committed(committed)),
        }
        Ok(())
    }

    /// Removes everything after an entry; with `None` everything. Nothing is removed at or below what
    /// is purged. Readers see it at once; it is durable before anything that is asked for later is.
    pub fn truncate_after(&self, after: Option<LogId>) -> io::Result<()> {
        let mut state = self.state();
        state.check()?;
        if state.seen.truncate_after(after) {
            let next = state.seen.next();
            state.tail.cut(next);
            state.leaders.cut(next);
            state.epoch += 1;
            let epoch = state.epoch;
            self.enqueue(&mut state, Operation::Truncate { after, epoch });
        }
        Ok(())
    }

    /// Removes an entry and everything before it, also if the log does not reach that far: then it
    /// continues after that entry. Readers see it at once; files go when the purge is durable.
    pub fn purge(&self, upto: LogId) -> io::Result<()> {
        let mut state = self.state();
        state.check()?;
        let beyond = upto.index >= state.seen.next();
        if state.seen.purge(upto) {
            if beyond {
                state.leaders.cut(0);
            }
            state.leaders.drop_below(upto.index + 1);
            state.tail.drop_below(upto.index + 1);
            self.enqueue(&mut state, Operation::Purge(upto));
        }
        Ok(())
    }

    fn enqueue(&self, state: &mut State, operation: Operation) {
        state.queue.push(operation);
        state.queued_since.get_or_insert_with(Instant::now);
        if !state.urgent {
            state.urgent = true;
            self.handle.shared.work.notify_one();
        }
    }

    /// The id of the entry at an index; also of the newest purged one. `None`: not in the log.
    pub fn log_id_at(&self, index: u64) -> Option<LogId> {
        let state = self.state();
        match state.seen.purged {
            Some(purged) if index == purged.index => Some(purged),
            _ if index < state.seen.first() || index >= state.seen.next() => None,
            _ => state.leaders.at(index),
        }
    }

    /// The newest entry, durable or not; the newest purged one if there is none.
    pub fn last(&self) -> Option<LogId> {
        self.state().seen.last
    }

    /// The newest purged entry.
    pub fn purged(&self) -> Option<LogId> {
        self.state().seen.purged
    }

    /// The newest vote, durable or not.
    pub fn vote(&self) -> Option<Vote> {
        self.state().seen.vote
    }

    /// What was last noted as committed.
    pub fn committed(&self) -> Option<LogId> {
        self.state().seen.committed
    }

    /// What the log's files take, prepared ones included.
    pub fn bytes_on_disk(&self) -> u64 {
        self.handle.shared.bytes_on_disk.load(Ordering::Relaxed)
    }

    /// How long the oldest operation has been waiting to become durable. `None`: nothing waits. For a
    /// watchdog: a disk that takes seconds makes a bad leader.
    pub fn oldest_unsynced_age(&self) -> Option<Duration> {
        let state = self.state();
        state
            .writing_since
            .or(state.queued_since)
            .map(|since| since.elapsed())
    }

    pub(super) fn directory(&self) -> &Path {
        &self.handle.shared.directory
    }

    /// The path of a segment.
    pub(super) fn path(&self, sequence: u64) -> PathBuf {
        super::segment::path(&self.handle.shared.directory, sequence)
    }

    #[cfg(test)]
    pub(super) fn tail_bytes(&self) -> usize {
        self.state().tail.bytes()
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        self.failed
            .as_ref()
            .map_or(Ok(()), |failed| Err(failed.error()))
    }

    /// Why entries cannot be appended.
    fn refusal(&self, entries: &[Entry], largest: usize) -> Option<io::Error> {
        if let Err(error) = self.check() {
            return Some(error);
        }
        if largest > PAYLOAD_MAX {
            let text = format!("an entry of {largest} bytes is larger than {PAYLOAD_MAX}");
            return Some(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let next = self.seen.next();
        let (_, wrong) = (next..)
            .zip(entries)
            .find(|(index, entry)| entry.log_id.index != *index)?;
        let text = format!(
            "the log's next entry is {next}; entry {} does not continue it",
            wrong.log_id.index
        );
        Some(io::Error::new(io::ErrorKind::InvalidInput, text))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.work.notify_one();
        let Some(writer) = self.writer.take() else {
            return;
        };
        // A completion may own the last clone; the writer cannot wait for itself.
        if writer.thread().id() != std::thread::current().id() && writer.join().is_err() {
            tracing::error!("the log's writer thread panicked");
        }
    }
}
