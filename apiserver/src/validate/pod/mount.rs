//! Volumes inside containers, as directories and as devices.

use super::super::at::{At, Errors};
use super::volume::{Volumes, descending, has_backsteps};
use std::collections::BTreeSet;

/// `volumeMounts`.
pub(super) fn volumes(container: &At<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    let (list, devices) = (
        container.get("volumeMounts"),
        container.get("volumeDevices"),
    );
    let mut paths = BTreeSet::new();
    for mount in list.items() {
        let (name, path) = (mount.get("name"), mount.get("mountPath"));
        name.nonempty(errors);
        if !volumes.contains_key(name.text()) {
            errors.push(name.not_found());
        }
        path.nonempty(errors);
        if !paths.insert(path.text()) {
            errors.push(path.invalid("must be unique"));
        }
        let has = |field: &'static str, value: &str| {
            devices
                .items()
                .any(|device| device.get(field).text() == value)
        };
        if has("name", name.text()) {
            errors.push(name.invalid("must not already exist in volumeDevices"));
        }
        if has("devicePath", path.text()) {
            errors.push(path.invalid("must not already exist as a path in volumeDevices"));
        }
        sub_paths(&list, &mount, volumes, errors);
        propagation(container, &list, &mount, errors);
        recursive(&list, &mount, errors);
    }
}

/// Parts of volumes. Upstream leaves the index out of some paths.
fn sub_paths(list: &At<'_>, mount: &At<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    let (path, expression) = (mount.get("subPath"), mount.get("subPathExpr"));
    let volume = volumes.get(mount.get("name").text());
    let is_image = volume.is_some_and(|volume| volume.get("image").is_set());
    for part in [&path, &expression] {
        if is_image && !part.text().is_empty() {
            errors.push(part.invalid("not allowed in image volume sources"));
        }
    }
    if !path.text().is_empty() {
        descending(&path.called(list, "subPath"), errors);
    }
    if !expression.text().is_empty() {
        if !path.text().is_empty() {
            errors.push(expression.invalid("subPathExpr and subPath are mutually exclusive"));
        }
        descending(&expression.called(list, "subPathExpr"), errors);
    }
}

fn propagation(container: &At<'_>, list: &At<'_>, mount: &At<'_>, errors: &mut Errors) {
    let mode = mount.get("mountPropagation");
    if !mode.is_set() {
        return;
    }
    let mode = mode.called(list, "mountPropagation");
    mode.choice_if(&["Bidirectional", "HostToContainer", "None"], errors);
    let is_privileged = container.dig(&["securityContext", "privileged"]).flag();
    if mode.text() == "Bidirectional" && !is_privileged {
        let what = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(mode.forbidden(what));
    }
}

fn recursive(list: &At<'_>, mount: &At<'_>, errors: &mut Errors) {
    let mode = mount
        .get("recursiveReadOnly")
        .called(list, "recursiveReadOnly");
    match mode.text_if() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !mount.get("readOnly").flag() {
                errors.push(mode.forbidden("may only be specified when readOnly is true"));
            }
            let propagation = mount.get("mountPropagation");
            if propagation.is_set() && propagation.text() != "None" {
                let what = "may only be specified when mountPropagation is None or not specified";
                errors.push(mode.forbidden(what));
            }
        }
        Some(_) => errors.push(mode.not_supported(&["Disabled", "Enabled", "IfPossible"])),
    }
}

/// `volumeDevices`.
pub(super) fn devices(container: &At<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    let mounts = container.get("volumeMounts");
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for device in container.get("volumeDevices").items() {
        let (name, path) = (device.get("name"), device.get("devicePath"));
        name.nonempty(errors);
        if names.contains(name.text()) {
            errors.push(name.invalid("must be unique"));
        }
        match volumes.get(name.text()) {
            None => errors.push(name.not_found()),
            Some(volume) => {
                let is_claim = ["persistentVolumeClaim", "ephemeral"]
                    .iter()
                    .any(|source| volume.get(source).is_set());
                if !is_claim {
                    errors.push(name.invalid(
                        "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
                    ));
                }
            }
        }
        path.nonempty(errors);
        if paths.contains(path.text()) {
            errors.push(path.invalid("must be unique"));
        }
        match has_backsteps(path.text()) {
            true => errors.push(path.invalid("can not contain backsteps ('..')")),
            false => drop(paths.insert(path.text())),
        }
        let has = |field: &'static str, value: &str| {
            mounts.items().any(|mount| mount.get(field).text() == value)
        };
        if has("name", name.text()) {
            errors.push(name.invalid("must not already exist in volumeMounts"));
        }
        if has("mountPath", path.text()) {
            errors.push(path.invalid("must not already exist as a path in volumeMounts"));
        }
        if !name.text().is_empty() {
            names.insert(name.text());
        }
    }
}
