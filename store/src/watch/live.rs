//! Following the feed.

use super::state::{HubState, Side};
use super::watcher::State;
use crate::Revision;
use crate::faults::{Plant, failpoint, planted};
use std::sync::atomic::Ordering;

impl HubState {
    /// Takes a bounded amount of what was published since the last time and gives it to the synced
    /// watchers. True if more waits.
    pub fn advance(&mut self) -> bool {
        let bytes_max = self.feed.options.slice_bytes / 2;
        let (batches, published) = {
            let window = self.feed.window.lock();
            let batches = window.read(self.processed + 1, Revision::MAX, bytes_max);
            (batches, window.published())
        };
        if self.watchers.is_empty() {
            self.processed = published;
            return false;
        }
        match batches {
            Some(batches) => {
                failpoint!("watch-before-deliver");
                for batch in &batches {
                    self.deliver(Side::Live, batch, 0);
                    self.processed = batch.revision();
                }
                self.flush(None);
                failpoint!("watch-delivered");
            }
            None => self.miss(published),
        }
        self.reach_starts();
        self.processed < published
    }

    /// The first watcher of a hub arrives: from now on the hub wants to be woken. With nobody to
    /// give them to, the events until now are done with.
    pub fn listen(&mut self) {
        // Before the window is read: whoever publishes after that sees the flag.
        self.mailbox.listening.store(true, Ordering::SeqCst);
        self.processed = self.feed.window.lock().published();
    }

    /// What follows on the processed revision is no longer in the window, because this hub was slow
    /// or because the state was replaced. Every synced watcher that may have missed something
    /// catches up from exactly there.
    fn miss(&mut self, published: Revision) {
        let back = planted(Plant::WatchGoesBack);
        let next = if back { 0 } else { self.processed + 1 };
        for key in self.watchers.numbers() {
            let watcher = &self.watchers[key];
            let State::Synced { from } = watcher.state else {
                continue;
            };
            if from > published {
                continue;
            }
            self.streams[watcher.stream].unsynced += 1;
            super::counters::add(&self.feed.counters.slow_watchers, 1);
            self.leave(Side::Live, key);
            self.enter_behind(key, from.max(next));
        }
        self.processed = published;
    }

    /// Watchers whose start has come may be told of progress from now on.
    fn reach_starts(&mut self) {
        while let Some(entry) = self.future.first_entry() {
            if *entry.key() > self.processed {
                break;
            }
            let (reach, keys) = entry.remove_entry();
            for key in keys {
                if let Some(watcher) = self.watchers.get_mut(key)
                    && watcher.reach == reach
                    && !watcher.reached
                {
                    watcher.reached = true;
                    self.streams[watcher.stream].future -= 1;
                }
            }
        }
    }
}
