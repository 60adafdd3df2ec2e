//! A queue of due times that may be moved at no cost.
//!
//! A renewal moves a lease's deadline into the future, far more often than a deadline is reached. So
//! moving one later only notes the new time at its owner ([`Slot`]); the item in the heap stays where
//! it is, comes up too early, is looked at and put back.

use crate::LeaseId;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use tokio::time::Instant;

/// An owner's place in a [`Queue`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    due: Option<Instant>,
    /// Time of the one item in the heap that counts; never after `due`.
    queued: Option<Instant>,
}

/// Due times of owners of type `T`, earliest first. The owners lie in a map of the caller's.
pub(super) struct Queue<T> {
    heap: BinaryHeap<Reverse<(Instant, LeaseId)>>,
    slot: fn(&mut T) -> &mut Slot,
}

impl<T> Queue<T> {
    /// An empty queue; `slot` finds the place that an owner keeps for it.
    pub(super) fn new(slot: fn(&mut T) -> &mut Slot) -> Queue<T> {
        let heap = BinaryHeap::new();
        Queue { heap, slot }
    }

    /// Makes `owner` due at `due`, and at no other time.
    pub(super) fn set(&mut self, id: LeaseId, owner: &mut T, due: Instant) {
        let slot = (self.slot)(owner);
        slot.due = Some(due);
        if slot.queued.is_none_or(|queued| due < queued) {
            slot.queued = Some(due);
            self.heap.push(Reverse((due, id)));
        }
    }

    /// Makes `owner` never due.
    pub(super) fn clear(&mut self, owner: &mut T) {
        (self.slot)(owner).due = None;
    }

    /// Takes out the earliest that is due at `now`.
    pub(super) fn pop(
        &mut self,
        now: Instant,
        owners: &mut HashMap<LeaseId, T>,
    ) -> Option<LeaseId> {
        while let Some(&Reverse((time, id))) = self.heap.peek()
            && time <= now
        {
            self.heap.pop();
            let Some(owner) = owners.get_mut(&id) else {
                continue;
            };
            let slot = (self.slot)(owner);
            if slot.queued != Some(time) {
                continue;
            }
            slot.queued = None;
            match slot.due {
                Some(due) if due > now => self.set(id, owner, due),
                Some(_) => {
                    slot.due = None;
                    return Some(id);
                }
                None => {}
            }
        }
        None
    }

    /// Not later than the earliest due time.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|&Reverse((time, _))| time)
    }

    /// Drops items of owners that are gone, once they are the majority: what is granted for years and
    /// revoked at once must not stay for years.
    pub(super) fn tidy(&mut self, owners: &mut HashMap<LeaseId, T>) {
        const SLACK: usize = 1024;
        if self.heap.len() <= 2 * owners.len() + SLACK {
            return;
        }
        let slot = self.slot;
        self.heap.retain(|&Reverse((time, id))| {
            let owner = owners.get_mut(&id);
            owner.is_some_and(|owner| slot(owner).queued == Some(time))
        });
    }
}
