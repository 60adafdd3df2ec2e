//! Core kinds that hold little but data.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::value::{condition, entries, text};
use serde_json::{Map, Value};

pub(super) const KINDS: &[Kind] = &[
    Kind::new("", "ConfigMap", CONFIG_MAP, config_map),
    Kind::new("", "Secret", SECRET, secret),
    Kind::new("", "ServiceAccount", NAME_AND_AGE, name_and_age),
    Kind::new("", "Namespace", NAMESPACE, namespace),
    Kind::new("", "ResourceQuota", QUOTA, quota),
    Kind::new("", "ComponentStatus", COMPONENT, component),
];

const CONFIG_MAP: &[Column] = &[NAME, Column::text("Data", "How many entries it has"), AGE];

const SECRET: &[Column] = &[
    NAME,
    Column::text("Type", "What its entries are for"),
    Column::text("Data", "How many entries it has"),
    AGE,
];

/// Columns of what has nothing to tell.
pub(super) const NAME_AND_AGE: &[Column] = &[NAME, AGE];

const NAMESPACE: &[Column] = &[
    NAME,
    Column::text("Status", "Whether it is there to stay"),
    AGE,
];

const QUOTA: &[Column] = &[
    NAME,
    Column::text("Request", "What is used of what may be asked for"),
    Column::text("Limit", "What is used of what limits may add up to"),
    AGE,
];

const COMPONENT: &[Column] = &[
    NAME,
    Column::text("Status", "Whether the component is well"),
    Column::text("Message", "What it says of itself"),
    Column::text("Error", "Why it could not be asked"),
];

/// Cells of what has nothing to tell.
pub(super) fn name_and_age(object: &Object<'_>) -> Vec<Value> {
    vec![object.name(), object.age()]
}

fn count(object: &Object<'_>, path: &str) -> usize {
    entries(object.value, path).map_or(0, Map::len)
}

fn config_map(object: &Object<'_>) -> Vec<Value> {
    let entries = count(object, "data") + count(object, "binaryData");
    vec![object.name(), entries.into(), object.age()]
}

fn secret(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        object.text("type").into(),
        count(object, "data").into(),
        object.age(),
    ]
}

fn namespace(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        object.text("status.phase").into(),
        object.age(),
    ]
}

fn quota(object: &Object<'_>) -> Vec<Value> {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    let used = entries(object.value, "status.used");
    for (resource, hard) in entries(object.value, "status.hard").into_iter().flatten() {
        let used = used
            .and_then(|used| used.get(resource))
            .unwrap_or(&Value::Null);
        let column = match resource.starts_with("limits.") {
            true => &mut limits,
            false => &mut requests,
        };
        column.push(format!("{resource}: {}/{}", amount(used), amount(hard)));
    }
    vec![
        object.name(),
        requests.join(", ").into(),
        limits.join(", ").into(),
        object.age(),
    ]
}

/// A quantity that is no field, so that its name may have dots.
fn amount(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => "0".to_owned(),
    }
}

fn component(object: &Object<'_>) -> Vec<Value> {
    let healthy = condition(object.list("conditions"), "Healthy");
    let of = |field| healthy.map_or("", |one| text(one, field));
    let status = match (healthy, of("status")) {
        (None, _) => "Unknown",
        (Some(_), "True") => "Healthy",
        (Some(_), _) => "Unhealthy",
    };
    vec![
        object.name(),
        status.into(),
        of("message").into(),
        of("error").into(),
    ]
}
