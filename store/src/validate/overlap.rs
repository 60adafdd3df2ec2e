//! No key is written twice in one branch of a transaction.
//!
//! All changes of a transaction share one revision, so two puts of a key, or a put of a key that the
//! same branch deletes, have no meaningful order. Two deletions may overlap. The two branches of one
//! nested transaction exclude each other and may write the same key.
//!
//! Two gaps are etcd's and kept, because clients that work there must work here: a deletion "from
//! this key on" is not held against puts, and a deletion in a nested transaction is not held against
//! the puts of an earlier sibling. `apply` therefore copes with both.

use crate::Error;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{DeleteRangeRequest, RequestOp, TxnRequest};
use std::collections::{BTreeMap, BTreeSet};

/// # Errors
/// [`Error::DuplicateKey`] if one key is written twice in `branch`.
pub(super) fn check_overlap(branch: &[RequestOp]) -> Result<(), Error> {
    // The common branch has one operation, which cannot collide.
    if let [single] = branch
        && !matches!(single.request, Some(Request::RequestTxn(_)))
    {
        return Ok(());
    }
    Written::of(branch).map(drop)
}

/// What a branch writes, whichever way its nested transactions go.
#[derive(Default)]
struct Written<'a> {
    puts: BTreeSet<&'a [u8]>,
    deletions: Deletions<'a>,
}

impl<'a> Written<'a> {
    fn of(branch: &'a [RequestOp]) -> Result<Written<'a>, Error> {
        let mut written = Written::default();
        for operation in branch {
            if let Some(Request::RequestDeleteRange(request)) = &operation.request {
                written.deletions.add(request);
            }
        }
        for operation in branch {
            if let Some(Request::RequestTxn(request)) = &operation.request {
                written.add_txn(request)?;
            }
        }
        for operation in branch {
            if let Some(Request::RequestPut(request)) = &operation.request {
                written.check_put(&request.key)?;
                written.puts.insert(&request.key);
            }
        }
        Ok(written)
    }

    fn add_txn(&mut self, request: &'a TxnRequest) -> Result<(), Error> {
        let success = Written::of(&request.success)?;
        let failure = Written::of(&request.failure)?;
        for key in success.puts.union(&failure.puts) {
            self.check_put(key)?;
        }
        self.puts.extend(success.puts);
        self.puts.extend(failure.puts);
        self.deletions.append(success.deletions);
        self.deletions.append(failure.deletions);
        Ok(())
    }

    fn check_put(&self, key: &[u8]) -> Result<(), Error> {
        if self.puts.contains(key) || self.deletions.cover(key) {
            return Err(Error::DuplicateKey);
        }
        Ok(())
    }
}

/// What is deleted, in an order in which a key is found quickly: one transaction can hold a hundred thousand
/// deletions and as many puts, and every member checks it.
#[derive(Default)]
pub(crate) struct Deletions<'a> {
    keys: BTreeSet<&'a [u8]>,
    /// Start and end of ranges that do not overlap.
    ranges: BTreeMap<&'a [u8], &'a [u8]>,
    /// Where the first of those begins that go on to the end of all keys.
    open: Option<&'a [u8]>,
}

impl<'a> Deletions<'a> {
    /// One more.
    pub fn add(&mut self, deletion: &'a DeleteRangeRequest) {
        match &deletion.range_end[..] {
            b"" => drop(self.keys.insert(&deletion.key)),
            b"\0" => self.add_open(&deletion.key),
            end => self.add_range(&deletion.key, end),
        }
    }

    fn add_open(&mut self, from: &'a [u8]) {
        self.open = Some(self.open.map_or(from, |open| open.min(from)));
    }

    /// Joins the range with those that it touches.
    fn add_range(&mut self, mut from: &'a [u8], mut to: &'a [u8]) {
        if from >= to {
            return;
        }
        while let Some((&start, &end)) = self.ranges.range(..=to).next_back()
            && end >= from
        {
            self.ranges.remove(start);
            (from, to) = (from.min(start), to.max(end));
        }
        self.ranges.insert(from, to);
    }

    fn append(&mut self, mut other: Deletions<'a>) {
        self.keys.append(&mut other.keys);
        for (from, to) in other.ranges {
            self.add_range(from, to);
        }
        other.open.into_iter().for_each(|from| self.add_open(from));
    }

    /// Whether one of them takes `key` away.
    pub fn take_away(&self, key: &[u8]) -> bool {
        self.cover(key) || self.open.is_some_and(|from| from <= key)
    }

    /// Whether a put of `key` may not stand beside them.
    fn cover(&self, key: &[u8]) -> bool {
        let inside = || {
            let before = self.ranges.range(..=key).next_back();
            before.is_some_and(|(_, end)| key < *end)
        };
        self.keys.contains(key) || inside()
    }
}
