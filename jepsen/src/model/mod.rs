//! A store that is as simple as its contract allows: what a right answer is.
//!
//! Everything that ever was is kept in one map of lists, requests are carried out one after the
//! other, and nothing is fast on purpose. What may enter: the rules of etcd's contract, one obvious
//! line each. What never happens here: a look at how any real store does it, a clock, chance. Leases
//! exist here as names that keys hang on; that they end in time is judged elsewhere, because time is
//! no part of a sequence.
//!
//! [`Store::apply`] answers a request, [`Store::revoke`] ends a lease, [`Store::range_at`] reads any
//! revision that is not compacted. Each write says which events it makes.

mod compare;
mod read;
mod txn;

#[cfg(test)]
mod tests;

pub use read::answer_range;

use crate::history::{
    Blob, DeleteCall, Event, EventKind, KeyRange, KeyValue, KvCall, KvReply, PutCall, RangeReply,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Why a request changes nothing and gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The revision that was asked for is compacted.
    Compacted,
    /// The revision that was asked for is yet to come.
    Future,
    /// The lease does not exist.
    NoLease,
    /// It exists already.
    LeaseExists,
    /// The value or lease of a key that is not there cannot stay as it was.
    NoKey,
    /// The request is nonsense: no key, a key written twice, a value that was to be ignored.
    Invalid,
}

/// What a request brings about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The store's revision afterwards: what the header says.
    pub revision: i64,
    /// The body.
    pub reply: KvReply,
    /// What watchers see, in order. All have the same revision.
    pub events: Vec<Event>,
}

/// One version of a key. A deletion has version zero.
type Versions = Vec<KeyValue>;

/// The store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    revision: i64,
    compacted: i64,
    keys: BTreeMap<Blob, Versions>,
    leases: BTreeSet<i64>,
    attached: BTreeMap<i64, BTreeSet<Blob>>,
}

impl Default for Store {
    fn default() -> Store {
        Store::new()
    }
}

/// An event says what was there before its revision, also of a key that one revision writes and then deletes.
fn before_revision(events: &mut [Event], revision: i64) {
    for at in 1..events.len() {
        let (earlier, rest) = events.split_at_mut(at);
        let event = &mut rest[0];
        if event
            .prev
            .as_ref()
            .is_some_and(|prev| prev.mod_revision == revision)
        {
            let first = earlier.iter().find(|one| one.kv.key == event.kv.key);
            event.prev = first.and_then(|first| first.prev.clone());
        }
    }
}

impl Store {
    /// An empty store, at revision one.
    pub fn new() -> Store {
        Store {
            revision: 1,
            compacted: 0,
            keys: BTreeMap::new(),
            leases: BTreeSet::new(),
            attached: BTreeMap::new(),
        }
    }

    /// A store that begins with these keys at this revision; what was before counts as compacted.
    pub fn starting(revision: i64, kvs: &[KeyValue]) -> Store {
        let mut store = Store::new();
        store.revision = revision;
        for kv in kvs {
            store.keys.insert(kv.key.clone(), vec![kv.clone()]);
            if kv.lease != 0 {
                store.leases.insert(kv.lease);
                let keys = store.attached.entry(kv.lease).or_default();
                keys.insert(kv.key.clone());
            }
        }
        store
    }

    /// The revision of the last change.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The oldest revision that can be read; zero if nothing was compacted.
    pub fn compacted(&self) -> i64 {
        self.compacted
    }

    /// The version of a key that was there at a revision, if it was there.
    pub fn get_at(&self, key: &[u8], revision: i64) -> Option<&KeyValue> {
        let versions = self.keys.get(key)?;
        let after = versions.partition_point(|kv| kv.mod_revision <= revision);
        let kv = versions.get(after.checked_sub(1)?)?;
        (kv.version > 0).then_some(kv)
    }

    /// The key as it is now.
    pub fn get(&self, key: &[u8]) -> Option<&KeyValue> {
        self.get_at(key, i64::MAX)
    }

    /// Everything that ever happened to a key: deletions have version zero.
    pub fn versions(&self, key: &[u8]) -> &[KeyValue] {
        self.keys.get(key).map_or(&[], |versions| versions)
    }

    /// What was in a range at a revision, in key order.
    pub fn range_at(&self, range: &KeyRange, revision: i64) -> Vec<&KeyValue> {
        let at = |key: &Blob| self.get_at(key, revision);
        if range.is_one() {
            return at(&range.key).into_iter().collect();
        }
        let from = Bound::Included(range.key.clone());
        self.keys
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| range.contains(key))
            .filter_map(|(key, _)| at(key))
            .collect()
    }

    /// Keys that hang on a lease now.
    pub fn keys_of(&self, lease: i64) -> Vec<Blob> {
        let keys = self.attached.get(&lease);
        keys.into_iter().flatten().cloned().collect()
    }

    /// Leases with keys, and their keys.
    pub fn attachments(&self) -> impl Iterator<Item = (i64, &BTreeSet<Blob>)> {
        let all = self.attached.iter();
        all.filter(|(_, keys)| !keys.is_empty())
            .map(|(lease, keys)| (*lease, keys))
    }

    /// If a lease was granted and not revoked.
    pub fn has_lease(&self, lease: i64) -> bool {
        self.leases.contains(&lease)
    }

    /// A new lease.
    ///
    /// # Errors
    /// If there is one of that name.
    pub fn grant(&mut self, lease: i64) -> Result<(), Refusal> {
        match self.leases.insert(lease) {
            true => Ok(()),
            false => Err(Refusal::LeaseExists),
        }
    }

    /// The end of a lease, and of its keys: in one revision, in key order. Without keys the revision
    /// stays.
    ///
    /// # Errors
    /// If there is no such lease.
    pub fn revoke(&mut self, lease: i64) -> Result<Vec<Event>, Refusal> {
        if !self.leases.remove(&lease) {
            return Err(Refusal::NoLease);
        }
        let keys = self.attached.remove(&lease).unwrap_or_default();
        let next = self.revision + 1;
        let events: Vec<Event> = keys
            .into_iter()
            .filter_map(|key| self.delete_one(&key, next))
            .collect();
        if !events.is_empty() {
            self.revision = next;
        }
        Ok(events)
    }

    /// Forgets what is older than a revision: of each key the newest version up to it stays, unless
    /// that is a deletion from before it.
    ///
    /// # Errors
    /// If the revision is compacted or yet to come.
    pub fn compact(&mut self, revision: i64) -> Result<(), Refusal> {
        if revision <= self.compacted {
            return Err(Refusal::Compacted);
        }
        if revision > self.revision {
            return Err(Refusal::Future);
        }
        self.compacted = revision;
        self.keys.retain(|_, versions| {
            let after = versions.partition_point(|kv| kv.mod_revision <= revision);
            versions.drain(..after.saturating_sub(1));
            let first = &versions[0];
            if first.version == 0 && first.mod_revision < revision {
                versions.remove(0);
            }
            !versions.is_empty()
        });
        Ok(())
    }

    /// Carries a request out, or refuses it and changes nothing.
    ///
    /// # Errors
    /// As [`Refusal`] says.
    pub fn apply(&mut self, call: &KvCall) -> Result<Answer, Refusal> {
        txn::validate(call)?;
        let path = txn::decide(self, call);
        let next = self.revision + 1;
        let mut events = Vec::new();
        match txn::carry_out(self, call, &path, next, &mut events) {
            Ok(reply) => {
                if !events.is_empty() {
                    self.revision = next;
                }
                before_revision(&mut events, next);
                let revision = self.revision;
                Ok(Answer {
                    revision,
                    reply,
                    events,
                })
            }
            Err(refusal) => {
                self.undo(&events, next);
                Err(refusal)
            }
        }
    }

    /// Takes back what the last call of [`Store::apply`] or [`Store::revoke`] with these events did.
    /// A lease that it ended stays ended.
    pub fn take_back(&mut self, events: &[Event]) {
        if let Some(first) = events.first() {
            let revision = first.kv.mod_revision;
            self.undo(events, revision);
            self.revision = revision - 1;
        }
    }

    /// Makes these events true at a revision, whatever the rules say, and goes to that revision: how a
    /// checker goes on after something that it cannot explain.
    pub fn impose(&mut self, revision: i64, events: &[Event]) {
        for event in events {
            let before = self.get(&event.kv.key).map_or(0, |kv| kv.lease);
            self.detach(before, &event.kv.key);
            self.attach(event.kv.lease, &event.kv.key);
            self.push(event.kv.clone());
        }
        self.revision = revision;
    }

    fn undo(&mut self, events: &[Event], revision: i64) {
        for event in events.iter().rev() {
            let key = &event.kv.key;
            let Some(versions) = self.keys.get_mut(key) else {
                continue;
            };
            if versions
                .last()
                .is_some_and(|kv| kv.mod_revision == revision)
            {
                versions.pop();
            }
            let before = versions.last().map_or(0, |kv| kv.lease);
            if versions.is_empty() {
                self.keys.remove(key);
            }
            self.detach(event.kv.lease, key);
            self.attach(before, key);
        }
    }

    fn attach(&mut self, lease: i64, key: &Blob) {
        if lease != 0 {
            self.attached.entry(lease).or_default().insert(key.clone());
        }
    }

    fn detach(&mut self, lease: i64, key: &Blob) {
        if let Some(keys) = self.attached.get_mut(&lease) {
            keys.remove(key);
            if keys.is_empty() {
                self.attached.remove(&lease);
            }
        }
    }

    /// A write. The event carries the version before, whoever wants it.
    fn put(&mut self, put: &PutCall, revision: i64) -> Result<Event, Refusal> {
        let prev = self.get(&put.key).cloned();
        let lease = match (&prev, put.ignore_lease) {
            (Some(prev), true) => prev.lease,
            (None, true) => return Err(Refusal::NoKey),
            (_, false) => put.lease,
        };
        let value = match (&prev, put.ignore_value) {
            (Some(prev), true) => prev.value.clone(),
            (None, true) => return Err(Refusal::NoKey),
            (_, false) => put.value.clone(),
        };
        if lease != 0 && !self.has_lease(lease) {
            return Err(Refusal::NoLease);
        }
        let kv = KeyValue {
            key: put.key.clone(),
            value,
            create_revision: prev.as_ref().map_or(revision, |prev| prev.create_revision),
            mod_revision: revision,
            version: prev.as_ref().map_or(1, |prev| prev.version + 1),
            lease,
        };
        self.detach(prev.as_ref().map_or(0, |prev| prev.lease), &put.key);
        self.attach(lease, &put.key);
        self.push(kv.clone());
        Ok(Event {
            kind: EventKind::Put,
            kv,
            prev,
        })
    }

    fn delete(&mut self, delete: &DeleteCall, revision: i64) -> Vec<Event> {
        let found = self.range_at(&delete.range, i64::MAX);
        let keys: Vec<Blob> = found.into_iter().map(|kv| kv.key.clone()).collect();
        keys.iter()
            .filter_map(|key| self.delete_one(key, revision))
            .collect()
    }

    fn delete_one(&mut self, key: &Blob, revision: i64) -> Option<Event> {
        let prev = self.get(key).cloned()?;
        self.detach(prev.lease, key);
        let kv = KeyValue {
            key: key.clone(),
            mod_revision: revision,
            ..KeyValue::default()
        };
        self.push(kv.clone());
        Some(Event {
            kind: EventKind::Delete,
            kv,
            prev: Some(prev),
        })
    }

    /// Of several changes in one revision the last is what can be read. Transactions write a key once,
    /// but may delete and then not write it.
    fn push(&mut self, kv: KeyValue) {
        let versions = self.keys.entry(kv.key.clone()).or_default();
        versions.push(kv);
    }

    /// Answers a read.
    ///
    /// # Errors
    /// If its revision is compacted or yet to come.
    pub fn range(&self, call: &crate::history::RangeCall) -> Result<RangeReply, Refusal> {
        read::range(self, call)
    }
}
