//! What an error says about the request: that nothing happened, or that nobody knows.

use crate::history::Outcome;
use tonic::{Code, Status};

/// For these reasons a change of members is refused before it is proposed, with codes that say less.
const REFUSED_CHANGES: [&str; 2] = [
    "etcdserver: unhealthy cluster",
    "etcdserver: re-configuration failed due to not enough started members",
];

/// Sorts an error. In doubt the outcome is unknown.
///
/// A server refuses before it proposes, or when it applies, and its texts begin with its name then: nothing has
/// changed. Whatever has to do with time, leaders or connections may have been proposed already. A connection
/// that was never made has carried nothing.
pub fn outcome(status: &Status) -> Outcome {
    let (code, text) = (format!("{:?}", status.code()), status.message().to_owned());
    match is_definite(status) {
        true => Outcome::Failed { code, text },
        false => Outcome::Unknown { code, text },
    }
}

fn is_definite(status: &Status) -> bool {
    let refused = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::OutOfRange
            | Code::FailedPrecondition
            | Code::ResourceExhausted
    );
    // The words of etcd's library for elections: there is no leader, or it is another one.
    let is_not_leader = status.code() == Code::Unknown
        && ["election: no leader", "election: not leader"].contains(&status.message());
    (refused && status.message().starts_with("etcdserver: "))
        || is_not_leader
        || REFUSED_CHANGES.contains(&status.message())
        || never_connected(status)
}

/// The client's library says so where it failed to open the connection for this request.
fn never_connected(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.to_string() == "tcp connect error" {
            return true;
        }
        cause = error.source();
    }
    status.code() == Code::Unavailable && status.message() == "tcp connect error"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_unknown(code: Code, text: &str) -> bool {
        matches!(outcome(&Status::new(code, text)), Outcome::Unknown { .. })
    }

    #[test]
    fn what_a_server_refuses_has_not_happened() {
        let compacted = "etcdserver: mvcc: required revision has been compacted";
        assert!(!is_unknown(Code::OutOfRange, compacted));
        assert!(!is_unknown(
            Code::NotFound,
            "etcdserver: requested lease not found"
        ));
        assert!(!is_unknown(
            Code::ResourceExhausted,
            "etcdserver: mvcc: database space exceeded"
        ));
        assert!(!is_unknown(
            Code::ResourceExhausted,
            "etcdserver: too many requests"
        ));
    }

    #[test]
    fn a_change_that_would_endanger_the_quorum_is_refused_before_it_is_proposed() {
        for text in REFUSED_CHANGES {
            assert!(!is_unknown(Code::Unavailable, text), "{text}");
            assert!(!is_unknown(Code::Unknown, text), "{text}");
        }
    }

    #[test]
    fn what_has_to_do_with_time_and_leaders_may_have_happened() {
        for text in [
            "request timed out",
            "leader changed",
            "no leader",
            "server stopped",
        ] {
            assert!(
                is_unknown(Code::Unavailable, &format!("etcdserver: {text}")),
                "{text}"
            );
        }
        assert!(is_unknown(Code::DeadlineExceeded, "etcdserver: anything"));
        assert!(is_unknown(Code::Cancelled, ""));
        assert!(is_unknown(Code::Unknown, "transport error"));
        assert!(is_unknown(Code::Internal, "h2 protocol error"));
    }

    #[test]
    fn a_text_of_somebody_else_says_nothing() {
        assert!(is_unknown(
            Code::ResourceExhausted,
            "grpc: received message larger than max"
        ));
        assert!(is_unknown(
            Code::OutOfRange,
            "decoded message length too large"
        ));
    }

    #[test]
    fn a_connection_that_was_never_made_carried_nothing() {
        assert!(!is_unknown(Code::Unavailable, "tcp connect error"));
    }
}
