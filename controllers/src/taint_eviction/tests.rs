//! Pods that have to leave their node, and when.

use super::*;
use crate::objects::condition;
use crate::testing::Cluster;
use serde_json::{Value, json};

async fn cluster() -> Cluster {
    let cluster = Cluster::new().await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
    cluster.create(Kind::Node, "", node).await;
    cluster
}

/// A Pod on the node that bears the taint for so long; 0: not at all.
async fn some_pod(cluster: &Cluster, name: &str, seconds: i64) {
    let tolerations = match seconds {
        0 => json!([]),
        seconds => json!([{"key": "x", "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": seconds}]),
    };
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"nodeName": "n", "tolerations": tolerations,
            "containers": [{"name": "main", "image": "app:1"}]}});
    cluster.create(Kind::Pod, "default", pod).await;
}

async fn taint(cluster: &Cluster, taints: Value) {
    let patch = json!({"spec": {"taints": taints}});
    cluster.patch(Kind::Node, "n", "", patch).await;
}

fn drives() -> Value {
    json!([{"key": "x", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}])
}

fn is_going(world: &World, name: &str) -> bool {
    let pod = world.pods.get(&Key::new("default", name));
    pod.is_none_or(|pod| pod.metadata.is_deleting())
}

fn goes(cluster: &Cluster, name: &str) -> bool {
    is_going(&cluster.ground.shared.read(), name)
}

fn leads(cluster: &Cluster) {
    cluster.lead(|manager| manager.with(TaintEviction::new()));
}

#[tokio::test(start_paused = true)]
async fn l4_a_pod_that_does_not_bear_a_taint_goes_at_once_and_says_why() {
    let cluster = cluster().await;
    leads(&cluster);
    some_pod(&cluster, "p", 0).await;
    cluster.settle().await;
    assert!(!goes(&cluster, "p"));
    taint(&cluster, drives()).await;
    cluster.until("it goes", |world| is_going(world, "p")).await;
    {
        let world = cluster.ground.shared.read();
        let pod = world
            .pods
            .get(&Key::new("default", "p"))
            .expect("it has time to stop");
        let target = condition(&pod.status.conditions, "DisruptionTarget").expect("it says why");
        assert_eq!(
            (
                target.status.as_str(),
                target.reason.as_str(),
                target.message.as_str()
            ),
            (
                "True",
                "DeletionByTaintManager",
                "Taint manager: deleting due to NoExecute taint"
            )
        );
    }
    cluster.settle().await;
    let events = cluster.events().await;
    let told = "Normal TaintManagerEviction: Marking for deletion Pod default/p".to_owned();
    assert!(events.contains(&told), "{events:?}");
    // And one that comes later.
    some_pod(&cluster, "q", 0).await;
    cluster
        .until("it goes, too", |world| is_going(world, "q"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn l4_a_pod_that_bears_it_for_a_time_goes_after_that_time_whoever_leads() {
    let cluster = cluster().await;
    leads(&cluster);
    for (name, seconds) in [("p", 60), ("q", 90)] {
        some_pod(&cluster, name, seconds).await;
    }
    taint(&cluster, drives()).await;
    cluster.settle().await;
    cluster.advance(Duration::from_secs(40)).await;
    // Somebody else leads, and knows what has gone by.
    cluster.succeed(2, |manager| manager.with(TaintEviction::new()));
    cluster.settle().await;
    cluster.advance(Duration::from_secs(19)).await;
    cluster.settle().await;
    assert!(!goes(&cluster, "p"));
    cluster.advance(Duration::from_secs(1)).await;
    cluster
        .until("its time is over", |world| is_going(world, "p"))
        .await;
    assert!(!goes(&cluster, "q"));
    // A taint that becomes another one does not begin anew.
    let other = json!([{"key": "x", "value": "other", "effect": "NoExecute",
        "timeAdded": "2026-01-01T00:01:00Z"}]);
    taint(&cluster, other).await;
    cluster.settle().await;
    cluster.advance(Duration::from_secs(30)).await;
    cluster
        .until("its time is over", |world| is_going(world, "q"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn l4_a_pod_stays_if_the_taint_goes_before_its_time_is_over() {
    let cluster = cluster().await;
    leads(&cluster);
    some_pod(&cluster, "p", 60).await;
    taint(&cluster, drives()).await;
    cluster.settle().await;
    cluster.advance(Duration::from_secs(30)).await;
    taint(&cluster, json!(null)).await;
    cluster.settle().await;
    let events = cluster.events().await;
    let told = "Normal TaintManagerEviction: Cancelling deletion of Pod default/p".to_owned();
    assert!(events.contains(&told), "{events:?}");
    cluster.advance(Duration::from_secs(60)).await;
    cluster.settle().await;
    assert!(!goes(&cluster, "p"));
    // A taint that does not say since when it is there counts from when it is seen.
    taint(&cluster, json!([{"key": "x", "effect": "NoExecute"}])).await;
    cluster.settle().await;
    cluster.advance(Duration::from_secs(59)).await;
    cluster.settle().await;
    assert!(!goes(&cluster, "p"));
    cluster.advance(Duration::from_secs(1)).await;
    cluster
        .until("its time is over", |world| is_going(world, "p"))
        .await;
}
