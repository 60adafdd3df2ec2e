//! Why a body is refused.

use crate::canonical::quote;
use crate::schema::Gvk;
use std::fmt;

/// Why a body is refused. Nothing has been changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Answered with 413.
    TooLarge {
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// Answered with 400. The text is for the client.
    Bad(String),
    /// Answered with 400: there is no such kind here.
    UnknownKind(Gvk),
}

impl Error {
    /// A body that is bad for this reason.
    pub(crate) fn bad(text: impl Into<String>) -> Error {
        Error::Bad(text.into())
    }

    /// Nested beyond [`super::limits::MAX_DEPTH`].
    pub(crate) fn too_deep() -> Error {
        Error::bad("exceeded max depth")
    }

    /// Says which kind the body was taken for, as clients are used to.
    pub(crate) fn of_kind(self, gvk: &Gvk) -> Error {
        match self {
            Error::Bad(text) => {
                let (kind, version) = (&gvk.kind, quote(&gvk.version));
                let text =
                    format!("{kind} in version {version} cannot be handled as a {kind}: {text}");
                Error::Bad(text)
            }
            other => other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TooLarge { limit } => {
                write!(f, "Request entity too large: limit is {limit}")
            }
            Error::Bad(text) => f.write_str(text),
            Error::UnknownKind(gvk) => {
                let kind = quote(&gvk.kind);
                let version = match gvk.group.as_str() {
                    "" => gvk.version.clone(),
                    group => format!("{group}/{}", gvk.version),
                };
                write!(
                    f,
                    "no kind {kind} is registered for version {}",
                    quote(&version)
                )
            }
        }
    }
}

impl std::error::Error for Error {}
