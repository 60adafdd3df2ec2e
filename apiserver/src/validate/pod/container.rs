//! Containers: those that run, those that run before, and those that join to look.

use super::super::at::{At, Errors};
use super::super::format::{port_name, port_number};
use super::super::resources::{self, Place};
use super::volume::Volumes;
use super::{env, mount, probe, security};
use crate::names;
use std::collections::BTreeSet;

/// Protocols of ports.
pub(in super::super) const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

/// What containers need to know of the Pod around them.
pub(super) struct Pod<'p, 'v> {
    pub(super) volumes: &'p Volumes<'v>,
    /// Names of claims of devices.
    pub(super) claims: &'p [&'v str],
    pub(super) grace: Option<i64>,
    pub(super) restart: &'v str,
    /// Users are those of the host.
    pub(super) shares_users: bool,
}

/// All containers of a specification.
pub(super) fn check(spec: &At<'_>, pod: &Pod<'_, '_>, errors: &mut Errors) {
    let (main, init) = (spec.get("containers"), spec.get("initContainers"));
    let ephemeral = spec.get("ephemeralContainers");
    let mut names: BTreeSet<&str> = BTreeSet::new();
    if main.len() == 0 {
        errors.push(main.required(""));
    }
    for container in main.items() {
        common(&container, pod, errors);
        let name = container.get("name");
        if !names.insert(name.text()) {
            errors.push(name.duplicate());
        }
        probe::lifecycle(&container.get("lifecycle"), pod, errors);
        probe::all(&container, pod, errors);
        restart(&container, errors);
    }
    host_port_conflicts(main.items(), errors);
    for container in init.items() {
        common(&container, pod, errors);
        init_container(&container, pod, errors);
        let name = container.get("name");
        if names.contains(name.text()) {
            errors.push(name.duplicate());
        } else if !name.text().is_empty() {
            names.insert(name.text());
        }
        host_port_conflicts(std::iter::once(container), errors);
    }
    let others = names.clone();
    for container in ephemeral.items() {
        common(&container, pod, errors);
        let name = container.get("name");
        if !names.insert(name.text()) {
            errors.push(name.duplicate());
        }
        let target = container.get("targetContainerName");
        if !target.text().is_empty() && !others.contains(target.text()) {
            errors.push(target.not_found());
        }
        ephemeral_fields(&container, errors);
    }
}

fn common(container: &At<'_>, pod: &Pod<'_, '_>, errors: &mut Errors) {
    let name = container.get("name");
    match name.text() {
        "" => errors.push(name.required("")),
        text => name.all(names::dns1123_label(text), errors),
    }
    container.get("image").nonempty(errors);
    let message = container.get("terminationMessagePolicy");
    message.choice(&["File", "FallbackToLogsOnError"], errors);
    ports(&container.get("ports"), errors);
    env::variables(&container.get("env"), errors);
    env::sources(&container.get("envFrom"), errors);
    mount::volumes(container, pod.volumes, errors);
    mount::devices(container, pod.volumes, errors);
    let pull = container.get("imagePullPolicy");
    pull.choice(&["Always", "IfNotPresent", "Never"], errors);
    let wanted = container.get("resources");
    resources::requirements(&wanted, Place::Container, pod.claims, errors);
    resize_policies(&container.get("resizePolicy"), pod, errors);
    let security = container.get("securityContext");
    security::container(&security, pod.shares_users, errors);
}

fn ports(at: &At<'_>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for port in at.items() {
        let name = port.get("name");
        if !name.text().is_empty() {
            let wrong = port_name(name.text());
            let is_sound = wrong.is_empty();
            name.all(wrong, errors);
            if is_sound && !seen.insert(name.text()) {
                errors.push(name.duplicate());
            }
        }
        let number = port.get("containerPort");
        match number.int() {
            0 => errors.push(number.required("")),
            port => number.all(port_number(port), errors),
        }
        let host = port.get("hostPort");
        if host.int() != 0 {
            host.all(port_number(host.int()), errors);
        }
        port.get("protocol").choice(PROTOCOLS, errors);
    }
}

/// No two containers have the same port of the host.
fn host_port_conflicts<'v>(containers: impl Iterator<Item = At<'v>>, errors: &mut Errors) {
    let mut taken = BTreeSet::new();
    for container in containers {
        for port in container.get("ports").items() {
            let host = port.get("hostPort");
            if host.int() == 0 {
                continue;
            }
            let (protocol, address) = (port.get("protocol").text(), port.get("hostIP").text());
            let text = format!("{protocol}/{address}/{}", host.int());
            if taken.contains(&text) {
                errors.push(host.duplicate_as(text));
            } else {
                taken.insert(text);
            }
        }
    }
}

/// Whether the container begins before the others and stays.
pub(super) fn is_sidecar(container: &At<'_>) -> bool {
    container.get("restartPolicy").text() == "Always"
}

fn init_container(container: &At<'_>, pod: &Pod<'_, '_>, errors: &mut Errors) {
    restart(container, errors);
    if is_sidecar(container) {
        probe::lifecycle(&container.get("lifecycle"), pod, errors);
        return probe::all(container, pod, errors);
    }
    for field in [
        "lifecycle",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
    ] {
        let at = container.get(field);
        if at.is_set() {
            let what = "may not be set for init containers without restartPolicy=Always";
            errors.push(at.forbidden(what));
        }
    }
}

/// What a container says itself about being started again.
fn restart(container: &At<'_>, errors: &mut Errors) {
    let policy = container.get("restartPolicy");
    policy.choice_if(&["Always", "OnFailure", "Never"], errors);
    let rules = container.get("restartPolicyRules");
    if rules.len() > 0 && !policy.is_set() {
        errors.push(policy.required("must specify restartPolicy when restart rules are used"));
    }
    for rule in rules.items() {
        let action = rule.get("action");
        if action.text() != "Restart" {
            errors.push(action.not_supported(&["Restart"]));
        }
        let codes = rule.get("exitCodes");
        if codes.is_set() && !["In", "NotIn"].contains(&codes.get("operator").text()) {
            errors.push(codes.get("operator").not_supported(&["In", "NotIn"]));
        }
    }
}

fn resize_policies(at: &At<'_>, pod: &Pod<'_, '_>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for policy in at.items() {
        let name = policy.get("resourceName");
        if !seen.insert(name.text()) {
            errors.push(policy.duplicate_as(name.text()));
        }
        // Upstream shows the path of the list.
        at.holding(name.value()).choice(&["cpu", "memory"], errors);
        let restart = at.holding(policy.get("restartPolicy").value());
        restart.choice(&["NotRequired", "RestartContainer"], errors);
        if pod.restart == "Never" && restart.text() != "NotRequired" {
            let what = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errors.push(restart.invalid(what));
        }
    }
}

/// Somebody who joins to look brings nothing that the Pod would rely on.
fn ephemeral_fields(container: &At<'_>, errors: &mut Errors) {
    let what = "cannot be set for an Ephemeral Container";
    for field in [
        "ports",
        "resources",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
        "restartPolicy",
        "resizePolicy",
    ] {
        let at = container.get(field);
        let is_empty = at.len() == 0 && at.text().is_empty();
        if at.is_set() && !is_empty {
            errors.push(at.forbidden(what));
        }
    }
    for mount in container.get("volumeMounts").items() {
        for field in ["subPath", "subPathExpr"] {
            let at = mount.get(field);
            if !at.text().is_empty() {
                errors.push(at.forbidden(what));
            }
        }
    }
}

/// The name of an image without blanks around it.
pub(super) fn trimmed_image(image: &At<'_>, errors: &mut Errors) {
    if image.text().trim().len() != image.text().len() {
        errors.push(image.invalid("must not have leading or trailing whitespace"));
    }
}
