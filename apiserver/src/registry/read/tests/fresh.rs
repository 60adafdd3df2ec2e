//! How fresh an answer is: statements 21 to 24.

use super::world::{Listed, World, resource, target};
use crate::resource::everything;
use crate::status::Reason;
use crate::storage::{Call, Fault, KvError};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn an_object_is_read_with_its_version() {
    let world = World::new();
    let revision = world.pod("x", "web").await;
    let object = world.get(&target("pods", "a", "x"), "").await.unwrap();
    let expected = json!({
        "apiVersion": "v1", "kind": "X",
        "metadata": {"name": "x", "namespace": "a", "labels": {"app": "web"}, "resourceVersion": revision.to_string()},
    });
    assert_eq!(object.value(), Some(expected));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_there_is_not_found() {
    let world = World::new();
    world.pod("x", "web").await;
    for (plural, namespace, name, message) in [
        ("pods", "a", "y", "pods \"y\" not found"),
        ("pods", "b", "x", "pods \"x\" not found"),
        ("nodes", "", "x", "nodes \"x\" not found"),
        ("deployments", "a", "x", "deployments.apps \"x\" not found"),
    ] {
        let failure = world.get(&target(plural, namespace, name), "").await;
        let failure = failure.unwrap_err();
        assert_eq!((failure.code(), failure.message.as_str()), (404, message));
        let details = failure.details.unwrap();
        assert_eq!(
            (details.kind.as_str(), details.name.as_str()),
            (plural, name)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_cannot_lead_elsewhere() {
    let world = World::new();
    world.pod("x", "web").await;
    for (namespace, name, message) in [
        ("", "a/x", "Namespace parameter required."),
        ("a", "", "Name parameter required."),
        (
            "a",
            "x/../x",
            "Name parameter invalid: \"x/../x\": may not contain '/'",
        ),
        ("a", "..", "Name parameter invalid: \"..\": may not be '..'"),
        (
            "a/b",
            "x",
            "Namespace parameter invalid: \"a/b\": may not contain '/'",
        ),
    ] {
        let failure = world
            .get(&target("pods", namespace, name), "")
            .await
            .unwrap_err();
        assert_eq!((failure.code(), failure.message.as_str()), (400, message));
    }
}

#[tokio::test(start_paused = true)]
async fn what_lies_below_an_object_shows_it_if_it_is_of_its_kind() {
    let world = World::new();
    world.pod("x", "web").await;
    for (subresource, is_shown) in [
        ("status", true),
        ("resize", true),
        ("log", false),
        ("none", false),
    ] {
        let mut target = target("pods", "a", "x");
        target.subresource = subresource.to_owned();
        assert_eq!(
            world.get(&target, "").await.is_ok(),
            is_shown,
            "{subresource}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn statement_22_a_version_that_does_not_come_is_waited_for_and_then_too_large() {
    let world = World::new();
    let current = world.pod("x", "web").await;
    let wanted = current + 10;
    for read in [
        format!("resourceVersion={wanted}"),
        format!("resourceVersion={wanted}&resourceVersionMatch=NotOlderThan"),
        format!("resourceVersion={wanted}&resourceVersionMatch=Exact"),
        format!("resourceVersion={wanted}&limit=1"),
    ] {
        let began = Instant::now();
        let failure = world
            .list(&target("pods", "a", ""), &read)
            .await
            .unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 3, "{read}");
        assert_eq!(
            (failure.code(), failure.retry_after_seconds()),
            (504, Some(1))
        );
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        assert_eq!(failure.message, message);
        assert_eq!(
            failure.details.unwrap().causes[0].reason,
            "ResourceVersionTooLarge"
        );
    }
    let query = format!("resourceVersion={wanted}");
    let failure = world
        .get(&target("pods", "a", "x"), &query)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 504);
    let query = format!(
        "resourceVersion={wanted}&resourceVersionMatch=NotOlderThan&sendInitialEvents=true"
    );
    let failure = world
        .watch(&target("pods", "a", ""), &query)
        .await
        .err()
        .unwrap();
    assert_eq!(failure.code(), 504);
}

#[tokio::test(start_paused = true)]
async fn statement_22_a_version_that_comes_in_time_is_answered() {
    let world = World::new();
    let revision = world.pod("x", "web").await + 1;
    let queries = [
        format!("resourceVersion={revision}"),
        format!("resourceVersion={revision}&resourceVersionMatch=Exact"),
    ];
    let pods = target("pods", "a", "");
    let reads = futures::future::join_all(queries.iter().map(|query| world.list(&pods, query)));
    let write = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.pod("y", "web").await
    };
    let (listed, written) = tokio::join!(reads, write);
    assert_eq!(written, revision);
    for listed in listed {
        let listed = listed.unwrap();
        assert_eq!((listed.revision, listed.names.len()), (revision, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn statement_21_an_old_state_is_listed_exactly_until_it_is_compacted() {
    let world = World::new();
    let (pods, first) = (target("pods", "a", ""), world.pod("x", "web").await);
    let second = world.pod("y", "web").await;
    world.delete("pods", "a", "x").await;
    let query = |revision: u64| format!("resourceVersion={revision}&resourceVersionMatch=Exact");
    for (revision, names) in [
        (first, vec!["a/x"]),
        (second, vec!["a/x", "a/y"]),
        (second + 1, vec!["a/y"]),
    ] {
        let listed = world.list(&pods, &query(revision)).await.unwrap();
        assert_eq!(
            (listed.revision, listed.names),
            (revision, names.iter().map(|n| n.to_string()).collect())
        );
    }
    world.compact(second).await;
    let failure = world.list(&pods, &query(first)).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Expired);
    assert_eq!(
        failure.message,
        "The resourceVersion for the provided list is too old."
    );
    assert_eq!(
        world.list(&pods, &query(second)).await.unwrap().names.len(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_with_a_limit_alone_means_exactly_that_one() {
    let world = World::new();
    let revision = world.pod("x", "web").await;
    world.pod("y", "web").await;
    let pods = target("pods", "a", "");
    let limited = world
        .list(&pods, &format!("resourceVersion={revision}&limit=9"))
        .await
        .unwrap();
    assert_eq!((limited.revision, limited.names.len()), (revision, 1));
    let whole = world
        .list(&pods, &format!("resourceVersion={revision}"))
        .await
        .unwrap();
    assert_eq!((whole.revision, whole.names.len()), (revision + 1, 2));
}

#[tokio::test(start_paused = true)]
async fn statement_23_a_read_without_a_version_sees_what_was_acknowledged_or_is_refused() {
    let world = World::new();
    let pods = target("pods", "a", "");
    for index in 0..20 {
        let name = format!("x{index:02}");
        let revision = world.pod(&name, "web").await;
        let listed = world.list(&pods, "").await.unwrap();
        assert_eq!((listed.revision, listed.names.len()), (revision, index + 1));
        let read = world.get(&target("pods", "a", &name), "").await.unwrap();
        assert_eq!(read.revision(), revision);
    }
    let away = || Fault::Before(KvError::Unavailable("no leader".into()));
    world.kv.fail_next(Call::Range, away());
    assert_eq!(world.list(&pods, "").await.unwrap_err().code(), 503);
    world.kv.fail_next(Call::Range, away());
    let failure = world
        .get(&target("pods", "a", "x00"), "")
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 503);
    world
        .kv
        .fail_next(Call::Range, Fault::Before(KvError::Overloaded));
    assert_eq!(world.list(&pods, "").await.unwrap_err().code(), 429);
}

#[tokio::test(start_paused = true)]
async fn statement_24_an_empty_list_has_a_version() {
    let world = World::new();
    let pods = target("pods", "a", "");
    for query in [
        "",
        "limit=5",
        "resourceVersion=0",
        "fieldSelector=metadata.name=x",
    ] {
        let listed = world.list(&pods, query).await.unwrap();
        let expected = Listed {
            names: Vec::new(),
            revision: 1,
            token: None,
            remaining: None,
        };
        assert_eq!(listed, expected, "{query}");
    }
    let revision = world.label("nodes", "", "n", json!({})).await;
    assert_eq!(world.list(&pods, "").await.unwrap().revision, revision);
}

#[tokio::test(start_paused = true)]
async fn every_resource_of_the_catalog_is_listed_and_neighbours_are_not() {
    let world = World::new();
    for plural in [
        "pods",
        "podtemplates",
        "services",
        "endpoints",
        "nodes",
        "namespaces",
        "deployments",
    ] {
        for namespace in ["a", "a-b"] {
            world.label(plural, namespace, "x", json!({})).await;
        }
    }
    let custom = "z.io/v1 pods Pod namespaced key:z.io/pods";
    world.label(custom, "a", "x", json!({})).await;
    let names = async |plural: &str, namespace: &str| {
        world
            .list(&target(plural, namespace, ""), "")
            .await
            .unwrap()
            .names
    };
    for plural in [
        "pods",
        "podtemplates",
        "services",
        "endpoints",
        "deployments",
    ] {
        assert_eq!(names(plural, "").await, ["a-b/x", "a/x"], "{plural}");
        assert_eq!(names(plural, "a").await, ["a/x"], "{plural}");
        assert_eq!(names(plural, "b").await, [""; 0], "{plural}");
    }
    for plural in ["nodes", "namespaces"] {
        assert_eq!(names(plural, "").await, ["x"], "{plural}");
    }
    assert_eq!(names(custom, "").await, ["a/x"]);
    assert_eq!(resource(custom).gvk.group, "z.io");
}

#[tokio::test(start_paused = true)]
async fn objects_are_served_in_the_version_that_is_asked_for() {
    let world = World::new();
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "a"},
        "involvedObject": {"kind": "Pod"}, "message": "pulled",
    });
    let revision = world.put("events", event).await;
    let mut target = target("events", "a", "");
    target.resource = everything()
        .find("events.k8s.io", "v1", "events")
        .unwrap()
        .clone()
        .into();
    let query = "fieldSelector=regarding.kind%3DPod";
    let mut watch = world.watch(&target, query).await.unwrap();
    let watched = watch.event().await.object.value().unwrap();
    assert_eq!(world.list(&target, query).await.unwrap().names, ["a/e"]);
    target.name = "e".to_owned();
    let read = world.get(&target, "").await.unwrap().value().unwrap();
    assert_eq!(read, watched);
    let version = revision.to_string();
    let metadata = json!({"name": "e", "namespace": "a", "resourceVersion": version});
    let expected = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": metadata,
        "regarding": {"kind": "Pod"}, "note": "pulled",
    });
    assert_eq!(read, expected);
    target.resource = everything()
        .find("resource.k8s.io", "v1beta1", "resourceclaims")
        .unwrap()
        .clone()
        .into();
    assert_eq!(world.get(&target, "").await.unwrap_err().code(), 500);
}
