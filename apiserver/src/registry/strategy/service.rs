//! What an update of a Service keeps of what was allocated for it.
//!
//! Clients send Services without the addresses and ports that they got; they shall not lose them.

use super::fields::{is_set, member, members, text};
use super::{Context, Part};
use serde_json::Value;

fn has_address(service: &Value) -> bool {
    matches!(
        text(service, "/spec/type"),
        "" | "ClusterIP" | "NodePort" | "LoadBalancer"
    )
}

fn has_node_ports(service: &Value) -> bool {
    match text(service, "/spec/type") {
        "NodePort" => true,
        "LoadBalancer" => {
            service.pointer("/spec/allocateLoadBalancerNodePorts") != Some(&Value::Bool(false))
        }
        _ => false,
    }
}

fn has_health_check(service: &Value) -> bool {
    text(service, "/spec/type") == "LoadBalancer"
        && text(service, "/spec/externalTrafficPolicy") == "Local"
}

/// Fills in what the new Service needs, leaves out, and the stored one has.
pub(super) fn update(part: Part, object: &mut Value, old: &Value, _: &Context<'_>) {
    if part != Part::Main {
        return;
    }
    if has_address(object) && has_address(old) {
        keep(object, old, "clusterIP");
        keep(object, old, "clusterIPs");
    }
    if has_health_check(object) && has_health_check(old) {
        keep(object, old, "healthCheckNodePort");
    }
    if has_node_ports(object) && has_node_ports(old) {
        keep_node_ports(object, old);
    }
}

fn keep(object: &mut Value, old: &Value, name: &str) {
    let pointer = format!("/spec/{name}");
    if !is_set(object, &pointer)
        && let Some(value) = old.pointer(&pointer)
    {
        members(member(object, "spec")).insert(name.to_owned(), value.clone());
    }
}

/// Ports are the same if protocol and number are. A node port that is taken by another port of the new
/// Service is not given out twice.
fn keep_node_ports(object: &mut Value, old: &Value) {
    let ports = |of: &Value| {
        let list = of.pointer("/spec/ports").and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let node_port = |port: &Value| port.get("nodePort").and_then(Value::as_i64).unwrap_or(0);
    let protocol = |port: &Value| match text(port, "/protocol") {
        "" => "TCP".to_owned(),
        other => other.to_owned(),
    };
    let identity = |port: &Value| (protocol(port), port.get("port").cloned());
    let allocated = ports(old);
    let mut taken: Vec<_> = ports(object)
        .iter()
        .map(|port| (protocol(port), node_port(port)))
        .collect();
    let list = object
        .pointer_mut("/spec/ports")
        .and_then(Value::as_array_mut);
    for port in list
        .into_iter()
        .flatten()
        .filter(|port| node_port(port) == 0)
    {
        let before = allocated.iter().find(|old| identity(old) == identity(port));
        let number = before.map(node_port).unwrap_or_default();
        let claim = (protocol(port), number);
        if number != 0 && !taken.contains(&claim) {
            members(port).insert("nodePort".to_owned(), number.into());
            taken.push(claim);
        }
    }
}
