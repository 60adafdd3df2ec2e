//! Roles and who has them.

use super::at::{At, Errors};
use super::same::same;
use crate::names;

const GROUP: &str = "rbac.authorization.k8s.io";

/// A Role.
pub(super) fn role(object: &At<'_>, errors: &mut Errors) {
    rules(object, true, errors);
}

/// A ClusterRole.
pub(super) fn cluster_role(object: &At<'_>, errors: &mut Errors) {
    rules(object, false, errors);
    let selectors = object.dig(&["aggregationRule", "clusterRoleSelectors"]);
    if object.get("aggregationRule").is_set() && selectors.len() == 0 {
        let what = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.push(selectors.required(what));
    }
    for selector in selectors.items() {
        let wrong = crate::selector::validate_structure(selector.value(), &selector.path());
        errors.extend(wrong);
    }
}

fn rules(object: &At<'_>, is_namespaced: bool, errors: &mut Errors) {
    for rule in object.get("rules").items() {
        if rule.get("verbs").len() == 0 {
            let what = "verbs must contain at least one value";
            errors.push(rule.get("verbs").required(what));
        }
        let paths = rule.get("nonResourceURLs");
        let (groups, resources) = (rule.get("apiGroups"), rule.get("resources"));
        let names = rule.get("resourceNames");
        if paths.len() > 0 {
            if is_namespaced {
                let what = "namespaced rules cannot apply to non-resource URLs";
                errors.push(paths.invalid(what));
            }
            if groups.len() + resources.len() + names.len() > 0 {
                let what = "rules cannot apply to both regular resources and non-resource URLs";
                errors.push(paths.invalid(what));
            }
            continue;
        }
        if groups.len() == 0 {
            let what = "resource rules must supply at least one api group";
            errors.push(groups.required(what));
        }
        if resources.len() == 0 {
            let what = "resource rules must supply at least one resource";
            errors.push(resources.required(what));
        }
    }
}

/// A RoleBinding.
pub(super) fn binding(object: &At<'_>, errors: &mut Errors) {
    reference(object, &["Role", "ClusterRole"], errors);
    for subject in object.get("subjects").items() {
        one_subject(&subject, true, errors);
    }
}

/// A ClusterRoleBinding.
pub(super) fn cluster_binding(object: &At<'_>, errors: &mut Errors) {
    reference(object, &["ClusterRole"], errors);
    for subject in object.get("subjects").items() {
        one_subject(&subject, false, errors);
    }
}

fn reference(object: &At<'_>, kinds: &[&str], errors: &mut Errors) {
    let role = object.get("roleRef");
    let (group, kind, name) = (role.get("apiGroup"), role.get("kind"), role.get("name"));
    if group.text() != GROUP {
        errors.push(group.not_supported(&[GROUP]));
    }
    if !kinds.contains(&kind.text()) {
        errors.push(kind.not_supported(kinds));
    }
    match name.text() {
        "" => errors.push(name.required("")),
        text => name.all(names::path_segment(text), errors),
    }
}

fn one_subject(at: &At<'_>, is_namespaced: bool, errors: &mut Errors) {
    let (name, group, kind) = (at.get("name"), at.get("apiGroup"), at.get("kind"));
    name.nonempty(errors);
    match kind.text() {
        "ServiceAccount" => {
            if !name.text().is_empty() {
                name.all(names::dns1123_subdomain(name.text()), errors);
            }
            if !group.text().is_empty() {
                errors.push(group.not_supported(&[""]));
            }
            if !is_namespaced && at.get("namespace").text().is_empty() {
                errors.push(at.get("namespace").required(""));
            }
        }
        who @ ("User" | "Group") => {
            if name.text().is_empty() {
                let what = format!("{} name cannot be empty", who.to_lowercase());
                errors.push(name.invalid_as("", what));
            }
            if group.text() != GROUP {
                errors.push(group.not_supported(&[GROUP]));
            }
        }
        _ => errors.push(kind.not_supported(&["ServiceAccount", "User", "Group"])),
    }
}

/// A binding is of one role for good.
pub(super) fn binding_update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let role = new.get("roleRef");
    if !same(role.value(), old.get("roleRef").value()) {
        errors.push(role.invalid("cannot change roleRef"));
    }
}
