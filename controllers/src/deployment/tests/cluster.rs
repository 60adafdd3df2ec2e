//! Deployments, ReplicaSets and Pods together, in a cluster in memory.

use super::super::Deployments;
use super::template;
use crate::objects::{Deployment, Key, Replicas, condition};
use crate::replicas::sets;
use crate::runtime::{Ground, Kind, Manager, World};
use crate::testing::Cluster;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinHandle;

pub(super) const WEB: &str = "default/web";
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";

/// A leader in a term, until it is dropped.
pub(super) struct Leader(Vec<JoinHandle<()>>);

impl Drop for Leader {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// A leader that runs both controllers.
pub(super) fn lead(cluster: &Cluster, fence: u64) -> Leader {
    lead_with(cluster, fence, |manager| {
        manager.with(Deployments).with(sets())
    })
}

/// A leader that runs these controllers.
pub(super) fn lead_with(
    cluster: &Cluster,
    fence: u64,
    with: impl FnOnce(Manager) -> Manager,
) -> Leader {
    let Ground {
        registry,
        catalog,
        clock,
        ..
    } = &*cluster.ground;
    let ground = Ground::new(registry.clone(), catalog.clone(), clock.clone());
    let manager = Arc::new(with(Manager::new(Arc::new(ground))));
    let (following, leading) = (manager.clone(), manager);
    Leader(vec![
        tokio::spawn(async move { following.follow().await }),
        tokio::spawn(async move { leading.lead(fence).await }),
    ])
}

/// A cluster with both controllers, and a Deployment `web` of the image `a`, rolled out.
pub(super) async fn cluster(replicas: i32, spec: Value) -> (Cluster, Leader) {
    let cluster = Cluster::new().await;
    let leader = lead(&cluster, 1);
    cluster.run_pods();
    let mut web = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("a"),
        },
    });
    for (name, value) in spec.as_object().into_iter().flatten() {
        web["spec"][name] = value.clone();
    }
    cluster.create(Kind::Deployment, "default", web).await;
    cluster
        .until("it is seen", |world| world.deployments.len() == 1)
        .await;
    rolled_out(&cluster, "a").await;
    (cluster, leader)
}

pub(super) fn web(world: &World) -> &Deployment {
    let web = world.deployments.get(&Key::new("default", "web"));
    web.expect("the Deployment")
}

pub(super) fn of_image<'w>(world: &'w World, wanted: &str) -> Option<&'w Arc<Replicas>> {
    let mut sets = world.replica_sets.controlled_by(&web(world).metadata.uid);
    sets.find(|set| set.spec.template["spec"]["containers"][0]["image"] == wanted)
}

/// What `kubectl rollout status` waits for, and that the image is this.
pub(super) fn is_rolled_out(world: &World, image: &str) -> bool {
    let web = web(world);
    let (status, replicas) = (&web.status, web.spec.replicas.unwrap_or(1));
    let reason = condition(&status.conditions, "Progressing").map(|one| one.reason.as_str());
    web.spec.template["spec"]["containers"][0]["image"] == image
        && status.observed_generation >= web.metadata.generation
        && status.updated_replicas == replicas
        && status.replicas == replicas
        && status.available_replicas == replicas
        && reason == Some("NewReplicaSetAvailable")
        && world.pods.len() == usize::try_from(replicas).expect("a number")
}

pub(super) async fn rolled_out(cluster: &Cluster, image: &str) {
    let what = format!("{image} is rolled out");
    cluster
        .until(&what, |world| is_rolled_out(world, image))
        .await;
}

pub(super) async fn set_image(cluster: &Cluster, image: &str) {
    let containers = json!([{"name": "c", "image": image}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    cluster.patch(Kind::Deployment, WEB, "", patch).await;
}

pub(super) async fn progress(cluster: &Cluster) -> Vec<String> {
    let web = cluster
        .get(Kind::Deployment, WEB)
        .await
        .expect("the Deployment");
    let conditions = web["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let progress = conditions.iter().find(|one| one["type"] == "Progressing");
    let text = |name: &str| progress.map_or("", |one| one[name].as_str().unwrap_or(""));
    ["status", "reason", "message"]
        .map(|name| text(name).to_owned())
        .into()
}
