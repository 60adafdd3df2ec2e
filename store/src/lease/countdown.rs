//! The countdown of each lease, and what is known of the note of its remaining time in the log.

use super::queue::{Queue, Slot};
use crate::LeaseId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The remaining time of a lease is noted this long after its start, its renewal or the last note.
/// Shorter leases are never noted.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(300);

/// The countdowns of a leader.
pub(super) struct Primary {
    pub(super) countdowns: HashMap<LeaseId, Countdown>,
    pub(super) deadlines: Queue<Countdown>,
    pub(super) checkpoints: Queue<Countdown>,
}

/// One lease, counted down.
pub(super) struct Countdown {
    pub(super) granted_ttl: i64,
    pub(super) deadline: Instant,
    pub(super) note: Note,
    /// Handed out by `expired`.
    pub(super) revoking: bool,
    deadline_slot: Slot,
    checkpoint_slot: Slot,
}

/// Whether the log holds a remaining time below the granted one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    None,
    /// Handed out by `checkpoints`, not yet seen applied.
    Proposed,
    Applied,
    /// A renewal asked for the removal. No further note is made until it is applied, so that none
    /// can come behind it.
    Clearing,
}

impl Default for Primary {
    fn default() -> Primary {
        Primary {
            countdowns: HashMap::new(),
            deadlines: Queue::new(|countdown| &mut countdown.deadline_slot),
            checkpoints: Queue::new(|countdown| &mut countdown.checkpoint_slot),
        }
    }
}

impl Primary {
    /// A lease begins, or begins anew.
    pub(super) fn start(
        &mut self,
        id: LeaseId,
        granted_ttl: i64,
        deadline: Instant,
        note: Note,
        now: Instant,
    ) {
        let mut countdown = Countdown {
            granted_ttl,
            deadline,
            note,
            revoking: false,
            deadline_slot: Slot::default(),
            checkpoint_slot: Slot::default(),
        };
        self.deadlines.set(id, &mut countdown, deadline);
        self.countdowns.insert(id, countdown);
        self.schedule_checkpoint(id, now);
    }

    /// A lease is gone.
    pub(super) fn stop(&mut self, id: LeaseId) {
        self.countdowns.remove(&id);
        self.deadlines.tidy(&mut self.countdowns);
        self.checkpoints.tidy(&mut self.countdowns);
    }

    /// A note, or its removal (`None`), was applied.
    pub(super) fn noted(&mut self, id: LeaseId, remaining: Option<i64>, now: Instant) {
        let Some(countdown) = self.countdowns.get_mut(&id) else {
            return;
        };
        match (countdown.note, remaining) {
            // The removal follows in the log.
            (Note::Clearing, Some(_)) => {}
            (_, Some(_)) => countdown.note = Note::Applied,
            // The note follows in the log.
            (Note::Proposed, None) => {}
            (_, None) => {
                countdown.note = Note::None;
                self.schedule_checkpoint(id, now);
            }
        }
    }

    /// Makes the next note due after the interval, if the lease lives longer than that.
    pub(super) fn schedule_checkpoint(&mut self, id: LeaseId, now: Instant) {
        let Some(countdown) = self.countdowns.get_mut(&id) else {
            return;
        };
        let due = now + CHECKPOINT_INTERVAL;
        if !countdown.revoking && countdown.deadline > due {
            self.checkpoints.set(id, countdown, due);
        } else {
            self.checkpoints.clear(countdown);
        }
    }
}
