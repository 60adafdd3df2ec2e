//! The one lane that writes the log.

use super::disk::{Disk, DiskFile};
use super::log::{Failure, Operation, Shared, State};
use super::record::{BATCH, Encoder, SMALL};
use super::segment::{self, Segment};
use super::spare::{Spare, Spares};
use super::types::{Checkpoint, Done, LogId, Options};
use crate::faults::{Plant, failpoint, planted};
use crate::world::{Step, Work};
use parking_lot::MutexGuard;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::Instant;

/// Where recovery left off.
pub(super) struct Resume {
    pub file: Arc<dyn DiskFile>,
    pub sequence: u64,
    pub length: u64,
    pub end: u64,
    pub life: u32,
    pub prepared: VecDeque<Spare>,
}

/// Starts the lane.
pub(super) fn start(
    disk: Arc<dyn Disk>,
    shared: Arc<Shared>,
    options: Options,
    resume: Resume,
    checkpoint: Checkpoint,
) -> io::Result<Option<JoinHandle<()>>> {
    let lanes = options.lanes.clone();
    let next = resume.sequence + 1 + resume.prepared.len() as u64;
    let spares = Spares::start(disk, shared.clone(), &options, resume.prepared, next)?;
    let writer = Writer {
        shared,
        options,
        file: resume.file,
        sequence: resume.sequence,
        length: resume.length,
        end: resume.end,
        previous_end: 0,
        synced: resume.end,
        unmarked: true,
        life: resume.life,
        checkpoint,
        encoder: Encoder::default(),
        taken: VecDeque::new(),
        spare_queue: Vec::new(),
        batch: Written::default(),
        unsettled: false,
        quiet_since: None,
        spares,
    };
    lanes.start("wal-writer", writer)
}

struct Writer {
    shared: Arc<Shared>,
    options: Options,
    /// The segment that is written to. Nothing is in it yet if `end` is 0.
    file: Arc<dyn DiskFile>,
    sequence: u64,
    length: u64,
    end: u64,
    previous_end: u64,
    /// The segment is durable up to here.
    synced: u64,
    /// No batch says so yet.
    unmarked: bool,
    life: u32,
    /// The log as it is on disk after everything encoded so far.
    checkpoint: Checkpoint,
    encoder: Encoder,
    taken: VecDeque<Operation>,
    /// Changes places with the queue, so that neither allocates.
    spare_queue: Vec<Operation>,
    batch: Written,
    /// In steps: a batch is written and not yet synced.
    unsettled: bool,
    /// In steps: since when nothing came.
    quiet_since: Option<Instant>,
    spares: Spares,
}

/// What a batch holds, for its publication when it is durable.
#[derive(Default)]
struct Written {
    placed: Vec<Placed>,
    done: Vec<Completion>,
    /// Everything up to this operation is in the batch or before it: epoch and next index.
    durable: Option<(u64, u64)>,
    payload_bytes: usize,
    purged: bool,
}

enum Placed {
    Entry(u64, u64),
    Cut(u64),
}

enum Completion {
    /// A watermark: a newer one says more.
    Append(Done),
    Vote(Done),
}

enum Wake {
    Work,
    Idle,
    Close,
}

impl Work for Writer {
    fn run(mut self) {
        loop {
            let wake = self.wait();
            let outcome = match wake {
                Wake::Work => self.write_taken(),
                Wake::Idle => self.mark(),
                Wake::Close => self.write_taken().and_then(|()| self.close()),
            };
            if let Err(error) = outcome {
                return self.fail(&error);
            }
            if matches!(wake, Wake::Close) {
                return;
            }
        }
    }

    /// Half a batch in each step, so that a disk can lose its power between writing and syncing.
    fn step(&mut self) -> Step {
        let outcome = if std::mem::take(&mut self.unsettled) {
            self.settle().map(|()| Step::More)
        } else if !self.taken.is_empty() {
            self.unsettled = true;
            self.put().map(|()| Step::More)
        } else {
            self.begin_step()
        };
        outcome.unwrap_or_else(|error| {
            self.fail(&error);
            Step::Over
        })
    }
}

impl Writer {
    /// Looks for something to do, without waiting.
    fn begin_step(&mut self) -> io::Result<Step> {
        let shared = self.shared.clone();
        let state = shared.state.lock();
        let wake = match (state.closing, state.urgent) {
            (true, _) => Wake::Close,
            (_, true) => Wake::Work,
            _ if !self.unmarked => return Ok(Step::Wait(Duration::ZERO)),
            _ => {
                let since = *self.quiet_since.get_or_insert_with(Instant::now);
                if since.elapsed() < self.options.idle {
                    return Ok(Step::Wait(Duration::ZERO));
                }
                Wake::Idle
            }
        };
        self.quiet_since = None;
        self.take_queue(state);
        match wake {
            Wake::Work => Ok(Step::More),
            Wake::Idle => self.mark().map(|()| Step::More),
            Wake::Close => {
                self.write_taken()?;
                self.close()?;
                Ok(Step::Over)
            }
        }
    }

    /// Waits for something to do, and takes the queue.
    fn wait(&mut self) -> Wake {
        let shared = self.shared.clone();
        let mut state = shared.state.lock();
        loop {
            let wake = if state.closing {
                Wake::Close
            } else if state.urgent {
                Wake::Work
            } else if !self.unmarked {
                shared.work.wait(&mut state);
                continue;
            } else if shared
                .work
                .wait_for(&mut state, self.options.idle)
                .timed_out()
                && !state.urgent
                && !state.closing
            {
                Wake::Idle
            } else {
                continue;
            };
            self.take_queue(state);
            return wake;
        }
    }

    fn take_queue(&mut self, mut state: MutexGuard<'_, State>) {
        std::mem::swap(&mut state.queue, &mut self.spare_queue);
        state.urgent = false;
        state.writing_since = state.queued_since.take();
        drop(state);
        self.taken.extend(self.spare_queue.drain(..));
    }

    fn write_taken(&mut self) -> io::Result<()> {
        while !self.taken.is_empty() {
            self.put()?;
            self.settle()?;
        }
        Ok(())
    }

    /// The first half of a batch: writes it.
    fn put(&mut self) -> io::Result<()> {
        self.encode()?;
        self.write()?;
        if planted(Plant::AckBeforeSync) {
            self.publish();
        }
        Ok(())
    }

    /// The second half: makes it durable, and that known.
    fn settle(&mut self) -> io::Result<()> {
        self.sync()?;
        self.publish();
        Ok(())
    }

    /// Writes down up to where the log is durable, so that damage before that place is known as such.
    /// Not synced: should it be lost, nothing is.
    fn mark(&mut self) -> io::Result<()> {
        self.unmarked = false;
        if !self.fits(BATCH + self.taken.len() * SMALL) {
            return Ok(());
        }
        self.encode()?;
        self.write()?;
        failpoint!("wal-marked");
        self.publish();
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        if self.unmarked || self.synced < self.end {
            self.mark()?;
            self.sync()?;
        }
        Ok(())
    }

    fn fits(&self, bytes: usize) -> bool {
        self.end + bytes as u64 <= self.length
    }

    /// Encodes as many of the taken operations as fit one batch; at least one entry.
    fn encode(&mut self) -> io::Result<()> {
        let first = self.taken.front().map_or(0, Operation::next_bytes);
        if self.end > 0 && !self.fits(BATCH + first) {
            self.rotate()?;
        }
        if self.end == 0 {
            self.encoder
                .start(self.sequence, 0, &segment::preamble(self.sequence));
            self.encoder.checkpoint(&self.checkpoint, self.previous_end);
        } else {
            self.encoder.start(self.sequence, self.end, &[]);
        }
        let room = (self.length - self.end) as usize;
        let limit = room.min(self.options.write_bytes);
        let start = self.encoder.len();
        while let Some(operation) = self.taken.front_mut() {
            let bytes = operation.next_bytes();
            if self.encoder.len() > start && self.encoder.len() + bytes > limit {
                break;
            }
            let Operation::Append { entries, epoch, .. } = operation else {
                self.encode_small();
                continue;
            };
            if let Some(entry) = entries.next() {
                let offset = self.encoder.entry(&entry);
                self.batch
                    .placed
                    .push(Placed::Entry(entry.log_id.index, offset));
                self.batch.durable = Some((*epoch, entry.log_id.index + 1));
                self.checkpoint.last = Some(entry.log_id);
            }
            if entries.as_slice().is_empty() {
                self.encode_small();
            }
        }
        Ok(())
    }

    /// Encodes the first of the taken operations, which is not an append with entries left.
    fn encode_small(&mut self) {
        match self.taken.pop_front() {
            Some(Operation::Append { bytes, done, .. }) => {
                self.batch.payload_bytes += bytes;
                // Of several watermarks the newest is enough.
                if matches!(self.batch.done.last(), Some(Completion::Append(_))) {
                    self.batch.done.pop();
                }
                self.batch.done.push(Completion::Append(done));
            }
            Some(Operation::Vote(vote, done)) => {
                failpoint!("vote-before-write");
                self.encoder.vote(vote);
                self.checkpoint.vote = Some(vote);
                self.batch.done.push(Completion::Vote(done));
            }
            Some(Operation::Committed(committed)) => {
                self.encoder.committed(committed);
                self.checkpoint.committed = committed;
            }
            Some(Operation::Truncate { after, epoch }) => {
                failpoint!("truncate-before-write");
                self.encoder.truncate_after(after);
                self.checkpoint.truncate_after(after);
                let next = self.checkpoint.next();
                self.batch.placed.push(Placed::Cut(next));
                self.batch.durable = Some((epoch, next));
            }
            Some(Operation::Purge(upto)) => self.encode_purge(upto),
            None => {}
        }
    }

    fn encode_purge(&mut self, upto: LogId) {
        failpoint!("purge-before-write");
        self.encoder.purged(upto);
        if upto.index >= self.checkpoint.next() {
            self.batch.placed.push(Placed::Cut(0));
        }
        self.checkpoint.purge(upto);
        self.batch.purged = true;
    }

    fn write(&mut self) -> io::Result<()> {
        let bytes = self.encoder.finish(self.life, self.synced);
        failpoint!("wal-before-write", fails);
        self.file.write_all_at(bytes, self.end)?;
        failpoint!("wal-after-write", fails);
        self.end += bytes.len() as u64;
        if self.end > self.length {
            self.shared
                .bytes_on_disk
                .fetch_add(self.end - self.length, Ordering::Relaxed);
            self.length = self.end;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.options.sync {
            let start = Instant::now();
            failpoint!("wal-before-sync", fails);
            match self.file.sync_data() {
                Err(_) if planted(Plant::SyncRetried) => self.file.sync_data()?,
                synced => synced?,
            }
            failpoint!("wal-after-sync");
            if let Some(on_sync) = &self.options.on_sync {
                on_sync(start.elapsed());
            }
            self.synced = self.end;
            self.unmarked = true;
        }
        Ok(())
    }

    /// Makes the written batch known: to readers, to those who wait for it, to the preparer.
    fn publish(&mut self) {
        let shared = self.shared.clone();
        let mut state = shared.state.lock();
        self.update(&mut state);
        let retired = match self.checkpoint.purged {
            Some(purged) if self.batch.purged => {
                failpoint!("purge-after-write");
                state.index.drop_purged(purged.index)
            }
            _ => Vec::new(),
        };
        drop(state);
        self.batch.purged = false;
        if self.batch.payload_bytes > 0 {
            self.batch.payload_bytes = 0;
            shared.space.notify_all();
        }
        for completion in self.batch.done.drain(..) {
            completion.call(Ok(()));
        }
        failpoint!("wal-after-ack");
        for segment in retired {
            failpoint!("segment-retired");
            self.spares.retire(segment);
        }
    }

    fn update(&mut self, state: &mut MutexGuard<'_, State>) {
        for placed in self.batch.placed.drain(..) {
            match placed {
                Placed::Entry(index, offset) => state.index.place(index, offset),
                Placed::Cut(next) => {
                    failpoint!("truncate-after-write");
                    state.index.cut(next);
                }
            }
        }
        state.index.newest().end = self.end;
        if let Some((epoch, next)) = self.batch.durable.take()
            && epoch == state.epoch
        {
            state.tail.durable_below(next);
        }
        state.waiting_bytes -= self.batch.payload_bytes;
        if self.taken.is_empty() {
            state.writing_since = None;
        }
    }

    /// Goes on to the next segment. The one before is durable to its end first: recovery takes every
    /// fault in it for damage.
    fn rotate(&mut self) -> io::Result<()> {
        if self.synced < self.end {
            self.sync()?;
        }
        failpoint!("roll-before");
        let spare = self.spares.take()?;
        if spare.sequence != self.sequence + 1 {
            let text = format!("segment {} came after {}", spare.sequence, self.sequence);
            return Err(io::Error::other(text));
        }
        self.previous_end = self.end;
        self.file = spare.file.clone();
        self.sequence = spare.sequence;
        self.length = spare.length;
        (self.end, self.synced) = (0, 0);
        // What was purged while the old segment was the newest can go with the next batch.
        self.batch.purged = true;
        self.shared
            .state
            .lock()
            .index
            .push(Segment::new(spare.sequence, spare.file, 0));
        failpoint!("roll-after");
        Ok(())
    }

    /// The log is over: tells everybody who waits, and everybody who will come.
    fn fail(&mut self, error: &io::Error) {
        tracing::error!(%error, segment = self.sequence, "writing the log failed; the log has stopped");
        let failure = Failure::new(error);
        let mut waiting: Vec<Done> = Vec::new();
        waiting.extend(self.batch.done.drain(..).map(Completion::into_done));
        waiting.extend(self.taken.drain(..).filter_map(Operation::into_done));
        let mut state = self.shared.state.lock();
        state.failed = Some(failure.clone());
        waiting.extend(state.queue.drain(..).filter_map(Operation::into_done));
        drop(state);
        self.shared.space.notify_all();
        for done in waiting {
            done(Err(failure.error()));
        }
    }
}

impl Completion {
    fn into_done(self) -> Done {
        match self {
            Completion::Append(done) | Completion::Vote(done) => done,
        }
    }

    fn call(self, outcome: io::Result<()>) {
        match &self {
            Completion::Append(_) => failpoint!("append-before-ack"),
            Completion::Vote(_) => failpoint!("vote-before-ack"),
        }
        self.into_done()(outcome);
    }
}
