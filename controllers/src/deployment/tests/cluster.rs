//! Deployments, ReplicaSets and Pods together, in a cluster in memory: what users see.

use super::super::Deployments;
use super::history::{extremes, image, messages, mixed, states, writes};
use super::template;
use crate::objects::{Deployment, Key, Replicas, condition};
use crate::replicas::sets;
use crate::runtime::{Ground, Kind, Manager, World};
use crate::testing::Cluster;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

const WEB: &str = "default/web";
const REVISION: &str = "deployment.kubernetes.io/revision";

/// A leader in a term, until it is dropped.
struct Leader(Vec<JoinHandle<()>>);

impl Drop for Leader {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

fn lead(cluster: &Cluster, fence: u64) -> Leader {
    let Ground {
        registry,
        catalog,
        clock,
        ..
    } = &*cluster.ground;
    let ground = Ground::new(registry.clone(), catalog.clone(), clock.clone());
    let manager = Manager::new(Arc::new(ground)).with(Deployments).with(sets());
    let manager = Arc::new(manager);
    let (following, leading) = (manager.clone(), manager);
    Leader(vec![
        tokio::spawn(async move { following.follow().await }),
        tokio::spawn(async move { leading.lead(fence).await }),
    ])
}

/// A cluster with both controllers, and a Deployment `web` of the image `a`, rolled out.
async fn cluster(replicas: i32, spec: Value) -> (Cluster, Leader) {
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
    rolled_out(&cluster, "a").await;
    (cluster, leader)
}

fn web(world: &World) -> &Deployment {
    let web = world.deployments.get(&Key::new("default", "web"));
    web.expect("the Deployment")
}

fn of_image<'w>(world: &'w World, wanted: &str) -> Option<&'w Arc<Replicas>> {
    let mut sets = world.replica_sets.controlled_by(&web(world).metadata.uid);
    sets.find(|set| set.spec.template["spec"]["containers"][0]["image"] == wanted)
}

/// What `kubectl rollout status` waits for, and that the image is this.
fn is_rolled_out(world: &World, image: &str) -> bool {
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

async fn rolled_out(cluster: &Cluster, image: &str) {
    let what = format!("{image} is rolled out");
    cluster
        .until(&what, |world| is_rolled_out(world, image))
        .await;
}

async fn set_image(cluster: &Cluster, image: &str) {
    let containers = json!([{"name": "c", "image": image}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    cluster.patch(Kind::Deployment, WEB, "", patch).await;
}

async fn progress(cluster: &Cluster) -> Vec<String> {
    let web = cluster.get(Kind::Deployment, WEB).await.expect("the Deployment");
    let conditions = web["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let progress = conditions.iter().find(|one| one["type"] == "Progressing");
    let text = |name: &str| progress.map_or("", |one| one[name].as_str().unwrap_or(""));
    ["status", "reason", "message"].map(|name| text(name).to_owned()).into()
}

#[tokio::test(start_paused = true)]
async fn d5_a_rolling_update_keeps_its_bounds_at_every_revision() {
    let (cluster, _leader) = cluster(10, json!({})).await;
    let before = cluster.kv.revision();
    set_image(&cluster, "b").await;
    rolled_out(&cluster, "b").await;
    cluster.settle().await;
    let states = states(&writes(&cluster).await, before);
    let (most, least) = extremes(&states);
    assert!(most <= 13 && least >= 8, "{least} to {most} pods");
    // It used its room, or the bounds show nothing.
    assert!(most > 10, "{most}");
    let (_, last) = states.last().expect("some writes");
    assert!(last.values().all(|pod| image(pod) == "b"));
}

#[tokio::test(start_paused = true)]
async fn d13_templates_that_change_all_the_time_keep_the_bounds_too() {
    let (cluster, _leader) = cluster(10, json!({})).await;
    let before = cluster.kv.revision();
    for image in ["b", "c", "a", "d", "b", "e"] {
        set_image(&cluster, image).await;
        let what = format!("some Pods of {image} are there");
        cluster
            .until(&what, |world| {
                of_image(world, image).is_some_and(|set| set.status.replicas > 0)
            })
            .await;
    }
    rolled_out(&cluster, "e").await;
    cluster.settle().await;
    let (most, least) = extremes(&states(&writes(&cluster).await, before));
    assert!(most <= 13 && least >= 8, "{least} to {most} pods");
}

#[tokio::test(start_paused = true)]
async fn d5_without_surge_pods_go_first_and_without_missing_ones_they_come_first() {
    for (surge, unavailable, (at_most, at_least)) in [(0, 1, (4, 3)), (1, 0, (5, 4))] {
        let parameters = json!({"maxSurge": surge, "maxUnavailable": unavailable});
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": parameters});
        let (cluster, _leader) = cluster(4, json!({"strategy": strategy})).await;
        let before = cluster.kv.revision();
        set_image(&cluster, "b").await;
        rolled_out(&cluster, "b").await;
        cluster.settle().await;
        let (most, least) = extremes(&states(&writes(&cluster).await, before));
        assert_eq!((most, least), (at_most, at_least));
    }
}

#[tokio::test(start_paused = true)]
async fn d2_going_back_makes_the_old_set_the_newest_revision() {
    let (cluster, _leader) = cluster(3, json!({})).await;
    let cause = |cause: &str| json!({"metadata": {"annotations": {"kubernetes.io/change-cause": cause}}});
    cluster.patch(Kind::Deployment, WEB, "", cause("first")).await;
    set_image(&cluster, "b").await;
    cluster.patch(Kind::Deployment, WEB, "", cause("second")).await;
    rolled_out(&cluster, "b").await;
    // `kubectl rollout undo` sends the template and the annotations of the old set.
    set_image(&cluster, "a").await;
    cluster.patch(Kind::Deployment, WEB, "", cause("third")).await;
    rolled_out(&cluster, "a").await;
    cluster.settle().await;
    let world = cluster.ground.shared.read();
    assert_eq!(world.replica_sets.len(), 2);
    let noted = |image: &str, name: &str| {
        let set = of_image(&world, image).expect("a set");
        set.metadata.annotations.get(name).cloned().unwrap_or_default()
    };
    let history = "deployment.kubernetes.io/revision-history";
    let cause = "kubernetes.io/change-cause";
    assert_eq!((noted("a", REVISION), noted("a", history), noted("a", cause)), ("3".into(), "1".into(), "third".into()));
    assert_eq!((noted("b", REVISION), noted("b", history), noted("b", cause)), ("2".into(), "".into(), "second".into()));
    assert_eq!(web(&world).metadata.annotations[REVISION], "3");
    // What is wanted changed five times; what is told about it does not count.
    assert_eq!(web(&world).metadata.generation, 6);
    assert_eq!(web(&world).status.observed_generation, 6);
}

#[tokio::test(start_paused = true)]
async fn d8_a_pause_holds_templates_back_and_its_end_rolls_once_to_the_last() {
    let (cluster, _leader) = cluster(3, json!({})).await;
    let pause = |is_paused: bool| json!({"spec": {"paused": is_paused}});
    cluster.patch(Kind::Deployment, WEB, "", pause(true)).await;
    for image in ["b", "c"] {
        set_image(&cluster, image).await;
    }
    cluster.patch(Kind::Deployment, WEB, "", json!({"spec": {"replicas": 5}})).await;
    cluster
        .until("the old set has all", |world| {
            of_image(world, "a").is_some_and(|set| set.status.available_replicas == 5)
        })
        .await;
    cluster.settle().await;
    assert_eq!(progress(&cluster).await, ["Unknown", "DeploymentPaused", "Deployment is paused"]);
    // The time until the deadline does not pass.
    cluster.advance(Duration::from_secs(3600)).await;
    cluster.settle().await;
    assert_eq!(progress(&cluster).await[1], "DeploymentPaused");
    assert_eq!(cluster.ground.shared.read().replica_sets.len(), 1);
    cluster.patch(Kind::Deployment, WEB, "", pause(false)).await;
    rolled_out(&cluster, "c").await;
    let world = cluster.ground.shared.read();
    assert_eq!(world.replica_sets.len(), 2);
    assert!(of_image(&world, "b").is_none());
}

#[tokio::test(start_paused = true)]
async fn d10_recreate_lets_no_new_pod_come_before_the_last_old_one_has_gone() {
    let (cluster, _leader) = cluster(4, json!({"strategy": {"type": "Recreate"}})).await;
    for image in ["b", "a", "c"] {
        set_image(&cluster, image).await;
        rolled_out(&cluster, image).await;
    }
    cluster.settle().await;
    let states = states(&writes(&cluster).await, 0);
    assert_eq!(mixed(&states), [0; 0]);
    assert_eq!(extremes(&states).0, 4);
}

#[tokio::test(start_paused = true)]
async fn d6_a_template_that_never_serves_stops_is_late_and_is_undone() {
    let (cluster, _leader) = cluster(10, json!({})).await;
    let before = cluster.kv.revision();
    // Its Pods wait for somebody who never comes.
    let gates = |gates: Value| json!({"spec": {"template": {"spec": {"schedulingGates": gates}}}});
    cluster.patch(Kind::Deployment, WEB, "", gates(json!([{"name": "example.com/never"}]))).await;
    cluster.until("five bad Pods are there", |world| web(world).status.updated_replicas == 5).await;
    cluster.settle().await;
    let name = {
        let world = cluster.ground.shared.read();
        let mut sets = world.replica_sets.all();
        let bad = sets.find(|set| set.spec.template["spec"]["schedulingGates"].is_array());
        let bad = bad.expect("a set").metadata.name.clone();
        let status = &web(&world).status;
        assert_eq!((status.replicas, status.updated_replicas, status.available_replicas), (13, 5, 8));
        bad
    };
    let moving = format!("ReplicaSet \"{name}\" is progressing.");
    assert_eq!(progress(&cluster).await, ["True", "ReplicaSetUpdated", &moving]);
    cluster.advance(Duration::from_secs(602)).await;
    cluster.settle().await;
    let late = format!("ReplicaSet \"{name}\" has timed out progressing.");
    assert_eq!(progress(&cluster).await, ["False", "ProgressDeadlineExceeded", &late]);
    cluster.patch(Kind::Deployment, WEB, "", gates(Value::Null)).await;
    rolled_out(&cluster, "a").await;
    let (most, least) = extremes(&states(&writes(&cluster).await, before));
    assert!(most <= 13 && least >= 8, "{least} to {most} pods");
}

#[tokio::test(start_paused = true)]
async fn d11_only_so_many_old_sets_are_kept() {
    let (cluster, _leader) = cluster(2, json!({"revisionHistoryLimit": 1})).await;
    for image in ["b", "c", "d"] {
        set_image(&cluster, image).await;
        rolled_out(&cluster, image).await;
    }
    cluster
        .until("two sets are left", |world| world.replica_sets.len() == 2)
        .await;
    let world = cluster.ground.shared.read();
    assert!(of_image(&world, "c").is_some() && of_image(&world, "d").is_some());
}

#[tokio::test(start_paused = true)]
async fn d12_the_scale_of_a_deployment_can_be_read_and_written() {
    let (cluster, _leader) = cluster(2, json!({})).await;
    let scale = json!({"spec": {"replicas": 6}});
    let scale = cluster.patch(Kind::Deployment, WEB, "scale", scale).await;
    assert_eq!(scale["status"]["selector"], "app=web");
    rolled_out(&cluster, "a").await;
    assert_eq!(cluster.ground.shared.read().pods.len(), 6);
    let noted = json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
    let restart = json!({"spec": {"template": {"metadata": {"annotations": noted}}}});
    cluster.patch(Kind::Deployment, WEB, "", restart).await;
    rolled_out(&cluster, "a").await;
    let world = cluster.ground.shared.read();
    assert_eq!(world.replica_sets.len(), 2);
    assert!(world.pods.all().all(|pod| pod.metadata.annotations.contains_key("kubectl.kubernetes.io/restartedAt")));
}

#[tokio::test(start_paused = true)]
async fn d1_a_name_that_is_taken_by_another_is_avoided() {
    let (cluster, _leader) = cluster(2, json!({})).await;
    let taken = of_image(&cluster.ground.shared.read(), "a").expect("a set").metadata.name.clone();
    // The same Deployment again, while its set is another one's.
    cluster.patch(Kind::ReplicaSet, &format!("default/{taken}"), "", json!({
        "metadata": {"labels": {"app": "other"}},
    })).await;
    cluster.until("another set is made", |world| web(world).status.collision_count == Some(1)).await;
    cluster
        .until("it has Pods", |world| {
            of_image(world, "a").is_some_and(|set| set.metadata.name != taken && set.status.available_replicas == 2)
        })
        .await;
    let left = cluster.get(Kind::ReplicaSet, &format!("default/{taken}")).await.expect("the old set");
    assert_eq!(left["metadata"].get("ownerReferences"), None);
}

#[tokio::test(start_paused = true)]
async fn m4_a_set_that_nobody_manages_is_adopted_with_its_pods() {
    let (cluster, _leader) = cluster(3, json!({})).await;
    let name = of_image(&cluster.ground.shared.read(), "a").expect("a set").metadata.name.clone();
    let key = format!("default/{name}");
    let uids = |world: &World| -> Vec<String> {
        world.pods.all().map(|pod| pod.metadata.uid.clone()).collect()
    };
    let before = uids(&cluster.ground.shared.read());
    cluster.patch(Kind::ReplicaSet, &key, "", json!({"metadata": {"ownerReferences": null}})).await;
    cluster.until("it is adopted", |world| of_image(world, "a").is_some()).await;
    cluster.settle().await;
    let world = cluster.ground.shared.read();
    assert_eq!((world.replica_sets.len(), uids(&world)), (1, before));
}

#[tokio::test(start_paused = true)]
async fn events_say_what_was_scaled_as_upstream_does() {
    let (cluster, _leader) = cluster(1, json!({})).await;
    set_image(&cluster, "b").await;
    rolled_out(&cluster, "b").await;
    cluster.settle().await;
    let name = |image| {
        let world = cluster.ground.shared.read();
        of_image(&world, image).expect("a set").metadata.name.clone()
    };
    let (a, b) = (name("a"), name("b"));
    let expected = [
        format!("Normal ScalingReplicaSet: Scaled up replica set {a} from 0 to 1"),
        format!("Normal ScalingReplicaSet: Scaled up replica set {b} from 0 to 1"),
        format!("Normal ScalingReplicaSet: Scaled down replica set {a} from 1 to 0"),
    ];
    assert_eq!(messages(&writes(&cluster).await), expected);
}

#[tokio::test(start_paused = true)]
async fn d5_a_leader_that_is_replaced_in_the_middle_changes_nothing_about_the_bounds() {
    let (cluster, first) = cluster(10, json!({})).await;
    let before = cluster.kv.revision();
    let mut leaders = vec![first];
    for (fence, image) in (2..8).zip(["b", "c", "b", "d", "e", "f"]) {
        set_image(&cluster, image).await;
        cluster
            .until("it is half way", |world| {
                let status = of_image(world, image).map(|set| &set.status);
                status.is_some_and(|status| status.available_replicas > 3)
            })
            .await;
        // The old one does not know, and goes on for as long as it can.
        cluster.kv.set_leadership(fence);
        leaders.push(lead(&cluster, fence));
    }
    rolled_out(&cluster, "f").await;
    cluster.settle().await;
    let (most, least) = extremes(&states(&writes(&cluster).await, before));
    assert!(most <= 13 && least >= 8, "{least} to {most} pods");
    let world = cluster.ground.shared.read();
    assert_eq!(world.replica_sets.len(), 6);
    assert_eq!(web(&world).metadata.annotations[REVISION], "7");
}

#[tokio::test(start_paused = true)]
async fn two_who_run_it_at_once_make_one_set_per_template() {
    let (cluster, _one) = cluster(5, json!({})).await;
    let _other = lead(&cluster, 1);
    let before = cluster.kv.revision();
    for image in ["b", "c", "d"] {
        set_image(&cluster, image).await;
        rolled_out(&cluster, image).await;
    }
    cluster.settle().await;
    let (most, least) = extremes(&states(&writes(&cluster).await, before));
    assert!(most <= 7 && least >= 4, "{least} to {most} pods");
    let world = cluster.ground.shared.read();
    assert_eq!(world.replica_sets.len(), 4);
    assert_eq!(web(&world).status.collision_count, None);
}
