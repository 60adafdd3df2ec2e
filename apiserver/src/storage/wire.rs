//! Requests and answers in etcd's form and in the trait's: for every implementation over a store that
//! takes etcd's messages.

use super::kv::{
    Change, Changed, Committed, Guard, KeyValue, KvError, Range, Ranged, Txn, Watch, Write,
};
use bytes::Bytes;
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::response_op::Response;
use keelson_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse, RequestOp,
    ResponseHeader, TxnRequest, TxnResponse, WatchCreateRequest,
};
use keelson_proto::mvccpb;

/// How a store refuses a state that is gone.
pub(super) const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
/// How a store refuses more than it takes at once.
pub(super) const TOO_MANY_REQUESTS: &str = "etcdserver: too many requests";

/// A revision on the wire. None that a store has ever told is too large.
pub fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// A number from the wire that is never negative.
pub fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The revision in a header.
pub fn revision(header: Option<&ResponseHeader>) -> u64 {
    header.map_or(0, |header| count(header.revision))
}

/// A read. `revision` 0: the present.
pub fn range_request(range: &Range, revision: u64, serializable: bool) -> RangeRequest {
    RangeRequest {
        key: range.key.clone(),
        range_end: range.end.clone().unwrap_or_default(),
        limit: i64::try_from(range.limit).unwrap_or(i64::MAX),
        revision: signed(revision),
        serializable,
        keys_only: range.keys_only,
        ..RangeRequest::default()
    }
}

/// What was read, as of `at` if that is not 0.
pub fn ranged(answer: RangeResponse, at: u64) -> Ranged {
    Ranged {
        revision: match at {
            0 => revision(answer.header.as_ref()),
            at => at,
        },
        count: count(answer.count),
        keys: answer.kvs.into_iter().map(key_value).collect(),
    }
}

/// A key.
pub fn key_value(found: mvccpb::KeyValue) -> KeyValue {
    KeyValue {
        key: found.key,
        value: found.value,
        create_revision: count(found.create_revision),
        mod_revision: count(found.mod_revision),
        version: count(found.version),
        lease: found.lease,
    }
}

/// A transaction.
pub fn txn_request(txn: Txn) -> TxnRequest {
    let read = |key: Bytes| {
        Request::RequestRange(RangeRequest {
            key,
            ..RangeRequest::default()
        })
    };
    let operation = |request| RequestOp {
        request: Some(request),
    };
    TxnRequest {
        compare: txn.guards.into_iter().map(compare).collect(),
        success: txn.writes.into_iter().map(write).map(operation).collect(),
        failure: txn.otherwise.into_iter().map(read).map(operation).collect(),
    }
}

fn compare(guard: Guard) -> Compare {
    Compare {
        result: CompareResult::Equal as i32,
        target: CompareTarget::Mod as i32,
        key: guard.key,
        target_union: Some(TargetUnion::ModRevision(signed(guard.mod_revision))),
        ..Compare::default()
    }
}

fn write(write: Write) -> Request {
    match write {
        Write::Put { key, value, lease } => Request::RequestPut(PutRequest {
            key,
            value,
            lease,
            ..PutRequest::default()
        }),
        Write::Delete { key } => Request::RequestDeleteRange(DeleteRangeRequest {
            key,
            ..DeleteRangeRequest::default()
        }),
    }
}

/// What became of a transaction.
pub fn committed(answer: TxnResponse) -> Committed {
    let revision = revision(answer.header.as_ref());
    if answer.succeeded {
        return Committed::Written { revision };
    }
    let found = answer
        .responses
        .into_iter()
        .map(|operation| match operation.response {
            Some(Response::ResponseRange(read)) => read.kvs.into_iter().next().map(key_value),
            _ => None,
        })
        .collect();
    Committed::Refused { revision, found }
}

/// A watch, with everything the trait promises of one.
pub fn watch_request(watch: &Watch) -> WatchCreateRequest {
    WatchCreateRequest {
        key: watch.key.clone(),
        range_end: watch.end.clone().unwrap_or_default(),
        start_revision: signed(watch.from.max(1)),
        progress_notify: watch.progress_every.is_some(),
        prev_kv: true,
        fragment: true,
        ..WatchCreateRequest::default()
    }
}

/// A change. `None` for one without a key, which no store sends.
pub fn change(event: mvccpb::Event) -> Option<Change> {
    let changed = match event.r#type() {
        mvccpb::event::EventType::Put => Changed::Put,
        mvccpb::event::EventType::Delete => Changed::Deleted,
    };
    let now = event.kv?;
    Some(Change {
        changed,
        // Who follows keeps this, perhaps for days. As a slice it would keep the whole message alive.
        now: KeyValue {
            key: Bytes::copy_from_slice(&now.key),
            value: Bytes::copy_from_slice(&now.value),
            ..key_value(now)
        },
        before: event.prev_kv.map(key_value),
    })
}

/// The error that the reason of a watch that was refused or ended stands for. `oldest` is its compact
/// revision; 0 if it has none.
pub fn canceled(reason: &str, oldest: u64) -> KvError {
    // The text may come without the server's name before it.
    if oldest > 0 || reason.ends_with(COMPACTED.trim_start_matches("etcdserver: ")) {
        return KvError::Compacted { oldest };
    }
    if reason.ends_with(TOO_MANY_REQUESTS) {
        return KvError::Overloaded;
    }
    match reason.starts_with("mvcc: ") || reason.starts_with("rpc error: code = PermissionDenied") {
        true => KvError::Invalid(reason.to_owned()),
        false => KvError::Unavailable(format!("the store ended the watch: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_watch_has_its_reason() {
        let compacted = KvError::Compacted { oldest: 7 };
        assert_eq!(canceled("", 7), compacted);
        assert_eq!(canceled(COMPACTED, 0), KvError::Compacted { oldest: 0 });
        assert_eq!(canceled(TOO_MANY_REQUESTS, 0), KvError::Overloaded);
        let empty = canceled("mvcc: watcher range is empty", 0);
        assert!(matches!(empty, KvError::Invalid(_)), "{empty:?}");
        let other = canceled("etcdserver: watch canceled", 0);
        assert!(matches!(other, KvError::Unavailable(_)), "{other:?}");
    }
}
