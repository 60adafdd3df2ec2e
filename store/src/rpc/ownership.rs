//! What locks and elections have in common: taking a place in a [`Queue`] and waiting for one's turn.
//!
//! A claimant waits for the youngest of the claims before its own to go, so that one departure wakes
//! one claimant. When a lease ends, its key goes and the queue moves on; a claimant whose own key goes
//! while it waits has lost its place, and is told so at once. Ownership is only as good as the lease: who
//! acts on it fences each write by comparing the create revision.
//!
//! A claimant that asks again has the claim it had. A request that fails, or whose client goes away, gives
//! up the claim it waited with, but not one that owned already when it began: its claimant may be acting
//! on that.

use super::front::{Front, unexpected};
use super::queue::Queue;
use crate::faults::{Plant, planted};
use crate::raft::Handle;
use crate::reply::Reply;
use crate::{Error, LeaseId, Revision, watch};
use bytes::Bytes;
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp,
    ResponseHeader, TxnRequest, WatchCreateRequest,
};
use keelson_proto::log::{Command, command::Operation};
use keelson_proto::mvccpb::KeyValue;
use keelson_proto::serving::TxnResponse;
use keelson_proto::serving::response_op::Response as Answer;
use prost::Message;
use tonic::Code;

/// Time to live of the lease that is made for a claimant without one. Nobody renews it.
const SESSION_TTL_S: i64 = 60;

/// A place in a queue. Dropped before it is [`Claim::keep`]t, it is given up: the client went away
/// while it waited, or waiting failed. Unless it owned the queue before the request that found it.
pub(super) struct Claim {
    handle: Handle,
    /// Its key.
    pub key: Bytes,
    /// Where in the queue.
    pub create_revision: Revision,
    /// What the key held before, if the claimant had it already.
    pub present: Option<KeyValue>,
    /// Nobody was before it when it was made or found.
    pub owns: bool,
    /// As of when it was made or found.
    pub header: ResponseHeader,
    kept: bool,
}

impl Claim {
    /// From the answer to the transaction that makes or finds a claim: the record of its key, if it was
    /// found, and the one of the owner.
    fn of(handle: Handle, key: Bytes, response: &TxnResponse) -> Claim {
        let record = |at: usize| match &response.responses.get(at)?.response {
            Some(Answer::ResponseRange(range)) => range.kvs.first().map(decode),
            _ => None,
        };
        let (present, owner) = (record(0), record(1));
        let header = response.header.unwrap_or_default();
        let create_revision = present
            .as_ref()
            .map_or(header.revision, |kv| kv.create_revision);
        let owns = owner.is_none_or(|owner| owner.create_revision == create_revision);
        Claim {
            handle,
            key,
            create_revision,
            kept: owns && present.is_some(),
            present,
            owns,
            header,
        }
    }

    /// The claimant has heard of it; from now on it is the claimant's to give up.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.kept {
            return;
        }
        let handle = self.handle.clone();
        let command = Command {
            operation: Some(Operation::Txn(give_up(&self.key, self.create_revision))),
            fence_term: 0,
        };
        // If this fails the end of the lease does it.
        runtime.spawn(async move { handle.propose(command).await.map(drop) });
    }
}

/// Deletes a claim, if it is still the same.
pub(super) fn give_up(key: &Bytes, create_revision: Revision) -> TxnRequest {
    let delete = DeleteRangeRequest {
        key: key.clone(),
        ..DeleteRangeRequest::default()
    };
    TxnRequest {
        compare: vec![created_at(key, create_revision)],
        success: vec![operation(Request::RequestDeleteRange(delete))],
        failure: Vec::new(),
    }
}

/// Holds if the key was created at this revision; zero: if there is none.
pub(super) fn created_at(key: &Bytes, revision: Revision) -> Compare {
    Compare {
        result: CompareResult::Equal as i32,
        target: CompareTarget::Create as i32,
        key: key.clone(),
        target_union: Some(TargetUnion::CreateRevision(revision)),
        range_end: Bytes::new(),
    }
}

/// An operation of a transaction.
pub(super) fn operation(request: Request) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}

/// An error in the words of etcd's client library, which its servers send as they are.
pub(super) fn words(text: &str) -> Error {
    Error::Other(Code::Unknown as i32, text.to_owned())
}

impl Front {
    /// The lease to claim with: the client's, or one made for it.
    pub(super) async fn session(&self, lease: LeaseId) -> Result<LeaseId, Error> {
        if lease != 0 {
            return Ok(lease);
        }
        let request = LeaseGrantRequest {
            ttl: SESSION_TTL_S,
            id: 0,
        };
        Ok(self.grant(request).await?.id)
    }

    /// A transaction of a service's own.
    pub(super) async fn internal_txn(&self, request: TxnRequest) -> Result<TxnResponse, Error> {
        match self.propose(Operation::Txn(request)).await? {
            Reply::Txn(mut response) => {
                self.complete(&mut response.header);
                Ok(response)
            }
            other => unexpected(&other),
        }
    }

    /// Takes a place in the queue, or finds the one that this lease has.
    ///
    /// Goes on if the client goes away meanwhile, so that the claim is there to be given up: it may be in
    /// the log already, and would stand in the way of the others for as long as its lease lives.
    pub(super) async fn claim(
        &self,
        queue: &Queue,
        lease: LeaseId,
        value: Bytes,
    ) -> Result<Claim, Error> {
        let key = queue.key(lease);
        let put = PutRequest {
            key: key.clone(),
            value,
            lease,
            ..PutRequest::default()
        };
        let get = RangeRequest {
            key: key.clone(),
            ..RangeRequest::default()
        };
        let owner = || operation(Request::RequestRange(queue.first()));
        let request = TxnRequest {
            compare: vec![created_at(&key, 0)],
            success: vec![operation(Request::RequestPut(put)), owner()],
            failure: vec![operation(Request::RequestRange(get)), owner()],
        };
        let front = self.shared().ok_or(Error::Stopped)?;
        let claiming = tokio::spawn(async move {
            let response = front.internal_txn(request).await?;
            Ok(Claim::of(front.handle.clone(), key, &response))
        });
        claiming.await.unwrap_or(Err(Error::Stopped))
    }

    /// Waits until nobody in the queue is before the claim; then it owns, as of the header returned.
    /// `None` as soon as there is no such claim any more.
    pub(super) async fn await_turn(
        &self,
        queue: &Queue,
        claim: &Claim,
    ) -> Result<Option<ResponseHeader>, Error> {
        loop {
            let before = queue.before(claim.create_revision);
            let (before, header) = self.read_one(before).await?;
            // Looked at last: if it is there when nobody is before it any more, it owns.
            let own = RangeRequest {
                key: claim.key.clone(),
                ..RangeRequest::default()
            };
            let (own, now) = self.read_one(own).await?;
            let is_gone = own.is_none_or(|kv| kv.create_revision != claim.create_revision);
            if is_gone && !planted(Plant::LockWithoutLease) {
                return Ok(None);
            }
            let Some(before) = before else {
                return Ok(Some(now));
            };
            let watched = [before.key, claim.key.clone()].map(|key| WatchCreateRequest {
                key,
                start_revision: header.revision + 1,
                ..WatchCreateRequest::default()
            });
            self.await_change(watched).await?;
        }
    }

    /// The owner of a queue.
    pub(super) async fn owner(
        &self,
        queue: &Queue,
    ) -> Result<(Option<KeyValue>, ResponseHeader), Error> {
        self.read_one(queue.first()).await
    }

    /// The one record of a range that has one at most, as of now.
    pub(super) async fn read_one(
        &self,
        request: RangeRequest,
    ) -> Result<(Option<KeyValue>, ResponseHeader), Error> {
        self.read_barrier().await?;
        let response = self.read(request).await?;
        let header = response.header.unwrap_or_default();
        Ok((response.kvs.first().map(decode), header))
    }

    /// Returns after something happened, perhaps: look again.
    pub(super) async fn await_change<const N: usize>(
        &self,
        requests: [WatchCreateRequest; N],
    ) -> Result<(), Error> {
        let mut stream = self.watched(requests)?;
        loop {
            let response = stream.next().await?;
            if response.canceled || !response.events.is_empty() {
                return Ok(());
            }
        }
    }

    /// A stream with these watches.
    pub(super) fn watched<const N: usize>(
        &self,
        requests: [WatchCreateRequest; N],
    ) -> Result<watch::Stream, Error> {
        let stream = self.hub.open_stream();
        for request in requests {
            stream.create(request)?;
        }
        Ok(stream)
    }
}

fn decode(record: &Bytes) -> KeyValue {
    match KeyValue::decode(record.clone()) {
        Ok(kv) => kv,
        Err(error) => crate::broken!("a stored record does not decode: {error}"),
    }
}

#[cfg(test)]
mod tests;
