//! Calls of a history as requests on the wire, and answers on the wire as replies of a history.

use crate::history::*;
use crate::large;
use bytes::Bytes;
use keelson_proto::etcdserverpb as pb;
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::range_request as by;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::response_op::Response;
use keelson_proto::etcdserverpb::watch_create_request::FilterType;
use keelson_proto::mvccpb;

/// Bytes for the wire.
pub fn bytes(blob: &Blob) -> Bytes {
    Bytes::copy_from_slice(blob)
}

/// Bytes from the wire.
pub fn blob(bytes: &Bytes) -> Blob {
    Blob::from(&bytes[..])
}

/// A read.
pub fn range(call: &RangeCall) -> pb::RangeRequest {
    let sort_order = match call.order {
        SortOrder::None => by::SortOrder::None,
        SortOrder::Ascend => by::SortOrder::Ascend,
        SortOrder::Descend => by::SortOrder::Descend,
    };
    let sort_target = match call.sort {
        SortBy::Key => by::SortTarget::Key,
        SortBy::Version => by::SortTarget::Version,
        SortBy::Create => by::SortTarget::Create,
        SortBy::Mod => by::SortTarget::Mod,
        SortBy::Value => by::SortTarget::Value,
    };
    pb::RangeRequest {
        key: bytes(&call.range.key),
        range_end: bytes(&call.range.end),
        limit: call.limit,
        revision: call.revision,
        sort_order: sort_order as i32,
        sort_target: sort_target as i32,
        serializable: call.serializable,
        keys_only: call.keys_only,
        count_only: call.count_only,
        min_mod_revision: call.mod_bounds.0,
        max_mod_revision: call.mod_bounds.1,
        min_create_revision: call.create_bounds.0,
        max_create_revision: call.create_bounds.1,
    }
}

/// A write.
pub fn put(call: &PutCall) -> pb::PutRequest {
    pb::PutRequest {
        key: bytes(&call.key),
        value: large::grow(&call.value),
        lease: call.lease,
        prev_kv: call.prev_kv,
        ignore_value: call.ignore_value,
        ignore_lease: call.ignore_lease,
    }
}

/// A deletion.
pub fn delete(call: &DeleteCall) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest {
        key: bytes(&call.range.key),
        range_end: bytes(&call.range.end),
        prev_kv: call.prev_kv,
    }
}

/// A transaction.
pub fn txn(call: &TxnCall) -> pb::TxnRequest {
    let branch = |calls: &[KvCall]| calls.iter().map(operation).collect();
    pb::TxnRequest {
        compare: call.compare.iter().map(comparison).collect(),
        success: branch(&call.success),
        failure: branch(&call.failure),
    }
}

fn operation(call: &KvCall) -> pb::RequestOp {
    let request = match call {
        KvCall::Range(call) => Request::RequestRange(range(call)),
        KvCall::Put(call) => Request::RequestPut(put(call)),
        KvCall::Delete(call) => Request::RequestDeleteRange(delete(call)),
        KvCall::Txn(call) => Request::RequestTxn(txn(call)),
    };
    pb::RequestOp {
        request: Some(request),
    }
}

fn comparison(one: &Comparison) -> pb::Compare {
    let result = match one.operator {
        Operator::Equal => CompareResult::Equal,
        Operator::NotEqual => CompareResult::NotEqual,
        Operator::Greater => CompareResult::Greater,
        Operator::Less => CompareResult::Less,
    };
    let (target, union) = match &one.target {
        Target::Version(n) => (CompareTarget::Version, TargetUnion::Version(*n)),
        Target::Create(n) => (CompareTarget::Create, TargetUnion::CreateRevision(*n)),
        Target::Mod(n) => (CompareTarget::Mod, TargetUnion::ModRevision(*n)),
        Target::Value(value) => (CompareTarget::Value, TargetUnion::Value(large::grow(value))),
        Target::Lease(n) => (CompareTarget::Lease, TargetUnion::Lease(*n)),
    };
    pb::Compare {
        result: result as i32,
        target: target as i32,
        key: bytes(&one.range.key),
        range_end: bytes(&one.range.end),
        target_union: Some(union),
    }
}

/// A watch. Its number on the wire is chosen by the server.
pub fn watch(open: &WatchOpen) -> pb::WatchCreateRequest {
    let mut filters = Vec::new();
    if open.no_put {
        filters.push(FilterType::Noput as i32);
    }
    if open.no_delete {
        filters.push(FilterType::Nodelete as i32);
    }
    pb::WatchCreateRequest {
        key: bytes(&open.range.key),
        range_end: bytes(&open.range.end),
        start_revision: open.start_revision,
        progress_notify: open.progress,
        filters,
        prev_kv: open.prev_kv,
        fragment: open.fragment,
        ..Default::default()
    }
}

/// Who answered.
pub fn header(header: Option<pb::ResponseHeader>) -> Header {
    let header = header.unwrap_or_default();
    Header {
        cluster: header.cluster_id,
        member: header.member_id,
        revision: header.revision,
        term: header.raft_term,
    }
}

/// A member, as members see it.
pub fn member(member: &pb::Member) -> MemberInfo {
    MemberInfo {
        id: member.id,
        name: member.name.clone(),
        peer_urls: member.peer_ur_ls.clone(),
        learner: member.is_learner,
    }
}

/// A key with its value.
pub fn key_value(kv: &mvccpb::KeyValue) -> KeyValue {
    KeyValue {
        key: blob(&kv.key),
        value: large::shrink(&kv.value),
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        lease: kv.lease,
    }
}

/// An event.
pub fn event(event: &mvccpb::Event) -> Event {
    Event {
        kind: match event.r#type() {
            mvccpb::event::EventType::Put => EventKind::Put,
            mvccpb::event::EventType::Delete => EventKind::Delete,
        },
        kv: event.kv.as_ref().map(key_value).unwrap_or_default(),
        prev: event.prev_kv.as_ref().map(key_value),
    }
}

/// What a read found.
pub fn ranged(reply: &pb::RangeResponse) -> RangeReply {
    RangeReply {
        kvs: reply.kvs.iter().map(key_value).collect(),
        more: reply.more,
        count: reply.count,
    }
}

/// What a write answered.
pub fn written(reply: &pb::PutResponse) -> PutReply {
    PutReply {
        prev: reply.prev_kv.as_ref().map(key_value),
    }
}

/// What a deletion answered.
pub fn deleted(reply: &pb::DeleteRangeResponse) -> DeleteReply {
    DeleteReply {
        deleted: reply.deleted,
        prev: reply.prev_kvs.iter().map(key_value).collect(),
    }
}

/// What a transaction answered.
pub fn decided(reply: &pb::TxnResponse) -> TxnReply {
    TxnReply {
        succeeded: reply.succeeded,
        replies: reply.responses.iter().filter_map(answer).collect(),
    }
}

fn answer(one: &pb::ResponseOp) -> Option<KvReply> {
    Some(match one.response.as_ref()? {
        Response::ResponseRange(reply) => KvReply::Range(ranged(reply)),
        Response::ResponsePut(reply) => KvReply::Put(written(reply)),
        Response::ResponseDeleteRange(reply) => KvReply::Delete(deleted(reply)),
        Response::ResponseTxn(reply) => KvReply::Txn(decided(reply)),
    })
}
