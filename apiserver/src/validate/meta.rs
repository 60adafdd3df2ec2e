//! Metadata, which is checked the same way for all kinds.

use super::at::{At, Errors};
use crate::names::{self, Rule};
use crate::status::text::quote;

/// How many bytes all annotations of an object may have, names included.
const ANNOTATIONS_MAX: usize = 256 << 10;
const MANAGER_MAX: usize = 128;
const SUBRESOURCE_MAX: usize = 256;

/// What the metadata of a kind has to be.
#[derive(Clone, Copy)]
pub(super) struct Naming {
    /// How its names look.
    pub(super) rule: Rule,
    /// Whether its objects are in namespaces; unknown for kinds that others have defined.
    pub(super) is_namespaced: Option<bool>,
}

/// Metadata of a new object.
pub(super) fn create(object: &At<'_>, naming: Naming, errors: &mut Errors) {
    let metadata = object.get("metadata");
    let prefix = metadata.get("generateName");
    if !prefix.text().is_empty() {
        prefix.all(naming.rule.check_prefix(prefix.text()), errors);
    }
    let name = metadata.get("name");
    match name.text() {
        "" => errors.push(name.required("name or generateName is required")),
        text => name.all(naming.rule.check(text), errors),
    }
    let namespace = metadata.get("namespace");
    match (naming.is_namespaced, namespace.text()) {
        (Some(true), "") => errors.push(namespace.required("")),
        (Some(true), text) => namespace.all(names::dns1123_label(text), errors),
        (Some(false), text) if !text.is_empty() => {
            errors.push(namespace.forbidden("not allowed on this type"));
        }
        (None, text) if !text.is_empty() => namespace.all(names::dns1123_label(text), errors),
        _ => {}
    }
    metadata.get("generation").nonnegative(errors);
    common(&metadata, errors);
}

/// Metadata of an object that changes. What the new object does not say is as it was.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let (new, old) = (new.get("metadata"), old.get("metadata"));
    if old.get("deletionTimestamp").is_set() {
        no_new_finalizers(&new.get("finalizers"), &old.get("finalizers"), errors);
    }
    let generation = new.get("generation");
    if generation.is_set() && generation.int() < old.get("generation").int() {
        errors.push(generation.invalid("must not be decremented"));
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        let now = new.get(field);
        if now.is_set() && now.value() != "" {
            now.unchanged(&old.get(field), errors);
        }
    }
    common(&new, errors);
}

fn common(metadata: &At<'_>, errors: &mut Errors) {
    labels(&metadata.get("labels"), errors);
    annotations(&metadata.get("annotations"), errors);
    owners(&metadata.get("ownerReferences"), errors);
    finalizers(&metadata.get("finalizers"), errors);
    managers(&metadata.get("managedFields"), errors);
}

/// Labels, and whatever else consists of keys and values like theirs.
pub(super) fn labels(at: &At<'_>, errors: &mut Errors) {
    for (key, value) in at.entries() {
        for what in names::label_key(key) {
            errors.push(at.invalid_as(key, what));
        }
        for what in names::label_value(value.text()) {
            errors.push(at.invalid_as(value.text(), what));
        }
    }
}

/// Annotations: keys like those of labels, whatever the case of their letters.
pub(super) fn annotations(at: &At<'_>, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in at.entries() {
        for what in names::label_key(&key.to_lowercase()) {
            errors.push(at.invalid_as(key, what));
        }
        size += key.len() + value.text().len();
    }
    if size > ANNOTATIONS_MAX {
        errors.push(at.too_long(ANNOTATIONS_MAX));
    }
}

fn owners(at: &At<'_>, errors: &mut Errors) {
    let mut controller: Option<String> = None;
    for owner in at.items() {
        let (version, kind) = (owner.get("apiVersion").text(), owner.get("kind").text());
        // Errors are about the list: upstream leaves the index out.
        let place = |name: &'static str| owner.get(name).called(at, name);
        let just_version = version.rsplit('/').next().unwrap_or("");
        if just_version.is_empty() {
            errors.push(place("apiVersion").invalid_as(version, "version must not be empty"));
        }
        for name in ["kind", "name", "uid"] {
            let field = place(name);
            if field.text().is_empty() {
                errors.push(field.invalid_as("", "must not be empty"));
            }
        }
        if (version, kind) == ("v1", "Event") {
            let what = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(at.invalid_as(owner.value().clone(), what));
        }
        if owner.get("controller").flag() {
            let this = format!("{kind}/{}", owner.get("name").text());
            match &controller {
                None => controller = Some(this),
                Some(first) => errors.push(at.invalid(format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                ))),
            }
        }
    }
}

fn finalizers(at: &At<'_>, errors: &mut Errors) {
    for finalizer in at.items() {
        for what in names::label_key(finalizer.text()) {
            errors.push(at.invalid_as(finalizer.text(), what));
        }
    }
    let has = |name| at.texts().any(|finalizer| finalizer == name);
    if has("orphan") && has("foregroundDeletion") {
        let what = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(at.invalid(what));
    }
    for finalizer in at.items() {
        standard_finalizer(&finalizer, errors);
    }
}

/// A finalizer without a domain is one of the system's own.
pub(super) fn standard_finalizer(at: &At<'_>, errors: &mut Errors) {
    let is_standard = ["kubernetes", "orphan", "foregroundDeletion"].contains(&at.text());
    if !at.text().contains('/') && !is_standard {
        let what = "name is neither a standard finalizer name nor is it fully qualified";
        errors.push(at.invalid(what));
    }
}

fn no_new_finalizers(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let had: Vec<&str> = old.texts().collect();
    let mut added: Vec<&str> = new.texts().filter(|name| !had.contains(name)).collect();
    added.sort_unstable();
    added.dedup();
    if !added.is_empty() {
        let added: Vec<String> = added.into_iter().map(quote).collect();
        errors.push(new.forbidden(format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.join(", ")
        )));
    }
}

fn managers(at: &At<'_>, errors: &mut Errors) {
    for entry in at.items() {
        let operation = entry.get("operation");
        if !["Apply", "Update"].contains(&operation.text()) {
            errors.push(operation.invalid_as(operation.text(), "must be `Apply` or `Update`"));
        }
        let kind = entry.get("fieldsType");
        if !["", "FieldsV1"].contains(&kind.text()) {
            errors.push(kind.invalid("must be `FieldsV1`"));
        }
        let manager = entry.get("manager");
        if manager.text().len() > MANAGER_MAX {
            errors.push(manager.too_long(MANAGER_MAX));
        }
        let subresource = entry.get("subresource");
        if subresource.text().len() > SUBRESOURCE_MAX {
            errors.push(subresource.too_long(SUBRESOURCE_MAX));
        }
    }
}
