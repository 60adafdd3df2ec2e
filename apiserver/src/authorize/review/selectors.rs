//! The selectors that a review asks about.
//!
//! A part that cannot be understood is left out and complained about: what remains asks for more than was
//! meant, so nothing is said to be allowed that is not.

use super::super::subject::text;
use crate::selector::{FieldSelector, LabelSelector, Operator, Requirement};
use crate::status::Path;
use serde_json::Value;

#[derive(Debug, Default)]
pub(super) struct Selectors {
    pub(super) fields: Option<FieldSelector>,
    pub(super) labels: Option<LabelSelector>,
    pub(super) complaints: Vec<String>,
}

impl Selectors {
    pub(super) fn read(resource: &Value) -> Selectors {
        let mut read = Selectors::default();
        let (fields, is_whole) = read_one(resource, "fieldSelector", |parts| {
            let (terms, is_whole) = understood(parts, field_term);
            // A comma joins them; what would be taken for another one has been left out.
            let selector = terms.join(",").parse().ok();
            (selector.filter(|_| !terms.is_empty()), is_whole)
        });
        read.complain("fieldSelector", fields.is_some(), is_whole);
        let (labels, is_whole) = read_one(resource, "labelSelector", |parts| {
            let (requirements, is_whole) = understood(parts, label_requirement);
            let is_any = !requirements.is_empty();
            (is_any.then(|| LabelSelector::new(requirements)), is_whole)
        });
        read.complain("labelSelector", labels.is_some(), is_whole);
        (read.fields, read.labels) = (fields, labels);
        read
    }

    fn complain(&mut self, field: &str, is_some: bool, is_whole: bool) {
        if !is_whole {
            let how = if is_some {
                "partially ignored"
            } else {
                "ignored"
            };
            self.complaints.push(format!(
                "spec.resourceAttributes.{field} {how} due to parse error"
            ));
        }
    }
}

/// A selector from its text or, if there are any, its requirements; and whether all was understood.
fn read_one<S: std::str::FromStr>(
    resource: &Value,
    field: &str,
    from_requirements: impl Fn(&[Value]) -> (Option<S>, bool),
) -> (Option<S>, bool) {
    let Some(selector) = resource.get(field) else {
        return (None, true);
    };
    let requirements = selector.get("requirements").and_then(Value::as_array);
    match (requirements, text(selector, "rawSelector")) {
        (Some(requirements), _) if !requirements.is_empty() => from_requirements(requirements),
        (_, "") => (None, true),
        (_, raw) => match raw.parse() {
            Ok(selector) => (Some(selector), true),
            Err(_) => (None, false),
        },
    }
}

fn understood<T>(parts: &[Value], one: impl Fn(&Value) -> Option<T>) -> (Vec<T>, bool) {
    let read: Vec<T> = parts.iter().filter_map(one).collect();
    let is_whole = read.len() == parts.len();
    (read, is_whole)
}

/// One term of a field selector as text. Only equal and not equal to one value can be said.
fn field_term(requirement: &Value) -> Option<String> {
    let key = text(requirement, "key");
    let sign = match text(requirement, "operator") {
        "In" => "=",
        "NotIn" => "!=",
        _ => return None,
    };
    let [Value::String(value)] = requirement.get("values")?.as_array()?.as_slice() else {
        return None;
    };
    let is_plain = !key.is_empty() && !key.contains(['=', '!', ',', '\\']);
    let escape = |c: char| match c {
        '\\' | ',' | '=' => vec!['\\', c],
        c => vec![c],
    };
    let value: String = value.chars().flat_map(escape).collect();
    is_plain.then(|| format!("{key}{sign}{value}"))
}

fn label_requirement(requirement: &Value) -> Option<Requirement> {
    let operator = match text(requirement, "operator") {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        _ => return None,
    };
    let values = requirement.get("values").and_then(Value::as_array);
    let values = values.into_iter().flatten().filter_map(Value::as_str);
    let values = values.map(str::to_owned).collect();
    Requirement::new(text(requirement, "key"), operator, values, &Path::none()).ok()
}
