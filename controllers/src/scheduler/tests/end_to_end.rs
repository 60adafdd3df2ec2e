//! The scheduler in a cluster in memory: what users see.

use super::{node, pod, with};
use crate::objects::{Key, Pod, condition};
use crate::runtime::{Kind, World};
use crate::scheduler::{Meter, Scheduler};
use crate::testing::Cluster;
use keelson_apiserver::meter::Page;
use serde_json::{Value, json};
use std::sync::Arc;

/// A cluster with a scheduler.
pub async fn cluster() -> Cluster {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with_loop(|| Arc::new(Scheduler::default())));
    cluster
}

/// Adds a node that is ready.
pub async fn add(cluster: &Cluster, object: Value) {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let (taints, status) = (object["spec"]["taints"].clone(), object["status"].clone());
    cluster.create(Kind::Node, "", object).await;
    let status = json!({"status": status});
    cluster.patch(Kind::Node, &name, "status", status).await;
    let taints = json!({"spec": {"taints": taints}});
    cluster.patch(Kind::Node, &name, "", taints).await;
}

/// Adds a Pod.
pub async fn run(cluster: &Cluster, mut object: Value) {
    object["metadata"].as_object_mut().unwrap().remove("uid");
    cluster.create(Kind::Pod, "default", object).await;
}

fn found<'w>(world: &'w World, name: &str) -> Option<&'w Arc<Pod>> {
    world.pods.get(&Key::new("default", name))
}

/// Whether a Pod is on a node.
pub fn is_on(world: &World, name: &str, node: &str) -> bool {
    found(world, name).is_some_and(|pod| pod.spec.node_name == node)
}

fn message(world: &World, name: &str) -> Option<String> {
    let pod = found(world, name)?;
    let scheduled = condition(&pod.status.conditions, "PodScheduled")?;
    let is_told = scheduled.status == "False" && scheduled.reason == "Unschedulable";
    is_told.then(|| scheduled.message.clone())
}

async fn says(cluster: &Cluster, name: &str, expected: &str) {
    let what = format!("{name} says: {expected}");
    cluster
        .until(&what, |world| {
            message(world, name).as_deref() == Some(expected)
        })
        .await;
}

async fn events(cluster: &Cluster, reason: &str) -> Vec<String> {
    let row = cluster.ground.catalog.find("", "v1", "events").unwrap();
    let mut stream = cluster
        .ground
        .registry
        .everything(&cluster.ground.catalog, &[]);
    let mut messages = Vec::new();
    loop {
        let piece = stream.next().await.unwrap();
        for sighting in &piece.sightings {
            let event = sighting.object.as_ref().and_then(|object| object.value());
            let event = event.unwrap_or_default();
            if sighting.resource.key == row.key && event["reason"] == reason {
                assert_eq!(event["source"]["component"], "default-scheduler");
                messages.push(event["message"].as_str().unwrap().to_owned());
            }
        }
        if piece.revision > 0 {
            return messages;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_and_pods_that_wait_are_shown() {
    let cluster = Cluster::new().await;
    let meter = Arc::new(Meter::default());
    let metered = meter.clone();
    cluster.lead(|manager| {
        manager.with_loop(move || Arc::new(Scheduler::default().metered(metered.clone())))
    });
    let lacks = |lines: &[&str]| {
        let mut page = Page::default();
        meter.show(&mut page);
        let text = page.into_text();
        let mut lines = lines.iter();
        lines.any(|line| !text.lines().any(|there| there == *line))
    };
    add(&cluster, node("n", "4", "8Gi")).await;
    run(&cluster, pod("p", "2", "")).await;
    run(&cluster, pod("q", "9", "")).await;
    cluster
        .until("p is bound and q waits", |world| {
            is_on(world, "p", "n") && message(world, "q").is_some()
        })
        .await;
    cluster.settle().await;
    let counts = [
        "scheduler_schedule_attempts_total{profile=\"default-scheduler\",result=\"scheduled\"} 1",
        "scheduler_schedule_attempts_total{profile=\"default-scheduler\",result=\"error\"} 0",
        "scheduler_pending_pods{queue=\"unschedulable\"} 1",
        "scheduler_pending_pods{queue=\"active\"} 0",
        "scheduler_pod_scheduling_sli_duration_seconds_count{attempts=\"1\"} 1",
    ];
    cluster.until("all is counted", |_| !lacks(&counts)).await;
    let one = "scheduler_scheduling_attempt_duration_seconds_count{profile=\"default-scheduler\",\
               result=\"unschedulable\"} ";
    let mut page = Page::default();
    meter.show(&mut page);
    let text = page.into_text();
    let count = text.lines().find_map(|line| line.strip_prefix(one));
    let count: u64 = count.and_then(|count| count.parse().ok()).expect("a count");
    assert!(count >= 1, "{text}");
}

#[tokio::test(start_paused = true)]
async fn pods_get_nodes_that_have_room_and_are_told_of() {
    let cluster = cluster().await;
    add(&cluster, node("big", "4", "8Gi")).await;
    add(&cluster, node("small", "1", "1Gi")).await;
    run(&cluster, pod("p", "2", "2Gi")).await;
    cluster
        .until("p is on the node that has room", |world| {
            is_on(world, "p", "big")
        })
        .await;
    cluster.settle().await;
    let told = events(&cluster, "Scheduled").await;
    assert_eq!(told, ["Successfully assigned default/p to big"]);
    let pod = cluster.get(Kind::Pod, "default/p").await.unwrap();
    let conditions = pod["status"]["conditions"].as_array().unwrap();
    assert!(
        conditions
            .iter()
            .any(|one| one["type"] == "PodScheduled" && one["status"] == "True")
    );
}

#[tokio::test(start_paused = true)]
async fn i4_a_pod_that_fits_nowhere_says_why_and_is_bound_when_a_node_comes() {
    let cluster = cluster().await;
    run(&cluster, pod("p", "2", "2Gi")).await;
    says(&cluster, "p", "no nodes available to schedule pods").await;
    add(&cluster, node("small", "1", "1Gi")).await;
    let tainted = with(
        node("odd", "4", "8Gi"),
        "/spec",
        json!({"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}),
    );
    add(&cluster, tainted).await;
    // A look that finds the new nodes: nothing else would let the Pod say anything new.
    run(&cluster, pod("q", "2", "2Gi")).await;
    let text = "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, \
                1 node(s) had untolerated taint {k: v}. preemption: 0/2 nodes are available: \
                2 Preemption is not helpful for scheduling.";
    says(&cluster, "q", text).await;
    add(&cluster, node("big", "4", "8Gi")).await;
    cluster
        .until("both are bound", |world| {
            is_on(world, "p", "big") && is_on(world, "q", "big")
        })
        .await;
    cluster.settle().await;
    assert!(
        events(&cluster, "FailedScheduling")
            .await
            .iter()
            .any(|one| one == text)
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_waits_for_another_one_to_go_and_nobody_is_pushed_out_for_an_equal() {
    let cluster = cluster().await;
    add(&cluster, node("n", "1", "1Gi")).await;
    run(&cluster, pod("first", "1", "")).await;
    cluster
        .until("the first is bound", |world| is_on(world, "first", "n"))
        .await;
    run(&cluster, pod("second", "1", "")).await;
    let text = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: \
                1 No preemption victims found for incoming pod.";
    says(&cluster, "second", text).await;
    cluster
        .delete(Kind::Pod, "default/first", None, Some(0))
        .await;
    cluster
        .until("the second is bound", |world| is_on(world, "second", "n"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn uncordoning_and_untainting_let_pods_in() {
    let cluster = cluster().await;
    add(&cluster, node("n", "1", "1Gi")).await;
    let cordon = |is: bool| json!({"spec": {"unschedulable": is}});
    cluster.patch(Kind::Node, "n", "", cordon(true)).await;
    run(&cluster, pod("p", "", "")).await;
    let text = |why: &str| {
        format!(
            "0/1 nodes are available: {why}. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        )
    };
    says(&cluster, "p", &text("1 node(s) were unschedulable")).await;
    cluster.patch(Kind::Node, "n", "", cordon(false)).await;
    cluster
        .until("p is bound", |world| is_on(world, "p", "n"))
        .await;
    let taints = json!([{"key": "k", "value": "v", "effect": "NoExecute"}]);
    cluster
        .patch(Kind::Node, "n", "", json!({"spec": {"taints": taints}}))
        .await;
    run(&cluster, pod("q", "", "")).await;
    says(
        &cluster,
        "q",
        &text("1 node(s) had untolerated taint {k: v}"),
    )
    .await;
    cluster
        .patch(Kind::Node, "n", "", json!({"spec": {"taints": null}}))
        .await;
    cluster
        .until("q is bound", |world| is_on(world, "q", "n"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn gated_pods_and_those_of_others_are_left_alone() {
    let cluster = cluster().await;
    add(&cluster, node("n", "4", "4Gi")).await;
    let gates = json!([{"name": "example.com/g"}]);
    run(
        &cluster,
        with(pod("gated", "", ""), "/spec/schedulingGates", gates),
    )
    .await;
    run(
        &cluster,
        with(pod("other", "", ""), "/spec/schedulerName", json!("mine")),
    )
    .await;
    run(&cluster, pod("plain", "", "")).await;
    cluster
        .until("plain is bound", |world| is_on(world, "plain", "n"))
        .await;
    cluster.settle().await;
    let gated = cluster.get(Kind::Pod, "default/gated").await.unwrap();
    assert_eq!(
        gated["status"]["conditions"][0]["reason"],
        "SchedulingGated"
    );
    assert!(gated["spec"].get("nodeName").is_none());
    let other = cluster.get(Kind::Pod, "default/other").await.unwrap();
    assert!(other["spec"].get("nodeName").is_none());
    let open = json!({"spec": {"schedulingGates": []}});
    cluster.patch(Kind::Pod, "default/gated", "", open).await;
    cluster
        .until("gated is bound", |world| is_on(world, "gated", "n"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_says_the_same_again_is_not_written_again() {
    let cluster = cluster().await;
    add(&cluster, node("n", "1", "1Gi")).await;
    run(&cluster, pod("p", "2", "")).await;
    cluster
        .until("p says why", |world| message(world, "p").is_some())
        .await;
    cluster.settle().await;
    let version = |pod: Option<Value>| pod.unwrap()["metadata"]["resourceVersion"].clone();
    let before = version(cluster.get(Kind::Pod, "default/p").await);
    for _ in 0..14 {
        cluster.advance(std::time::Duration::from_secs(30)).await;
        cluster.settle().await;
    }
    let again = events(&cluster, "FailedScheduling").await;
    assert_eq!(again.len(), 1, "the same event is counted: {again:?}");
    assert_eq!(version(cluster.get(Kind::Pod, "default/p").await), before);
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_service_are_spread_and_others_go_where_most_is_left() {
    let cluster = cluster().await;
    add(&cluster, node("big", "64", "64Gi")).await;
    add(&cluster, node("small", "8", "8Gi")).await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"clusterIP": "None", "selector": {"app": "web"}},
    });
    cluster.create(Kind::Service, "default", service).await;
    for at in 0..4 {
        let web = with(
            pod(&format!("w{at}"), "100m", "100Mi"),
            "/metadata/labels",
            json!({"app": "web"}),
        );
        run(&cluster, web).await;
        run(&cluster, pod(&format!("o{at}"), "100m", "100Mi")).await;
    }
    cluster
        .until("all are bound", |world| {
            world.pods.len() == 8 && world.pods.all().all(|pod| pod.is_bound())
        })
        .await;
    let mut on_small = Vec::new();
    for name in (0..4).flat_map(|at| [format!("w{at}"), format!("o{at}")]) {
        let pod = cluster
            .get(Kind::Pod, &format!("default/{name}"))
            .await
            .unwrap();
        if pod["spec"]["nodeName"] == "small" {
            on_small.push(name);
        }
    }
    assert_eq!(on_small.len(), 2, "{on_small:?}");
    assert!(
        on_small.iter().all(|name| name.starts_with('w')),
        "{on_small:?}"
    );
}
