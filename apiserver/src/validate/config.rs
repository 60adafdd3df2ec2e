//! ConfigMaps, Secrets and namespaces.

use super::at::{At, Errors, IMMUTABLE};
use super::format::config_key;
use super::meta;
use super::same::same;
use crate::canonical::decode_base64;
use crate::names;

/// How much a ConfigMap or a Secret holds.
const BYTES_MAX: usize = 1 << 20;

/// How many bytes a text in base64 stands for.
fn decoded_len(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|b| *b == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

/// A ConfigMap.
pub(super) fn config_map(object: &At<'_>, errors: &mut Errors) {
    let (data, binary) = (object.get("data"), object.get("binaryData"));
    let mut size = 0;
    for (key, value) in data.entries() {
        let wrong = config_key(key).into_iter();
        errors.extend(wrong.map(|what| value.invalid_as(key, what)));
        if binary.key(key).is_set() {
            let what = "duplicate of key present in binaryData";
            errors.push(value.invalid_as(key, what));
        }
        size += value.text().len();
    }
    for (key, value) in binary.entries() {
        let wrong = config_key(key).into_iter();
        errors.extend(wrong.map(|what| value.invalid_as(key, what)));
        size += decoded_len(value.text());
    }
    if size > BYTES_MAX {
        // Upstream's path is a field without a name, which is printed like this.
        errors.push(At::nowhere().key("").too_long(BYTES_MAX));
    }
}

/// What a ConfigMap or a Secret may not change once it says so.
pub(super) fn sealed(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    if !old.get("immutable").flag() {
        return;
    }
    let what = "field is immutable when `immutable` is set";
    if !new.get("immutable").flag() {
        errors.push(new.get("immutable").forbidden(what));
    }
    for field in ["data", "binaryData"] {
        let at = new.get(field);
        if !same(at.value(), old.get(field).value()) {
            errors.push(at.forbidden(what));
        }
    }
}

/// A Secret that changes keeps its type.
pub(super) fn secret_update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    new.get("type").unchanged(&old.get("type"), errors);
    sealed(new, old, errors);
}

/// A Secret.
pub(super) fn secret(object: &At<'_>, errors: &mut Errors) {
    let data = object.get("data");
    let mut size = 0;
    for (key, value) in data.entries() {
        let wrong = config_key(key).into_iter();
        errors.extend(wrong.map(|what| value.invalid_as(key, what)));
        size += decoded_len(value.text());
    }
    if size > BYTES_MAX {
        errors.push(data.too_long(BYTES_MAX));
    }
    match object.get("type").text() {
        "kubernetes.io/service-account-token" => {
            let notes = object.dig(&["metadata", "annotations"]);
            notes
                .key("kubernetes.io/service-account.name")
                .nonempty(errors);
        }
        "kubernetes.io/dockercfg" => json(&data.key(".dockercfg"), errors),
        "kubernetes.io/dockerconfigjson" => json(&data.key(".dockerconfigjson"), errors),
        "kubernetes.io/basic-auth" => {
            let (user, password) = (data.key("username"), data.key("password"));
            if !user.is_set() && !password.is_set() {
                errors.push(user.required(""));
                errors.push(password.required(""));
            }
        }
        "kubernetes.io/ssh-auth" => data.key("ssh-privatekey").nonempty(errors),
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                let at = data.key(key);
                if !at.is_set() {
                    errors.push(at.required(""));
                }
            }
        }
        _ => {}
    }
}

/// A value that must be an object of JSON.
fn json(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return errors.push(at.required(""));
    }
    let bytes = decode_base64(at.text()).unwrap_or_default();
    let what = match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Ok(value) if value.is_object() => return,
        Ok(_) => "json: cannot unmarshal into Go value of type map[string]interface {}",
        Err(error) if error.is_eof() => "unexpected end of JSON input",
        Err(_) => "invalid character in JSON input",
    };
    errors.push(at.invalid_as("<secret contents redacted>", what));
}

/// The label by which a namespace can be selected by its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A namespace.
pub(super) fn namespace(object: &At<'_>, errors: &mut Errors) {
    let list = object.dig(&["spec", "finalizers"]);
    for finalizer in list.items() {
        let place = list.holding(finalizer.value());
        place.all(names::label_key(finalizer.text()), errors);
        meta::standard_finalizer(&place, errors);
    }
    name_label(object, errors);
}

/// Its label is its name, whatever else somebody would like. Upstream's defaults put it back; an update
/// that got around them is refused.
pub(super) fn name_label(object: &At<'_>, errors: &mut Errors) {
    let metadata = object.get("metadata");
    let label = metadata.get("labels").key(NAME_LABEL);
    let name = metadata.get("name").text();
    if label.is_set() && label.text() != name {
        errors.push(label.invalid(format!("must be '{name}'")));
    }
}

/// A namespace's status: it goes exactly as long as it is being deleted.
pub(super) fn namespace_status(new: &At<'_>, errors: &mut Errors) {
    let phase = new.dig(&["status", "phase"]);
    let goes = new.dig(&["metadata", "deletionTimestamp"]).is_set();
    let place = phase.called(&new.get("status"), "Phase");
    let what = match (goes, phase.text()) {
        (false, "Active") | (true, "Terminating") => return,
        (false, _) => "may only be 'Active' if `deletionTimestamp` is empty",
        (true, _) => "may only be 'Terminating' if `deletionTimestamp` is not empty",
    };
    errors.push(place.invalid_as(phase.text(), what));
}

/// A PriorityClass.
pub(super) fn priority_class(object: &At<'_>, errors: &mut Errors) {
    const HIGHEST: i64 = 1_000_000_000;
    const SYSTEM: &[(&str, i64)] = &[
        ("system-node-critical", 2_000_001_000),
        ("system-cluster-critical", 2_000_000_000),
    ];
    let (name, value) = (object.dig(&["metadata", "name"]), object.get("value"));
    if name.text().starts_with("system-") {
        let known = SYSTEM.iter().find(|(system, _)| *system == name.text());
        let what = match known {
            None => Some(format!(
                "{} is not a known system priority class",
                name.text()
            )),
            Some((_, priority)) if *priority != value.int() => Some(format!(
                "value of {} PriorityClass must be {priority}",
                name.text()
            )),
            Some(_) if object.get("globalDefault").flag() => Some(format!(
                "globalDefault of {} PriorityClass must be false",
                name.text()
            )),
            Some(_) => None,
        };
        errors.extend(what.map(|what| {
            name.forbidden(format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {what}"
            ))
        }));
    } else if value.int() > HIGHEST {
        let what = format!("maximum allowed value of a user defined priority is {HIGHEST}");
        errors.push(value.forbidden(what));
    }
    let policy = object.get("preemptionPolicy");
    if policy.is_set() {
        policy.choice(&["PreemptLowerPriority", "Never"], errors);
    }
}

/// What a PriorityClass may not change.
pub(super) fn priority_class_update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let value = new.get("value");
    if value.int() != old.get("value").int() {
        errors.push(value.forbidden("may not be changed in an update."));
    }
    let policy = new.get("preemptionPolicy");
    policy.unchanged(&old.get("preemptionPolicy"), errors);
}

/// A Lease.
pub(super) fn lease(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    let seconds = spec.get("leaseDurationSeconds");
    if seconds.int_if().is_some_and(|seconds| seconds <= 0) {
        errors.push(seconds.invalid("must be greater than 0"));
    }
    let count = spec.get("leaseTransitions");
    if count.int() < 0 {
        errors.push(count.invalid("must be greater than or equal to 0"));
    }
    spec.get("strategy")
        .choice_if(&["OldestEmulationVersion"], errors);
}

/// A RuntimeClass.
pub(super) fn runtime_class(object: &At<'_>, errors: &mut Errors) {
    let handler = object.get("handler");
    let wrong = names::dns1123_label(handler.text()).into_iter();
    errors.extend(wrong.map(|what| handler.invalid_as(handler.text(), what)));
    // Upstream checks it as if it were limits of a container.
    let overhead = object.get("overhead");
    let fixed = overhead.get("podFixed").called(&overhead, "limits");
    super::resources::list(&fixed, super::resources::Place::Container, errors);
    let scheduling = object.get("scheduling");
    meta::labels(&scheduling.get("nodeSelector"), errors);
    super::pod::tolerations(&scheduling.get("tolerations"), errors);
}

/// What a RuntimeClass may not change.
pub(super) fn runtime_class_update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let handler = new.get("handler");
    if handler.text() != old.get("handler").text() {
        errors.push(handler.invalid(IMMUTABLE));
    }
}
