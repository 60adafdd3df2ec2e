//! RS1 to RS4 and RS7: how many Pods there are, and whose.

use super::*;
use std::collections::BTreeSet;
use std::time::Duration;

async fn cluster() -> Cluster {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(sets()).with(controllers()));
    cluster
}

fn names(pods: &[Arc<Pod>]) -> BTreeSet<String> {
    pods.iter().map(|pod| pod.metadata.name.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn rs1_there_are_as_many_active_pods_as_are_wanted() {
    let cluster = cluster().await;
    cluster.run_pods();
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 3))
        .await;
    let pods = ready(&cluster, "a", 3).await;
    assert!(pods.iter().all(|pod| pod.metadata.name.starts_with("a-")));
    let owner = &pods[0].metadata.owner_references;
    assert_eq!(owner.len(), 1);
    assert_eq!(
        (&*owner[0].api_version, &*owner[0].kind),
        ("apps/v1", "ReplicaSet")
    );
    assert_eq!(owner[0].block_owner_deletion, Some(true));
    for wanted in [5, 0, 2] {
        scale(&cluster, "a", wanted).await;
        ready(&cluster, "a", wanted).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rs1_what_has_ended_or_is_going_is_replaced_and_stays_where_it_is() {
    let cluster = cluster().await;
    let pause = cluster.run_pods();
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 3))
        .await;
    let pods = ready(&cluster, "a", 3).await;
    pause.set(true);
    let [failed, deleted, _] = [0, 1, 2].map(|at| pods[at].metadata.key().to_string());
    let patch = json!({"status": {"phase": "Failed"}});
    cluster.patch(Kind::Pod, &failed, "status", patch).await;
    cluster.delete(Kind::Pod, &deleted, None, None).await;
    cluster
        .until("both are replaced", |world| {
            let now = active(world, "a");
            now.len() == 3 && names(&now).is_disjoint(&names(&pods[..2]))
        })
        .await;
    settled(&cluster, "a", 3).await;
    assert!(cluster.get(Kind::Pod, &failed).await.is_some());
    let status = of(&cluster.ground.shared.read(), "a").map(|set| set.status.clone());
    assert_eq!(
        status.and_then(|status| status.terminating_replicas),
        Some(1)
    );
}

#[tokio::test(start_paused = true)]
async fn rs1_more_than_one_burst_is_made_and_deleted_in_several_looks() {
    let cluster = cluster().await;
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 1100))
        .await;
    settled(&cluster, "a", 1100).await;
    scale(&cluster, "a", 30).await;
    settled(&cluster, "a", 30).await;
}

#[tokio::test(start_paused = true)]
async fn rs1_a_set_that_is_going_makes_no_pods() {
    let cluster = cluster().await;
    let mut held = set("a", 2);
    held["metadata"]["finalizers"] = json!(["example.com/held"]);
    cluster.create(Kind::ReplicaSet, "default", held).await;
    let pods = settled(&cluster, "a", 2).await;
    cluster
        .delete(Kind::ReplicaSet, "default/a", None, None)
        .await;
    let key = pods[0].metadata.key().to_string();
    cluster.delete(Kind::Pod, &key, None, None).await;
    cluster.create(Kind::Pod, "default", orphan("o", "a")).await;
    settled(&cluster, "a", 1).await;
    cluster.settle().await;
    let world = cluster.ground.shared.read();
    assert_eq!(active(&world, "a").len(), 1);
    let orphan = world.pods.get(&Key::new("default", "o"));
    assert!(orphan.is_some_and(|pod| pod.metadata.owner_references.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn rs2_what_does_not_serve_goes_before_what_does() {
    let cluster = cluster().await;
    let pause = cluster.run_pods();
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 5))
        .await;
    let pods = ready(&cluster, "a", 5).await;
    pause.set(true);
    let (unready, cheap) = (pods[1].metadata.key(), pods[3].metadata.key());
    cluster.mark_pod(&unready.to_string(), false).await;
    ready(&cluster, "a", 4).await;
    let cost = json!({"metadata": {"annotations": {
        "controller.kubernetes.io/pod-deletion-cost": "-1",
    }}});
    cluster.patch(Kind::Pod, &cheap.to_string(), "", cost).await;
    scale(&cluster, "a", 4).await;
    let left = names(&settled(&cluster, "a", 4).await);
    assert!(!left.contains(&*unready.name), "{left:?}");
    scale(&cluster, "a", 3).await;
    let left = names(&settled(&cluster, "a", 3).await);
    assert!(!left.contains(&*cheap.name), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn rs2_pods_of_all_sets_of_one_owner_make_a_node_crowded() {
    let cluster = cluster().await;
    let owned = |name: &str, replicas: i32| {
        let mut set = set(name, replicas);
        set["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "d",
            "controller": true,
        }]);
        set
    };
    cluster
        .create(Kind::ReplicaSet, "default", owned("a", 2))
        .await;
    cluster
        .create(Kind::ReplicaSet, "default", owned("b", 2))
        .await;
    // Of no owner: they do not count.
    cluster
        .create(Kind::ReplicaSet, "default", set("c", 3))
        .await;
    let bind = async |name: &str, count: usize, nodes: [&str; 3]| {
        let pods = settled(&cluster, name, count).await;
        for (pod, node) in pods.iter().zip(nodes) {
            let key = pod.metadata.key().to_string();
            cluster.bind_pod(&key, node).await;
            cluster.mark_pod(&key, true).await;
        }
        pods
    };
    let pods = bind("a", 2, ["crowded", "roomy", ""]).await;
    bind("b", 2, ["crowded", "crowded", ""]).await;
    bind("c", 3, ["roomy", "roomy", "roomy"]).await;
    ready(&cluster, "a", 2).await;
    ready(&cluster, "b", 2).await;
    scale(&cluster, "a", 1).await;
    let left = settled(&cluster, "a", 1).await;
    assert_eq!(left[0].metadata.name, pods[1].metadata.name);
}

#[tokio::test(start_paused = true)]
async fn rs3_a_pod_that_is_relabelled_is_let_go_and_taken_in_again() {
    let cluster = cluster().await;
    cluster.run_pods();
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 3))
        .await;
    let pods = ready(&cluster, "a", 3).await;
    let key = pods[0].metadata.key();
    let label = |app: &str| json!({"metadata": {"labels": {"app": app}}});
    cluster
        .patch(Kind::Pod, &key.to_string(), "", label("debug"))
        .await;
    cluster
        .until("it is let go and replaced", |world| {
            let pod = world.pods.get(&key);
            is_settled(world, "a", 3)
                && pod.is_some_and(|pod| pod.metadata.owner_references.is_empty())
        })
        .await;
    cluster.settle().await;
    assert_eq!(cluster.ground.shared.read().pods.len(), 4);
    cluster
        .patch(Kind::Pod, &key.to_string(), "", label("a"))
        .await;
    cluster
        .until("one of the four is gone", |world| world.pods.len() == 3)
        .await;
    ready(&cluster, "a", 3).await;
}

#[tokio::test(start_paused = true)]
async fn rs4_matching_orphans_are_adopted_and_only_the_surplus_is_deleted() {
    let cluster = cluster().await;
    for name in ["x", "y", "z"] {
        cluster
            .create(Kind::Pod, "default", orphan(name, "a"))
            .await;
    }
    cluster
        .create(Kind::Pod, "default", orphan("other", "b"))
        .await;
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 2))
        .await;
    let pods = settled(&cluster, "a", 2).await;
    cluster.settle().await;
    let all = BTreeSet::from(["x", "y", "z"].map(str::to_owned));
    assert!(names(&pods).is_subset(&all), "{:?}", names(&pods));
    let world = cluster.ground.shared.read();
    assert_eq!(world.pods.len(), 3);
    let other = world.pods.get(&Key::new("default", "other"));
    assert!(other.is_some_and(|pod| pod.metadata.owner_references.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn m4_pods_of_others_are_left_alone() {
    let cluster = cluster().await;
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 1))
        .await;
    settled(&cluster, "a", 1).await;
    // The same selector, and Pods that it matches and somebody else manages.
    let mut second = set("b", 1);
    second["spec"]["selector"] = json!({"matchLabels": {"app": "a"}});
    second["spec"]["template"] = template("a");
    cluster.create(Kind::ReplicaSet, "default", second).await;
    settled(&cluster, "b", 1).await;
    cluster.settle().await;
    let world = cluster.ground.shared.read();
    assert_eq!(world.pods.len(), 2);
    assert_eq!(active(&world, "a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rs7_a_replication_controller_selects_by_labels_of_its_template() {
    let cluster = cluster().await;
    cluster.run_pods();
    let controller = json!({
        "apiVersion": "v1", "kind": "ReplicationController",
        "metadata": {"name": "c"},
        "spec": {"template": template("c")},
    });
    let kind = Kind::ReplicationController;
    let made = cluster.create(kind, "default", controller).await;
    assert_eq!(made["spec"]["selector"], json!({"app": "c"}));
    assert_eq!(made["spec"]["replicas"], 1);
    cluster.create(Kind::Pod, "default", orphan("o", "c")).await;
    let wanted = json!({"spec": {"replicas": 3}});
    cluster.patch(kind, "default/c", "", wanted).await;
    let pods = ready(&cluster, "c", 3).await;
    assert!(names(&pods).contains("o"));
    let owner = &pods[0].metadata.owner_references[0];
    assert_eq!(
        (&*owner.api_version, &*owner.kind),
        ("v1", "ReplicationController")
    );
    cluster.advance(Duration::from_secs(1)).await;
    let stored = cluster.get(kind, "default/c").await.expect("it is there");
    assert_eq!(stored["status"]["readyReplicas"], 3);
    assert_eq!(stored["status"].get("terminatingReplicas"), None);
}
