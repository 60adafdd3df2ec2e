//! The Lease service. Grants and revokes go through the log; renewals go to the leader, which alone
//! keeps the clocks.

use super::front::{Front, unexpected};
use crate::faults::{Plant, planted};
use crate::reply::Reply;
use crate::{Error, LeaseId, validate};
use futures::{Stream, StreamExt};
use keelson_proto::etcdserverpb::lease_server::Lease;
use keelson_proto::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
    LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus,
    LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};
use keelson_proto::log::command::Operation;
use std::pin::Pin;
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};

/// Renewals of one stream that are on their way at a time. Answers keep the order of the requests.
const RENEWALS_IN_FLIGHT: usize = 64;
/// Ids to try before giving up on finding a free one. One is enough but for a broken generator.
const ID_ATTEMPTS: usize = 8;

#[tonic::async_trait]
impl Lease for LeaseService {
    type LeaseKeepAliveStream =
        Pin<Box<dyn Stream<Item = Result<LeaseKeepAliveResponse, Status>> + Send>>;

    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        let request = request.into_inner();
        validate::check_lease_grant(&request)?;
        Ok(Response::new(self.0.grant(request).await?))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        let operation = Operation::LeaseRevoke(request.into_inner());
        match self.0.propose(operation).await? {
            Reply::LeaseRevoke { revision } => Ok(Response::new(LeaseRevokeResponse {
                header: self.0.header(revision),
            })),
            other => unexpected(&other),
        }
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let front = self.0.clone();
        let renewals = request.into_inner().map(move |request| {
            let front = front.clone();
            async move { front.renew(request?.id).await.map_err(Status::from) }
        });
        let answers = end_after_error(renewals.buffered(RENEWALS_IN_FLIGHT));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        let front = &self.0;
        let mut response = front.handle.time_to_live(request.into_inner()).await?;
        response.header = front.header_now();
        Ok(Response::new(response))
    }

    async fn lease_leases(
        &self,
        _: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        let ids = self.0.state().leases().ids();
        Ok(Response::new(LeaseLeasesResponse {
            header: self.0.header_now(),
            leases: ids.into_iter().map(|id| LeaseStatus { id }).collect(),
        }))
    }
}

/// The Lease service of a front: a stream of renewals outlives the call that opened it, so this
/// holds on to the front.
pub struct LeaseService(pub(super) Arc<Front>);

/// Passes items on up to and including the first error.
fn end_after_error<T, E>(
    items: impl Stream<Item = Result<T, E>>,
) -> impl Stream<Item = Result<T, E>> {
    items.scan(false, |failed, item| {
        let ended = std::mem::replace(failed, item.is_err());
        std::future::ready((!ended).then_some(item))
    })
}

impl Front {
    /// Makes a lease by a checked request, with an id of the member's choice if the client has none.
    ///
    /// # Errors
    /// [`Error::LeaseExists`]; else as [`Front::propose`].
    pub async fn grant(&self, mut request: LeaseGrantRequest) -> Result<LeaseGrantResponse, Error> {
        let chosen_here = request.id == 0;
        // Raised here and not at apply: members may have been given different minimums.
        request.ttl = validate::lease_ttl(request.ttl, self.limits.min_lease_ttl_s);
        for _ in 0..ID_ATTEMPTS {
            if chosen_here {
                request.id = random_id();
            }
            match self.propose(Operation::LeaseGrant(request)).await {
                Ok(Reply::LeaseGrant { id, ttl, revision }) => {
                    return Ok(LeaseGrantResponse {
                        header: self.header(revision),
                        id,
                        ttl,
                        error: String::new(),
                    });
                }
                Ok(other) => unexpected(&other),
                Err(Error::LeaseExists) if chosen_here => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::LeaseExists)
    }

    /// Renews one lease. A lease that does not exist is answered with time to live zero.
    pub(super) async fn renew(&self, id: LeaseId) -> Result<LeaseKeepAliveResponse, Error> {
        let known = self.state().leases().get(id);
        let ttl = match known.filter(|_| planted(Plant::RenewedByAnybody)) {
            Some(lease) => lease.granted_ttl,
            None => match self.handle.keep_alive(id).await {
                Err(Error::LeaseNotFound) => 0,
                outcome => outcome?,
            },
        };
        Ok(LeaseKeepAliveResponse {
            header: self.header_now(),
            id,
            ttl,
        })
    }
}

/// A positive id.
fn random_id() -> LeaseId {
    rand::random_range(1..=LeaseId::MAX)
}

/// The Lease service of one front.
pub(super) fn service(front: &Arc<Front>) -> LeaseService {
    LeaseService(front.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    #[test]
    fn a_stream_says_its_first_error_and_ends() {
        let items = stream::iter([Ok(1), Ok(2), Err("lost"), Ok(3)]);
        let seen: Vec<_> = futures::executor::block_on(end_after_error(items).collect());
        assert_eq!(seen, [Ok(1), Ok(2), Err("lost")]);
    }
}
