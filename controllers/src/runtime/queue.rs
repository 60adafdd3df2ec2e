//! Keys that want to be looked at: each once however often it was asked for, and never by two at a time.

use super::meter::QueueMeter;
use crate::objects::Key;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The first pause after a failure; it doubles with each failure in a row, and is up to half as long again:
/// two who hinder each other do not go on in step.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    wake: Notify,
    meter: Arc<QueueMeter>,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Key>,
    /// Since when each waits.
    waiting: HashMap<Key, Instant>,
    /// Since when each is looked at.
    running: HashMap<Key, Instant>,
    /// Asked for while it was looked at.
    again: HashSet<Key>,
    later: BinaryHeap<Reverse<(Instant, Key)>>,
    /// The earliest time each key is wanted at; entries of `later` that are not it are old.
    due: HashMap<Key, Instant>,
    failures: HashMap<Key, u32>,
}

impl Queue {
    /// An empty queue that is counted there.
    pub(super) fn metered(meter: Arc<QueueMeter>) -> Queue {
        Queue {
            meter,
            state: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// The key is looked at as soon as somebody is free.
    pub fn add(&self, key: Key) {
        self.lock().add(key, &self.meter);
        self.wake.notify_one();
    }

    /// The key is looked at after this time at the latest.
    pub fn add_after(&self, key: Key, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        let at = Instant::now() + delay;
        let mut state = self.lock();
        if state.due.get(&key).is_none_or(|due| at < *due) {
            state.due.insert(key.clone(), at);
            state.later.push(Reverse((at, key)));
            drop(state);
            self.wake.notify_one();
        }
    }

    /// The next key, which is the caller's until it says [`Queue::done`].
    pub async fn next(&self) -> Key {
        loop {
            let wake = self.wake.notified();
            let due = {
                let mut state = self.lock();
                let now = Instant::now();
                let due = state.promote(now, &self.meter);
                if let Some(key) = state.ready.pop_front() {
                    let since = state.waiting.remove(&key).unwrap_or(now);
                    state.running.insert(key.clone(), now);
                    self.meter.taken(now - since, state.ready.len());
                    let has_more = !state.ready.is_empty();
                    drop(state);
                    if has_more {
                        self.wake.notify_one();
                    }
                    return key;
                }
                due
            };
            match due {
                Some(due) => {
                    tokio::select! {
                        () = wake => {}
                        () = tokio::time::sleep_until(due) => {}
                    }
                }
                None => wake.await,
            }
        }
    }

    /// The key has been looked at, and all is well.
    pub fn done(&self, key: &Key) {
        let mut state = self.lock();
        state.failures.remove(key);
        state.finish(key, &self.meter);
        drop(state);
        self.wake.notify_one();
    }

    /// It did not work out: the key comes again after a pause. Returns how often in a row that was so.
    ///
    /// No two pauses are alike: two who run the same loop would take the claim from each other in step, and
    /// neither would come to write.
    pub fn failed(&self, key: &Key) -> u32 {
        self.failed_within(key, LONGEST_PAUSE)
    }

    /// The same, with a bound for the pause.
    pub fn failed_within(&self, key: &Key, longest: Duration) -> u32 {
        let failures = {
            let mut state = self.lock();
            let failures = state.failures.entry(key.clone()).or_default();
            *failures += 1;
            let failures = *failures;
            state.finish(key, &self.meter);
            failures
        };
        self.meter.failed();
        let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let longer = rand::random_range(1.0..1.5);
        self.add_after(key.clone(), doubled.min(longest).mul_f64(longer));
        self.wake.notify_one();
        failures
    }

    /// How many keys wait to be looked at now.
    pub fn depth(&self) -> usize {
        self.lock().ready.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Its term is over: nothing waits any more.
        self.meter.is_deep(0);
    }
}

impl State {
    fn add(&mut self, key: Key, meter: &QueueMeter) {
        self.due.remove(&key);
        if self.running.contains_key(&key) {
            self.again.insert(key);
        } else if !self.waiting.contains_key(&key) {
            self.waiting.insert(key.clone(), Instant::now());
            self.ready.push_back(key);
            meter.added(self.ready.len());
        }
    }

    fn finish(&mut self, key: &Key, meter: &QueueMeter) {
        if let Some(since) = self.running.remove(key) {
            meter.looked_at(since.elapsed());
        }
        if self.again.remove(key) {
            self.add(key.clone(), meter);
        }
    }

    /// Moves what is due to what is ready. Returns when the next is due.
    fn promote(&mut self, now: Instant, meter: &QueueMeter) -> Option<Instant> {
        while let Some(Reverse((at, key))) = self.later.peek() {
            if self.due.get(key) != Some(at) {
                self.later.pop();
            } else if *at <= now {
                let key = key.clone();
                self.later.pop();
                self.add(key, meter);
            } else {
                return Some(*at);
            }
        }
        None
    }
}
