//! Statements about deletions, finalizers and namespaces.

use super::world::{World, at, config_map, deployment, namespace, pod, some_deployment, some_map};
use super::world::{some_pod, sub, version};
use crate::registry::Target;
use crate::status::Reason;
use serde_json::{Value, json};

fn finalized(name: &str) -> Value {
    let mut map = some_map(name, "1");
    map["metadata"]["finalizers"] = json!(["example.com/a", "example.com/b"]);
    map
}

/// A Pod that runs on a node.
async fn bound_pod(world: &World, name: &str) -> Value {
    let mut object = some_pod(name);
    object["spec"]["nodeName"] = "n1".into();
    world.create(&pod(""), &object).await
}

#[tokio::test]
async fn statement_50_finalizers_hold_an_object_until_the_last_is_gone() {
    let world = World::new();
    let target = config_map("a");
    world.create(&config_map(""), &finalized("a")).await;
    let going = world.delete(&target, json!({})).await;
    assert_eq!(
        going["metadata"]["deletionTimestamp"],
        "2026-01-01T00:00:00Z"
    );
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 0);
    assert_eq!(world.get(&target).await, Some(going.clone()));
    // Once more, later: nothing is different.
    world.pass_s(5);
    assert_eq!(world.delete(&target, json!({})).await, going);
    let less = world
        .merge(
            &target,
            json!({"metadata": {"finalizers": ["example.com/b"]}}),
        )
        .await;
    assert_eq!(world.get(&target).await, Some(less));
    let mut last = world.get(&target).await.unwrap();
    last["metadata"]["finalizers"] = json!([]);
    let gone = world.put(&target, &last).await;
    assert_eq!(gone["metadata"].get("finalizers"), None);
    assert_eq!(world.get(&target).await, None);
}

#[tokio::test]
async fn statement_35_a_deletion_is_a_new_generation_once() {
    let world = World::new();
    let mut web = some_deployment("web");
    web["metadata"]["finalizers"] = json!(["example.com/a"]);
    world.create(&deployment(""), &web).await;
    let going = world.delete(&deployment("web"), json!({})).await;
    assert_eq!(going["metadata"]["generation"], 2);
    let again = world.delete(&deployment("web"), json!({})).await;
    assert_eq!(again["metadata"]["generation"], 2);
}

#[tokio::test]
async fn statement_51_the_time_to_stop_only_gets_shorter() {
    let world = World::new();
    bound_pod(&world, "p").await;
    let target = pod("p");
    let grace = async |options: Value| {
        let going = world.delete(&target, options).await;
        let metadata = going["metadata"].clone();
        let seconds = metadata["deletionGracePeriodSeconds"].as_i64().unwrap();
        (
            seconds,
            metadata["deletionTimestamp"].as_str().unwrap().to_owned(),
        )
    };
    let expected = (60, "2026-01-01T00:01:00Z".to_owned());
    assert_eq!(grace(json!({"gracePeriodSeconds": 60})).await, expected);
    world.pass_s(7);
    assert_eq!(grace(json!({"gracePeriodSeconds": 90})).await, expected);
    assert_eq!(grace(json!({})).await, expected);
    let shorter = (10, "2026-01-01T00:00:10Z".to_owned());
    assert_eq!(grace(json!({"gracePeriodSeconds": 10})).await, shorter);
    world
        .delete(&target, json!({"gracePeriodSeconds": 0}))
        .await;
    assert_eq!(world.get(&target).await, None);
}

#[tokio::test]
async fn statement_52_a_pod_on_a_node_gets_time_and_others_do_not() {
    let world = World::new();
    let made = bound_pod(&world, "p").await;
    assert_eq!(made["metadata"]["generation"], 1);
    let going = world.delete(&pod("p"), json!({})).await;
    assert_eq!(
        going["metadata"]["deletionTimestamp"],
        "2026-01-01T00:00:30Z"
    );
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 30);
    assert_eq!(going["metadata"]["generation"], 2);
    assert_eq!(world.get(&pod("p")).await, Some(going));
    // An update does not end it: the kubelet does.
    let patch = json!({"metadata": {"labels": {"a": "b"}}});
    world.merge(&pod("p"), patch).await;
    assert!(world.get(&pod("p")).await.is_some());

    world.create(&pod(""), &some_pod("free")).await;
    world.delete(&pod("free"), json!({})).await;
    assert_eq!(world.get(&pod("free")).await, None);

    bound_pod(&world, "done").await;
    let over = json!({"status": {"phase": "Succeeded"}});
    world.merge(&sub(pod("done"), "status"), over).await;
    world
        .delete(&pod("done"), json!({"gracePeriodSeconds": 60}))
        .await;
    assert_eq!(world.get(&pod("done")).await, None);
}

#[tokio::test]
async fn a_negative_time_to_stop_is_one_second() {
    let world = World::new();
    bound_pod(&world, "p").await;
    let going = world
        .delete(&pod("p"), json!({"gracePeriodSeconds": -5}))
        .await;
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 1);
}

#[tokio::test]
async fn statement_53_preconditions_that_do_not_hold_are_conflicts() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    for wanted in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        let options = json!({"preconditions": wanted});
        let failure = world
            .try_delete(&config_map("a"), &options)
            .await
            .unwrap_err();
        assert_eq!(failure.reason, Reason::Conflict);
        assert!(
            failure.message.contains("in the precondition"),
            "{}",
            failure.message
        );
    }
    let metadata = &made["metadata"];
    let wanted = json!({"preconditions": {"uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"]}});
    world.delete(&config_map("a"), wanted).await;
    assert_eq!(world.get(&config_map("a")).await, None);
}

#[tokio::test]
async fn statement_54_policies_are_finalizers_for_the_collector() {
    let world = World::new();
    let finalizers = async |policy: Value, target: Target, object: Value| {
        world.create(&target, &object).await;
        world.delete(&target, policy).await;
        let left = world.get(&target).await?;
        Some(left["metadata"]["finalizers"].clone())
    };
    let policy = |name: &str| json!({"propagationPolicy": name});
    let web = || (deployment("web"), some_deployment("web"));
    let (target, object) = web();
    assert_eq!(finalizers(policy("Background"), target, object).await, None);
    let (target, object) = web();
    let foreground = finalizers(policy("Foreground"), target, object).await;
    assert_eq!(foreground, Some(json!(["foregroundDeletion"])));
    let (target, mut object) = (deployment("other"), some_deployment("other"));
    object["metadata"]["finalizers"] = json!(["example.com/a"]);
    let orphan = finalizers(policy("Orphan"), target, object).await;
    assert_eq!(orphan, Some(json!(["example.com/a", "orphan"])));
    // Controllers of the first days leave their Pods alone, unless somebody says otherwise.
    let target = at("v1", "replicationcontrollers", "ns", "rc");
    let mut object = some_deployment("rc");
    object["apiVersion"] = "v1".into();
    object["kind"] = "ReplicationController".into();
    object["spec"]["selector"] = json!({"app": "rc"});
    let orphan = finalizers(json!({}), target.clone(), object.clone()).await;
    assert_eq!(orphan, Some(json!(["orphan"])));
    let none = world.delete(&target, policy("Background")).await;
    assert_eq!(none["status"], "Success");
}

#[tokio::test]
async fn statement_56_what_is_gone_is_answered_with_a_status_or_shown() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let answer = world.delete(&config_map("a"), json!({})).await;
    let expected = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}});
    assert_eq!(answer, expected);
    let made = world.create(&pod(""), &some_pod("p")).await;
    let answer = world.delete(&pod("p"), json!({})).await;
    assert_eq!(answer["kind"], "Pod");
    assert_eq!(answer["metadata"]["uid"], made["metadata"]["uid"]);
    assert!(version(&answer) > version(&made));
}

#[tokio::test]
async fn statement_57_what_is_going_gets_no_new_finalizers() {
    let world = World::new();
    world.create(&config_map(""), &finalized("a")).await;
    world.delete(&config_map("a"), json!({})).await;
    let more = json!({"metadata": {"finalizers": ["example.com/a", "example.com/c"]}});
    let patched = world
        .try_patch(&config_map("a"), crate::request::PatchType::Merge, &more)
        .await;
    let failure = patched.unwrap_err();
    assert_eq!(failure.code(), 422);
    let cause = &failure.details.as_ref().unwrap().causes[0];
    assert_eq!(
        (&*cause.reason, &*cause.field),
        ("FieldValueForbidden", "metadata.finalizers")
    );
    assert!(
        cause
            .message
            .ends_with("found new finalizers []string{\"example.com/c\"}")
    );
}

#[tokio::test]
async fn statement_58_what_is_missing_is_not_found_and_nothing_is_a_list() {
    let world = World::new();
    let failure = world
        .try_delete(&config_map("a"), &json!({}))
        .await
        .unwrap_err();
    assert_eq!(failure.message, "configmaps \"a\" not found");
    let list = world.delete_all(&config_map(""), "").await.unwrap();
    assert!(list.is_empty());
}

#[tokio::test]
async fn statement_59_a_namespace_goes_when_its_spec_lets_it() {
    let world = World::new();
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "blue"}});
    let made = world.create(&namespace(""), &object).await;
    assert_eq!(made["spec"]["finalizers"], json!(["kubernetes"]));
    assert_eq!(made["status"]["phase"], "Active");
    let going = world.delete(&namespace("blue"), json!({})).await;
    assert_eq!(going["status"]["phase"], "Terminating");
    assert_eq!(
        going["metadata"]["deletionTimestamp"],
        "2026-01-01T00:00:00Z"
    );
    assert_eq!(world.delete(&namespace("blue"), json!({})).await, going);
    // Nothing but the subresource takes the finalizer away.
    let mut freed = going.clone();
    freed["spec"]["finalizers"] = json!([]);
    world.put(&namespace("blue"), &freed).await;
    let still = world.get(&namespace("blue")).await.unwrap();
    assert_eq!(still["spec"]["finalizers"], json!(["kubernetes"]));
    freed["metadata"]["resourceVersion"] = still["metadata"]["resourceVersion"].clone();
    world.put(&sub(namespace("blue"), "finalize"), &freed).await;
    assert_eq!(world.get(&namespace("blue")).await, None);
}

#[tokio::test]
async fn statement_60_three_namespaces_stay() {
    let world = World::new();
    for name in ["default", "kube-system", "kube-public"] {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        world.create(&namespace(""), &object).await;
        let failure = world
            .try_delete(&namespace(name), &json!({}))
            .await
            .unwrap_err();
        assert_eq!(failure.code(), 403);
        let expected =
            format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted");
        assert_eq!(failure.message, expected);
    }
}

#[tokio::test]
async fn statement_61_a_namespace_is_labelled_with_its_name() {
    let world = World::new();
    let label = "kubernetes.io/metadata.name";
    let object =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "b-"}});
    let made = world.create(&namespace(""), &object).await;
    let name = made["metadata"]["name"].as_str().unwrap();
    assert_eq!(made["metadata"]["labels"][label], name);
    let patched = world
        .merge(&namespace(name), json!({"metadata": {"labels": null}}))
        .await;
    assert_eq!(patched["metadata"]["labels"][label], name);
}

#[tokio::test]
async fn statement_27_a_collection_goes_by_both_selectors() {
    let world = World::new();
    for (name, label) in [("a", "x"), ("b", "x"), ("c", "y")] {
        let mut map = some_map(name, "1");
        map["metadata"]["labels"] = json!({"app": label});
        world.create(&config_map(""), &map).await;
    }
    let mut elsewhere = config_map("d");
    elsewhere.namespace = "ns-2".to_owned();
    world.create(&elsewhere, &some_map("d", "1")).await;
    let query = "labelSelector=app=x&fieldSelector=metadata.name!=a";
    let list = world.delete_all(&config_map(""), query).await.unwrap();
    let names: Vec<&Value> = list.iter().map(|one| &one["metadata"]["name"]).collect();
    assert_eq!(names, ["b"]);
    assert_eq!(world.get(&config_map("b")).await, None);
    let list = world.delete_all(&config_map(""), "").await.unwrap();
    assert_eq!(list.len(), 2);
    assert!(world.get(&elsewhere).await.is_some());
    let failure = world
        .delete_all(&config_map(""), "fieldSelector=spec.x=y")
        .await
        .unwrap_err();
    assert_eq!(failure.message, "field label not supported: spec.x");
}

#[tokio::test]
async fn statement_39_a_dry_run_of_a_deletion_deletes_nothing() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let answer = world
        .delete(&config_map("a"), json!({"dryRun": ["All"]}))
        .await;
    assert_eq!(answer["status"], "Success");
    assert_eq!(world.get(&config_map("a")).await, Some(made));
    let running = bound_pod(&world, "p").await;
    let answer = world.delete(&pod("p"), json!({"dryRun": ["All"]})).await;
    assert_ne!(answer["metadata"]["deletionTimestamp"], Value::Null);
    assert_eq!(world.get(&pod("p")).await, Some(running));
}

#[tokio::test]
async fn a_name_whose_object_is_going_is_taken() {
    let world = World::new();
    world.create(&config_map(""), &finalized("a")).await;
    world.delete(&config_map("a"), json!({})).await;
    let failure = world
        .try_create(&config_map(""), &some_map("a", "2"))
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "object is being deleted: configmaps \"a\" already exists"
    );
}
