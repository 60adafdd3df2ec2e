//! Statements about server-side apply, as far as objects at rest show them.

use super::world::{World, config_map, deployment, pod, seen, some_map, some_pod, sub, version};
use crate::status::Reason;
use serde_json::{Value, json};

fn config(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

#[tokio::test]
async fn statement_71_apply_creates_and_again_changes_nothing() {
    let world = World::new();
    let wanted = config(json!({"key": "1"}));
    let written = world
        .try_apply(&config_map("a"), "me", &wanted, false)
        .await
        .unwrap();
    assert!(written.created);
    let made = seen(written);
    assert_ne!(made["metadata"]["uid"], Value::Null);
    assert_eq!(made["metadata"]["managedFields"][0]["operation"], "Apply");
    world.pass_s(60);
    let written = world
        .try_apply(&config_map("a"), "me", &wanted, false)
        .await
        .unwrap();
    assert!(!written.created);
    assert_eq!(seen(written), made);
    assert_eq!(world.kv.revision(), version(&made));
}

#[tokio::test]
async fn statement_71_the_second_apply_of_values_in_another_form_changes_nothing() {
    let world = World::new();
    let wanted = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
        "containers": [{"name": "main", "image": "app:1", "resources": {"limits": {"cpu": "1000m"}}}],
    }});
    let made = world.apply(&pod("p"), "me", &wanted).await;
    assert_eq!(
        made["spec"]["containers"][0]["resources"]["limits"]["cpu"],
        "1"
    );
    world.pass_s(60);
    assert_eq!(world.apply(&pod("p"), "me", &wanted).await, made);
}

#[tokio::test]
async fn statement_72_what_cannot_be_applied_is_refused() {
    let world = World::new();
    let wanted = config(json!({"key": "1"}));
    let target = config_map("a");
    let failure = world
        .try_apply(&target, "", &wanted, false)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 422);
    let mut managed = wanted.clone();
    managed["metadata"]["managedFields"] = json!([]);
    let failure = world
        .try_apply(&target, "me", &managed, false)
        .await
        .unwrap_err();
    assert_eq!(failure.message, "metadata.managedFields must be nil");
    let mut other = wanted.clone();
    other["apiVersion"] = "v2".into();
    let failure = world
        .try_apply(&target, "me", &other, false)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 400);
    let failure = world
        .try_apply(&config_map("b"), "me", &wanted, false)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 400);
    assert_eq!(world.kv.revision(), 1);
}

#[tokio::test]
async fn statement_73_other_values_of_others_conflict_unless_forced() {
    let world = World::new();
    world
        .apply(
            &config_map("a"),
            "one",
            &config(json!({"key": "1", "more": "1"})),
        )
        .await;
    world
        .apply(&config_map("a"), "two", &config(json!({"key": "1"})))
        .await;
    let theirs = config(json!({"key": "2", "more": "2"}));
    let failure = world
        .try_apply(&config_map("a"), "three", &theirs, false)
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    assert!(
        failure
            .message
            .starts_with("Apply failed with 3 conflicts: conflicts with \"one\":")
    );
    let causes = &failure.details.as_ref().unwrap().causes;
    let told: Vec<(&str, &str)> = causes.iter().map(|c| (&*c.message, &*c.field)).collect();
    let expected = [
        ("conflict with \"one\"", ".data.key"),
        ("conflict with \"one\"", ".data.more"),
        ("conflict with \"two\"", ".data.key"),
    ];
    assert_eq!(told, expected);
    assert!(
        causes
            .iter()
            .all(|cause| cause.reason == "FieldManagerConflict")
    );
    let written = world
        .try_apply(&config_map("a"), "three", &theirs, true)
        .await
        .unwrap();
    let forced = seen(written);
    assert_eq!(forced["data"], json!({"key": "2", "more": "2"}));
    let managers = forced["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(managers.len(), 1);
}

#[tokio::test]
async fn statement_74_what_is_not_wanted_any_more_goes_unless_others_want_it() {
    let world = World::new();
    world
        .apply(
            &config_map("a"),
            "one",
            &config(json!({"key": "1", "more": "1"})),
        )
        .await;
    world
        .apply(&config_map("a"), "two", &config(json!({"key": "1"})))
        .await;
    let left = world
        .apply(&config_map("a"), "one", &config(json!({})))
        .await;
    assert_eq!(left["data"], json!({"key": "1"}));
}

#[tokio::test]
async fn statement_75_other_writes_take_what_they_change() {
    let world = World::new();
    world
        .apply(&config_map("a"), "one", &config(json!({"key": "1"})))
        .await;
    let world = world.manager("editor");
    world
        .merge(&config_map("a"), json!({"data": {"key": "2"}}))
        .await;
    let failure = world
        .try_apply(&config_map("a"), "one", &config(json!({"key": "1"})), false)
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.key"
    );
}

#[tokio::test]
async fn statement_78_the_status_is_owned_through_its_subresource_only() {
    let world = World::new();
    let mut wanted = some_pod("p");
    wanted["status"] = json!({"phase": "Running"});
    let made = world.apply(&pod("p"), "me", &wanted).await;
    assert_eq!(made["status"]["phase"], "Pending");
    let owned = &made["metadata"]["managedFields"][0]["fieldsV1"];
    assert_eq!(owned.get("f:status"), None);
    let status = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "status": {"phase": "Running"}});
    let running = world
        .apply(&sub(pod("p"), "status"), "kubelet", &status)
        .await;
    assert_eq!(running["status"]["phase"], "Running");
    let managers = running["metadata"]["managedFields"].as_array().unwrap();
    let kubelet = managers
        .iter()
        .find(|one| one["manager"] == "kubelet")
        .unwrap();
    assert_eq!(kubelet["subresource"], "status");
    assert_eq!(kubelet["fieldsV1"], json!({"f:status": {"f:phase": {}}}));
    let missing = sub(pod("q"), "status");
    let mut status = status;
    status["metadata"]["name"] = "q".into();
    let failure = world
        .try_apply(&missing, "kubelet", &status, false)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 404);
}

#[tokio::test]
async fn statement_79_what_nobody_owns_was_there_before_the_first_apply() {
    let world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    let reset = json!({"metadata": {"managedFields": [{}]}, "data": {"old": "1"}});
    let patched = world.merge(&config_map("a"), reset).await;
    let managers = patched["metadata"].get("managedFields").cloned();
    assert_eq!(managers, None);
    let applied = world
        .apply(&config_map("a"), "me", &config(json!({"new": "1"})))
        .await;
    let managers = applied["metadata"]["managedFields"].as_array().unwrap();
    let names: Vec<&Value> = managers.iter().map(|one| &one["manager"]).collect();
    assert_eq!(names, ["me", "before-first-apply"]);
}

#[tokio::test]
async fn statement_81_what_does_not_fit_the_kind_is_refused_in_the_text_that_tools_know() {
    let world = World::new();
    let wanted = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "ns"}, "spec": {"foo": 1}});
    let failure = world
        .try_apply(&deployment("web"), "me", &wanted, false)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 500);
    assert_eq!(
        failure.message,
        "failed to create typed patch object (ns/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema"
    );
    assert_eq!(world.kv.revision(), 1);
}

#[tokio::test]
async fn statement_82_a_uid_without_an_object_is_a_conflict() {
    let world = World::new();
    let mut wanted = config(json!({"key": "1"}));
    wanted["metadata"]["uid"] = "u".into();
    let failure = world
        .try_apply(&config_map("a"), "me", &wanted, false)
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    assert_eq!(
        failure.message,
        "Operation cannot be fulfilled on configmaps \"a\": uid mismatch: the provided object specified uid u, and no existing object was found"
    );
    assert_eq!(world.get(&config_map("a")).await, None);
}

#[tokio::test]
async fn applies_of_twenty_managers_at_once_all_succeed() {
    let world = World::new();
    let target = config_map("a");
    let applies = (0..20).map(|n| {
        let wanted = config(json!({format!("key{n}"): "x"}));
        let (world, target) = (&world, &target);
        async move { world.apply(target, &format!("m{n}"), &wanted).await }
    });
    futures::future::join_all(applies).await;
    let stored = world.get(&target).await.unwrap();
    assert_eq!(stored["data"].as_object().unwrap().len(), 20);
    assert_eq!(
        stored["metadata"]["managedFields"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
}
