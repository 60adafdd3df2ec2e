//! A failure as it travels, and what a client can do about it.

use super::FieldError;
use super::bound::{MESSAGE_BYTES, TEXT_BYTES, bounded};
use serde_json::{Map, Value, json};
use std::fmt;

/// Why a request failed, in one word that clients branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// 400.
    BadRequest,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 406.
    NotAcceptable,
    /// 409: the name is taken.
    AlreadyExists,
    /// 409: somebody else was faster.
    Conflict,
    /// 410: the revision is compacted.
    Expired,
    /// 413.
    RequestEntityTooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 422.
    Invalid,
    /// 429.
    TooManyRequests,
    /// 500.
    InternalError,
    /// 500, with the advice to try again.
    ServerTimeout,
    /// 503.
    ServiceUnavailable,
    /// 504.
    Timeout,
    /// 500, of a kind that has no word. Upstream's answer to what it did not foresee.
    Unknown,
}

/// What a client can do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Say who it is.
    Authenticate,
    /// Ask for something else: the same request fails again, however often.
    ChangeRequest,
    /// Read the object and decide again.
    ReadAgain,
    /// List again (or go on with the token in the answer); the old revision never comes back.
    ListAgain,
    /// Wait and send the same request again; nothing was changed.
    Wait,
    /// Look what happened: it may have been carried out.
    FindOut,
}

impl Reason {
    /// The word on the wire; empty if there is none.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The HTTP status code.
    pub fn code(self) -> u16 {
        self.row().0
    }

    /// What a client can do.
    pub fn next(self) -> Next {
        self.row().2
    }

    fn row(self) -> (u16, &'static str, Next) {
        match self {
            Reason::BadRequest => (400, "BadRequest", Next::ChangeRequest),
            Reason::Unauthorized => (401, "Unauthorized", Next::Authenticate),
            Reason::Forbidden => (403, "Forbidden", Next::ChangeRequest),
            Reason::NotFound => (404, "NotFound", Next::ChangeRequest),
            Reason::MethodNotAllowed => (405, "MethodNotAllowed", Next::ChangeRequest),
            Reason::NotAcceptable => (406, "NotAcceptable", Next::ChangeRequest),
            Reason::AlreadyExists => (409, "AlreadyExists", Next::ChangeRequest),
            Reason::Conflict => (409, "Conflict", Next::ReadAgain),
            Reason::Expired => (410, "Expired", Next::ListAgain),
            Reason::RequestEntityTooLarge => (413, "RequestEntityTooLarge", Next::ChangeRequest),
            Reason::UnsupportedMediaType => (415, "UnsupportedMediaType", Next::ChangeRequest),
            Reason::Invalid => (422, "Invalid", Next::ChangeRequest),
            Reason::TooManyRequests => (429, "TooManyRequests", Next::Wait),
            Reason::InternalError => (500, "InternalError", Next::FindOut),
            Reason::ServerTimeout => (500, "ServerTimeout", Next::Wait),
            Reason::ServiceUnavailable => (503, "ServiceUnavailable", Next::Wait),
            Reason::Timeout => (504, "Timeout", Next::FindOut),
            Reason::Unknown => (500, "", Next::FindOut),
        }
    }
}

/// One of several reasons of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// A word that clients branch on, such as `FieldValueRequired`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The path of the field, if it is about one.
    pub field: String,
}

/// What a failure (or a deletion) is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The name of the object.
    pub name: String,
    /// Its group; empty for the core API.
    pub group: String,
    /// Its resource for most reasons, its kind for `Invalid`.
    pub kind: String,
    /// Its uid.
    pub uid: String,
    /// In the order in which they were found.
    pub causes: Vec<Cause>,
    /// When to try again; zero: not said.
    pub retry_after_seconds: u32,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What clients branch on.
    pub reason: Reason,
    /// What people read.
    pub message: String,
    /// What it is about. `None` and an empty value are different on the wire.
    pub details: Option<Box<Details>>,
    /// A token to go on with a list whose revision is gone.
    pub continue_token: Option<String>,
    /// For callers in this process, who write under conditions of their own. It is not on the wire.
    pub lost: Option<Lost>,
}

/// Which condition of a write in this process did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The leadership under which it was decided has ended: stop.
    Leadership,
    /// What the decision rests on has changed: look again.
    Grounds,
}

impl From<&FieldError> for Cause {
    fn from(error: &FieldError) -> Cause {
        Cause {
            reason: error.kind.reason().to_owned(),
            message: bounded(&error.body(), TEXT_BYTES).into_owned(),
            field: bounded(&error.field.to_string(), TEXT_BYTES).into_owned(),
        }
    }
}

/// Puts a text into an object unless it is empty; of a very long one, the beginning.
pub(super) fn put(object: &mut Map<String, Value>, name: &str, text: &str) {
    if !text.is_empty() {
        let text = bounded(text, TEXT_BYTES).into_owned();
        object.insert(name.to_owned(), text.into());
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut cause = Map::new();
        put(&mut cause, "reason", &self.reason);
        put(&mut cause, "message", &self.message);
        put(&mut cause, "field", &self.field);
        Value::Object(cause)
    }
}

impl Details {
    pub(super) fn to_value(&self) -> Value {
        let mut details = Map::new();
        put(&mut details, "name", &self.name);
        put(&mut details, "group", &self.group);
        put(&mut details, "kind", &self.kind);
        put(&mut details, "uid", &self.uid);
        if !self.causes.is_empty() {
            let causes = self.causes.iter().map(Cause::to_value).collect();
            details.insert("causes".to_owned(), Value::Array(causes));
        }
        if self.retry_after_seconds > 0 {
            details.insert(
                "retryAfterSeconds".to_owned(),
                self.retry_after_seconds.into(),
            );
        }
        Value::Object(details)
    }
}

impl Failure {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Failure {
        Failure {
            reason,
            message: message.into(),
            details: None,
            continue_token: None,
            lost: None,
        }
    }

    pub(super) fn about(mut self, group: &str, kind: &str, name: &str) -> Failure {
        let details = self.details.get_or_insert_default();
        details.group = group.to_owned();
        details.kind = kind.to_owned();
        details.name = name.to_owned();
        self
    }

    pub(super) fn retry_after(mut self, seconds: u32) -> Failure {
        self.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    /// The same with one more cause.
    #[must_use]
    pub fn with_cause(mut self, cause: Cause) -> Failure {
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// The HTTP status code.
    pub fn code(&self) -> u16 {
        self.reason.code()
    }

    /// The value of the `Retry-After` header, in seconds, if there is one.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        let seconds = self.details.as_ref()?.retry_after_seconds;
        (seconds > 0).then_some(seconds)
    }

    /// The Status object.
    pub fn to_value(&self) -> Value {
        let mut metadata = Map::new();
        put(
            &mut metadata,
            "continue",
            self.continue_token.as_deref().unwrap_or_default(),
        );
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": bounded(&self.message, MESSAGE_BYTES),
            "code": self.code(),
        });
        if !self.reason.name().is_empty() {
            status["reason"] = self.reason.name().into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.to_value();
        }
        status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
