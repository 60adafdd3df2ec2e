//! Which Pods count, their addresses and ports, and what about them matters.

use crate::objects::{Container, Pod, Service, ServicePort};
use serde_json::{Value, json};
use std::net::IpAddr;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `IPv4`.
    V4,
    /// `IPv6`.
    V6,
}

impl Family {
    /// As objects have it.
    pub fn name(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    /// The families of a Service, in its order.
    pub fn of(service: &Service) -> Vec<Family> {
        let named = service.spec.ip_families.iter();
        let mut all: Vec<Family> = named
            .filter_map(|name| match name.as_str() {
                "IPv4" => Some(Family::V4),
                "IPv6" => Some(Family::V6),
                _ => None,
            })
            .collect();
        if all.is_empty() {
            all.push(match service.spec.cluster_ip.contains(':') {
                true => Family::V6,
                false => Family::V4,
            });
        }
        all
    }

    fn has(self, address: &str) -> bool {
        matches!(
            (self, address.parse()),
            (Family::V4, Ok(IpAddr::V4(_))) | (Family::V6, Ok(IpAddr::V6(_)))
        )
    }
}

/// Whether a Service has no address of its own.
pub fn is_headless(service: &Service) -> bool {
    service.spec.cluster_ip == "None"
}

/// Whether a Pod stands behind anything: it has an address and has not ended.
pub fn counts(pod: &Pod) -> bool {
    let has_address = !pod.status.pod_ip.is_empty() || !pod.status.pod_ips.is_empty();
    has_address && !pod.is_finished()
}

/// The addresses of a Pod, of one family.
pub fn addresses(pod: &Pod, family: Family) -> Vec<&str> {
    let all = pod.status.pod_ips.iter().map(|one| one.ip.as_str());
    let mut found: Vec<&str> = all.filter(|address| family.has(address)).collect();
    if pod.status.pod_ips.is_empty() && family.has(&pod.status.pod_ip) {
        found.push(&pod.status.pod_ip);
    }
    found
}

/// The number at a Pod to which a port of a Service leads. `None`: the Pod has no port of that name.
pub fn port_number(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let name = match &port.target_port {
        Value::Number(number) => {
            let number = number
                .as_i64()
                .and_then(|number| i32::try_from(number).ok());
            return number.filter(|number| *number > 0).or(Some(port.port));
        }
        Value::String(name) => name,
        _ => return Some(port.port),
    };
    let runs_beside = |init: &&Container| init.restart_policy.as_deref() == Some("Always");
    let beside = pod.spec.init_containers.iter().filter(runs_beside);
    let all = pod.spec.containers.iter().chain(beside);
    let mut ports = all.flat_map(|container| &container.ports);
    let protocol = |text: &str| if text.is_empty() { "TCP" } else { text }.to_owned();
    ports
        .find(|own| own.name == *name && protocol(&own.protocol) == protocol(&port.protocol))
        .map(|own| own.container_port)
}

/// Whether a Pod is found by its host name below a Service.
pub fn has_host_name(pod: &Pod, service: &Service) -> bool {
    !pod.spec.hostname.is_empty() && pod.spec.subdomain == service.metadata.name
}

/// A reference to a Pod.
pub fn reference(pod: &Pod) -> Value {
    json!({
        "kind": "Pod",
        "namespace": pod.metadata.namespace,
        "name": pod.metadata.name,
        "uid": pod.metadata.uid,
    })
}

/// Whether something about a Pod has changed that Services look at.
pub fn has_changed(before: Option<&Pod>, after: Option<&Pod>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return true;
    };
    let seen = |pod: &Pod| {
        (
            pod.is_ready(),
            pod.is_finished(),
            pod.metadata.is_deleting(),
            pod.metadata.uid.clone(),
        )
    };
    let (status, spec) = (&after.status, &after.spec);
    seen(before) != seen(after)
        || before.metadata.labels != after.metadata.labels
        || before.status.pod_ip != status.pod_ip
        || before.status.pod_ips != status.pod_ips
        || before.spec.node_name != spec.node_name
        || before.spec.hostname != spec.hostname
        || before.spec.subdomain != spec.subdomain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(value: Value) -> Pod {
        serde_json::from_value(value).expect("a pod")
    }

    #[test]
    fn v3_named_ports_are_looked_up_in_the_pod() {
        let pod = pod(json!({"spec": {
            "containers": [{"name": "a", "ports": [
                {"name": "web", "containerPort": 8080},
                {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            ]}],
            "initContainers": [
                {"name": "b", "restartPolicy": "Always", "ports": [
                    {"name": "side", "containerPort": 9},
                ]},
                {"name": "c", "ports": [{"name": "early", "containerPort": 10}]},
            ],
        }}));
        for (target, protocol, expected) in [
            (json!("web"), "TCP", Some(8080)),
            (json!("dns"), "TCP", None),
            (json!("dns"), "UDP", Some(53)),
            (json!("side"), "TCP", Some(9)),
            (json!("early"), "TCP", None),
            (json!(81), "TCP", Some(81)),
            (Value::Null, "TCP", Some(80)),
        ] {
            let port = ServicePort {
                protocol: protocol.to_owned(),
                port: 80,
                target_port: target.clone(),
                ..ServicePort::default()
            };
            assert_eq!(port_number(&pod, &port), expected, "{target} {protocol}");
        }
    }

    #[test]
    fn v4_pods_without_an_address_and_those_that_have_ended_do_not_count() {
        for (status, expected) in [
            (json!({"phase": "Pending"}), false),
            (json!({"phase": "Running", "podIP": "10.0.0.1"}), true),
            (
                json!({"phase": "Pending", "podIPs": [{"ip": "10.0.0.1"}]}),
                true,
            ),
            (json!({"phase": "Succeeded", "podIP": "10.0.0.1"}), false),
            (json!({"phase": "Failed", "podIP": "10.0.0.1"}), false),
        ] {
            assert_eq!(
                counts(&pod(json!({"status": status}))),
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn addresses_are_told_apart_by_their_family() {
        let pod = pod(json!({"status": {
            "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
        }}));
        assert_eq!(addresses(&pod, Family::V4), ["10.0.0.1"]);
        assert_eq!(addresses(&pod, Family::V6), ["fd00::1"]);
    }
}
