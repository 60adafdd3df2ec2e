//! What may be wrong with a review.

use super::super::subject::text;
use crate::names;
use crate::status::{FieldError, Path};
use serde_json::{Value, json};

/// Of a SubjectAccessReview.
pub(super) fn subject(review: &Value) -> Vec<FieldError> {
    let mut errors = with_subject(&review["spec"]);
    errors.extend(metadata(review, &["managedFields"], "must be empty"));
    errors
}

/// Of a SelfSubjectAccessReview.
pub(super) fn own(review: &Value) -> Vec<FieldError> {
    let spec = &review["spec"];
    let mut errors = one_target(spec);
    errors.extend(selectors(spec));
    errors.extend(metadata(review, &["managedFields"], "must be empty"));
    errors
}

/// Of a LocalSubjectAccessReview.
pub(super) fn local(review: &Value) -> Vec<FieldError> {
    let spec = &review["spec"];
    let mut errors = with_subject(spec);
    let except = ["managedFields", "namespace"];
    errors.extend(metadata(
        review,
        &except,
        "must be empty except for namespace",
    ));
    if let Some(resource) = present(spec, "resourceAttributes") {
        let namespace = text(resource, "namespace");
        if namespace != text(&review["metadata"], "namespace") {
            let at = Path::new("spec.resourceAttributes.namespace");
            let detail = "must match metadata.namespace";
            errors.push(FieldError::invalid(&at, namespace, detail));
        }
    }
    if let Some(path) = present(spec, "nonResourceAttributes") {
        let at = Path::new("spec.nonResourceAttributes");
        let detail = "disallowed on this kind of request";
        errors.push(FieldError::invalid(&at, shown(path), detail));
    }
    errors
}

fn with_subject(spec: &Value) -> Vec<FieldError> {
    let mut errors = one_target(spec);
    let groups = spec.get("groups").and_then(Value::as_array);
    if text(spec, "user").is_empty() && groups.is_none_or(Vec::is_empty) {
        let at = Path::new("spec").child("user");
        let detail = "at least one of user or group must be specified";
        errors.push(FieldError::invalid(&at, "", detail));
    }
    errors.extend(selectors(spec));
    errors
}

fn one_target(spec: &Value) -> Vec<FieldError> {
    let path = Path::new("spec");
    let resource = present(spec, "resourceAttributes");
    let error = match (resource, present(spec, "nonResourceAttributes")) {
        (Some(_), Some(other)) => FieldError::invalid(
            &path.child("nonResourceAttributes"),
            shown(other),
            "cannot be specified in combination with resourceAttributes",
        ),
        (None, None) => FieldError::invalid(
            &path.child("resourceAttributes"),
            Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        _ => return Vec::new(),
    };
    vec![error]
}

fn selectors(spec: &Value) -> Vec<FieldError> {
    let Some(resource) = present(spec, "resourceAttributes") else {
        return Vec::new();
    };
    let at = Path::new("spec.resourceAttributes");
    let mut errors = Vec::new();
    for (field, is_label) in [("fieldSelector", false), ("labelSelector", true)] {
        if let Some(found) = present(resource, field) {
            selector(found, is_label, &at.child(field), &mut errors);
        }
    }
    errors
}

fn selector(selector: &Value, is_label: bool, at: &Path, errors: &mut Vec<FieldError>) {
    let raw = text(selector, "rawSelector");
    let requirements = selector.get("requirements").and_then(Value::as_array);
    let requirements = requirements.map(Vec::as_slice).unwrap_or_default();
    match (raw.is_empty(), requirements.is_empty()) {
        (false, false) => {
            let detail = "may not specified at the same time as requirements";
            errors.push(FieldError::invalid(&at.child("rawSelector"), raw, detail));
        }
        (true, true) => {
            let detail = format!("when {at} is specified, requirements or rawSelector is required");
            errors.push(FieldError::required(&at.child("requirements"), detail));
        }
        _ => {}
    }
    for (index, one) in requirements.iter().enumerate() {
        let at = at.child("requirements").index(index);
        let (key, values) = (
            text(one, "key"),
            one.get("values").and_then(Value::as_array),
        );
        let values = values.map(Vec::as_slice).unwrap_or_default();
        if !is_label && key.is_empty() {
            errors.push(FieldError::required(&at.child("key"), "must be specified"));
        }
        match text(one, "operator") {
            "In" | "NotIn" if values.is_empty() => {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(FieldError::required(&at.child("values"), detail));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(FieldError::forbidden(&at.child("values"), detail));
            }
            // Newer clients may know operators that are not known here: the requirement is left out.
            _ => {}
        }
        if is_label {
            label(key, values, &at, errors);
        }
    }
}

fn label(key: &str, values: &[Value], at: &Path, errors: &mut Vec<FieldError>) {
    let wrong = names::label_key(key).into_iter();
    errors.extend(wrong.map(|what| FieldError::invalid(&at.child("key"), key, what)));
    for (index, value) in values.iter().enumerate() {
        let value = value.as_str().unwrap_or_default();
        let wrong = names::label_value(value).into_iter();
        let at = at.child("values").index(index);
        errors.extend(wrong.map(|what| FieldError::invalid(&at, value, what)));
    }
}

fn metadata(review: &Value, except: &[&str], detail: &str) -> Option<FieldError> {
    let metadata = review.get("metadata")?.as_object()?;
    let says = |(field, value): (&String, &Value)| {
        let is_empty = match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        !is_empty && !except.contains(&field.as_str())
    };
    let at = Path::new("metadata");
    let value = || Value::Object(metadata.clone());
    metadata
        .iter()
        .any(says)
        .then(|| FieldError::invalid(&at, value(), detail))
}

/// The attributes of a path as upstream's message has them: by the names inside its server.
fn shown(path: &Value) -> Value {
    json!({"Path": text(path, "path"), "Verb": text(path, "verb")})
}

fn present<'v>(spec: &'v Value, field: &str) -> Option<&'v Value> {
    spec.get(field).filter(|value| !value.is_null())
}
