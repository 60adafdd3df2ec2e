//! Claims of volumes, and what they claim: PersistentVolumeClaims, PersistentVolumes, StorageClasses.

use super::at::{At, Errors};
use super::same::{differences, same};
use super::{pod, resources};
use crate::canonical::Quantity;
use crate::names;
use crate::selector::validate_structure;
use serde_json::Value;

const MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];
const PARAMETERS_MAX: usize = 512;
const PARAMETER_BYTES_MAX: usize = 256 << 10;

/// A PersistentVolumeClaim.
pub(super) fn create(object: &At<'_>, errors: &mut Errors) {
    spec(&object.get("spec"), errors);
}

/// The specification of a claim, wherever it stands.
pub(super) fn spec(spec: &At<'_>, errors: &mut Errors) {
    let modes = spec.get("accessModes");
    if modes.len() == 0 {
        errors.push(modes.required("at least 1 access mode is required"));
    }
    let selector = spec.get("selector");
    if selector.is_set() {
        errors.extend(validate_structure(selector.value(), &selector.path()));
    }
    access_modes(&modes, errors);
    let wanted = spec.get("resources");
    let size = wanted.dig(&["requests", "storage"]);
    let place = wanted.key("storage").holding(size.value());
    match place.quantity() {
        None => errors.push(place.required("")),
        Some(quantity) if quantity.sign() <= 0 => {
            errors.push(place.invalid_as(quantity.to_string(), "must be greater than zero"));
        }
        Some(_) => {}
    }
    for field in ["storageClassName", "volumeAttributesClassName"] {
        let class = spec.get(field);
        if !class.text().is_empty() {
            class.all(names::dns1123_subdomain(class.text()), errors);
        }
    }
    spec.get("volumeMode")
        .choice_if(&["Block", "Filesystem"], errors);
    sources(spec, errors);
}

fn access_modes(modes: &At<'_>, errors: &mut Errors) {
    for mode in modes.items() {
        if !MODES.contains(&mode.text()) {
            // The path is that of the list to upstream.
            errors.push(modes.holding(mode.value()).not_supported(MODES));
        }
    }
    let only_one = |mode: &str| mode == "ReadWriteOncePod";
    let has_other = modes
        .texts()
        .any(|mode| MODES.contains(&mode) && !only_one(mode));
    if modes.texts().any(only_one) && has_other {
        let what = "may not use ReadWriteOncePod with other access modes";
        errors.push(modes.forbidden(what));
    }
}

fn sources(spec: &At<'_>, errors: &mut Errors) {
    let (source, reference) = (spec.get("dataSource"), spec.get("dataSourceRef"));
    for at in [&source, &reference] {
        if !at.is_set() {
            continue;
        }
        at.get("name").nonempty(errors);
        at.get("kind").nonempty(errors);
        let (group, kind) = (at.get("apiGroup"), at.get("kind"));
        if group.text().is_empty() && kind.text() != "PersistentVolumeClaim" {
            let what = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.push(at.invalid_as(kind.text(), what));
        }
        if !group.text().is_empty() {
            group.all(names::dns1123_subdomain(group.text()), errors);
        }
    }
    let is_elsewhere = !reference.get("namespace").text().is_empty();
    let agree = ["apiGroup", "kind", "name"]
        .iter()
        .all(|field| source.get(field).text() == reference.get(field).text());
    let what = match (source.is_set() && reference.is_set(), is_elsewhere) {
        (true, true) => "may not be specified when dataSourceRef.namespace is specified",
        (true, false) if !agree => "must match dataSourceRef",
        _ => return,
    };
    errors.push(spec.invalid_as(source.path().to_string(), what));
}

/// A claim that changes.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    create(new, errors);
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    let mut masked = spec.value().clone();
    if let Some(fields) = masked.as_object_mut() {
        let mut keep = |field: &str| match old_spec.value().get(field) {
            Some(value) => drop(fields.insert(field.to_owned(), value.clone())),
            None => drop(fields.remove(field)),
        };
        // The volume is found once, and so is the default class.
        if old_spec.get("volumeName").text().is_empty() {
            keep("volumeName");
        }
        if !old_spec.get("storageClassName").is_set() {
            keep("storageClassName");
        }
        let is_bound = new.dig(&["status", "phase"]).text() == "Bound";
        if is_bound && spec.get("volumeAttributesClassName").is_set() {
            keep("volumeAttributesClassName");
        }
        if is_bound {
            keep_size(&mut masked, old_spec.value());
        }
    }
    if !same(&masked, old_spec.value()) {
        let difference = differences(old_spec.value(), &masked);
        errors.push(spec.forbidden(format!(
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n{difference}"
        )));
    }
    smaller(new, old, errors);
    let class = spec.get("volumeAttributesClassName");
    if old_spec.get("volumeAttributesClassName").is_set() {
        match class.text_if() {
            None => errors.push(class.forbidden("update from non-nil value to nil is forbidden")),
            Some("") => {
                let what = "update from non-nil value to an empty string is forbidden";
                errors.push(class.forbidden(what));
            }
            Some(_) => {}
        }
    }
}

fn keep_size(spec: &mut Value, old: &Value) {
    let size = old.pointer("/resources/requests/storage");
    let requests = spec.pointer_mut("/resources/requests");
    if let (Some(size), Some(Value::Object(requests))) = (size, requests) {
        requests.insert("storage".to_owned(), size.clone());
    }
}

/// A claim gets smaller only as long as there is nothing of the larger size yet.
fn smaller(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    const WAY: &[&str] = &["spec", "resources", "requests", "storage"];
    let at = new.dig(WAY);
    let size = |at: &At<'_>| at.quantity().unwrap_or(Quantity::ZERO);
    let (now, before) = (size(&at), size(&old.dig(WAY)));
    let there = size(&old.dig(&["status", "capacity", "storage"]));
    if now < before && now <= there {
        errors.push(at.forbidden("field can not be less than status.capacity"));
    }
}

/// A PersistentVolume, as far as it is the same for all kinds of storage.
pub(super) fn volume(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    let modes = spec.get("accessModes");
    if modes.len() == 0 {
        errors.push(modes.required(""));
    }
    access_modes(&modes, errors);
    let capacity = spec.get("capacity");
    let size = capacity.key("storage");
    if capacity.len() == 0 {
        errors.push(capacity.required(""));
    } else if !size.is_set() || capacity.len() > 1 {
        errors.push(capacity.not_supported(&["storage"]));
    }
    if size.quantity().is_some_and(|size| size.sign() <= 0) {
        errors.push(size.invalid("must be greater than zero"));
    }
    let policy = spec.get("persistentVolumeReclaimPolicy");
    if !policy.text().is_empty() {
        policy.choice(&["Delete", "Recycle", "Retain"], errors);
    }
    let affinity = spec.get("nodeAffinity");
    let required = affinity.get("required");
    if affinity.is_set() && !required.is_set() {
        errors.push(required.required("must specify required node constraints"));
    } else if required.is_set() {
        pod::node_selector(&required, errors);
    }
    let class = spec.get("storageClassName");
    if !class.text().is_empty() {
        class.all(names::dns1123_subdomain(class.text()), errors);
    }
    spec.get("volumeMode")
        .choice_if(&["Block", "Filesystem"], errors);
}

/// A StorageClass.
pub(super) fn class(object: &At<'_>, errors: &mut Errors) {
    let provisioner = object.get("provisioner");
    match provisioner.text() {
        "" => errors.push(provisioner.required("")),
        text => {
            let text = text.to_lowercase();
            let wrong = names::label_key(&text).into_iter();
            errors.extend(wrong.map(|what| provisioner.invalid_as(text.as_str(), what)));
        }
    }
    let parameters = object.get("parameters");
    if parameters.len() > PARAMETERS_MAX {
        errors.push(parameters.too_long(PARAMETERS_MAX));
    }
    let mut size = 0;
    for (key, value) in parameters.entries() {
        if key.is_empty() {
            errors.push(parameters.invalid_as(key, "field can not be empty."));
        }
        size += key.len() + value.text().len();
    }
    if size > PARAMETER_BYTES_MAX {
        errors.push(parameters.too_long(PARAMETER_BYTES_MAX));
    }
    let policy = object.get("reclaimPolicy");
    if !policy.text().is_empty() {
        policy.choice(&["Delete", "Retain"], errors);
    }
    let mode = object.get("volumeBindingMode");
    mode.choice(&["Immediate", "WaitForFirstConsumer"], errors);
    pod::topology_terms(&object.get("allowedTopologies"), errors);
}

/// What a StorageClass may not change.
pub(super) fn class_update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    for field in ["parameters", "provisioner", "reclaimPolicy"] {
        let at = new.get(field);
        if !same(at.value(), old.get(field).value()) {
            errors.push(at.forbidden(format!("updates to {field} are forbidden.")));
        }
    }
    let mode = new.get("volumeBindingMode");
    mode.unchanged(&old.get("volumeBindingMode"), errors);
}

/// Amounts of a claim's status.
pub(super) fn status(new: &At<'_>, errors: &mut Errors) {
    for (name, amount) in new.dig(&["status", "capacity"]).entries() {
        resources::amount(&amount, name, errors);
    }
}
