//! The countdown of each lease, and what is known of the note of its remaining time in the log.

use super::queue::{Queue, Slot};
use super::{Lease, Place};
use crate::LeaseId;
use crate::faults::hurried;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

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
    /// What proposals about it name.
    pub(super) since: Place,
    pub(super) deadline: Instant,
    /// A remaining time below the granted one is in the state, or on its way there.
    pub(super) noted: bool,
    /// Handed out by `expired`.
    pub(super) revoking: bool,
    deadline_slot: Slot,
    checkpoint_slot: Slot,
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
    pub(super) fn start(&mut self, id: LeaseId, lease: Lease, deadline: Instant, now: Instant) {
        let mut countdown = Countdown {
            granted_ttl: lease.granted_ttl,
            since: lease.since,
            deadline,
            noted: lease.remaining_ttl.is_some(),
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

    /// A note was applied.
    pub(super) fn noted(&mut self, id: LeaseId) {
        if let Some(countdown) = self.countdowns.get_mut(&id) {
            countdown.noted = true;
        }
    }

    /// The removal of a note was applied. A note that may still be on its way names an earlier place
    /// than `since` and will be passed over.
    pub(super) fn cleared(&mut self, id: LeaseId, since: Place, now: Instant) {
        let Some(countdown) = self.countdowns.get_mut(&id) else {
            return;
        };
        countdown.noted = false;
        countdown.since = since;
        if countdown.revoking {
            // So will the revocation, unless it came first: it is due again.
            self.deadlines.set(id, countdown, now);
        }
        self.schedule_checkpoint(id, now);
    }

    /// Makes the next note due after the interval, if the lease lives longer than that.
    pub(super) fn schedule_checkpoint(&mut self, id: LeaseId, now: Instant) {
        let Some(countdown) = self.countdowns.get_mut(&id) else {
            return;
        };
        let due = now + hurried(CHECKPOINT_INTERVAL, Duration::from_secs(1));
        if !countdown.revoking && countdown.deadline > due {
            self.checkpoints.set(id, countdown, due);
        } else {
            self.checkpoints.clear(countdown);
        }
    }
}
