//! Whether a quota is about an object: some count only Pods of one sort.

use super::usage::Measure;
use crate::admission::demand::{is_best_effort, list};
use serde_json::Value;

/// Whether all scopes of a quota take the object in. Without any it takes in everything.
pub(super) fn matches(quota: &Value, measure: &Measure<'_>, object: &Value) -> bool {
    let spec = quota.get("spec").unwrap_or(&Value::Null);
    let names = list(spec, "scopes").iter().filter_map(Value::as_str);
    let selector = spec.get("scopeSelector").unwrap_or(&Value::Null);
    let mut simple = names.map(|name| (name, "Exists", &[][..]));
    let mut selected = list(selector, "matchExpressions").iter().map(|expression| {
        let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or("");
        (
            text("scopeName"),
            text("operator"),
            list(expression, "values"),
        )
    });
    let takes_in = |(scope, operator, values): (&str, &str, &[Value])| match measure {
        Measure::Pods => pod(scope, operator, values, object),
        Measure::Claims => claim(scope, operator, values, object),
        Measure::Services | Measure::Objects(..) => false,
    };
    simple.all(takes_in) && selected.all(takes_in)
}

fn pod(scope: &str, operator: &str, values: &[Value], object: &Value) -> bool {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let ends = || {
        let deadline = spec.get("activeDeadlineSeconds").and_then(Value::as_i64);
        deadline.is_some_and(|seconds| seconds >= 0)
    };
    match scope {
        "Terminating" => ends(),
        "NotTerminating" => !ends(),
        "BestEffort" => is_best_effort(spec),
        "NotBestEffort" => !is_best_effort(spec),
        "PriorityClass" => {
            let class = spec.get("priorityClassName").and_then(Value::as_str);
            selects(operator, values, class.filter(|class| !class.is_empty()))
        }
        "CrossNamespacePodAffinity" => crosses_namespaces(spec),
        _ => false,
    }
}

fn claim(scope: &str, operator: &str, values: &[Value], object: &Value) -> bool {
    let class = object
        .pointer("/spec/volumeAttributesClassName")
        .and_then(Value::as_str);
    let class = class.filter(|class| !class.is_empty());
    scope == "VolumeAttributesClass" && selects(operator, values, class)
}

/// Whether a name, or that there is none, is what a requirement asks for.
fn selects(operator: &str, values: &[Value], name: Option<&str>) -> bool {
    let is_listed = name.is_some_and(|name| values.iter().any(|value| value == name));
    match operator {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => name.is_some(),
        "DoesNotExist" => name.is_none(),
        _ => false,
    }
}

/// Whether a Pod wants to be near Pods of other namespaces, or far from them.
fn crosses_namespaces(spec: &Value) -> bool {
    let crosses = |term: &Value| {
        !list(term, "namespaces").is_empty()
            || term
                .get("namespaceSelector")
                .is_some_and(|selector| !selector.is_null())
    };
    ["podAffinity", "podAntiAffinity"].iter().any(|field| {
        let terms = spec
            .get("affinity")
            .and_then(|affinity| affinity.get(field));
        let terms = terms.unwrap_or(&Value::Null);
        let required = list(terms, "requiredDuringSchedulingIgnoredDuringExecution").iter();
        let preferred = list(terms, "preferredDuringSchedulingIgnoredDuringExecution").iter();
        required.clone().any(crosses)
            || preferred
                .filter_map(|term| term.get("podAffinityTerm"))
                .any(crosses)
    })
}
