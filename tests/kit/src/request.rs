//! Short ways to write requests. What is not said has the wire's default; use struct update syntax
//! for the rest: `PutRequest { prev_kv: true, ..put("k", "v") }`.

use bytes::Bytes;
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::*;

/// A read of one key.
pub fn get(key: impl Into<Bytes>) -> RangeRequest {
    RangeRequest {
        key: key.into(),
        ..Default::default()
    }
}

/// A read of `[key, end)`.
pub fn range(key: impl Into<Bytes>, end: impl Into<Bytes>) -> RangeRequest {
    RangeRequest {
        key: key.into(),
        range_end: end.into(),
        ..Default::default()
    }
}

/// A put of one key.
pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> PutRequest {
    PutRequest {
        key: key.into(),
        value: value.into(),
        ..Default::default()
    }
}

/// A deletion of one key.
pub fn delete(key: impl Into<Bytes>) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: key.into(),
        ..Default::default()
    }
}

/// A deletion of `[key, end)`.
pub fn delete_range(key: impl Into<Bytes>, end: impl Into<Bytes>) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: key.into(),
        range_end: end.into(),
        ..Default::default()
    }
}

/// The smallest key greater than every key with this prefix.
pub fn prefix_end(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end.into();
        }
    }
    Bytes::from_static(b"\0")
}

/// A transaction.
pub fn txn(compare: Vec<Compare>, success: Vec<RequestOp>, failure: Vec<RequestOp>) -> TxnRequest {
    TxnRequest {
        compare,
        success,
        failure,
    }
}

/// A transaction without a condition.
pub fn ops(success: Vec<RequestOp>) -> TxnRequest {
    txn(vec![], success, vec![])
}

/// Makes an operation of a transaction out of a request.
pub trait IntoOp {
    /// The operation.
    fn op(self) -> RequestOp;
}

macro_rules! into_op {
    ($($request:ty => $variant:ident;)*) => {$(
        impl IntoOp for $request {
            fn op(self) -> RequestOp {
                RequestOp { request: Some(Request::$variant(self)) }
            }
        }
    )*};
}

into_op! {
    RangeRequest => RequestRange;
    PutRequest => RequestPut;
    DeleteRangeRequest => RequestDeleteRange;
    TxnRequest => RequestTxn;
}

/// A comparison of one key with what `union` says; the target follows from it.
pub fn compare(key: impl Into<Bytes>, result: CompareResult, union: TargetUnion) -> Compare {
    let target = match union {
        TargetUnion::Version(_) => CompareTarget::Version,
        TargetUnion::CreateRevision(_) => CompareTarget::Create,
        TargetUnion::ModRevision(_) => CompareTarget::Mod,
        TargetUnion::Value(_) => CompareTarget::Value,
        TargetUnion::Lease(_) => CompareTarget::Lease,
    };
    Compare {
        result: result as i32,
        target: target as i32,
        key: key.into(),
        target_union: Some(union),
        range_end: Bytes::new(),
    }
}

/// `mod_revision(key) == revision`.
pub fn mod_is(key: impl Into<Bytes>, revision: i64) -> Compare {
    compare(
        key,
        CompareResult::Equal,
        TargetUnion::ModRevision(revision),
    )
}

/// `value(key) == value`.
pub fn value_is(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Compare {
    compare(key, CompareResult::Equal, TargetUnion::Value(value.into()))
}

/// A lease with a chosen id.
pub fn lease(id: i64, seconds: i64) -> LeaseGrantRequest {
    LeaseGrantRequest { id, ttl: seconds }
}

/// A watch on one key.
pub fn watch(key: impl Into<Bytes>) -> WatchCreateRequest {
    WatchCreateRequest {
        key: key.into(),
        ..Default::default()
    }
}

/// A watch on `[key, end)`.
pub fn watch_range(key: impl Into<Bytes>, end: impl Into<Bytes>) -> WatchCreateRequest {
    WatchCreateRequest {
        key: key.into(),
        range_end: end.into(),
        ..Default::default()
    }
}

/// The revision in a reply's header; zero without a header.
pub trait Revision {
    /// See the trait.
    fn revision(&self) -> i64;
}

macro_rules! revision {
    ($($reply:ty),*) => {$(
        impl Revision for $reply {
            fn revision(&self) -> i64 {
                self.header.as_ref().map_or(0, |header| header.revision)
            }
        }
    )*};
}

revision!(
    RangeResponse,
    PutResponse,
    DeleteRangeResponse,
    TxnResponse,
    CompactionResponse,
    WatchResponse,
    LeaseGrantResponse,
    LeaseRevokeResponse,
    LeaseKeepAliveResponse,
    LeaseTimeToLiveResponse,
    LeaseLeasesResponse,
    MemberListResponse,
    AlarmResponse,
    StatusResponse,
    HashKvResponse
);
