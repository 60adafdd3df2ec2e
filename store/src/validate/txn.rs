//! Transactions: size, shape, and which of them need no consensus.

use super::overlap::check_overlap;
use super::{check_delete_range, check_put, check_range};
use crate::Error;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{RequestOp, TxnRequest};

/// How deep transactions may be nested, the outermost included.
///
/// The decoder gives up at a depth of 100 messages, and a command in the log lies one message deeper
/// than the request did. Without a limit well below that, a request could be accepted that no member
/// is able to apply.
pub const DEPTH_MAX: usize = 32;

/// Checks both branches at all depths, whether or not they would run.
///
/// `max_ops` bounds compares and operations of one transaction (the longest of its three lists); a
/// nested transaction gets what its parent left over. `apply` passes `usize::MAX`.
///
/// # Errors
/// [`Error::TooManyOps`], [`Error::KeyNotFound`] for an operation that is none,
/// [`Error::DuplicateKey`], and whatever a single operation is refused for.
pub fn check_txn(request: &TxnRequest, max_ops: usize) -> Result<(), Error> {
    check_level(request, max_ops, DEPTH_MAX)?;
    check_overlap(&request.success)?;
    check_overlap(&request.failure)
}

fn check_level(request: &TxnRequest, ops_left: usize, depth_left: usize) -> Result<(), Error> {
    let TxnRequest {
        compare,
        success,
        failure,
    } = request;
    let ops = compare.len().max(success.len()).max(failure.len());
    if ops > ops_left || depth_left == 0 {
        return Err(Error::TooManyOps);
    }
    if compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(Error::EmptyKey);
    }
    for operation in success.iter().chain(failure) {
        match &operation.request {
            Some(Request::RequestRange(range)) => check_range(range)?,
            Some(Request::RequestPut(put)) => check_put(put)?,
            Some(Request::RequestDeleteRange(delete)) => check_delete_range(delete)?,
            Some(Request::RequestTxn(txn)) => check_level(txn, ops_left - ops, depth_left - 1)?,
            None => return Err(Error::KeyNotFound),
        }
    }
    Ok(())
}

/// Whether a transaction consists of ranges only and therefore needs no place in the log. One with a
/// nested transaction does not count as read-only, even if that one only reads.
pub fn is_read_only(request: &TxnRequest) -> bool {
    let is_range =
        |operation: &RequestOp| matches!(operation.request, Some(Request::RequestRange(_)));
    operations(request).all(is_range)
}

/// Whether a read-only transaction may be answered from local state without asking a quorum: every
/// range in it says so. An empty one may.
pub fn is_serializable(request: &TxnRequest) -> bool {
    operations(request).all(|operation| {
        matches!(&operation.request, Some(Request::RequestRange(range)) if range.serializable)
    })
}

fn operations(request: &TxnRequest) -> impl Iterator<Item = &RequestOp> {
    request.success.iter().chain(&request.failure)
}
