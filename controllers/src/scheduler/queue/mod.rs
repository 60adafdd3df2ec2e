//! Pods that want a node, and when each is looked at.
//!
//! A Pod is in one of five places: *active*, by priority and then by time; in *back-off* after a failure,
//! the longer the more it has failed; in the *pool*, where it waits for something to happen that may help
//! it; *gated*; or *in flight*, while it is looked at and bound. What happens while a Pod is in flight is
//! heard only after its failure has been noted, because changes are taken in between two looks: so no
//! event is missed, and none has to be kept. A Pod that nothing helps is looked at again after five
//! minutes anyway.
//!
//! | file | what |
//! |---|---|
//! | `entry` | one Pod in the queue |
//! | `mod` | the places and what moves Pods between them |
//!
//! What may enter: Pods, moments that the caller names. What never happens here: a clock, a look at a
//! node.

mod entry;
#[cfg(test)]
mod tests;

use super::framework::{Event, Plugin};
use super::pod::PodInfo;
use crate::objects::Key;
use entry::{Entry, Place, Rank};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often the pool is looked through for Pods that nothing has helped.
const FLUSH_EVERY: Duration = Duration::from_secs(30);
/// How long nothing may help a Pod until it is looked at again.
const POOL_MAX: Duration = Duration::from_secs(300);

/// A set of plug-ins: bit n is the plug-in in place n.
pub type PluginSet = u32;

/// See the module. It holds no more Pods than the cluster has.
#[derive(Debug)]
pub struct Queue {
    entries: HashMap<Key, Entry>,
    active: BTreeSet<Rank>,
    backoff: BTreeSet<(Instant, u64, Key)>,
    pool: HashSet<Key>,
    gated: usize,
    /// How many Pods of the pool each plug-in has rejected.
    rejected: [usize; PluginSet::BITS as usize],
    flushed: Instant,
    serial: u64,
}

impl Queue {
    /// An empty queue.
    pub fn new(now: Instant) -> Queue {
        Queue {
            entries: HashMap::new(),
            active: BTreeSet::new(),
            backoff: BTreeSet::new(),
            pool: HashSet::new(),
            gated: 0,
            rejected: [0; PluginSet::BITS as usize],
            flushed: now,
            serial: 0,
        }
    }

    /// A Pod wants a node, or has changed. `is_gated`: it must wait. One that has failed is looked at
    /// again if its change may help it.
    pub fn put(
        &mut self,
        info: Arc<PodInfo>,
        is_gated: bool,
        plugins: &[Box<dyn Plugin>],
        now: Instant,
    ) {
        let key = info.key.clone();
        let Some(mut entry) = self.entries.remove(&key) else {
            return self.admit(Entry::new(info, now), is_gated, now);
        };
        if !entry.info.is_same(&info.pod) {
            self.leave(&key, &entry);
            return self.admit(Entry::new(info, now), is_gated, now);
        }
        let before = std::mem::replace(&mut entry.info, info);
        let is_moved = match entry.place {
            Place::Gated => !is_gated,
            Place::Active(_) => is_gated || entry.info.priority != before.priority,
            Place::BackOff(..) => is_gated,
            Place::Pool if is_gated => true,
            Place::Pool => {
                let event = Event::Itself { before: &before };
                before.differs(&entry.info) && entry.is_helped(plugins, &event)
            }
            Place::InFlight => false,
        };
        if is_moved {
            self.leave(&key, &entry);
            return self.admit(entry, is_gated, now);
        }
        self.entries.insert(key, entry);
    }

    fn admit(&mut self, entry: Entry, is_gated: bool, now: Instant) {
        match is_gated {
            true => self.enter(entry, Place::Gated),
            false => self.move_on(entry, now),
        }
    }

    /// A Pod wants no node any more.
    pub fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.leave(key, &entry);
        }
    }

    /// Whether there is a Pod to be looked at.
    pub fn has_next(&mut self, now: Instant) -> bool {
        self.advance(now);
        let mut resting = self.backoff.iter();
        !self.active.is_empty() || resting.any(|(.., key)| !self.entries[key].is_broken)
    }

    /// The next Pod to be looked at. It is in flight from then on.
    pub fn pop(&mut self, now: Instant) -> Option<Arc<PodInfo>> {
        self.advance(now);
        let key = match self.active.first() {
            Some(rank) => rank.key.clone(),
            // Nobody else wants anything: why wait? But what failed for another reason than nodes may
            // need its pause.
            None => {
                let waiting = self.backoff.iter().map(|(.., key)| key);
                let mut waiting = waiting.filter(|key| !self.entries[*key].is_broken);
                waiting.next()?.clone()
            }
        };
        let mut entry = self.entries.remove(&key)?;
        self.leave(&key, &entry);
        entry.attempts += 1;
        entry.first_tried.get_or_insert(now);
        let info = entry.info.clone();
        self.enter(entry, Place::InFlight);
        Some(info)
    }

    /// How often a Pod was looked at, and when for the first time.
    pub fn tried(&self, key: &Key) -> Option<(u32, Instant)> {
        let entry = self.entries.get(key)?;
        Some((entry.attempts, entry.first_tried?))
    }

    /// How many Pods are active, in back-off, in the pool, and gated.
    pub fn waiting(&self) -> [usize; 4] {
        let (active, resting) = (self.active.len(), self.backoff.len());
        [active, resting, self.pool.len(), self.gated]
    }

    /// No node will do, said these plug-ins. The Pod waits for what may help it.
    pub fn rejected(&mut self, pod: &PodInfo, by: PluginSet, now: Instant) {
        if let Some(mut entry) = self.landed(pod, now) {
            entry.rejected_by = by;
            entry.is_broken = false;
            self.enter(entry, Place::Pool);
        }
    }

    /// Something went wrong that is not about nodes. The Pod is looked at again after a pause.
    pub fn broken(&mut self, pod: &PodInfo, now: Instant) {
        if let Some(mut entry) = self.landed(pod, now) {
            entry.is_broken = true;
            let until = entry.rested();
            let serial = self.next_serial();
            self.enter(entry, Place::BackOff(until, serial));
        }
    }

    fn landed(&mut self, pod: &PodInfo, now: Instant) -> Option<Entry> {
        let entry = self.entries.get(&pod.key)?;
        if !matches!(entry.place, Place::InFlight) || !entry.info.is_same(&pod.pod) {
            return None;
        }
        let mut entry = self.entries.remove(&pod.key)?;
        entry.tried = now;
        Some(entry)
    }

    /// A Pod of the pool is looked at again, once it has rested.
    pub fn again(&mut self, pod: &PodInfo, now: Instant) {
        if self.pool.contains(&pod.key) {
            self.revive(&pod.key, now);
        }
    }

    /// Something has happened: Pods of the pool that it may help are looked at again, once they have
    /// rested.
    pub fn happened(&mut self, event: &Event<'_>, plugins: &[Box<dyn Plugin>], now: Instant) {
        if self.pool.is_empty() {
            return;
        }
        let helped = self.pool.iter().filter(|key| {
            let entry = &self.entries[*key];
            entry.is_helped(plugins, event)
        });
        let helped: Vec<Key> = helped.cloned().collect();
        for key in helped {
            self.revive(&key, now);
        }
    }

    /// Whether a Pod of the pool was rejected by one of these.
    pub fn has_rejected_by(&self, plugins: PluginSet) -> bool {
        let counts = self.rejected.iter().enumerate();
        counts
            .filter(|(at, _)| plugins & (1 << at) != 0)
            .any(|(_, count)| *count > 0)
    }

    fn revive(&mut self, key: &Key, now: Instant) {
        if let Some(entry) = self.entries.remove(key) {
            self.leave(key, &entry);
            self.move_on(entry, now);
        }
    }

    /// Into back-off while it has to rest, else among the active.
    fn move_on(&mut self, mut entry: Entry, now: Instant) {
        let until = entry.rested();
        let serial = self.next_serial();
        let place = match entry.attempts > 0 && until > now {
            true => Place::BackOff(until, serial),
            false => {
                entry.since = now;
                Place::Active(serial)
            }
        };
        self.enter(entry, place);
    }

    /// Moves what has rested, and what nothing has helped for long.
    fn advance(&mut self, now: Instant) {
        while let Some((until, _, key)) = self.backoff.first()
            && *until <= now
        {
            let key = key.clone();
            self.revive(&key, now);
        }
        if now >= self.flushed + FLUSH_EVERY {
            self.flushed = now;
            let old = self.pool.iter();
            let old = old.filter(|key| now - self.entries[*key].tried > POOL_MAX);
            let old: Vec<Key> = old.cloned().collect();
            for key in old {
                self.revive(&key, now);
            }
        }
    }

    /// When there may be something to look at if nothing happens until then.
    pub fn due(&self) -> Option<Instant> {
        let rested = self.backoff.first().map(|(until, ..)| *until);
        let flush = (!self.pool.is_empty()).then(|| self.flushed + FLUSH_EVERY);
        rested.into_iter().chain(flush).min()
    }

    /// How many Pods are active, in back-off, and in the pool.
    #[cfg(test)]
    pub fn lengths(&self) -> (usize, usize, usize) {
        (self.active.len(), self.backoff.len(), self.pool.len())
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn enter(&mut self, mut entry: Entry, place: Place) {
        entry.place = place;
        let key = entry.info.key.clone();
        match entry.place {
            Place::Active(serial) => {
                self.active.insert(entry.rank(serial));
            }
            Place::BackOff(until, serial) => {
                self.backoff.insert((until, serial, key.clone()));
            }
            Place::Pool => {
                self.pool.insert(key.clone());
                entry.each_rejecting(|at| self.rejected[at] += 1);
            }
            Place::Gated => self.gated += 1,
            Place::InFlight => {}
        }
        self.entries.insert(key, entry);
    }

    /// Takes an entry that is in the table no more out of its place.
    fn leave(&mut self, key: &Key, entry: &Entry) {
        match entry.place {
            Place::Active(serial) => {
                self.active.remove(&entry.rank(serial));
            }
            Place::BackOff(until, serial) => {
                self.backoff.remove(&(until, serial, key.clone()));
            }
            Place::Pool => {
                self.pool.remove(key);
                entry.each_rejecting(|at| self.rejected[at] -= 1);
            }
            Place::Gated => self.gated -= 1,
            Place::InFlight => {}
        }
    }
}
