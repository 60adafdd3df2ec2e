//! The engine against a cluster in memory, and its pure parts by tables.

mod history;
mod numbers;
mod ranks;
mod telling;
mod two;

use super::{controllers, sets};
use crate::objects::{Key, Pod, Replicas};
use crate::runtime::{Kind, World};
use crate::testing::Cluster;
use serde_json::{Value, json};
use std::sync::Arc;

/// A ReplicaSet `name` of so many Pods, which are labelled `app: name`.
fn set(name: &str, replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name),
        },
    })
}

fn template(name: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    })
}

/// A Pod that nobody manages.
fn orphan(name: &str, app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": app}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    })
}

async fn scale(cluster: &Cluster, name: &str, replicas: i32) {
    let patch = json!({"spec": {"replicas": replicas}});
    let key = format!("default/{name}");
    cluster.patch(Kind::ReplicaSet, &key, "", patch).await;
}

fn of<'w>(world: &'w World, name: &str) -> Option<&'w Arc<Replicas>> {
    let key = Key::new("default", name);
    let sets = world.replica_sets.get(&key);
    sets.or_else(|| world.replication_controllers.get(&key))
}

/// Its active Pods.
fn active(world: &World, name: &str) -> Vec<Arc<Pod>> {
    let uid = of(world, name).map_or("", |set| &set.metadata.uid);
    let pods = world.pods.controlled_by(uid);
    pods.filter(|pod| pod.is_active()).cloned().collect()
}

/// There are so many active Pods, and the status says so of the present generation.
fn is_settled(world: &World, name: &str, replicas: usize) -> bool {
    let Some(set) = of(world, name) else {
        return false;
    };
    active(world, name).len() == replicas
        && usize::try_from(set.status.replicas) == Ok(replicas)
        && set.status.observed_generation == set.metadata.generation
}

async fn settled(cluster: &Cluster, name: &str, replicas: usize) -> Vec<Arc<Pod>> {
    let what = format!("{name} has {replicas} pods and says so");
    cluster
        .until(&what, |world| is_settled(world, name, replicas))
        .await;
    active(&cluster.ground.shared.read(), name)
}

/// All Pods of it serve, and the status says so.
async fn ready(cluster: &Cluster, name: &str, replicas: i32) -> Vec<Arc<Pod>> {
    let what = format!("{replicas} pods of {name} are ready");
    cluster
        .until(&what, |world| {
            let status = of(world, name).map(|set| &set.status);
            status.is_some_and(|status| status.ready_replicas == replicas)
        })
        .await;
    active(&cluster.ground.shared.read(), name)
}
