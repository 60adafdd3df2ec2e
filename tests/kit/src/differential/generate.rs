//! Random requests from a seed: few keys, so that requests meet, and every option.

use super::step::{PRESENT, Step};
use crate::request::prefix_end;
use bytes::Bytes;
use keelson_proto::etcdserverpb::compare::{CompareResult, TargetUnion};
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::*;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Streams that watches are spread over.
const STREAMS: usize = 3;
/// Leases whose ids the script chooses from.
const LEASES: i64 = 6;
/// How far in the future a watch may start; settling writes as many revisions.
pub const FUTURE: i64 = 4;

/// `count` steps; the same for the same seed.
pub fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut generator = Generator {
        random: StdRng::seed_from_u64(seed),
    };
    (0..count).map(|_| generator.step()).collect()
}

struct Generator {
    random: StdRng,
}

impl Generator {
    /// True once in `n`.
    fn once_in(&mut self, n: u32) -> bool {
        self.random.random_ratio(1, n)
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices
            .choose(&mut self.random)
            .expect("every list of choices has something in it")
            .clone()
    }

    fn step(&mut self) -> Step {
        match self.random.random_range(0..1000) {
            0..300 => Step::Put(self.put()),
            300..480 => Step::Range(self.range()),
            480..520 => Step::RangeStream(self.plain_range()),
            520..620 => Step::Delete(self.delete(true)),
            620..850 => Step::Txn(self.txn(2)),
            850..860 => Step::Compact(self.compact()),
            860..885 => Step::Grant(self.grant()),
            885..900 => Step::Revoke(LeaseRevokeRequest {
                id: self.lease_id(),
            }),
            900..915 => Step::KeepAlive(LeaseKeepAliveRequest {
                id: self.lease_id(),
            }),
            915..935 => Step::TimeToLive(LeaseTimeToLiveRequest {
                id: self.lease_id(),
                keys: self.once_in(2),
            }),
            935..940 => Step::Leases,
            940..945 => Step::HashKv(HashKvRequest {
                revision: self.revision(),
            }),
            945..980 => Step::Watch {
                stream: self.random.random_range(0..STREAMS),
                request: self.watch(),
            },
            980..988 => Step::CancelWatch {
                stream: self.random.random_range(0..STREAMS),
                watch_id: self.random.random_range(0..6),
            },
            988..994 => Step::CloseStream {
                stream: self.random.random_range(0..STREAMS),
            },
            _ => Step::Settle,
        }
    }

    fn key(&mut self) -> Bytes {
        if self.once_in(200) {
            return Bytes::new();
        }
        let odd: [&'static [u8]; 5] = [b"\0", b"\xff", b"a\0", b"b/1", b"\xff\xff"];
        match self.random.random_range(0..12) {
            0 => Bytes::from_static(self.pick(&odd)),
            1..5 => format!("b/{}", self.random.random_range(0..8)).into(),
            _ => self.pick(&["a", "b", "c", "d", "e", "f", "g", "h"]).into(),
        }
    }

    /// The end of a range that begins at `key`.
    fn end(&mut self, key: &Bytes) -> Bytes {
        match self.random.random_range(0..10) {
            0..4 => Bytes::new(),
            4 => Bytes::from_static(b"\0"),
            5..7 => prefix_end(key),
            // Sometimes before the key: an empty range.
            _ => self.key(),
        }
    }

    fn value(&mut self) -> Bytes {
        match self.random.random_range(0..20) {
            0 => Bytes::new(),
            1 => vec![b'v'; self.random.random_range(0..3000)].into(),
            2 => Bytes::from_static(b"\0\xff\x80"),
            _ => self.pick(&["1", "2", "3", "10", "one", "two"]).into(),
        }
    }

    /// Mostly unset; else near the present, sometimes compacted, sometimes in the future.
    fn revision(&mut self) -> i64 {
        match self.random.random_range(0..30) {
            0..20 => 0,
            20 => -1,
            21 => PRESENT + self.random.random_range(1..5),
            22 => PRESENT - self.random.random_range(0..2000),
            _ => PRESENT - self.random.random_range(0..40),
        }
    }

    fn filter(&mut self) -> i64 {
        if self.once_in(8) {
            PRESENT - self.random.random_range(-2..100)
        } else {
            0
        }
    }

    fn lease_id(&mut self) -> i64 {
        match self.random.random_range(0..20) {
            0 => -3,
            1 => 404,
            _ => self.random.random_range(1..=LEASES),
        }
    }

    /// A range that RangeStream answers, too.
    fn plain_range(&mut self) -> RangeRequest {
        let key = self.key();
        RangeRequest {
            range_end: self.end(&key),
            key,
            limit: self.pick(&[0, 0, 0, 1, 2, 5, 10, 100, -1]),
            revision: self.revision(),
            serializable: self.once_in(4),
            keys_only: self.once_in(6),
            count_only: self.once_in(8),
            ..Default::default()
        }
    }

    fn range(&mut self) -> RangeRequest {
        let mut request = self.plain_range();
        if self.once_in(2) {
            request.sort_order = self.pick(&[0, 1, 1, 2, 2]);
            request.sort_target = self.pick(&[0, 1, 2, 3, 4]);
        }
        if self.once_in(200) {
            request.sort_order = 7;
        }
        if self.once_in(200) {
            request.sort_target = 7;
        }
        request.min_mod_revision = self.filter();
        request.max_mod_revision = self.filter();
        request.min_create_revision = self.filter();
        request.max_create_revision = self.filter();
        request
    }

    fn put(&mut self) -> PutRequest {
        let ignore_value = self.once_in(10);
        let ignore_lease = self.once_in(10);
        let mut request = PutRequest {
            key: self.key(),
            value: self.value(),
            lease: if self.once_in(5) { self.lease_id() } else { 0 },
            prev_kv: self.once_in(3),
            ignore_value,
            ignore_lease,
        };
        // Mostly legal; now and then both a flag and what it ignores.
        if ignore_value && !self.once_in(10) {
            request.value = Bytes::new();
        }
        if ignore_lease && !self.once_in(10) {
            request.lease = 0;
        }
        request
    }

    fn delete(&mut self, from_key: bool) -> DeleteRangeRequest {
        let key = self.key();
        let mut range_end = self.end(&key);
        // A put under a from-key deletion in one txn escapes etcd's own check, which nobody needs to copy.
        if range_end == b"\0"[..] && !(from_key && self.once_in(4)) {
            range_end = Bytes::new();
        }
        DeleteRangeRequest {
            key,
            range_end,
            prev_kv: self.once_in(2),
        }
    }

    fn compact(&mut self) -> CompactionRequest {
        CompactionRequest {
            revision: PRESENT - self.random.random_range(-2..200),
            physical: self.once_in(2),
        }
    }

    fn grant(&mut self) -> LeaseGrantRequest {
        LeaseGrantRequest {
            // Never zero: the server would choose.
            id: self.lease_id(),
            // Long enough not to end during a run.
            ttl: self.pick(&[3600, 7200, 9_000_000_000, 9_000_000_001]),
        }
    }

    fn compare(&mut self) -> Compare {
        let key = self.key();
        let union = match self.random.random_range(0..6) {
            0 => TargetUnion::Version(self.random.random_range(0..4)),
            1 => TargetUnion::CreateRevision(self.near()),
            2 => TargetUnion::ModRevision(self.near()),
            3 => TargetUnion::Lease(self.random.random_range(0..3)),
            _ => TargetUnion::Value(self.value()),
        };
        let result = self.pick(&[
            CompareResult::Equal,
            CompareResult::Greater,
            CompareResult::Less,
            CompareResult::NotEqual,
        ]);
        let mut compare = crate::request::compare(key.clone(), result, union);
        if self.once_in(4) {
            compare.range_end = self.end(&key);
        }
        if self.once_in(30) {
            compare.target_union = None;
        }
        compare
    }

    fn near(&mut self) -> i64 {
        if self.once_in(3) {
            0
        } else {
            PRESENT - self.random.random_range(0..60)
        }
    }

    fn op(&mut self, depth: u32) -> RequestOp {
        let request = match self.random.random_range(0..100) {
            0..40 => Request::RequestPut(self.put()),
            40..65 => Request::RequestRange(self.range()),
            65..85 => Request::RequestDeleteRange(self.delete(false)),
            85..99 if depth > 0 => Request::RequestTxn(self.txn(depth - 1)),
            99 if self.once_in(5) => return RequestOp { request: None },
            _ => Request::RequestRange(self.range()),
        };
        RequestOp {
            request: Some(request),
        }
    }

    fn branch(&mut self, depth: u32) -> Vec<RequestOp> {
        let length = if self.once_in(150) {
            self.random.random_range(126..132)
        } else {
            self.random.random_range(0..4)
        };
        (0..length).map(|_| self.op(depth)).collect()
    }

    fn txn(&mut self, depth: u32) -> TxnRequest {
        let compares = self.random.random_range(0..3);
        TxnRequest {
            compare: (0..compares).map(|_| self.compare()).collect(),
            success: self.branch(depth),
            failure: self.branch(depth),
        }
    }

    fn watch(&mut self) -> WatchCreateRequest {
        let key = self.key();
        let filters = self.pick(&[vec![], vec![], vec![], vec![0], vec![1], vec![0, 1]]);
        WatchCreateRequest {
            range_end: self.end(&key),
            key,
            start_revision: match self.random.random_range(0..6) {
                0..2 => 0,
                2 => PRESENT + self.random.random_range(1..=FUTURE),
                _ => PRESENT - self.random.random_range(0..150),
            },
            progress_notify: self.once_in(4),
            filters,
            prev_kv: self.once_in(2),
            watch_id: self.pick(&[0, 0, 0, 1, 2, 3, 9]),
            fragment: self.once_in(3),
        }
    }
}
