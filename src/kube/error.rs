//! The store's errors in the words of the trait.

use keelson_apiserver::storage::KvError;
use keelson_apiserver::storage::wire::count;
use keelson_store::error::Kind;
use keelson_store::{Error, mvcc::Store};

/// Why a call that only reads did not succeed. Nothing has happened.
pub fn of_read(error: &Error, store: &Store) -> KvError {
    known(error, store).unwrap_or_else(|| KvError::Unavailable(error.to_string()))
}

/// Why a call that writes did not succeed.
pub fn of_write(error: &Error, store: &Store) -> KvError {
    match (known(error, store), error.kind()) {
        (Some(known), _) => known,
        // A member that stops says so also of what is in the log already.
        (None, _) if *error == Error::Stopped => KvError::Unknown(error.to_string()),
        (None, Kind::Unavailable | Kind::Corrupt) => KvError::Unavailable(error.to_string()),
        (None, _) => KvError::Unknown(error.to_string()),
    }
}

/// What an error says by itself, whatever the call was. `None`: that nobody could be asked.
fn known(error: &Error, store: &Store) -> Option<KvError> {
    Some(match error {
        Error::Compacted => KvError::Compacted {
            oldest: count(store.compacted()),
        },
        Error::FutureRevision => KvError::TooNew {
            current: count(store.revision()),
        },
        Error::Fenced => KvError::Fenced,
        Error::NoSpace => KvError::NoSpace,
        Error::TooManyRequests => KvError::Overloaded,
        Error::RequestTooLarge => KvError::TooLarge,
        _ => match error.kind() {
            Kind::Invalid | Kind::NotFound | Kind::Conflict => KvError::Invalid(error.to_string()),
            Kind::Exhausted => KvError::Overloaded,
            Kind::Unavailable | Kind::Unknown | Kind::Compacted | Kind::Corrupt => return None,
        },
    })
}
