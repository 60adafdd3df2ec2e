//! A queue of keys under one prefix, in which the key that was created first owns.
//!
//! Every claimant puts one key: the name, a slash, and the hexadecimal id of its lease. The layout is
//! that of etcd's client library, so claims made through either are in one queue.

use crate::{LeaseId, Revision};
use bytes::Bytes;
use keelson_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use keelson_proto::etcdserverpb::{RangeRequest, WatchCreateRequest};

/// The queue of a name.
pub(super) struct Queue {
    /// Where its keys begin.
    prefix: Bytes,
    /// Where they end.
    end: Bytes,
}

impl Queue {
    /// Of this name.
    pub fn of(name: &[u8]) -> Queue {
        let with = |last: &[u8]| [name, last].concat().into();
        Queue {
            prefix: with(b"/"),
            // The byte after the slash.
            end: with(b"0"),
        }
    }

    /// The key of the claimant with this lease.
    pub fn key(&self, lease: LeaseId) -> Bytes {
        let sign = if lease < 0 { "-" } else { "" };
        let id = format!("{sign}{:x}", lease.unsigned_abs());
        [&self.prefix[..], id.as_bytes()].concat().into()
    }

    /// Everything in the queue.
    pub fn range(&self) -> RangeRequest {
        RangeRequest {
            key: self.prefix.clone(),
            range_end: self.end.clone(),
            ..RangeRequest::default()
        }
    }

    /// A watch of everything in the queue.
    pub fn watch(&self, from: Revision) -> WatchCreateRequest {
        WatchCreateRequest {
            key: self.prefix.clone(),
            range_end: self.end.clone(),
            start_revision: from,
            ..WatchCreateRequest::default()
        }
    }

    /// The owner: whoever came first.
    pub fn first(&self) -> RangeRequest {
        RangeRequest {
            sort_target: SortTarget::Create as i32,
            sort_order: SortOrder::Ascend as i32,
            limit: 1,
            ..self.range()
        }
    }

    /// The last claimant before the one of this create revision.
    pub fn before(&self, create_revision: Revision) -> RangeRequest {
        RangeRequest {
            sort_target: SortTarget::Create as i32,
            sort_order: SortOrder::Descend as i32,
            limit: 1,
            max_create_revision: create_revision - 1,
            ..self.range()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_name_and_the_lease_in_hexadecimal() {
        let queue = Queue::of(b"name");
        assert_eq!(queue.key(0x1f), "name/1f");
        assert_eq!(queue.key(-0x1f), "name/-1f");
    }

    #[test]
    fn a_queue_holds_its_own_keys_and_no_others() {
        let queue = Queue::of(b"name");
        let range = queue.range();
        let holds =
            |key: &str| range.key[..] <= *key.as_bytes() && range.range_end[..] > *key.as_bytes();
        assert!(holds("name/1f") && holds("name/-1f"));
        assert!(!holds("name") && !holds("name2/1f") && !holds("namf"));
    }
}
