//! Nodes and their leases, as far as loops look at them.

use super::meta::{Condition, Meta};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A Node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Its metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: NodeSpec,
    /// What is.
    pub status: NodeStatus,
}

/// What is wanted of a Node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSpec {
    /// No new Pods.
    pub unschedulable: bool,
    /// What Pods must bear.
    pub taints: Vec<Taint>,
    /// Addresses of its Pods.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: String,
    /// The same, for each family of addresses.
    #[serde(rename = "podCIDRs")]
    pub pod_cidrs: Vec<String>,
    /// Whose machine it is.
    #[serde(rename = "providerID")]
    pub provider_id: String,
}

/// A taint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
    /// Since when: RFC 3339.
    pub time_added: Option<String>,
}

/// What a Node is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// What it has, as quantities.
    pub capacity: BTreeMap<String, Value>,
    /// What of it Pods can have, as quantities.
    pub allocatable: BTreeMap<String, Value>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// Its addresses.
    pub addresses: Vec<NodeAddress>,
    /// What it holds ready.
    pub images: Vec<NodeImage>,
}

/// One address of a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodeAddress {
    /// `InternalIP`, `Hostname`, ...
    pub r#type: String,
    /// The address.
    pub address: String,
}

/// An image on a Node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeImage {
    /// All its names.
    pub names: Vec<String>,
    /// In bytes.
    pub size_bytes: i64,
}

/// A Lease, by which a node shows that it is there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Its metadata.
    pub metadata: Meta,
    /// Who holds it until when.
    pub spec: LeaseSpec,
}

/// Who holds a Lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaseSpec {
    /// Who.
    pub holder_identity: String,
    /// For how long since it was renewed.
    pub lease_duration_seconds: i64,
    /// How often the holder changed.
    pub lease_transitions: i64,
    /// When it was renewed: RFC 3339 with microseconds.
    pub renew_time: Option<String>,
}
