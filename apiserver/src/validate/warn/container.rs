//! Containers of a Pod, and their ports together.

use super::pod::{annotation, fraction};
use crate::status::text::quote;
use crate::validate::at::At;
use std::collections::{HashMap, HashSet};

const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
const SECCOMP: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// All containers of a Pod, in upstream's order.
fn all<'v>(spec: &At<'v>) -> impl Iterator<Item = At<'v>> {
    let spec = spec.clone();
    LISTS
        .into_iter()
        .flat_map(move |list| spec.get(list).items())
}

/// What is told about each container.
pub(super) fn warn(
    spec: &At<'_>,
    annotations: &At<'_>,
    is_template: bool,
    warnings: &mut Vec<String>,
) {
    const PROFILE: [&str; 2] = ["securityContext", "appArmorProfile"];
    let has_profile = spec.dig(&PROFILE).is_set();
    for container in all(spec) {
        let name = container.get("name");
        let seccomp = container.dig(&["securityContext", "seccompProfile"]);
        if !seccomp.is_set() {
            let key = format!("{SECCOMP}{}", name.text());
            annotation(annotations, &key, "1.27", "seccompProfile", warnings);
        }
        let key = format!("{APP_ARMOR}{}", name.text());
        let is_old = annotations.value().get(&key).is_some();
        if is_template && is_old && !has_profile && !container.dig(&PROFILE).is_set() {
            let path = annotations.path().key(&key);
            warnings.push(format!(
                "{path}: deprecated since v1.30; use the \"appArmorProfile\" field instead"
            ));
        }
        let resources = container.get("resources");
        for resource in ["memory", "ephemeral-storage"] {
            for list in ["limits", "requests"] {
                fraction(&resources.get(list).key(resource), warnings);
            }
        }
        environment(&container.get("env"), warnings);
    }
}

/// A variable that is defined again without a look at what it was.
fn environment(env: &At<'_>, warnings: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for variable in env.items() {
        let (name, value) = (variable.get("name"), variable.get("value"));
        if seen.insert(name.text()) {
            continue;
        }
        let own = format!("$({})", name.text());
        let is_from_elsewhere = variable.get("valueFrom").is_set();
        if is_from_elsewhere || value.text() == own || !value.text().contains(&own) {
            warnings.push(format!(
                "{}: hides previous definition of {}, which may be dropped when using apply",
                variable.path(),
                quote(name.text())
            ));
        }
    }
}

/// Ports of all containers of a Pod that are in each other's way.
pub(super) fn ports(spec: &At<'_>, warnings: &mut Vec<String>) {
    let mut known: HashMap<(i64, &str), Vec<At<'_>>> = HashMap::new();
    for port in all(spec).flat_map(|container| container.get("ports").items()) {
        let number = |field| port.get(field).int();
        let text = |field| port.get(field).text();
        if !text("hostIP").is_empty() && number("hostPort") == 0 {
            warnings.push(format!(
                "{}: hostIP set without hostPort: {{Name:{} HostPort:0 ContainerPort:{} Protocol:{} \
                 HostIP:{}}}",
                port.path(),
                text("name"),
                number("containerPort"),
                text("protocol"),
                text("hostIP"),
            ));
        }
        let others = known.entry((number("containerPort"), text("protocol")));
        let others = others.or_default();
        for other in others.iter() {
            if let Some(how) = clash(&port, other) {
                let (port, other) = (port.path(), other.path());
                warnings.push(format!("{port}: {how} port definition with {other}"));
            }
        }
        others.push(port);
    }
}

/// How two definitions of the same port of containers are in each other's way.
fn clash(one: &At<'_>, other: &At<'_>) -> Option<&'static str> {
    let addresses = (one.get("hostIP").text(), other.get("hostIP").text());
    let numbers = (one.get("hostPort").int(), other.get("hostPort").int());
    let is_same = numbers.0 == numbers.1;
    if is_same && addresses.0 == addresses.1 {
        Some("duplicate")
    } else if numbers.0 == 0 || numbers.1 == 0 {
        Some("overlapping")
    } else if is_same && addresses.0.is_empty() != addresses.1.is_empty() {
        Some("dangerously ambiguous")
    } else {
        None
    }
}
