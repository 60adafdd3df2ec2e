//! What users see: D1, D2, D6, D8, D11, D12, M4, events.

use super::cluster::*;
use super::history::{extremes, messages, states, writes};
use crate::runtime::{Ground, Kind, World};
use crate::testing::Cluster;
use keelson_apiserver::identity::{MASTERS, User};
use keelson_apiserver::registry::{Body, Caller, Target};
use keelson_apiserver::request::{
    Encoding, FieldValidation, PatchOptions, PatchType, WriteOptions,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn d2_going_back_makes_the_old_set_the_newest_revision() {
    let (cluster, _leader) = cluster(3, json!({})).await;
    let cause =
        |cause: &str| json!({"metadata": {"annotations": {"kubernetes.io/change-cause": cause}}});
    cluster
        .patch(Kind::Deployment, WEB, "", cause("first"))
        .await;
    set_image(&cluster, "b").await;
    cluster
        .patch(Kind::Deployment, WEB, "", cause("second"))
        .await;
    rolled_out(&cluster, "b").await;
    // `kubectl rollout undo` sends the template and the annotations of the old set.
    set_image(&cluster, "a").await;
    cluster
        .patch(Kind::Deployment, WEB, "", cause("third"))
        .await;
    rolled_out(&cluster, "a").await;
    cluster.settle().await;
    let world = cluster.ground.shared.read();
    assert_eq!(world.replica_sets.len(), 2);
    let noted = |image: &str, name: &str| {
        let set = of_image(&world, image).expect("a set");
        set.metadata
            .annotations
            .get(name)
            .cloned()
            .unwrap_or_default()
    };
    let history = "deployment.kubernetes.io/revision-history";
    let cause = "kubernetes.io/change-cause";
    assert_eq!(
        (noted("a", REVISION), noted("a", history), noted("a", cause)),
        ("3".into(), "1".into(), "third".into())
    );
    assert_eq!(
        (noted("b", REVISION), noted("b", history), noted("b", cause)),
        ("2".into(), "".into(), "second".into())
    );
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
    cluster
        .patch(Kind::Deployment, WEB, "", json!({"spec": {"replicas": 5}}))
        .await;
    cluster
        .until("the old set has all", |world| {
            of_image(world, "a").is_some_and(|set| set.status.available_replicas == 5)
        })
        .await;
    cluster.settle().await;
    assert_eq!(
        progress(&cluster).await,
        ["Unknown", "DeploymentPaused", "Deployment is paused"]
    );
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
async fn d6_a_template_that_never_serves_stops_is_late_and_is_undone() {
    let (cluster, _leader) = cluster(10, json!({})).await;
    let before = cluster.kv.revision();
    // Its Pods wait for somebody who never comes.
    let gates = |gates: Value| json!({"spec": {"template": {"spec": {"schedulingGates": gates}}}});
    cluster
        .patch(
            Kind::Deployment,
            WEB,
            "",
            gates(json!([{"name": "example.com/never"}])),
        )
        .await;
    cluster
        .until("five bad Pods are there", |world| {
            web(world).status.updated_replicas == 5
        })
        .await;
    cluster.settle().await;
    let name = {
        let world = cluster.ground.shared.read();
        let mut sets = world.replica_sets.all();
        let bad = sets.find(|set| set.spec.template["spec"]["schedulingGates"].is_array());
        let bad = bad.expect("a set").metadata.name.clone();
        let status = &web(&world).status;
        assert_eq!(
            (
                status.replicas,
                status.updated_replicas,
                status.available_replicas
            ),
            (13, 5, 8)
        );
        bad
    };
    let moving = format!("ReplicaSet \"{name}\" is progressing.");
    assert_eq!(
        progress(&cluster).await,
        ["True", "ReplicaSetUpdated", &moving]
    );
    cluster.advance(Duration::from_secs(602)).await;
    cluster.settle().await;
    let late = format!("ReplicaSet \"{name}\" has timed out progressing.");
    assert_eq!(
        progress(&cluster).await,
        ["False", "ProgressDeadlineExceeded", &late]
    );
    cluster
        .patch(Kind::Deployment, WEB, "", gates(Value::Null))
        .await;
    rolled_out(&cluster, "a").await;
    let (most, least) = extremes(&states(&writes(&cluster).await, before));
    assert!(most <= 13 && least >= 8, "{least} to {most} pods");
}

#[tokio::test(start_paused = true)]
async fn d9_a_number_that_changes_during_a_rollout_is_spread_over_the_sets() {
    let (cluster, _leader) = cluster(10, json!({})).await;
    let never = json!([{"name": "example.com/never"}]);
    let bad = json!({"spec": {"template": {"spec": {"schedulingGates": never}}}});
    cluster.patch(Kind::Deployment, WEB, "", bad).await;
    let wanted = |world: &World| -> Vec<i32> {
        let sets = world.replica_sets.all();
        let mut wanted: Vec<i32> = sets.filter_map(|set| set.spec.replicas).collect();
        wanted.sort_unstable();
        wanted
    };
    for (replicas, expected) in [(10, [5, 8]), (15, [7, 12]), (4, [2, 3]), (20, [10, 15])] {
        let scale = json!({"spec": {"replicas": replicas}});
        cluster.patch(Kind::Deployment, WEB, "", scale).await;
        let what = format!("{replicas} are {expected:?}");
        cluster
            .until(&what, |world| {
                wanted(world) == expected
                    && web(world).status.replicas == expected.iter().sum::<i32>()
            })
            .await;
        cluster.settle().await;
        assert_eq!(wanted(&cluster.ground.shared.read()), expected);
    }
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
    cluster
        .until("six Pods serve", |world| {
            web(world).status.available_replicas == 6
        })
        .await;
    let noted = json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
    let restart = json!({"spec": {"template": {"metadata": {"annotations": noted}}}});
    cluster.patch(Kind::Deployment, WEB, "", restart).await;
    cluster
        .until("it begins", |world| world.replica_sets.len() == 2)
        .await;
    rolled_out(&cluster, "a").await;
    let world = cluster.ground.shared.read();
    assert!(world.pods.all().all(|pod| {
        pod.metadata
            .annotations
            .contains_key("kubectl.kubernetes.io/restartedAt")
    }));
}

#[tokio::test(start_paused = true)]
async fn d1_a_name_that_is_taken_by_another_is_avoided() {
    let (cluster, _leader) = cluster(2, json!({})).await;
    let taken = of_image(&cluster.ground.shared.read(), "a")
        .expect("a set")
        .metadata
        .name
        .clone();
    // The same Deployment again, while its set is another one's.
    cluster
        .patch(
            Kind::ReplicaSet,
            &format!("default/{taken}"),
            "",
            json!({
                "metadata": {"labels": {"app": "other"}},
            }),
        )
        .await;
    cluster
        .until("another set is made", |world| {
            web(world).status.collision_count == Some(1)
        })
        .await;
    cluster
        .until("it has Pods", |world| {
            of_image(world, "a")
                .is_some_and(|set| set.metadata.name != taken && set.status.available_replicas == 2)
        })
        .await;
    let left = cluster
        .get(Kind::ReplicaSet, &format!("default/{taken}"))
        .await
        .expect("the old set");
    assert_eq!(left["metadata"].get("ownerReferences"), None);
}

/// Lets so many ReplicaSets be.
async fn allow_sets(cluster: &Cluster, most: &str) {
    let Ground {
        registry, catalog, ..
    } = &*cluster.ground;
    let row = catalog.find("", "v1", "resourcequotas").expect("a kind");
    let caller = Caller::new(User::new("tester", [MASTERS]), "test");
    let mut target = Target {
        resource: Arc::new(row.clone()),
        namespace: "default".to_owned(),
        name: String::new(),
        subresource: String::new(),
    };
    let write = WriteOptions {
        is_dry_run: false,
        field_manager: "test".to_owned(),
        field_validation: FieldValidation::Strict,
    };
    let body = |value: Value| Body {
        bytes: value.to_string().into(),
        encoding: Encoding::Json,
    };
    let hard = json!({"count/replicasets.apps": most});
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "few"}, "spec": {"hard": hard},
    });
    // It is there already the second time.
    let _ = registry
        .create(&caller, &target, &body(quota), &write)
        .await;
    target.name = "few".to_owned();
    target.subresource = "status".to_owned();
    let used = json!({"count/replicasets.apps": "1"});
    let status = body(json!({"status": {"hard": hard, "used": used}}));
    let options = PatchOptions {
        write,
        force: false,
    };
    let patched = registry.patch(&caller, &target, &status, PatchType::Merge, &options);
    patched.await.expect("a quota");
}

#[tokio::test(start_paused = true)]
async fn d7_a_set_that_is_refused_is_told_and_made_when_it_may() {
    let (cluster, _leader) = cluster(2, json!({})).await;
    allow_sets(&cluster, "1").await;
    set_image(&cluster, "b").await;
    cluster
        .until("it is told", |world| {
            let conditions = &web(world).status.conditions;
            let progress = crate::objects::condition(conditions, "Progressing");
            progress.is_some_and(|one| one.reason == "ReplicaSetCreateError")
        })
        .await;
    let told = progress(&cluster).await;
    assert_eq!(told[0], "False");
    let (begin, end) = (
        "Failed to create new replica set \"web-",
        "used: count/replicasets.apps=1, limited: count/replicasets.apps=1",
    );
    assert!(
        told[2].starts_with(begin) && told[2].ends_with(end),
        "{}",
        told[2]
    );
    allow_sets(&cluster, "2").await;
    rolled_out(&cluster, "b").await;
    let events = messages(&writes(&cluster).await);
    let warning = format!("Warning ReplicaSetCreateError: {}", told[2]);
    assert!(events.contains(&warning), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn m4_a_set_that_nobody_manages_is_adopted_with_its_pods() {
    let (cluster, _leader) = cluster(3, json!({})).await;
    let name = of_image(&cluster.ground.shared.read(), "a")
        .expect("a set")
        .metadata
        .name
        .clone();
    let key = format!("default/{name}");
    let uids = |world: &World| -> Vec<String> {
        world
            .pods
            .all()
            .map(|pod| pod.metadata.uid.clone())
            .collect()
    };
    let before = uids(&cluster.ground.shared.read());
    cluster
        .patch(
            Kind::ReplicaSet,
            &key,
            "",
            json!({"metadata": {"ownerReferences": null}}),
        )
        .await;
    cluster
        .until("it is adopted", |world| of_image(world, "a").is_some())
        .await;
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
        of_image(&world, image)
            .expect("a set")
            .metadata
            .name
            .clone()
    };
    let (a, b) = (name("a"), name("b"));
    let expected = [
        format!("Normal ScalingReplicaSet: Scaled up replica set {a} from 0 to 1"),
        format!("Normal ScalingReplicaSet: Scaled up replica set {b} from 0 to 1"),
        format!("Normal ScalingReplicaSet: Scaled down replica set {a} from 1 to 0"),
    ];
    assert_eq!(messages(&writes(&cluster).await), expected);
}
