//! Whether two values mean the same, and in what they differ.

use crate::status::Path;
use serde_json::{Map, Value};

/// How many differences are told.
const MOST: usize = 20;

/// Whether nothing stands there as far as a reader of the object is concerned.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether two values mean the same: what is empty is as good as absent.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => same_fields(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => a == b || is_nothing(a) && is_nothing(b),
    }
}

fn same_fields(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    let covers = |a: &Map<String, Value>, b: &Map<String, Value>| {
        a.iter()
            .all(|(name, value)| same(value, b.get(name).unwrap_or(&Value::Null)))
    };
    covers(a, b) && covers(b, a)
}

/// A line for every place in which `new` is not `old`, up to a bound.
pub(super) fn differences(old: &Value, new: &Value) -> String {
    let mut lines = Vec::new();
    collect(old, new, &Path::none(), &mut lines);
    let left_out = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if left_out > 0 {
        lines.push(format!("  ... and {left_out} more"));
    }
    lines.join("\n")
}

fn collect(old: &Value, new: &Value, path: &Path, lines: &mut Vec<String>) {
    if same(old, new) {
        return;
    }
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let only_new = b.iter().filter(|(name, _)| !a.contains_key(*name));
            for (name, old) in a {
                let new = b.get(name).unwrap_or(&Value::Null);
                collect(old, new, &path.child(name), lines);
            }
            for (name, new) in only_new {
                collect(&Value::Null, new, &path.child(name), lines);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (old, new)) in a.iter().zip(b).enumerate() {
                collect(old, new, &path.index(index), lines);
            }
        }
        _ => lines.push(format!("  {path}: {old} -> {new}")),
    }
}
