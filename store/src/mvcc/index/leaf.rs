//! A leaf of the tree: up to 64 keys in order, and the newest records that are cached for them.

use super::entry::Entry;
use super::heads::{Ascending, Heads};
use crate::Revision;
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most keys in a leaf: one bit each in [`Leaf::touched`].
pub(crate) const LEAF_KEYS: usize = 64;
/// Room is added in steps, so that half-full leaves do not hold memory for full ones.
const GROWTH: usize = 16;

/// What a subtree holds in all, kept beside every child so that whole subtrees can be counted or
/// passed over without a look inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Keys that exist now.
    pub live: u64,
    /// Keys in which a compaction may find something to drop.
    pub trimmable: u64,
    /// Cached records.
    pub cached: u64,
    /// Newest revision of any key.
    pub newest: Revision,
}

impl Sum {
    pub fn of(entry: &Entry, cached: bool) -> Sum {
        Sum {
            live: entry.is_live().into(),
            trimmable: entry.is_trimmable().into(),
            cached: cached.into(),
            newest: entry.newest().revision,
        }
    }

    pub fn add(&mut self, other: Sum) {
        self.live += other.live;
        self.trimmable += other.trimmable;
        self.cached += other.cached;
        self.newest = self.newest.max(other.newest);
    }

    /// Takes one key's change into account.
    pub fn exchange(&mut self, before: Sum, after: Sum) {
        self.live = self.live - before.live + after.live;
        self.trimmable = self.trimmable - before.trimmable + after.trimmable;
        self.cached = self.cached - before.cached + after.cached;
        self.newest = self.newest.max(after.newest);
    }
}

impl Ascending for Vec<Entry> {
    fn len(&self) -> usize {
        self.len()
    }

    fn key(&self, at: usize) -> &[u8] {
        &self[at].key
    }
}

#[derive(Debug, Default)]
pub(crate) struct Leaf {
    pub entries: Vec<Entry>,
    heads: Heads,
    /// Beside `entries`, or empty while nothing is cached here.
    records: Vec<Option<Bytes>>,
    /// Bit i: the cached record of key i was read since the eviction hand came by.
    touched: AtomicU64,
}

impl Leaf {
    pub fn from_entries(entries: Vec<Entry>) -> Leaf {
        Leaf {
            heads: Heads::of(&entries),
            entries,
            ..Leaf::default()
        }
    }

    pub fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.heads.find(key, &self.entries)
    }

    pub fn record(&self, at: usize) -> Option<&Bytes> {
        self.records.get(at)?.as_ref()
    }

    pub fn touch(&self, at: usize) {
        let bit = 1 << at;
        if self.touched.load(Ordering::Relaxed) & bit == 0 {
            self.touched.fetch_or(bit, Ordering::Relaxed);
        }
    }

    pub fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        for (at, entry) in self.entries.iter().enumerate() {
            sum.add(Sum::of(entry, self.record(at).is_some()));
        }
        sum
    }

    pub fn insert(&mut self, at: usize, entry: Entry) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(GROWTH);
        }
        self.entries.insert(at, entry);
        self.heads.insert(at, &self.entries, GROWTH);
        if !self.records.is_empty() {
            self.records.insert(at, None);
        }
        let touched = self.touched.get_mut();
        let below = (1 << at) - 1;
        *touched = (*touched & below) | ((*touched & !below) << 1);
    }

    /// Changes one key and its cached record; returns what it counted for before and after.
    pub fn change<T>(
        &mut self,
        at: usize,
        change: impl FnOnce(&mut Entry, &mut Option<Bytes>) -> T,
    ) -> (T, Sum) {
        let mut record = match self.records.get_mut(at) {
            Some(record) => record.take(),
            None => None,
        };
        let answer = change(&mut self.entries[at], &mut record);
        let after = Sum::of(&self.entries[at], record.is_some());
        if record.is_some() && self.records.is_empty() {
            self.records.resize(self.entries.len(), None);
        }
        if let Some(slot) = self.records.get_mut(at) {
            *slot = record;
        }
        (answer, after)
    }

    /// Moves the keys from `at` on into a new leaf.
    pub fn split_off(&mut self, at: usize) -> Leaf {
        let mut entries = Vec::with_capacity(self.entries.len() - at + GROWTH);
        entries.extend(self.entries.drain(at..));
        self.heads.renew(&self.entries);
        let records = match self.records.is_empty() {
            true => Vec::new(),
            false => self.records.split_off(at),
        };
        let touched = self.touched.get_mut();
        let moved = touched.checked_shr(at as u32).unwrap_or(0);
        if at < LEAF_KEYS {
            *touched &= (1 << at) - 1;
        }
        Leaf {
            heads: Heads::of(&entries),
            entries,
            records,
            touched: AtomicU64::new(moved),
        }
    }

    /// Takes over the keys of the next leaf.
    pub fn append(&mut self, mut next: Leaf) {
        let at = self.entries.len();
        if !self.records.is_empty() || !next.records.is_empty() {
            self.records.resize(at, None);
            next.records.resize(next.entries.len(), None);
            self.records.append(&mut next.records);
        }
        self.entries.reserve_exact(next.entries.len());
        self.entries.append(&mut next.entries);
        self.heads.renew(&self.entries);
        let moved = next.touched.get_mut().checked_shl(at as u32).unwrap_or(0);
        *self.touched.get_mut() |= moved;
    }

    /// Keeps the keys for which `keep` says so; it may change them.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut Entry, &mut Option<Bytes>) -> bool) {
        let touched = std::mem::take(self.touched.get_mut());
        let mut kept_touched = 0;
        let mut kept = 0;
        for at in 0..self.entries.len() {
            let mut none = None;
            let record = self.records.get_mut(at).unwrap_or(&mut none);
            if !keep(&mut self.entries[at], record) {
                continue;
            }
            self.entries.swap(kept, at);
            if !self.records.is_empty() {
                self.records.swap(kept, at);
            }
            kept_touched |= (touched >> at & 1) << kept;
            kept += 1;
        }
        if kept < self.entries.len() {
            self.entries.truncate(kept);
            self.heads.renew(&self.entries);
        }
        self.records.truncate(kept);
        *self.touched.get_mut() = kept_touched;
    }

    /// The eviction hand comes by: drops cached records not read since the last time (all of them
    /// if `ruthless`), and returns what `cost` says they held.
    pub fn evict(&mut self, ruthless: bool, cost: impl Fn(&Bytes) -> usize) -> usize {
        let touched = std::mem::take(self.touched.get_mut());
        let mut freed = 0;
        let mut left = false;
        for (at, slot) in self.records.iter_mut().enumerate() {
            let spared = !ruthless && touched >> at & 1 == 1;
            match slot {
                Some(record) if !spared => {
                    freed += cost(record);
                    *slot = None;
                }
                Some(_) => left = true,
                None => {}
            }
        }
        if !left {
            self.records = Vec::new();
        }
        freed
    }
}
