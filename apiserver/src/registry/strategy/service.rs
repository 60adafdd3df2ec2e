//! What an update of a Service keeps of what was allocated for it, and what it drops.
//!
//! Clients send Services without the addresses and ports that they got; they shall not lose them. And they
//! change the type of a Service and leave what only the old type has; they shall not be refused for that.

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

/// Fills in what the new Service needs, leaves out, and the stored one has; and drops what it has from the
/// stored one and does not need.
pub(super) fn update(part: Part, object: &mut Value, old: &Value, _: &Context<'_>) {
    if part == Part::Main {
        keep_allocated(object, old);
        drop_unneeded(object, old);
    }
}

fn is_balanced(service: &Value) -> bool {
    text(service, "/spec/type") == "LoadBalancer"
}

fn has_external_policy(service: &Value) -> bool {
    let addresses = service
        .pointer("/spec/externalIPs")
        .and_then(Value::as_array);
    match text(service, "/spec/type") {
        "NodePort" | "LoadBalancer" => true,
        "ClusterIP" => addresses.is_some_and(|addresses| !addresses.is_empty()),
        _ => false,
    }
}

/// Drops what belongs to the type that the Service had, unless the client says it anew.
fn drop_unneeded(object: &mut Value, old: &Value) {
    type Needs = fn(&Value) -> bool;
    let fields: [(Needs, &[&str]); 4] = [
        (
            has_address,
            &["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"],
        ),
        (has_health_check, &["healthCheckNodePort"]),
        (
            is_balanced,
            &["allocateLoadBalancerNodePorts", "loadBalancerClass"],
        ),
        (has_external_policy, &["externalTrafficPolicy"]),
    ];
    for (needs, names) in fields {
        if !needs(old) || needs(object) {
            continue;
        }
        for name in names {
            let pointer = format!("/spec/{name}");
            if object.pointer(&pointer) == old.pointer(&pointer) {
                members(member(object, "spec")).remove(*name);
            }
        }
    }
    if has_node_ports(old) && !has_node_ports(object) {
        drop_node_ports(object, old);
    }
    if !is_balanced(object)
        && let Some(status) = object.get_mut("status").and_then(Value::as_object_mut)
    {
        status.insert("loadBalancer".to_owned(), Value::Object(Default::default()));
    }
}

/// Drops node ports if the client says none that is new.
fn drop_node_ports(object: &mut Value, old: &Value) {
    let all = |of: &Value| {
        let list = of.pointer("/spec/ports").and_then(Value::as_array);
        let ports = list.into_iter().flatten();
        let ports = ports.filter_map(|port| port.get("nodePort").and_then(Value::as_i64));
        ports.filter(|port| *port != 0).collect::<Vec<i64>>()
    };
    let before = all(old);
    if all(object).iter().any(|port| !before.contains(port)) {
        return;
    }
    let list = object
        .pointer_mut("/spec/ports")
        .and_then(Value::as_array_mut);
    for port in list.into_iter().flatten() {
        members(port).remove("nodePort");
    }
}

/// Fills in what the new Service needs, leaves out, and the stored one has.
pub(crate) fn keep_allocated(object: &mut Value, old: &Value) {
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
