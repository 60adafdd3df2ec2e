//! The way to the other members, as openraft asks for it.
//!
//! Every call names the cluster and the member it is meant for (see [`super::service`]): an address
//! may come to belong to somebody else, and openraft cannot notice that by itself.

use super::connection::{Caller, Connection};
use super::outdated::Outdated;
use super::pairing::Pairing;
use super::snapshot::{self, SnapshotDirectory};
use super::types::{
    LogId, PeerNode, RpcError, TypeConfig, Vote, entry_to_peer, log_id_from_peer, log_id_to_peer,
    vote_from_peer, vote_to_peer,
};
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
use prost::Message;
use std::future::ready;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::Channel;

/// Waits between attempts to reach a member that did not answer.
const BACKOFF_MS: [u64; 4] = [20, 50, 100, 200];
const BACKOFF_MS_MAX: u64 = 300;

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
        self.connection.client().await.map_err(|status| {
            self.connection.refused(&status);
            unreachable(&status)
        })
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
            self.connection.failed(&status);
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
                connection.failed(&status);
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
                        connection.failed(&status);
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
