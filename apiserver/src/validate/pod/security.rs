//! Who the processes of a Pod are, and what they may do.

use super::super::at::{At, Errors};
use super::super::format::id;
use super::descending;
use std::collections::BTreeSet;

const SYSCTL_MAX: usize = 253;
const APP_ARMOR_MAX: usize = 4095;
const PROFILE_TYPES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];

/// The context of the Pod.
pub(super) fn pod(spec: &At<'_>, errors: &mut Errors) {
    let at = spec.get("securityContext");
    for field in ["fsGroup", "runAsUser", "runAsGroup"] {
        id(&at.get(field), errors);
    }
    for group in at.get("supplementalGroups").items() {
        id(&group, errors);
    }
    let shares = spec.get("shareProcessNamespace");
    if shares.flag() && spec.get("hostPID").flag() {
        let what = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(shares.called(&at, "shareProcessNamespace").invalid(what));
    }
    sysctls(spec, &at.get("sysctls"), errors);
    let change = at.get("fsGroupChangePolicy");
    change.choice_if(&["Always", "OnRootMismatch"], errors);
    seccomp(&at.get("seccompProfile"), errors);
    app_armor(&at.get("appArmorProfile"), errors);
    at.get("supplementalGroupsPolicy")
        .choice_if(&["Merge", "Strict"], errors);
    at.get("seLinuxChangePolicy")
        .choice_if(&["MountOption", "Recursive"], errors);
}

/// The context of a container.
pub(super) fn container(at: &At<'_>, shares_users: bool, errors: &mut Errors) {
    for field in ["runAsUser", "runAsGroup"] {
        id(&at.get(field), errors);
    }
    let mount = at.get("procMount");
    mount.choice_if(&["Default", "Unmasked"], errors);
    if shares_users && mount.text() == "Unmasked" {
        errors.push(mount.invalid("`hostUsers` must be false to use `Unmasked`"));
    }
    seccomp(&at.get("seccompProfile"), errors);
    if at.get("allowPrivilegeEscalation").flag_if() == Some(false) {
        if at.get("privileged").flag() {
            let what = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.push(at.invalid(what));
        }
        for added in at.dig(&["capabilities", "add"]).texts() {
            if added == "CAP_SYS_ADMIN" {
                errors.push(at.invalid(
                    "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
                ));
            }
        }
    }
    app_armor(&at.get("appArmorProfile"), errors);
}

fn sysctls(spec: &At<'_>, list: &At<'_>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for at in list.items() {
        let name = at.get("name");
        let text = name.text();
        if text.is_empty() {
            errors.push(name.required(""));
        } else if !is_sysctl(text) {
            errors.push(name.invalid(format!(
                "must have at most {SYSCTL_MAX} characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
            )));
        } else if seen.contains(text) {
            errors.push(name.duplicate());
        }
        let plain = text.replace('/', ".");
        let is_ipc = ["kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."]
            .iter()
            .any(|prefix| plain.starts_with(prefix));
        if spec.get("hostNetwork").flag() && plain.starts_with("net.") {
            errors.push(name.invalid("may not be specified when 'hostNetwork' is true"));
        } else if spec.get("hostIPC").flag() && is_ipc {
            errors.push(name.invalid("may not be specified when 'hostIPC' is true"));
        }
        seen.insert(text);
    }
}

/// Words of small letters, digits, dashes and underscores, with points or slashes between them.
fn is_sysctl(name: &str) -> bool {
    let is_edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= SYSCTL_MAX
        && name.split(['.', '/']).all(|word| {
            let bytes = word.as_bytes();
            let edges = bytes.first().zip(bytes.last());
            edges.is_some_and(|(first, last)| is_edge(*first) && is_edge(*last))
                && bytes.iter().all(|b| is_edge(*b) || b"-_".contains(b))
        })
}

fn seccomp(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let (kind, file) = (at.get("type"), at.get("localhostProfile"));
    match kind.text() {
        "" => errors.push(kind.required("type is required when seccompProfile is set")),
        text if PROFILE_TYPES.contains(&text) => {}
        _ => errors.push(kind.not_supported(PROFILE_TYPES)),
    }
    match (kind.text() == "Localhost", file.is_set()) {
        (true, false) => {
            errors.push(file.required("must be set when seccomp type is Localhost"));
        }
        (true, true) => descending(&file, errors),
        (false, true) => {
            let what = "can only be set when seccomp type is Localhost";
            errors.push(file.invalid_as(at.value().clone(), what));
        }
        (false, false) => {}
    }
}

fn app_armor(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let (kind, file) = (at.get("type"), at.get("localhostProfile"));
    match kind.text() {
        "Localhost" => {
            let text = file.text();
            if text.trim() != text {
                errors.push(file.invalid("must not be padded with whitespace"));
            } else if text.is_empty() {
                errors.push(file.required("must be set when AppArmor type is Localhost"));
            }
            if text.len() > APP_ARMOR_MAX {
                errors.push(file.too_long(APP_ARMOR_MAX));
            }
        }
        "RuntimeDefault" | "Unconfined" => {
            if file.is_set() {
                let what = "can only be set when AppArmor type is Localhost";
                errors.push(file.invalid(what));
            }
        }
        "" => errors.push(kind.required("type is required when appArmorProfile is set")),
        _ => errors.push(kind.not_supported(PROFILE_TYPES)),
    }
}
