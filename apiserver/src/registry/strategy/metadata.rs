//! What is wrong with metadata, which all kinds have.

use super::fields::{is_set, text, texts};
use crate::names::{Rule, dns1123_label, label_key, label_value};
use crate::resource::{Resource, Scope};
use crate::status::{FieldError, Path};
use serde_json::{Map, Value};

/// How long all annotations may be together, keys and values.
const ANNOTATIONS_MAX: usize = 256 * 1024;
const IMMUTABLE: &str = "field is immutable";

type Errors = Vec<FieldError>;

/// What is wrong with the metadata of a new object, whose name has been made up.
pub(in crate::registry) fn create(resource: &Resource, names: Rule, object: &Value) -> Errors {
    let path = Path::new("metadata");
    let mut errors = Vec::new();
    let mut wrong = |at: &Path, value: &str, what: Vec<String>| {
        errors.extend(
            what.into_iter()
                .map(|what| FieldError::invalid(at, value, what)),
        );
    };
    let base = text(object, "/metadata/generateName");
    if !base.is_empty() {
        wrong(&path.child("generateName"), base, names.check_prefix(base));
    }
    let (at, name) = (path.child("name"), text(object, "/metadata/name"));
    if !name.is_empty() {
        // Whatever the kind says, the name is a segment of a path.
        let mut what = names.check(name);
        if names != Rule::PathSegment {
            let segment = Rule::PathSegment.check(name);
            what.extend(segment.into_iter().filter(|_| name.contains(['/', '%'])));
            what.dedup();
        }
        wrong(&at, name, what);
    }
    let namespace = text(object, "/metadata/namespace");
    if resource.scope == Scope::Namespaced && !namespace.is_empty() {
        wrong(
            &path.child("namespace"),
            namespace,
            dns1123_label(namespace),
        );
    }
    if name.is_empty() {
        errors.insert(
            0,
            FieldError::required(&at, "name or generateName is required"),
        );
    }
    if resource.scope == Scope::Namespaced && namespace.is_empty() {
        errors.push(FieldError::required(&path.child("namespace"), ""));
    }
    common(object, &path, &mut errors);
    errors
}

/// What is wrong with the metadata of an object that changes.
pub(in crate::registry) fn update(object: &Value, old: &Value) -> Errors {
    let path = Path::new("metadata");
    let mut errors = Vec::new();
    if is_set(old, "/metadata/deletionTimestamp") {
        no_new_finalizers(object, old, &path.child("finalizers"), &mut errors);
    }
    for name in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        let of = |object: &Value| object.get("metadata")?.get(name).cloned();
        let (new, old) = (of(object), of(old));
        if new != old {
            let new = new.unwrap_or_default();
            errors.push(FieldError::invalid(&path.child(name), new, IMMUTABLE));
        }
    }
    common(object, &path, &mut errors);
    errors
}

fn common(object: &Value, path: &Path, errors: &mut Errors) {
    let metadata = object.get("metadata").and_then(Value::as_object);
    let nothing = Map::new();
    let map = |name| {
        let found = metadata.and_then(|metadata| metadata.get(name)?.as_object());
        found.unwrap_or(&nothing)
    };
    let generation = object
        .pointer("/metadata/generation")
        .and_then(Value::as_i64);
    if let Some(generation) = generation.filter(|generation| *generation < 0) {
        let what = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(
            &path.child("generation"),
            generation,
            what,
        ));
    }
    let at = path.child("labels");
    for (key, value) in map("labels") {
        let value = value.as_str().unwrap_or_default();
        let keys = label_key(key).into_iter();
        errors.extend(keys.map(|what| FieldError::invalid(&at, key.as_str(), what)));
        let values = label_value(value).into_iter();
        errors.extend(values.map(|what| FieldError::invalid(&at, value, what)));
    }
    annotations(map("annotations"), &path.child("annotations"), errors);
    owners(object, &path.child("ownerReferences"), errors);
    finalizers(object, &path.child("finalizers"), errors);
}

fn annotations(map: &Map<String, Value>, at: &Path, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in map {
        size += key.len() + value.as_str().map_or(0, str::len);
        // The case of keys does not matter.
        let what = label_key(&key.to_lowercase()).into_iter();
        errors.extend(what.map(|what| FieldError::invalid(at, key.as_str(), what)));
    }
    if size > ANNOTATIONS_MAX {
        errors.push(FieldError::too_long(at, ANNOTATIONS_MAX));
    }
}

/// Errors are about the list: upstream leaves the index out.
fn owners(object: &Value, at: &Path, errors: &mut Errors) {
    let list = object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    let list = list.map(Vec::as_slice).unwrap_or_default();
    let mut controller: Option<String> = None;
    for owner in list {
        let (version, kind) = (text(owner, "/apiVersion"), text(owner, "/kind"));
        if version.rsplit('/').next().unwrap_or_default().is_empty() {
            let what = "version must not be empty";
            errors.push(FieldError::invalid(&at.child("apiVersion"), version, what));
        }
        for name in ["kind", "name", "uid"] {
            if owner
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .is_empty()
            {
                errors.push(FieldError::invalid(
                    &at.child(name),
                    "",
                    "must not be empty",
                ));
            }
        }
        if (version, kind) == ("v1", "Event") {
            let what = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(FieldError::invalid(at, owner.clone(), what));
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            let this = format!("{kind}/{}", text(owner, "/name"));
            match &controller {
                None => controller = Some(this),
                Some(first) => errors.push(FieldError::invalid(
                    at,
                    list.to_vec(),
                    format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                    ),
                )),
            }
        }
    }
}

fn finalizers(object: &Value, at: &Path, errors: &mut Errors) {
    let all = texts(object, "/metadata/finalizers");
    for finalizer in &all {
        let what = label_key(finalizer).into_iter();
        errors.extend(what.map(|what| FieldError::invalid(at, *finalizer, what)));
    }
    if all.contains(&"orphan") && all.contains(&"foregroundDeletion") {
        let what = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(at, all, what));
    }
}

fn no_new_finalizers(object: &Value, old: &Value, at: &Path, errors: &mut Errors) {
    let had = texts(old, "/metadata/finalizers");
    let mut added = texts(object, "/metadata/finalizers");
    added.retain(|finalizer| !had.contains(finalizer));
    added.sort_unstable();
    added.dedup();
    if !added.is_empty() {
        let added: Vec<String> = added.into_iter().map(crate::status::text::quote).collect();
        let added = added.join(", ");
        errors.push(FieldError::forbidden(
            at,
            format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{added}}}"
            ),
        ));
    }
}
