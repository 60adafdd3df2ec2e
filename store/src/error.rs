//! Everything that can go wrong with a request, in etcd's words.
//!
//! Client libraries recognise an error by its *text*, byte for byte, so the texts here are an
//! interface (etcd contract §1.7). [`Error::kind`] says what a caller can do about it.

use tonic::{Code, Status};

/// What a caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Correct the request; sending it again as it is cannot succeed.
    Invalid,
    /// Look elsewhere: what was named does not exist.
    NotFound,
    /// Something else came first: look again, then decide.
    Conflict,
    /// Ask again, perhaps another member. Nothing was changed.
    Unavailable,
    /// Nobody knows whether the request took effect: look before asking again.
    Unknown,
    /// Too much of something: free it or wait.
    Exhausted,
    /// The history asked for is gone: start anew from the present.
    Compacted,
    /// The member or the cluster needs an operator.
    Corrupt,
}

macro_rules! errors {
    ($( $(#[$doc:meta])* $name:ident = $code:ident, $kind:ident, $text:literal; )*) => {
        /// An error of the etcd API.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Error {
            $( $(#[$doc])* $name, )*
            /// Not in etcd's vocabulary: the code and the text as they go out.
            Other(i32, String),
        }

        impl Error {
            /// Every error with a fixed text.
            pub const ALL: &'static [Error] = &[ $( Error::$name, )* ];

            /// What the caller can do.
            pub fn kind(&self) -> Kind {
                match self {
                    $( Error::$name => Kind::$kind, )*
                    Error::Other(..) => Kind::Unknown,
                }
            }

            /// The gRPC code that goes with the text.
            pub fn code(&self) -> Code {
                match self {
                    $( Error::$name => Code::$code, )*
                    Error::Other(code, _) => Code::from_i32(*code),
                }
            }

            /// The text exactly as it is sent.
            pub fn text(&self) -> &str {
                match self {
                    $( Error::$name => $text, )*
                    Error::Other(_, text) => text,
                }
            }
        }
    };
}

errors! {
    /// A request without a key.
    EmptyKey = InvalidArgument, Invalid, "etcdserver: key is not provided";
    /// `ignore_value` or `ignore_lease` on a key that does not exist, or an empty request operation.
    KeyNotFound = InvalidArgument, Invalid, "etcdserver: key not found";
    /// `ignore_value` together with a value.
    ValueProvided = InvalidArgument, Invalid, "etcdserver: value is provided";
    /// `ignore_lease` together with a lease.
    LeaseProvided = InvalidArgument, Invalid, "etcdserver: lease is provided";
    /// More operations than `--max-txn-ops`.
    TooManyOps = InvalidArgument, Invalid, "etcdserver: too many operations in txn request";
    /// One key written twice in one branch.
    DuplicateKey = InvalidArgument, Invalid, "etcdserver: duplicate key given in txn request";
    /// Metadata that is not UTF-8.
    InvalidClientApiVersion = InvalidArgument, Invalid, "etcdserver: invalid client api version";
    /// An unknown sort order or target.
    InvalidSortOption = InvalidArgument, Invalid, "etcdserver: invalid sort option";
    /// A peer URL that does not parse.
    BadMemberUrls = InvalidArgument, Invalid, "etcdserver: given member URLs are invalid";
    /// Larger than `--max-request-bytes`.
    RequestTooLarge = InvalidArgument, Invalid, "etcdserver: request is too large";
    /// The revision asked for has been compacted away.
    Compacted = OutOfRange, Compacted, "etcdserver: mvcc: required revision has been compacted";
    /// The revision asked for has not happened yet.
    FutureRevision = OutOfRange, Invalid, "etcdserver: mvcc: required revision is a future revision";
    /// A time to live beyond etcd's limit.
    LeaseTtlTooLarge = OutOfRange, Invalid, "etcdserver: too large lease TTL";
    /// The quota is used up.
    NoSpace = ResourceExhausted, Exhausted, "etcdserver: mvcc: database space exceeded";
    /// The member has as much in hand as it takes. Nothing was changed.
    TooManyRequests = ResourceExhausted, Exhausted, "etcdserver: too many requests";
    /// No such lease.
    LeaseNotFound = NotFound, NotFound, "etcdserver: requested lease not found";
    /// No such member.
    MemberNotFound = NotFound, NotFound, "etcdserver: member not found";
    /// The lease id is taken.
    LeaseExists = FailedPrecondition, Conflict, "etcdserver: lease already exists";
    /// The member id is taken.
    MemberExists = FailedPrecondition, Conflict, "etcdserver: member ID already exist";
    /// Another member has this peer URL.
    PeerUrlExists = FailedPrecondition, Conflict, "etcdserver: Peer URLs already exists";
    /// The change would leave the cluster without a quorum of started members.
    NotEnoughStarted = FailedPrecondition, Conflict, "etcdserver: re-configuration failed due to not enough started members";
    /// Promotion of a voter.
    MemberNotLearner = FailedPrecondition, Invalid, "etcdserver: can only promote a learner member";
    /// Promotion of a learner that lags.
    LearnerNotReady = FailedPrecondition, Unavailable, "etcdserver: can only promote a learner member which is in sync with leader";
    /// More learners than `--max-learners`.
    TooManyLearners = FailedPrecondition, Conflict, "etcdserver: too many learner members in cluster";
    /// The peer belongs to another cluster.
    ClusterIdMismatch = FailedPrecondition, Invalid, "etcdserver: cluster ID mismatch";
    /// Asked of a member that does not lead.
    NotLeader = FailedPrecondition, Unavailable, "etcdserver: not leader";
    /// The command is bound to a term, and another one has begun. Nothing was changed. Not etcd's.
    Fenced = FailedPrecondition, Conflict, "keelson: the command is fenced to another term; nothing was changed";
    /// A learner answers only a few requests.
    NotSupportedForLearner = FailedPrecondition, Unavailable, "etcdserver: rpc not supported for learner";
    /// The target of a leader move cannot lead.
    BadLeaderTransferee = FailedPrecondition, Invalid, "etcdserver: bad leader transferee";
    /// There is no leader. Nothing was changed.
    NoLeader = Unavailable, Unavailable, "etcdserver: no leader";
    /// Leadership moved while the request was on its way.
    LeaderChanged = Unavailable, Unknown, "etcdserver: leader changed";
    /// The member is stopping.
    Stopped = Unavailable, Unavailable, "etcdserver: server stopped";
    /// No answer in time.
    Timeout = Unavailable, Unknown, "etcdserver: request timed out";
    /// No answer in time, and a leader was lost meanwhile.
    TimeoutLeaderFail = Unavailable, Unknown, "etcdserver: request timed out, possibly due to previous leader failure";
    /// No answer in time, and a connection was lost meanwhile.
    TimeoutConnectionLost = Unavailable, Unknown, "etcdserver: request timed out, possibly due to connection lost";
    /// This member's state did not become recent enough in time.
    TimeoutWaitApplied = Unavailable, Unavailable, "etcdserver: request timed out, waiting for the applied index took too long";
    /// Some members have been unreachable too recently to change the membership.
    Unhealthy = Unavailable, Unavailable, "etcdserver: unhealthy cluster";
    /// The CORRUPT alarm is raised.
    Corrupt = DataLoss, Corrupt, "etcdserver: corrupt cluster";
    /// The client gave the watch up.
    WatchCanceled = Cancelled, Unavailable, "etcdserver: watch canceled";
    /// The client gave the request up.
    RequestCanceled = Cancelled, Unknown, "etcdserver: request canceled";
    /// The client's deadline passed.
    DeadlineExceeded = DeadlineExceeded, Unknown, "context deadline exceeded";
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.text())
    }
}

impl std::error::Error for Error {}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        Status::new(error.code(), error.text())
    }
}

impl Error {
    /// The error that a peer's status stands for: known texts become their variant again.
    pub fn from_status(status: &Status) -> Error {
        Error::ALL
            .iter()
            .find(|error| error.text() == status.message())
            .cloned()
            .unwrap_or_else(|| Error::Other(status.code() as i32, status.message().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_again_and_none_is_used_twice() {
        for error in Error::ALL {
            let status = Status::from(error.clone());
            assert_eq!(&Error::from_status(&status), error);
        }
    }
}
