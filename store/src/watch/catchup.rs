//! Bringing unsynced watchers to the live edge.
//!
//! Each turn reads up to two slices of history, and every unsynced watcher whose next revision lies
//! in a slice takes part in it, so watchers close to each other share the reading. The *sweep* goes
//! from the oldest position upward and starts again below when it has passed the newest: nobody
//! waits longer than one pass. The second slice is for the position *nearest* to the live edge, so
//! that a watcher that missed little does not wait behind one that missed much.
//!
//! A slice that is not in the window is read from the store on this thread. That is why slices are
//! small: the front's connections wait as long as one sequential read of that size takes.

use super::batch::SharedBatch;
use super::state::{HubState, Side};
use super::watcher::{State, header};
use crate::faults::{Plant, failpoint, planted};
use crate::{Error, Revision};
use keelson_proto::serving::WatchResponse;
use std::sync::Arc;

impl HubState {
    /// Streams that have drained: their lagging watchers catch up from where they stopped.
    pub fn resume_drained(&mut self) {
        for stream in self.mailbox.take_drained() {
            let Some(entry) = self.streams.get_mut(stream) else {
                continue;
            };
            for key in std::mem::take(&mut entry.lagging) {
                let next = self.watchers[key].floor();
                let again = Revision::from(planted(Plant::EventTwiceAfterLag));
                self.enter_behind(key, next - again);
            }
        }
    }

    /// Reads the slices of one turn. True if somebody is still behind.
    pub fn catch_up(&mut self) -> bool {
        if let Some(from) = self.next_of_sweep() {
            self.sweep = self.slice(from) + 1;
        }
        if let Some(from) = self.nearest()
            && from != self.sweep
        {
            self.slice(from);
        }
        self.unsynced > 0
    }

    fn next_of_sweep(&mut self) -> Option<Revision> {
        loop {
            let above = self.positions.range(self.sweep..).next();
            let (&position, _) = above.or_else(|| self.positions.first_key_value())?;
            if self.is_occupied(position) {
                return Some(position);
            }
        }
    }

    fn nearest(&mut self) -> Option<Revision> {
        loop {
            let (&position, _) = self.positions.last_key_value()?;
            if self.is_occupied(position) {
                return Some(position);
            }
        }
    }

    /// Whether a watcher still stands at `position`; forgets the position if none does.
    fn is_occupied(&mut self, position: Revision) -> bool {
        let here = State::Unsynced { next: position };
        let watchers = &self.watchers;
        let stands = |key: &u32| watchers.get(*key).is_some_and(|at| at.state == here);
        let occupied = self
            .positions
            .get(&position)
            .is_some_and(|keys| keys.iter().any(stands));
        if !occupied {
            self.positions.remove(&position);
        }
        occupied
    }

    /// Gives the unsynced watchers one slice of the events from `from` on. Returns the last revision
    /// it covered.
    fn slice(&mut self, from: Revision) -> Revision {
        if from < self.feed.source.compacted() {
            self.cancel_compacted(from);
            return from;
        }
        failpoint!("catchup-before-read");
        let batches = match self.read(from) {
            Ok(batches) => batches,
            Err(Error::Compacted) => {
                self.cancel_compacted(from);
                return from;
            }
            Err(error) => {
                // The client sees where it was and can ask again, perhaps elsewhere.
                self.cancel_positions(from, from, |id| refusal_of(id, &error));
                return from;
            }
        };
        // Below `from` only if the store does not show yet what was published: look again.
        let covered = batches.last().map_or(from - 1, |batch| batch.revision());
        if covered < from {
            return from - 1;
        }
        for batch in &batches {
            self.deliver(Side::Behind, batch, from);
        }
        self.flush(Some(covered));
        failpoint!("catchup-before-settle");
        self.settle(from, covered);
        covered
    }

    /// Events from `from` to the processed revision at most: from memory if they are there.
    fn read(&self, from: Revision) -> Result<Vec<Arc<SharedBatch>>, Error> {
        let bytes_max = self.feed.options.slice_bytes;
        let window = self
            .feed
            .window
            .lock()
            .read(from, self.processed, bytes_max);
        match window {
            Some(batches) if !batches.is_empty() => Ok(batches),
            _ => {
                let source = &self.feed.source;
                let batch = source.history(from, self.processed, bytes_max)?;
                Ok(vec![Arc::new(SharedBatch::new(Arc::new(batch)))])
            }
        }
    }

    /// Everybody who stood in `[from, covered]` now has everything up to `covered`.
    fn settle(&mut self, from: Revision, covered: Revision) {
        for (position, keys) in self.take_positions(from, covered) {
            for key in keys {
                let state = self.watchers.get(key).map(|watcher| watcher.state);
                if state != Some(State::Unsynced { next: position }) {
                    continue;
                }
                let next = covered + 1;
                if covered >= self.processed {
                    self.become_synced(key, next);
                } else {
                    self.watchers[key].state = State::Unsynced { next };
                    self.positions.entry(next).or_default().push(key);
                }
            }
        }
    }

    fn become_synced(&mut self, key: u32, from: Revision) {
        self.leave(Side::Behind, key);
        self.unsynced -= 1;
        self.enter_live(key, from);
        failpoint!("watch-synced");
        self.streams[self.watchers[key].stream].unsynced -= 1;
        super::counters::subtract(&self.feed.counters.slow_watchers, 1);
    }

    /// History below the compacted revision is gone, and with it these watches (contract #60).
    fn cancel_compacted(&mut self, from: Revision) {
        let compacted = self.feed.source.compacted().max(from + 1);
        self.cancel_positions(0, compacted - 1, |watch_id| {
            compacted_reply(watch_id, compacted)
        });
    }

    fn cancel_positions(
        &mut self,
        from: Revision,
        to: Revision,
        reply: impl Fn(i64) -> WatchResponse,
    ) {
        for (position, keys) in self.take_positions(from, to) {
            for key in keys {
                let Some(watcher) = self.watchers.get(key) else {
                    continue;
                };
                if watcher.state == (State::Unsynced { next: position }) {
                    let (stream, id) = (watcher.stream, watcher.id);
                    self.remove(key);
                    self.reply(stream, reply(id));
                }
            }
        }
    }

    fn take_positions(&mut self, from: Revision, to: Revision) -> Vec<(Revision, Vec<u32>)> {
        let positions: Vec<Revision> = self.positions.range(from..=to).map(|at| *at.0).collect();
        let take = |at| self.positions.remove(&at).map(|keys| (at, keys));
        positions.into_iter().filter_map(take).collect()
    }
}

/// A watch that asked for history that is gone. The header says revision zero and there is no
/// reason: so does etcd, and clients look at `compact_revision` (contract #58).
pub(crate) fn compacted_reply(watch_id: i64, compacted: Revision) -> WatchResponse {
    WatchResponse {
        header: Some(header(0)),
        watch_id,
        canceled: true,
        compact_revision: compacted,
        ..WatchResponse::default()
    }
}

fn refusal_of(watch_id: i64, error: &Error) -> WatchResponse {
    WatchResponse {
        header: Some(header(0)),
        watch_id,
        canceled: true,
        cancel_reason: error.text().to_owned(),
        ..WatchResponse::default()
    }
}
