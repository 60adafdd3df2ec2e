//! Statements about replacing.

use super::world::body;
use super::world::{World, at, config_map, deployment, seen, some_deployment, some_map, version};
use crate::status::Reason;
use serde_json::{Value, json};

#[tokio::test]
async fn statement_28_of_two_puts_with_one_version_one_is_refused() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let (mut first, mut second) = (made.clone(), made.clone());
    first["data"]["key"] = "2".into();
    second["data"]["key"] = "3".into();
    let stored = world.put(&config_map("a"), &first).await;
    let failure = world.try_put(&config_map("a"), &second).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    assert_eq!(
        failure.message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
    assert_eq!(world.get(&config_map("a")).await, Some(stored));
}

#[tokio::test]
async fn statement_29_a_put_about_another_uid_is_refused() {
    let world = World::new();
    let old = world.create(&config_map(""), &some_map("a", "1")).await;
    world.delete(&config_map("a"), json!({})).await;
    let new = world.create(&config_map(""), &some_map("a", "2")).await;
    let mut late = old.clone();
    late["metadata"]["resourceVersion"] = new["metadata"]["resourceVersion"].clone();
    let failure = world.try_put(&config_map("a"), &late).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    assert!(
        failure
            .message
            .contains("Precondition failed: UID in precondition: ")
    );
    assert_eq!(world.get(&config_map("a")).await, Some(new));
}

#[tokio::test]
async fn statement_30_a_put_that_changes_nothing_writes_nothing() {
    let world = World::new();
    for (target, object) in [
        (config_map("a"), some_map("a", "1")),
        (deployment("a"), some_deployment("a")),
    ] {
        let made = world.create(&target, &object).await;
        let revision = world.kv.revision();
        world.pass_s(60);
        assert_eq!(world.put(&target, &made).await, made);
        // Without a version, defaults and managers, as it was sent at first.
        assert_eq!(world.put(&target, &object).await, made);
        assert_eq!(world.kv.revision(), revision);
    }
}

#[tokio::test]
async fn an_update_keeps_what_only_the_server_sets() {
    let world = World::new();
    let made = world.create(&deployment(""), &some_deployment("web")).await;
    let mut sent = some_deployment("web");
    sent["metadata"]["creationTimestamp"] = "2000-01-01T00:00:00Z".into();
    sent["metadata"]["generation"] = 77.into();
    sent["metadata"]["selfLink"] = "/x".into();
    sent["spec"]["replicas"] = 3.into();
    let stored = world.put(&deployment("web"), &sent).await;
    assert_eq!(stored["metadata"]["uid"], made["metadata"]["uid"]);
    let created = "creationTimestamp";
    assert_eq!(stored["metadata"][created], made["metadata"][created]);
    assert_eq!(stored["metadata"]["generation"], 2);
    assert_eq!(stored["metadata"].get("selfLink"), None);
    assert!(version(&stored) > version(&made));
}

#[tokio::test]
async fn statement_35_only_another_spec_is_a_new_generation() {
    let world = World::new();
    let sets = at("apps/v1", "statefulsets", "ns", "web");
    let mut set = some_deployment("web");
    set["kind"] = "StatefulSet".into();
    set["spec"]["serviceName"] = "web".into();
    world.create(&sets, &set).await;
    let generation = async |patch: Value| {
        let patched = world.merge(&sets, patch).await;
        patched["metadata"]["generation"].clone()
    };
    assert_eq!(
        generation(json!({"metadata": {"labels": {"a": "b"}}})).await,
        1
    );
    assert_eq!(
        generation(json!({"metadata": {"annotations": {"a": "b"}}})).await,
        1
    );
    assert_eq!(generation(json!({"spec": {"replicas": 5}})).await, 2);
    // Annotations of a Deployment go to what it makes.
    world.create(&deployment(""), &some_deployment("web")).await;
    let patch = json!({"metadata": {"annotations": {"a": "b"}}});
    let patched = world.merge(&deployment("web"), patch).await;
    assert_eq!(patched["metadata"]["generation"], 2);
}

#[tokio::test]
async fn a_put_without_a_version_is_carried_out_where_the_kind_allows_it() {
    let world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    let stored = world.put(&config_map("a"), &some_map("a", "2")).await;
    assert_eq!(stored["data"]["key"], "2");
    let drivers = at("storage.k8s.io/v1", "csidrivers", "", "d");
    let driver = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver",
        "metadata": {"name": "d"}, "spec": {}});
    world.create(&drivers, &driver).await;
    let failure = world.try_put(&drivers, &driver).await.unwrap_err();
    assert_eq!(
        failure.message,
        "CSIDriver.storage.k8s.io \"d\" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"
    );
}

#[tokio::test]
async fn a_put_to_a_missing_name_creates_where_the_kind_allows_it() {
    let world = World::new();
    let failure = world
        .try_put(&config_map("a"), &some_map("a", "1"))
        .await
        .unwrap_err();
    assert_eq!(failure.message, "configmaps \"a\" not found");
    let leases = at("coordination.k8s.io/v1", "leases", "ns", "l");
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "l"}, "spec": {"holderIdentity": "x"}});
    let written = world.try_put(&leases, &lease).await.unwrap();
    assert!(written.created);
    let made = seen(written);
    assert_ne!(made["metadata"]["uid"], Value::Null);
    // Who has seen an object that is gone shall notice.
    world.delete(&leases, json!({})).await;
    let failure = world.try_put(&leases, &made).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    assert_eq!(world.get(&leases).await, None);
}

#[tokio::test]
async fn the_body_must_be_about_the_object_of_the_path() {
    let world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    let failure = world
        .try_put(&config_map("a"), &some_map("b", "1"))
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "the name of the object (b) does not match the name on the URL (a)"
    );
    let failure = world
        .try_put(&config_map("a"), &some_map("", "1"))
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "the name of the object (a based on URL) was undeterminable: name must be provided"
    );
    let mut elsewhere = some_map("a", "1");
    elsewhere["metadata"]["namespace"] = "other".into();
    let failure = world
        .try_put(&config_map("a"), &elsewhere)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 400);
}

#[tokio::test]
async fn metadata_that_never_changes_does_not() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let mut changed = made.clone();
    changed["metadata"]["deletionTimestamp"] = "2027-01-01T00:00:00Z".into();
    let failure = world.try_put(&config_map("a"), &changed).await.unwrap_err();
    assert_eq!(
        failure.message,
        "ConfigMap \"a\" is invalid: metadata.deletionTimestamp: Invalid value: \"2027-01-01T00:00:00Z\": field is immutable"
    );
    assert_eq!(world.get(&config_map("a")).await, Some(made));
}

#[tokio::test]
async fn statement_39_a_dry_run_of_an_update_changes_nothing() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let changed = some_map("a", "2");
    let options = world.dry();
    let target = config_map("a");
    let written = world
        .registry
        .update(&world.caller, &target, &body(&changed), &options)
        .await;
    let shown = seen(written.unwrap());
    assert_eq!(shown["data"]["key"], "2");
    assert_eq!(version(&shown), version(&made));
    assert_eq!(world.get(&target).await, Some(made));
}

#[tokio::test]
async fn events_are_written_in_either_version_and_go_by_themselves() {
    let world = World::new();
    let (core, new) = (
        at("v1", "events", "ns", "e"),
        at("events.k8s.io/v1", "events", "ns", "e"),
    );
    let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
        "regarding": {"kind": "Pod", "name": "p", "namespace": "ns"}, "note": "hello", "reason": "R"});
    let made = world.create(&new, &event).await;
    assert_eq!(made["note"], "hello");
    assert_eq!(made["apiVersion"], "events.k8s.io/v1");
    let stored = world.get(&core).await.unwrap();
    assert_eq!(stored["apiVersion"], "v1");
    assert_eq!(stored["message"], "hello");
    assert_eq!(stored["involvedObject"]["name"], "p");
    let patched = world.merge(&core, json!({"message": "bye"})).await;
    assert_eq!(patched["message"], "bye");
    let key = crate::storage::Keys::one(&core.resource, "ns", "e");
    let lease = async || {
        use crate::storage::{At, Kv, Range};
        let range = Range {
            key: key.clone(),
            end: None,
            at: At::Latest,
            limit: 1,
            keys_only: false,
        };
        world.kv.range(range).await.unwrap().keys[0].lease
    };
    let first = lease().await;
    assert_ne!(first, 0);
    assert!(world.kv.expire(first));
    assert_eq!(world.get(&core).await, None);
}

#[tokio::test]
async fn a_lease_that_the_store_lost_is_not_given_out_again() {
    let world = World::new();
    let events = at("v1", "events", "ns", "");
    let event = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name},
            "involvedObject": {"kind": "Pod", "name": "p", "namespace": "ns"}})
    };
    world.create(&events, &event("a")).await;
    world.create(&events, &event("b")).await;
    assert_eq!(world.kv.calls(crate::storage::Call::Grant), 1);
    world.pass_s(61);
    world.create(&events, &event("c")).await;
    assert_eq!(world.kv.calls(crate::storage::Call::Grant), 2);
}
