//! The watch service: a thin layer between gRPC and [`crate::watch::Stream`].
//!
//! One stream needs no task of its own. Whoever polls the responses also reads the requests, so a
//! client that does not read its replies is not read from either, and a dropped connection takes
//! its watches with it.

use crate::watch::{Hub, Stream, WeakHub};
use crate::{Error, Revision};
use futures::Stream as FuturesStream;
use keelson_proto::etcdserverpb::watch_request::RequestUnion;
use keelson_proto::etcdserverpb::{ResponseHeader, WatchRequest};
use keelson_proto::serving::WatchResponse;
use keelson_proto::serving::watch_server::{Watch, WatchServer};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status, Streaming};

/// Makes the header of a response, given the revision it speaks of.
pub trait HeaderSource: Send + Sync + 'static {
    /// Cluster, member and term of now, and `revision`.
    fn header(&self, revision: Revision) -> ResponseHeader;
}

/// Says who may watch what.
pub trait WatchAccess: Send + Sync + 'static {
    /// Checks one watch of `[key, range_end)` (etcd's conventions) at its creation.
    ///
    /// # Errors
    /// Why not: the client gets it as the reason of a canceled watch, and its stream stays open.
    fn check(&self, metadata: &MetadataMap, key: &[u8], range_end: &[u8]) -> Result<(), Error>;
}

/// Everybody may watch everything.
pub struct Anybody;

impl WatchAccess for Anybody {
    fn check(&self, _: &MetadataMap, _: &[u8], _: &[u8]) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether this member knows a leader, and how long clients that require one are left without.
pub struct Leadership {
    /// True while a leader is known.
    pub has_leader: tokio::sync::watch::Receiver<bool>,
    /// The election timeout. After three of them without a leader the streams end.
    pub election_timeout: Duration,
}

/// The service of one front.
pub struct WatchService {
    hub: Hub,
    has_leader: tokio::sync::watch::Receiver<bool>,
    headers: Arc<dyn HeaderSource>,
    access: Arc<dyn WatchAccess>,
}

impl WatchService {
    /// Serves the watchers of `hub`. To be called in the front's runtime: it starts the task that
    /// ends streams when the leader has been missing for too long.
    pub fn new(
        hub: Hub,
        headers: Arc<dyn HeaderSource>,
        access: Arc<dyn WatchAccess>,
        leadership: Leadership,
    ) -> WatchService {
        let has_leader = leadership.has_leader.clone();
        tokio::spawn(end_leaderless(hub.downgrade(), leadership));
        WatchService {
            hub,
            has_leader,
            headers,
            access,
        }
    }

    /// The gRPC service, refusing messages above etcd's limit for `--max-request-bytes`.
    pub fn into_server(self, max_request_bytes: usize) -> WatchServer<WatchService> {
        let limit = max_request_bytes + (512 << 10);
        WatchServer::new(self).max_decoding_message_size(limit)
    }

    fn open<R>(&self, requests: R, metadata: MetadataMap) -> Result<Responses<R>, Error> {
        let stream = self.hub.open_stream();
        if metadata
            .get("hasleader")
            .is_some_and(|value| value == "true")
        {
            // Marked before the look, so that a leader lost in between ends the stream.
            stream.require_leader();
            if !*self.has_leader.borrow() {
                return Err(Error::NoLeader);
            }
        }
        Ok(Responses {
            requests: Some(requests),
            stream,
            metadata,
            headers: self.headers.clone(),
            access: self.access.clone(),
            ended: false,
        })
    }
}

#[tonic::async_trait]
impl Watch for WatchService {
    type WatchStream = Responses<Streaming<WatchRequest>>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (metadata, _, requests) = request.into_parts();
        Ok(Response::new(self.open(requests, metadata)?))
    }
}

/// Requests taken before a response is given: none of the two directions starves the other.
const REQUESTS_PER_POLL: usize = 64;

/// The responses of one stream; polling them also reads the requests.
pub struct Responses<R> {
    /// `None` once the client has said all it wants to: its watches go on.
    requests: Option<R>,
    stream: Stream,
    metadata: MetadataMap,
    headers: Arc<dyn HeaderSource>,
    access: Arc<dyn WatchAccess>,
    ended: bool,
}

impl<R> Responses<R> {
    fn take(&self, request: WatchRequest) -> Result<(), Error> {
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => {
                match self
                    .access
                    .check(&self.metadata, &create.key, &create.range_end)
                {
                    Ok(()) => self.stream.create(create),
                    Err(error) => self.stream.refuse(&refusal(&error)),
                }
            }
            Some(RequestUnion::CancelRequest(cancel)) => self.stream.cancel(cancel.watch_id),
            Some(RequestUnion::ProgressRequest(_)) => self.stream.request_progress(),
            // A request of a later version of the API: etcd passes over it too.
            None => Ok(()),
        }
    }
}

impl<R> Responses<R>
where
    R: FuturesStream<Item = Result<WatchRequest, Status>> + Unpin,
{
    fn read_requests(&mut self, context: &mut Context<'_>) -> Result<(), Status> {
        for _ in 0..REQUESTS_PER_POLL {
            if !self.stream.has_room() {
                // There are replies waiting, so this is polled again.
                return Ok(());
            }
            let Some(requests) = &mut self.requests else {
                return Ok(());
            };
            match Pin::new(requests).poll_next(context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => self.requests = None,
                Poll::Ready(Some(Ok(request))) => self.take(request)?,
                Poll::Ready(Some(Err(status))) => return Err(end_of(&status)),
            }
        }
        context.waker().wake_by_ref();
        Ok(())
    }
}

impl<R> FuturesStream for Responses<R>
where
    R: FuturesStream<Item = Result<WatchRequest, Status>> + Unpin,
{
    type Item = Result<WatchResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        if let Err(status) = this.read_requests(context) {
            this.ended = true;
            return Poll::Ready(Some(Err(status)));
        }
        this.stream.poll_next(context).map(|response| {
            Some(match response {
                Ok(mut response) => {
                    let revision = response.header.map_or(0, |header| header.revision);
                    response.header = Some(this.headers.header(revision));
                    Ok(response)
                }
                Err(error) => {
                    this.ended = true;
                    Err(error.into())
                }
            })
        })
    }
}

/// How etcd writes an error into the reason of a canceled watch.
fn refusal(error: &Error) -> String {
    let code = match error.code() {
        Code::Cancelled => "Canceled".to_owned(),
        code => format!("{code:?}"),
    };
    format!("rpc error: code = {code} desc = {}", error.text())
}

/// What a stream whose requests failed ends with.
fn end_of(status: &Status) -> Status {
    match status.code() {
        // The decoder's word for a message above the limit; etcd's is this.
        Code::OutOfRange => Status::resource_exhausted(status.message()),
        Code::InvalidArgument | Code::Internal => status.clone(),
        _ => Error::WatchCanceled.into(),
    }
}

/// Ends the streams that require a leader each time there was none for three election timeouts.
async fn end_leaderless(hub: WeakHub, leadership: Leadership) {
    let Leadership {
        mut has_leader,
        election_timeout,
    } = leadership;
    loop {
        if has_leader.wait_for(|has_leader| !has_leader).await.is_err() {
            return;
        }
        let back = has_leader.wait_for(|has_leader| *has_leader);
        match tokio::time::timeout(3 * election_timeout, back).await {
            Ok(Ok(_)) => continue,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
        let Some(hub) = hub.upgrade() else { return };
        hub.end_leaderless();
        drop(hub);
        if has_leader.wait_for(|has_leader| *has_leader).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
