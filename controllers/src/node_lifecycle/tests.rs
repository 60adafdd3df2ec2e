//! Nodes that are heard, and nodes that are not.

use super::plan::READY;
use super::*;
use crate::objects::{condition, is_true};
use crate::testing::Cluster;
use keelson_apiserver::registry::capacity::history;
use serde_json::{Value, json};

fn status(ready: &str) -> Value {
    let condition = |kind: &str, status: &str| {
        json!({"type": kind, "status": status, "reason": "Kubelet",
            "lastHeartbeatTime": "2026-01-01T00:00:00Z",
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let mut conditions = vec![condition(READY, ready)];
    conditions.extend(POSTED_FALSE.map(|kind| condition(kind, "False")));
    json!({"conditions": conditions})
}

const POSTED_FALSE: [&str; 3] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

/// A cluster with nodes of these names, all ready, and their Leases.
async fn cluster(names: &[&str]) -> Cluster {
    let cluster = Cluster::new().await;
    cluster.namespace(LEASES).await;
    for name in names {
        let node = json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name}, "status": status("True")});
        cluster.create(Kind::Node, "", node).await;
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": name}, "spec": {"holderIdentity": name}});
        cluster.create(Kind::Lease, LEASES, lease).await;
    }
    cluster
}

fn leads(cluster: &Cluster) {
    cluster.lead(|manager| manager.with(NodeLifecycle::new(Timings::default())));
}

/// The node renews its Lease, whose time is what its own clock says.
async fn renew(cluster: &Cluster, name: &str, number: u32) {
    let time = format!("1999-01-01T00:00:00.{number:06}Z");
    let key = format!("{LEASES}/{name}");
    cluster
        .patch(Kind::Lease, &key, "", json!({"spec": {"renewTime": time}}))
        .await;
}

async fn post(cluster: &Cluster, name: &str, status: Value) {
    cluster
        .patch(Kind::Node, name, "status", json!({"status": status}))
        .await;
}

fn is(world: &World, name: &str, ready: &str) -> bool {
    let node = world.nodes.get(&Key::cluster(name));
    node.and_then(|node| condition(&node.status.conditions, READY))
        .is_some_and(|found| found.status == ready)
}

/// The taints of a node, as `key:effect` without the domain.
fn taints(world: &World, name: &str) -> Vec<String> {
    let Some(node) = world.nodes.get(&Key::cluster(name)) else {
        return vec!["not seen yet".to_owned()];
    };
    let shown = |taint: &crate::objects::Taint| {
        let key = taint.key.rsplit('/').next().unwrap_or_default();
        format!("{key}:{}", taint.effect)
    };
    let mut taints: Vec<String> = node.spec.taints.iter().map(shown).collect();
    taints.sort();
    taints
}

fn now(cluster: &Cluster, name: &str) -> Vec<String> {
    taints(&cluster.ground.shared.read(), name)
}

#[tokio::test(start_paused = true)]
async fn l2_a_silent_node_is_unknown_after_the_grace_period_by_the_clock_of_the_controller() {
    let cluster = cluster(&["n", "m"]).await;
    leads(&cluster);
    cluster
        .until("new nodes may be used", |world| {
            taints(world, "n").is_empty()
        })
        .await;
    for round in 0..3 {
        cluster.advance(Duration::from_secs(40)).await;
        for name in ["n", "m"] {
            renew(&cluster, name, round).await;
        }
        cluster.settle().await;
        assert!(
            is(&cluster.ground.shared.read(), "n", "True"),
            "it was heard"
        );
    }
    cluster.advance(Duration::from_secs(45)).await;
    renew(&cluster, "m", 9).await;
    cluster.settle().await;
    assert!(is(&cluster.ground.shared.read(), "n", "True"), "not yet");
    cluster.advance(Duration::from_secs(6)).await;
    cluster
        .until("it is unknown", |world| is(world, "n", "Unknown"))
        .await;
    cluster
        .until("it is tainted", |world| {
            taints(world, "n") == ["unreachable:NoExecute", "unreachable:NoSchedule"]
        })
        .await;
    let node = cluster.get(Kind::Node, "n").await.expect("the node");
    for condition in node["status"]["conditions"].as_array().expect("conditions") {
        assert_eq!(condition["status"], "Unknown");
        assert_eq!(condition["reason"], "NodeStatusUnknown");
        assert_eq!(condition["message"], "Kubelet stopped posting node status.");
        assert_eq!(condition["lastHeartbeatTime"], "2026-01-01T00:00:00Z");
        assert_eq!(condition["lastTransitionTime"], "2026-01-01T00:02:51Z");
    }
    assert!(is(&cluster.ground.shared.read(), "m", "True"));
    cluster.settle().await;
    let events = cluster.events().await;
    let told = "Normal NodeNotReady: Node n status is now: NodeNotReady".to_owned();
    assert!(events.contains(&told), "{events:?}");
    // It is back.
    post(&cluster, "n", status("True")).await;
    cluster
        .until("its taints are gone", |world| taints(world, "n").is_empty())
        .await;
}

#[tokio::test(start_paused = true)]
async fn l2_a_node_that_never_said_anything_gets_a_longer_time() {
    let cluster = cluster(&["m"]).await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
    cluster.create(Kind::Node, "", node).await;
    leads(&cluster);
    cluster.settle().await;
    for (round, seconds) in [(0, 30), (1, 25)] {
        cluster.advance(Duration::from_secs(seconds)).await;
        renew(&cluster, "m", round).await;
        cluster.settle().await;
    }
    assert_eq!(now(&cluster, "n"), ["not-ready:NoSchedule"]);
    cluster.advance(Duration::from_secs(6)).await;
    cluster
        .until("it is unknown", |world| is(world, "n", "Unknown"))
        .await;
    let node = cluster.get(Kind::Node, "n").await.expect("the node");
    assert_eq!(
        node["status"]["conditions"][0]["reason"],
        "NodeStatusNeverUpdated"
    );
    let message = &node["status"]["conditions"][0]["message"];
    assert_eq!(message, "Kubelet never posted node status.");
}

#[tokio::test(start_paused = true)]
async fn pods_on_a_node_that_is_not_ready_do_not_serve() {
    let cluster = cluster(&["n", "m"]).await;
    leads(&cluster);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"nodeName": "n", "containers": [{"name": "main", "image": "app:1"}]}});
    cluster.create(Kind::Pod, "default", pod).await;
    let conditions = json!([
        {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
    ]);
    let patch = json!({"status": {"phase": "Running", "conditions": conditions}});
    cluster.patch(Kind::Pod, "default/p", "status", patch).await;
    cluster.settle().await;
    cluster.advance(Duration::from_secs(10)).await;
    post(&cluster, "n", status("False")).await;
    cluster
        .until("it does not serve", |world| {
            let pod = world.pods.get(&Key::new("default", "p"));
            pod.is_some_and(|pod| {
                let conditions = &pod.status.conditions;
                !pod.is_ready() && is_true(conditions, "PodScheduled") && conditions.len() == 2
            })
        })
        .await;
    cluster.settle().await;
    let events = cluster.events().await;
    let told = "Warning NodeNotReady: Node is not ready".to_owned();
    assert!(events.contains(&told), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn l3_pods_are_driven_away_from_one_node_at_a_time_and_back_if_all_are_down() {
    let cluster = cluster(&["a", "b", "c", "d"]).await;
    leads(&cluster);
    cluster.settle().await;
    for name in ["a", "b"] {
        post(&cluster, name, status("False")).await;
    }
    let driven = |world: &World| {
        let is_driven =
            |name: &&str| taints(world, name).contains(&"not-ready:NoExecute".to_owned());
        ["a", "b", "c", "d"]
            .iter()
            .filter(|name| is_driven(name))
            .count()
    };
    let barred = |world: &World, name: &str| {
        taints(world, name).contains(&"not-ready:NoSchedule".to_owned())
    };
    cluster
        .until("both are barred", |world| {
            barred(world, "a") && barred(world, "b")
        })
        .await;
    cluster.settle().await;
    assert_eq!(driven(&cluster.ground.shared.read()), 1);
    cluster.advance(Duration::from_secs(10)).await;
    cluster
        .until("the second follows", |world| driven(world) == 2)
        .await;
    // Three of four are much of a small zone, and four of four are everything.
    post(&cluster, "c", status("False")).await;
    cluster.advance(Duration::from_secs(20)).await;
    cluster.settle().await;
    assert_eq!(driven(&cluster.ground.shared.read()), 2);
    post(&cluster, "d", status("False")).await;
    cluster
        .until("nobody is driven away", |world| driven(world) == 0)
        .await;
    cluster.advance(Duration::from_secs(15)).await;
    cluster.settle().await;
    assert_eq!(driven(&cluster.ground.shared.read()), 0);
    assert!(barred(&cluster.ground.shared.read(), "d"));
}

#[tokio::test(start_paused = true)]
async fn l5_what_is_wrong_with_a_node_is_a_taint_as_long_as_it_is_wrong() {
    let cluster = cluster(&["n"]).await;
    leads(&cluster);
    let mut wrong = status("True");
    wrong["conditions"][1]["status"] = "True".into();
    wrong["conditions"][3]["status"] = "True".into();
    let network = json!({"type": "NetworkUnavailable", "status": "True"});
    wrong["conditions"]
        .as_array_mut()
        .expect("a list")
        .push(network);
    post(&cluster, "n", wrong).await;
    let own = json!([{"key": "own", "value": "1", "effect": "NoSchedule"}]);
    let cordon = json!({"spec": {"unschedulable": true, "taints": own}});
    cluster.patch(Kind::Node, "n", "", cordon).await;
    let all = [
        "memory-pressure:NoSchedule",
        "network-unavailable:NoSchedule",
        "own:NoSchedule",
        "pid-pressure:NoSchedule",
        "unschedulable:NoSchedule",
    ];
    cluster
        .until("all are taints", |world| taints(world, "n") == all)
        .await;
    post(&cluster, "n", status("True")).await;
    let uncordon = json!({"spec": {"unschedulable": null}});
    cluster.patch(Kind::Node, "n", "", uncordon).await;
    cluster
        .until("only its own is left", |world| {
            taints(world, "n") == ["own:NoSchedule"]
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn l7_whoever_comes_to_lead_grants_every_node_a_full_grace_period() {
    let cluster = cluster(&["n", "m"]).await;
    for round in 0..40 {
        let term = u64::from(round) + 2;
        cluster.succeed(term, |manager| {
            manager.with(NodeLifecycle::new(Timings::default()))
        });
        cluster.settle().await;
        // One of them is silent all the time.
        if round % 3 == 0 {
            renew(&cluster, "n", round).await;
        }
        cluster.advance(Duration::from_secs(3)).await;
    }
    cluster.settle().await;
    let told = history(&cluster.kv).await.expect("nothing is compacted");
    let changes = told.iter().flat_map(|piece| &piece.changes);
    for change in changes.filter(|change| change.now.key.starts_with(b"/registry/minions/")) {
        let node = String::from_utf8_lossy(&change.now.value);
        assert!(
            !node.contains("Unknown"),
            "a change of leaders made a node silent"
        );
    }
    // With one that stays, the silent one is found out.
    for round in 40..46 {
        cluster.advance(Duration::from_secs(10)).await;
        renew(&cluster, "n", round).await;
        cluster.settle().await;
    }
    cluster
        .until("it is unknown", |world| is(world, "m", "Unknown"))
        .await;
    assert!(is(&cluster.ground.shared.read(), "n", "True"));
}
