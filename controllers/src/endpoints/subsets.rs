//! Addresses and ports, packed as clients expect them: ports that the same addresses have are together.

use crate::backends::{
    Family, addresses, counts, has_host_name, is_headless, port_number, reference,
};
use crate::objects::{Pod, Service, ServicePort};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// How many addresses there are at most. Upstream's number.
pub(super) const ADDRESSES_MAX: usize = 1000;

/// See the file's first line.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Packed {
    /// As they are stored.
    pub(super) subsets: Vec<Value>,
    /// There are more.
    pub(super) is_truncated: bool,
}

/// By which addresses are sorted.
type Place = (IpAddr, String);

/// Addresses of Pods that are ready, and of those that are not.
#[derive(Clone, Debug, Default, PartialEq)]
struct Both {
    ready: BTreeMap<Place, Value>,
    others: BTreeMap<Place, Value>,
}

impl Both {
    /// Which addresses these are, as text: what is the same has the same text.
    fn key(&self) -> String {
        let text = |all: &BTreeMap<Place, Value>| {
            let all: Vec<String> = all.keys().map(|(ip, uid)| format!("{ip}/{uid}")).collect();
            all.join(",")
        };
        format!("{}|{}", text(&self.ready), text(&self.others))
    }
}

/// A port in the order in which ports are shown: name, number, protocol, what is spoken.
type Port = (String, i32, String, Option<String>);

/// The subsets of the Endpoints of a Service.
pub(super) fn of(service: &Service, pods: &[&Arc<Pod>]) -> Packed {
    let mut by_port: BTreeMap<Option<Port>, Both> = BTreeMap::new();
    let publishes = service.spec.publish_not_ready_addresses;
    for pod in pods {
        if !counts(pod) || (pod.metadata.is_deleting() && !publishes) {
            continue;
        }
        let Some((place, address)) = address(service, pod) else {
            continue;
        };
        for port in ports(service, pod) {
            let both = by_port.entry(port).or_default();
            let all = match publishes || pod.is_ready() {
                true => &mut both.ready,
                false => &mut both.others,
            };
            all.insert(place.clone(), address.clone());
        }
    }
    let mut groups: BTreeMap<String, (Both, Vec<Option<Port>>)> = BTreeMap::new();
    for (port, both) in by_port {
        let group = groups.entry(both.key()).or_default();
        group.0 = both;
        group.1.push(port);
    }
    let mut groups: Vec<(Both, Vec<Option<Port>>)> = groups.into_values().collect();
    let is_truncated = truncate(&mut groups);
    groups.retain(|(both, _)| !both.ready.is_empty() || !both.others.is_empty());
    Packed {
        subsets: groups.into_iter().map(subset).collect(),
        is_truncated,
    }
}

/// The ports at which a Pod serves the Service. One that is nothing: no port, but an address.
fn ports(service: &Service, pod: &Pod) -> Vec<Option<Port>> {
    if service.spec.ports.is_empty() {
        return match is_headless(service) {
            true => vec![None],
            false => Vec::new(),
        };
    }
    let port = |port: &ServicePort| {
        let number = port_number(pod, port)?;
        let protocol = match port.protocol.as_str() {
            "" => "TCP",
            protocol => protocol,
        };
        let (name, spoken) = (port.name.clone(), port.app_protocol.clone());
        Some(Some((name, number, protocol.to_owned(), spoken)))
    };
    service.spec.ports.iter().filter_map(port).collect()
}

fn address(service: &Service, pod: &Pod) -> Option<(Place, Value)> {
    let family = Family::of(service).into_iter().next()?;
    let ip = addresses(pod, family).into_iter().next()?;
    let mut address = json!({"ip": ip, "targetRef": reference(pod)});
    if pod.is_bound() {
        address["nodeName"] = pod.spec.node_name.as_str().into();
    }
    if has_host_name(pod, service) {
        address["hostname"] = pod.spec.hostname.as_str().into();
    }
    Some(((ip.parse().ok()?, pod.metadata.uid.clone()), address))
}

/// Takes away what is too much: first those that are not ready; each subset loses its share.
fn truncate(groups: &mut [(Both, Vec<Option<Port>>)]) -> bool {
    let count = |of: fn(&Both) -> usize| groups.iter().map(|(both, _)| of(both)).sum::<usize>();
    let ready = count(|both| both.ready.len());
    let others = count(|both| both.others.len());
    if ready + others <= ADDRESSES_MAX {
        return false;
    }
    let takes_ready = ready > ADDRESSES_MAX;
    let (room, all) = match takes_ready {
        true => (ADDRESSES_MAX, ready),
        false => (ADDRESSES_MAX - ready, others),
    };
    let mut left = room;
    for (both, _) in groups {
        let own = match takes_ready {
            true => &mut both.ready,
            false => &mut both.others,
        };
        let share = (own.len() * room).div_ceil(all).min(left);
        let kept = std::mem::take(own).into_iter().take(share);
        own.extend(kept);
        left -= own.len();
        if takes_ready {
            both.others.clear();
        }
    }
    true
}

fn subset((both, ports): (Both, Vec<Option<Port>>)) -> Value {
    let mut subset = json!({});
    let list = |all: BTreeMap<Place, Value>| all.into_values().collect::<Vec<Value>>();
    for (name, all) in [
        ("addresses", list(both.ready)),
        ("notReadyAddresses", list(both.others)),
    ] {
        if !all.is_empty() {
            subset[name] = all.into();
        }
    }
    let ports = ports
        .into_iter()
        .flatten()
        .map(|(name, number, protocol, spoken)| {
            let mut port = json!({"port": number, "protocol": protocol});
            if !name.is_empty() {
                port["name"] = name.into();
            }
            if let Some(spoken) = spoken {
                port["appProtocol"] = spoken.into();
            }
            port
        });
    let ports: Vec<Value> = ports.collect();
    if !ports.is_empty() {
        subset["ports"] = ports.into();
    }
    subset
}
