//! Labels and selectors as text.

use super::value::{entries, list, text};
use serde_json::Value;

/// What is said of no labels.
const NONE: &str = "<none>";

/// The labels at a path, such as `app=web,tier=front`.
pub(super) fn labels(value: &Value, path: &str) -> String {
    let all = entries(value, path).into_iter().flatten();
    let parts: Vec<String> = all
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    match parts.is_empty() {
        true => NONE.to_owned(),
        false => parts.join(","),
    }
}

/// A label selector as people write one, such as `app=web,env in (a,b),!old`; empty for one that is
/// absent or selects everything. Nothing if it cannot be understood.
pub(super) fn expression(selector: &Value) -> Option<String> {
    let mut parts: Vec<(&str, String)> = Vec::new();
    for (key, value) in entries(selector, "matchLabels").into_iter().flatten() {
        parts.push((key, format!("{key}={}", value.as_str().unwrap_or(""))));
    }
    for one in list(selector, "matchExpressions") {
        let key = text(one, "key");
        parts.push((key, requirement(one, key)?));
    }
    // By key alone, and otherwise as they came.
    parts.sort_by(|a, b| a.0.cmp(b.0));
    let parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    Some(parts.join(","))
}

fn requirement(one: &Value, key: &str) -> Option<String> {
    let values = list(one, "values");
    let mut values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
    values.sort_unstable();
    let joined = values.join(",");
    match (text(one, "operator"), values.is_empty()) {
        ("In", false) => Some(format!("{key} in ({joined})")),
        ("NotIn", false) => Some(format!("{key} notin ({joined})")),
        ("Exists", true) => Some(key.to_owned()),
        ("DoesNotExist", true) => Some(format!("!{key}")),
        _ => None,
    }
}

/// The selector at a path for a cell of its own.
pub(super) fn selector(value: &Value, path: &str) -> String {
    let found = super::value::at(value, path).unwrap_or(&Value::Null);
    match expression(found) {
        None => "<error>".to_owned(),
        Some(text) if text.is_empty() => NONE.to_owned(),
        Some(text) => text,
    }
}

/// A selector the way Go prints the structure: what policy bindings show.
pub(super) fn structure(selector: &Value) -> String {
    let labels: String = entries(selector, "matchLabels")
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}: {},", value.as_str().unwrap_or("")))
        .collect();
    let expressions: String = list(selector, "matchExpressions")
        .iter()
        .map(|one| {
            let values: Vec<&str> = list(one, "values")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let (key, operator) = (text(one, "key"), text(one, "operator"));
            let values = values.join(" ");
            format!("LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{values}],}},")
        })
        .collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},\
         MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_selector_is_written_by_key_with_sorted_values() {
        let selector = json!({
            "matchLabels": {"b": "2", "a": ""},
            "matchExpressions": [
                {"key": "z", "operator": "Exists"},
                {"key": "a", "operator": "NotIn", "values": ["y", "x"]},
                {"key": "old", "operator": "DoesNotExist"},
                {"key": "c", "operator": "In", "values": ["one"]},
            ],
        });
        let text = expression(&selector).unwrap();
        assert_eq!(text, "a=,a notin (x,y),b=2,c in (one),!old,z");
    }

    #[test]
    fn nothing_selects_in_words_of_its_own() {
        let value = json!({"s": {}, "bad": {"matchExpressions": [{"key": "a", "operator": "In"}]}});
        assert_eq!(selector(&value, "s"), "<none>");
        assert_eq!(selector(&value, "absent"), "<none>");
        assert_eq!(selector(&value, "bad"), "<error>");
        assert_eq!(labels(&value, "s"), "<none>");
    }
}
