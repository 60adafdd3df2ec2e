//! Checks of a request that need nothing but the request.
//!
//! `rpc` runs them before it proposes, so that nonsense never reaches the log, and `apply` runs them
//! again, so that nonsense in the log changes nothing. Both must agree, hence one room. What may
//! enter: plain functions from a request to a verdict. What never happens here: a look at the state
//! (does the lease exist? is the revision compacted?) or at a member's configuration other than
//! through a parameter. `apply` passes no such parameter: members configured differently would
//! diverge.
//!
//! The rules are etcd's, statement by statement of its contract; the numbers in the tests name them.

mod overlap;
mod quota;
#[cfg(test)]
mod tests;
mod txn;

pub(crate) use overlap::Deletions;
pub use quota::{LEASE_COST, cost, put_cost, txn_cost};
pub use txn::{DEPTH_MAX, check_txn, is_read_only, is_serializable};

use crate::Error;
use keelson_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use keelson_proto::etcdserverpb::{
    DeleteRangeRequest, LeaseGrantRequest, PutRequest, RangeRequest,
};

/// The longest time to live a lease can be given, in seconds: about 285 years.
pub const LEASE_TTL_MAX_S: i64 = 9_000_000_000;

/// A put needs a key, and either a value or the wish to keep the present one; the same for the lease.
///
/// # Errors
/// [`Error::EmptyKey`], [`Error::ValueProvided`], [`Error::LeaseProvided`].
pub fn check_put(request: &PutRequest) -> Result<(), Error> {
    if request.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    if request.ignore_value && !request.value.is_empty() {
        return Err(Error::ValueProvided);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(Error::LeaseProvided);
    }
    Ok(())
}

/// A range needs a key and a sort order that exists. (A watch does not use this: there an empty key
/// means the first one.)
///
/// # Errors
/// [`Error::EmptyKey`], [`Error::InvalidSortOption`].
pub fn check_range(request: &RangeRequest) -> Result<(), Error> {
    if request.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    let order = SortOrder::try_from(request.sort_order);
    let target = SortTarget::try_from(request.sort_target);
    if order.is_err() || target.is_err() {
        return Err(Error::InvalidSortOption);
    }
    Ok(())
}

/// A deletion needs a key.
///
/// # Errors
/// [`Error::EmptyKey`].
pub fn check_delete_range(request: &DeleteRangeRequest) -> Result<(), Error> {
    if request.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    Ok(())
}

/// A lease's time to live has an upper limit. (Too small a one is raised by the member that takes
/// the request: see [`lease_ttl`].)
///
/// # Errors
/// [`Error::LeaseTtlTooLarge`].
pub fn check_lease_grant(request: &LeaseGrantRequest) -> Result<(), Error> {
    if request.ttl > LEASE_TTL_MAX_S {
        return Err(Error::LeaseTtlTooLarge);
    }
    Ok(())
}

/// The time to live that a request for `requested_s` seconds gets where `minimum_s` is the least.
/// To be put into the command before it is proposed: the minimum is configuration.
pub fn lease_ttl(requested_s: i64, minimum_s: i64) -> i64 {
    requested_s.max(minimum_s).max(1)
}

/// A request may have at most `max_bytes` when encoded.
///
/// # Errors
/// [`Error::RequestTooLarge`].
pub fn check_size(encoded_bytes: usize, max_bytes: usize) -> Result<(), Error> {
    if encoded_bytes > max_bytes {
        return Err(Error::RequestTooLarge);
    }
    Ok(())
}
