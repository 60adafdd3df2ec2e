//! The specification of Pods as a whole.

use super::super::at::{At, Errors};
use super::super::format::between;
use super::super::resources::{self, Place};
use super::super::{ip, meta};
use super::{container, scheduling, security, volume};
use crate::names;

const NAMESERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCH_BYTES_MAX: usize = 2048;

/// What a specification stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Around<'v> {
    /// A Pod of this name.
    Pod(&'v str),
    /// A template: its Pods have no names yet, and get more defaults.
    Template,
}

/// What is wrong with a specification.
pub(super) fn check(spec: &At<'_>, around: Around<'_>, errors: &mut Errors) {
    let grace = spec.get("terminationGracePeriodSeconds");
    if !grace.is_set() {
        errors.push(grace.required(""));
    }
    let volumes = volume::check(&spec.get("volumes"), around, errors);
    let claims = resource_claims(&spec.get("resourceClaims"), errors);
    let pod = container::Pod {
        volumes: &volumes,
        claims: &claims,
        grace: grace.int_if(),
        restart: spec.get("restartPolicy").text(),
        shares_users: spec.get("hostUsers").flag_if().unwrap_or(true),
    };
    container::check(spec, &pod, errors);
    whole_resources(spec, &claims, errors);
    host_ports(spec, around, errors);
    policies(spec, errors);
    meta::labels(&spec.get("nodeSelector"), errors);
    security::pod(spec, errors);
    scheduling::affinity(&spec.get("affinity"), errors);
    dns(spec, errors);
    scheduling::gates(spec, errors);
    scheduling::spreading(&spec.get("topologySpreadConstraints"), errors);
    host_users(spec, errors);
    named(spec, errors);
    last(spec, errors);
}

fn policies(spec: &At<'_>, errors: &mut Errors) {
    let restart = spec.get("restartPolicy");
    restart.choice(&["Always", "OnFailure", "Never"], errors);
    let dns = spec.get("dnsPolicy");
    dns.choice(
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
        errors,
    );
}

/// Claims of devices. Returns their names.
fn resource_claims<'v>(at: &At<'v>, errors: &mut Errors) -> Vec<&'v str> {
    let mut names_seen: Vec<&str> = Vec::new();
    for claim in at.items() {
        let name = claim.get("name");
        match name.text() {
            "" => errors.push(name.required("")),
            text if names_seen.contains(&text) => errors.push(name.duplicate()),
            text => {
                name.all(names::dns1123_label(text), errors);
                names_seen.push(text);
            }
        }
        let (by_name, by_template) = (
            claim.get("resourceClaimName"),
            claim.get("resourceClaimTemplateName"),
        );
        let what = match (by_name.is_set(), by_template.is_set()) {
            (true, true) => Some(
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
            ),
            (false, false) => {
                Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
            }
            _ => None,
        };
        errors.extend(what.map(|what| claim.invalid(what)));
        for reference in [by_name, by_template] {
            if let Some(text) = reference.text_if() {
                reference.all(names::dns1123_subdomain(text), errors);
            }
        }
    }
    names_seen
}

/// Resources of the Pod as a whole are at least those of its containers.
fn whole_resources(spec: &At<'_>, claims: &[&str], errors: &mut Errors) {
    let whole = spec.get("resources");
    if !whole.is_set() {
        return;
    }
    if whole.get("claims").is_set() {
        let what = "claims cannot be set for Resources at pod-level";
        errors.push(whole.get("claims").forbidden(what));
    }
    resources::requirements(&whole, Place::Pod, claims, errors);
    let limits = whole.get("limits");
    for (index, container) in spec.get("containers").items().enumerate() {
        for (name, limit) in container.dig(&["resources", "limits"]).entries() {
            let most = limits.key(name).quantity();
            if let (Some(limit), Some(most)) = (limit.quantity(), most)
                && limit > most
            {
                let place = whole.get("containers").index(index).key(name).get("limits");
                let what = format!("must be less than or equal to pod limits of {most}");
                errors.push(place.invalid_as(limit.to_string(), what));
            }
        }
    }
}

/// On the host's network a port is the host's, whatever it is called.
fn host_ports(spec: &At<'_>, around: Around<'_>, errors: &mut Errors) {
    if !spec.get("hostNetwork").flag() {
        return;
    }
    for container in spec.get("containers").items() {
        for port in container.get("ports").items() {
            let host = port.get("hostPort");
            let may_be_absent = around == Around::Template && host.int() == 0;
            if !may_be_absent && host.int() != port.get("containerPort").int() {
                let what = "must match `containerPort` when `hostNetwork` is true";
                errors.push(host.invalid_as(host.int(), what));
            }
        }
    }
}

fn host_users(spec: &At<'_>, errors: &mut Errors) {
    if spec.get("hostUsers").flag_if().unwrap_or(true) {
        return;
    }
    let what = "when `pod.Spec.HostUsers` is false";
    for (field, name) in [
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ] {
        let at = spec.get(field);
        if at.flag() {
            errors.push(at.called(spec, name).forbidden(what));
        }
    }
}

fn dns(spec: &At<'_>, errors: &mut Errors) {
    let config = spec.get("dnsConfig");
    let servers = config.get("nameservers");
    if spec.get("dnsPolicy").text() == "None" {
        if !config.is_set() {
            let what = "must provide `dnsConfig` when `dnsPolicy` is None";
            return errors.push(config.required(what));
        }
        if servers.len() == 0 {
            let what = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return errors.push(servers.required(what));
        }
    }
    if servers.len() > NAMESERVERS_MAX {
        let what = format!("must not have more than {NAMESERVERS_MAX} nameservers");
        errors.push(servers.invalid(what));
    }
    for server in servers.items() {
        ip::address(&server, errors);
    }
    let searches = config.get("searches");
    if searches.len() > SEARCHES_MAX {
        let what = format!("must not have more than {SEARCHES_MAX} search paths");
        errors.push(searches.invalid(what));
    }
    let bytes = searches
        .texts()
        .map(|search| search.len() + 1)
        .sum::<usize>();
    if bytes > SEARCH_BYTES_MAX + 1 {
        errors.push(searches.invalid(format!(
            "must not have more than {SEARCH_BYTES_MAX} characters (including spaces) in the search list"
        )));
    }
    for search in searches.items().filter(|search| search.text() != ".") {
        // Underscores are taken: such names exist, though not as hosts.
        let text = search.text();
        let name = text.strip_suffix('.').unwrap_or(text);
        let wrong = names::dns1123_subdomain(&name.replace('_', "a"));
        errors.extend(wrong.into_iter().map(|what| search.invalid_as(name, what)));
    }
    for option in config.get("options").items() {
        if option.get("name").text().is_empty() {
            errors.push(option.required("must not be empty"));
        }
    }
}

/// Names of other things.
fn named(spec: &At<'_>, errors: &mut Errors) {
    for field in ["serviceAccountName", "nodeName"] {
        let at = spec.get(field);
        if !at.text().is_empty() {
            at.all(names::dns1123_subdomain(at.text()), errors);
        }
    }
    let deadline = spec.get("activeDeadlineSeconds");
    let most = i64::from(i32::MAX);
    if deadline.int_if().is_some_and(|s| !(1..=most).contains(&s)) {
        errors.push(deadline.invalid(between(1, most)));
    }
    for field in ["hostname", "subdomain"] {
        let at = spec.get(field);
        if !at.text().is_empty() {
            at.all(names::dns1123_label(at.text()), errors);
        }
    }
}

fn last(spec: &At<'_>, errors: &mut Errors) {
    scheduling::tolerations(&spec.get("tolerations"), errors);
    for alias in spec.get("hostAliases").items() {
        ip::address(&alias.get("ip"), errors);
        for host in alias.get("hostnames").items() {
            host.all(names::dns1123_subdomain(host.text()), errors);
        }
    }
    let class = spec.get("priorityClassName");
    if !class.text().is_empty() {
        class.all(names::dns1123_subdomain(class.text()), errors);
    }
    let runtime = spec.get("runtimeClassName");
    if let Some(name) = runtime.text_if() {
        runtime.all(names::dns1123_subdomain(name), errors);
    }
    let preemption = spec.get("preemptionPolicy");
    if preemption.is_set() {
        preemption.choice(&["PreemptLowerPriority", "Never"], errors);
    }
    // Overhead is checked as if it were limits of a container.
    let overhead = spec.get("overhead");
    resources::list(
        &overhead.called(&overhead, "limits"),
        Place::Container,
        errors,
    );
    let os = spec.get("os");
    if os.is_set() {
        let name = os.get("name");
        match name.text() {
            "" => errors.push(name.required("cannot be empty")),
            "linux" | "windows" => {}
            _ => errors.push(name.called(spec, "os").not_supported(&["linux", "windows"])),
        }
    }
}
