//! The contract of server-side apply: managers, subresources, and the way there.

use super::world::{World, core, deployment};
use crate::apply::managers::Identity;
use serde_json::{Value, json};

#[test]
fn statement_78_status_is_written_and_owned_through_its_subresource_alone() {
    let mut world = World::deployment();
    let mut config = deployment(json!({"replicas": 1}));
    config["status"] = json!({"replicas": 7});
    world.apply("m", &config).unwrap();
    assert_eq!(
        world.live().get("status"),
        None,
        "the main resource does not set it"
    );
    assert_eq!(world.applied_by("m"), json!({"f:spec": {"f:replicas": {}}}));

    world.on_status(|world| {
        world.edit("controller", |d| {
            let available = json!({"type": "Available", "status": "True"});
            d["status"] = json!({"replicas": 1, "conditions": [available]});
        });
    });
    let owner = Identity::updater("controller", "apps/v1", "status");
    assert_eq!(
        world.owned_by(&owner),
        json!({"f:status": {
            ".": {},
            "f:replicas": {},
            "f:conditions": {".": {}, "k:{\"type\":\"Available\"}": {
                ".": {}, "f:type": {}, "f:status": {},
            }},
        }})
    );
    let stored = world.live()["metadata"]["managedFields"]
        .as_array()
        .unwrap();
    assert_eq!(stored[1]["subresource"], "status");

    // No conflict: the main resource does not touch it.
    world.apply("m", &config).unwrap();
    assert_eq!(world.live()["status"]["replicas"], 1);

    // Through the subresource, nothing but the status is set.
    let mut config = deployment(json!({"replicas": 9}));
    config["status"] = json!({"replicas": 3});
    let conflict = world.on_status(|world| world.conflict("m", &config));
    assert_eq!(
        conflict,
        "Apply failed with 1 conflict: conflict with \"controller\" with subresource \"status\" using apps/v1: .status.replicas"
    );
    world.on_status(|world| world.force("m", &config).map(|_| ()).unwrap());
    assert_eq!(world.live()["spec"]["replicas"], 1);
    assert_eq!(world.live()["status"]["replicas"], 3);
    let owner = Identity::applier("m", "status");
    assert_eq!(
        world.owned_by(&owner),
        json!({"f:status": {"f:replicas": {}}})
    );
    assert_eq!(world.applied_by("m"), json!({"f:spec": {"f:replicas": {}}}));
}

#[test]
fn statement_79_what_was_there_before_the_first_apply_has_an_owner() {
    let mut world = World::deployment();
    let mut old = deployment(json!({"replicas": 2, "paused": true}));
    old["metadata"]["uid"] = json!("u1");
    world.live = Some(old);
    world.edit("somebody", |d| d["spec"]["minReadySeconds"] = json!(5));
    assert_eq!(
        world.owners(),
        Vec::<String>::new(),
        "an untracked object stays so"
    );

    let config = deployment(json!({"replicas": 3}));
    assert_eq!(
        world.conflict("m", &config),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using apps/v1: .spec.replicas"
    );
    world.force("m", &config).unwrap();
    assert_eq!(world.owners(), ["m", "before-first-apply"]);
    assert_eq!(
        world.updated_by("before-first-apply"),
        json!({"f:spec": {"f:paused": {}, "f:minReadySeconds": {}}})
    );
}

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object that `kubectl apply` made on its own side.
fn client_side_applied(config: &Value) -> Value {
    let mut object = config.clone();
    object["metadata"]["annotations"] = json!({LAST_APPLIED: format!("{config}\n")});
    object
}

#[test]
fn statement_80_kubectl_goes_over_to_the_server_side_without_conflicts() {
    let config = deployment(json!({"replicas": 2, "paused": false}));
    let mut world = World::deployment();
    world.put("kubectl-client-side-apply", client_side_applied(&config));

    let mut wanted = config;
    wanted["spec"]["replicas"] = json!(3);
    let conflict = world.conflict("argo", &wanted);
    assert!(
        conflict.contains("\"kubectl-client-side-apply\" using apps/v1"),
        "{conflict}"
    );

    world.apply("kubectl", &wanted).unwrap();
    assert_eq!(world.live()["spec"]["replicas"], 3);
    assert_eq!(
        world.applied_by("kubectl"),
        json!({"f:spec": {"f:replicas": {}, "f:paused": {}}})
    );
    let text = world.live()["metadata"]["annotations"][LAST_APPLIED]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        wanted,
        "the annotation follows"
    );
    assert!(text.ends_with("}\n"));

    // The second apply that kubectl sends, for the annotation alone.
    let mut annotation = deployment(json!({}));
    annotation.as_object_mut().unwrap().remove("spec");
    annotation["metadata"]["annotations"] = json!({LAST_APPLIED: text});
    world.apply("kubectl-last-applied", &annotation).unwrap();
    let annotations = json!({"f:metadata": {"f:annotations": {format!("f:{LAST_APPLIED}"): {}}}});
    assert_eq!(world.applied_by("kubectl-last-applied"), annotations);

    // It can go on like that.
    wanted["spec"]["replicas"] = json!(4);
    world.apply("kubectl", &wanted).unwrap();
    assert_eq!(world.live()["spec"]["replicas"], 4);
}

#[test]
fn statement_80_what_somebody_changed_since_is_still_a_conflict() {
    let config = deployment(json!({"replicas": 2, "paused": false}));
    let mut world = World::deployment();
    world.put("kubectl-client-side-apply", client_side_applied(&config));
    world.edit("hpa", |d| d["spec"]["replicas"] = json!(9));
    let mut wanted = config;
    wanted["spec"] = json!({"replicas": 3, "paused": true});
    assert_eq!(
        world.conflict("kubectl", &wanted),
        "Apply failed with 1 conflict: conflict with \"hpa\" using apps/v1: .spec.replicas",
        "only what changed since is reported"
    );
    world.edit("vandal", |d| {
        d["metadata"]["annotations"][LAST_APPLIED] = json!("{")
    });
    let conflict = world.conflict("kubectl", &wanted);
    assert!(
        conflict.starts_with("Apply failed with 2 conflicts: "),
        "{conflict}"
    );
}

#[test]
fn statement_80_an_annotation_that_grows_too_large_goes() {
    let config = core("ConfigMap", json!({"data": {"k": "v"}}));
    let mut world = World::of("v1", "ConfigMap");
    world.put("kubectl-client-side-apply", client_side_applied(&config));
    let large = core("ConfigMap", json!({"data": {"k": "v".repeat(256 * 1024)}}));
    world.apply("kubectl", &large).unwrap();
    assert_eq!(world.live()["metadata"]["annotations"], json!({}));
}

#[test]
fn an_update_may_rewrite_the_list_of_managers() {
    let mut world = World::of("v1", "ConfigMap");
    world
        .apply("a", &core("ConfigMap", json!({"data": {"k": "v"}})))
        .unwrap();
    let list = world.live()["metadata"]["managedFields"].clone();

    world.edit("b", |map| {
        map["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("managedFields");
    });
    assert_eq!(
        world.live()["metadata"]["managedFields"],
        list,
        "who knows no list loses none"
    );
    world.edit("b", |map| {
        map["metadata"]["managedFields"] = json!([{"manager": "broken"}])
    });
    assert_eq!(world.live()["metadata"]["managedFields"], list);

    world.edit("b", |map| {
        map["metadata"]["managedFields"][0]["manager"] = json!("c")
    });
    assert_eq!(world.owners(), ["c"]);
    world.on_status(|world| {
        world.edit("b", |map| {
            map["metadata"]["managedFields"][0]["manager"] = json!("d")
        });
    });
    assert_eq!(world.owners(), ["c"], "not through a subresource");

    for reset in [
        json!([]),
        json!([{}]),
        json!([{"manager": "", "fieldsV1": null}]),
    ] {
        world.live.as_mut().unwrap()["metadata"]["managedFields"] = list.clone();
        world.edit("b", |map| map["metadata"]["managedFields"] = reset.clone());
        assert_eq!(
            world.live()["metadata"].get("managedFields"),
            None,
            "{reset}"
        );
    }
}

#[test]
fn an_update_that_changes_nothing_is_none() {
    let mut world = World::deployment();
    world.put("a", deployment(json!({"replicas": 2})));
    world.edit("a", |_| {});
    assert_eq!(world.resource_version, 1);
    world.edit("b", |d| d["spec"]["replicas"] = json!(2.0));
    assert_eq!(
        world.updated_by("b"),
        Value::Null,
        "the same number owns nothing"
    );
}

#[test]
fn the_oldest_updaters_become_ancient_changes() {
    let mut world = World::of("v1", "ConfigMap");
    world
        .apply("applier", &core("ConfigMap", json!({"data": {"k": "v"}})))
        .unwrap();
    for at in 0..14 {
        world.edit(&format!("u{at:02}"), |map| {
            map["data"][format!("k{at}")] = json!("v")
        });
    }
    let owners = world.owners();
    assert_eq!(owners.len(), 11);
    assert_eq!(owners[..3], ["applier", "ancient-changes", "u05"]);
    let old = world.updated_by("ancient-changes");
    assert_eq!(
        old,
        json!({"f:data": {
            "f:k0": {}, "f:k1": {}, "f:k2": {}, "f:k3": {}, "f:k4": {},
        }})
    );
}

#[test]
fn nobody_owns_what_the_server_sets() {
    let mut world = World::of("v1", "ConfigMap");
    let mut object = core("ConfigMap", json!({}));
    object["metadata"]["generation"] = json!(1);
    object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    world.put("creator", object);
    assert_eq!(world.owners(), Vec::<String>::new());
    let config = core("ConfigMap", json!({}));
    world.apply("m", &config).unwrap();
    assert_eq!(world.owners(), Vec::<String>::new());
}
