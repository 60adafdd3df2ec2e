//! What users see of DaemonSets, on a cluster in memory; and the plan by itself.

mod nodes;
mod plan;
mod rolling;
mod telling;

use super::DaemonSets;
use super::template::node_of;
use crate::objects::{ControllerRevision, DaemonSet, Pod};
use crate::runtime::{Kind, World};
use crate::testing::{Cluster, named};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub const SET: &str = "default/agent";

/// A cluster with so many nodes, `node-0` and so on, and the loop of DaemonSets.
pub async fn cluster(nodes: usize) -> Cluster {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(DaemonSets::default()));
    for number in 0..nodes {
        node(&cluster, &format!("node-{number}"), json!({}), json!([])).await;
    }
    cluster
}

pub async fn node(cluster: &Cluster, name: &str, labels: Value, taints: Value) {
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": taints},
    });
    cluster.create(Kind::Node, "", node).await;
    // A new node that has not told that it is ready is tainted.
    let spec = json!({"spec": {"taints": taints}});
    cluster.patch(Kind::Node, name, "", spec).await;
}

/// A DaemonSet whose Pods run this image, with these fields beside its template.
pub async fn start(cluster: &Cluster, image: &str, spec: Value) {
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    });
    for (name, value) in spec.as_object().expect("fields") {
        set["spec"][name] = value.clone();
    }
    cluster.create(Kind::DaemonSet, "default", set).await;
}

pub async fn change_image(cluster: &Cluster, image: &str) {
    let containers = json!([{"name": "main", "image": image}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    cluster.patch(Kind::DaemonSet, SET, "", patch).await;
}

pub fn agent(world: &World) -> Option<&Arc<DaemonSet>> {
    world.daemon_sets.get(&named(SET))
}

pub fn pods(cluster: &Cluster) -> Vec<Arc<Pod>> {
    let world = cluster.ground.shared.read();
    world.pods.in_namespace("default").cloned().collect()
}

pub fn revisions(cluster: &Cluster) -> Vec<Arc<ControllerRevision>> {
    let world = cluster.ground.shared.read();
    let mut all: Vec<_> = world.controller_revisions.all().cloned().collect();
    all.sort_by_key(|one| one.revision);
    all
}

/// By node: the image of each Pod that is not going.
pub fn images(cluster: &Cluster) -> Vec<String> {
    let pods = pods(cluster);
    let active = pods.iter().filter(|pod| pod.is_active());
    let mut images: Vec<_> = active
        .map(|pod| {
            let node = node_of(pod).unwrap_or_default();
            format!("{node} {}", pod.spec.containers[0].image)
        })
        .collect();
    images.sort();
    images
}

/// What a scheduler and kubelets do with the Pods as they are now. Returns whether there was anything.
pub async fn run_once(cluster: &Cluster) -> bool {
    let mut has_any = false;
    for pod in pods(cluster) {
        let key = pod.metadata.key().to_string();
        if pod.metadata.is_deleting() {
            cluster.delete(Kind::Pod, &key, None, Some(0)).await;
        } else if !pod.is_bound() {
            cluster.bind_pod(&key, node_of(&pod).expect("a node")).await;
        } else if !pod.is_ready() && !pod.is_finished() {
            cluster.mark_pod(&key, true).await;
        } else {
            continue;
        }
        has_any = true;
    }
    has_any
}

/// Lets everything go its way until nothing happens any more.
pub async fn run(cluster: &Cluster) {
    cluster.settle().await;
    while run_once(cluster).await {
        cluster.settle().await;
    }
}

/// What the status says: desired, current, misscheduled, ready, updated, available, unavailable.
pub fn told(cluster: &Cluster) -> [i32; 7] {
    let world = cluster.ground.shared.read();
    let status = &agent(&world).expect("the DaemonSet").status;
    [
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_misscheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
        status.number_unavailable,
    ]
}

/// Patches that set the taints of a node.
pub async fn taint(cluster: &Cluster, node: &str, effect: &str) {
    let taints = json!([{"key": "k", "effect": effect}]);
    let patch = json!({"spec": {"taints": taints}});
    cluster.patch(Kind::Node, node, "", patch).await;
}

pub async fn advance(cluster: &Cluster, seconds: u64) {
    cluster.advance(Duration::from_secs(seconds)).await;
}
