//! Telling clients how far they are: on request for a whole stream, and from time to time for a
//! quiet watch. Both go through the stream's queue, behind every event they cover.

use super::NO_WATCH;
use super::state::HubState;
use super::watcher::{State, StreamKey, header};
use crate::faults::{Plant, planted};
use keelson_proto::serving::WatchResponse;
use tokio::time::Instant;

impl HubState {
    /// A client asks how far its stream is.
    ///
    /// The answer covers every watch of the stream, so it needs all of them synced and past their
    /// start. etcd drops a request that cannot be answered at once, and its clients ask again; here
    /// one request per stream is remembered and answered as soon as it can be. To the client that
    /// is a slow answer, and it spares a Kubernetes API server, which asks ten times a second, from
    /// missing the moments in which none of its thousands of watches is catching up.
    ///
    /// The answer is not older than the store was when it was asked: the client usually waits for a
    /// revision that it has just read here.
    pub fn request_progress(&mut self, stream: StreamKey) {
        let revision = self.feed.source.revision();
        let requested = &mut self.streams[stream].progress_requested;
        if requested.is_none() {
            *requested = Some(revision);
            self.progress_requests.push(stream);
        }
        if self.advance() {
            self.mailbox.wake();
        }
        self.answer_progress_requests();
    }

    /// Answers the remembered requests that can be answered now.
    pub fn answer_progress_requests(&mut self) {
        let requests = std::mem::take(&mut self.progress_requests);
        for stream in requests {
            let Some(entry) = self.streams.get_mut(stream) else {
                continue;
            };
            let Some(revision) = entry.progress_requested else {
                continue;
            };
            let synced = entry.unsynced == 0 && entry.future == 0;
            let synced = synced || planted(Plant::ProgressAheadOfEvents);
            if !entry.watchers.is_empty() && (!synced || self.processed < revision) {
                self.progress_requests.push(stream);
                continue;
            }
            entry.progress_requested = None;
            if !entry.watchers.is_empty() {
                self.reply(stream, self.progress(NO_WATCH));
            }
        }
    }

    fn progress(&self, watch_id: i64) -> WatchResponse {
        WatchResponse {
            header: Some(header(self.processed)),
            watch_id,
            ..WatchResponse::default()
        }
    }

    /// Sends the periodic progress that is due. Returns when it is due next.
    pub fn tick(&mut self, now: Instant) -> Option<Instant> {
        while let Some((due, stream)) = self.due.first().copied() {
            if due > now {
                return Some(due);
            }
            self.unschedule_progress(stream);
            self.notify_quiet(stream);
            if self.streams[stream].notified > 0 {
                self.schedule_progress(stream, now);
            }
        }
        None
    }

    fn notify_quiet(&mut self, stream: StreamKey) {
        let entry = &self.streams[stream];
        // A reader that does not read needs no news of its progress.
        let crowded = entry.outbound.replies() >= self.feed.options.replies_max;
        let keys: Vec<_> = entry.watchers.values().copied().collect();
        for key in keys {
            let watcher = &mut self.watchers[key];
            let quiet = std::mem::replace(&mut watcher.quiet, true);
            let synced = matches!(watcher.state, State::Synced { .. }) && watcher.reached;
            if watcher.wants.progress && quiet && synced && !crowded {
                let id = watcher.id;
                self.reply(stream, self.progress(id));
            }
        }
    }

    /// Sets the stream's next date, if it has none.
    pub fn schedule_progress(&mut self, stream: StreamKey, now: Instant) {
        let entry = &mut self.streams[stream];
        if entry.progress_due.is_some() {
            return;
        }
        // The jitter keeps the streams of a restarted client from speaking all at once for ever.
        let interval = self.feed.options.progress_interval;
        let due = now + interval.mul_f64(1.0 + 0.1 * rand::random::<f64>());
        entry.progress_due = Some(due);
        self.due.insert((due, stream));
        if self.due.first() == Some(&(due, stream)) {
            self.mailbox.wake();
        }
    }

    /// Forgets the stream's date.
    pub fn unschedule_progress(&mut self, stream: StreamKey) {
        if let Some(due) = self.streams[stream].progress_due.take() {
            self.due.remove(&(due, stream));
        }
    }
}
