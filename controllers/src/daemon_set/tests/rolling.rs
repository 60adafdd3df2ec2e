//! How old Pods are replaced: DS4.

use super::*;
use std::collections::BTreeMap;

/// By node, how many Pods serve.
fn serving(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut serving = BTreeMap::new();
    for pod in pods(cluster) {
        let count = serving.entry(pod.spec.node_name.clone()).or_default();
        *count += usize::from(pod.is_active() && pod.is_ready());
    }
    serving
}

#[tokio::test(start_paused = true)]
async fn ds4_at_most_so_many_nodes_are_without_a_pod_that_serves() {
    let cluster = cluster(7).await;
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "20%"}});
    start(&cluster, "old", json!({"updateStrategy": strategy})).await;
    run(&cluster).await;
    change_image(&cluster, "new").await;
    let mut most = 0;
    loop {
        cluster.settle().await;
        let up = serving(&cluster)
            .values()
            .filter(|count| **count > 0)
            .count();
        most = most.max(7 - up);
        if !run_once(&cluster).await {
            break;
        }
    }
    // A fifth of seven, rounded up.
    assert_eq!(most, 2);
    assert!(images(&cluster).iter().all(|image| image.ends_with("new")));
    assert_eq!(told(&cluster), [7, 7, 0, 7, 7, 7, 0]);
}

#[tokio::test(start_paused = true)]
async fn ds4_a_template_that_does_not_work_stops_at_the_limit() {
    let cluster = cluster(4).await;
    start(&cluster, "old", json!({})).await;
    run(&cluster).await;
    change_image(&cluster, "new").await;
    // The new one is never ready.
    for _ in 0..5 {
        cluster.settle().await;
        for pod in pods(&cluster)
            .iter()
            .filter(|pod| pod.metadata.is_deleting())
        {
            let key = pod.metadata.key().to_string();
            cluster.delete(Kind::Pod, &key, None, Some(0)).await;
        }
    }
    assert_eq!(
        images(&cluster)
            .iter()
            .filter(|image| image.ends_with("new"))
            .count(),
        1
    );
    assert_eq!(told(&cluster), [4, 4, 0, 3, 1, 3, 1]);
}

#[tokio::test(start_paused = true)]
async fn ds4_with_surge_a_new_pod_serves_before_the_old_one_goes() {
    let cluster = cluster(4).await;
    let rolling = json!({"maxSurge": 2, "maxUnavailable": 0});
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
    start(&cluster, "old", json!({"updateStrategy": strategy})).await;
    run(&cluster).await;
    change_image(&cluster, "new").await;
    let mut most = 0;
    loop {
        cluster.settle().await;
        let serving = serving(&cluster);
        for number in 0..4 {
            assert!(
                serving[&format!("node-{number}")] > 0,
                "node-{number} is without"
            );
        }
        let active = images(&cluster).len();
        most = most.max(active - 4);
        if !run_once(&cluster).await {
            break;
        }
    }
    assert_eq!(most, 2);
    assert_eq!(
        images(&cluster),
        ["node-0 new", "node-1 new", "node-2 new", "node-3 new"]
    );
}

#[tokio::test(start_paused = true)]
async fn ds4_on_delete_waits_for_somebody_to_delete_the_old_pod() {
    let cluster = cluster(2).await;
    start(
        &cluster,
        "old",
        json!({"updateStrategy": {"type": "OnDelete"}}),
    )
    .await;
    run(&cluster).await;
    change_image(&cluster, "new").await;
    run(&cluster).await;
    assert_eq!(images(&cluster), ["node-0 old", "node-1 old"]);
    assert_eq!(told(&cluster), [2, 2, 0, 2, 0, 2, 0]);
    let on_first = pods(&cluster);
    let on_first = on_first.iter().find(|pod| pod.spec.node_name == "node-0");
    let key = on_first.expect("a Pod").metadata.key().to_string();
    cluster.delete(Kind::Pod, &key, None, Some(0)).await;
    run(&cluster).await;
    assert_eq!(images(&cluster), ["node-0 new", "node-1 old"]);
}
