//! What went wrong, in the words of the trait.
//!
//! etcd's errors are known by their texts: several have one code. What matters most is whether the
//! request may have taken effect, so everything that is not known for certain to have changed nothing
//! counts as unknown, for a call that changes something.

use super::super::kv::KvError;
use super::super::wire::{COMPACTED, TOO_MANY_REQUESTS};
use std::error::Error;
use tonic::{Code, ConnectError, Status};

const FUTURE_REVISION: &str = "etcdserver: mvcc: required revision is a future revision";
const NO_SPACE: &str = "etcdserver: mvcc: database space exceeded";
const REQUEST_TOO_LARGE: &str = "etcdserver: request is too large";
/// How gRPC libraries refuse what they do not even read. The sizes follow.
const MESSAGE_TOO_LARGE: &str = "grpc: received message larger than max";

/// With these beginnings a member says that it did nothing, and that another one may be able to.
const REFUSED_HERE: &[&str] = &[
    "etcdserver: no leader",
    "etcdserver: not leader",
    "etcdserver: rpc not supported for",
    "etcdserver: corrupt cluster",
    "etcdserver: unhealthy cluster",
    "etcdserver: request timed out, waiting for the applied index took too long",
];

/// Whether a call changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: however it fails, nothing has happened.
    None,
    /// It writes.
    Some,
}

impl Effect {
    /// The error of a call of which nobody knows what became.
    pub fn lost(self, why: String) -> KvError {
        match self {
            Effect::None => KvError::Unavailable(why),
            Effect::Some => KvError::Unknown(why),
        }
    }
}

/// The error that a status stands for. Revisions that a status does not tell are 0.
pub fn error_of(status: &Status, effect: Effect) -> KvError {
    let text = status.message();
    match text {
        COMPACTED => return KvError::Compacted { oldest: 0 },
        FUTURE_REVISION => return KvError::TooNew { current: 0 },
        NO_SPACE => return KvError::NoSpace,
        TOO_MANY_REQUESTS => return KvError::Overloaded,
        REQUEST_TOO_LARGE => return KvError::TooLarge,
        _ if text.starts_with(MESSAGE_TOO_LARGE) => return KvError::TooLarge,
        _ => {}
    }
    if REFUSED_HERE.iter().any(|start| text.starts_with(start)) || is_unconnected(status) {
        return KvError::Unavailable(reason(status));
    }
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::PermissionDenied
        | Code::Unauthenticated => KvError::Invalid(reason(status)),
        // Not the store's own refusal, which was known by its text: somebody on the way.
        Code::ResourceExhausted if effect == Effect::None => KvError::Overloaded,
        _ => effect.lost(reason(status)),
    }
}

/// Whether not even a connection could be made, so that nothing was sent.
fn is_unconnected(status: &Status) -> bool {
    chain(status).any(|error| error.is::<ConnectError>())
}

/// The text, and what is behind it: outer errors often say "transport error" and no more.
fn reason(status: &Status) -> String {
    let text = status.message();
    match chain(status).last().map(ToString::to_string) {
        Some(cause) if !text.contains(&cause) => format!("{text}: {cause}"),
        _ => text.to_owned(),
    }
}

fn chain(status: &Status) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(status.source(), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(code: Code, text: &str) -> KvError {
        error_of(&Status::new(code, text), Effect::Some)
    }

    #[test]
    fn errors_with_a_text_of_their_own_are_known_by_it() {
        let cases = [
            (
                Code::OutOfRange,
                COMPACTED,
                KvError::Compacted { oldest: 0 },
            ),
            (
                Code::OutOfRange,
                FUTURE_REVISION,
                KvError::TooNew { current: 0 },
            ),
            (Code::ResourceExhausted, NO_SPACE, KvError::NoSpace),
            (
                Code::ResourceExhausted,
                TOO_MANY_REQUESTS,
                KvError::Overloaded,
            ),
            (Code::InvalidArgument, REQUEST_TOO_LARGE, KvError::TooLarge),
            (
                Code::ResourceExhausted,
                "grpc: received message larger than max (2097200 vs. 2097152)",
                KvError::TooLarge,
            ),
        ];
        for (code, text, error) in cases {
            assert_eq!(written(code, text), error);
            assert_eq!(error_of(&Status::new(code, text), Effect::None), error);
        }
    }

    #[test]
    fn a_write_that_may_have_happened_is_unknown_and_a_read_is_not() {
        let lost = [
            (Code::Unavailable, "etcdserver: request timed out"),
            (Code::Unavailable, "etcdserver: leader changed"),
            (Code::Unavailable, "etcdserver: server stopped"),
            (Code::Unavailable, "transport error"),
            (Code::Unknown, "h2 protocol error: broken pipe"),
            (Code::Cancelled, "etcdserver: request canceled"),
            (Code::DeadlineExceeded, "context deadline exceeded"),
            (Code::Internal, "anything"),
        ];
        for (code, text) in lost {
            assert_eq!(written(code, text), KvError::Unknown(text.into()));
            let read = error_of(&Status::new(code, text), Effect::None);
            assert_eq!(read, KvError::Unavailable(text.into()));
        }
        // A proxy's refusal says nothing of what became of a write.
        let busy = "Too many active requests for the connection";
        assert_eq!(
            written(Code::ResourceExhausted, busy),
            KvError::Unknown(busy.into())
        );
    }

    #[test]
    fn a_member_that_did_nothing_says_so() {
        let refused = [
            (Code::Unavailable, "etcdserver: no leader"),
            (Code::FailedPrecondition, "etcdserver: not leader"),
            (Code::DataLoss, "etcdserver: corrupt cluster"),
        ];
        for (code, text) in refused {
            assert_eq!(written(code, text), KvError::Unavailable(text.into()));
        }
    }

    #[test]
    fn nothing_was_sent_without_a_connection() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        let status = Status::from_error(Box::new(ConnectError(Box::new(refused))));
        let error = error_of(&status, Effect::Some);
        assert!(matches!(error, KvError::Unavailable(_)), "{error:?}");
    }

    #[test]
    fn a_refusal_of_the_request_is_invalid() {
        for (code, text) in [
            (Code::NotFound, "etcdserver: requested lease not found"),
            (
                Code::InvalidArgument,
                "etcdserver: too many operations in txn request",
            ),
            (Code::Unauthenticated, "etcdserver: invalid auth token"),
        ] {
            assert_eq!(written(code, text), KvError::Invalid(text.into()));
        }
    }
}
