//! The Lock service.

use super::front::{Front, unexpected};
use super::ownership::words;
use super::queue::Queue;
use crate::reply::Reply;
use bytes::Bytes;
use keelson_proto::etcdserverpb::DeleteRangeRequest;
use keelson_proto::log::command::Operation;
use keelson_proto::v3lockpb::lock_server::Lock;
use keelson_proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Lock for Front {
    async fn lock(&self, request: Request<LockRequest>) -> Result<Response<LockResponse>, Status> {
        let LockRequest { name, lease } = request.into_inner();
        let queue = Queue::of(&name);
        let lease = self.session(lease).await?;
        let claim = self.claim(&queue, lease, Bytes::new()).await?;
        let header = match claim.owns {
            true => Some(claim.header),
            false => self.await_turn(&queue, &claim).await?,
        };
        if header.is_none() {
            // The lease has ended while it waited.
            return Err(words("mutex: session is expired").into());
        }
        let key = claim.key.clone();
        claim.keep();
        Ok(Response::new(LockResponse { header, key }))
    }

    async fn unlock(
        &self,
        request: Request<UnlockRequest>,
    ) -> Result<Response<UnlockResponse>, Status> {
        let delete = DeleteRangeRequest {
            key: request.into_inner().key,
            ..DeleteRangeRequest::default()
        };
        crate::validate::check_delete_range(&delete)?;
        match self.propose(Operation::DeleteRange(delete)).await? {
            Reply::DeleteRange(mut response) => {
                self.complete(&mut response.header);
                let header = response.header;
                Ok(Response::new(UnlockResponse { header }))
            }
            other => unexpected(&other),
        }
    }
}
