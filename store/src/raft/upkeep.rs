//! The member's housekeeping, on a thread of its own: makes the applied state durable, shortens the
//! log behind it, gives back the space of compacted history, watches the disk.

use super::applier::{Current, Position, Progress};
use super::group::Group;
use super::snapshot::Incoming;
use super::space::SpaceWatch;
use super::types::Raft;
use crate::faults::{Plant, failpoint, planted};
use crate::metrics::Metrics;
use crate::wal::Wal;
use crate::world::{Lanes, Step, Work};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::Instant;

/// Applied bytes after which the state is made durable: bounds what a restart has to replay. Less than
/// what makes RocksDB write by itself, which would come at the same moment on all members.
const FLUSH_BYTES: u64 = 32 << 20;

/// Time after which it is made durable if anything changed at all.
const FLUSH_INTERVAL: Duration = Duration::from_secs(30);

/// The log on disk is shortened beyond `catchup_entries` when it is larger than this.
const LOG_BYTES_MAX: u64 = 1 << 30;

/// A write to the log that takes this long means that the disk hangs: somebody else should lead.
const STALL_HAND_OVER: Duration = Duration::from_secs(1);

/// A write to the log that takes this long will not come back.
const STALL_STOP: Duration = Duration::from_secs(30);

/// How often the thread looks around.
const TICK: Duration = Duration::from_millis(100);

/// Between two looks more time than this was not the disk's: this member, or its whole machine, stood still.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// When housekeeping acts.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Applied entries after which the state is made durable and the log shortened.
    pub snapshot_count: u64,
    /// Entries of the log that are kept for members that lag a little.
    pub catchup_entries: u64,
    /// The state is in memory: nothing of it is ever durable, so the whole log is kept.
    pub in_memory: bool,
}

/// What it works on.
pub struct Upkeep {
    /// The state.
    pub current: Arc<Current>,
    /// What has been applied.
    pub progress: Arc<Progress>,
    /// The log.
    pub wal: Wal,
    /// Told that the log may be shortened.
    pub raft: Raft,
    /// Where this member stands among the others.
    pub group: Arc<Group>,
    /// The runtime of consensus.
    pub runtime: tokio::runtime::Handle,
    /// When to act.
    pub schedule: Schedule,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Watches that the disk does not fill up.
    pub space: SpaceWatch,
    /// What broken transfers of snapshots leave.
    pub incoming: Arc<Incoming>,
    /// Hands leadership over, if this member has it.
    pub hand_over: Box<dyn Fn() + Send>,
    /// Set when the member stops.
    pub stop: Arc<AtomicBool>,
}

/// Wakes the sweeper.
#[derive(Clone)]
pub struct SweepBell {
    sender: crossbeam_channel::Sender<()>,
}

impl SweepBell {
    /// A bell and where it is heard. Ringing twice before it is heard is ringing once.
    pub fn new() -> (SweepBell, crossbeam_channel::Receiver<()>) {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        (SweepBell { sender }, receiver)
    }

    /// There is something to sweep.
    pub fn ring(&self) {
        // Full: it rings already.
        let _ = self.sender.try_send(());
    }
}

/// Sweeps whenever the bell rings, on a lane of its own: a sweep may take long.
pub struct Sweeper {
    /// The state.
    pub current: Arc<Current>,
    /// Where the bell is heard.
    pub bell: crossbeam_channel::Receiver<()>,
    /// Set when the member stops.
    pub stop: Arc<AtomicBool>,
}

impl Sweeper {
    fn sweep(&self) {
        let stopped = || self.stop.load(Ordering::Relaxed);
        if let Err(error) = self.current.store().sweep_durable(&stopped) {
            tracing::error!(%error, "giving back the space of compacted history failed");
        }
    }
}

impl Work for Sweeper {
    fn run(self) {
        while !self.stop.load(Ordering::Relaxed) {
            if self.bell.recv_timeout(Duration::from_secs(1)).is_ok() {
                self.sweep();
            }
        }
    }

    fn step(&mut self) -> Step {
        if self.stop.load(Ordering::Relaxed) {
            return Step::Over;
        }
        if self.bell.try_recv().is_ok() {
            self.sweep();
        }
        Step::Wait(TICK)
    }
}

/// Applied bytes before the first flush. Members apply the same bytes, and what they have in common
/// (a disk, at least a leader) must not be asked for all their flushes at once. So each begins at another
/// point, `place` of `members`, and keeps its distance.
fn first_flush_bytes((place, members): (u64, u64)) -> u64 {
    FLUSH_BYTES * (place + 1) / members
}

/// The upkeep at work.
struct UpkeepLane {
    upkeep: Upkeep,
    bell: SweepBell,
    flushed_at: Instant,
    /// Applied bytes at the last flush.
    flushed_bytes: u64,
    /// Applied bytes since then that make the next one due.
    flush_bytes: u64,
    /// Leadership was given away because the disk hangs.
    handed_over: bool,
    waiting: Waiting,
}

/// How long a write has been waiting for the disk, as far as this member ran meanwhile. A process that was
/// stopped, or a machine that was suspended, finds the write as old as its sleep was long, and the disk innocent.
struct Waiting {
    looked_at: Instant,
    seen: Duration,
}

impl Waiting {
    fn new(now: Instant) -> Waiting {
        Waiting {
            looked_at: now,
            seen: Duration::ZERO,
        }
    }

    /// To be called at each look, with the age of the oldest write that waits, if one does.
    fn look(&mut self, now: Instant, age: Option<Duration>) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.looked_at).min(LOOK_MAX);
        self.looked_at = now;
        let Some(age) = age else {
            self.seen = Duration::ZERO;
            return None;
        };
        self.seen += passed;
        Some(age.min(self.seen))
    }
}

impl Work for UpkeepLane {
    fn run(mut self) {
        while !self.upkeep.stop.load(Ordering::Relaxed) {
            std::thread::park_timeout(TICK);
            self.look_around();
        }
    }

    fn step(&mut self) -> Step {
        if self.upkeep.stop.load(Ordering::Relaxed) {
            return Step::Over;
        }
        self.look_around();
        Step::Wait(TICK)
    }
}

impl UpkeepLane {
    fn look_around(&mut self) {
        let upkeep = &self.upkeep;
        let oldest = upkeep.wal.oldest_unsynced_age();
        let age = self.waiting.look(Instant::now(), oldest);
        self.handed_over = upkeep.watch_disk(age, self.handed_over);
        upkeep.watch_space();
        if upkeep.schedule.in_memory {
            return;
        }
        let bytes = upkeep.progress.applied_bytes() - self.flushed_bytes;
        let applied = upkeep.progress.applied();
        // A snapshot that is installed right now is durable a moment before it is applied.
        let durable = upkeep.progress.durable().index();
        let entries = applied.index().saturating_sub(durable);
        let due = bytes > self.flush_bytes
            || entries >= upkeep.schedule.snapshot_count
            || (entries > 0 && self.flushed_at.elapsed() > FLUSH_INTERVAL);
        if due {
            self.flushed_bytes += bytes;
            self.flush_bytes = FLUSH_BYTES;
            self.flushed_at = Instant::now();
            self.flush(applied);
        }
    }

    fn flush(&self, applied: Position) {
        let upkeep = &self.upkeep;
        let current = upkeep.current.store();
        let flushed = match planted(Plant::PurgeBeyondDurable) {
            true => Ok(()),
            false => current.flush(),
        };
        // A snapshot may have replaced the state meanwhile; then the flush says nothing of it.
        if !Arc::ptr_eq(&current, &upkeep.current.store()) {
            return;
        }
        if let Err(error) = flushed {
            crate::broken!("the state could not be made durable: {error}");
        }
        let seconds = self.flushed_at.elapsed().as_secs_f64();
        upkeep.metrics.backend_commit_seconds.observe(seconds);
        failpoint!("flush-known");
        upkeep.progress.set_durable(applied);
        upkeep.shorten_log();
        // What is durable may be swept further than before.
        self.bell.ring();
    }
}

impl Upkeep {
    /// Starts it.
    ///
    /// # Errors
    /// The system's.
    pub fn start(self, lanes: &Lanes, bell: SweepBell) -> std::io::Result<Option<JoinHandle<()>>> {
        let lane = UpkeepLane {
            flush_bytes: first_flush_bytes(self.group.turn()),
            upkeep: self,
            bell,
            flushed_at: Instant::now(),
            flushed_bytes: 0,
            handed_over: false,
            waiting: Waiting::new(Instant::now()),
        };
        lanes.start("upkeep", lane)
    }

    fn shorten_log(&self) {
        let durable = self.progress.durable().index();
        let keep = if self.wal.bytes_on_disk() > LOG_BYTES_MAX {
            self.schedule.catchup_entries / 10
        } else {
            self.schedule.catchup_entries
        };
        let upto = durable.saturating_sub(keep);
        let raft = self.raft.clone();
        self.runtime.spawn(async move {
            // openraft purges only behind a snapshot it knows of; ours is whatever is durable.
            failpoint!("purge-before-trigger");
            let told = raft.trigger().snapshot().await;
            if told.is_ok() && upto > 0 {
                let _ = raft.trigger().purge_log(upto).await;
                failpoint!("purge-triggered");
            }
        });
    }

    /// What a broken transfer left goes before the group is told that there is no space.
    fn watch_space(&self) {
        let shortage = self.space.shortage();
        let freed = self.incoming.tidy(shortage.is_some());
        if let (Some(shortage), false) = (shortage, freed) {
            self.space.alarm(&shortage);
        }
    }

    /// Gives leadership away while the disk hangs, and stops the member if it never comes back.
    fn watch_disk(&self, age: Option<Duration>, handed_over: bool) -> bool {
        let Some(age) = age else {
            return false;
        };
        if age > STALL_STOP {
            crate::broken!(
                "a write to the log has been waiting for the disk for {} s",
                age.as_secs()
            );
        }
        if age > STALL_HAND_OVER && !handed_over {
            tracing::warn!(
                age_ms = age.as_millis() as u64,
                "the disk does not answer; handing leadership over if this member has it"
            );
            (self.hand_over)();
            return true;
        }
        handed_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_hangs_is_given_up_after_its_time() {
        let start = Instant::now();
        let mut waiting = Waiting::new(start);
        let looks = (1..).map(|look| TICK * look);
        let given_up = looks
            .into_iter()
            .find(|at| waiting.look(start + *at, Some(*at)) > Some(STALL_STOP));
        assert_eq!(given_up, Some(STALL_STOP + TICK));
    }

    #[test]
    fn a_member_that_stood_still_does_not_blame_the_disk() {
        let start = Instant::now();
        let mut waiting = Waiting::new(start);
        let minute = Duration::from_secs(60);
        let age = waiting.look(start + minute, Some(minute));
        assert!(age <= Some(STALL_HAND_OVER), "{age:?}");
        // The write came back; the next one is young, however long the one before seemed to take.
        let later = start + minute + TICK;
        assert_eq!(waiting.look(later, Some(TICK / 2)), Some(TICK / 2));
        assert_eq!(waiting.look(later + TICK, None), None);
        let next = waiting.look(later + TICK + minute, Some(minute));
        assert_eq!(next, Some(LOOK_MAX));
    }

    #[test]
    fn members_begin_to_flush_at_different_points() {
        let points = [0, 1, 2].map(|place| first_flush_bytes((place, 3)));
        let third = FLUSH_BYTES / 3;
        assert_eq!(points, [third, 2 * FLUSH_BYTES / 3, FLUSH_BYTES]);
        assert_eq!(first_flush_bytes((0, 1)), FLUSH_BYTES);
    }
}
