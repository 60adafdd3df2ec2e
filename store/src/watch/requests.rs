//! What clients ask: open, create, cancel, close.

use super::NO_WATCH;
use super::catchup::compacted_reply;
use super::counters;
use super::index::Range;
use super::outbound::Outbound;
use super::state::{HubState, StreamEntry};
use super::watcher::{Pending, State, StreamKey, Wants, Watcher, header};
use crate::faults::{Plant, planted};
use crate::{Error, Revision};
use keelson_proto::etcdserverpb::WatchCreateRequest;
use keelson_proto::serving::WatchResponse;
use std::sync::Arc;
use tokio::time::Instant;

const EMPTY_RANGE: &str = "mvcc: watcher range is empty";
const DUPLICATE_ID: &str = "mvcc: duplicate watch ID provided on the WatchStream";

impl HubState {
    /// A new stream without watches.
    pub fn open(&mut self) -> (StreamKey, Arc<Outbound>) {
        let (mailbox, counters) = (self.mailbox.clone(), self.feed.counters.clone());
        counters::add(&counters.streams, 1);
        let options = &self.feed.options;
        let key = self.streams.insert_with(|stream| {
            StreamEntry::new(Arc::new(Outbound::new(stream, mailbox, counters, options)))
        });
        (key, self.streams[key].outbound.clone())
    }

    /// Registers a watch, or says why not. The answer is in the stream's queue either way.
    pub fn create(&mut self, stream: StreamKey, mut request: WatchCreateRequest, now: Instant) {
        if self.watchers.is_empty() {
            self.listen();
        }
        let revision = self.feed.source.revision();
        let (range, id) = match self.check(stream, &request) {
            Ok(accepted) => accepted,
            Err(reason) => return self.refuse(stream, &reason),
        };
        self.reply(
            stream,
            WatchResponse {
                header: Some(header(revision)),
                watch_id: id,
                created: true,
                ..WatchResponse::default()
            },
        );
        let compacted = self.feed.source.compacted();
        if planted(Plant::CompactedStartMoved) && request.start_revision > 0 {
            request.start_revision = request.start_revision.max(compacted);
        }
        let start = request.start_revision;
        if start != 0 && start < compacted {
            return self.reply(stream, compacted_reply(id, compacted));
        }
        self.register(stream, id, range, &request, revision);
        if request.progress_notify {
            self.schedule_progress(stream, now);
        }
    }

    fn register(
        &mut self,
        stream: StreamKey,
        id: i64,
        range: Range,
        request: &WatchCreateRequest,
        revision: Revision,
    ) {
        // Start zero means after this reply, so the reply's revision is what has to be reached
        // before progress may be told. A start that the client names has itself to be reached.
        let (from, reach) = match request.start_revision {
            0 => (revision + 1, revision),
            start => (start, start),
        };
        let wants = Wants::new(request);
        let key = self.watchers.insert(Watcher {
            stream,
            id,
            range,
            wants,
            state: State::Lagging { next: from },
            place: Default::default(),
            reach,
            reached: reach <= self.processed,
            quiet: true,
            pending: Pending::default(),
        });
        let entry = &mut self.streams[stream];
        entry.watchers.insert(id, key);
        entry.notified += usize::from(wants.progress);
        if reach > self.processed {
            entry.future += 1;
            self.future.entry(reach).or_default().push(key);
        }
        counters::add(&self.feed.counters.watchers, 1);
        if from > self.processed && planted(Plant::FutureWatchHearsNow) {
            self.enter_live(key, self.processed + 1);
        } else if from > self.processed {
            self.enter_live(key, from);
        } else {
            entry.unsynced += 1;
            counters::add(&self.feed.counters.slow_watchers, 1);
            self.enter_behind(key, from);
            self.mailbox.wake();
        }
    }

    fn check(
        &mut self,
        stream: StreamKey,
        request: &WatchCreateRequest,
    ) -> Result<(Range, i64), String> {
        let range = Range::new(request.key.clone(), request.range_end.clone())
            .ok_or_else(|| EMPTY_RANGE.to_owned())?;
        if request.start_revision < 0 {
            return Err(Error::Compacted.text().to_owned());
        }
        let entry = &mut self.streams[stream];
        if entry.watchers.len() >= self.feed.options.watches_max {
            return Err(Error::TooManyRequests.text().to_owned());
        }
        if request.watch_id != 0 {
            return match entry.watchers.contains_key(&request.watch_id) {
                true => Err(DUPLICATE_ID.to_owned()),
                false => Ok((range, request.watch_id)),
            };
        }
        while entry.watchers.contains_key(&entry.next_id) {
            entry.next_id += 1;
        }
        entry.next_id += 1;
        Ok((range, entry.next_id - 1))
    }

    /// Tells the client that a watch was not created.
    pub fn refuse(&mut self, stream: StreamKey, reason: &str) {
        let response = WatchResponse {
            header: Some(header(self.feed.source.revision())),
            watch_id: NO_WATCH,
            created: true,
            canceled: true,
            cancel_reason: reason.to_owned(),
            ..WatchResponse::default()
        };
        self.reply(stream, response);
    }

    /// Ends a watch. Nothing happens if there is none of this id.
    pub fn cancel(&mut self, stream: StreamKey, id: i64) {
        let Some(key) = self.streams[stream].watchers.get(&id).copied() else {
            return;
        };
        self.remove(key);
        let response = WatchResponse {
            header: Some(header(self.feed.source.revision())),
            watch_id: id,
            canceled: true,
            ..WatchResponse::default()
        };
        self.reply(stream, response);
    }

    /// Removes a stream and its watches.
    pub fn close(&mut self, stream: StreamKey) {
        self.end_stream(stream, Error::WatchCanceled);
        self.unschedule_progress(stream);
        self.streams.remove(stream);
        counters::subtract(&self.feed.counters.streams, 1);
    }

    /// Ends a stream with an error; its row stays until the reader lets go of it.
    pub fn end_stream(&mut self, stream: StreamKey, error: Error) {
        // Forgotten first, so that removing them one by one does not search here.
        self.streams[stream].lagging.clear();
        let watchers: Vec<_> = self.streams[stream].watchers.values().copied().collect();
        for key in watchers {
            self.remove(key);
        }
        self.streams[stream].outbound.end(error);
    }

    /// Ends every stream, or those that require a leader.
    pub fn end_streams(&mut self, only_leader_required: bool, error: Error) {
        for stream in self.streams.numbers() {
            if self.streams[stream].requires_leader || !only_leader_required {
                self.end_stream(stream, error.clone());
            }
        }
    }
}
