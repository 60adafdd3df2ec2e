//! A hub's tables, and the one way in which an event reaches a watcher.

use super::batch::SharedBatch;
use super::counters;
use super::feed;
use super::index::{Index, WatcherKey};
use super::mailbox::Mailbox;
use super::outbound::{Item, Outbound};
use super::slots::Slots;
use super::watcher::{ByRevision, State, StreamKey, Watcher};
use crate::Revision;
use crate::faults::{Plant, planted};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::Instant;

/// What a queued event costs beside its encoding, if it is a response of its own.
const ITEM_BYTES: usize = 192;

/// One client's stream, as the hub sees it.
#[derive(Debug)]
pub(crate) struct StreamEntry {
    pub outbound: Arc<Outbound>,
    pub watchers: BTreeMap<i64, WatcherKey>,
    pub next_id: i64,
    /// Ends when the member has had no leader for too long.
    pub requires_leader: bool,
    /// Watchers that are not synced, the lagging among them.
    pub unsynced: usize,
    /// Watchers whose start is still to come.
    pub future: usize,
    pub lagging: Vec<WatcherKey>,
    /// Progress was requested and not given yet: the store's revision at the time.
    pub progress_requested: Option<Revision>,
    /// Watchers that want periodic progress, and when it is due.
    pub notified: usize,
    pub progress_due: Option<Instant>,
    /// The event charged last: its bytes are shared with the next watcher that gets it.
    charged: (Revision, u32),
}

impl StreamEntry {
    pub fn new(outbound: Arc<Outbound>) -> StreamEntry {
        StreamEntry {
            outbound,
            watchers: BTreeMap::new(),
            next_id: 0,
            requires_leader: false,
            unsynced: 0,
            future: 0,
            lagging: Vec::new(),
            progress_requested: None,
            notified: 0,
            progress_due: None,
            charged: (0, 0),
        }
    }
}

/// Everything a hub knows. Used under the hub's lock; nothing in it waits or reads a clock.
pub(crate) struct HubState {
    pub feed: Arc<feed::Shared>,
    pub mailbox: Arc<Mailbox>,
    /// Every event up to here has been given to the synced watchers.
    pub processed: Revision,
    pub watchers: Slots<Watcher>,
    pub streams: Slots<StreamEntry>,
    /// The synced watchers.
    pub live: Index,
    /// The unsynced watchers, by range and by next revision.
    pub behind: Index,
    pub positions: ByRevision,
    pub unsynced: usize,
    /// Where the sweep over `positions` goes on. See `catchup`.
    pub sweep: Revision,
    /// Watchers whose start has not come, by start.
    pub future: ByRevision,
    /// Streams with a remembered progress request. May mention streams that are gone.
    pub progress_requests: Vec<StreamKey>,
    /// When periodic progress is due.
    pub due: BTreeSet<(Instant, StreamKey)>,
    /// Watchers with pending events.
    touched: Vec<WatcherKey>,
    /// Room to collect an event's watchers in.
    matched: Vec<WatcherKey>,
}

/// Which watchers a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The synced.
    Live,
    /// The unsynced.
    Behind,
}

impl HubState {
    pub fn new(feed: Arc<feed::Shared>, mailbox: Arc<Mailbox>) -> HubState {
        let processed = feed.window.lock().published();
        HubState {
            feed,
            mailbox,
            processed,
            watchers: Slots::default(),
            streams: Slots::default(),
            live: Index::default(),
            behind: Index::default(),
            positions: ByRevision::new(),
            unsynced: 0,
            sweep: 0,
            future: ByRevision::new(),
            progress_requests: Vec::new(),
            due: BTreeSet::new(),
            touched: Vec::new(),
            matched: Vec::new(),
        }
    }

    /// One turn: what is new, then a bounded slice of what is old. True if there is more to do now.
    pub fn turn(&mut self) -> bool {
        self.resume_drained();
        let more_live = self.advance();
        let more_behind = self.catch_up();
        self.answer_progress_requests();
        more_live || more_behind
    }

    /// Gives each event of `batch` from revision `from` on to the watchers of one side that want it.
    /// Whoever catches up and still needs something before `from` is left out.
    pub fn deliver(&mut self, side: Side, batch: &SharedBatch, from: Revision) {
        let mut matched = std::mem::take(&mut self.matched);
        let events = batch.events();
        let start = events.partition_point(|event| event.revision < from);
        for (index, event) in events.iter().enumerate().skip(start) {
            matched.clear();
            match side {
                Side::Live => self.live.matches(&event.key, &mut matched),
                Side::Behind => self.behind.matches(&event.key, &mut matched),
            }
            for watcher in &matched {
                self.offer(*watcher, batch, index, from);
            }
        }
        self.matched = matched;
    }

    fn offer(&mut self, key: WatcherKey, batch: &SharedBatch, index: usize, from: Revision) {
        let event = &batch.events()[index];
        let revision = event.revision;
        let watcher = &mut self.watchers[key];
        let wanted = match event.deleted {
            true => watcher.wants.deletes,
            false => watcher.wants.puts,
        };
        let floor = watcher.floor();
        if !wanted || revision < floor || floor < from {
            return;
        }
        let stream = &mut self.streams[watcher.stream];
        // Only between revisions: the events of one revision stay together.
        let is_between = watcher.pending.last != revision;
        if is_between && stream.outbound.is_full() {
            let lost = Revision::from(planted(Plant::SlowWatcherLosesEvent));
            self.fall_behind(key, revision + lost);
            return;
        }
        let source = &*self.feed.source;
        let encoded = batch.encoded(index, watcher.wants.previous, source);
        let size_max = self.feed.options.response_bytes;
        let (pending, outbound) = (&mut watcher.pending, &stream.outbound);
        let is_split = planted(Plant::RevisionSplit) && outbound.is_full() && !pending.is_empty();
        if is_split || pending.is_complete_before(revision, encoded.len(), size_max) {
            let last = pending.last;
            watcher.seal(last, size_max, &mut |item| outbound.push(item));
        }
        if watcher.pending.is_empty() {
            self.touched.push(key);
        }
        let shared = std::mem::replace(&mut stream.charged, (revision, event.sub));
        let charge = match shared == (revision, event.sub) {
            true => ITEM_BYTES,
            false => ITEM_BYTES + encoded.len(),
        };
        outbound.charge(charge);
        watcher.pending.push(revision, encoded, charge);
    }

    /// Turns what was given into responses. `covered`: the revision up to which an unsynced watcher
    /// now has everything; a header may say so (contract #63).
    pub fn flush(&mut self, covered: Option<Revision>) {
        let mut touched = std::mem::take(&mut self.touched);
        let size_max = self.feed.options.response_bytes;
        let mut events = 0;
        for key in touched.drain(..) {
            let watcher = &mut self.watchers[key];
            if watcher.pending.is_empty() {
                continue;
            }
            let revision = match (watcher.state, covered) {
                (State::Unsynced { .. }, Some(covered)) => covered,
                _ => watcher.pending.last,
            };
            let outbound = &self.streams[watcher.stream].outbound;
            watcher.seal(revision, size_max, &mut |item| {
                events += item.response.events.len();
                outbound.push(item);
            });
        }
        counters::add(&self.feed.counters.events_total, events);
        self.touched = touched;
    }

    /// The watcher's stream is full: from `next` on it gets nothing until the stream has drained.
    fn fall_behind(&mut self, key: WatcherKey, next: Revision) {
        match self.watchers[key].state {
            State::Synced { .. } => {
                self.leave(Side::Live, key);
                self.streams[self.watchers[key].stream].unsynced += 1;
                counters::add(&self.feed.counters.slow_watchers, 1);
            }
            State::Unsynced { .. } => {
                self.leave(Side::Behind, key);
                self.unsynced -= 1;
            }
            State::Lagging { .. } => return,
        }
        self.watchers[key].state = State::Lagging { next };
        let stream = &mut self.streams[self.watchers[key].stream];
        stream.lagging.push(key);
        stream.outbound.block();
    }

    /// Puts a watcher that is in no index among those that catch up. Its stream and the hub's
    /// counts of unsynced watchers are the caller's.
    pub fn enter_behind(&mut self, key: WatcherKey, next: Revision) {
        let watcher = &mut self.watchers[key];
        watcher.state = State::Unsynced { next };
        watcher.place = self.behind.insert(&watcher.range, key);
        self.positions.entry(next).or_default().push(key);
        self.unsynced += 1;
    }

    /// Puts a watcher that is in no index among the live ones.
    pub fn enter_live(&mut self, key: WatcherKey, from: Revision) {
        let watcher = &mut self.watchers[key];
        watcher.state = State::Synced { from };
        watcher.place = self.live.insert(&watcher.range, key);
    }

    /// Takes a watcher out of the index it is in.
    pub fn leave(&mut self, side: Side, key: WatcherKey) {
        let index = match side {
            Side::Live => &mut self.live,
            Side::Behind => &mut self.behind,
        };
        let place = self.watchers[key].place;
        if let Some(moved) = index.remove(place) {
            self.watchers[moved].place = place;
        }
    }

    /// Removes a watcher altogether.
    pub fn remove(&mut self, key: WatcherKey) {
        let counters = self.feed.counters.clone();
        match self.watchers[key].state {
            State::Synced { .. } => self.leave(Side::Live, key),
            State::Unsynced { .. } => {
                self.leave(Side::Behind, key);
                self.unsynced -= 1;
            }
            State::Lagging { .. } => {
                let stream = &mut self.streams[self.watchers[key].stream];
                stream.lagging.retain(|lagging| *lagging != key);
            }
        }
        let watcher = self.watchers.remove(key).expect("a watcher in the table");
        let stream = &mut self.streams[watcher.stream];
        if !matches!(watcher.state, State::Synced { .. }) {
            stream.unsynced -= 1;
            counters::subtract(&counters.slow_watchers, 1);
        }
        stream.future -= usize::from(!watcher.reached);
        stream.notified -= usize::from(watcher.wants.progress);
        stream.watchers.remove(&watcher.id);
        counters::subtract(&counters.watchers, 1);
        if self.watchers.is_empty() {
            let listening = &self.mailbox.listening;
            listening.store(false, std::sync::atomic::Ordering::SeqCst);
        }
    }

    /// Appends a response without events.
    pub fn reply(&self, stream: StreamKey, response: keelson_proto::serving::WatchResponse) {
        self.streams[stream].outbound.push(Item {
            response,
            ..Item::default()
        });
    }
}
