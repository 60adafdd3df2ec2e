//! CustomResourceDefinitions, but for their schemas.

use super::at::{At, Errors};
use super::schema;
use crate::names::{dns1035_label, dns1123_subdomain};

/// A new definition.
pub(super) fn create(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    let (plural, group) = (spec.dig(&["names", "plural"]), spec.get("group"));
    let wanted = format!("{}.{}", plural.text(), group.text());
    let name = object.dig(&["metadata", "name"]);
    if name.text() != wanted {
        errors.push(name.invalid("must be spec.names.plural+\".\"+spec.group"));
    }
    approval(object, &group, errors);
    check(&spec, errors);
}

/// Groups of the project's own are for what the project has approved.
fn approval(object: &At<'_>, group: &At<'_>, errors: &mut Errors) {
    const ANNOTATION: &str = "api-approved.kubernetes.io";
    let protected = ["k8s.io", "kubernetes.io"];
    let is_protected = protected.iter().any(|one| {
        let before = group.text().strip_suffix(one);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    let approved = object.dig(&["metadata", "annotations"]).key(ANNOTATION);
    if is_protected && approved.text().is_empty() {
        errors.push(approved.required(
            "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111",
        ));
    }
}

/// A definition that changes.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let (spec, before) = (new.get("spec"), old.get("spec"));
    if spec.value() != before.value() {
        check(&spec, errors);
    }
    if crate::custom::is_established(old.value()) {
        spec.get("scope").unchanged(&before.get("scope"), errors);
        let (kind, was) = (spec.dig(&["names", "kind"]), before.dig(&["names", "kind"]));
        kind.unchanged(&was, errors);
    }
    spec.get("group").unchanged(&before.get("group"), errors);
    let (plural, was) = (
        spec.dig(&["names", "plural"]),
        before.dig(&["names", "plural"]),
    );
    plural.unchanged(&was, errors);
    stored_versions(new, errors);
}

/// There may be objects in each of them.
fn stored_versions(new: &At<'_>, errors: &mut Errors) {
    for stored in new.dig(&["status", "storedVersions"]).items() {
        let versions = new.dig(&["spec", "versions"]);
        let is_there = versions
            .items()
            .any(|version| version.get("name").text() == stored.text());
        if !is_there {
            let name = stored.text();
            errors.push(stored.invalid(format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
            )));
        }
    }
}

fn check(spec: &At<'_>, errors: &mut Errors) {
    let group = spec.get("group");
    match group.text() {
        "" => errors.push(group.required("")),
        text => {
            let wrong = dns1123_subdomain(text);
            if wrong.is_empty() && !text.contains('.') {
                errors.push(group.invalid("should be a domain with at least one dot"));
            }
            group.all(wrong, errors);
        }
    }
    spec.get("scope").choice(&["Cluster", "Namespaced"], errors);
    names(&spec.get("names"), errors);
    let pruning = spec.get("preserveUnknownFields");
    if pruning.flag() {
        errors.push(pruning.invalid("must be false"));
    }
    versions(&spec.get("versions"), errors);
    let strategy = spec.dig(&["conversion", "strategy"]);
    match strategy.text() {
        "Webhook" => errors.push(strategy.forbidden("conversion by webhooks is not supported yet")),
        _ => strategy.choice(&["None", "Webhook"], errors),
    }
}

fn names(names: &At<'_>, errors: &mut Errors) {
    for name in ["plural", "singular", "kind", "listKind"] {
        let at = names.get(name);
        let is_kind = name.to_lowercase().ends_with("kind");
        let text = at.text();
        if text.is_empty() {
            if matches!(name, "plural" | "kind") {
                errors.push(at.required(""));
            }
            continue;
        }
        let lower = text.to_lowercase();
        let wrong = dns1035_label(if is_kind { &lower } else { text });
        match is_kind && !wrong.is_empty() {
            true => errors.push(at.invalid(format!(
                "may have mixed case, but should otherwise match: {}",
                wrong.join(",")
            ))),
            false => at.all(wrong, errors),
        }
    }
    for list in ["shortNames", "categories"] {
        for name in names.get(list).items() {
            name.all(dns1035_label(name.text()), errors);
        }
    }
    let list = names.get("listKind");
    if !list.text().is_empty() && list.text() == names.get("kind").text() {
        errors.push(list.invalid("kind and listKind may not be the same"));
    }
}

fn versions(versions: &At<'_>, errors: &mut Errors) {
    if versions.len() == 0 {
        errors.push(versions.required("must have at least one version"));
        return;
    }
    let mut seen: Vec<&str> = Vec::new();
    for version in versions.items() {
        let name = version.get("name");
        match name.text() {
            "" => errors.push(name.required("")),
            text if seen.contains(&text) => errors.push(name.duplicate()),
            text => name.all(dns1035_label(text), errors),
        }
        seen.push(name.text());
        schema::check(&version.dig(&["schema", "openAPIV3Schema"]), errors);
        scale(&version.dig(&["subresources", "scale"]), errors);
        for column in version.get("additionalPrinterColumns").items() {
            column.get("name").nonempty(errors);
            column.get("jsonPath").nonempty(errors);
            let known = ["integer", "number", "string", "boolean", "date"];
            column.get("type").choice(&known, errors);
        }
    }
    let stored = versions
        .items()
        .filter(|version| version.get("storage").flag());
    if stored.count() != 1 {
        let what = "must have exactly one version marked as storage version";
        errors.push(versions.invalid(what));
    }
}

fn scale(scale: &At<'_>, errors: &mut Errors) {
    if !scale.is_set() {
        return;
    }
    for (name, root) in [
        ("specReplicasPath", ".spec."),
        ("statusReplicasPath", ".status."),
    ] {
        let at = scale.get(name);
        match at.text() {
            "" => errors.push(at.required("")),
            text if !is_simple(text) || !text.starts_with(root) => {
                errors.push(at.invalid(format!(
                    "should be a json path under {}",
                    &root[..root.len() - 1]
                )));
            }
            _ => {}
        }
    }
    let selector = scale.get("labelSelectorPath");
    let text = selector.text();
    if !text.is_empty()
        && (!is_simple(text) || !(text.starts_with(".spec.") || text.starts_with(".status.")))
    {
        errors.push(selector.invalid("should be a json path under either .status or .spec"));
    }
}

/// Names joined by dots, and nothing else.
fn is_simple(path: &str) -> bool {
    !path.contains(['[', ']', '*', '\'', '/', '~', '@', '?', '('])
        && !path.contains("..")
        && !path.ends_with('.')
}
