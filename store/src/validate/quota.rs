//! What a command counts against the quota before it is applied.
//!
//! An estimate, the same as etcd's: what a write is charged at the door. A command without a cost is
//! let through when the space is used up, because it may be the one that frees some.

use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{PutRequest, RequestOp, TxnRequest};
use keelson_proto::log::command::Operation;

/// Bytes that a lease counts.
pub const LEASE_COST: u64 = 64;
/// Bytes that a put counts beside its key and value.
const PUT_OVERHEAD: u64 = 256;

/// Bytes that a command counts; zero for one that stores nothing of the client's.
pub fn cost(operation: &Operation) -> u64 {
    match operation {
        Operation::Put(request) => put_cost(request),
        Operation::Txn(request) => txn_cost(request),
        Operation::LeaseGrant(_) => LEASE_COST,
        _ => 0,
    }
}

/// Bytes that a put counts.
pub fn put_cost(request: &PutRequest) -> u64 {
    PUT_OVERHEAD + request.key.len() as u64 + request.value.len() as u64
}

/// Bytes that a transaction counts: those of its dearer branch, nested ones included.
pub fn txn_cost(request: &TxnRequest) -> u64 {
    branch_cost(&request.success).max(branch_cost(&request.failure))
}

fn branch_cost(branch: &[RequestOp]) -> u64 {
    let of = |operation: &RequestOp| match &operation.request {
        Some(Request::RequestPut(request)) => put_cost(request),
        Some(Request::RequestTxn(request)) => txn_cost(request),
        _ => 0,
    };
    branch.iter().map(of).sum()
}
