//! Why there is no answer, by what to do about it.

use serde::Deserialize;
use std::fmt;

/// Why a request was not answered as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No server could be asked: nothing has happened.
    Unreachable(String),
    /// It was sent, and nobody knows what became of it.
    Unknown(String),
    /// A server has refused it: nothing has happened.
    Status {
        /// As of HTTP.
        code: u16,
        /// One word, such as `AlreadyExists`.
        reason: String,
        /// For people.
        message: String,
    },
}

/// What a server says when it refuses.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    reason: String,
    message: String,
}

impl Failure {
    /// Reads what a server said.
    pub(super) fn of(code: u16, body: &[u8]) -> Failure {
        let status: Status = serde_json::from_slice(body).unwrap_or_default();
        Failure::Status {
            code: if code == 200 { status.code } else { code },
            reason: status.reason,
            message: match status.message.is_empty() {
                true => String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned(),
                false => status.message,
            },
        }
    }

    /// The code of HTTP; 0 if no server has answered.
    pub fn code(&self) -> u16 {
        match self {
            Failure::Status { code, .. } => *code,
            _ => 0,
        }
    }

    /// There is such an object already.
    pub fn is_existing(&self) -> bool {
        matches!(self, Failure::Status { reason, .. } if reason == "AlreadyExists")
    }

    /// The same request may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self.code(), 0 | 408 | 429 | 500..)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unreachable(why) => write!(out, "no API server can be reached: {why}"),
            Failure::Unknown(why) => write!(out, "the API server did not answer: {why}"),
            Failure::Status { code, message, .. } => write!(out, "{code}: {message}"),
        }
    }
}

impl std::error::Error for Failure {}
