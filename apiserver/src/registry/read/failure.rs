//! What a client is told when the store does not answer a read.

use crate::status::Failure;
use crate::storage::KvError;

/// The failure of a read. `expired` makes the one for a state that is gone; `wanted` is the revision that
/// was asked for, 0 if none was.
pub(super) fn of_read(error: KvError, wanted: u64, expired: impl FnOnce() -> Failure) -> Failure {
    match error {
        KvError::Compacted { .. } => expired(),
        KvError::TooNew { current } => Failure::version_too_large(wanted, current),
        KvError::Overloaded => {
            Failure::too_many_requests("the store has enough to do, please try again later", 1)
        }
        KvError::Unavailable(why) | KvError::Unknown(why) => {
            Failure::unavailable(format!("the store does not answer: {why}"))
        }
        KvError::Invalid(why) => Failure::internal(&why),
        KvError::Fenced | KvError::NoSpace | KvError::TooLarge => {
            Failure::internal("the store refused to read as if it were to write")
        }
    }
}
