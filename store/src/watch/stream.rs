//! A client's side of a watch stream.

use super::hub::Inner;
use super::outbound::Outbound;
use super::watcher::StreamKey;
use crate::Error;
use keelson_proto::etcdserverpb::WatchCreateRequest;
use keelson_proto::serving::WatchResponse;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// Any number of watches whose responses come through one ordered queue.
///
/// May be used from any thread; a reader in the hub's own runtime is cheapest. Headers carry the
/// revision only. Dropping the stream removes its watches.
pub struct Stream {
    hub: Arc<Inner>,
    key: StreamKey,
    outbound: Arc<Outbound>,
    replies_max: usize,
}

impl Stream {
    pub(crate) fn new(hub: Arc<Inner>, key: StreamKey, outbound: Arc<Outbound>) -> Stream {
        let replies_max = hub.state.lock().feed.options.replies_max;
        Stream {
            hub,
            key,
            outbound,
            replies_max,
        }
    }

    /// Whether another request is taken now. If not, read responses first.
    pub fn has_room(&self) -> bool {
        self.outbound.replies() < self.replies_max
    }

    /// Asks for a watch, with the request's etcd meaning. Whether it was created is said by a
    /// response with `created` set, which comes before the watch's events.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] if too many replies wait to be read; nothing was done.
    pub fn create(&self, request: WatchCreateRequest) -> Result<(), Error> {
        self.ask(|hub, stream| {
            let mut state = hub.state.lock();
            state.create(stream, request, Instant::now());
        })
    }

    /// Answers a request for a watch that may not be created, with the reason.
    ///
    /// # Errors
    /// As [`Stream::create`].
    pub fn refuse(&self, reason: &str) -> Result<(), Error> {
        self.ask(|hub, stream| hub.state.lock().refuse(stream, reason))
    }

    /// Ends a watch. A response with `canceled` set is the last of the watch; there is none if no
    /// watch has this id.
    ///
    /// # Errors
    /// As [`Stream::create`].
    pub fn cancel(&self, watch_id: i64) -> Result<(), Error> {
        self.ask(|hub, stream| hub.state.lock().cancel(stream, watch_id))
    }

    /// Asks how far the stream is. The answer comes when all its watches are synced; its revision X
    /// says that all their events up to X came before it. Several requests made while it cannot be
    /// answered get one answer, and a stream without watches gets none.
    ///
    /// # Errors
    /// As [`Stream::create`].
    pub fn request_progress(&self) -> Result<(), Error> {
        self.ask(|hub, stream| hub.state.lock().request_progress(stream))
    }

    /// The stream ends with [`Error::NoLeader`] when the member has had no leader for too long.
    pub fn require_leader(&self) {
        let mut state = self.hub.state.lock();
        state.streams[self.key].requires_leader = true;
    }

    /// The next response.
    ///
    /// # Errors
    /// The stream is over: [`Error::Stopped`] or [`Error::NoLeader`]. Open another one elsewhere
    /// and go on from the last event.
    pub async fn next(&mut self) -> Result<WatchResponse, Error> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// [`Stream::next`] for those who poll.
    ///
    /// # Errors
    /// As [`Stream::next`].
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<WatchResponse, Error>> {
        self.outbound.poll(Some(context))
    }

    /// The next response if one is waiting.
    ///
    /// # Errors
    /// As [`Stream::next`].
    pub fn try_next(&mut self) -> Result<Option<WatchResponse>, Error> {
        match self.outbound.poll(None) {
            Poll::Ready(response) => response.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    /// A stream that has ended takes no requests: its reader learns of the end.
    fn ask(&self, request: impl FnOnce(&Inner, StreamKey)) -> Result<(), Error> {
        if !self.has_room() {
            return Err(Error::TooManyRequests);
        }
        if !self.outbound.has_ended() && !self.hub.mailbox.stopping.load(Ordering::SeqCst) {
            request(&self.hub, self.key);
        }
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.hub.state.lock().close(self.key);
    }
}
