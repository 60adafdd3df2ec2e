//! The endpoints of a Service, by family of addresses and list of ports.

use super::zone;
use crate::backends::{
    Family, addresses, counts, has_host_name, port_number, reference, selects, since,
};
use crate::objects::{Node, Pod, Service};
use crate::runtime::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a Service leads to.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The families of the Service, each with its endpoints by their ports.
    pub(super) families: Vec<(Family, Groups)>,
    /// The Pods behind it.
    pub(super) pods: Vec<Arc<Pod>>,
}

/// Endpoints that have the same ports. The key is the list of ports as text.
pub(super) type Groups = BTreeMap<String, Group>;

/// Endpoints of one family that have the same ports.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// The ports.
    pub(super) ports: Vec<Value>,
    /// By what they are known by, in the order of addresses.
    pub(super) endpoints: BTreeMap<String, Value>,
}

impl Wanted {
    /// The first change that the slices, which say `known` of themselves, do not have yet.
    pub(super) fn since(&self, service: &Service, known: Option<&str>) -> Option<String> {
        let pods: Vec<&Arc<Pod>> = self.pods.iter().collect();
        since(service, &pods, known)
    }
}

/// What a Service leads to now.
pub(super) fn of(world: &World, service: &Service) -> Wanted {
    let pods = world.pods.in_namespace(&service.metadata.namespace);
    let pods: Vec<Arc<Pod>> = pods.filter(|pod| selects(service, pod)).cloned().collect();
    let families = Family::of(service).into_iter().map(|family| {
        let mut groups = Groups::new();
        for pod in pods.iter().filter(|pod| counts(pod)) {
            let node = world
                .nodes
                .get(&crate::objects::Key::cluster(&pod.spec.node_name));
            // Where a Pod runs that has no node nobody knows; unless its addresses are wanted anyway.
            if node.is_none() && !service.spec.publish_not_ready_addresses {
                continue;
            }
            let own = addresses(pod, family);
            if own.is_empty() {
                continue;
            }
            let ports = ports(service, pod);
            let group = groups.entry(key_of(&ports)).or_default();
            group.ports = ports;
            let endpoint = endpoint(service, pod, node.map(|node| &**node), &own);
            group.endpoints.insert(identity(&endpoint), endpoint);
        }
        (family, groups)
    });
    Wanted {
        families: families.collect(),
        pods: pods.clone(),
    }
}

/// A list of ports as text. Lists that differ have different texts.
pub(super) fn key_of(ports: &[Value]) -> String {
    let text = |port: &Value, field: &str| match port.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut all: Vec<String> = ports
        .iter()
        .map(|port| ["name", "port", "protocol", "appProtocol"].map(|field| text(port, field)))
        .map(|fields| fields.join("/"))
        .collect();
    all.sort_unstable();
    all.join(",")
}

/// What an endpoint is known by: while this is the same, it is the same endpoint in another state.
pub(super) fn identity(endpoint: &Value) -> String {
    let text = |pointer: &str| {
        let found = endpoint.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default()
    };
    let addresses = endpoint.get("addresses").and_then(Value::as_array);
    let mut addresses: Vec<&str> = addresses
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    addresses.sort_unstable();
    [
        &addresses.join(","),
        text("/targetRef/namespace"),
        text("/targetRef/name"),
        text("/targetRef/uid"),
        text("/hostname"),
    ]
    .join("|")
}

/// The ports at which a Pod serves the Service. What the Pod does not have is left out.
fn ports(service: &Service, pod: &Pod) -> Vec<Value> {
    let all = service.spec.ports.iter().filter_map(|port| {
        let number = port_number(pod, port)?;
        let protocol = match port.protocol.as_str() {
            "" => "TCP",
            protocol => protocol,
        };
        let mut found = json!({"name": port.name, "port": number, "protocol": protocol});
        if let Some(spoken) = &port.app_protocol {
            found["appProtocol"] = spoken.as_str().into();
        }
        Some(found)
    });
    all.collect()
}

fn endpoint(service: &Service, pod: &Pod, node: Option<&Node>, addresses: &[&str]) -> Value {
    let serving = pod.is_ready();
    let terminating = pod.metadata.is_deleting();
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    let mut endpoint = json!({
        "addresses": addresses,
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": reference(pod),
    });
    if pod.is_bound() {
        endpoint["nodeName"] = pod.spec.node_name.as_str().into();
    }
    let zone = node.and_then(zone);
    if let Some(zone) = zone {
        endpoint["zone"] = zone.as_str().into();
    }
    if has_host_name(pod, service) {
        endpoint["hostname"] = pod.spec.hostname.as_str().into();
    }
    if let Some(hints) = hints(service, pod, zone).filter(|_| ready) {
        endpoint["hints"] = hints;
    }
    endpoint
}

/// For whom the endpoint is best.
fn hints(service: &Service, pod: &Pod, zone: Option<&String>) -> Option<Value> {
    let distribution = service.spec.traffic_distribution.as_deref()?;
    let mut hints = json!({});
    if let Some(zone) = zone {
        hints["forZones"] = json!([{"name": zone}]);
    }
    match distribution {
        "PreferClose" | "PreferSameZone" => {}
        "PreferSameNode" if pod.is_bound() => {
            hints["forNodes"] = json!([{"name": pod.spec.node_name}]);
        }
        _ => return None,
    }
    let is_empty = hints.as_object().is_none_or(serde_json::Map::is_empty);
    (!is_empty).then_some(hints)
}
