//! Nodes over a cluster in memory.

use super::memory::start;
use crate::hollow::Plan;
use crate::runtime::Kind;
use crate::runtime::micros;
use crate::testing::{Cluster, START_US};
use serde_json::{Value, json};
use std::time::Duration;

pub async fn cluster() -> Cluster {
    let cluster = Cluster::new().await;
    cluster.namespace("kube-node-lease").await;
    cluster
}

#[tokio::test(start_paused = true)]
async fn l1_hundreds_of_nodes_register_and_renew_their_leases() {
    let cluster = cluster().await;
    let plan = Plan {
        nodes: 300,
        zones: 3,
        ..Plan::default()
    };
    start(&cluster, plan);
    cluster
        .until("all nodes are ready and have a lease", |world| {
            let ready = world.nodes.all().filter(|node| {
                let mut conditions = node.status.conditions.iter();
                conditions.any(|one| one.r#type == "Ready" && one.status == "True")
            });
            ready.count() == 300 && world.leases.all().count() == 300
        })
        .await;
    cluster.advance(Duration::from_secs(11)).await;
    let renewed = micros(START_US + 11_000_000);
    cluster
        .until("all leases are renewed", |world| {
            let mut all = world.leases.all();
            all.all(|lease| lease.spec.renew_time.as_deref() == Some(renewed.as_str()))
        })
        .await;
    let node = cluster.get(Kind::Node, "hollow-7").await.expect("a node");
    let labels = &node["metadata"]["labels"];
    assert_eq!(labels["kubernetes.io/hostname"], "hollow-7");
    assert_eq!(labels["topology.kubernetes.io/zone"], "zone-1");
    let status = &node["status"];
    assert_eq!(status["capacity"]["cpu"], "32");
    assert_eq!(status["allocatable"]["pods"], "110");
    assert_eq!(status["nodeInfo"]["kubeletVersion"], "v1.35.0");
    let types: Vec<&Value> = status["conditions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["type"])
        .collect();
    assert_eq!(
        types,
        ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
    );
    let lease = cluster
        .get(Kind::Lease, "kube-node-lease/hollow-7")
        .await
        .expect("a lease");
    assert_eq!(
        lease["metadata"]["ownerReferences"][0]["uid"],
        node["metadata"]["uid"]
    );
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 40);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_again_takes_its_nodes_back() {
    let cluster = cluster().await;
    let plan = Plan {
        nodes: 3,
        ..Plan::default()
    };
    let (_, first) = start(&cluster, plan.clone());
    cluster
        .until("the leases are there", |world| {
            world.leases.all().count() == 3
        })
        .await;
    first.abort();
    // Meanwhile it was given up.
    let unknown = json!({"status": {"conditions": [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"},
    ]}});
    cluster
        .patch(Kind::Node, "hollow-1", "status", unknown)
        .await;
    cluster.advance(Duration::from_secs(60)).await;
    let (counts, _) = start(&cluster, plan);
    let again = micros(START_US + 60_000_000);
    cluster
        .until("all are ready and renewed", |world| {
            let ready = |node: &crate::objects::Node| {
                let mut conditions = node.status.conditions.iter();
                conditions.any(|one| one.r#type == "Ready" && one.status == "True")
            };
            let renewed = |lease: &crate::objects::Lease| {
                lease.spec.renew_time.as_deref() == Some(again.as_str())
            };
            world.nodes.all().all(|node| ready(node))
                && world.leases.all().all(|lease| renewed(lease))
        })
        .await;
    assert_eq!(counts.nodes.load(std::sync::atomic::Ordering::Relaxed), 3);
}
