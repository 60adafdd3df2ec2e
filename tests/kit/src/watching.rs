//! One watch stream, and waiting for what comes out of it.

use crate::check::{Check, Failure, same};
use crate::client::Client;
use keelson_proto::etcdserverpb::watch_request::RequestUnion;
use keelson_proto::etcdserverpb::*;
use keelson_proto::mvccpb::Event;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Status};

/// Longest wait for a message that must come.
const ARRIVES: Duration = Duration::from_secs(20);

/// A stream with any number of watches. Dropping it ends the stream.
#[derive(Debug)]
pub struct WatchStream {
    to_server: mpsc::UnboundedSender<WatchRequest>,
    from_server: mpsc::UnboundedReceiver<Result<WatchResponse, Status>>,
    task: JoinHandle<()>,
}

impl WatchStream {
    /// Opens a stream to the next member.
    pub fn open(client: &Client) -> Self {
        Self::open_with(client, false)
    }

    /// Opens a stream that demands a leader (`hasleader`).
    pub fn open_with_leader(client: &Client) -> Self {
        Self::open_with(client, true)
    }

    fn open_with(client: &Client, has_leader: bool) -> Self {
        let (to_server, requests) = mpsc::unbounded_channel();
        let (replies, from_server) = mpsc::unbounded_channel();
        let mut service = client.watch();
        let mut request = Request::new(UnboundedReceiverStream::new(requests));
        if has_leader {
            let value = AsciiMetadataValue::from_static("true");
            request.metadata_mut().insert("hasleader", value);
        }
        // A server may send its headers together with its first message, so opening must not wait.
        let task = tokio::spawn(async move {
            let mut stream = match service.watch(request).await {
                Ok(reply) => reply.into_inner(),
                Err(status) => return drop(replies.send(Err(status))),
            };
            loop {
                let message = match stream.message().await {
                    Ok(Some(message)) => Ok(message),
                    Ok(None) => return,
                    Err(status) => Err(status),
                };
                let last = message.is_err();
                if replies.send(message).is_err() || last {
                    return;
                }
            }
        });
        Self {
            to_server,
            from_server,
            task,
        }
    }

    fn send(&self, union: RequestUnion) -> Check {
        let request = WatchRequest {
            request_union: Some(union),
        };
        self.to_server
            .send(request)
            .map_err(|_| Failure::new("the watch stream is closed"))
    }

    /// Sends a create request, without waiting for the answer.
    ///
    /// # Errors
    ///
    /// When the stream has ended.
    pub fn ask(&self, request: WatchCreateRequest) -> Check {
        self.send(RequestUnion::CreateRequest(request))
    }

    /// Creates a watch and returns the `created` reply, which must be the next message.
    ///
    /// # Errors
    ///
    /// When something else comes.
    pub async fn create(&mut self, request: WatchCreateRequest) -> Check<WatchResponse> {
        self.ask(request)?;
        let reply = self.next().await?;
        same("created", reply.created, true)?;
        Ok(reply)
    }

    /// Cancels a watch; the answer is a message like any other.
    ///
    /// # Errors
    ///
    /// When the stream has ended.
    pub fn cancel(&self, watch_id: i64) -> Check {
        self.send(RequestUnion::CancelRequest(WatchCancelRequest { watch_id }))
    }

    /// Asks for a progress notification; there may be no answer.
    ///
    /// # Errors
    ///
    /// When the stream has ended.
    pub fn progress(&self) -> Check {
        self.send(RequestUnion::ProgressRequest(WatchProgressRequest {}))
    }

    /// The next message.
    ///
    /// # Errors
    ///
    /// When none comes in time, or the stream ended.
    pub async fn next(&mut self) -> Check<WatchResponse> {
        match timeout(ARRIVES, self.from_server.recv()).await {
            Ok(Some(Ok(message))) => Ok(message),
            Ok(Some(Err(status))) => Err(Failure::new(format!(
                "the watch stream ended: {:?} {}",
                status.code(),
                status.message()
            ))),
            Ok(None) => Err(Failure::new("the watch stream ended")),
            Err(_) => Err(Failure::new("no message came on the watch stream")),
        }
    }

    /// The next message if one comes within `patience`.
    ///
    /// # Errors
    ///
    /// When the stream ended.
    pub async fn next_within(&mut self, patience: Duration) -> Check<Option<WatchResponse>> {
        match timeout(patience, self.from_server.recv()).await {
            Ok(Some(message)) => Ok(Some(message?)),
            Ok(None) => Err(Failure::new("the watch stream ended")),
            Err(_) => Ok(None),
        }
    }

    /// The status with which the server ends the stream; messages before it are dropped.
    ///
    /// # Errors
    ///
    /// When it does not end within `patience`, or ends without a status.
    pub async fn end(&mut self, patience: Duration) -> Check<Status> {
        let ended = timeout(patience, async {
            loop {
                match self.from_server.recv().await {
                    Some(Ok(_)) => {}
                    Some(Err(status)) => return Some(status),
                    None => return None,
                }
            }
        });
        match ended.await {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(Failure::new("the watch stream ended without an error")),
            Err(_) => Err(Failure::new("the watch stream did not end")),
        }
    }

    /// Messages with events until there are `count` events.
    ///
    /// # Errors
    ///
    /// When a message without events comes, or none in time.
    pub async fn responses(&mut self, count: usize) -> Check<Vec<WatchResponse>> {
        let mut seen = 0;
        let mut responses = Vec::new();
        while seen < count {
            let response = self.next().await?;
            if response.canceled || response.created {
                return Err(Failure::new(format!("not events: {response:?}")));
            }
            seen += response.events.len();
            responses.push(response);
        }
        same("number of events", seen, count)?;
        Ok(responses)
    }

    /// The next `count` events, of whichever watch.
    ///
    /// # Errors
    ///
    /// See [`Self::responses`].
    pub async fn events(&mut self, count: usize) -> Check<Vec<Event>> {
        let responses = self.responses(count).await?;
        Ok(responses
            .into_iter()
            .flat_map(|response| response.events)
            .collect())
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}
