//! The contract of server-side apply: creating, conflicts, ownership, what is refused.

use super::world::{World, core, deployment};
use crate::apply::{Conflicts, Refused};
use serde_json::{Value, json};

fn nginx(replicas: u32) -> Value {
    deployment(json!({
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "nginx"}},
        "template": {
            "metadata": {"labels": {"app": "nginx"}},
            "spec": {"containers": [{
                "name": "nginx",
                "image": "nginx:1.27",
                "ports": [{"containerPort": 80}],
            }]},
        },
    }))
}

#[test]
fn statement_71_an_apply_creates_and_the_same_again_changes_nothing() {
    let mut world = World::deployment();
    let created = world.apply("helm", &nginx(3)).unwrap().clone();
    assert_eq!(created["spec"], nginx(3)["spec"]);
    assert_eq!(world.resource_version, 1);
    assert_eq!(
        created["metadata"]["managedFields"],
        json!([{
            "manager": "helm",
            "operation": "Apply",
            "apiVersion": "apps/v1",
            "time": "2026-01-01T00:00:01Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:template": {
                    "f:metadata": {"f:labels": {"f:app": {}}},
                    "f:spec": {"f:containers": {"k:{\"name\":\"nginx\"}": {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                            ".": {},
                            "f:containerPort": {},
                        }},
                    }}},
                },
            }},
        }])
    );
    let stored = world.live().clone();
    world.apply("helm", &nginx(3)).unwrap();
    assert_eq!(*world.live(), stored);
    assert_eq!(world.resource_version, 1);
    world.force("helm", &nginx(3)).unwrap();
    assert_eq!(
        world.resource_version, 1,
        "force changes nothing about that"
    );
}

#[test]
fn statement_72_an_apply_without_a_manager_or_with_managed_fields_is_refused() {
    let mut world = World::deployment();
    let refused = world.apply("", &nginx(1)).unwrap_err();
    assert_eq!(refused, Refused::NoManager);
    assert!(
        refused
            .to_string()
            .ends_with("Required value: is required for apply patch")
    );

    for list in [json!([]), json!([{}])] {
        let mut config = nginx(1);
        config["metadata"]["managedFields"] = list;
        let refused = world.apply("m", &config).unwrap_err();
        assert_eq!(
            refused,
            Refused::BadRequest("metadata.managedFields must be nil".into())
        );
    }
    let mut config = nginx(1);
    config["metadata"]["managedFields"] = Value::Null;
    assert!(world.apply("m", &config).is_ok(), "null is none");

    let mut config = nginx(1);
    config["apiVersion"] = json!("apps/v1beta1");
    let refused = world.apply("m", &config).unwrap_err();
    let text = "invalid object type: apps/v1beta1, Kind=Deployment";
    assert_eq!(refused, Refused::BadRequest(text.into()));
    let refused = World::of("v1", "Pod")
        .apply("m", &core("Service", json!({})))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "invalid object type: /v1, Kind=Service"
    );
}

#[test]
fn statement_73_another_value_conflicts_the_same_is_shared_and_force_takes_it() {
    let mut world = World::deployment();
    world.apply("helm", &nginx(3)).unwrap();
    assert_eq!(
        world.conflict("argo", &deployment(json!({"replicas": 5}))),
        "Apply failed with 1 conflict: conflict with \"helm\": .spec.replicas"
    );
    assert_eq!(world.live()["spec"]["replicas"], 3, "nothing is written");

    world
        .apply("argo", &deployment(json!({"replicas": 3})))
        .unwrap();
    let replicas = json!({"f:spec": {"f:replicas": {}}});
    assert_eq!(world.applied_by("argo"), replicas);
    assert_eq!(world.applied_by("helm")["f:spec"]["f:replicas"], json!({}));

    world
        .force("argo", &deployment(json!({"replicas": 5})))
        .unwrap();
    assert_eq!(world.live()["spec"]["replicas"], 5);
    assert_eq!(world.applied_by("argo"), replicas);
    assert_eq!(
        world.applied_by("helm")["f:spec"]["f:replicas"],
        Value::Null
    );
}

#[test]
fn statement_73_a_cause_names_manager_operation_and_field() {
    let mut world = World::deployment();
    world.apply("helm", &nginx(3)).unwrap();
    world.edit("kubectl-edit", |d| d["spec"]["replicas"] = json!(4));
    let refused = world.apply("argo", &{
        let mut config = nginx(5);
        config["spec"]["template"]["spec"]["containers"][0]["image"] = json!("nginx:2");
        config
    });
    let Err(Refused::Conflicts(conflicts)) = refused else {
        panic!("{refused:?}")
    };
    let causes: Vec<_> = conflicts
        .0
        .iter()
        .map(|conflict| conflict.cause())
        .collect();
    let image = ".spec.template.spec.containers[name=\"nginx\"].image";
    let reason = "FieldManagerConflict";
    let by_edit = "conflict with \"kubectl-edit\" using apps/v1";
    assert_eq!(
        causes,
        [
            (reason, "conflict with \"helm\"".into(), image.into()),
            (reason, by_edit.into(), ".spec.replicas".into()),
        ]
    );
    assert_eq!(
        conflicts.to_string(),
        format!(
            "Apply failed with 2 conflicts: conflicts with \"helm\":\n- {image}\nconflicts with \"kubectl-edit\" using apps/v1:\n- .spec.replicas"
        )
    );
    assert_eq!(
        Conflicts::default().to_string(),
        "Apply failed with 0 conflicts: "
    );
}

#[test]
fn statement_74_a_dropped_field_goes_only_if_nobody_else_owns_it() {
    let mut world = World::of("v1", "ConfigMap");
    world
        .apply(
            "a",
            &core("ConfigMap", json!({"data": {"mine": "1", "shared": "2"}})),
        )
        .unwrap();
    world
        .apply("b", &core("ConfigMap", json!({"data": {"shared": "2"}})))
        .unwrap();
    world.edit("c", |map| map["data"]["theirs"] = json!("3"));
    world.apply("a", &core("ConfigMap", json!({}))).unwrap();
    assert_eq!(world.live()["data"], json!({"shared": "2", "theirs": "3"}));
    assert_eq!(
        world.applied_by("a"),
        Value::Null,
        "who owns nothing is no manager"
    );
    assert_eq!(world.owners(), ["b", "c"]);

    world.apply("b", &core("ConfigMap", json!({}))).unwrap();
    assert_eq!(world.live()["data"], json!({"theirs": "3"}));
    assert_eq!(world.owners(), ["c"]);
}

#[test]
fn statement_74_a_map_goes_with_its_last_key() {
    let mut world = World::of("v1", "ConfigMap");
    world
        .apply(
            "a",
            &core("ConfigMap", json!({"data": {"k": "1"}, "immutable": false})),
        )
        .unwrap();
    world
        .apply("a", &core("ConfigMap", json!({"immutable": false})))
        .unwrap();
    assert_eq!(world.live().get("data"), None);
    assert_eq!(world.applied_by("a"), json!({"f:immutable": {}}));
}

#[test]
fn statement_74_dropping_a_container_takes_what_others_set_in_it() {
    let mut world = World::deployment();
    let two = |second: Option<Value>| {
        let mut config = nginx(1);
        if let (Some(second), Some(list)) = (
            second,
            config["spec"]["template"]["spec"]["containers"].as_array_mut(),
        ) {
            list.push(second);
        }
        config
    };
    world
        .apply("a", &two(Some(json!({"name": "sidecar", "image": "s:1"}))))
        .unwrap();
    world.edit("b", |d| {
        d["spec"]["template"]["spec"]["containers"][1]["imagePullPolicy"] = json!("Always");
    });
    assert_ne!(world.updated_by("b"), Value::Null);
    world.apply("a", &two(None)).unwrap();
    let containers = world.live()["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    assert_eq!(containers.len(), 1);
    assert_eq!(
        world.updated_by("b"),
        Value::Null,
        "nobody owns what is not there"
    );
}

#[test]
fn statement_75_an_update_never_conflicts_and_owns_what_it_changes() {
    let mut world = World::deployment();
    world.apply("helm", &nginx(3)).unwrap();
    world.edit("hpa", |d| d["spec"]["replicas"] = json!(10));
    assert_eq!(world.live()["spec"]["replicas"], 10);
    assert_eq!(
        world.updated_by("hpa"),
        json!({"f:spec": {"f:replicas": {}}})
    );
    assert_eq!(
        world.applied_by("helm")["f:spec"]["f:replicas"],
        Value::Null
    );
    assert_eq!(
        world.conflict("helm", &nginx(3)),
        "Apply failed with 1 conflict: conflict with \"hpa\" using apps/v1: .spec.replicas"
    );
    // Without the field it leaves it to the other.
    let mut config = nginx(3);
    config["spec"].as_object_mut().unwrap().remove("replicas");
    world.apply("helm", &config).unwrap();
    assert_eq!(world.live()["spec"]["replicas"], 10);
}

#[test]
fn statement_75_a_creator_owns_what_it_set_but_not_what_is_always_there() {
    let mut world = World::deployment();
    let mut created = nginx(2);
    created["metadata"]["labels"] = json!({"app": "nginx"});
    created["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": "25%"}});
    created["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({});
    world.put("kubectl-create", created);
    assert_eq!(
        world.updated_by("kubectl-create"),
        json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}},
                "f:template": {
                    "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                    "f:spec": {"f:containers": {"k:{\"name\":\"nginx\"}": {
                        ".": {},
                        "f:image": {},
                        "f:name": {},
                        "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                            ".": {},
                            "f:containerPort": {},
                        }},
                        "f:resources": {},
                    }}},
                },
            },
        })
    );
}

#[test]
fn statement_81_a_configuration_that_does_not_fit_is_refused() {
    let refuse = |config: &Value| {
        let mut world = World::deployment();
        let refused = world.apply("m", config).unwrap_err();
        assert!(world.live.is_none());
        refused.to_string()
    };
    let start = "failed to create typed patch object (ns/d; apps/v1, Kind=Deployment): ";
    assert_eq!(
        refuse(&deployment(json!({"foo": 1}))),
        format!("{start}.spec.foo: field not declared in schema")
    );
    let mut config = nginx(1);
    let containers = &mut config["spec"]["template"]["spec"]["containers"];
    let same = containers[0].clone();
    containers.as_array_mut().unwrap().push(same);
    assert_eq!(
        refuse(&config),
        format!(
            "{start}.spec.template.spec.containers: duplicate entries for key [name=\"nginx\"]"
        )
    );
    let mut config = nginx(1);
    config["bar"] = json!(1);
    config["spec"]["replicas"] = json!("three");
    assert_eq!(
        refuse(&config),
        format!("{start}.bar: field not declared in schema"),
        "the rest of the structure is not looked at"
    );
    config.as_object_mut().unwrap().remove("bar");
    config["metadata"]["labels"] = json!({"n": 1});
    assert_eq!(
        refuse(&config),
        format!(
            "{start}errors:\n  .metadata.labels.n: expected string, got &value.valueUnstructured{{Value:1}}\n  .spec.replicas: expected numeric (int or float), got string"
        )
    );
    let mut world = World::of("v1", "ConfigMap");
    let refused = world
        .apply("m", &core("ConfigMap", json!({"x": 1})))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "failed to create typed patch object (ns/x; /v1, Kind=ConfigMap): .x: field not declared in schema"
    );
}

#[test]
fn statement_82_a_uid_without_an_object_is_a_conflict() {
    let mut world = World::of("v1", "ConfigMap");
    let mut config = core("ConfigMap", json!({"data": {"k": "v"}}));
    config["metadata"]["uid"] = json!("1234");
    let refused = world.apply("m", &config).unwrap_err();
    assert_eq!(refused, Refused::WrongUid("1234".into()));
    assert_eq!(
        refused.to_string(),
        "uid mismatch: the provided object specified uid 1234, and no existing object was found"
    );
    assert!(world.live.is_none());
    world.apply("m", &core("ConfigMap", json!({}))).unwrap();
    config["metadata"]["uid"] = json!("u1");
    world.apply("m", &config).unwrap();
    assert_eq!(world.live()["data"], json!({"k": "v"}));
}
