//! Services and where they lead, as far as loops look at them.

use super::meta::Meta;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// A Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Its metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: ServiceSpec,
}

/// What is wanted of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    pub r#type: String,
    /// Which Pods stand behind it; `None`: somebody else says.
    pub selector: Option<BTreeMap<String, String>>,
    /// Its address; `None` for a headless one.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// Whether the ports of a `LoadBalancer` get numbers on nodes; `None`: they do.
    pub allocate_load_balancer_node_ports: Option<bool>,
    /// `IPv4`, `IPv6`.
    pub ip_families: Vec<String>,
    /// Pods are found before they are ready.
    pub publish_not_ready_addresses: bool,
    /// Which Pods are preferred.
    pub traffic_distribution: Option<String>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Its name.
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The number at the Service.
    pub port: i32,
    /// The number or the name at the Pod.
    pub target_port: Value,
    /// The number on nodes; 0: none.
    pub node_port: i32,
    /// What is spoken.
    pub app_protocol: Option<String>,
}

/// A list that may be null: clients send it so, and it is stored so.
fn listed<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Value>, D::Error> {
    let list: Option<Vec<Value>> = Option::deserialize(from)?;
    Ok(list.unwrap_or_default())
}

/// Where a Service leads, in one object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Endpoints {
    /// Its metadata.
    pub metadata: Meta,
    /// Addresses and ports, as they are stored.
    #[serde(deserialize_with = "listed")]
    pub subsets: Vec<Value>,
}

/// A part of where a Service leads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSlice {
    /// Its metadata.
    pub metadata: Meta,
    /// `IPv4`, `IPv6` or `FQDN`.
    pub address_type: String,
    /// Who is there, as it is stored.
    #[serde(deserialize_with = "listed")]
    pub endpoints: Vec<Value>,
    /// The ports, as they are stored.
    #[serde(deserialize_with = "listed")]
    pub ports: Vec<Value>,
}
