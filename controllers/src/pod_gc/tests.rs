use super::*;
use crate::testing::Cluster;

fn pod(name: &str, finalizers: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "finalizers": finalizers},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    })
}

async fn make(cluster: &Cluster, name: &str, node: &str) {
    cluster
        .create(Kind::Pod, "default", pod(name, json!([])))
        .await;
    if !node.is_empty() {
        cluster.bind_pod(&format!("default/{name}"), node).await;
    }
}

async fn has(cluster: &Cluster, name: &str) -> bool {
    let key = format!("default/{name}");
    cluster.get(Kind::Pod, &key).await.is_some()
}

async fn gone(cluster: &Cluster, name: &str) {
    let key = Key::new("default", name);
    cluster
        .until(&format!("{name} is gone"), |world| {
            world.pods.get(&key).is_none()
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn k1_pods_of_a_node_that_is_gone_go_after_forty_seconds() {
    let cluster = Cluster::new().await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "there"}});
    cluster.create(Kind::Node, "", node).await;
    make(&cluster, "a", "gone").await;
    make(&cluster, "b", "there").await;
    let held = pod("held", json!(["example.com/held"]));
    cluster.create(Kind::Pod, "default", held).await;
    cluster.bind_pod("default/held", "gone").await;
    cluster.lead(|manager| manager.with(PodCollector::default()));
    cluster.settle().await;
    cluster.advance(Duration::from_secs(39)).await;
    cluster.settle().await;
    assert!(has(&cluster, "a").await);
    cluster.advance(Duration::from_secs(1)).await;
    gone(&cluster, "a").await;
    cluster.settle().await;
    assert!(has(&cluster, "b").await);
    let held = cluster
        .get(Kind::Pod, "default/held")
        .await
        .expect("it is held");
    assert_eq!(held["status"]["phase"], "Failed");
    let conditions = held["status"]["conditions"].as_array().expect("conditions");
    let disrupted = conditions
        .iter()
        .find(|one| one["type"] == "DisruptionTarget");
    let disrupted = disrupted.expect("the reason is told");
    assert_eq!(disrupted["reason"], "DeletionByPodGC");
    assert_eq!(disrupted["message"], "PodGC: node no longer exists");
    assert!(conditions.iter().any(|one| one["type"] == "PodScheduled"));
    assert!(held["metadata"].get("deletionTimestamp").is_some());
}

#[tokio::test(start_paused = true)]
async fn k1_a_node_that_comes_back_in_time_keeps_its_pods() {
    let cluster = Cluster::new().await;
    make(&cluster, "a", "late").await;
    cluster.lead(|manager| manager.with(PodCollector::default()));
    cluster.settle().await;
    cluster.advance(Duration::from_secs(30)).await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "late"}});
    cluster.create(Kind::Node, "", node).await;
    for _ in 0..6 {
        cluster.advance(Duration::from_secs(20)).await;
        cluster.settle().await;
    }
    assert!(has(&cluster, "a").await);
}

#[tokio::test(start_paused = true)]
async fn k1_ended_pods_beyond_the_limit_go_evicted_ones_first_then_the_oldest() {
    let cluster = Cluster::new().await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
    cluster.create(Kind::Node, "", node).await;
    for (name, status) in [
        ("oldest", json!({"phase": "Succeeded"})),
        ("old", json!({"phase": "Failed"})),
        ("runs", json!({"phase": "Running"})),
        ("young", json!({"phase": "Succeeded"})),
        ("evicted", json!({"phase": "Failed", "reason": "Evicted"})),
    ] {
        make(&cluster, name, "n").await;
        let key = format!("default/{name}");
        cluster
            .patch(Kind::Pod, &key, "status", json!({"status": status}))
            .await;
        cluster.advance(Duration::from_secs(1)).await;
    }
    cluster.lead(|manager| manager.with(PodCollector::new(2)));
    gone(&cluster, "evicted").await;
    gone(&cluster, "oldest").await;
    cluster.settle().await;
    for name in ["old", "runs", "young"] {
        assert!(has(&cluster, name).await, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn k1_pods_that_are_going_on_a_node_out_of_service_go_at_once() {
    let cluster = Cluster::new().await;
    for (name, is_out) in [("out", true), ("in", false)] {
        let taints = match is_out {
            true => json!([{"key": OUT_OF_SERVICE, "effect": "NoExecute"}]),
            false => json!([]),
        };
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
            "spec": {"taints": taints},
        });
        cluster.create(Kind::Node, "", node).await;
        for pod in ["stays", "goes"] {
            let pod = format!("{name}-{pod}");
            make(&cluster, &pod, name).await;
        }
        cluster
            .delete(Kind::Pod, &format!("default/{name}-goes"), None, None)
            .await;
    }
    cluster.lead(|manager| manager.with(PodCollector::default()));
    gone(&cluster, "out-goes").await;
    cluster.settle().await;
    for name in ["out-stays", "in-stays", "in-goes"] {
        assert!(has(&cluster, name).await, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn k1_a_pod_that_is_going_and_never_had_a_node_is_told_to_have_failed() {
    let cluster = Cluster::new().await;
    let held = pod("held", json!(["example.com/held"]));
    cluster.create(Kind::Pod, "default", held).await;
    cluster.delete(Kind::Pod, "default/held", None, None).await;
    cluster.lead(|manager| manager.with(PodCollector::default()));
    let key = Key::new("default", "held");
    cluster
        .until("it is told to have failed", |world| {
            world
                .pods
                .get(&key)
                .is_some_and(|pod| pod.status.phase == "Failed")
        })
        .await;
    // Nothing more is done about it.
    cluster.settle().await;
    let before = cluster.kv.revision();
    cluster.advance(Duration::from_secs(60)).await;
    cluster.settle().await;
    assert_eq!(cluster.kv.revision(), before);
}
