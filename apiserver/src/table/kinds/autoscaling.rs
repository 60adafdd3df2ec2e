//! Autoscalers, and the scale of a workload.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::value::{at, list, quantity, scalar, text};
use serde_json::Value;

pub(super) const KINDS: &[Kind] = &[
    Kind::new(
        "autoscaling",
        "HorizontalPodAutoscaler",
        AUTOSCALER,
        autoscaler,
    ),
    Kind::new("autoscaling", "Scale", SCALE, scale),
];

/// So many metrics are shown.
const SHOWN: usize = 2;

const AUTOSCALER: &[Column] = &[
    NAME,
    Column::text("Reference", "What it scales"),
    Column::text("Targets", "What is measured, and what it should be"),
    Column::text("MinPods", "It does not go below"),
    Column::text("MaxPods", "It does not go beyond"),
    Column::text("Replicas", "Pods that there are"),
    AGE,
];

const SCALE: &[Column] = &[
    Column::text("Name", "What is scaled"),
    Column::integer("Desired", "Pods that are wanted"),
    Column::integer("Available", "Pods that there are"),
    AGE,
];

fn scale(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        object.int("spec.replicas").into(),
        object.int("status.replicas").into(),
        object.age(),
    ]
}

fn autoscaler(object: &Object<'_>) -> Vec<Value> {
    let target = at(object.value, "spec.scaleTargetRef").unwrap_or(&Value::Null);
    let least = scalar(object.value, "spec.minReplicas");
    vec![
        object.name(),
        format!("{}/{}", text(target, "kind"), text(target, "name")).into(),
        targets(object).into(),
        least.unwrap_or_else(|| "<unset>".to_owned()).into(),
        object.int("spec.maxReplicas").into(),
        object.int("status.currentReplicas").into(),
        object.age(),
    ]
}

fn targets(object: &Object<'_>) -> String {
    // Version 1 knows the processor alone.
    if let Some(target) = scalar(object.value, "spec.targetCPUUtilizationPercentage") {
        let current = scalar(object.value, "status.currentCPUUtilizationPercentage");
        return format!("cpu: {}/{target}%", percent(current));
    }
    let specs = object.list("spec.metrics");
    let statuses = list(object.value, "status.currentMetrics");
    let status = |index: usize| statuses.get(index).unwrap_or(&Value::Null);
    let shown = specs.iter().take(SHOWN).enumerate();
    let shown: Vec<String> = shown
        .map(|(index, spec)| metric(spec, status(index)))
        .collect();
    match specs.len().checked_sub(SHOWN) {
        _ if specs.is_empty() => "<none>".to_owned(),
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} + {more} more...", shown.join(", ")),
    }
}

fn unknown() -> String {
    "<unknown>".to_owned()
}

fn percent(number: Option<String>) -> String {
    number.map_or_else(unknown, |number| format!("{number}%"))
}

/// What is measured, a slash, and what it should be. The status is null if nothing has been measured.
fn metric(spec: &Value, status: &Value) -> String {
    let (field, shape) = match text(spec, "type") {
        "External" => ("external", Shape::ValueOrAverage),
        "Object" => ("object", Shape::ValueOrAverage),
        "Pods" => ("pods", Shape::Average),
        "Resource" => ("resource", Shape::Share),
        "ContainerResource" => ("containerResource", Shape::Share),
        _ => return "<unknown type>".to_owned(),
    };
    let spec = at(spec, field).unwrap_or(&Value::Null);
    let status = at(status, field);
    let average = at(spec, "target.averageValue").is_some();
    let average_target = || quantity(spec, "target.averageValue");
    let current = |name: &str| status.map_or_else(unknown, |status| quantity(status, name));
    match (shape, average) {
        (Shape::Average, _) => format!("{}/{}", current("current.averageValue"), average_target()),
        (Shape::ValueOrAverage, true) => {
            let current = status.and_then(|status| scalar(status, "current.averageValue"));
            format!(
                "{}/{} (avg)",
                current.unwrap_or_else(unknown),
                average_target()
            )
        }
        (Shape::ValueOrAverage, false) => {
            let target = quantity(spec, "target.value");
            format!("{}/{target}", current("current.value"))
        }
        (Shape::Share, true) => {
            let current = current("current.averageValue");
            format!("{}: {current}/{}", text(spec, "name"), average_target())
        }
        (Shape::Share, false) => {
            let current = status.and_then(|status| scalar(status, "current.averageUtilization"));
            let target = scalar(spec, "target.averageUtilization");
            let target = target.map_or("<auto>".to_owned(), |target| format!("{target}%"));
            format!("{}: {}/{target}", text(spec, "name"), percent(current))
        }
    }
}

/// What a target can be.
enum Shape {
    /// An average over pods.
    Average,
    /// A value, or an average over pods.
    ValueOrAverage,
    /// A share of what pods ask for, or an average over pods.
    Share,
}
