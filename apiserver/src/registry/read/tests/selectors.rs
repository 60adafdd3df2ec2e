//! What selectors select: statements 25 and 26.

use super::world::{World, resource, target};
use crate::request::{ListOptions, ListRead};
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::Failure;
use crate::storage::Call;
use serde_json::{Value, json};

async fn names(
    world: &World,
    plural: &str,
    namespace: &str,
    query: &str,
) -> Result<Vec<String>, Failure> {
    let listed = world.list(&target(plural, namespace, ""), query).await;
    listed.map(|listed| listed.names)
}

#[tokio::test(start_paused = true)]
async fn statement_25_a_limit_counts_what_is_selected() {
    let world = World::new();
    for index in 0..300 {
        let app = if index % 50 == 49 { "rare" } else { "web" };
        world.pod(&format!("x{index:03}"), app).await;
    }
    let (pods, mut token, mut found) = (target("pods", "a", ""), String::new(), Vec::new());
    let mut pages = 0;
    loop {
        let query = format!("limit=2&labelSelector=app%3Drare&continue={token}");
        let page = world.list(&pods, &query).await.unwrap();
        pages += 1;
        match page.token {
            Some(next) => {
                assert_eq!(page.names.len(), 2, "only the last page may be short");
                token = next;
            }
            None => token.clear(),
        }
        found.extend(page.names);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(
        found,
        ["a/x049", "a/x099", "a/x149", "a/x199", "a/x249", "a/x299"]
    );
    assert!(pages <= 4, "{pages}");
}

#[tokio::test(start_paused = true)]
async fn statement_26_names_and_fields_select() {
    let world = World::new();
    for (name, node, phase) in [
        ("x", "n1", "Running"),
        ("y", "n2", "Running"),
        ("z", "n1", "Failed"),
    ] {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "a"},
            "spec": {"nodeName": node, "containers": [{"name": "nodeName"}]}, "status": {"phase": phase},
        });
        world.put("pods", pod).await;
    }
    for (query, expected) in [
        ("fieldSelector=metadata.name!%3Dx", vec!["a/y", "a/z"]),
        ("fieldSelector=metadata.name%3Dx", vec!["a/x"]),
        ("fieldSelector=metadata.name%3Dx,metadata.name%3Dy", vec![]),
        ("fieldSelector=metadata.name%3Dx,spec.nodeName%3Dn2", vec![]),
        ("fieldSelector=metadata.name%3Da/x", vec![]),
        (
            "fieldSelector=metadata.namespace%3Da",
            vec!["a/x", "a/y", "a/z"],
        ),
        ("fieldSelector=metadata.namespace!%3Da", vec![]),
        ("fieldSelector=spec.nodeName%3Dn1", vec!["a/x", "a/z"]),
        ("fieldSelector=spec.host%3Dn1", vec!["a/x", "a/z"]),
        (
            "fieldSelector=spec.nodeName%3Dn1,status.phase!%3DFailed",
            vec!["a/x"],
        ),
        (
            "fieldSelector=spec.hostNetwork%3Dfalse",
            vec!["a/x", "a/y", "a/z"],
        ),
        ("fieldSelector=spec.hostNetwork%3Dtrue", vec![]),
        ("fieldSelector=status.podIP%3D", vec!["a/x", "a/y", "a/z"]),
    ] {
        for namespace in ["", "a"] {
            let found = names(&world, "pods", namespace, query).await.unwrap();
            assert_eq!(found, expected, "{query} in {namespace:?}");
        }
    }
    for (plural, field, message) in [
        ("pods", "spec.foo", "field label not supported: spec.foo"),
        (
            "configmaps",
            "data",
            "\"data\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
    ] {
        let query = format!("fieldSelector={field}%3Dbar");
        let failure = names(&world, plural, "a", &query).await.unwrap_err();
        assert_eq!((failure.code(), failure.message.as_str()), (400, message));
        let failure = world
            .watch(&target(plural, "a", ""), &query)
            .await
            .err()
            .unwrap();
        assert_eq!((failure.code(), failure.message.as_str()), (400, message));
    }
}

#[tokio::test(start_paused = true)]
async fn absent_fields_count_as_their_zero() {
    let world = World::new();
    let node = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    world
        .put("nodes", node("closed", json!({"unschedulable": true})))
        .await;
    world.put("nodes", node("open", json!({}))).await;
    let set = |name: &str, status: Value| json!({"metadata": {"name": name, "namespace": "a"}, "status": status});
    world.put("replicasets", set("none", json!({}))).await;
    world
        .put("replicasets", set("three", json!({"replicas": 3})))
        .await;
    for (plural, field, expected) in [
        ("nodes", "spec.unschedulable%3Dfalse", vec!["open"]),
        ("nodes", "spec.unschedulable!%3Dfalse", vec!["closed"]),
        ("replicasets", "status.replicas%3D0", vec!["a/none"]),
        ("replicasets", "status.replicas%3D3", vec!["a/three"]),
    ] {
        let found = names(&world, plural, "", &format!("fieldSelector={field}")).await;
        assert_eq!(found.unwrap(), expected, "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn custom_resources_select_by_the_fields_of_their_row() {
    let world = World::new();
    let row = "z.io/v1 apes Ape namespaced key:z.io/apes select:spec.tree";
    for (name, tree) in [("x", "oak"), ("y", "elm")] {
        let metadata = json!({"name": name, "namespace": "a"});
        world
            .put(row, json!({"metadata": metadata, "spec": {"tree": tree}}))
            .await;
    }
    let found = names(&world, row, "", "fieldSelector=spec.tree%3Delm").await;
    assert_eq!(found.unwrap(), ["a/y"]);
    let other = "z.io/v1 bees Bee cluster key:z.io/bees";
    for row in [row, other] {
        let failure = names(&world, row, "", "fieldSelector=spec.bush%3Delm")
            .await
            .unwrap_err();
        assert_eq!(failure.message, "field label not supported: spec.bush");
    }
    assert_eq!(resource(row).key, "z.io/apes");
}

#[tokio::test(start_paused = true)]
async fn labels_select() {
    let world = World::new();
    world
        .label("pods", "a", "both", json!({"app": "web", "tier": "front"}))
        .await;
    world.label("pods", "a", "one", json!({"app": "web"})).await;
    world
        .put(
            "pods",
            json!({"metadata": {"name": "none", "namespace": "a"}}),
        )
        .await;
    for (selector, expected) in [
        ("app", vec!["a/both", "a/one"]),
        ("!app", vec!["a/none"]),
        ("app%3Dweb,tier", vec!["a/both"]),
        ("app%3Dweb,!tier", vec!["a/one"]),
        ("app!%3Dweb", vec!["a/none"]),
        ("tier in (front,back)", vec!["a/both"]),
        ("tier notin (front)", vec!["a/none", "a/one"]),
    ] {
        let query = format!("labelSelector={}", selector.replace(' ', "+"));
        assert_eq!(
            names(&world, "pods", "a", &query).await.unwrap(),
            expected,
            "{selector}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_selector_for_nothing_finds_nothing() {
    let world = World::new();
    world.pod("x", "web").await;
    let options = ListOptions {
        labels: LabelSelector::nothing(),
        fields: FieldSelector::everything(),
        limit: None,
        read: ListRead::Latest,
        timeout: None,
    };
    let mut list = world
        .registry
        .list(&target("pods", "a", ""), &options)
        .await
        .unwrap();
    assert!(futures::StreamExt::next(&mut list.pieces).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_single_name_reads_a_single_key() {
    let world = World::new();
    for index in 0..100 {
        world.pod(&format!("x{index:02}"), "web").await;
    }
    let query = "fieldSelector=metadata.name%3Dx50";
    assert_eq!(names(&world, "pods", "a", query).await.unwrap(), ["a/x50"]);
    assert_eq!(world.kv.calls(Call::Range), 1);
    // In all namespaces, a name may stand for many.
    world.label("pods", "b", "x50", json!({})).await;
    assert_eq!(
        names(&world, "pods", "", query).await.unwrap(),
        ["a/x50", "b/x50"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_has_its_source_in_one_of_two_places() {
    let world = World::new();
    let event = |name: &str, more: Value| {
        let mut event = json!({"metadata": {"name": name, "namespace": "a"}});
        event
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        event
    };
    let (old, new) = (
        json!({"source": {"component": "c"}}),
        json!({"source": {}, "reportingComponent": "c"}),
    );
    world.put("events", event("new", new)).await;
    world.put("events", event("none", json!({}))).await;
    world.put("events", event("old", old)).await;
    let found = names(&world, "events", "a", "fieldSelector=source%3Dc").await;
    assert_eq!(found.unwrap(), ["a/new", "a/old"]);
}
