//! What a check gives back: nothing, or a reason that names its place in the source.

use std::fmt;
use std::panic::Location;
use tonic::{Code, Status};

/// The outcome of a check; the value is what the caller goes on with.
pub type Check<T = ()> = Result<T, Failure>;

/// Why a check failed, and where.
#[derive(Clone)]
pub struct Failure {
    message: String,
    place: &'static Location<'static>,
}

impl Failure {
    /// A failure at the caller's place.
    #[track_caller]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: Location::caller(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}:{}: {}",
            self.place.file(),
            self.place.line(),
            self.message
        )
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Every error becomes a failure, so that checks can use `?` on calls that must succeed.
impl<E: std::error::Error> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::new(format!("unexpected error: {error}"))
    }
}

/// Fails unless `got` is `want`; `what` names the thing compared.
#[track_caller]
pub fn same<A: PartialEq<B> + fmt::Debug, B: fmt::Debug>(what: &str, got: A, want: B) -> Check {
    if got == want {
        return Ok(());
    }
    Err(Failure::new(format!("{what}: got {got:?}, want {want:?}")))
}

/// Fails unless `fact`; `what` says in words what should have been true.
#[track_caller]
pub fn holds(what: &str, fact: bool) -> Check {
    if fact {
        return Ok(());
    }
    Err(Failure::new(format!("not so: {what}")))
}

/// Fails unless the call was refused with exactly this code and text: clients match on both.
#[track_caller]
pub fn refused<T: fmt::Debug>(outcome: Result<T, Status>, code: Code, text: &str) -> Check {
    match outcome {
        Ok(reply) => Err(Failure::new(format!(
            "want {code:?} {text:?}, but it was answered: {reply:?}"
        ))),
        Err(status) if status.code() == code && status.message() == text => Ok(()),
        Err(status) => Err(Failure::new(format!(
            "want {code:?} {text:?}, got {:?} {:?}",
            status.code(),
            status.message()
        ))),
    }
}

/// The value, or a failure that says what was missing.
#[track_caller]
pub fn some<T>(what: &str, value: Option<T>) -> Check<T> {
    match value {
        Some(value) => Ok(value),
        None => Err(Failure::new(format!("missing: {what}"))),
    }
}
