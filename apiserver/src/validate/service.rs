//! Services.

use super::at::{At, Errors};
use super::format::{port, port_number};
use super::{ip, meta};
use crate::names;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What Services and what is behind them speak.
pub(super) const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const STICKY_SECONDS_MAX: i64 = 86_400;

/// Its addresses: whoever knows only the first one says it in a field of its own.
fn addresses<'v>(spec: &At<'v>) -> Vec<&'v str> {
    let list: Vec<&str> = spec.get("clusterIPs").texts().collect();
    match (list.is_empty(), spec.get("clusterIP").text()) {
        (true, "") | (false, _) => list,
        (true, first) => vec![first],
    }
}

fn is_headless(spec: &At<'_>) -> bool {
    addresses(spec) == ["None"]
}

/// A Service.
pub(super) fn check(object: &At<'_>, errors: &mut Errors) {
    let spec = object.get("spec");
    let kind = spec.get("type");
    let is_named = kind.text() == "ExternalName";
    if spec.get("ports").len() == 0 && !is_headless(&spec) && !is_named {
        errors.push(spec.get("ports").required(""));
    }
    match kind.text() {
        "LoadBalancer" | "NodePort" if is_headless(&spec) => {
            let what = format!("may not be set to 'None' for {} services", kind.text());
            let place = spec.get("clusterIPs").index(0);
            errors.push(place.invalid_as("None", what));
        }
        "ExternalName" => external_name(&spec, errors),
        _ => {}
    }
    ports(&spec, errors);
    meta::labels(&spec.get("selector"), errors);
    affinity(&spec, errors);
    if !is_named {
        families(&spec, errors);
    }
    for address in spec.get("externalIPs").items() {
        if ip::address(&address, errors) {
            ip::not_special(&address, errors);
        }
    }
    kind.choice(
        &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
        errors,
    );
    node_ports(&spec, errors);
    balancer(object, errors);
    traffic(&spec, errors);
}

fn external_name(spec: &At<'_>, errors: &mut Errors) {
    let what = "may not be set for ExternalName services";
    if !addresses(spec).is_empty() {
        errors.push(spec.get("clusterIPs").forbidden(what));
    }
    if spec.get("ipFamilies").len() > 0 {
        errors.push(spec.get("ipFamilies").forbidden(what));
    }
    if spec.get("ipFamilyPolicy").is_set() {
        errors.push(spec.get("ipFamilyPolicy").forbidden(what));
    }
    let name = spec.get("externalName");
    let host = name.text().strip_suffix('.').unwrap_or(name.text());
    if host.is_empty() {
        return errors.push(name.required(""));
    }
    let wrong = names::dns1123_subdomain(host).into_iter();
    errors.extend(wrong.map(|what| name.invalid_as(host, what)));
}

fn ports(spec: &At<'_>, errors: &mut Errors) {
    let list = spec.get("ports");
    let mut seen = BTreeSet::new();
    for at in list.items() {
        let name = at.get("name");
        match name.text() {
            "" if list.len() > 1 => errors.push(name.required("")),
            "" => {}
            text => {
                name.all(names::dns1123_label(text), errors);
                if !seen.insert(text) {
                    errors.push(name.duplicate());
                }
            }
        }
        let number = at.get("port");
        let wrong = port_number(number.int()).into_iter();
        errors.extend(wrong.map(|what| number.invalid_as(number.int(), what)));
        at.get("protocol").choice(PROTOCOLS, errors);
        port(&at.get("targetPort"), errors);
        app_protocol(&at.get("appProtocol"), errors);
    }
}

/// What is spoken at a port.
pub(super) fn app_protocol(at: &At<'_>, errors: &mut Errors) {
    if let Some(name) = at.text_if() {
        at.all(names::label_key(name), errors);
    }
}

fn affinity(spec: &At<'_>, errors: &mut Errors) {
    let (affinity, config) = (
        spec.get("sessionAffinity"),
        spec.get("sessionAffinityConfig"),
    );
    affinity.choice(&["ClientIP", "None"], errors);
    match affinity.text() {
        "ClientIP" => {
            let what = "when session affinity type is ClientIP";
            let client = config.get("clientIP");
            let seconds = client.get("timeoutSeconds");
            let missing = [&config, &client, &seconds]
                .into_iter()
                .find(|at| !at.is_set());
            if let Some(missing) = missing {
                errors.push(missing.required(what));
            } else if !(1..=STICKY_SECONDS_MAX).contains(&seconds.int()) {
                let what = format!("must be greater than 0 and less than {STICKY_SECONDS_MAX}");
                errors.push(seconds.invalid(what));
            }
        }
        "None" if config.is_set() => {
            errors.push(config.forbidden("must not be set when session affinity is None"));
        }
        _ => {}
    }
}

/// What is wrong with the addresses and families that a Service wants, before it gets any.
pub(super) fn wanted(object: &At<'_>) -> Errors {
    let mut errors = Errors::new();
    families(&object.get("spec"), &mut errors);
    errors
}

fn families(spec: &At<'_>, errors: &mut Errors) {
    let (first, list) = (spec.get("clusterIP"), spec.get("clusterIPs"));
    let all = addresses(spec);
    if first.text().is_empty() && list.len() > 0 {
        errors.push(list.invalid("must be empty when `clusterIP` is not specified"));
    } else if all.first().is_some_and(|address| *address != first.text()) {
        errors.push(list.invalid("first value must match `clusterIP`"));
    }
    let families = spec.get("ipFamilies");
    let mut seen = BTreeSet::new();
    for family in families.items() {
        family.choice_if(&["IPv4", "IPv6"], errors);
        if !seen.insert(family.text()) {
            errors.push(family.duplicate());
        }
    }
    spec.get("ipFamilyPolicy").choice_if(
        &["PreferDualStack", "RequireDualStack", "SingleStack"],
        errors,
    );
    if cluster_addresses(&list, &all, errors) {
        match_families(&list, &families, &all, errors);
    }
}

/// Whether all that are addresses are sound.
fn cluster_addresses(list: &At<'_>, all: &[&str], errors: &mut Errors) -> bool {
    let mut is_sound = true;
    for (index, address) in all.iter().enumerate() {
        if index == 0 && *address == "None" {
            if all.len() > 1 {
                is_sound = false;
                errors.push(list.invalid("'None' must be the first and only value"));
            }
            continue;
        }
        let value = Value::from(*address);
        let place = list.index(index);
        is_sound &= ip::address(&place.holding(&value), errors);
    }
    if all.len() > 2 {
        errors.push(list.invalid("may only hold up to 2 values"));
    }
    if is_sound && all.len() > 1 && !ip::is_dual(all) {
        let what = "may specify no more than one IP for each IP family";
        errors.push(list.invalid(what));
    }
    is_sound
}

fn match_families(list: &At<'_>, families: &At<'_>, all: &[&str], errors: &mut Errors) {
    for (index, (address, family)) in all.iter().zip(families.texts()).enumerate() {
        let Some(parsed) = ip::parse(address) else {
            continue;
        };
        let is_wrong = match family {
            "IPv4" => parsed.is_ipv6(),
            "IPv6" => parsed.is_ipv4(),
            _ => false,
        };
        if is_wrong {
            let what = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errors.push(list.index(index).invalid_as(*address, what));
        }
    }
}

fn node_ports(spec: &At<'_>, errors: &mut Errors) {
    let is_internal = spec.get("type").text() == "ClusterIP";
    for at in spec.get("ports").items() {
        let node = at.get("nodePort");
        if is_internal && node.int() != 0 {
            errors.push(node.forbidden("may not be used when `type` is 'ClusterIP'"));
        }
    }
    let (mut nodes, mut own) = (BTreeSet::new(), BTreeSet::new());
    for at in spec.get("ports").items() {
        let node = at.get("nodePort");
        let protocol = at.get("protocol").text();
        if node.int() != 0 && !nodes.insert((protocol, node.int())) {
            errors.push(node.duplicate());
        }
    }
    for at in spec.get("ports").items() {
        let (protocol, number) = (at.get("protocol").text(), at.get("port").int());
        if !own.insert((protocol, number)) {
            errors.push(at.duplicate_as(json!({"port": number, "protocol": protocol})));
        }
    }
}

const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";

fn balancer(object: &At<'_>, errors: &mut Errors) {
    const NOTE: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
    let spec = object.get("spec");
    let is_balanced = spec.get("type").text() == "LoadBalancer";
    let ranges = spec.get("loadBalancerSourceRanges");
    let note = object.dig(&["metadata", "annotations"]).key(NOTE);
    if ranges.len() > 0 {
        let ranges = ranges.called(&spec, "LoadBalancerSourceRanges");
        if !is_balanced {
            errors.push(ranges.forbidden(ONLY_BALANCED));
        }
        for range in ranges.items() {
            ip::cidr_text(&range, range.text().trim(), errors);
        }
    } else if note.is_set() {
        if !is_balanced {
            errors.push(note.forbidden(ONLY_BALANCED));
        }
        let text = note.text().trim();
        for range in text.split(',').filter(|_| !text.is_empty()) {
            ip::cidr_text(&note, range.trim(), errors);
        }
    }
    let allocates = spec.get("allocateLoadBalancerNodePorts");
    if allocates.is_set() && !is_balanced {
        errors.push(allocates.forbidden(ONLY_BALANCED));
    }
    let class = spec.get("loadBalancerClass");
    match (class.text_if(), is_balanced) {
        (Some(name), true) => class.all(names::label_key(name), errors),
        (Some(_), false) => errors.push(class.forbidden(ONLY_BALANCED)),
        (None, _) => {}
    }
}

fn traffic(spec: &At<'_>, errors: &mut Errors) {
    let kind = spec.get("type").text();
    let is_reachable = ["NodePort", "LoadBalancer"].contains(&kind)
        || kind == "ClusterIP" && spec.get("externalIPs").len() > 0;
    let external = spec.get("externalTrafficPolicy");
    match is_reachable {
        true => external.choice(&["Cluster", "Local"], errors),
        false if !external.text().is_empty() => {
            let what = "may only be set for externally-accessible services";
            errors.push(external.invalid(what));
        }
        false => {}
    }
    let health = spec.get("healthCheckNodePort");
    let is_checked = kind == "LoadBalancer" && external.text() == "Local";
    if health.int() != 0 {
        match is_checked {
            true => health.all(port_number(health.int()), errors),
            false => errors.push(health.invalid(
                "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
            )),
        }
    }
    let internal = spec.get("internalTrafficPolicy");
    if !internal.is_set() && ["ClusterIP", "NodePort", "LoadBalancer"].contains(&kind) {
        errors.push(internal.required(""));
    }
    internal.choice_if(&["Cluster", "Local"], errors);
    spec.get("trafficDistribution")
        .choice_if(&["PreferClose", "PreferSameNode", "PreferSameZone"], errors);
}

/// What a Service may not change.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let (spec, old) = (new.get("spec"), old.get("spec"));
    let kinds = [spec.get("type").text(), old.get("type").text()];
    if !kinds.contains(&"ExternalName") {
        cluster_addresses_change(&spec, &old, errors);
        families_change(&spec, &old, errors);
    }
    let class = spec.get("loadBalancerClass");
    if kinds == ["LoadBalancer", "LoadBalancer"]
        && class.text_if() != old.get("loadBalancerClass").text_if()
    {
        errors.push(class.invalid("may not change once set"));
    }
    let health = spec.get("healthCheckNodePort");
    let is_checked = |spec: &At<'_>| {
        spec.get("type").text() == "LoadBalancer"
            && spec.get("externalTrafficPolicy").text() == "Local"
    };
    let before = old.get("healthCheckNodePort").int();
    if is_checked(&spec) && is_checked(&old) && before != 0 && health.int() != before {
        errors.push(health.forbidden("field is immutable"));
    }
}

/// The first address stays; a second one may come and go.
fn cluster_addresses_change(spec: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let (now, before) = (addresses(spec), addresses(old));
    let list = spec.get("clusterIPs");
    if is_headless(spec) && is_headless(old) {
        return;
    }
    let shown = || Value::from(now.clone());
    let first = list.index(0);
    if now.len() == before.len() {
        for (index, (old, new)) in before.iter().zip(&now).enumerate() {
            if old != new {
                let place = list.index(index);
                errors.push(place.invalid_as(shown(), "may not change once set"));
            }
        }
        return;
    }
    if now.is_empty() {
        return errors.push(first.invalid_as(shown(), "primary clusterIP can not be unset"));
    }
    if before.first().is_some_and(|before| now[0] != *before) {
        errors.push(first.invalid_as(shown(), "may not change once set"));
    }
    let policy = spec.get("ipFamilyPolicy");
    if now.len() < before.len() && policy.text() != "SingleStack" {
        let what = "must be set to 'SingleStack' when releasing the secondary clusterIP";
        errors.push(policy.invalid(what));
    }
}

fn families_change(spec: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    if is_headless(spec) || is_headless(old) {
        return;
    }
    let (list, before) = (spec.get("ipFamilies"), old.get("ipFamilies"));
    let is_first_other = match (list.texts().next(), before.texts().next()) {
        (Some(now), Some(before)) => now != before,
        _ => false,
    };
    let is_other = list.len() == before.len() && !list.texts().eq(before.texts());
    if is_first_other || is_other {
        let shown = list.value().clone();
        errors.push(list.index(0).invalid_as(shown, "may not change once set"));
    }
    let policy = spec.get("ipFamilyPolicy");
    if list.len() == 1 && before.len() > 1 && policy.text() != "SingleStack" {
        let what = "must be set to 'SingleStack' when releasing the secondary ipFamily";
        errors.push(policy.invalid(what));
    }
}

/// A Service's status: what the load balancer says.
pub(super) fn status(new: &At<'_>, errors: &mut Errors) {
    let list = new.dig(&["status", "loadBalancer", "ingress"]);
    let is_balanced = new.dig(&["spec", "type"]).text() == "LoadBalancer";
    if !is_balanced && list.len() > 0 {
        let what = "may only be used when `spec.type` is 'LoadBalancer'";
        return errors.push(list.forbidden(what));
    }
    for entry in list.items() {
        let (address, host) = (entry.get("ip"), entry.get("hostname"));
        if !address.text().is_empty() {
            ip::address(&address, errors);
        }
        if !host.text().is_empty() {
            host.all(names::dns1123_subdomain(host.text()), errors);
            if ip::parse(host.text()).is_some() {
                errors.push(host.invalid("must be a DNS name, not an IP address"));
            }
        }
    }
}
