//! Typed clients over the wire types: one object, all services, any number of members.

use crate::check::{Check, some};
use keelson_proto::etcdserverpb::auth_client::AuthClient;
use keelson_proto::etcdserverpb::cluster_client::ClusterClient;
use keelson_proto::etcdserverpb::kv_client::KvClient;
use keelson_proto::etcdserverpb::lease_client::LeaseClient;
use keelson_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use keelson_proto::etcdserverpb::watch_client::WatchClient;
use keelson_proto::etcdserverpb::*;
use keelson_proto::v3electionpb::election_client::ElectionClient;
use keelson_proto::v3lockpb::lock_client::LockClient;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// Longest wait for one answer. Longer than any time-out of the server, so that its own error is seen.
const ANSWER: Duration = Duration::from_secs(30);

/// Spreads requests over its members, one after the other. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    channels: Arc<[Channel]>,
    next: Arc<AtomicUsize>,
}

/// `fn name(request) -> reply` for a unary method, without tonic's wrappers.
macro_rules! unary {
    ($($service:ident . $method:ident => $name:ident ($request:ty) -> $reply:ty;)*) => {$(
        #[doc = concat!("Calls `", stringify!($method), "` on the next member.")]
        ///
        /// # Errors
        ///
        /// Whatever the server or the connection answers.
        pub async fn $name(&self, request: $request) -> Result<$reply, Status> {
            Ok(self.$service().$method(request).await?.into_inner())
        }
    )*};
}

impl Client {
    /// Connections are made when first used, and made again after they broke.
    ///
    /// # Errors
    ///
    /// Only for a malformed URL.
    pub fn new(endpoints: &[String]) -> Check<Self> {
        let mut channels = Vec::new();
        for endpoint in endpoints {
            let endpoint = Endpoint::from_shared(endpoint.clone())?
                .connect_timeout(Duration::from_secs(2))
                .timeout(ANSWER);
            channels.push(endpoint.connect_lazy());
        }
        Ok(Self {
            channels: channels.into(),
            next: Arc::default(),
        })
    }

    /// The same member for every request from here on.
    #[must_use]
    pub fn pinned(&self) -> Self {
        self.member(self.next.fetch_add(1, Ordering::Relaxed) % self.channels.len())
    }

    /// Member `i` alone.
    #[must_use]
    pub fn member(&self, i: usize) -> Self {
        Self {
            channels: vec![self.channels[i].clone()].into(),
            next: Arc::default(),
        }
    }

    /// How many members it knows.
    pub fn members(&self) -> usize {
        self.channels.len()
    }

    fn channel(&self) -> Channel {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.channels[next % self.channels.len()].clone()
    }

    /// The KV service of the next member.
    pub fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel()).max_decoding_message_size(usize::MAX)
    }

    /// The watch service of the next member.
    pub fn watch(&self) -> WatchClient<Channel> {
        WatchClient::new(self.channel()).max_decoding_message_size(usize::MAX)
    }

    /// The lease service of the next member.
    pub fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel())
    }

    /// The membership service of the next member.
    pub fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel())
    }

    /// The maintenance service of the next member.
    pub fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel())
    }

    /// The users and roles service of the next member.
    pub fn auth(&self) -> AuthClient<Channel> {
        AuthClient::new(self.channel())
    }

    /// The lock service of the next member.
    pub fn lock(&self) -> LockClient<Channel> {
        LockClient::new(self.channel())
    }

    /// The election service of the next member.
    pub fn election(&self) -> ElectionClient<Channel> {
        ElectionClient::new(self.channel())
    }

    unary! {
        kv.range => range(RangeRequest) -> RangeResponse;
        kv.put => put(PutRequest) -> PutResponse;
        kv.delete_range => delete(DeleteRangeRequest) -> DeleteRangeResponse;
        kv.txn => txn(TxnRequest) -> TxnResponse;
        kv.compact => compact_with(CompactionRequest) -> CompactionResponse;
        lease.lease_grant => grant(LeaseGrantRequest) -> LeaseGrantResponse;
        lease.lease_revoke => revoke(LeaseRevokeRequest) -> LeaseRevokeResponse;
        lease.lease_time_to_live => time_to_live(LeaseTimeToLiveRequest) -> LeaseTimeToLiveResponse;
        lease.lease_leases => leases(LeaseLeasesRequest) -> LeaseLeasesResponse;
        cluster.member_list => member_list(MemberListRequest) -> MemberListResponse;
        cluster.member_add => member_add(MemberAddRequest) -> MemberAddResponse;
        cluster.member_remove => member_remove(MemberRemoveRequest) -> MemberRemoveResponse;
        cluster.member_update => member_update(MemberUpdateRequest) -> MemberUpdateResponse;
        cluster.member_promote => member_promote(MemberPromoteRequest) -> MemberPromoteResponse;
        maintenance.status => status_of(StatusRequest) -> StatusResponse;
        maintenance.alarm => alarm(AlarmRequest) -> AlarmResponse;
        maintenance.defragment => defragment_with(DefragmentRequest) -> DefragmentResponse;
        maintenance.hash_kv => hash_kv(HashKvRequest) -> HashKvResponse;
        maintenance.move_leader => move_leader(MoveLeaderRequest) -> MoveLeaderResponse;
        maintenance.downgrade => downgrade(DowngradeRequest) -> DowngradeResponse;
    }

    /// Compacts at `revision`, without waiting for the sweep.
    ///
    /// # Errors
    ///
    /// Whatever the server or the connection answers.
    pub async fn compact(&self, revision: i64) -> Result<CompactionResponse, Status> {
        self.compact_with(CompactionRequest {
            revision,
            physical: false,
        })
        .await
    }

    /// Status of the next member.
    ///
    /// # Errors
    ///
    /// Whatever the server or the connection answers.
    pub async fn status(&self) -> Result<StatusResponse, Status> {
        self.status_of(StatusRequest {}).await
    }

    /// Id of the next member.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn member_id(&self) -> Check<u64> {
        Ok(some("a header", self.status().await?.header)?.member_id)
    }

    /// The members of the cluster, by a linearizable read.
    ///
    /// # Errors
    ///
    /// Whatever the server or the connection answers.
    pub async fn list_members(&self) -> Result<Vec<Member>, Status> {
        let request = MemberListRequest { linearizable: true };
        Ok(self.member_list(request).await?.members)
    }

    /// Defragments the next member.
    ///
    /// # Errors
    ///
    /// Whatever the server or the connection answers.
    pub async fn defragment(&self) -> Result<DefragmentResponse, Status> {
        self.defragment_with(DefragmentRequest {}).await
    }

    /// The store's present revision, by a linearizable read.
    ///
    /// # Errors
    ///
    /// Whatever the server or the connection answers.
    pub async fn revision(&self) -> Result<i64, Status> {
        let reply = self.range(crate::request::get("revision")).await?;
        Ok(reply.header.map_or(0, |header| header.revision))
    }
}
