//! HorizontalPodAutoscalers, and PodDisruptionBudgets.

use super::at::{At, Errors};
use super::format::{at_most_all, count_or_percent};
use super::resources::{self, Place};
use crate::names;
use crate::selector::validate_structure;

const WINDOW_MAX: i64 = 3600;
const PERIOD_MAX: i64 = 1800;

/// A new HorizontalPodAutoscaler.
pub(super) fn create(object: &At<'_>, errors: &mut Errors) {
    autoscaler(object, 1, errors);
}

/// A HorizontalPodAutoscaler that changes. Whoever was allowed to go down to zero may stay there.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let was_zero = old.dig(&["spec", "minReplicas"]).int_if() == Some(0);
    autoscaler(new, i64::from(!was_zero), errors);
}

fn autoscaler(object: &At<'_>, least: i64, errors: &mut Errors) {
    let spec = object.get("spec");
    let (min, max) = (spec.get("minReplicas"), spec.get("maxReplicas"));
    if min.int_if().is_some_and(|min| min < least) {
        errors.push(min.invalid(format!("must be greater than or equal to {least}")));
    }
    if max.int() < 1 {
        errors.push(max.invalid_as(max.int(), "must be greater than 0"));
    }
    if min.is_set() && max.int() < min.int() {
        let what = "must be greater than or equal to `minReplicas`";
        errors.push(max.invalid_as(max.int(), what));
    }
    reference(&spec.get("scaleTargetRef"), errors);
    let metrics = spec.get("metrics");
    for metric in metrics.items() {
        one_metric(&metric, errors);
    }
    let from_outside = |metric: At<'_>| ["Object", "External"].contains(&metric.get("type").text());
    if min.int_if() == Some(0) && !metrics.items().any(from_outside) {
        let what = "must specify at least one Object or External metric to support scaling to zero replicas";
        errors.push(metrics.forbidden(what));
    }
    for field in ["scaleUp", "scaleDown"] {
        rules(&spec.get("behavior").get(field), errors);
    }
}

fn reference(at: &At<'_>, errors: &mut Errors) {
    for field in ["kind", "name"] {
        let at = at.get(field);
        match at.text() {
            "" => errors.push(at.required("")),
            text => at.all(names::path_segment(text), errors),
        }
    }
}

/// Kinds of metrics, with their fields. In the order in which upstream looks at them.
const METRICS: &[(&str, &str)] = &[
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];

const KINDS: &[&str] = &[
    "ContainerResource",
    "External",
    "Object",
    "Pods",
    "Resource",
];

fn one_metric(metric: &At<'_>, errors: &mut Errors) {
    let kind = metric.get("type");
    if kind.text().is_empty() {
        errors.push(kind.required("must specify a metric source type"));
    }
    let known = METRICS.iter().find(|(name, _)| *name == kind.text());
    if known.is_none() {
        errors.push(kind.not_supported(KINDS));
    }
    let mut count = 0;
    for (_, field) in METRICS {
        let source = metric.get(field);
        if source.is_set() {
            count += 1;
            if count == 1 {
                metric_source(&source, field, errors);
            }
        }
    }
    let expected = match known {
        Some((_, field)) => {
            let at = metric.get(field);
            if !at.is_set() {
                errors.push(at.required("must populate information for the given metric source"));
            }
            field
        }
        None => {
            errors.push(kind.not_supported(KINDS));
            ""
        }
    };
    for (_, field) in METRICS.iter().filter(|_| count != 1) {
        let at = metric.get(field);
        if at.is_set() && *field != expected {
            errors.push(at.forbidden("must populate the given metric source only"));
        }
    }
}

fn metric_source(at: &At<'_>, kind: &str, errors: &mut Errors) {
    let target_at = at.get("target");
    let (value, average) = (target_at.get("value"), target_at.get("averageValue"));
    let utilization = target_at.get("averageUtilization");
    match kind {
        "object" | "external" | "pods" => {
            if kind == "object" {
                reference(&at.get("describedObject"), errors);
            }
            let name = at.dig(&["metric", "name"]);
            match name.text() {
                "" => errors.push(name.required("must specify a metric name")),
                text => name.all(names::path_segment(text), errors),
            }
        }
        _ => resource_name(at, kind, errors),
    }
    target(&target_at, errors);
    match kind {
        "object" if !value.is_set() && !average.is_set() => {
            errors.push(average.required("must set either a target value or averageValue"));
        }
        "external" if !value.is_set() && !average.is_set() => {
            let what = "must set either a target value for metric or a per-pod target";
            errors.push(average.required(what));
        }
        "external" if value.is_set() && average.is_set() => {
            let what = "may not set both a target value for metric and a per-pod target";
            errors.push(value.forbidden(what));
        }
        "pods" if !average.is_set() => {
            errors.push(average.required("must specify a positive target averageValue"));
        }
        "resource" | "containerResource" => match (utilization.is_set(), average.is_set()) {
            (false, false) => {
                let what = "must set either a target raw value or a target utilization";
                errors.push(utilization.required(what));
            }
            (true, true) => {
                let what = "may not set both a target raw value and a target utilization";
                errors.push(average.forbidden(what));
            }
            _ => {}
        },
        _ => {}
    }
}

fn resource_name(at: &At<'_>, kind: &str, errors: &mut Errors) {
    let name = at.get("name");
    if name.text().is_empty() {
        errors.push(name.required("must specify a resource name"));
    } else if kind == "containerResource" {
        resources::name(&name, name.text(), Place::Container, errors);
    }
    let container = at.get("container");
    if kind == "containerResource" {
        match container.text() {
            "" => errors.push(container.required("must specify a container")),
            text => container.all(names::dns1123_label(text), errors),
        }
    }
}

fn target(at: &At<'_>, errors: &mut Errors) {
    let kind = at.get("type");
    if kind.text().is_empty() {
        errors.push(kind.required("must specify a metric target type"));
    }
    if !["Utilization", "Value", "AverageValue"].contains(&kind.text()) {
        let what = "must be either Utilization, Value, or AverageValue";
        errors.push(kind.invalid_as(kind.text(), what));
    }
    for field in ["value", "averageValue"] {
        let amount = at.get(field);
        if amount.quantity().is_some_and(|amount| amount.sign() <= 0) {
            errors.push(amount.invalid("must be positive"));
        }
    }
    let utilization = at.get("averageUtilization");
    if utilization.int_if().is_some_and(|percent| percent < 1) {
        errors.push(utilization.invalid("must be greater than 0"));
    }
}

/// How fast it goes in one direction.
fn rules(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let window = at.get("stabilizationWindowSeconds");
    if window.int() < 0 {
        errors.push(window.invalid("must be greater than or equal to zero"));
    }
    if window.int() > WINDOW_MAX {
        errors.push(window.invalid(format!("must be less than or equal to {WINDOW_MAX}")));
    }
    at.get("selectPolicy")
        .choice_if(&["Disabled", "Max", "Min"], errors);
    let policies = at.get("policies");
    if policies.len() == 0 {
        errors.push(policies.required("must specify at least one Policy"));
    }
    for policy in policies.items() {
        let kind = policy.get("type");
        if !["Pods", "Percent"].contains(&kind.text()) {
            errors.push(kind.not_supported(&["Percent", "Pods"]));
        }
        for field in ["value", "periodSeconds"] {
            let number = policy.get(field);
            if number.int() <= 0 {
                errors.push(number.invalid_as(number.int(), "must be greater than zero"));
            }
        }
        let period = policy.get("periodSeconds");
        if period.int() > PERIOD_MAX {
            errors.push(period.invalid(format!("must be less than or equal to {PERIOD_MAX}")));
        }
    }
}

/// A PodDisruptionBudget.
pub(super) fn budget(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    let (available, unavailable) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if available.is_set() && unavailable.is_set() {
        errors.push(spec.invalid("minAvailable and maxUnavailable cannot be both set"));
    }
    for at in [&available, &unavailable] {
        if at.is_set() {
            count_or_percent(at, errors);
            at_most_all(at, errors);
        }
    }
    let selector = spec.get("selector");
    if selector.is_set() {
        errors.extend(validate_structure(selector.value(), &selector.path()));
    }
    spec.get("unhealthyPodEvictionPolicy")
        .choice_if(&["AlwaysAllow", "IfHealthyBudget"], errors);
}
