//! LimitRanges and ResourceQuotas: what bounds others.

use super::at::{At, Errors, IMMUTABLE};
use super::resources::{self, Place};
use crate::canonical::{Format, Quantity};
use crate::names;
use crate::status::FieldError;
use std::collections::BTreeSet;

/// Numbers up to which thousandths are compared.
const MILLI_MAX: i64 = i64::MAX / 1000;

/// A LimitRange.
pub(super) fn limit_range(object: &At<'_>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for limit in object.dig(&["spec", "limits"]).items() {
        let kind = limit.get("type");
        kind_name(&kind, errors);
        if !seen.insert(kind.text()) {
            errors.push(kind.duplicate());
        }
        let names = bound_names(&limit, errors);
        for name in names {
            bounds(&limit, name, errors);
        }
    }
}

fn kind_name(kind: &At<'_>, errors: &mut Errors) {
    let wrong = names::label_key(kind.text());
    if !wrong.is_empty() {
        return errors.extend(
            wrong
                .into_iter()
                .map(|what| kind.invalid_as(kind.text(), what)),
        );
    }
    let is_standard = ["Pod", "Container", "PersistentVolumeClaim"].contains(&kind.text());
    if !kind.text().contains('/') && !is_standard {
        errors.push(kind.invalid("must be a standard limit type or fully qualified"));
    }
}

/// Everything that is bounded. Names are checked on the way.
fn bound_names<'v>(limit: &At<'v>, errors: &mut Errors) -> BTreeSet<&'v str> {
    let kind = limit.get("type").text();
    let place = match kind {
        "Pod" | "Container" => Place::Container,
        _ => Place::Other,
    };
    let mut all = BTreeSet::new();
    for list in [
        "max",
        "min",
        "default",
        "defaultRequest",
        "maxLimitRequestRatio",
    ] {
        let at = limit.get(list);
        if kind == "Pod" && list.starts_with("default") {
            if at.len() > 0 {
                errors.push(at.forbidden("may not be specified when `type` is 'Pod'"));
            }
            continue;
        }
        for (name, quantity) in at.entries() {
            resources::name(&quantity, name, place, errors);
            all.insert(name);
        }
    }
    let has = |list: &'static str| limit.get(list).key("storage").is_set();
    if kind == "PersistentVolumeClaim" && !has("min") && !has("max") {
        let what = "either minimum or maximum storage value is required, but neither was provided";
        errors.push(limit.get("limits").required(what));
    }
    all
}

/// What one element of a range says about one resource must fit together.
fn bounds(limit: &At<'_>, name: &str, errors: &mut Errors) {
    let is_pod = limit.get("type").text() == "Pod";
    let amount = |list: &'static str| match is_pod && list.starts_with("default") {
        true => None,
        false => limit.get(list).key(name).quantity(),
    };
    let mut wrong = |list: &'static str, shown: Quantity, what: String| {
        let place = limit.get(list).key(name);
        errors.push(place.invalid_as(shown.to_string(), what));
    };
    let (least, most) = (("min value", amount("min")), ("max value", amount("max")));
    let limits = ("default value", amount("default"));
    let other_limits = ("default limit value", limits.1);
    let requests = ("default request value", amount("defaultRequest"));
    // Which list, what is shown, and two amounts of which the first must not be the greater.
    let pairs = [
        ("min", least, least, most),
        ("defaultRequest", requests, least, requests),
        ("defaultRequest", requests, requests, most),
        ("defaultRequest", requests, requests, other_limits),
        ("default", least, least, limits),
        ("default", most, limits, most),
    ];
    for (list, shown, (first, smaller), (second, greater)) in pairs {
        if let (Some(shown), Some(smaller), Some(greater)) = (shown.1, smaller, greater)
            && smaller > greater
        {
            let what = format!("{first} {smaller} is greater than {second} {greater}");
            wrong(list, shown, what);
        }
    }
    if let Some(ratio) = amount("maxLimitRequestRatio") {
        let mut wrong = |what: String| wrong("maxLimitRequestRatio", ratio, what);
        if ratio < Quantity::of(1, Format::DecimalSi) {
            wrong(format!("ratio {ratio} is less than 1"));
        }
        if let (Some(least), Some(most)) = (least.1, most.1) {
            let possible = divided(most, least);
            if as_number(ratio) > possible {
                wrong(format!(
                    "ratio {ratio} is greater than max/min = {possible:.6}"
                ));
            }
        }
    }
    if let (Some(limits), Some(requests)) = (limits.1, requests.1)
        && !resources::is_overcommittable(name)
        && limits != requests
    {
        let rule = "must equal to defaultRequest value";
        let what = format!("default value {limits} {rule} {requests} in {name}");
        wrong("defaultRequest", requests, what);
    }
}

fn as_number(quantity: Quantity) -> f64 {
    match quantity.value() < MILLI_MAX {
        true => quantity.milli_value() as f64 / 1000.0,
        false => quantity.value() as f64,
    }
}

fn divided(most: Quantity, least: Quantity) -> f64 {
    as_number(most) / as_number(least)
}

const SCOPES: &[&str] = &[
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];

/// A ResourceQuota.
pub(super) fn quota(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    resources::list(&spec.get("hard"), Place::Quota, errors);
    scopes(&spec, errors);
    selector(&spec, errors);
    quota_status(object, errors);
}

/// The counters of a ResourceQuota.
pub(super) fn quota_status(object: &At<'_>, errors: &mut Errors) {
    for field in ["hard", "used"] {
        let list = object.get("status").get(field);
        resources::list(&list, Place::Quota, errors);
    }
}

/// What a ResourceQuota may not change.
pub(super) fn quota_update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    const WAY: &[&str] = &["spec", "scopes"];
    let (now, before) = (new.dig(WAY), old.dig(WAY));
    let all = |at: &At<'_>| at.texts().map(str::to_owned).collect::<BTreeSet<_>>();
    if all(&now) != all(&before) {
        errors.push(now.invalid(IMMUTABLE));
    }
}

/// Whether a resource can be counted for some Pods only.
fn fits(scope: &str, resource: &str) -> bool {
    let is_compute = [
        "cpu",
        "memory",
        "limits.cpu",
        "limits.memory",
        "requests.cpu",
        "requests.memory",
    ]
    .contains(&resource);
    match scope {
        "BestEffort" => resource == "pods",
        "Terminating"
        | "NotTerminating"
        | "NotBestEffort"
        | "PriorityClass"
        | "CrossNamespacePodAffinity" => resource == "pods" || is_compute,
        "VolumeAttributesClass" => {
            ["persistentvolumeclaims", "requests.storage"].contains(&resource)
        }
        _ => true,
    }
}

fn scopes(spec: &At<'_>, errors: &mut Errors) {
    let at = spec.get("scopes");
    for scope in at.texts() {
        if !SCOPES.contains(&scope) {
            errors.push(at.invalid("unsupported scope"));
        }
        misfits(spec, scope, &at, errors);
    }
    conflicts(at.texts().collect(), &at, errors);
}

fn misfits(spec: &At<'_>, scope: &str, at: &At<'_>, errors: &mut Errors) {
    for (name, _) in spec.get("hard").entries() {
        if resources::is_quota(name) && !fits(scope, name) {
            errors.push(at.invalid("unsupported scope applied to resource"));
        }
    }
}

fn conflicts(scopes: BTreeSet<&str>, at: &At<'_>, errors: &mut Errors) {
    for [one, other] in [
        ["BestEffort", "NotBestEffort"],
        ["Terminating", "NotTerminating"],
    ] {
        if scopes.contains(one) && scopes.contains(other) {
            errors.push(at.invalid("conflicting scopes"));
        }
    }
}

fn selector(spec: &At<'_>, errors: &mut Errors) {
    let selector = spec.get("scopeSelector");
    let list = selector.get("matchExpressions");
    let mut seen = BTreeSet::new();
    for requirement in list.items() {
        let scope = requirement.get("scopeName");
        let place = |at: &At<'_>, name: &'static str| -> FieldErrorAt {
            FieldErrorAt(list.path().child(name), at.text().to_owned())
        };
        if !SCOPES.contains(&scope.text()) {
            errors.push(place(&scope, "scopeName").invalid("unsupported scope"));
        }
        misfits(spec, scope.text(), &list.holding(selector.value()), errors);
        let operator = requirement.get("operator");
        let values = requirement.get("values");
        let takes_values = ["PriorityClass", "VolumeAttributesClass"].contains(&scope.text());
        if SCOPES.contains(&scope.text()) && !takes_values && operator.text() != "Exists" {
            errors.push(place(&operator, "operator").invalid(
                "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
                 ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, \
                 ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
            ));
        }
        match operator.text() {
            "In" | "NotIn" if values.len() == 0 => errors.push(FieldError::required(
                &list.path().child("values"),
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            )),
            "Exists" | "DoesNotExist" if values.len() > 0 => errors.push(FieldError::invalid(
                &list.path().child("values"),
                values.value().clone(),
                "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
            )),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => errors.push(place(&operator, "operator").invalid("not a valid selector operator")),
        }
        seen.insert(scope.text());
    }
    conflicts(seen, &list.holding(spec.get("scopes").value()), errors);
}

/// A value of a requirement, at the path that upstream gives it: that of the list and a field.
struct FieldErrorAt(crate::status::Path, String);

impl FieldErrorAt {
    fn invalid(self, what: &str) -> FieldError {
        FieldError::invalid(&self.0, self.1, what)
    }
}
