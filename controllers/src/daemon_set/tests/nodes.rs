//! Which nodes run a Pod: DS1 to DS3.

use super::*;

#[tokio::test(start_paused = true)]
async fn ds1_every_node_that_fits_runs_one_pod_and_a_new_node_too() {
    let cluster = cluster(2).await;
    node(&cluster, "ssd", json!({"disk": "ssd"}), json!([])).await;
    let template = json!({
        "metadata": {"labels": {"app": "agent"}},
        "spec": {
            "containers": [{"name": "main", "image": "i"}],
            "nodeSelector": {"disk": "ssd"},
        },
    });
    start(&cluster, "i", json!({"template": template})).await;
    run(&cluster).await;
    assert_eq!(images(&cluster), ["ssd i"]);
    node(&cluster, "ssd-2", json!({"disk": "ssd"}), json!([])).await;
    run(&cluster).await;
    assert_eq!(images(&cluster), ["ssd i", "ssd-2 i"]);
    // A label decides, at any time.
    let labels = |disk: Value| json!({"metadata": {"labels": {"disk": disk}}});
    cluster
        .patch(Kind::Node, "node-0", "", labels(json!("ssd")))
        .await;
    cluster
        .patch(Kind::Node, "ssd", "", labels(json!("hdd")))
        .await;
    run(&cluster).await;
    assert_eq!(images(&cluster), ["node-0 i", "ssd-2 i"]);
}

#[tokio::test(start_paused = true)]
async fn ds1_a_pod_that_waits_for_a_node_that_is_gone_goes() {
    let cluster = cluster(2).await;
    start(&cluster, "i", json!({})).await;
    cluster.settle().await;
    assert_eq!(pods(&cluster).len(), 2);
    cluster.delete(Kind::Node, "node-1", None, None).await;
    run(&cluster).await;
    assert_eq!(images(&cluster), ["node-0 i"]);
}

#[tokio::test(start_paused = true)]
async fn ds2_a_node_that_is_not_ready_or_cordoned_runs_its_pod() {
    let cluster = cluster(0).await;
    let taints = json!([
        {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"},
    ]);
    node(&cluster, "poor", json!({}), taints).await;
    start(&cluster, "i", json!({})).await;
    run(&cluster).await;
    assert_eq!(images(&cluster), ["poor i"]);
}

#[tokio::test(start_paused = true)]
async fn ds3_no_schedule_keeps_the_pod_that_is_there_and_no_execute_does_not() {
    let cluster = cluster(3).await;
    start(&cluster, "i", json!({})).await;
    run(&cluster).await;
    taint(&cluster, "node-0", "NoSchedule").await;
    taint(&cluster, "node-1", "NoExecute").await;
    run(&cluster).await;
    assert_eq!(images(&cluster), ["node-0 i", "node-2 i"]);
    assert_eq!(told(&cluster), [1, 1, 1, 1, 1, 1, 0]);
    // What is lost on a node that takes no more does not come back.
    let lost = pods(&cluster);
    let lost = lost.iter().find(|pod| pod.spec.node_name == "node-0");
    let key = lost.expect("a Pod").metadata.key().to_string();
    cluster.delete(Kind::Pod, &key, None, Some(0)).await;
    run(&cluster).await;
    assert_eq!(images(&cluster), ["node-2 i"]);
}

#[tokio::test(start_paused = true)]
async fn ds3_a_pod_that_fails_is_replaced_and_later_each_time() {
    let cluster = cluster(1).await;
    start(&cluster, "i", json!({})).await;
    run(&cluster).await;
    let fail = async || {
        let pod = pods(&cluster)[0].clone();
        let key = pod.metadata.key().to_string();
        let failed = json!({"status": {"phase": "Failed"}});
        cluster.patch(Kind::Pod, &key, "status", failed).await;
        pod.metadata.uid.clone()
    };
    let first = fail().await;
    run(&cluster).await;
    let second = pods(&cluster)[0].metadata.uid.clone();
    assert_ne!(first, second);
    // The pause of a second began when the first was removed.
    advance(&cluster, 2).await;
    fail().await;
    run(&cluster).await;
    let third = fail().await;
    run(&cluster).await;
    assert_eq!(pods(&cluster)[0].metadata.uid, third, "too early");
    advance(&cluster, 2).await;
    run(&cluster).await;
    assert_ne!(pods(&cluster)[0].metadata.uid, third);
}
