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
use std::collections::BTreeSet;

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
    deletions: Vec<&'a DeleteRangeRequest>,
}

impl<'a> Written<'a> {
    fn of(branch: &'a [RequestOp]) -> Result<Written<'a>, Error> {
        let mut written = Written::default();
        for operation in branch {
            if let Some(Request::RequestDeleteRange(request)) = &operation.request {
                written.deletions.push(request);
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
        self.deletions.extend(success.deletions);
        self.deletions.extend(failure.deletions);
        Ok(())
    }

    fn check_put(&self, key: &[u8]) -> Result<(), Error> {
        let deleted = || self.deletions.iter().any(|deletion| covers(deletion, key));
        if self.puts.contains(key) || deleted() {
            return Err(Error::DuplicateKey);
        }
        Ok(())
    }
}

/// Whether `deletion` is held against a put of `key`.
fn covers(deletion: &DeleteRangeRequest, key: &[u8]) -> bool {
    if deletion.range_end.is_empty() {
        return deletion.key == key;
    }
    deletion.key[..] <= *key && *key < deletion.range_end[..]
}
