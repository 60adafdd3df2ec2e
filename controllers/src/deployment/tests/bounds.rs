//! D5, D10, D13: what holds at every revision of the store, whoever leads.

use super::super::Deployments;
use super::cluster::*;
use super::history::{extremes, image, mixed, states, writes};
use super::template;
use crate::runtime::Kind;
use keelson_apiserver::storage::{Call, Fault, KvError};
use serde_json::json;
use std::time::Duration;

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
async fn d5_sets_that_are_slow_are_waited_for() {
    let (cluster, first) = cluster(10, json!({})).await;
    let before = cluster.kv.revision();
    // Nobody makes Pods or lets them go for a while.
    drop(first);
    cluster.kv.set_leadership(2);
    let second = lead_with(&cluster, 2, |manager| manager.with(Deployments));
    set_image(&cluster, "b").await;
    let wanted = |image: &str| {
        let world = cluster.ground.shared.read();
        of_image(&world, image).and_then(|set| set.spec.replicas)
    };
    cluster
        .until("the old set is to shrink", |world| {
            of_image(world, "a").is_some_and(|set| set.spec.replicas == Some(8))
        })
        .await;
    cluster.settle().await;
    assert_eq!((wanted("a"), wanted("b")), (Some(8), Some(3)));
    drop(second);
    cluster.kv.set_leadership(3);
    let _third = lead(&cluster, 3);
    rolled_out(&cluster, "b").await;
    let (most, least) = extremes(&states(&writes(&cluster).await, before));
    assert!(most <= 13 && least >= 8, "{least} to {most} pods");
}

#[tokio::test(start_paused = true)]
async fn d10_pods_that_are_going_are_waited_for() {
    let mut waits = template("a");
    waits["metadata"]["finalizers"] = json!(["example.com/wait"]);
    let spec = json!({"strategy": {"type": "Recreate"}, "template": waits});
    let (cluster, _leader) = cluster(3, spec).await;
    set_image(&cluster, "b").await;
    cluster
        .until("all are going", |world| {
            world.pods.all().all(|pod| pod.metadata.is_deleting())
        })
        .await;
    cluster.settle().await;
    let names: Vec<String> = {
        let world = cluster.ground.shared.read();
        assert!(of_image(&world, "b").is_none());
        let pods = world.pods.all();
        pods.map(|pod| pod.metadata.key().to_string()).collect()
    };
    assert_eq!(names.len(), 3);
    for name in names {
        assert!(of_image(&cluster.ground.shared.read(), "b").is_none());
        let free = json!({"metadata": {"finalizers": null}});
        cluster.patch(Kind::Pod, &name, "", free).await;
        cluster.settle().await;
    }
    rolled_out(&cluster, "b").await;
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

#[tokio::test(start_paused = true)]
async fn d5_writes_whose_outcome_nobody_knows_change_nothing_about_the_bounds() {
    let (cluster, _leader) = cluster(6, json!({})).await;
    let before = cluster.kv.revision();
    for image in ["b", "c", "a", "d"] {
        set_image(&cluster, image).await;
        for _ in 0..6 {
            let lost = || KvError::Unknown("a lost answer".to_owned());
            cluster.kv.fail_next(Call::Txn, Fault::After(lost()));
            cluster.kv.fail_next(Call::Txn, Fault::Before(lost()));
        }
        rolled_out(&cluster, image).await;
        // All faults have been used up, so that the next image is not lost.
        cluster.settle().await;
    }
    let (most, least) = extremes(&states(&writes(&cluster).await, before));
    assert!(most <= 8 && least >= 5, "{least} to {most} pods");
    let world = cluster.ground.shared.read();
    assert_eq!(world.replica_sets.len(), 4);
    assert_eq!(web(&world).status.collision_count, None);
}

#[tokio::test(start_paused = true)]
async fn d4_pods_must_serve_for_some_time_before_the_next_old_one_goes() {
    let strategy = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    let (cluster, _leader) = cluster(4, json!({"strategy": strategy})).await;
    cluster.advance(Duration::from_secs(20)).await;
    let slow = json!({"spec": {"minReadySeconds": 10}});
    cluster.patch(Kind::Deployment, WEB, "", slow).await;
    set_image(&cluster, "b").await;
    let mut seconds = 0;
    cluster.settle().await;
    while !is_rolled_out(&cluster.ground.shared.read(), "b") {
        assert!(seconds < 100, "it does not end");
        seconds += 1;
        cluster.advance(Duration::from_secs(1)).await;
        cluster.settle().await;
    }
    assert!((40..60).contains(&seconds), "{seconds}");
}
