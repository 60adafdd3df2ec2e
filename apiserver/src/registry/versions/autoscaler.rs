//! Autoscalers: one target for CPU in `autoscaling/v1`, any number of metrics in `v2`.
//!
//! What the first version cannot say goes through it in annotations, so that a client of it loses
//! nothing. Upstream writes them in forms of their own; here they hold the forms of `v2`.

use crate::decode::conform::conform;
use crate::registry::strategy::fields::{is_set, member, members, text};
use crate::schema::{self, Gvk};
use serde_json::{Value, json};

const PREFIX: &str = "autoscaling.alpha.kubernetes.io/";
/// What is kept: where it is in the second version, and the end of the annotation's key.
const KEPT: [(&str, &str, &str); 4] = [
    ("spec", "metrics", "metrics"),
    ("spec", "behavior", "behavior"),
    ("status", "currentMetrics", "current-metrics"),
    ("status", "conditions", "conditions"),
];
const TARGET: &str = "targetCPUUtilizationPercentage";
const CURRENT: &str = "currentCPUUtilizationPercentage";

/// Whether a metric is about the CPU that Pods use, relative to what they ask for.
fn is_cpu(metric: &Value, amount: &str) -> bool {
    text(metric, "/type") == "Resource"
        && text(metric, "/resource/name") == "cpu"
        && is_set(metric, &format!("/resource/{amount}/averageUtilization"))
}

/// Takes the first metric that is about CPU out of a list.
fn take_cpu(part: &mut Value, list: &str, amount: &str) -> Option<Value> {
    let metrics = part.get_mut(list)?.as_array_mut()?;
    let at = metrics.iter().position(|metric| is_cpu(metric, amount))?;
    let metric = metrics.remove(at);
    metric
        .pointer(&format!("/resource/{amount}/averageUtilization"))
        .cloned()
}

pub(super) fn from_stored(object: &mut Value) {
    for (part, list, amount, field) in [
        ("spec", "metrics", "target", TARGET),
        ("status", "currentMetrics", "current", CURRENT),
    ] {
        if let Some(cpu) = take_cpu(member(object, part), list, amount) {
            members(member(object, part)).insert(field.to_owned(), cpu);
        }
    }
    for (part, field, key) in KEPT {
        let rest = members(member(object, part))
            .remove(field)
            .unwrap_or_default();
        let is_empty = match &rest {
            Value::Array(list) => list.is_empty(),
            other => other.is_null(),
        };
        if !is_empty {
            let annotations = member(member(object, "metadata"), "annotations");
            members(annotations).insert(format!("{PREFIX}{key}"), rest.to_string().into());
        }
    }
}

pub(super) fn to_stored(object: &mut Value) {
    for (part, field, key) in KEPT {
        let annotations = object.pointer_mut("/metadata/annotations");
        let annotations = annotations.and_then(Value::as_object_mut);
        let kept = annotations.and_then(|all| all.remove(&format!("{PREFIX}{key}")));
        let kept = kept.as_ref().and_then(Value::as_str);
        if let Some(kept) = kept.and_then(|kept| read_kept(kept, part, field)) {
            members(member(object, part)).insert(field.to_owned(), kept);
        }
    }
    let annotations = object
        .pointer("/metadata/annotations")
        .and_then(Value::as_object);
    if annotations.is_some_and(serde_json::Map::is_empty) {
        members(member(object, "metadata")).remove("annotations");
    }
    for (part, list, amount, field) in [
        ("spec", "metrics", "target", TARGET),
        ("status", "currentMetrics", "current", CURRENT),
    ] {
        if let Some(cpu) = members(member(object, part)).remove(field) {
            put_cpu(member(object, part), list, amount, cpu);
        }
    }
}

/// What an annotation keeps. What does not have the form of its field was written by somebody else, and means
/// nothing.
fn read_kept(kept: &str, part: &str, field: &str) -> Option<Value> {
    let kept: Value = serde_json::from_str(kept).ok()?;
    let table = schema::builtin();
    let stored = Gvk {
        group: "autoscaling".to_owned(),
        version: "v2".to_owned(),
        kind: "HorizontalPodAutoscaler".to_owned(),
    };
    let mut whole = json!({part: {field: kept}});
    conform(table, table.kind(&stored)?, &mut whole).ok()?;
    Some(whole[part][field].take()).filter(|kept| !kept.is_null())
}

/// The metric about CPU comes first.
fn put_cpu(part: &mut Value, list: &str, amount: &str, utilization: Value) {
    let mut of = json!({"averageUtilization": utilization});
    if amount == "target" {
        of["type"] = "Utilization".into();
    }
    let metric = json!({"type": "Resource", "resource": {"name": "cpu", amount: of}});
    match member(part, list) {
        Value::Array(metrics) => metrics.insert(0, metric),
        other => *other = Value::Array(vec![metric]),
    }
}
