//! Services and what belongs to the network.

use super::rule::{
    Constant::*, Step, Step::*, absent, empty, is_empty, object_or_new, set_absent, text,
};
use serde_json::{Map, Value};

pub(super) const SERVICE: &[Step] = &[
    empty("spec.sessionAffinity", Text("None")),
    empty("spec.type", Text("ClusterIP")),
    empty("spec.ports[].protocol", Text("TCP")),
    At("spec.ports[]", &[Do(target_port)]),
    At("spec", &[Do(affinity), Do(traffic)]),
    Do(load_balancer),
];

pub(super) const ENDPOINTS: &[Step] = &[empty("subsets[].ports[].protocol", Text("TCP"))];

pub(super) const ENDPOINT_SLICE: &[Step] = &[
    absent("ports[].name", Text("")),
    absent("ports[].protocol", Text("TCP")),
];

pub(super) const NETWORK_POLICY: &[Step] = &[
    absent("spec.ingress[].ports[].protocol", Text("TCP")),
    absent("spec.egress[].ports[].protocol", Text("TCP")),
    At("spec", &[Do(policy_types)]),
];

pub(super) const INGRESS_CLASS: &[Step] = &[absent("spec.parameters.scope", Text("Cluster"))];

/// A port leads to the same number unless it says where.
fn target_port(port: &mut Map<String, Value>) {
    if is_empty(port, "targetPort") {
        let number = port.get("port").cloned().unwrap_or(Value::from(0));
        port.insert("targetPort".to_owned(), number);
    }
}

/// Clients stay with a backend for three hours, if they are to stay at all.
fn affinity(spec: &mut Map<String, Value>) {
    const SECONDS: i64 = 3 * 60 * 60;
    match text(spec, "sessionAffinity") {
        "None" => drop(spec.remove("sessionAffinityConfig")),
        "ClientIP" => {
            if let Some(config) = object_or_new(spec, "sessionAffinityConfig")
                && let Some(client) = object_or_new(config, "clientIP")
            {
                set_absent(client, "timeoutSeconds", SECONDS);
            }
        }
        _ => {}
    }
}

/// Traffic goes to backends anywhere in the cluster.
fn traffic(spec: &mut Map<String, Value>) {
    let kind = text(spec, "type");
    let is_balanced = kind == "LoadBalancer";
    let is_external = match kind {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => !is_empty(spec, "externalIPs"),
        _ => false,
    };
    let has_backends = ["ClusterIP", "NodePort", "LoadBalancer"].contains(&kind);
    if is_external && is_empty(spec, "externalTrafficPolicy") {
        spec.insert("externalTrafficPolicy".to_owned(), Value::from("Cluster"));
    }
    if has_backends {
        set_absent(spec, "internalTrafficPolicy", "Cluster");
    }
    if is_balanced {
        set_absent(spec, "allocateLoadBalancerNodePorts", true);
    }
}

/// An address of a load balancer is its own unless it says that it is a proxy's.
fn load_balancer(service: &mut Map<String, Value>) {
    let is_balanced = service
        .get("spec")
        .and_then(|spec| spec.get("type"))
        .is_some_and(|kind| kind == "LoadBalancer");
    let Some(status) = service.get_mut("status").filter(|_| is_balanced) else {
        return;
    };
    super::rule::each(status, "loadBalancer.ingress[]", &mut |ingress| {
        if let Value::Object(ingress) = ingress
            && !is_empty(ingress, "ip")
        {
            set_absent(ingress, "ipMode", "VIP");
        }
    });
}

/// What a policy speaks of, it is about; it is about what comes in anyway.
fn policy_types(spec: &mut Map<String, Value>) {
    if is_empty(spec, "policyTypes") {
        let types = match is_empty(spec, "egress") {
            true => vec!["Ingress"],
            false => vec!["Ingress", "Egress"],
        };
        spec.insert("policyTypes".to_owned(), Value::from(types));
    }
}
