//! Why a write of a loop did not succeed, by what the loop does next.

use keelson_apiserver::status::{Failure, Lost, Next, Reason};
use std::fmt;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Somebody else leads: stop. Nothing of this loop takes effect any more.
    Fenced,
    /// Something that the decision rests on has changed, the object itself included: look again.
    Stale,
    /// It may or may not have happened: look again, under a new claim.
    Unknown(String),
    /// An object of that name is there already.
    Exists,
    /// There is no such object.
    Absent,
    /// The request is refused, and the same request will be (quota, validation, a namespace that goes).
    Refused(Box<Failure>),
    /// Nothing happened: try again later.
    Later(String),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        match (failure.lost, failure.reason) {
            (Some(Lost::Leadership), _) => Problem::Fenced,
            (Some(Lost::Grounds), _) | (None, Reason::Conflict) => Problem::Stale,
            (None, Reason::AlreadyExists) => Problem::Exists,
            (None, Reason::NotFound) => Problem::Absent,
            (None, reason) => match reason.next() {
                Next::Wait => Problem::Later(failure.to_string()),
                Next::FindOut => Problem::Unknown(failure.to_string()),
                _ => Problem::Refused(Box::new(failure)),
            },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Fenced => out.write_str("somebody else leads"),
            Problem::Stale => out.write_str("what was decided on has changed"),
            Problem::Unknown(why) => write!(out, "nobody knows what became of a write: {why}"),
            Problem::Exists => out.write_str("the name is taken"),
            Problem::Absent => out.write_str("the object is gone"),
            Problem::Refused(failure) => write!(out, "refused: {failure}"),
            Problem::Later(why) => write!(out, "not now: {why}"),
        }
    }
}

impl std::error::Error for Problem {}
