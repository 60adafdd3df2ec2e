//! Statements about patches that do not apply.

use super::world::{World, at, config_map, deployment, pod, some_deployment, some_map, some_pod};
use super::world::{seen, version};
use crate::admission::{Admission, AdmissionRequest, Admitted};
use crate::request::{FieldValidation, PatchType};
use crate::status::{Failure, Reason};
use crate::storage::{Future, Guard};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[tokio::test]
async fn statement_30_a_patch_that_changes_nothing_writes_nothing() {
    let world = World::new();
    let made = world.create(&deployment(""), &some_deployment("web")).await;
    let revision = world.kv.revision();
    world.pass_s(60);
    let same = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "app:1"}]}}}});
    for (kind, patch) in [
        (PatchType::Merge, json!({"spec": {"replicas": 1}})),
        (PatchType::Strategic, same),
        (
            PatchType::Json,
            json!([{"op": "test", "path": "/spec/replicas", "value": 1}]),
        ),
    ] {
        let written = world
            .try_patch(&deployment("web"), kind, &patch)
            .await
            .unwrap();
        assert!(!written.created);
        assert_eq!(seen(written), made, "{kind:?}");
    }
    assert_eq!(world.kv.revision(), revision);
}

#[tokio::test]
async fn statement_31_twenty_patches_at_once_all_succeed() {
    let world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    let target = config_map("a");
    let patches = (0..20).map(|n| {
        let patch = json!({"data": {format!("key{n}"): "x"}});
        let (world, target) = (&world, &target);
        async move { world.merge(target, patch).await }
    });
    futures::future::join_all(patches).await;
    let stored = world.get(&target).await.unwrap();
    assert_eq!(stored["data"].as_object().unwrap().len(), 21);
}

/// Lets somebody else write in the middle of the first attempts.
struct Meddler {
    kv: crate::storage::MemoryKv,
    left: AtomicU32,
}

impl Admission for Meddler {
    fn release<'a>(&'a self, _: &'a AdmissionRequest) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            use crate::storage::{Keys, Kv, Object, Txn, Write};
            let left = self.left.load(Ordering::SeqCst);
            let Some(old) = request.old.clone().filter(|_| left > 0) else {
                return Ok(Admitted::default());
            };
            self.left.store(left - 1, Ordering::SeqCst);
            let mut theirs = old;
            theirs["data"][format!("theirs{left}")] = "x".into();
            let target = &request.target;
            let write = Write::Put {
                key: Keys::one(&target.resource, &target.namespace, &target.name),
                value: Object::of(theirs, 0).stored().clone(),
                lease: 0,
            };
            let txn = Txn {
                writes: vec![write],
                ..Txn::default()
            };
            self.kv.txn(txn).await.expect("the store takes it");
            Ok(Admitted::default())
        })
    }

    fn validate<'a>(&'a self, _: &'a AdmissionRequest) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }
}

#[tokio::test]
async fn statement_31_a_patch_that_loses_is_made_again_on_the_fresh_object() {
    let mut world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let meddler = Meddler {
        kv: world.kv.clone(),
        left: AtomicU32::new(12),
    };
    world.registry = world.registry.with_admission(Arc::new(meddler));
    let patched = world
        .merge(&config_map("a"), json!({"data": {"mine": "x"}}))
        .await;
    // What the twelve wrote in between is there as well.
    assert_eq!(patched["data"].as_object().unwrap().len(), 14);
    assert_eq!(world.get(&config_map("a")).await, Some(patched.clone()));

    // Who says which state is meant hears that it is gone.
    let meddler = Meddler {
        kv: world.kv.clone(),
        left: AtomicU32::new(1),
    };
    world.registry = world.registry.with_admission(Arc::new(meddler));
    let patch = json!({"metadata": {"resourceVersion": patched["metadata"]["resourceVersion"]},
        "data": {"other": "x"}});
    let failure = world
        .try_patch(&config_map("a"), PatchType::Merge, &patch)
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    let uid = json!({"metadata": {"uid": "another"}});
    let failure = world
        .try_patch(&config_map("a"), PatchType::Merge, &uid)
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    assert_ne!(made["metadata"]["uid"], "another");
}

/// Wants something that is never true.
struct Never;

impl Admission for Never {
    fn release<'a>(&'a self, _: &'a AdmissionRequest) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }

    fn mutate<'a>(&'a self, _: &'a mut AdmissionRequest) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }

    fn validate<'a>(&'a self, _: &'a AdmissionRequest) -> Future<'a, Result<Admitted, Failure>> {
        let guard = Guard {
            key: "/x".into(),
            mod_revision: 99,
        };
        Box::pin(std::future::ready(Ok(Admitted {
            guards: vec![guard],
            ..Admitted::default()
        })))
    }
}

#[tokio::test]
async fn statement_31_it_ends_when_the_time_is_over() {
    let mut world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    world.registry = world.registry.with_admission(Arc::new(Never));
    let target = config_map("a");
    let patch = json!({"data": {"key": "2"}});
    let patching = world.try_patch(&target, PatchType::Merge, &patch);
    let passing = async {
        while world.kv.calls(crate::storage::Call::Txn) < 12 {
            tokio::task::yield_now().await;
        }
        world.pass_s(35);
    };
    let (patched, ()) = futures::join!(patching, passing);
    assert_eq!(patched.unwrap_err().reason, Reason::Timeout);
    assert_eq!(world.get(&target).await.unwrap()["data"]["key"], "1");
}

#[tokio::test]
async fn statement_62_json_patches_apply_as_a_whole_or_not_at_all() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let target = config_map("a");
    let many: Vec<Value> = vec![json!({"op": "remove", "path": "/x"}); 10_001];
    for (patch, code) in [
        (
            json!([
                {"op": "add", "path": "/data/b", "value": "2"},
                {"op": "test", "path": "/data/key", "value": "9"},
            ]),
            422,
        ),
        (json!([{"op": "remove", "path": "/data/none"}]), 422),
        (json!({"op": "add"}), 400),
        (Value::Array(many), 413),
    ] {
        let failure = world
            .try_patch(&target, PatchType::Json, &patch)
            .await
            .unwrap_err();
        assert_eq!(failure.code(), code, "{}", failure.message);
    }
    assert_eq!(world.get(&target).await, Some(made));
}

#[tokio::test]
async fn statement_63_null_deletes_and_a_missing_object_is_not_made() {
    let world = World::new();
    world.create(&config_map(""), &some_map("a", "1")).await;
    let patch = json!({"data": {"key": null, "b": "2"}});
    let patched = world.merge(&config_map("a"), patch.clone()).await;
    assert_eq!(patched["data"], json!({"b": "2"}));
    let failure = world
        .try_patch(&config_map("b"), PatchType::Merge, &patch)
        .await
        .unwrap_err();
    assert_eq!(failure.message, "configmaps \"b\" not found");
}

#[tokio::test]
async fn statement_64_lists_are_merged_by_their_keys_and_owned_by_who_patched() {
    let world = World::new();
    world.create(&deployment(""), &some_deployment("web")).await;
    let other = json!({"spec": {"template": {"spec": {"containers": [{"name": "more", "image": "app:2"}]}}}});
    let world = world.manager("patcher");
    let written = world
        .try_patch(&deployment("web"), PatchType::Strategic, &other)
        .await;
    let patched = seen(written.unwrap());
    let containers = patched["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    let names: Vec<&Value> = containers.iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["more", "main"]);
    // What a client leaves out of a patch gets its defaults, too.
    assert_eq!(containers[0]["imagePullPolicy"], "IfNotPresent");
    let managers = patched["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(managers.len(), 2);
    assert_eq!(managers[1]["manager"], "patcher");
}

#[tokio::test]
async fn statement_69_a_patch_does_not_make_an_object_another_one() {
    let world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    for (patch, code) in [
        (json!({"metadata": {"name": "b"}}), 400),
        (json!({"metadata": {"namespace": "other"}}), 400),
        (json!({"metadata": {"uid": "other"}}), 409),
        (json!({"kind": "Secret"}), 400),
        (json!({"apiVersion": "v2"}), 400),
    ] {
        let failure = world
            .try_patch(&config_map("a"), PatchType::Merge, &patch)
            .await
            .unwrap_err();
        assert_eq!(failure.code(), code, "{patch} {}", failure.message);
    }
    assert_eq!(world.get(&config_map("a")).await, Some(made));
}

#[tokio::test]
async fn unknown_fields_of_a_patch_are_told_or_refused() {
    let mut world = World::new();
    let made = world.create(&config_map(""), &some_map("a", "1")).await;
    let patch = json!({"dataa": {"b": "2"}});
    let written = world
        .try_patch(&config_map("a"), PatchType::Merge, &patch)
        .await
        .unwrap();
    assert_eq!(written.warnings, ["unknown field \"dataa\""]);
    assert_eq!(version(&seen(written)), version(&made));
    world.options.field_validation = FieldValidation::Strict;
    let failure = world
        .try_patch(&config_map("a"), PatchType::Merge, &patch)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 422);
    let cause = &failure.details.as_ref().unwrap().causes[0];
    assert_eq!(cause.field, "patch");
    assert!(
        cause
            .message
            .ends_with("strict decoding error: unknown field \"dataa\"")
    );
    let failure = world
        .try_patch(
            &config_map("a"),
            PatchType::Merge,
            &json!({"data": {"a": 1}}),
        )
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 422);
}

#[tokio::test]
async fn what_is_no_patch_is_refused() {
    let world = World::new();
    world.create(&pod(""), &some_pod("p")).await;
    let failure = world
        .try_patch(&pod("p"), PatchType::Merge, &json!([1]))
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 400);
    let nodes = at("v1", "componentstatuses", "", "x");
    let failure = world
        .try_patch(&nodes, PatchType::Merge, &json!({}))
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 405);
    let below = super::world::sub(pod("p"), "nothing");
    let failure = world
        .try_patch(&below, PatchType::Merge, &json!({}))
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 404);
}
