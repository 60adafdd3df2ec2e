//! The way to the other members.
//!
//! Every call names the cluster and the member it is meant for (see [`super::service`]): an address
//! may come to belong to somebody else, and openraft cannot notice that by itself.

use super::met::Met;
use super::outdated::Outdated;
use super::pairing::Pairing;
use super::snapshot::{self, SnapshotDirectory};
use super::types::{
    LogId, PeerNode, RpcError, TypeConfig, Vote, entry_to_peer, log_id_from_peer, log_id_to_peer,
    vote_from_peer, vote_to_peer,
};
use crate::MemberId;
use crate::metrics::{Metrics, PeerMetrics};
use crate::world;
use futures::{Stream, StreamExt};
use keelson_proto::peer::{self, append_response::Outcome, peer_client::PeerClient};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption,
};
use openraft::raft::{
    AppendEntriesRequest, SnapshotResponse, StreamAppendError, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use parking_lot::Mutex;
use prost::Message;
use std::future::ready;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tonic::metadata::{MetadataKey, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Metadata: the cluster a call is meant for.
pub const CLUSTER_KEY: &str = "keelson-cluster";
/// Metadata: the member a call is meant for.
pub const TARGET_KEY: &str = "keelson-target";
/// Metadata: the member that calls.
pub const SOURCE_KEY: &str = "keelson-source";

/// Messages between members: a batch of entries, never a whole state.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Waits between attempts to reach a member that did not answer.
const BACKOFF_MS: [u64; 4] = [20, 50, 100, 200];
const BACKOFF_MS_MAX: u64 = 300;

/// One member of this group, as a caller.
#[derive(Clone)]
pub struct Caller {
    /// The cluster.
    pub cluster_id: u64,
    /// The calling member.
    pub member_id: MemberId,
    /// Counts what goes out.
    pub metrics: Arc<Metrics>,
    /// The way to the others.
    pub way: world::Network,
    /// Who reads what is sent of a snapshot.
    pub lanes: world::Lanes,
    /// Set once a peer has answered that this member was removed from the group. A removed member
    /// is not sent the change that removes it, so this is how it learns.
    pub removed: Arc<tokio::sync::watch::Sender<bool>>,
    /// Those that have answered or called.
    pub met: Arc<Met>,
}

/// A connection to one member, made when first used and again after it broke.
pub struct Connection {
    caller: Caller,
    counters: Arc<PeerMetrics>,
    target: MemberId,
    peer_urls: Vec<String>,
    channel: Mutex<Option<Channel>>,
}

/// Connects to a peer address over `way`.
///
/// # Errors
/// The address does not parse, or nobody answers in time.
pub async fn connect(
    way: &world::Network,
    peer_url: &str,
) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(peer_url.to_owned())?
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_millis(500))
        .http2_keep_alive_interval(Duration::from_millis(500))
        .keep_alive_timeout(Duration::from_secs(1))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20);
    way.connect(endpoint).await
}

impl Connection {
    /// A connection to `target`, not yet made.
    pub fn new(caller: Caller, target: MemberId, node: &PeerNode) -> Connection {
        Connection {
            counters: caller.metrics.peer(target),
            caller,
            target,
            peer_urls: node.peer_urls.clone(),
            channel: Mutex::new(None),
        }
    }

    /// The other end.
    pub fn target(&self) -> MemberId {
        self.target
    }

    /// Who carries out what blocks here.
    pub fn lanes(&self) -> &world::Lanes {
        &self.caller.lanes
    }

    /// A client over the connection, which is made if it is not there. An error here means that
    /// nothing has been sent.
    ///
    /// # Errors
    /// Nobody answers at any of the member's addresses.
    pub async fn client(&self) -> Result<PeerClient<Channel>, Status> {
        let present = self.channel.lock().clone();
        if let Some(channel) = present {
            return Ok(client_over(channel));
        }
        let mut refused = Status::unavailable("the member has no peer address");
        for url in &self.peer_urls {
            match connect(&self.caller.way, url).await {
                Ok(channel) => {
                    *self.channel.lock() = Some(channel.clone());
                    return Ok(client_over(channel));
                }
                Err(error) => {
                    let reason = std::error::Error::source(&error)
                        .map_or_else(|| error.to_string(), ToString::to_string);
                    refused = Status::unavailable(format!("{url}: {reason}"));
                }
            }
        }
        self.counters.sent_failures.fetch_add(1, Ordering::Relaxed);
        Err(refused)
    }

    /// The target has answered: it has run. To be called before the answer is used.
    ///
    /// # Errors
    /// That cannot be noted.
    fn met(&self) -> Result<(), Status> {
        let noted = self.caller.met.meet(self.target);
        noted.map_err(|error| unnoted(self.target, &error))
    }

    /// Forgets the connection, so that the next call makes a new one.
    pub fn reset(&self) {
        self.counters.sent_failures.fetch_add(1, Ordering::Relaxed);
        *self.channel.lock() = None;
    }

    /// Puts the names on a call.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let names = [
            (CLUSTER_KEY, self.caller.cluster_id),
            (TARGET_KEY, self.target),
            (SOURCE_KEY, self.caller.member_id),
        ];
        for (key, value) in names {
            request
                .metadata_mut()
                .insert(MetadataKey::from_static(key), MetadataValue::from(value));
        }
        request
    }
}

/// What is refused because `member` could not be noted as one that has run.
pub fn unnoted(member: MemberId, error: &io::Error) -> Status {
    Status::unavailable(format!(
        "that member {member:x} has run cannot be noted in the data directory: {error}"
    ))
}

fn client_over(channel: Channel) -> PeerClient<Channel> {
    PeerClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// Makes the connections that openraft asks for. Replication, heartbeats with votes, and snapshots
/// have one each, so that a long transfer delays no heartbeat.
pub struct Factory {
    /// This member.
    pub caller: Caller,
}

impl openraft::RaftNetworkFactory<TypeConfig> for Factory {
    type Network = Network;

    async fn new_client(&mut self, target: u64, node: &PeerNode) -> Network {
        Network {
            connection: Arc::new(Connection::new(self.caller.clone(), target, node)),
            retry: snapshot::Retry::default(),
        }
    }
}

/// One of openraft's connections.
pub struct Network {
    connection: Arc<Connection>,
    retry: snapshot::Retry,
}

fn unreachable(status: &Status) -> RpcError {
    RpcError::Unreachable(Unreachable::new(&io::Error::other(
        status.message().to_owned(),
    )))
}

fn malformed() -> RpcError {
    unreachable(&Status::internal("the peer's answer lacks a field"))
}

fn purged() -> RpcError {
    unreachable(&Status::out_of_range(
        "the entries that were to be sent are only in a snapshot",
    ))
}

impl Network {
    async fn client(&self) -> Result<PeerClient<Channel>, RpcError> {
        self.connection
            .client()
            .await
            .map_err(|status| unreachable(&status))
    }

    async fn bounded<T>(
        &self,
        option: &RPCOption,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, RpcError> {
        let outcome = match tokio::time::timeout(option.hard_ttl(), call).await {
            Ok(outcome) => outcome.and_then(|answer| self.connection.met().map(|()| answer)),
            Err(_) => Err(Status::deadline_exceeded("the peer did not answer in time")),
        };
        outcome.map_err(|status| {
            // An address that now belongs to somebody else answers differently.
            if crate::Error::from_status(&status) == crate::Error::MemberNotFound {
                self.connection.caller.removed.send_replace(true);
            }
            self.connection.reset();
            unreachable(&status)
        })
    }
}

fn append_to_peer(request: AppendEntriesRequest<TypeConfig>) -> peer::AppendRequest {
    peer::AppendRequest {
        vote: Some(vote_to_peer(&request.vote)),
        prev_log_id: request.prev_log_id.as_ref().map(log_id_to_peer),
        leader_commit: request.leader_commit.as_ref().map(log_id_to_peer),
        entries: request.entries.iter().map(entry_to_peer).collect(),
    }
}

fn append_from_peer(
    response: peer::AppendResponse,
) -> Result<StreamAppendResult<TypeConfig>, RpcError> {
    match response.outcome {
        Some(Outcome::Matched(matched)) => Ok(Ok(matched.log_id.as_ref().map(log_id_from_peer))),
        Some(Outcome::Conflict(id)) => Ok(Err(StreamAppendError::Conflict(log_id_from_peer(&id)))),
        Some(Outcome::HigherVote(vote)) => {
            Ok(Err(StreamAppendError::HigherVote(vote_from_peer(&vote))))
        }
        None => Err(malformed()),
    }
}

impl NetStreamAppend<TypeConfig> for Network {
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RpcError>>, RpcError>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Send + Unpin + 'static,
    {
        Box::pin(async move {
            let pairing = Pairing::default();
            let mut input = pairing.requests(input);
            // While the target is unreachable, openraft waits before it hands out a request, and only
            // there. So a request comes first and the connection second: the other way round a member
            // that is down would be called thousands of times a second.
            let Some(first) = input.next().await else {
                return Ok(Box::pin(futures::stream::empty()) as BoxStream<'s, _>);
            };
            let mut client = self.client().await?;
            let counters = Arc::clone(&self.connection.counters);
            let first = futures::stream::once(ready(first));
            let outdated = Outdated::default();
            let input = outdated.cut(first.chain(input)).map(move |request| {
                let message = append_to_peer(request);
                let bytes = message.encoded_len() as u64;
                counters.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
                message
            });
            let request = self.connection.request(input);
            let connection = Arc::clone(&self.connection);
            let began = Instant::now();
            let answers = client.append(request).await.map_err(|status| {
                connection.reset();
                unreachable(&status)
            })?;
            // The first answer of a stream tells the round trip; later ones may have waited for work.
            let mut first = true;
            let answers = pairing.answers(answers.into_inner().map(move |answer| {
                if std::mem::take(&mut first) {
                    let seconds = began.elapsed().as_secs_f64();
                    connection.counters.round_trip_seconds.observe(seconds);
                }
                answer
                    .and_then(|answer| connection.met().map(|()| answer))
                    .map_err(|status| {
                        connection.reset();
                        unreachable(&status)
                    })
                    .and_then(append_from_peer)
            }));
            let end = futures::stream::once(async move { outdated.is_seen() });
            let end = end.filter_map(|is_outdated| ready(is_outdated.then(|| Err(purged()))));
            Ok(Box::pin(answers.chain(end)) as BoxStream<'s, _>)
        })
    }
}

fn vote_request(request: &VoteRequest<TypeConfig>) -> peer::VoteRequest {
    peer::VoteRequest {
        vote: Some(vote_to_peer(&request.vote)),
        last_log_id: request.last_log_id.as_ref().map(log_id_to_peer),
        leadership_transfer: request.leadership_transfer,
    }
}

fn vote_response(response: &peer::VoteResponse) -> Result<VoteResponse<TypeConfig>, RpcError> {
    let vote: Vote = vote_from_peer(response.vote.as_ref().ok_or_else(malformed)?);
    let last_log_id: Option<LogId> = response.last_log_id.as_ref().map(log_id_from_peer);
    Ok(VoteResponse::new(vote, last_log_id, response.granted))
}

/// What a candidate asks: for the vote, or whether there would be one.
enum Question {
    Vote,
    PreVote,
}

impl Network {
    async fn ask(
        &self,
        question: Question,
        request: &VoteRequest<TypeConfig>,
        option: &RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let mut client = self.client().await?;
        let request = self.connection.request(vote_request(request));
        let response = match question {
            Question::Vote => self.bounded(option, client.vote(request)).await?,
            Question::PreVote => self.bounded(option, client.pre_vote(request)).await?,
        };
        vote_response(response.get_ref())
    }
}

impl NetVote<TypeConfig> for Network {
    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        self.ask(Question::Vote, &request, &option).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        self.ask(Question::PreVote, &request, &option).await
    }
}

impl NetSnapshot<TypeConfig> for Network {
    type SnapshotData = SnapshotDirectory;

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: openraft::alias::SnapshotOf<TypeConfig, SnapshotDirectory>,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let (connection, retry) = (&self.connection, &mut self.retry);
        let transfer = async {
            let failure =
                match snapshot::send(connection, vote, &snapshot.meta, &snapshot.snapshot).await {
                    Ok(vote) => return Ok(SnapshotResponse::new(vote)),
                    Err(failure) => failure,
                };
            // The next attempt gets a copy of its own; this one must not take up space until then.
            drop(snapshot);
            connection.reset();
            retry.wait(connection, &failure).await;
            let error = io::Error::other(failure.status().message().to_owned());
            Err(StreamingError::Unreachable(Unreachable::new(&error)))
        };
        tokio::select! {
            sent = transfer => sent,
            closed = cancel => {
                connection.reset();
                Err(StreamingError::Closed(closed))
            }
        }
    }
}

impl NetBackoff<TypeConfig> for Network {
    fn backoff(&self) -> Option<Backoff> {
        let waits = BACKOFF_MS
            .into_iter()
            .chain(std::iter::repeat(BACKOFF_MS_MAX))
            .map(Duration::from_millis);
        Some(Backoff::new(waits))
    }
}

impl NetTransferLeader<TypeConfig> for Network {
    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        let mut client = self.client().await?;
        let message = peer::TransferLeaderRequest {
            from: Some(vote_to_peer(request.from_leader())),
            to: *request.to_node_id(),
            last_log_id: request.last_log_id().map(log_id_to_peer),
        };
        let request_back = request;
        let call = client.transfer_leader(self.connection.request(message));
        let response = self.bounded(&option, call).await?.into_inner();
        if response.granted {
            return Ok(Ok(()));
        }
        let actual = response.vote.as_ref().ok_or_else(malformed)?;
        Ok(Err(openraft::raft::TransferLeaderError::VoteChanged {
            expected: *request_back.from_leader(),
            actual: vote_from_peer(actual),
        }))
    }
}
