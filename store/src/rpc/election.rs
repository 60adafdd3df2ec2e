//! The Election service: a queue in which the owner leads and announces a value.

use super::front::Front;
use super::ownership::{created_at, give_up, operation, words};
use super::queue::Queue;
use crate::{Error, Revision, watch};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use keelson_proto::etcdserverpb::request_op::Request as Op;
use keelson_proto::etcdserverpb::{PutRequest, ResponseHeader, TxnRequest, WatchCreateRequest};
use keelson_proto::mvccpb::event::EventType;
use keelson_proto::mvccpb::{Event, KeyValue};
use keelson_proto::v3electionpb::election_server::Election;
use keelson_proto::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ProclaimResponse, ResignRequest, ResignResponse,
};
use prost::Message;
use std::collections::VecDeque;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The Election service of a front: an observer outlives the call that opened it, so this holds on
/// to the front.
pub struct ElectionService(Arc<Front>);

/// The Election service of one front.
pub(super) fn service(front: &Arc<Front>) -> ElectionService {
    ElectionService(front.clone())
}

#[tonic::async_trait]
impl Election for ElectionService {
    type ObserveStream = BoxStream<'static, Result<LeaderResponse, Status>>;

    async fn campaign(
        &self,
        request: Request<CampaignRequest>,
    ) -> Result<Response<CampaignResponse>, Status> {
        let CampaignRequest { name, lease, value } = request.into_inner();
        let front = &self.0;
        let queue = Queue::of(&name);
        let lease = front.session(lease).await?;
        let claim = front.claim(&queue, lease, value.clone()).await?;
        if claim.present.as_ref().is_some_and(|kv| kv.value != value) {
            front
                .announce(&claim.key, claim.create_revision, lease, value)
                .await?;
        }
        if !claim.owns && front.await_turn(&queue, &claim).await?.is_none() {
            // The lease has ended while it waited. etcd goes on waiting, and then elects nobody.
            return Err(not_leader().into());
        }
        let leader = LeaderKey {
            name,
            key: claim.key.clone(),
            rev: claim.create_revision,
            lease,
        };
        claim.keep();
        Ok(Response::new(CampaignResponse {
            header: front.header_now(),
            leader: Some(leader),
        }))
    }

    async fn proclaim(
        &self,
        request: Request<ProclaimRequest>,
    ) -> Result<Response<ProclaimResponse>, Status> {
        let ProclaimRequest { leader, value } = request.into_inner();
        let leader = leader.ok_or_else(missing_leader)?;
        // Without a lease of its own the claim would never end.
        let lease = self.0.session(leader.lease).await?;
        let announced = self
            .0
            .announce(&leader.key, leader.rev, lease, value)
            .await?;
        let header = Some(announced);
        Ok(Response::new(ProclaimResponse { header }))
    }

    async fn leader(
        &self,
        request: Request<LeaderRequest>,
    ) -> Result<Response<LeaderResponse>, Status> {
        let queue = Queue::of(&request.into_inner().name);
        match self.0.owner(&queue).await? {
            (None, _) => Err(words("election: no leader").into()),
            (kv, header) => Ok(Response::new(LeaderResponse {
                header: Some(header),
                kv,
            })),
        }
    }

    async fn observe(
        &self,
        request: Request<LeaderRequest>,
    ) -> Result<Response<Self::ObserveStream>, Status> {
        let observer = Observer {
            front: self.0.clone(),
            queue: Queue::of(&request.into_inner().name),
            followed: None,
            seen: VecDeque::new(),
        };
        let leaders = stream::try_unfold(observer, |mut observer| async move {
            let leader = observer.next().await?;
            Ok(Some((leader, observer)))
        });
        Ok(Response::new(leaders.boxed()))
    }

    async fn resign(
        &self,
        request: Request<ResignRequest>,
    ) -> Result<Response<ResignResponse>, Status> {
        let leader = request.into_inner().leader.ok_or_else(missing_leader)?;
        if leader.key.is_empty() {
            return Err(Error::EmptyKey.into());
        }
        let resigned = give_up(&leader.key, leader.rev);
        let header = self.0.internal_txn(resigned).await?.header;
        Ok(Response::new(ResignResponse { header }))
    }
}

fn not_leader() -> Error {
    words("election: not leader")
}

fn missing_leader() -> Status {
    words("\"leader\" field must be provided").into()
}

impl Front {
    /// Replaces the value of a claim, if it is still the same.
    async fn announce(
        &self,
        key: &Bytes,
        create_revision: Revision,
        lease: i64,
        value: Bytes,
    ) -> Result<ResponseHeader, Error> {
        if key.is_empty() {
            return Err(Error::EmptyKey);
        }
        let put = PutRequest {
            key: key.clone(),
            value,
            lease,
            ..PutRequest::default()
        };
        let request = TxnRequest {
            compare: vec![created_at(key, create_revision)],
            success: vec![operation(Op::RequestPut(put))],
            failure: Vec::new(),
        };
        let response = self.internal_txn(request).await?;
        match response.succeeded {
            true => Ok(response.header.unwrap_or_default()),
            false => Err(not_leader()),
        }
    }
}

/// Follows the owner of a queue and tells each value it announces.
struct Observer {
    front: Arc<Front>,
    queue: Queue,
    /// The watch of the present owner's key.
    followed: Option<watch::Stream>,
    /// Announced and not yet told.
    seen: VecDeque<LeaderResponse>,
}

impl Observer {
    /// The next announcement.
    async fn next(&mut self) -> Result<LeaderResponse, Error> {
        loop {
            if let Some(told) = self.seen.pop_front() {
                return Ok(told);
            }
            match &mut self.followed {
                Some(_) => self.follow().await?,
                None => self.find().await?,
            }
        }
    }

    /// Finds the owner, or waits for something to happen in the queue.
    async fn find(&mut self) -> Result<(), Error> {
        let (owner, header) = self.front.owner(&self.queue).await?;
        let from = header.revision + 1;
        let Some(owner) = owner else {
            return self.front.await_change([self.queue.watch(from)]).await;
        };
        let watched = WatchCreateRequest {
            key: owner.key.clone(),
            start_revision: from,
            ..WatchCreateRequest::default()
        };
        self.followed = Some(self.front.watched([watched])?);
        self.tell(owner, header);
        Ok(())
    }

    /// Takes what the owner announced since. It owns until its key goes.
    async fn follow(&mut self) -> Result<(), Error> {
        let Some(stream) = &mut self.followed else {
            return Ok(());
        };
        let response = stream.next().await?;
        if response.canceled {
            self.followed = None;
            return Ok(());
        }
        for event in &response.events {
            let event = match Event::decode(event.clone()) {
                Ok(event) => event,
                Err(error) => crate::broken!("an event does not decode: {error}"),
            };
            if event.r#type() == EventType::Delete {
                self.followed = None;
                break;
            }
            let kv = event.kv.unwrap_or_default();
            let header = self.front.header(kv.mod_revision).unwrap_or_default();
            self.tell(kv, header);
        }
        Ok(())
    }

    fn tell(&mut self, kv: KeyValue, header: ResponseHeader) {
        self.seen.push_back(LeaderResponse {
            header: Some(header),
            kv: Some(kv),
        });
    }
}
