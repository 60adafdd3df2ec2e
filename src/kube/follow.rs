//! A watch of the member in the same process: a stream of its front's hub.
//!
//! The stream is bounded by the store. A reader that is slow is caught up from history, and told so only
//! if that is compacted before it comes.

use super::decoded::Decoded;
use super::error;
use futures::stream;
use keelson_apiserver::storage::{Changes, KvError, Stream, Watch, wire};
use keelson_proto::etcdserverpb::WatchCreateRequest;
use keelson_proto::serving::WatchResponse;
use keelson_store::rpc::Front;
use keelson_store::watch;
use std::sync::Arc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Begins to follow. `watch` is checked.
pub async fn open(
    front: &Arc<Front>,
    decoded: &Arc<Decoded>,
    watch: &Watch,
) -> Result<Stream<Result<Changes, KvError>>, KvError> {
    let failed = |error| error::of_read(&error, &front.store());
    let mut responses = front.hub().open_stream();
    let create = WatchCreateRequest {
        // Asked for when it is wanted, and a response is in one piece here.
        progress_notify: false,
        fragment: false,
        ..wire::watch_request(watch)
    };
    responses.create(create).map_err(failed)?;
    let first = responses.next().await.map_err(failed)?;
    if first.canceled {
        return Err(canceled(&first));
    }
    let following = Following {
        front: front.clone(),
        decoded: decoded.clone(),
        responses,
        progress: watch.progress_every.map(|every| {
            let mut ticks = interval_at(Instant::now() + every, every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        }),
        over: false,
    };
    // It is moved for every event, and it is large.
    Ok(Box::pin(stream::unfold(
        Box::new(following),
        |mut following| async move { Some((following.next().await?, following)) },
    )))
}

fn canceled(response: &WatchResponse) -> KvError {
    wire::canceled(
        &response.cancel_reason,
        wire::count(response.compact_revision),
    )
}

struct Following {
    front: Arc<Front>,
    decoded: Arc<Decoded>,
    responses: watch::Stream,
    progress: Option<Interval>,
    over: bool,
}

impl Following {
    async fn next(&mut self) -> Option<Result<Changes, KvError>> {
        if self.over {
            return None;
        }
        let outcome = loop {
            let response = self.response().await;
            match response.and_then(|response| changes(response, &self.decoded)) {
                // Progress that nobody asked for.
                Ok(changes) if changes.changes.is_empty() && self.progress.is_none() => {}
                outcome => break outcome,
            }
        };
        self.over = outcome.is_err();
        Some(outcome)
    }

    /// The next response. Asks how far the stream is each time the interval has passed without one.
    async fn response(&mut self) -> Result<WatchResponse, KvError> {
        let response = loop {
            let Some(progress) = &mut self.progress else {
                break self.responses.next().await;
            };
            tokio::select! {
                biased;
                response = self.responses.next() => {
                    progress.reset();
                    break response;
                }
                _ = progress.tick() => {
                    // Without room the answers to earlier questions wait to be read.
                    let _ = self.responses.request_progress();
                }
            }
        };
        response.map_err(|error| error::of_read(&error, &self.front.store()))
    }
}

/// What a response says: whole revisions, or how far the stream is.
fn changes(response: WatchResponse, decoded: &Decoded) -> Result<Changes, KvError> {
    if response.canceled {
        return Err(canceled(&response));
    }
    let mut changes = Vec::with_capacity(response.events.len());
    for event in response.events {
        let change = decoded.change(event);
        let unreadable = || KvError::Unavailable("an event of the store does not parse".into());
        changes.push(change.ok_or_else(unreadable)?);
    }
    let revision = match changes.last() {
        // A batch of history carries the present revision, however much more is to come.
        Some(last) => last.now.mod_revision,
        None => wire::count(response.header.map_or(0, |header| header.revision)),
    };
    Ok(Changes { revision, changes })
}
