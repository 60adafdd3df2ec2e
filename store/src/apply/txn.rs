//! Transactions: decide, check, then act.
//!
//! 1. *Decide* which branch every transaction of the tree takes. All comparisons, nested ones
//!    included, see the state before the first change.
//! 2. *Check* every operation on the branches taken: leases and keys that must exist, revisions that
//!    must be readable. One that is refused refuses the whole transaction.
//! 3. *Act*, in order. Nothing can fail any more.

use super::command::Executor;
use super::compare;
use crate::faults::{Plant, planted};
use crate::mvcc::Writer;
use crate::validate::Deletions;
use crate::{Error, broken, validate};
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{
    PutRequest, RangeRequest, RequestOp, ResponseHeader, TxnRequest,
};
use keelson_proto::serving;
use keelson_proto::serving::response_op::Response;

impl Executor<'_, '_> {
    pub(super) fn txn(&mut self, request: &TxnRequest) -> Result<serving::TxnResponse, Error> {
        validate::check_txn(request, usize::MAX)?;
        let mut taken = Vec::with_capacity(1);
        decide(self.writer, request, &mut taken);

        let mut path = taken.iter().copied();
        self.check_branch(request, &mut path, &mut Deletions::default())?;

        let mut path = taken.iter().copied();
        let mut response = self.act(request, &mut path);
        response.header = self.header();
        self.writer.end_revision();
        Ok(response)
    }

    /// Checks the operations that will run. `deleted` collects the deletions that come before: a key
    /// they take away is not there for a later put that wants to keep something of it. (That a key
    /// was put before in the same transaction is ruled out by `validate`.)
    fn check_branch<'r>(
        &self,
        request: &'r TxnRequest,
        path: &mut impl Iterator<Item = bool>,
        deleted: &mut Deletions<'r>,
    ) -> Result<(), Error> {
        for operation in branch(request, path) {
            match &operation.request {
                Some(Request::RequestRange(range)) => self.check_pin(range)?,
                Some(Request::RequestPut(put)) => self.check_put(put, deleted)?,
                Some(Request::RequestDeleteRange(request)) => deleted.add(request),
                Some(Request::RequestTxn(nested)) => self.check_branch(nested, path, deleted)?,
                None => return Err(Error::KeyNotFound),
            }
        }
        Ok(())
    }

    /// As in etcd, only zero is "now" here: a negative revision counts as compacted, unlike outside of
    /// transactions (-1 does not while nothing has been compacted).
    fn check_pin(&self, request: &RangeRequest) -> Result<(), Error> {
        if planted(Plant::CompactedReadPerMember) && !self.wanted {
            return Ok(());
        }
        if request.revision > self.writer.revision() {
            return Err(Error::FutureRevision);
        }
        if request.revision != 0 && request.revision < self.writer.compacted() {
            return Err(Error::Compacted);
        }
        Ok(())
    }

    fn check_put(&self, request: &PutRequest, deleted: &Deletions<'_>) -> Result<(), Error> {
        self.check_lease(request.lease)?;
        if request.ignore_value || request.ignore_lease {
            let gone = deleted.take_away(&request.key);
            if gone || self.writer.get(&request.key).is_none() {
                return Err(Error::KeyNotFound);
            }
        }
        Ok(())
    }

    fn act(
        &mut self,
        request: &TxnRequest,
        path: &mut impl Iterator<Item = bool>,
    ) -> serving::TxnResponse {
        let succeeded = next(path);
        let mut responses = Vec::new();
        for operation in operations(request, succeeded) {
            if planted(Plant::TxnSpansRevisions) {
                self.writer.end_revision();
            }
            let response = match &operation.request {
                Some(Request::RequestPut(put)) => Some(Response::ResponsePut(self.do_put(put))),
                Some(Request::RequestDeleteRange(delete)) => {
                    Some(Response::ResponseDeleteRange(self.do_delete_range(delete)))
                }
                Some(Request::RequestRange(range)) if self.wanted => {
                    Some(Response::ResponseRange(self.do_range(range)))
                }
                Some(Request::RequestTxn(nested)) => {
                    Some(Response::ResponseTxn(self.act(nested, path)))
                }
                Some(Request::RequestRange(_)) | None => None,
            };
            if self.wanted {
                responses.push(serving::ResponseOp { response });
            }
        }
        serving::TxnResponse {
            // A nested transaction's header is present and empty; the outermost gets the revision.
            header: Some(ResponseHeader::default()),
            succeeded,
            responses,
        }
    }

    fn do_range(&self, request: &RangeRequest) -> serving::RangeResponse {
        let mut response = self
            .writer
            .range(request)
            .unwrap_or_else(|error| broken!("a range that had been checked failed: {error}"));
        response.header = self.header();
        response
    }
}

/// Notes which branch each transaction takes, in the order in which they will be met.
fn decide(writer: &Writer<'_>, request: &TxnRequest, taken: &mut Vec<bool>) {
    let succeeded = request
        .compare
        .iter()
        .all(|compare| compare::holds(writer, compare));
    taken.push(succeeded);
    for operation in operations(request, succeeded) {
        if let Some(Request::RequestTxn(nested)) = &operation.request {
            decide(writer, nested, taken);
        }
    }
}

fn branch<'r>(request: &'r TxnRequest, path: &mut impl Iterator<Item = bool>) -> &'r [RequestOp] {
    operations(request, next(path))
}

fn operations(request: &TxnRequest, succeeded: bool) -> &[RequestOp] {
    if succeeded {
        &request.success
    } else {
        &request.failure
    }
}

fn next(path: &mut impl Iterator<Item = bool>) -> bool {
    path.next()
        .expect("every transaction on the branches taken was decided")
}
