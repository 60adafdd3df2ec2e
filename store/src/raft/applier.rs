//! The apply thread: takes agreed entries in order, changes the state, answers, tells the watchers.
//!
//! An OS thread of its own, because writing to the state may block and consensus must not. One hop
//! for a whole run of entries; whatever queued up meanwhile becomes one run and one engine batch.

use super::front::Fronts;
use super::keeper::LeaseKeeper;
use super::snapshot::SnapshotDirectory;
use super::state_dir::{Loaded, StateDir};
use super::types::{StoredMembership, decode_membership, log_id_from_wal};
use crate::apply::Machine;
use crate::engine::Engine;
use crate::event::{Event, EventBatch};
use crate::faults::failpoint;
use crate::watch::{self, Feed};
use crate::world::{Lanes, Step, Work};
use crate::{Error, Revision, apply, broken, mvcc, wal};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch as channel};

/// Runs are joined up to this many entries: enough to share the cost of a write, few enough that
/// replies do not wait for long.
const JOINED_ENTRIES_MAX: usize = 4096;

/// Runs that may wait. Beyond it openraft's own queue fills, and the proposer refuses new requests.
pub const QUEUED_RUNS_MAX: usize = 256;

/// What the apply thread is asked to do.
pub enum Job {
    /// Apply these, in order.
    Apply(Vec<wal::Entry>),
    /// Make a copy of the present state for another member.
    Checkpoint {
        /// The copy.
        done: oneshot::Sender<io::Result<Checkpoint>>,
    },
    /// Replace the state by a received one.
    Install {
        /// Where the received state is.
        snapshot: SnapshotDirectory,
        /// What the leader says it contains.
        last_log_id: Option<wal::LogId>,
        /// When the new state serves.
        done: oneshot::Sender<io::Result<()>>,
    },
}

/// A consistent copy of the state.
#[derive(Debug)]
pub struct Checkpoint {
    /// How far in the log it is.
    pub position: Position,
    /// Its revision.
    pub revision: Revision,
    /// Its newest compaction; -1 for none.
    pub compacted: Revision,
    /// Where it is. Removed when this is dropped.
    pub directory: SnapshotDirectory,
    states: StateDir,
}

impl Checkpoint {
    /// Opens it, to read it.
    ///
    /// # Errors
    /// The engine's, with the place.
    pub fn open(&self) -> io::Result<Arc<dyn Engine>> {
        let path = self.directory.path();
        let path = path.ok_or_else(|| io::Error::other("there is no copy of the state yet"))?;
        self.states.open_copy(path).map_err(io::Error::other)
    }
}

/// How far a state has come in the log.
#[derive(Clone, Debug, Default)]
pub struct Position {
    /// Last applied entry.
    pub applied: Option<wal::LogId>,
    /// Where the membership stands in the log, and the membership, encoded.
    pub membership: Option<(Option<wal::LogId>, Bytes)>,
}

impl Position {
    fn of(machine: &Machine) -> Position {
        let position = machine.position();
        Position {
            applied: position.applied,
            membership: position.membership,
        }
    }

    /// Index of the last applied entry; zero for none.
    pub fn index(&self) -> u64 {
        self.applied.map_or(0, |id| id.index)
    }

    /// The membership as openraft wants it.
    ///
    /// # Errors
    /// The stored membership does not decode.
    pub fn membership(&self) -> io::Result<StoredMembership> {
        let Some((log_id, bytes)) = &self.membership else {
            return Ok(StoredMembership::default());
        };
        let membership = decode_membership(bytes)?;
        Ok(StoredMembership::new(
            log_id.as_ref().map(log_id_from_wal),
            membership,
        ))
    }
}

/// How far applying has come; read from every thread.
pub struct Progress {
    applied_index: AtomicU64,
    committed_index: AtomicU64,
    applied_bytes: AtomicU64,
    applied: channel::Sender<Position>,
    submitted: Mutex<Position>,
    durable: Mutex<Position>,
    running: AtomicBool,
}

impl Progress {
    pub(super) fn new(position: Position) -> Progress {
        Progress {
            applied_index: AtomicU64::new(position.index()),
            committed_index: AtomicU64::new(position.index()),
            applied_bytes: AtomicU64::new(0),
            applied: channel::Sender::new(position.clone()),
            submitted: Mutex::new(position.clone()),
            // What was read from disk is durable.
            durable: Mutex::new(position),
            running: AtomicBool::new(false),
        }
    }

    /// Last index whose effects readers see.
    pub fn applied_index(&self) -> &AtomicU64 {
        &self.applied_index
    }

    /// Last index that openraft has handed over for applying: what is committed, as far as this
    /// member knows.
    pub fn committed_index(&self) -> u64 {
        self.committed_index.load(Ordering::Relaxed)
    }

    /// Notes what is about to be queued.
    pub fn set_committed(&self, index: u64) {
        self.committed_index.fetch_max(index, Ordering::Relaxed);
    }

    /// Bytes of entries applied since start.
    pub fn applied_bytes(&self) -> u64 {
        self.applied_bytes.load(Ordering::Relaxed)
    }

    /// Follows what is applied.
    pub fn watch_applied(&self) -> channel::Receiver<Position> {
        self.applied.subscribe()
    }

    /// The present position.
    pub fn applied(&self) -> Position {
        self.applied.borrow().clone()
    }

    /// The position that openraft starts from.
    pub fn submitted(&self) -> Position {
        self.submitted.lock().clone()
    }

    /// The position that a crash cannot take back.
    pub fn durable(&self) -> Position {
        self.durable.lock().clone()
    }

    /// A flush that began after `position` was applied has finished.
    pub fn set_durable(&self, position: Position) {
        let mut durable = self.durable.lock();
        if durable.index() < position.index() {
            *durable = position;
        }
    }

    /// From here on snapshots are real copies. See `StateMachine::get_current_snapshot`.
    pub fn set_running(&self) {
        self.running.store(true, Ordering::SeqCst);
    }

    /// Whether [`Progress::set_running`] was called.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }

    pub(super) fn publish(&self, position: Position) {
        // What is applied is committed, also if it was read from disk or came with a snapshot.
        self.set_committed(position.index());
        self.applied_index.store(position.index(), Ordering::SeqCst);
        self.applied.send_replace(position);
    }
}

/// The way to the apply thread.
#[derive(Clone)]
pub struct Jobs {
    sender: mpsc::Sender<Job>,
    progress: Arc<Progress>,
}

impl Jobs {
    /// Waits while too many runs are queued.
    ///
    /// # Errors
    /// The apply thread has stopped.
    pub async fn send(&self, job: Job) -> io::Result<()> {
        self.sender
            .send(job)
            .await
            .map_err(|_| io::Error::other("the apply thread has stopped"))
    }

    /// How far it is.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
}

/// The state that serves right now. Replaced when a snapshot is installed.
pub struct Current {
    pair: RwLock<(Arc<mvcc::Store>, Arc<apply::State>)>,
}

impl Current {
    /// What readers use.
    pub fn store(&self) -> Arc<mvcc::Store> {
        Arc::clone(&self.pair.read().0)
    }

    /// Leases, alarms and members' attributes.
    pub fn state(&self) -> Arc<apply::State> {
        Arc::clone(&self.pair.read().1)
    }
}

impl watch::Source for Current {
    fn revision(&self) -> Revision {
        self.pair.read().0.revision()
    }

    fn compacted(&self) -> Revision {
        self.pair.read().0.compacted()
    }

    fn history(&self, from: Revision, to: Revision, bytes_max: usize) -> Result<EventBatch, Error> {
        self.store().history(from, to, bytes_max)
    }

    fn previous(&self, event: &Event) -> Option<Bytes> {
        self.store().previous(event)
    }
}

/// What happens outside the state when something was applied.
pub struct Surroundings {
    /// Waiting requests.
    pub fronts: Arc<Fronts>,
    /// Watchers.
    pub feed: Feed,
    /// The leader's clocks.
    pub keeper: Arc<LeaseKeeper>,
    /// Told that there is something to sweep.
    pub sweep: Arc<dyn Fn() + Send + Sync>,
}

/// The apply thread's own things.
pub struct Applier {
    machine: Machine,
    current: Arc<Current>,
    directory: StateDir,
    progress: Arc<Progress>,
    checkpoints: u64,
}

impl Applier {
    /// An applier over an opened state.
    pub fn new(loaded: Loaded, directory: StateDir) -> Applier {
        let current = Current {
            pair: RwLock::new((loaded.store, loaded.machine.state())),
        };
        Applier {
            progress: Arc::new(Progress::new(Position::of(&loaded.machine))),
            machine: loaded.machine,
            current: Arc::new(current),
            directory,
            checkpoints: 0,
        }
    }

    /// The state that serves.
    pub fn current(&self) -> &Arc<Current> {
        &self.current
    }

    /// How far it is.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Applies what the log holds beyond the state, before anybody can ask or watch.
    pub fn replay(&mut self, run: &[wal::Entry]) {
        self.machine.apply(run);
        failpoint!("start-replayed");
        let position = Position::of(&self.machine);
        *self.progress.submitted.lock() = position.clone();
        self.progress.publish(position);
    }

    /// Starts the lane that applies.
    ///
    /// # Errors
    /// The system's.
    pub fn start(self, lanes: &Lanes, around: Surroundings) -> io::Result<Jobs> {
        let (sender, jobs) = mpsc::channel(QUEUED_RUNS_MAX);
        let progress = Arc::clone(&self.progress);
        let lane = ApplyLane {
            applier: self,
            around,
            jobs,
            next: None,
        };
        lanes.start("apply", lane)?;
        Ok(Jobs { sender, progress })
    }

    fn apply(&mut self, run: &[wal::Entry], around: &Surroundings) {
        let outcome = self.machine.apply(run);
        failpoint!("apply-before-events");
        let bytes: usize = run.iter().map(|entry| entry.payload.len()).sum();
        self.progress
            .applied_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        if !outcome.events.events.is_empty() {
            around.feed.publish(Arc::new(outcome.events));
        }
        around.keeper.changed(&outcome.lease_changes);
        if outcome.compacted.is_some() {
            (around.sweep)();
        }
        // Readers are let go by `deliver`, so the index must be visible first. The watch channel
        // comes last: whoever sees a new term there must find all older requests answered.
        let position = Position::of(&self.machine);
        self.progress
            .applied_index
            .store(position.index(), Ordering::SeqCst);
        failpoint!("apply-before-replies");
        around.fronts.deliver(outcome.replies);
        self.progress.applied.send_replace(position);
    }

    fn checkpoint(&mut self) -> io::Result<Checkpoint> {
        self.checkpoints += 1;
        let path = self.directory.outgoing(&self.checkpoints.to_string());
        let store = self.current.store();
        failpoint!("checkpoint-before", fails);
        store.engine().checkpoint(&path).map_err(io::Error::other)?;
        failpoint!("checkpoint-after", fails);
        Ok(Checkpoint {
            position: Position::of(&self.machine),
            revision: store.revision(),
            compacted: store.compacted(),
            directory: SnapshotDirectory::temporary(path),
            states: self.directory.clone(),
        })
    }

    fn install(
        &mut self,
        snapshot: &SnapshotDirectory,
        expected: Option<wal::LogId>,
        around: &Surroundings,
    ) -> io::Result<()> {
        let Some(path) = snapshot.path() else {
            return Ok(());
        };
        let loaded = self.directory.install(path).map_err(io::Error::other)?;
        let position = Position::of(&loaded.machine);
        if position.applied != expected {
            broken!(
                "the snapshot from the leader holds the log up to {:?}, but was announced as {:?}",
                position.applied,
                expected
            );
        }
        failpoint!("install-current");
        self.machine = loaded.machine;
        let serving = (loaded.store, self.machine.state());
        let (replaced, _) = std::mem::replace(&mut *self.current.pair.write(), serving);
        // Requests in flight may or may not be in the snapshot: nobody can know.
        around.fronts.answer_all(&Error::TimeoutConnectionLost);
        around.feed.reset();
        self.progress.set_durable(position.clone());
        self.progress.publish(position);
        around.fronts.deliver(Vec::new());
        failpoint!("install-serving");
        if let Err(error) = self.directory.retire(replaced) {
            tracing::warn!(%error, "the replaced state could not be removed");
        }
        Ok(())
    }
}

/// The applier at work. Ends when all [`Jobs`] are gone and everything queued is applied.
struct ApplyLane {
    applier: Applier,
    around: Surroundings,
    jobs: mpsc::Receiver<Job>,
    /// Found behind the runs that were joined.
    next: Option<Job>,
}

impl ApplyLane {
    fn carry_out(&mut self, job: Job) {
        match job {
            Job::Apply(mut run) => {
                self.join_queued(&mut run);
                self.applier.apply(&run, &self.around);
            }
            Job::Checkpoint { done } => {
                // Who asked may have given up; the copy then removes itself.
                let _ = done.send(self.applier.checkpoint());
            }
            Job::Install {
                snapshot,
                last_log_id,
                done,
            } => {
                let installed = self.applier.install(&snapshot, last_log_id, &self.around);
                let _ = done.send(installed);
            }
        }
    }

    /// Adds to `run` the runs that wait behind it.
    fn join_queued(&mut self, run: &mut Vec<wal::Entry>) {
        while run.len() < JOINED_ENTRIES_MAX {
            match self.jobs.try_recv() {
                Ok(Job::Apply(more)) => run.extend(more),
                Ok(other) => {
                    self.next = Some(other);
                    return;
                }
                Err(_) => return,
            }
        }
    }
}

impl Work for ApplyLane {
    fn run(mut self) {
        while let Some(job) = self.next.take().or_else(|| self.jobs.blocking_recv()) {
            self.carry_out(job);
        }
    }

    fn step(&mut self) -> Step {
        let job = match self.next.take() {
            Some(job) => Ok(job),
            None => self.jobs.try_recv(),
        };
        match job {
            Ok(job) => self.carry_out(job),
            Err(TryRecvError::Empty) => return Step::Wait(Duration::ZERO),
            Err(TryRecvError::Disconnected) => return Step::Over,
        }
        Step::More
    }
}

#[cfg(test)]
mod tests;
