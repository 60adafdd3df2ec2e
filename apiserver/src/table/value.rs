//! Looking into values, where whatever is absent or of another type is a zero or empty.

use serde_json::{Map, Value};

/// The value at a path of fields, such as `spec.template.metadata`. A field whose own name has a dot
/// cannot be reached this way. Nothing if a part is absent or null.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let found = path
        .split('.')
        .try_fold(value, |value, name| value.get(name));
    found.filter(|value| !value.is_null())
}

/// The text at a path; empty if there is none.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or("")
}

/// The text at a path, or this instead if it is absent or empty.
pub(super) fn text_or<'a>(value: &'a Value, path: &str, otherwise: &'a str) -> &'a str {
    match text(value, path) {
        "" => otherwise,
        found => found,
    }
}

/// The whole number at a path; zero if there is none.
pub(super) fn int(value: &Value, path: &str) -> i64 {
    at(value, path).and_then(Value::as_i64).unwrap_or(0)
}

/// Whether `true` stands at a path.
pub(super) fn flag(value: &Value, path: &str) -> bool {
    at(value, path).and_then(Value::as_bool).unwrap_or(false)
}

/// The elements of the list at a path.
pub(super) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    let found = at(value, path).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

/// The entries of the object at a path.
pub(super) fn entries<'a>(value: &'a Value, path: &str) -> Option<&'a Map<String, Value>> {
    at(value, path).and_then(Value::as_object)
}

/// The texts of the list at a path, with commas.
pub(super) fn joined(value: &Value, path: &str) -> String {
    let texts: Vec<&str> = list(value, path).iter().filter_map(Value::as_str).collect();
    texts.join(",")
}

/// A number or text (`IntOrString`, a quantity) as text; nothing if it is absent.
pub(super) fn scalar(value: &Value, path: &str) -> Option<String> {
    match at(value, path)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A quantity as text; absent is `0`.
pub(super) fn quantity(value: &Value, path: &str) -> String {
    scalar(value, path).unwrap_or_else(|| "0".to_owned())
}

/// The first condition of this type.
pub(super) fn condition<'a>(conditions: &'a [Value], kind: &str) -> Option<&'a Value> {
    conditions.iter().find(|one| text(one, "type") == kind)
}

/// Whether the first condition of this type is `True`.
pub(super) fn is_true(conditions: &[Value], kind: &str) -> bool {
    condition(conditions, kind).is_some_and(|one| text(one, "status") == "True")
}

/// The first of these, with commas, and how many more there are.
pub(super) fn some_of(all: &[String], shown: usize) -> String {
    let first = all[..all.len().min(shown)].join(",");
    match all.len().checked_sub(shown) {
        None | Some(0) => first,
        Some(more) => format!("{first} + {more} more..."),
    }
}
