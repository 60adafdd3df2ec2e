//! The world is what the store has, whatever happens on the way.

use crate::objects::Key;
use crate::runtime::{Kind, World};
use crate::testing::Cluster;
use keelson_apiserver::meter::Page;
use keelson_apiserver::storage::KvError;
use serde_json::{Value, json};

fn pod(name: &str, owner: Option<&str>, node: &str) -> Value {
    let owners = owner.map(|uid| {
        json!([{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": uid,
            "controller": true,
        }])
    });
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "ownerReferences": owners.unwrap_or_else(|| json!([]))},
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}]},
    })
}

fn names<'w, T: crate::runtime::Kept + 'w>(
    found: impl Iterator<Item = &'w std::sync::Arc<T>>,
) -> Vec<String> {
    found.map(|object| object.meta().name.clone()).collect()
}

#[tokio::test]
async fn objects_are_found_by_name_namespace_owner_and_node() {
    let cluster = Cluster::new().await;
    cluster.namespace("other").await;
    cluster
        .create(Kind::Pod, "default", pod("a", Some("u1"), "n1"))
        .await;
    cluster
        .create(Kind::Pod, "default", pod("b", Some("u2"), "n1"))
        .await;
    cluster
        .create(Kind::Pod, "other", pod("c", Some("u1"), "n2"))
        .await;
    cluster
        .until("all pods are seen", |world| world.pods.len() == 3)
        .await;
    {
        let world = cluster.ground.shared.read();
        assert_eq!(names(world.pods.in_namespace("default")), ["a", "b"]);
        assert_eq!(names(world.pods.controlled_by("u1")), ["a", "c"]);
        assert_eq!(names(world.pods_on("n1")), ["a", "b"]);
        assert_eq!(names(world.pods_on("n2")), ["c"]);
        let dependents: Vec<_> = world.graph.dependents("u1").collect();
        assert_eq!(dependents.len(), 2);
    }
    let orphan = json!({"metadata": {"ownerReferences": null}});
    cluster.patch(Kind::Pod, "default/a", "", orphan).await;
    cluster
        .until("it has no owner", |world| {
            names(world.pods.controlled_by("u1")) == ["c"]
                && world.graph.dependents("u1").count() == 1
        })
        .await;
    cluster.delete(Kind::Pod, "other/c", None, Some(0)).await;
    cluster
        .until("it is gone", |world| {
            world.pods.len() == 2 && world.pods_on("n2").next().is_none()
        })
        .await;
}

#[tokio::test]
async fn what_is_missed_while_the_watch_is_broken_is_made_up_for() {
    let cluster = Cluster::new().await;
    for name in ["a", "b", "c"] {
        cluster
            .create(Kind::Pod, "default", pod(name, None, "n1"))
            .await;
    }
    cluster
        .until("all pods are seen", |world| world.pods.len() == 3)
        .await;
    assert!(cluster.ground.shared.is_current());
    // The follower does not run between these: one runtime, nothing waits.
    cluster
        .kv
        .break_watches(KvError::Unavailable("a bad day".into()));
    cluster.delete(Kind::Pod, "default/b", None, Some(0)).await;
    cluster
        .create(Kind::Pod, "default", pod("d", None, "n1"))
        .await;
    cluster
        .until("the world is as the store has it", |world: &World| {
            names(world.pods.all()) == ["a", "c", "d"] && names(world.pods_on("n1")).len() == 3
        })
        .await;
    let mut page = Page::default();
    cluster.ground.shared.show(&mut page);
    let text = page.into_text();
    for line in [
        "apiserver_storage_objects{resource=\"pods\"} 3",
        "apiserver_resource_objects{group=\"\",resource=\"pods\"} 3",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}: {text}");
    }
    assert!(cluster.ground.shared.is_current());
    let world = cluster.ground.shared.read();
    assert!(world.pods.get(&Key::new("default", "b")).is_none());
    assert!(
        world
            .graph
            .all()
            .all(|node| &*node.reference.key.name != "b")
    );
}

#[tokio::test]
async fn what_nobody_looks_at_is_as_it_is_last_when_somebody_does() {
    let cluster = Cluster::new().await;
    let long = "x".repeat(1000);
    let annotations = json!({"controller.kubernetes.io/pod-deletion-cost": "7", "long": long});
    for name in ["a", "b"] {
        let mut made = pod(name, Some("u1"), "n1");
        made["metadata"]["annotations"] = annotations.clone();
        cluster.create(Kind::Pod, "default", made).await;
    }
    cluster.delete(Kind::Pod, "default/b", None, Some(0)).await;
    for owner in ["u2", "u3"] {
        let patch = json!({"metadata": pod("a", Some(owner), "n1")["metadata"]});
        cluster.patch(Kind::Pod, "default/a", "", patch).await;
    }
    let owned = |world: &World| names(world.pods.controlled_by("u3")) == ["a"];
    cluster.until("the last owner is seen", owned).await;
    let world = cluster.ground.shared.read();
    assert_eq!(names(world.pods_on("n1")), ["a"]);
    assert_eq!(names(world.pods.controlled_by("u3")), ["a"]);
    assert!(world.graph.dependents("u1").next().is_none());
    // Numbers are kept, documents are not.
    let kept = &world
        .pods
        .get(&Key::new("default", "a"))
        .unwrap()
        .metadata
        .annotations;
    assert_eq!(kept.len(), 1);
}
