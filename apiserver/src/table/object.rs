//! An object that is being printed, and the time at which.

use super::duration::human_duration;
use super::time;
use super::value;
use serde_json::Value;

/// What is said of a time that is not there.
const UNKNOWN: &str = "<unknown>";

/// An object, and what its cells need beyond it.
#[derive(Clone, Copy)]
pub(super) struct Object<'a> {
    /// The object itself.
    pub value: &'a Value,
    /// The time of the day, in microseconds since 1970.
    pub now_us: i64,
}

impl<'a> Object<'a> {
    /// Its name.
    pub fn name(&self) -> Value {
        self.text("metadata.name").into()
    }

    /// How old it is.
    pub fn age(&self) -> Value {
        self.since("metadata.creationTimestamp").into()
    }

    /// How long ago the time at a path was.
    pub fn since(&self, path: &str) -> String {
        since(self.text(path), self.now_us)
    }

    /// See [`value::text`].
    pub fn text(&self, path: &str) -> &'a str {
        value::text(self.value, path)
    }

    /// See [`value::text_or`].
    pub fn text_or(&self, path: &str, otherwise: &'a str) -> &'a str {
        value::text_or(self.value, path, otherwise)
    }

    /// See [`value::int`].
    pub fn int(&self, path: &str) -> i64 {
        value::int(self.value, path)
    }

    /// See [`value::flag`].
    pub fn flag(&self, path: &str) -> bool {
        value::flag(self.value, path)
    }

    /// See [`value::list`].
    pub fn list(&self, path: &str) -> &'a [Value] {
        value::list(self.value, path)
    }

    /// Whether there is something at a path.
    pub fn has(&self, path: &str) -> bool {
        value::at(self.value, path).is_some()
    }

    /// Whether somebody has asked for its deletion.
    pub fn is_going(&self) -> bool {
        self.has("metadata.deletionTimestamp")
    }

    /// An annotation; nothing if it is absent.
    pub fn annotation(&self, name: &str) -> Option<&'a str> {
        let all = value::entries(self.value, "metadata.annotations")?;
        all.get(name)?.as_str()
    }
}

/// How long ago a time was. No time, or the zero of Go, is unknown.
pub(super) fn since(text: &str, now_us: i64) -> String {
    /// 0001-01-01T00:00:00Z, which is how Go writes that there is no time.
    const GO_ZERO_US: i64 = -62_135_596_800_000_000;
    match time::parse(text) {
        None | Some(GO_ZERO_US) => UNKNOWN.to_owned(),
        Some(then_us) => human_duration(now_us.saturating_sub(then_us)),
    }
}
