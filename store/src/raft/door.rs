//! The peer port before and after this member takes part.
//!
//! A member is asked from its first moment on: others that start at the same time want to know who it is,
//! and must neither wait for it nor take its silence for ignorance. So the port answers at once. A fresh
//! member says that it knows nothing; one that is still reading what it has been says that it cannot tell
//! yet; everything else is refused until the real service stands behind the door.

use super::service::PeerService;
use keelson_proto::etcdserverpb as etcd;
use keelson_proto::peer::{self, peer_server::Peer};
use std::sync::{Arc, OnceLock};
use tonic::{Request, Response, Status, Streaming};

/// See the module's essay.
#[derive(Clone)]
pub struct Door {
    fresh: bool,
    behind: Arc<OnceLock<PeerService>>,
}

impl Door {
    /// A closed door. `fresh`: this member has never been anybody.
    pub fn new(fresh: bool) -> Door {
        Door {
            fresh,
            behind: Arc::default(),
        }
    }

    /// From now on `service` answers.
    pub fn open(&self, service: PeerService) {
        if self.behind.set(service).is_err() {
            crate::broken!("the peer port was opened twice");
        }
    }

    fn service(&self) -> Result<&PeerService, Status> {
        self.behind
            .get()
            .ok_or_else(|| Status::unavailable("this member is starting"))
    }
}

#[tonic::async_trait]
impl Peer for Door {
    type AppendStream = <PeerService as Peer>::AppendStream;
    type ForwardStream = <PeerService as Peer>::ForwardStream;
    type KeepAliveStream = <PeerService as Peer>::KeepAliveStream;

    async fn identify(
        &self,
        request: Request<peer::IdentifyRequest>,
    ) -> Result<Response<peer::IdentifyResponse>, Status> {
        match self.service() {
            Ok(service) => service.identify(request).await,
            Err(_) if self.fresh => Ok(Response::new(peer::IdentifyResponse::default())),
            Err(starting) => Err(starting),
        }
    }

    async fn append(
        &self,
        request: Request<Streaming<peer::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        self.service()?.append(request).await
    }

    async fn vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        self.service()?.vote(request).await
    }

    async fn pre_vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        self.service()?.pre_vote(request).await
    }

    async fn transfer_leader(
        &self,
        request: Request<peer::TransferLeaderRequest>,
    ) -> Result<Response<peer::TransferLeaderResponse>, Status> {
        self.service()?.transfer_leader(request).await
    }

    async fn prepare_snapshot(
        &self,
        request: Request<peer::PrepareSnapshotRequest>,
    ) -> Result<Response<peer::PrepareSnapshotResponse>, Status> {
        self.service()?.prepare_snapshot(request).await
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<peer::SnapshotChunk>>,
    ) -> Result<Response<peer::SnapshotResponse>, Status> {
        self.service()?.snapshot(request).await
    }

    async fn forward(
        &self,
        request: Request<Streaming<peer::ForwardRequest>>,
    ) -> Result<Response<Self::ForwardStream>, Status> {
        self.service()?.forward(request).await
    }

    async fn read_index(
        &self,
        request: Request<peer::ReadIndexRequest>,
    ) -> Result<Response<peer::ReadIndexResponse>, Status> {
        self.service()?.read_index(request).await
    }

    async fn keep_alive(
        &self,
        request: Request<Streaming<etcd::LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::KeepAliveStream>, Status> {
        self.service()?.keep_alive(request).await
    }

    async fn time_to_live(
        &self,
        request: Request<etcd::LeaseTimeToLiveRequest>,
    ) -> Result<Response<etcd::LeaseTimeToLiveResponse>, Status> {
        self.service()?.time_to_live(request).await
    }

    async fn change_members(
        &self,
        request: Request<peer::ChangeMembersRequest>,
    ) -> Result<Response<peer::ChangeMembersResponse>, Status> {
        self.service()?.change_members(request).await
    }

    async fn move_leader(
        &self,
        request: Request<peer::MoveLeaderRequest>,
    ) -> Result<Response<peer::MoveLeaderResponse>, Status> {
        self.service()?.move_leader(request).await
    }
}
