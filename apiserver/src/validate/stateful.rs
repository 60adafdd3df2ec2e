//! StatefulSets.

use super::at::{At, Errors};
use super::format::{at_most_all, count_of, count_or_percent};
use super::pod;
use super::same::same;
use super::workload::{always, is_empty, matching};
use crate::names;
use crate::names::Rule;
use crate::selector::{from_structure, validate_structure};
use serde_json::Value;

/// Names of StatefulSets are labels of hosts: their Pods are named after them.
pub(super) const NAMES: Rule = Rule::DnsLabel;

/// A StatefulSet.
pub(super) fn check(object: &At<'_>, errors: &mut Errors) {
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
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
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
    if !same(&rest(new), &rest(old)) {
        errors.push(new.get("spec").forbidden(
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
             'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
             'minReadySeconds' are forbidden",
        ));
    }
}
