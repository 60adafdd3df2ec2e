//! What may change about a Pod.

use super::super::at::{At, Errors};
use super::super::format::between;
use super::super::same::{differences, same};
use serde_json::{Map, Value};

const CHANGEABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,\
    `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// An update of a Pod.
pub(in super::super) fn update(pod: &At<'_>, old_pod: &At<'_>, errors: &mut Errors) {
    let (spec, old) = (pod.get("spec"), old_pod.get("spec"));
    if spec.value() == old.value() && annotations(pod) == annotations(old_pod) {
        // Only its status or its labels change: what is wanted was checked when it came.
        return;
    }
    super::body(pod, errors);
    for list in ["containers", "initContainers"] {
        let (now, before) = (spec.get(list), old.get(list));
        if now.len() != before.len() {
            return errors.push(now.forbidden("pod updates may not add or remove containers"));
        }
    }
    if !deadline(&spec, &old, errors) {
        return;
    }
    only_more_tolerations(&spec.get("tolerations"), &old.get("tolerations"), errors);
    only_fewer_gates(&spec, &old, errors);
    if same(spec.value(), old.value()) {
        return;
    }
    let mut masked = spec.value().clone();
    mask(&mut masked, old.value());
    if old.get("schedulingGates").len() > 0 {
        gated(&spec, &old, &mut masked, errors);
    }
    if !same(&masked, old.value()) {
        let difference = differences(old.value(), &masked);
        errors.push(spec.forbidden(format!(
            "pod updates may not change fields other than {CHANGEABLE}\n{difference}"
        )));
    }
}

/// Some of them are rules for the spec.
fn annotations<'v>(pod: &At<'v>) -> Option<&'v Value> {
    pod.value().pointer("/metadata/annotations")
}

/// A deadline may come, or come nearer. False: it makes no sense to look further.
fn deadline(spec: &At<'_>, old: &At<'_>, errors: &mut Errors) -> bool {
    let now = spec.get("activeDeadlineSeconds");
    let before = old.get("activeDeadlineSeconds").int_if();
    let most = i64::from(i32::MAX);
    match (now.int_if(), before) {
        (Some(seconds), _) if !(0..=most).contains(&seconds) => {
            errors.push(now.invalid(between(0, most)));
            false
        }
        (Some(seconds), Some(before)) if before < seconds => {
            errors.push(now.invalid("must be less than or equal to previous value"));
            false
        }
        (None, Some(_)) => {
            let what = "must not update from a positive integer to nil value";
            errors.push(now.invalid(what));
            true
        }
        _ => true,
    }
}

fn only_more_tolerations(now: &At<'_>, before: &At<'_>, errors: &mut Errors) {
    let without_time = |at: &At<'_>| {
        let mut value = at.value().clone();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("tolerationSeconds");
        }
        value
    };
    let all: Vec<Value> = now.items().map(|at| without_time(&at)).collect();
    for old in before.items() {
        let old = without_time(&old);
        if !all.iter().any(|new| same(new, &old)) {
            let what = "existing toleration can not be modified except its tolerationSeconds";
            return errors.push(now.forbidden(what));
        }
    }
}

fn only_fewer_gates(spec: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let before = old.get("schedulingGates");
    for gate in spec.get("schedulingGates").items() {
        let name = gate.get("name");
        let was_there = before
            .items()
            .any(|old| old.get("name").text() == name.text());
        if !was_there {
            let text = name.text();
            errors.push(name.forbidden(format!(
                "only deletion is allowed, but found new scheduling gate '{text}'"
            )));
        }
    }
}

/// Puts back what may change, so that the rest can be compared.
fn mask(new: &mut Value, old: &Value) {
    let Some(spec) = new.as_object_mut() else {
        return;
    };
    for list in ["containers", "initContainers"] {
        let Some(Value::Array(containers)) = spec.get_mut(list) else {
            continue;
        };
        for (index, container) in containers.iter_mut().enumerate() {
            let before = old.get(list).and_then(|list| list.get(index));
            if let Some(fields) = container.as_object_mut() {
                put_back(fields, before.unwrap_or(&Value::Null), "image");
            }
        }
    }
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        put_back(spec, old, field);
    }
    // Containers that joined later are somebody else's business: a subresource adds them.
    put_back(spec, old, "ephemeralContainers");
    let grace = "terminationGracePeriodSeconds";
    let was_negative = old
        .get(grace)
        .and_then(Value::as_i64)
        .is_some_and(|s| s < 0);
    if was_negative && spec.get(grace).and_then(Value::as_i64) == Some(1) {
        put_back(spec, old, grace);
    }
}

fn put_back(fields: &mut Map<String, Value>, old: &Value, field: &str) {
    match old.get(field) {
        Some(value) => drop(fields.insert(field.to_owned(), value.clone())),
        None => drop(fields.remove(field)),
    }
}

/// A Pod that waits at a gate may be told more exactly where to run.
fn gated(spec: &At<'_>, old: &At<'_>, masked: &mut Value, errors: &mut Errors) {
    let (now, before) = (spec.get("nodeSelector"), old.get("nodeSelector"));
    let keeps_all = before
        .entries()
        .all(|(key, value)| now.key(key).value() == value.value());
    if !keeps_all {
        let what = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        errors.push(now.invalid(what));
    }
    node_affinity(spec, old, errors);
    let Some(fields) = masked.as_object_mut() else {
        return;
    };
    put_back(fields, old.value(), "nodeSelector");
    let before = old.get("affinity");
    let affinity = fields
        .entry("affinity")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Some(affinity) = affinity.as_object_mut() {
        put_back(affinity, before.value(), "nodeAffinity");
    }
}

fn node_affinity(spec: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    const WAY: &[&str] = &[
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ];
    let (now, before) = (spec.dig(WAY), old.dig(WAY));
    if before.len() == 0 {
        return;
    }
    if before.len() != now.len() {
        let what = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        return errors.push(now.invalid(what));
    }
    for (term, old) in now.items().zip(before.items()) {
        if !only_adds(&term, &old) {
            errors.push(term.invalid("only additions are allowed (no mutations or deletions)"));
        }
    }
}

fn only_adds(term: &At<'_>, old: &At<'_>) -> bool {
    let lists = ["matchExpressions", "matchFields"];
    let is_empty = |term: &At<'_>| lists.iter().all(|list| term.get(list).len() == 0);
    // A term without requirements matches nothing: with some it would match something.
    if is_empty(old) {
        return is_empty(term);
    }
    lists.iter().all(|list| {
        let (now, before) = (term.get(list), old.get(list));
        now.len() >= before.len()
            && before
                .items()
                .zip(now.items())
                .all(|(old, new)| same(old.value(), new.value()))
    })
}

/// An update of a Pod's status.
pub(in super::super) fn status(pod: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let (status, old_status) = (pod.get("status"), old.get("status"));
    let node = pod.dig(&["spec", "nodeName"]);
    if node.text() != old.dig(&["spec", "nodeName"]).text() {
        let place = node.called(&status, "nodeName");
        errors.push(place.forbidden("may not be changed directly"));
    }
    let class = status.get("qosClass");
    let before = old_status.get("qosClass");
    if before.is_set() {
        class.unchanged(&before, errors);
    }
    let policy = old.dig(&["spec", "restartPolicy"]).text();
    let list = "containerStatuses";
    ended(&status.get(list), &old_status.get(list), policy, errors);
}

/// A container that has ended for good does not run again.
fn ended(now: &At<'_>, before: &At<'_>, policy: &str, errors: &mut Errors) {
    if policy == "Always" {
        return;
    }
    for (index, old) in before.items().enumerate() {
        let end = old.dig(&["state", "terminated"]);
        let may_restart = end.get("exitCode").int() != 0 && policy == "OnFailure";
        if !end.is_set() || may_restart {
            continue;
        }
        let name = old.get("name").text();
        let mut same_name = now.items().filter(|new| new.get("name").text() == name);
        if same_name.any(|new| !new.dig(&["state", "terminated"]).is_set()) {
            let place = now.index(index).get("state");
            errors.push(place.forbidden("may not be transitioned to non-terminated state"));
        }
    }
}
