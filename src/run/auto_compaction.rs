//! Compaction by itself: etcd's two modes (contract #18).
//!
//! `revision` keeps the last N revisions. etcd looks every five minutes, which at ten thousand writes
//! a second is three million revisions that nobody asked to keep; here the store is compacted as soon
//! as it holds 2 N, and what is beyond N after five minutes goes in any case. `periodic` keeps what is
//! younger than a time: the revision is noted ten times per period, and once a whole period has been
//! seen, the store is compacted to what it was then, every period or every hour, whichever is less.
//! Only the leader compacts; a member that does not lead goes on noting.

use crate::config::member::AutoCompaction;
use keelson_proto::etcdserverpb::CompactionRequest;
use keelson_proto::log::{Command, command::Operation};
use keelson_store::Revision;
use keelson_store::raft::Handle;
use std::collections::VecDeque;
use std::sync::mpsc;
use std::time::Duration;

/// How often `revision` mode looks.
const REVISION_PACE: Duration = Duration::from_secs(1);
/// After so many looks it compacts whatever may go.
const REVISION_LOOKS: u32 = 5 * 60;
/// `periodic` mode compacts at least this often.
const PERIODIC_INTERVAL_MAX: Duration = Duration::from_secs(60 * 60);

/// Dropping it stops the compactor.
pub struct Compactor {
    _stop: mpsc::Sender<()>,
}

/// What `periodic` mode remembers: one revision for each tenth of an interval.
struct Notes {
    revisions: VecDeque<Revision>,
    retain: usize,
}

impl Notes {
    fn new(period: Duration) -> (Notes, Duration) {
        let interval = period.min(PERIODIC_INTERVAL_MAX);
        let pace = interval / 10;
        let retain = period.as_nanos() / pace.as_nanos().max(1);
        let notes = Notes {
            revisions: VecDeque::new(),
            retain: usize::try_from(retain).unwrap_or(usize::MAX).max(1),
        };
        (notes, pace)
    }

    /// Notes the present revision; the one of a whole period ago, if there is one.
    fn note(&mut self, revision: Revision) -> Option<Revision> {
        self.revisions.push_back(revision);
        if self.revisions.len() <= self.retain {
            return None;
        }
        self.revisions.pop_front()
    }
}

/// Starts compacting on a thread of its own. `None` if it is off.
pub fn start(mode: AutoCompaction, handle: Handle) -> Option<Compactor> {
    let (stop, stopped) = mpsc::channel();
    let work: Box<dyn FnOnce() + Send> = match mode {
        AutoCompaction::Off => return None,
        AutoCompaction::Revisions(keep) => Box::new(move || by_revision(keep, &handle, &stopped)),
        AutoCompaction::Periodic(period) => Box::new(move || by_time(period, &handle, &stopped)),
    };
    let thread = std::thread::Builder::new().name("compactor".to_owned());
    if let Err(error) = thread.spawn(work) {
        tracing::error!(%error, "auto-compaction could not be started");
    }
    Some(Compactor { _stop: stop })
}

/// False when the compactor should stop.
fn sleep(stopped: &mpsc::Receiver<()>, time: Duration) -> bool {
    stopped.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout)
}

fn by_revision(keep: i64, handle: &Handle, stopped: &mpsc::Receiver<()>) {
    let mut looks = 0;
    while sleep(stopped, REVISION_PACE) {
        looks += 1;
        let store = handle.store();
        let held = store.revision() - store.compacted().max(0);
        if looks >= REVISION_LOOKS || is_twice(held, keep) {
            looks = 0;
            compact(handle, store.revision() - keep);
        }
    }
}

/// Whether a store that holds `held` revisions holds twice what it should keep.
fn is_twice(held: Revision, keep: i64) -> bool {
    held >= keep.saturating_mul(2)
}

fn by_time(period: Duration, handle: &Handle, stopped: &mpsc::Receiver<()>) {
    let (mut notes, pace) = Notes::new(period);
    let mut turns = 0;
    while sleep(stopped, pace) {
        let old = notes.note(handle.store().revision());
        turns += 1;
        // Ten notes make an interval.
        if let Some(old) = old
            && turns >= 10
        {
            turns = 0;
            compact(handle, old);
        }
    }
}

fn compact(handle: &Handle, revision: Revision) {
    if !handle.leads() || revision <= handle.store().compacted().max(1) {
        return;
    }
    let command = Command {
        operation: Some(Operation::Compact(CompactionRequest {
            revision,
            physical: false,
        })),
        fence_term: 0,
    };
    match handle.propose_and_wait(command) {
        Ok(_) => tracing::info!(revision, "compacted by itself"),
        Err(error) => tracing::warn!(revision, %error, "auto-compaction failed; it is tried again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periodic_mode_waits_for_a_whole_period_and_then_names_its_start() {
        let (mut notes, pace) = Notes::new(Duration::from_secs(600));
        assert_eq!(pace, Duration::from_secs(60));
        for revision in 1..=10 {
            assert_eq!(notes.note(revision), None);
        }
        assert_eq!(notes.note(11), Some(1));
        assert_eq!(notes.note(12), Some(2));
    }

    #[test]
    fn revision_mode_lets_history_grow_to_twice_what_is_kept() {
        assert!(!is_twice(19_999, 10_000));
        assert!(is_twice(20_000, 10_000));
        assert!(!is_twice(i64::MAX - 1, i64::MAX));
    }

    #[test]
    fn a_long_period_is_noted_ten_times_an_hour() {
        let (notes, pace) = Notes::new(Duration::from_secs(24 * 3600));
        assert_eq!(pace, Duration::from_secs(360));
        assert_eq!(notes.retain, 240);
    }
}
