//! Statements about creating.

use super::world::{World, at, config_map, deployment, namespace, pod, seen, some_deployment};
use super::world::{body, some_map, some_pod, version};
use crate::registry::Target;
use crate::request::{FieldValidation, WriteOptions};
use crate::status::Reason;
use serde_json::{Value, json};

#[tokio::test]
async fn statement_32_names_are_made_up_and_a_given_name_wins() {
    let world = World::new();
    let mut map = some_map("", "a");
    map["metadata"] = json!({"generateName": "web-"});
    let first = world.create(&config_map(""), &map).await;
    let name = first["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("web-") && name.len() == 9, "{name}");
    map["metadata"]["name"] = "mine".into();
    let second = world.create(&config_map(""), &map).await;
    assert_eq!(second["metadata"]["name"], "mine");
}

#[tokio::test]
async fn statement_32_after_eight_names_that_are_taken_it_gives_up() {
    let mut world = World::new();
    world.registry.random = std::sync::Arc::new(super::world::Loaded);
    let mut map = some_map("", "a");
    map["metadata"] = json!({"generateName": "web-"});
    world.create(&config_map(""), &map).await;
    let before = world.kv.calls(crate::storage::Call::Txn);
    let failure = world.try_create(&config_map(""), &map).await.unwrap_err();
    assert_eq!(failure.reason, Reason::AlreadyExists);
    assert_eq!(failure.retry_after_seconds(), Some(1));
    assert_eq!(
        failure.message,
        "configmaps \"web-bbbbb\" already exists, the server was not able to generate a unique name for the object"
    );
    assert_eq!(world.kv.calls(crate::storage::Call::Txn) - before, 8);
}

#[tokio::test]
async fn statement_33_the_namespace_is_that_of_the_path() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    assert_eq!(made["metadata"]["namespace"], "ns");
    let mut elsewhere = some_map("b", "1");
    elsewhere["metadata"]["namespace"] = "other".into();
    let failure = world
        .try_create(&config_map(""), &elsewhere)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 400);
    assert_eq!(
        failure.message,
        "the namespace of the provided object does not match the namespace sent on the request"
    );
}

#[tokio::test]
async fn statement_34_what_only_the_server_sets_is_ignored() {
    let world = World::new();
    let mut map = some_map("a", "1");
    map["metadata"] = json!({
        "name": "a", "uid": "mine", "creationTimestamp": "2000-01-01T00:00:00Z",
        "deletionTimestamp": "2000-01-01T00:00:00Z", "deletionGracePeriodSeconds": 3,
        "selfLink": "/x",
    });
    let made = world.create(&config_map(""), &map).await;
    let metadata = &made["metadata"];
    assert_eq!(metadata["creationTimestamp"], "2026-01-01T00:00:00Z");
    for absent in [
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ] {
        assert_eq!(metadata.get(absent), None, "{absent}");
    }
    let uid = metadata["uid"].as_str().unwrap();
    let shape: Vec<usize> = uid.split('-').map(str::len).collect();
    assert_eq!(shape, [8, 4, 4, 4, 12], "{uid}");
    assert_eq!(&uid[14..15], "4", "{uid}");
    assert!("89ab".contains(&uid[19..20]), "{uid}");
    assert_eq!(version(&made), 2);
    assert_eq!(world.get(&config_map("a")).await, Some(made));
}

#[tokio::test]
async fn statement_35_the_first_generation_is_one_where_it_counts() {
    let world = World::new();
    let web = world.create(&deployment(""), &some_deployment("web")).await;
    assert_eq!(web["metadata"]["generation"], 1);
    let map = world.create(&config_map(""), &some_map("a", "1")).await;
    assert_eq!(map["metadata"].get("generation"), None);
}

#[tokio::test]
async fn statement_39_a_dry_run_shows_what_would_be_and_stores_nothing() {
    let world = World::new();
    let create = async |object: &Value| {
        let target = config_map("");
        let options = world.dry();
        world
            .registry
            .create(&world.caller, &target, &body(object), &options)
            .await
    };
    let mut map = some_map("", "1");
    map["metadata"] = json!({"generateName": "web-"});
    let written = create(&map).await.unwrap();
    assert!(written.created);
    let shown = seen(written);
    assert_ne!(shown["metadata"]["uid"], Value::Null);
    assert!(
        shown["metadata"]["name"]
            .as_str()
            .unwrap()
            .starts_with("web-")
    );
    assert_eq!(shown["metadata"].get("resourceVersion"), None);
    assert_eq!(world.kv.revision(), 1);
    world.create(&config_map(""), &some_map("a", "1")).await;
    let failure = create(&some_map("a", "1")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::AlreadyExists);
}

#[tokio::test]
async fn statement_40_what_is_too_large_is_refused() {
    let world = World::new();
    let mut large = some_pod("a");
    let value = "x".repeat(1_600 * 1024);
    large["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": value}]);
    let failure = world.try_create(&pod(""), &large).await.unwrap_err();
    assert_eq!(failure.reason, Reason::RequestEntityTooLarge);
    let huge = some_map("a", &"x".repeat(3 * 1024 * 1024 + 1));
    let failure = world.try_create(&config_map(""), &huge).await.unwrap_err();
    assert_eq!(
        failure.message,
        "Request entity too large: limit is 3145728"
    );
    let mut annotated = some_map("a", "1");
    annotated["metadata"]["annotations"] = json!({"a": "x".repeat(257 * 1024)});
    let failure = world
        .try_create(&config_map(""), &annotated)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 422);
    let causes = &failure.details.as_ref().unwrap().causes;
    assert_eq!(causes[0].reason, "FieldValueTooLong");
    assert_eq!(causes[0].field, "metadata.annotations");
    assert_eq!(world.kv.revision(), 1);
}

#[tokio::test]
async fn what_is_too_large_with_its_managers_goes_without() {
    let world = World::new();
    let mut map = some_map("a", "");
    // Each key is listed once more in the managed fields.
    let data = (0..9_000).map(|n| (format!("{n:0>80}"), json!("x".repeat(20))));
    map["data"] = Value::Object(data.collect());
    let made = world.create(&config_map(""), &map).await;
    assert_eq!(made["metadata"].get("managedFields"), None);
    assert_eq!(made["data"], map["data"]);
}

#[tokio::test]
async fn statement_41_names_follow_the_rule_of_the_kind() {
    let world = World::new();
    for (target, object, field) in [
        (pod(""), some_pod("Foo"), "metadata.name"),
        (pod(""), some_pod(&"a".repeat(254)), "metadata.name"),
        (config_map(""), some_map("a/b", "1"), "metadata.name"),
    ] {
        let failure = world.try_create(&target, &object).await.unwrap_err();
        assert_eq!(failure.code(), 422);
        let cause = &failure.details.as_ref().unwrap().causes[0];
        assert_eq!(
            (&*cause.reason, &*cause.field),
            ("FieldValueInvalid", field)
        );
    }
    let failure = world
        .try_create(&config_map(""), &some_map("", "1"))
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required"
    );
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "system:Any Thing"}});
    let roles = at("rbac.authorization.k8s.io/v1", "roles", "ns", "");
    world.create(&roles, &role).await;
}

#[tokio::test]
async fn statements_42_to_44_unknown_and_doubled_fields() {
    let mut world = World::new();
    let mut web = some_deployment("web");
    web["spec"]["replicaz"] = 3.into();
    web["metaData"] = json!({});
    let written = world.try_create(&deployment(""), &web).await.unwrap();
    assert_eq!(
        written.warnings,
        [
            "unknown field \"metaData\"",
            "unknown field \"spec.replicaz\""
        ]
    );
    assert_eq!(seen(written)["spec"].get("replicaz"), None);
    world.options.field_validation = FieldValidation::Strict;
    let failure = world.try_create(&deployment(""), &web).await.unwrap_err();
    assert_eq!(failure.code(), 400);
    let expected =
        "strict decoding error: unknown field \"metaData\", unknown field \"spec.replicaz\"";
    assert!(failure.message.ends_with(expected), "{}", failure.message);
    world.options.field_validation = FieldValidation::Ignore;
    let other = some_deployment("other");
    let written = world.try_create(&deployment(""), &other).await.unwrap();
    assert_eq!(written.warnings, [""; 0]);
}

#[tokio::test]
async fn statement_45_null_is_absent_and_empty_is_left_out() {
    let world = World::new();
    let mut map = some_map("a", "1");
    map["metadata"]["labels"] = Value::Null;
    map["metadata"]["annotations"] = json!({});
    map["binaryData"] = Value::Null;
    let made = world.create(&config_map(""), &map).await;
    for absent in ["labels", "annotations"] {
        assert_eq!(made["metadata"].get(absent), None, "{absent}");
    }
    assert_eq!(made.get("binaryData"), None);
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_and_the_object_stays() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let failure = world
        .try_create(&config_map(""), &some_map("a", "2"))
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::AlreadyExists);
    assert_eq!(failure.message, "configmaps \"a\" already exists");
    assert_eq!(world.get(&config_map("a")).await, Some(made));
}

#[tokio::test]
async fn a_body_of_another_kind_or_version_is_refused() {
    let world = World::new();
    let failure = world
        .try_create(&config_map(""), &some_pod("a"))
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 400);
    assert!(failure.message.contains("cannot be handled as a ConfigMap"));
    let failure = world
        .try_create(&config_map(""), &some_deployment("a"))
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "the API version in the data (apps/v1) does not match the expected API version (v1)"
    );
    assert_eq!(world.kv.revision(), 1);
}

#[tokio::test]
async fn a_create_with_a_version_is_refused() {
    let world = World::new();
    let mut map = some_map("a", "1");
    map["metadata"]["resourceVersion"] = "7".into();
    let failure = world.try_create(&config_map(""), &map).await.unwrap_err();
    assert_eq!(failure.code(), 500);
    assert_eq!(
        failure.message,
        "resourceVersion should not be set on objects to be created"
    );
    assert_eq!(failure.to_value().get("reason"), None);
}

#[tokio::test]
async fn every_create_has_a_manager_the_client_if_it_gives_none() {
    let mut world = World::new();
    world.options.field_manager.clear();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let managers = &made["metadata"]["managedFields"];
    assert_eq!(managers[0]["manager"], "kubectl");
    assert_eq!(managers[0]["operation"], "Update");
    assert_eq!(managers[0]["time"], "2026-01-01T00:00:00Z");
    assert_eq!(
        managers[0]["fieldsV1"]["f:data"],
        json!({".": {}, "f:key": {}})
    );
}

#[tokio::test]
async fn owners_that_stand_there_twice_are_dropped_with_a_warning() {
    let world = World::new();
    let owner = json!({"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"});
    let mut map = some_map("a", "1");
    map["metadata"]["ownerReferences"] = json!([owner, owner]);
    let written = world.try_create(&config_map(""), &map).await.unwrap();
    assert_eq!(written.warnings.len(), 1);
    assert!(written.warnings[0].ends_with("duplicate UID(s) observed: u"));
    assert_eq!(seen(written)["metadata"]["ownerReferences"], json!([owner]));
}

#[tokio::test]
async fn metadata_is_checked_and_every_fault_has_a_cause() {
    let world = World::new();
    let mut map = some_map("a", "1");
    map["metadata"]["labels"] = json!({"a b": "x", "ok": "y z"});
    map["metadata"]["finalizers"] = json!(["orphan", "foregroundDeletion"]);
    map["metadata"]["ownerReferences"] = json!([
        {"apiVersion": "v1", "kind": "Event", "name": "", "uid": "u", "controller": true},
        {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "v", "controller": true},
    ]);
    let failure = world.try_create(&config_map(""), &map).await.unwrap_err();
    let causes = &failure.details.as_ref().unwrap().causes;
    let fields: Vec<&str> = causes.iter().map(|cause| &*cause.field).collect();
    let owners = "metadata.ownerReferences";
    let expected = [
        "metadata.labels",
        "metadata.labels",
        "metadata.ownerReferences.name",
        owners,
        owners,
        "metadata.finalizers",
    ];
    assert_eq!(fields, expected);
    assert!(
        causes[4]
            .message
            .contains("Only one reference can have Controller set to true")
    );
}

#[tokio::test]
async fn a_write_under_an_old_fence_does_not_take_effect() {
    let mut world = World::new();
    world.kv.set_leadership(8);
    world.caller.fence = 7;
    let failure = world
        .try_create(&config_map(""), &some_map("a", "1"))
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    assert_eq!(world.get(&config_map("a")).await, None);
    world.caller.fence = 8;
    world.create(&config_map(""), &some_map("a", "1")).await;
}

#[tokio::test]
async fn bodies_may_be_yaml_and_kinds_without_create_refuse() {
    let world = World::new();
    let yaml = crate::registry::Body {
        bytes: "kind: Namespace\nmetadata:\n  name: blue\n".into(),
        encoding: crate::request::Encoding::Yaml,
    };
    let options: &WriteOptions = &world.options;
    let target: Target = namespace("");
    let written = world
        .registry
        .create(&world.caller, &target, &yaml, options)
        .await
        .unwrap();
    assert_eq!(seen(written)["metadata"]["name"], "blue");
    let statuses = at("v1", "componentstatuses", "", "");
    let failure = world.try_create(&statuses, &json!({})).await.unwrap_err();
    assert_eq!(failure.code(), 405);
}
