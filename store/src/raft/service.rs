//! What this member answers its peers.

use super::appender::{Appender, Outcome};
use super::connection::{CLUSTER_KEY, SOURCE_KEY, TARGET_KEY, unnoted};
use super::group::Group;
use super::handle::Handle;
use super::loss::Breaks;
use super::members::Members;
use super::met::Met;
use super::read_index::leader_read_index;
use super::snapshot::Incoming;
use super::types::{
    Raft, TypeConfig, entry_from_peer, log_id_from_peer, log_id_to_peer, membership_to_peer,
    vote_from_peer, vote_to_peer,
};
use crate::faults::failpoint;
use crate::metrics::Metrics;
use crate::{Error, MemberId};
use futures::{Stream, StreamExt};
use keelson_proto::etcdserverpb as etcd;
use keelson_proto::peer::{self, append_response, peer_server::Peer};
use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest, VoteRequest,
};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

/// Forwarded batches and keepalives of one stream that may wait here for their answer.
const STREAM_QUEUE_MAX: usize = 256;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// See the module's essay.
pub struct PeerService {
    /// This cluster.
    pub cluster_id: u64,
    /// This member.
    pub member_id: MemberId,
    /// Consensus.
    pub raft: Raft,
    /// Takes forwarded batches when this member leads.
    pub appender: Appender,
    /// The way into this member, on its own runtime's front.
    pub handle: Handle,
    /// Told of the leader's messages.
    pub group: Arc<Group>,
    /// Told when they break off.
    pub breaks: Breaks,
    /// Membership.
    pub members: Arc<Members>,
    /// Those that have answered or called.
    pub met: Arc<Met>,
    /// Where incoming snapshots go.
    pub incoming: Arc<Incoming>,
    /// Counts what comes in.
    pub metrics: Arc<Metrics>,
}

fn number(metadata: &MetadataMap, key: &str) -> Option<u64> {
    metadata.get(key)?.to_str().ok()?.parse().ok()
}

impl PeerService {
    /// Refuses calls that are meant for somebody else. Returns who calls; it has run, and that is noted.
    fn check<T>(&self, request: &Request<T>) -> Result<MemberId, Status> {
        let metadata = request.metadata();
        if number(metadata, CLUSTER_KEY) != Some(self.cluster_id) {
            return Err(Error::ClusterIdMismatch.into());
        }
        if number(metadata, TARGET_KEY) != Some(self.member_id) {
            return Err(Status::failed_precondition(format!(
                "this is member {:x}, not the one that was called",
                self.member_id
            )));
        }
        let source = number(metadata, SOURCE_KEY)
            .ok_or_else(|| Status::invalid_argument("the call does not say who calls"))?;
        if self.members.is_removed(source) {
            return Err(Error::MemberNotFound.into());
        }
        let noted = self.met.meet(source);
        noted.map_err(|error| unnoted(source, &error))?;
        Ok(source)
    }
}

fn fatal(error: impl std::fmt::Display) -> Status {
    Status::internal(format!("this member has stopped: {error}"))
}

fn missing(field: &'static str) -> Status {
    Status::invalid_argument(format!("the request has no {field}"))
}

fn append_request(request: peer::AppendRequest) -> Option<AppendEntriesRequest<TypeConfig>> {
    Some(AppendEntriesRequest {
        vote: vote_from_peer(request.vote.as_ref()?),
        prev_log_id: request.prev_log_id.as_ref().map(log_id_from_peer),
        leader_commit: request.leader_commit.as_ref().map(log_id_from_peer),
        entries: request
            .entries
            .into_iter()
            .map(entry_from_peer)
            .collect::<Option<_>>()?,
    })
}

fn append_response(result: &StreamAppendResult<TypeConfig>) -> peer::AppendResponse {
    failpoint!("append-before-answer");
    let outcome = match result {
        Ok(matched) => append_response::Outcome::Matched(append_response::Matched {
            log_id: matched.as_ref().map(log_id_to_peer),
        }),
        Err(StreamAppendError::Conflict(id)) => {
            append_response::Outcome::Conflict(log_id_to_peer(id))
        }
        Err(StreamAppendError::HigherVote(vote)) => {
            append_response::Outcome::HigherVote(vote_to_peer(vote))
        }
    };
    peer::AppendResponse {
        outcome: Some(outcome),
    }
}

fn vote_request(request: &peer::VoteRequest) -> Result<VoteRequest<TypeConfig>, Status> {
    Ok(VoteRequest {
        vote: vote_from_peer(request.vote.as_ref().ok_or_else(|| missing("vote"))?),
        last_log_id: request.last_log_id.as_ref().map(log_id_from_peer),
        leadership_transfer: request.leadership_transfer,
    })
}

fn vote_response(response: &openraft::raft::VoteResponse<TypeConfig>) -> peer::VoteResponse {
    peer::VoteResponse {
        vote: Some(vote_to_peer(&response.vote)),
        granted: response.vote_granted,
        last_log_id: response.last_log_id.as_ref().map(log_id_to_peer),
    }
}

#[tonic::async_trait]
impl Peer for PeerService {
    type AppendStream = Answers<peer::AppendResponse>;
    type ForwardStream = Answers<peer::ForwardResponse>;
    type KeepAliveStream = Answers<etcd::LeaseKeepAliveResponse>;

    async fn append(
        &self,
        request: Request<Streaming<peer::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let source = self.check(&request)?;
        let counters = self.metrics.peer(source);
        let group = Arc::clone(&self.group);
        let mut flowing = self.breaks.flowing(source);
        // A stream that breaks or makes no sense ends here; the leader opens another one.
        let requests = request
            .into_inner()
            .map(Some)
            .chain(futures::stream::once(std::future::ready(None)))
            .map(move |message| {
                let Some(message) = message else {
                    flowing.ended();
                    return None;
                };
                let message = message.ok()?;
                group.heard_from(flowing.source());
                let bytes = prost::Message::encoded_len(&message) as u64;
                counters.received_bytes.fetch_add(bytes, Ordering::Relaxed);
                append_request(message)
            })
            .take_while(|request| std::future::ready(request.is_some()))
            .filter_map(std::future::ready);
        let answers = self
            .raft
            .stream_append(Box::pin(requests))
            .map(|result| match result {
                Ok(result) => Ok(append_response(&result)),
                Err(error) => Err(fatal(error)),
            });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        self.check(&request)?;
        let request = vote_request(request.get_ref())?;
        let response = self.raft.vote(request).await.map_err(fatal)?;
        failpoint!("vote-before-answer");
        Ok(Response::new(vote_response(&response)))
    }

    async fn pre_vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        self.check(&request)?;
        let request = vote_request(request.get_ref())?;
        let response = self.raft.pre_vote(request).await.map_err(fatal)?;
        Ok(Response::new(vote_response(&response)))
    }

    async fn transfer_leader(
        &self,
        request: Request<peer::TransferLeaderRequest>,
    ) -> Result<Response<peer::TransferLeaderResponse>, Status> {
        self.check(&request)?;
        let request = request.into_inner();
        let from = vote_from_peer(request.from.as_ref().ok_or_else(|| missing("vote"))?);
        let last = request.last_log_id.as_ref().map(log_id_from_peer);
        let transfer = TransferLeaderRequest::new(from, request.to, last);
        let outcome = self
            .raft
            .handle_transfer_leader(transfer)
            .await
            .map_err(fatal)?;
        Ok(Response::new(peer::TransferLeaderResponse {
            vote: Some(vote_to_peer(&from)),
            granted: outcome.is_ok(),
            last_log_id: None,
        }))
    }

    async fn prepare_snapshot(
        &self,
        request: Request<peer::PrepareSnapshotRequest>,
    ) -> Result<Response<peer::PrepareSnapshotResponse>, Status> {
        let source = self.check(&request)?;
        let announced = request.into_inner().files;
        let files = self.incoming.prepare(source, announced).await?;
        Ok(Response::new(peer::PrepareSnapshotResponse { files }))
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<peer::SnapshotChunk>>,
    ) -> Result<Response<peer::SnapshotResponse>, Status> {
        let source = self.check(&request)?;
        let received = self.incoming.receive(source, request.into_inner()).await?;
        let index = received.meta.last_log_id.as_ref().map_or(0, |id| id.index);
        tracing::info!(index, "installing the received snapshot");
        let snapshot = openraft::storage::Snapshot {
            meta: received.meta,
            snapshot: received.directory,
        };
        let response = self
            .raft
            .install_full_snapshot(received.vote, snapshot)
            .await
            .map_err(fatal)?;
        Ok(Response::new(peer::SnapshotResponse {
            vote: Some(vote_to_peer(&response.vote)),
        }))
    }

    async fn forward(
        &self,
        request: Request<Streaming<peer::ForwardRequest>>,
    ) -> Result<Response<Self::ForwardStream>, Status> {
        self.check(&request)?;
        let mut requests = request.into_inner();
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE_MAX);
        let appender = self.appender.clone();
        tokio::spawn(async move {
            while let Some(Ok(request)) = requests.next().await {
                let done = appender.submit(request.batch, request.term);
                let sender = sender.clone();
                // A permit of the origin bounds how many of these there are.
                tokio::spawn(async move {
                    let outcome = match done.await {
                        Outcome::Committed => peer::forward_response::Outcome::Committed,
                        Outcome::NotAppended => peer::forward_response::Outcome::NotAppended,
                        Outcome::Unknown => peer::forward_response::Outcome::Unknown,
                        Outcome::TooMany => peer::forward_response::Outcome::TooMany,
                    };
                    let response = peer::ForwardResponse {
                        sequence: request.sequence,
                        outcome: outcome.into(),
                    };
                    let _ = sender.send(Ok(response)).await;
                });
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn read_index(
        &self,
        request: Request<peer::ReadIndexRequest>,
    ) -> Result<Response<peer::ReadIndexResponse>, Status> {
        self.check(&request)?;
        let index = leader_read_index(&self.raft).await?;
        Ok(Response::new(peer::ReadIndexResponse { index }))
    }

    async fn keep_alive(
        &self,
        request: Request<Streaming<etcd::LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::KeepAliveStream>, Status> {
        self.check(&request)?;
        let handle = self.handle.clone();
        let answers = request
            .into_inner()
            .map(move |request| {
                let handle = handle.clone();
                async move {
                    let id = request?.id;
                    if !handle.leads() {
                        return Err(Error::NotLeader.into());
                    }
                    let ttl = handle.renew_here(id).await?;
                    Ok(etcd::LeaseKeepAliveResponse {
                        header: None,
                        id,
                        ttl,
                    })
                }
            })
            .buffered(STREAM_QUEUE_MAX);
        Ok(Response::new(Box::pin(answers)))
    }

    async fn time_to_live(
        &self,
        request: Request<etcd::LeaseTimeToLiveRequest>,
    ) -> Result<Response<etcd::LeaseTimeToLiveResponse>, Status> {
        self.check(&request)?;
        if !self.handle.leads() {
            return Err(Error::NotLeader.into());
        }
        let response = self.handle.time_to_live_here(request.get_ref()).await?;
        Ok(Response::new(response))
    }

    async fn change_members(
        &self,
        request: Request<peer::ChangeMembersRequest>,
    ) -> Result<Response<peer::ChangeMembersResponse>, Status> {
        self.check(&request)?;
        let change = request.into_inner().change;
        let change = change.ok_or_else(|| missing("change"))?;
        let after = self.members.change_here(change).await?;
        Ok(Response::new(peer::ChangeMembersResponse {
            membership: Some(membership_to_peer(&after)),
        }))
    }

    async fn move_leader(
        &self,
        request: Request<peer::MoveLeaderRequest>,
    ) -> Result<Response<peer::MoveLeaderResponse>, Status> {
        self.check(&request)?;
        self.members.move_leader(request.get_ref().target).await?;
        Ok(Response::new(peer::MoveLeaderResponse {}))
    }

    async fn identify(
        &self,
        _request: Request<peer::IdentifyRequest>,
    ) -> Result<Response<peer::IdentifyResponse>, Status> {
        Ok(Response::new(self.members.identify()))
    }
}
