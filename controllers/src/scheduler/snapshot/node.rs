//! A Node as the scheduler sees it.

use crate::objects::{Node, Taint};
use crate::scheduler::amount::{Amounts, quantity};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The label that names the zone of a node.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// The label that names the region of a node.
pub const REGION: &str = "topology.kubernetes.io/region";
/// The label that names the node itself.
pub const HOSTNAME: &str = "kubernetes.io/hostname";

/// What decisions about a node rest on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its taints.
    pub taints: Vec<Taint>,
    /// No new Pods.
    pub is_unschedulable: bool,
    /// What Pods can have.
    pub allocatable: Amounts,
    /// How many Pods can be on it.
    pub pods_max: i64,
    /// Names of images that it has, with their sizes in bytes.
    pub images: Vec<(String, i64)>,
}

impl NodeInfo {
    /// Reads a Node.
    pub fn of(node: &Node) -> NodeInfo {
        let allocatable = &node.status.allocatable;
        let images = node.status.images.iter().flat_map(|image| {
            let names = image.names.iter();
            names.map(|name| (name.clone(), image.size_bytes))
        });
        NodeInfo {
            name: node.metadata.name.as_str().into(),
            labels: node.metadata.labels.clone(),
            taints: node.spec.taints.clone(),
            is_unschedulable: node.spec.unschedulable,
            allocatable: Amounts::of(allocatable),
            pods_max: allocatable
                .get("pods")
                .and_then(quantity)
                .map_or(0, |pods| pods.value()),
            images: images.collect(),
        }
    }

    /// Its taints that keep Pods away.
    pub fn hard_taints(&self) -> impl Iterator<Item = &Taint> {
        let taints = self.taints.iter();
        taints.filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"))
    }

    /// Its taints that Pods would rather avoid.
    pub fn soft_taints(&self) -> impl Iterator<Item = &Taint> {
        let taints = self.taints.iter();
        taints.filter(|taint| taint.effect == "PreferNoSchedule")
    }

    /// The region and the zone that it is in.
    pub fn zone(&self) -> (&str, &str) {
        let label = |key: &str| self.labels.get(key).map_or("", String::as_str);
        (label(REGION), label(ZONE))
    }
}
