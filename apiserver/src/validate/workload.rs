//! Deployments, ReplicaSets, ReplicationControllers and DaemonSets.

use super::at::{At, Errors};
use super::format::{at_most_all, count_of, count_or_percent};
use super::pod;
use crate::names;
use crate::names::Rule;
use crate::selector::{from_structure, validate_structure};
use serde_json::Value;

/// A Deployment.
pub(super) fn deployment(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    spec.get("replicas").nonnegative(errors);
    selector_and_template(&spec, "deployment", "ReplicaSet", errors);
    strategy(&spec.get("strategy"), errors);
    spec.get("minReadySeconds").nonnegative(errors);
    spec.get("revisionHistoryLimit").nonnegative(errors);
    let deadline = spec.get("progressDeadlineSeconds");
    deadline.nonnegative(errors);
    if deadline.is_set() && deadline.int() <= spec.get("minReadySeconds").int() {
        errors.push(deadline.invalid("must be greater than minReadySeconds"));
    }
}

/// A ReplicaSet.
pub(super) fn replica_set(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    spec.get("replicas").nonnegative(errors);
    spec.get("minReadySeconds").nonnegative(errors);
    selector_and_template(&spec, "deployment", "ReplicaSet", errors);
}

/// A ReplicationController, whose selector is just labels.
pub(super) fn replication_controller(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    spec.get("minReadySeconds").nonnegative(errors);
    let selector = spec.get("selector");
    if selector.len() == 0 {
        errors.push(selector.required(""));
    }
    spec.get("replicas").nonnegative(errors);
    let template = spec.get("template");
    if !template.is_set() {
        return errors.push(template.required(""));
    }
    let labels = template.dig(&["metadata", "labels"]);
    let matches = |(key, value): (&str, At<'_>)| {
        labels.value().get(key).and_then(Value::as_str) == Some(value.text())
    };
    if !selector.entries().all(matches) {
        errors.push(labels.invalid(MISMATCH));
    }
    pod::template(&template, errors);
    always(&template, "ReplicationController", errors);
}

/// A DaemonSet.
pub(super) fn daemon_set(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    let selector = spec.get("selector");
    if selector.is_set() {
        errors.extend(validate_structure(selector.value(), &selector.path()));
    }
    let template = spec.get("template");
    matching(&selector, &template, true, errors);
    if selector.is_set() && is_empty(&selector) {
        errors.push(selector.invalid("empty selector is invalid for daemonset"));
    }
    pod::template(&template, errors);
    always(&template, "DaemonSet", errors);
    spec.get("minReadySeconds").nonnegative(errors);
    daemon_strategy(&spec.get("updateStrategy"), errors);
    spec.get("revisionHistoryLimit").nonnegative(errors);
}

/// What none of them may change.
pub(super) fn selector_unchanged(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let selector = new.dig(&["spec", "selector"]);
    selector.unchanged(&old.dig(&["spec", "selector"]), errors);
}

pub(super) const MISMATCH: &str = "`selector` does not match template `labels`";

pub(super) fn is_empty(selector: &At<'_>) -> bool {
    selector.get("matchLabels").len() + selector.get("matchExpressions").len() == 0
}

/// The selector picks the Pods of the template. `strict`: an empty one picks none.
pub(super) fn matching(selector: &At<'_>, template: &At<'_>, strict: bool, errors: &mut Errors) {
    let labels = template.dig(&["metadata", "labels"]);
    let Ok(picks) = from_structure(Some(selector.value())) else {
        return;
    };
    if !strict && picks.is_everything() {
        return;
    }
    if !picks.matches(labels.value()) {
        errors.push(labels.invalid(MISMATCH));
    }
}

/// The selector, which must not be empty, and the template that it picks.
fn selector_and_template(spec: &At<'_>, kind: &str, maker: &str, errors: &mut Errors) {
    let selector = spec.get("selector");
    if selector.is_set() {
        errors.extend(validate_structure(selector.value(), &selector.path()));
        if is_empty(&selector) {
            let what = format!("empty selector is invalid for {kind}");
            errors.push(selector.invalid(what));
        }
    } else {
        errors.push(selector.required(""));
    }
    let template = spec.get("template");
    match from_structure(Some(selector.value())) {
        Err(_) => errors.push(selector.invalid("invalid label selector")),
        Ok(_) => {
            matching(&selector, &template, false, errors);
            pod::template(&template, errors);
            always(&template, maker, errors);
        }
    }
}

/// Pods that are replaced when they end run until they are told not to.
pub(super) fn always(template: &At<'_>, maker: &str, errors: &mut Errors) {
    let spec = template.get("spec");
    let policy = spec.get("restartPolicy");
    if policy.text() != "Always" {
        errors.push(policy.not_supported(&["Always"]));
    }
    let deadline = spec.get("activeDeadlineSeconds");
    if deadline.is_set() {
        let what = format!("activeDeadlineSeconds in {maker} is not Supported");
        errors.push(deadline.forbidden(what));
    }
}

fn strategy(at: &At<'_>, errors: &mut Errors) {
    let rolling = at.get("rollingUpdate");
    match at.get("type").text() {
        "Recreate" if rolling.is_set() => {
            let what = "may not be specified when strategy `type` is 'Recreate'";
            errors.push(rolling.forbidden(what));
        }
        "Recreate" => {}
        "RollingUpdate" if !rolling.is_set() => {
            errors.push(rolling.required("this should be defaulted and never be nil"));
        }
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            count_or_percent(&unavailable, errors);
            count_or_percent(&surge, errors);
            if count_of(&unavailable) == 0 && count_of(&surge) == 0 {
                errors.push(unavailable.invalid("may not be 0 when `maxSurge` is 0"));
            }
            at_most_all(&unavailable, errors);
        }
        _ => errors.push(at.not_supported(&["Recreate", "RollingUpdate"])),
    }
}

fn daemon_strategy(at: &At<'_>, errors: &mut Errors) {
    let rolling = at.get("rollingUpdate");
    match at.get("type").text() {
        "OnDelete" => {}
        "RollingUpdate" if !rolling.is_set() => errors.push(rolling.required("")),
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            count_or_percent(&unavailable, errors);
            count_or_percent(&surge, errors);
            at_most_all(&unavailable, errors);
            at_most_all(&surge, errors);
            match (count_of(&unavailable) != 0, count_of(&surge) != 0) {
                (true, true) => {
                    errors.push(surge.invalid("may not be set when maxUnavailable is non-zero"));
                }
                (false, false) => {
                    errors.push(unavailable.required("cannot be 0 when maxSurge is 0"));
                }
                _ => {}
            }
        }
        _ => errors.push(at.not_supported(&["RollingUpdate", "OnDelete"])),
    }
}

/// A ControllerRevision.
pub(super) fn revision(object: &At<'_>, errors: &mut Errors) {
    if !object.get("data").is_set() {
        errors.push(object.get("data").required("data is mandatory"));
    }
    object.get("revision").nonnegative(errors);
}

/// What a ControllerRevision may not change.
pub(super) fn revision_unchanged(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    new.get("data").unchanged(&old.get("data"), errors);
}

/// Counters of a status: none is negative, and no part is more than the whole.
pub(super) fn status(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let status = new.get("status");
    for (_, counter) in counters(&status) {
        counter.nonnegative(errors);
    }
    let all = status.get("replicas").int();
    for (name, counter) in counters(&status) {
        let is_part = name != "replicas" && name.ends_with("Replicas") && !OUTSIDE.contains(&name);
        if is_part && counter.int() > all {
            errors.push(counter.invalid("cannot be greater than status.replicas"));
        }
    }
    let (available, ready) = (status.get("availableReplicas"), status.get("readyReplicas"));
    if available.int() > ready.int() {
        errors.push(available.invalid("cannot be greater than readyReplicas"));
    }
    let collisions = status.get("collisionCount");
    if collisions.int() < old.dig(&["status", "collisionCount"]).int() {
        errors.push(collisions.invalid_as(collisions.int(), "cannot be decremented"));
    }
}

/// Counters of Pods that do not belong to the whole.
const OUTSIDE: &[&str] = &["unavailableReplicas", "terminatingReplicas"];

/// The numbers of a status.
fn counters<'v>(status: &At<'v>) -> impl Iterator<Item = (&'v str, At<'v>)> + use<'v> {
    let status = status.clone();
    let fields = status.entries().map(|(name, _)| name);
    fields
        .map(move |name| (name, status.get(name)))
        .filter(|(_, at)| at.int_if().is_some())
}

/// Names of StatefulSets are labels of hosts: their Pods are named after them.
pub(super) const SET_NAMES: Rule = Rule::DnsLabel;

/// A StatefulSet.
pub(super) fn stateful_set(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    let policy = spec.get("podManagementPolicy");
    match policy.text() {
        "" => errors.push(policy.required("")),
        "OrderedReady" | "Parallel" => {}
        _ => errors.push(policy.invalid("must be 'OrderedReady' or 'Parallel'")),
    }
    set_strategy(&spec.get("updateStrategy"), errors);
    let retention = spec.get("persistentVolumeClaimRetentionPolicy");
    if retention.is_set() {
        for field in ["whenDeleted", "whenScaled"] {
            let at = retention.get(field);
            if !["Retain", "Delete"].contains(&at.text()) {
                errors.push(at.not_supported(&["Retain", "Delete"]));
            }
        }
    }
    spec.get("replicas").nonnegative(errors);
    spec.get("minReadySeconds").nonnegative(errors);
    let start = spec.dig(&["ordinals", "start"]);
    start.called(&spec, "ordinals.start").nonnegative(errors);
    let selector = spec.get("selector");
    if selector.is_set() {
        errors.extend(validate_structure(selector.value(), &selector.path()));
        if is_empty(&selector) {
            errors.push(selector.invalid("empty selector is invalid for statefulset"));
        }
    } else {
        errors.push(selector.required(""));
    }
    let template = spec.get("template");
    match from_structure(Some(selector.value())) {
        Err(_) => errors.push(selector.invalid("")),
        Ok(_) => {
            matching(&selector, &template, false, errors);
            // The volumes of the claims are not there yet, so containers are not looked at.
            pod::template_metadata(&template, errors);
        }
    }
    let service = spec.get("serviceName");
    if !service.text().is_empty() {
        service.all(names::dns1123_label(service.text()), errors);
    }
    always(&template, "StatefulSet", errors);
}

fn set_strategy(at: &At<'_>, errors: &mut Errors) {
    let rolling = at.get("rollingUpdate");
    match at.get("type").text() {
        "" => errors.push(at.required("")),
        "OnDelete" if rolling.is_set() => {
            errors.push(rolling.invalid("only allowed for updateStrategy 'RollingUpdate'"));
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            rolling.get("partition").nonnegative(errors);
            let unavailable = rolling.get("maxUnavailable");
            if unavailable.is_set() {
                count_or_percent(&unavailable, errors);
                if count_of(&unavailable) == 0 {
                    errors.push(unavailable.invalid("cannot be 0"));
                }
                at_most_all(&unavailable, errors);
            }
        }
        _ => errors.push(at.invalid("must be 'RollingUpdate' or 'OnDelete'")),
    }
}

/// What a StatefulSet may change.
pub(super) fn stateful_set_update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    const CHANGEABLE: &[&str] = &[
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let rest = |at: &At<'_>| {
        let mut spec = at.get("spec").value().clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.retain(|field, _| !CHANGEABLE.contains(&field.as_str()));
        }
        // A claim's status is no part of its template's meaning.
        let claims = spec
            .get_mut("volumeClaimTemplates")
            .and_then(Value::as_array_mut);
        for claim in claims
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            claim.remove("status");
        }
        spec
    };
    if !super::same::same(&rest(new), &rest(old)) {
        errors.push(new.get("spec").forbidden(
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
             'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
             'minReadySeconds' are forbidden",
        ));
    }
}
