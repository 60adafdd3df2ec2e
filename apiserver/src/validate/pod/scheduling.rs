//! Where Pods may run: affinity, tolerations, spreading, gates.

use super::super::at::{At, Errors};
use crate::names;
use crate::selector::validate_structure;
use std::collections::BTreeSet;

/// `affinity`.
pub(super) fn affinity(at: &At<'_>, errors: &mut Errors) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    let node = at.get("nodeAffinity");
    let required = node.get(REQUIRED);
    if required.is_set() {
        node_selector(&required, errors);
    }
    for term in node.get(PREFERRED).items() {
        weight(&term, errors);
        node_term(&term.get("preference"), false, errors);
    }
    for field in ["podAffinity", "podAntiAffinity"] {
        let pods = at.get(field);
        for term in pods.get(REQUIRED).items() {
            pod_term(&term, errors);
        }
        for term in pods.get(PREFERRED).items() {
            weight(&term, errors);
            pod_term(&term.get("podAffinityTerm"), errors);
        }
    }
}

fn weight(term: &At<'_>, errors: &mut Errors) {
    let weight = term.get("weight");
    if !(1..=100).contains(&weight.int()) {
        errors.push(weight.invalid_as(weight.int(), "must be in the range 1-100"));
    }
}

/// A selector of nodes: one of its terms must hold.
pub(in super::super) fn node_selector(at: &At<'_>, errors: &mut Errors) {
    let terms = at.get("nodeSelectorTerms");
    if terms.len() == 0 {
        return errors.push(terms.required("must have at least one node selector term"));
    }
    for term in terms.items() {
        node_term(&term, true, errors);
    }
}

fn node_term(term: &At<'_>, checks_values: bool, errors: &mut Errors) {
    for expression in term.get("matchExpressions").items() {
        node_requirement(&expression, checks_values, errors);
    }
    for field in term.get("matchFields").items() {
        node_field(&field, errors);
    }
}

fn node_requirement(at: &At<'_>, checks_values: bool, errors: &mut Errors) {
    let (operator, values) = (at.get("operator"), at.get("values"));
    match operator.text() {
        "In" | "NotIn" if values.len() == 0 => {
            let what = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(values.required(what));
        }
        "Exists" | "DoesNotExist" if values.len() > 0 => {
            let what = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(values.forbidden(what));
        }
        "Gt" | "Lt" if values.len() != 1 => {
            let what = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(values.required(what));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        text => errors.push(operator.invalid_as(text, "not a valid selector operator")),
    }
    let key = at.get("key");
    label_key(&key, errors);
    if checks_values {
        for value in values.items() {
            value.all(names::label_value(value.text()), errors);
        }
    }
}

fn node_field(at: &At<'_>, errors: &mut Errors) {
    let (operator, values) = (at.get("operator"), at.get("values"));
    match operator.text() {
        "In" | "NotIn" if values.len() == 1 => {}
        "In" | "NotIn" => errors.push(values.required(
            "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
        )),
        text => errors.push(operator.invalid_as(text, "not a valid selector operator")),
    }
    let key = at.get("key");
    if key.text() != "metadata.name" {
        return errors.push(key.invalid_as(key.text(), "not a valid field selector key"));
    }
    for value in values.items() {
        value.all(names::dns1123_subdomain(value.text()), errors);
    }
}

/// A key of a label; empty is none.
fn label_key(at: &At<'_>, errors: &mut Errors) {
    let wrong = names::label_key(at.text()).into_iter();
    errors.extend(wrong.map(|what| at.invalid_as(at.text(), what)));
}

fn selector(at: &At<'_>, errors: &mut Errors) {
    if at.is_set() {
        errors.extend(validate_structure(at.value(), &at.path()));
    }
}

fn pod_term(at: &At<'_>, errors: &mut Errors) {
    selector(&at.get("labelSelector"), errors);
    selector(&at.get("namespaceSelector"), errors);
    for name in at.get("namespaces").items() {
        let place = name.called(at, "namespace");
        place.all(names::dns1123_label(name.text()), errors);
    }
    let keys = at.get("matchLabelKeys");
    let other_keys = at.get("mismatchLabelKeys");
    for list in [&keys, &other_keys] {
        if list.len() > 0 && !at.get("labelSelector").is_set() {
            errors.push(list.forbidden("must not be specified when labelSelector is not set"));
        } else {
            list.items().for_each(|key| label_key(&key, errors));
        }
    }
    for key in keys.items() {
        if other_keys.texts().any(|other| other == key.text()) {
            errors.push(key.invalid("exists in both matchLabelKeys and mismatchLabelKeys"));
        }
    }
    let topology = at.get("topologyKey");
    if topology.text().is_empty() {
        errors.push(topology.required("can not be empty"));
    }
    label_key(&topology, errors);
}

/// Effects of taints.
const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// The effect of a taint.
pub(in super::super) fn taint_effect(at: &At<'_>, errors: &mut Errors) {
    at.choice(EFFECTS, errors);
}

/// `tolerations`.
pub(in super::super) fn tolerations(list: &At<'_>, errors: &mut Errors) {
    for at in list.items() {
        let (key, operator) = (at.get("key"), at.get("operator"));
        let (value, effect) = (at.get("value"), at.get("effect"));
        if !key.text().is_empty() {
            label_key(&key, errors);
        } else if operator.text() != "Exists" {
            let what = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.push(operator.invalid_as(operator.text(), what));
        }
        if at.get("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
            let what = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.push(effect.invalid_as(effect.text(), what));
        }
        let at_operator = operator.holding(value.value());
        match operator.text() {
            "Equal" | "" => {
                let wrong = names::label_value(value.text());
                if !wrong.is_empty() {
                    errors.push(at_operator.invalid(wrong.join(";")));
                }
            }
            "Exists" if !value.text().is_empty() => {
                let what = "value must be empty when `operator` is 'Exists'";
                errors.push(at_operator.invalid(what));
            }
            "Exists" => {}
            _ => errors.push(operator.not_supported(&["Equal", "Exists"])),
        }
        if !effect.text().is_empty() {
            effect.choice(EFFECTS, errors);
        }
    }
}

/// Gates that keep a Pod from being scheduled or from being ready.
pub(super) fn gates(spec: &At<'_>, errors: &mut Errors) {
    for gate in spec.get("readinessGates").items() {
        label_key(&gate.get("conditionType"), errors);
    }
    let mut seen = BTreeSet::new();
    for gate in spec.get("schedulingGates").items() {
        let name = gate.get("name").text();
        let wrong = names::label_key(name).into_iter();
        errors.extend(wrong.map(|what| gate.invalid_as(name, what)));
        if !seen.insert(name) {
            errors.push(gate.duplicate_as(name));
        }
    }
}

/// `topologySpreadConstraints`.
pub(super) fn spreading(list: &At<'_>, errors: &mut Errors) {
    let what_of = |at: &At<'_>| {
        let (key, action) = (
            at.get("topologyKey").text(),
            at.get("whenUnsatisfiable").text(),
        );
        format!("{{{key}, {action}}}")
    };
    let pairs: Vec<String> = list.items().map(|at| what_of(&at)).collect();
    for (index, at) in list.items().enumerate() {
        let skew = at.get("maxSkew");
        if skew.int() <= 0 {
            errors.push(skew.invalid_as(skew.int(), "must be greater than zero"));
        }
        let key = at.get("topologyKey");
        if key.text().is_empty() {
            errors.push(key.required("can not be empty"));
        }
        let action = at.get("whenUnsatisfiable");
        if !["DoNotSchedule", "ScheduleAnyway"].contains(&action.text()) {
            errors.push(action.not_supported(&["DoNotSchedule", "ScheduleAnyway"]));
        }
        if pairs[index + 1..].contains(&pairs[index]) {
            let place = at.get("{topologyKey, whenUnsatisfiable}");
            errors.push(place.duplicate_as(pairs[index].as_str()));
        }
        domains(&at.get("minDomains"), action.text(), errors);
        for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            at.get(field).choice_if(&["Honor", "Ignore"], errors);
        }
        match_keys(&at, errors);
        selector(&at.get("labelSelector"), errors);
    }
}

fn domains(at: &At<'_>, action: &str, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    if at.int() <= 0 {
        errors.push(at.invalid("must be greater than zero"));
    }
    if action != "DoNotSchedule" {
        errors.push(at.invalid(format!(
            "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        )));
    }
}

fn match_keys(at: &At<'_>, errors: &mut Errors) {
    let (keys, selector) = (at.get("matchLabelKeys"), at.get("labelSelector"));
    if keys.len() > 0 && !selector.is_set() {
        errors.push(keys.forbidden("must not be specified when labelSelector is not set"));
    }
    for key in keys.items() {
        label_key(&key, errors);
        let mut expressions = selector.get("matchExpressions").items();
        let is_selected = selector.get("matchLabels").key(key.text()).is_set()
            || expressions.any(|expression| expression.get("key").text() == key.text());
        if is_selected {
            errors.push(key.invalid("exists in both matchLabelKeys and labelSelector"));
        }
    }
}

/// Terms that say where a volume of a class can be.
pub(in super::super) fn topology_terms(list: &At<'_>, errors: &mut Errors) {
    for term in list.items() {
        let mut keys = BTreeSet::new();
        for expression in term.get("matchLabelExpressions").items() {
            let (key, values) = (expression.get("key"), expression.get("values"));
            if values.len() == 0 {
                errors.push(values.required(""));
            }
            let mut seen = BTreeSet::new();
            for value in values.items() {
                if !seen.insert(value.text()) {
                    errors.push(value.duplicate());
                }
            }
            label_key(&key, errors);
            if !keys.insert(key.text()) {
                errors.push(key.duplicate());
            }
        }
    }
}
