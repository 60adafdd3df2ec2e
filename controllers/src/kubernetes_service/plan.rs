//! What is to be done, from the world and the members.

use super::{Member, NAME, NAMESPACE, is_ours, key};
use crate::endpoint_slices::SERVICE_NAME;
use crate::objects::{EndpointSlice, Endpoints, Key, Service};
use crate::runtime::{Client, Deletion, Kind, Problem, World};
use keelson_apiserver::admission::SERVICE_CIDR_FIRST;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

const PORT: u16 = 443;
const PORT_NAME: &str = "https";
pub(super) const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Create(Kind, Value),
    Change(Kind, Key, Value),
    Delete(Key, u64),
}

impl Step {
    pub(super) async fn carry_out(&self, client: &Client) -> Result<(), Problem> {
        match self {
            Step::Create(kind, object) => match client.create(*kind, NAMESPACE, object).await {
                // Somebody was faster: the world will show what there is.
                Ok(_) | Err(Problem::Exists) => Ok(()),
                Err(problem) => Err(problem),
            },
            Step::Change(kind, key, patch) => client.patch(*kind, key, patch).await.map(drop),
            Step::Delete(key, revision) => {
                let deletion = Deletion {
                    revision: Some(*revision),
                    ..Deletion::default()
                };
                client.delete(Kind::EndpointSlice, key, &deletion).await
            }
        }
    }
}

/// Addresses by family and port.
pub(super) type Places = BTreeMap<(bool, u16), Vec<IpAddr>>;

/// Where the Service can lead.
pub(super) fn places(members: &[Member]) -> Places {
    let mut places = Places::new();
    for member in members {
        let is_local = match member.ip {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local(),
        };
        if !is_local {
            let place = places.entry((member.ip.is_ipv6(), member.port));
            place.or_default().push(member.ip);
        }
    }
    places
}

pub(super) fn plan(world: &World, port: u16, places: &Places) -> Vec<Step> {
    let namespace = world.namespaces.get(&Key::cluster(NAMESPACE));
    if namespace.is_none() {
        return Vec::new();
    }
    let service = service(world.services.get(&key()), port);
    let endpoints = endpoints(world.endpoints.get(&key()), places);
    let slices = world.endpoint_slices.in_namespace(NAMESPACE);
    let slices: Vec<&Arc<EndpointSlice>> = slices.filter(|slice| is_ours(slice)).collect();
    let mut steps: Vec<Step> = service.into_iter().chain(endpoints).collect();
    steps.extend(slice_steps(&slices, places));
    steps
}

fn service(now: Option<&Arc<Service>>, target: u16) -> Option<Step> {
    let ports = json!([
        {"name": PORT_NAME, "port": PORT, "protocol": "TCP", "targetPort": target},
    ]);
    let Some(now) = now else {
        return Some(Step::Create(
            Kind::Service,
            json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {
                    "name": NAME,
                    "namespace": NAMESPACE,
                    "labels": {"component": "apiserver", "provider": "kubernetes"},
                },
                "spec": {
                    "clusterIP": SERVICE_CIDR_FIRST,
                    "clusterIPs": [SERVICE_CIDR_FIRST],
                    "ipFamilies": ["IPv4"],
                    "ipFamilyPolicy": "SingleStack",
                    "ports": ports,
                    "sessionAffinity": "None",
                    "type": "ClusterIP",
                },
            }),
        ));
    };
    let is_settled = match now.spec.ports.as_slice() {
        [only] => {
            only.name == PORT_NAME
                && only.port == i32::from(PORT)
                && only.protocol == "TCP"
                && only.target_port == json!(target)
        }
        _ => false,
    };
    let patch = json!({
        "metadata": {"resourceVersion": now.metadata.revision.to_string()},
        "spec": {"ports": ports},
    });
    (!is_settled && !now.metadata.is_deleting()).then(|| Step::Change(Kind::Service, key(), patch))
}

fn port_of(port: u16) -> Value {
    json!([{"name": PORT_NAME, "port": port, "protocol": "TCP"}])
}

pub(super) fn endpoints(now: Option<&Arc<Endpoints>>, places: &Places) -> Option<Step> {
    let subsets = places.iter().map(|((_, port), ips)| {
        let addresses: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
        json!({"addresses": addresses, "ports": port_of(*port)})
    });
    let subsets: Vec<Value> = subsets.collect();
    let labels = json!({SKIP_MIRROR: "true"});
    match now {
        None if subsets.is_empty() => None,
        None => Some(Step::Create(
            Kind::Endpoints,
            json!({
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
                "subsets": subsets,
            }),
        )),
        Some(now) => {
            let is_marked = now.metadata.labels.get(SKIP_MIRROR);
            let is_settled = now.subsets == subsets && is_marked.is_some_and(|is| is == "true");
            let patch = json!({
                "metadata": {
                    "resourceVersion": now.metadata.revision.to_string(),
                    "labels": labels,
                },
                "subsets": subsets,
            });
            (!is_settled).then(|| Step::Change(Kind::Endpoints, key(), patch))
        }
    }
}

/// One slice for each family and port: the first has the name of the Service.
pub(super) fn slice_steps(now: &[&Arc<EndpointSlice>], places: &Places) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut wanted = BTreeSet::new();
    for (index, ((is_v6, port), ips)) in places.iter().enumerate() {
        let family = if *is_v6 { "IPv6" } else { "IPv4" };
        let name = match index {
            0 => NAME.to_owned(),
            _ => format!("{NAME}-{}-{port}", family.to_lowercase()),
        };
        let ips = ips
            .iter()
            .map(|ip| json!({"addresses": [ip], "conditions": {"ready": true}}));
        let endpoints: Vec<Value> = ips.collect();
        let ports = port_of(*port);
        wanted.insert(name.clone());
        let found = now.iter().find(|slice| slice.metadata.name == name);
        match found {
            // The family of a slice does not change.
            Some(found) if found.address_type != family => {
                steps.push(Step::Delete(found.metadata.key(), found.metadata.revision));
            }
            Some(found) if found.endpoints == endpoints && json!(found.ports) == ports => {}
            Some(found) => {
                let patch = json!({
                    "metadata": {"resourceVersion": found.metadata.revision.to_string()},
                    "endpoints": endpoints,
                    "ports": ports,
                });
                steps.push(Step::Change(
                    Kind::EndpointSlice,
                    found.metadata.key(),
                    patch,
                ));
            }
            None => steps.push(Step::Create(
                Kind::EndpointSlice,
                json!({
                    "apiVersion": "discovery.k8s.io/v1",
                    "kind": "EndpointSlice",
                    "metadata": {
                        "name": name,
                        "namespace": NAMESPACE,
                        "labels": {SERVICE_NAME: NAME},
                    },
                    "addressType": family,
                    "endpoints": endpoints,
                    "ports": ports,
                }),
            )),
        }
    }
    let gone = now
        .iter()
        .filter(|slice| !wanted.contains(&slice.metadata.name));
    steps.extend(gone.map(|slice| Step::Delete(slice.metadata.key(), slice.metadata.revision)));
    steps
}
