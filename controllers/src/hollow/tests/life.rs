//! Pods over a cluster in memory, from their binding to their end.

use super::memory::start;
use super::nodes::cluster;
use crate::hollow::Plan;
use crate::objects::Pod;
use crate::runtime::{Kind, World};
use crate::testing::Cluster;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn pod(cluster: &Cluster, name: &str, node: &str, change: Value) {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "annotations": change["annotations"]},
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "app:1"}]},
    });
    if pod["metadata"]["annotations"].is_null() {
        pod["metadata"]["annotations"] = json!({});
    }
    for (field, value) in change["spec"].as_object().into_iter().flatten() {
        pod["spec"][field] = value.clone();
    }
    cluster.create(Kind::Pod, "default", pod).await;
}

fn plan(nodes: u32) -> Plan {
    Plan {
        nodes,
        ..Plan::default()
    }
}

/// So many Pods are there, and all of them are like this.
fn all(world: &World, count: usize, is: impl Fn(&Pod) -> bool) -> bool {
    world.pods.all().count() == count && world.pods.all().all(|pod| is(pod))
}

fn waits(pod: &Pod) -> String {
    let first = pod.status.container_statuses.first();
    let state = first.and_then(|one| one.state.as_ref());
    let reason = state.and_then(|state| state["waiting"]["reason"].as_str());
    reason.unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_pods_start_with_addresses_of_their_own_and_go_when_they_are_deleted() {
    let cluster = cluster().await;
    start(&cluster, plan(50));
    for number in 0..300 {
        let node = format!("hollow-{}", number % 50);
        pod(&cluster, &format!("p{number}"), &node, json!({})).await;
    }
    cluster
        .until("all are ready", |world| all(world, 300, Pod::is_ready))
        .await;
    let addresses: BTreeSet<String> = {
        let world = cluster.ground.shared.read();
        world
            .pods
            .all()
            .map(|pod| pod.status.pod_ip.clone())
            .collect()
    };
    assert_eq!(addresses.len(), 300);
    assert!(
        addresses
            .iter()
            .all(|address| address.starts_with("10.128."))
    );
    let one = cluster.get(Kind::Pod, "default/p7").await.expect("a Pod");
    assert_eq!(one["status"]["hostIP"], "172.16.0.8");
    assert_eq!(one["status"]["phase"], "Running");
    let conditions = one["status"]["conditions"].as_array().expect("a list");
    assert!(
        conditions
            .iter()
            .all(|one| one["status"] == "True" && one.get("reason").is_none())
    );
    for number in 0..300 {
        cluster
            .delete(Kind::Pod, &format!("default/p{number}"), None, None)
            .await;
    }
    cluster
        .until("all are gone", |world| world.pods.all().next().is_none())
        .await;
}

#[tokio::test(start_paused = true)]
async fn pods_have_addresses_of_the_range_that_their_node_was_given() {
    let cluster = cluster().await;
    start(&cluster, plan(2));
    cluster
        .until("the nodes are there", |world| {
            world.nodes.all().count() == 2
        })
        .await;
    cluster
        .patch(
            Kind::Node,
            "hollow-1",
            "",
            json!({"spec": {"podCIDR": "10.9.4.0/24", "podCIDRs": ["10.9.4.0/24"]}}),
        )
        .await;
    cluster.settle().await;
    pod(&cluster, "a", "hollow-1", json!({})).await;
    pod(
        &cluster,
        "b",
        "hollow-1",
        json!({"spec": {"hostNetwork": true}}),
    )
    .await;
    cluster
        .until("both are ready", |world| all(world, 2, Pod::is_ready))
        .await;
    let a = cluster.get(Kind::Pod, "default/a").await.expect("a Pod");
    assert_eq!(a["status"]["podIP"], "10.9.4.2");
    let b = cluster.get(Kind::Pod, "default/b").await.expect("a Pod");
    assert_eq!(b["status"]["podIP"], "172.16.0.2");
}

#[tokio::test(start_paused = true)]
async fn pods_of_jobs_end_as_their_annotations_say() {
    let cluster = cluster().await;
    start(&cluster, plan(1));
    let never = |annotations: Value| json!({"annotations": annotations, "spec": {"restartPolicy": "Never"}});
    pod(&cluster, "good", "hollow-0", never(json!({}))).await;
    pod(
        &cluster,
        "bad",
        "hollow-0",
        never(json!({"keelson.io/exit-code": "4"})),
    )
    .await;
    pod(
        &cluster,
        "long",
        "hollow-0",
        never(json!({"keelson.io/run-for": "forever"})),
    )
    .await;
    let tries = json!({
        "annotations": {"keelson.io/exit-code": "1", "keelson.io/run-for": "1s"},
        "spec": {"restartPolicy": "OnFailure"},
    });
    pod(&cluster, "tries", "hollow-0", tries).await;
    cluster
        .until("each is where it should be", |world| {
            let of = |name: &str| {
                world
                    .pods
                    .get(&crate::testing::named(&format!("default/{name}")))
            };
            let phase = |name: &str| {
                of(name)
                    .map(|pod| pod.status.phase.clone())
                    .unwrap_or_default()
            };
            let restarts = of("tries")
                .and_then(|pod| Some(pod.status.container_statuses.first()?.restart_count));
            phase("good") == "Succeeded"
                && phase("bad") == "Failed"
                && phase("long") == "Running"
                && restarts == Some(1)
        })
        .await;
    let bad = cluster.get(Kind::Pod, "default/bad").await.expect("a Pod");
    let ended = &bad["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (&ended["exitCode"], &ended["reason"]),
        (&json!(4), &json!("Error"))
    );
    let conditions = bad["status"]["conditions"].as_array().expect("a list");
    let ready = conditions
        .iter()
        .find(|one| one["type"] == "Ready")
        .expect("it is said");
    assert_eq!(ready["reason"], "PodFailed");
}

#[tokio::test(start_paused = true)]
async fn pods_whose_image_cannot_be_had_wait_for_ever_and_others_are_ready_when_it_is_wished() {
    let cluster = cluster().await;
    start(&cluster, plan(1));
    let lacks = json!({"spec": {"containers": [{"name": "main", "image": "app:does-not-exist"}]}});
    pod(&cluster, "stuck", "hollow-0", lacks).await;
    let unready = json!({"annotations": {"keelson.io/ready": "false"}});
    pod(&cluster, "unready", "hollow-0", unready).await;
    let of = |name: &'static str| crate::testing::named(&format!("default/{name}"));
    cluster
        .until("one waits and the other runs", |world| {
            let waiting = world.pods.get(&of("stuck")).map(|pod| waits(pod));
            let running = world.pods.get(&of("unready"));
            waiting.as_deref() == Some("ImagePullBackOff")
                && running.is_some_and(|pod| pod.status.phase == "Running")
        })
        .await;
    cluster.settle().await;
    let stuck = cluster
        .get(Kind::Pod, "default/stuck")
        .await
        .expect("a Pod");
    assert_eq!(stuck["status"]["phase"], "Pending");
    let is_ready = |world: &World| {
        world
            .pods
            .get(&of("unready"))
            .is_some_and(|pod| pod.is_ready())
    };
    assert!(!is_ready(&cluster.ground.shared.read()));
    let wished = json!({"metadata": {"annotations": {"keelson.io/ready": null}}});
    cluster
        .patch(Kind::Pod, "default/unready", "", wished)
        .await;
    cluster.until("it is ready", is_ready).await;
    let again = json!({"metadata": {"annotations": {"keelson.io/ready": "false"}}});
    cluster.patch(Kind::Pod, "default/unready", "", again).await;
    cluster
        .until("it is not ready any more", |world| !is_ready(world))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_a_job_is_seen_to_fail_before_it_goes_and_others_may_still_hold_it() {
    let cluster = cluster().await;
    start(&cluster, plan(1));
    let job = json!({
        "annotations": {"keelson.io/run-for": "forever"},
        "spec": {"restartPolicy": "Never"},
    });
    pod(&cluster, "held", "hollow-0", job).await;
    let held = json!({"metadata": {"finalizers": ["batch.kubernetes.io/job-tracking"]}});
    cluster.patch(Kind::Pod, "default/held", "", held).await;
    cluster
        .until("it runs", |world| all(world, 1, Pod::is_ready))
        .await;
    cluster.delete(Kind::Pod, "default/held", None, None).await;
    cluster
        .until("it has failed", |world| all(world, 1, Pod::is_finished))
        .await;
    cluster.settle().await;
    let before = cluster.get(Kind::Pod, "default/held").await;
    cluster.settle().await;
    let after = cluster.get(Kind::Pod, "default/held").await;
    assert_eq!(before, after, "it is left alone");
    let freed = json!({"metadata": {"finalizers": null}});
    cluster.patch(Kind::Pod, "default/held", "", freed).await;
    cluster
        .until("it is gone", |world| world.pods.all().next().is_none())
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_again_gives_no_address_out_twice() {
    let cluster = cluster().await;
    let (_, first) = start(&cluster, plan(1));
    for number in 0..20 {
        pod(&cluster, &format!("a{number}"), "hollow-0", json!({})).await;
    }
    cluster
        .until("all are ready", |world| all(world, 20, Pod::is_ready))
        .await;
    first.abort();
    start(&cluster, plan(1));
    for number in 0..20 {
        pod(&cluster, &format!("b{number}"), "hollow-0", json!({})).await;
    }
    cluster
        .until("all are ready", |world| all(world, 40, Pod::is_ready))
        .await;
    let world = cluster.ground.shared.read();
    let addresses: BTreeSet<&str> = world
        .pods
        .all()
        .map(|pod| pod.status.pod_ip.as_str())
        .collect();
    assert_eq!(addresses.len(), 40);
}
