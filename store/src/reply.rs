//! What applying a command answers.

use crate::{LeaseId, Revision};
use keelson_proto::etcdserverpb::AlarmMember;
use keelson_proto::serving;

/// The outcome of one applied command, for the member that took the request.
///
/// Response headers inside carry the revision only; `rpc` fills in the rest.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Answer to a put.
    Put(serving::PutResponse),
    /// Answer to a deletion.
    DeleteRange(serving::DeleteRangeResponse),
    /// Answer to a transaction.
    Txn(serving::TxnResponse),
    /// The compaction is agreed: reads below it fail from now on.
    Compact {
        /// The store's revision.
        revision: Revision,
    },
    /// The lease exists.
    LeaseGrant {
        /// Its id.
        id: LeaseId,
        /// Seconds it was given.
        ttl: i64,
        /// The store's revision.
        revision: Revision,
    },
    /// The lease and its keys are gone.
    LeaseRevoke {
        /// The store's revision, after the deletion of the keys.
        revision: Revision,
    },
    /// The alarms that the request concerned.
    Alarm(Vec<AlarmMember>),
    /// Done; there is nothing to say. Carries the store's revision.
    Done(Revision),
}
