//! The leases that exist: replicated state, shared by the apply thread (the only writer) and readers.

use super::Place;
use crate::LeaseId;
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// One lease as all members know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Seconds it was given, and gets again at each renewal.
    pub granted_ttl: i64,
    /// Seconds it still had when a leader last noted them; `None`: count it as just renewed.
    pub remaining_ttl: Option<i64>,
    /// Where in the log it became what it is. See [`Place`].
    pub since: Place,
}

#[derive(Debug)]
struct Held {
    lease: Lease,
    /// Copies, not slices: a slice would keep the whole log entry it came in.
    keys: BTreeSet<Box<[u8]>>,
}

/// Every lease, with the keys attached to it.
#[derive(Debug, Default)]
pub struct Leases {
    held: RwLock<BTreeMap<LeaseId, Held>>,
    /// Attachments in total. Written by the apply thread alone.
    attached: AtomicU64,
}

impl Leases {
    /// Whether there is such a lease.
    pub fn contains(&self, id: LeaseId) -> bool {
        self.held.read().contains_key(&id)
    }

    /// The lease with this id.
    pub fn get(&self, id: LeaseId) -> Option<Lease> {
        self.held.read().get(&id).map(|held| held.lease)
    }

    /// The keys attached to a lease, ascending. Empty if there is no such lease.
    pub fn keys(&self, id: LeaseId) -> Vec<Bytes> {
        let held = self.held.read();
        let keys = held.get(&id).map(|held| held.keys.iter());
        keys.into_iter()
            .flatten()
            .map(|key| Bytes::copy_from_slice(key))
            .collect()
    }

    /// Every id, ascending.
    pub fn ids(&self) -> Vec<LeaseId> {
        self.held.read().keys().copied().collect()
    }

    /// Every lease, by ascending id.
    pub fn all(&self) -> Vec<(LeaseId, Lease)> {
        let held = self.held.read();
        held.iter().map(|(id, held)| (*id, held.lease)).collect()
    }

    /// Number of leases.
    pub fn len(&self) -> usize {
        self.held.read().len()
    }

    /// There is no lease.
    pub fn is_empty(&self) -> bool {
        self.held.read().is_empty()
    }

    /// Keys that are attached to some lease. While this is zero, no key needs to be detached.
    pub fn attached(&self) -> u64 {
        self.attached.load(Ordering::Relaxed)
    }

    /// Sets a lease, keeping its keys if it exists.
    pub(crate) fn set(&self, id: LeaseId, lease: Lease) {
        let mut held = self.held.write();
        match held.get_mut(&id) {
            Some(held) => held.lease = lease,
            None => {
                let keys = BTreeSet::new();
                held.insert(id, Held { lease, keys });
            }
        }
    }

    /// Forgets a lease and its attachments.
    pub(crate) fn remove(&self, id: LeaseId) {
        if let Some(held) = self.held.write().remove(&id) {
            self.attached
                .fetch_sub(held.keys.len() as u64, Ordering::Relaxed);
        }
    }

    /// Attaches a key. `false` if there is no such lease.
    pub(crate) fn attach(&self, id: LeaseId, key: &[u8]) -> bool {
        let mut held = self.held.write();
        let Some(held) = held.get_mut(&id) else {
            return false;
        };
        if held.keys.insert(key.into()) {
            self.attached.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// Detaches a key that may be attached.
    pub(crate) fn detach(&self, id: LeaseId, key: &[u8]) {
        if let Some(held) = self.held.write().get_mut(&id)
            && held.keys.remove(key)
        {
            self.attached.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
