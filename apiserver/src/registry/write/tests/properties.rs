//! Random writes on a store that fails at random, against what must always be true.

use super::world::{World, at, seen, some_deployment, version};
use crate::registry::{Target, Written};
use crate::request::PatchType;
use crate::status::{Failure, Reason};
use crate::storage::{Call, Fault, KvError};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Step {
    Create,
    Put { replicas: u8, is_stale: bool },
    Merge { key: u8 },
    Apply { manager: u8, key: u8 },
    Status { replicas: u8 },
    Again,
    Hold,
    Release,
    Delete,
}

#[derive(Clone, Copy, Debug)]
enum Weather {
    Fine,
    LostBefore,
    LostAfter,
    Away,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Create),
        3 => (0..4_u8, any::<bool>()).prop_map(|(replicas, is_stale)| Step::Put { replicas, is_stale }),
        3 => (0..4_u8).prop_map(|key| Step::Merge { key }),
        2 => (0..3_u8, 0..4_u8).prop_map(|(manager, key)| Step::Apply { manager, key }),
        2 => (0..4_u8).prop_map(|replicas| Step::Status { replicas }),
        2 => Just(Step::Again),
        1 => Just(Step::Hold),
        1 => Just(Step::Release),
        1 => Just(Step::Delete),
    ]
}

fn weather() -> impl Strategy<Value = Weather> {
    prop_oneof![
        6 => Just(Weather::Fine),
        1 => Just(Weather::LostBefore),
        1 => Just(Weather::LostAfter),
        1 => Just(Weather::Away),
    ]
}

fn target() -> Target {
    at("apps/v1", "deployments", "ns", "web")
}

/// What the client remembers.
#[derive(Default)]
struct Memory {
    /// What it saw last.
    seen: Option<Value>,
    /// What it saw before that.
    before: Option<Value>,
    /// Keys of annotations whose write was acknowledged, as long as the object lives.
    kept: BTreeSet<String>,
}

async fn carry_out(world: &World, step: &Step, memory: &Memory) -> Result<Written, Failure> {
    let main = target();
    let annotate = |key: u8| json!({"metadata": {"annotations": {format!("m{key}"): "x"}}});
    match step {
        Step::Create => world.try_create(&main, &some_deployment("web")).await,
        Step::Put { replicas, is_stale } => {
            let known = if *is_stale {
                &memory.before
            } else {
                &memory.seen
            };
            let mut object = known.clone().unwrap_or_else(|| some_deployment("web"));
            object["spec"]["replicas"] = (*replicas).into();
            world.try_put(&main, &object).await
        }
        Step::Merge { key } => {
            world
                .try_patch(&main, PatchType::Merge, &annotate(*key))
                .await
        }
        Step::Apply { manager, key } => {
            let mut config = annotate(*key);
            config["apiVersion"] = "apps/v1".into();
            config["kind"] = "Deployment".into();
            config["metadata"]["name"] = "web".into();
            // A whole object, so that it can be created.
            config["spec"] = some_deployment("web")["spec"].clone();
            world
                .try_apply(&main, &format!("a{manager}"), &config, true)
                .await
        }
        Step::Status { replicas } => {
            let patch = json!({"status": {"replicas": replicas}});
            let status = super::world::sub(main, "status");
            world.try_patch(&status, PatchType::Merge, &patch).await
        }
        Step::Again => match &memory.seen {
            Some(object) => world.try_put(&main, object).await,
            None => world.try_put(&main, &some_deployment("web")).await,
        },
        Step::Hold => {
            let patch = json!({"metadata": {"finalizers": ["example.com/hold"]}});
            world.try_patch(&main, PatchType::Merge, &patch).await
        }
        Step::Release => {
            let patch = json!({"metadata": {"finalizers": null}});
            world.try_patch(&main, PatchType::Merge, &patch).await
        }
        Step::Delete => world.try_delete(&main, &json!({})).await,
    }
}

fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"]
        .as_i64()
        .expect("a generation")
}

/// What must be true of two states of the store, one after the other.
fn check_states(before: Option<&Value>, after: Option<&Value>) {
    let (Some(before), Some(after)) = (before, after) else {
        return;
    };
    let uid = |object: &Value| object["metadata"]["uid"].clone();
    assert_eq!(
        uid(before),
        uid(after),
        "a write never makes another object of it"
    );
    assert!(
        generation(after) >= generation(before),
        "generations never go back"
    );
    let same_spec = before["spec"] == after["spec"];
    if generation(after) == generation(before) {
        assert!(same_spec, "another spec is a new generation");
    }
    let without_version = |object: &Value| {
        let mut object = object.clone();
        object["metadata"]["resourceVersion"] = Value::Null;
        object
    };
    if version(before) != version(after) {
        assert_ne!(
            without_version(before),
            without_version(after),
            "a write changes something"
        );
    }
}

async fn run(steps: Vec<(Step, Weather)>) {
    let world = World::new();
    let mut memory = Memory::default();
    for (step, weather) in steps {
        world.pass_s(1);
        let before = world.get(&target()).await;
        let revision = world.kv.revision();
        let lost = KvError::Unknown("lost".into());
        match weather {
            Weather::Fine => {}
            Weather::LostBefore => world.kv.fail_next(Call::Txn, Fault::Before(lost)),
            Weather::LostAfter => world.kv.fail_next(Call::Txn, Fault::After(lost)),
            Weather::Away => {
                let away = KvError::Unavailable("away".into());
                world.kv.fail_next(Call::Txn, Fault::Before(away));
            }
        }
        let done = carry_out(&world, &step, &memory).await;
        // A fault that was not met does not wait for the next step: one more write takes it.
        let after = world.get(&target()).await;
        check_states(before.as_ref(), after.as_ref());
        match &done {
            Err(failure) if failure.reason != Reason::Timeout => {
                assert_eq!(
                    before, after,
                    "{step:?} failed and changed something: {failure}"
                );
            }
            Err(_) => {}
            Ok(written) => {
                assert!(
                    world.kv.revision() - revision <= 1,
                    "one write is one revision"
                );
                if let (false, Some(after)) = (matches!(step, Step::Delete), &after) {
                    assert_eq!(
                        &seen(written.clone()),
                        after,
                        "{step:?} shows what is stored"
                    );
                }
                if matches!(step, Step::Again) && before == memory.seen && before.is_some() {
                    assert_eq!(before, after, "what changes nothing writes nothing");
                }
            }
        }
        remember(&mut memory, &step, done.is_ok(), after);
        drain(&world).await;
    }
}

/// Acknowledged annotations are there as long as the object is.
fn remember(memory: &mut Memory, step: &Step, is_done: bool, after: Option<Value>) {
    let Some(after) = after else {
        *memory = Memory::default();
        return;
    };
    if is_done {
        match step {
            Step::Merge { key } => drop(memory.kept.insert(format!("m{key}"))),
            // An apply may drop what it named before, and a replacement is the whole object.
            Step::Apply { .. } | Step::Put { .. } | Step::Again | Step::Create => {
                let has = |key: &String| after["metadata"]["annotations"].get(key).is_some();
                memory.kept.retain(has);
            }
            _ => {}
        }
    }
    for key in &memory.kept {
        let found = after["metadata"]["annotations"].get(key);
        assert!(found.is_some(), "an acknowledged write of {key} was lost");
    }
    memory.before = memory.seen.replace(after);
}

/// Uses up a fault that the step did not meet.
async fn drain(world: &World) {
    let other = at("v1", "configmaps", "ns", "");
    let map = json!({"metadata": {"generateName": "x-"}});
    drop(world.try_create(&other, &map).await);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_no_acknowledged_write_is_lost(
        steps in prop::collection::vec((step(), weather()), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(run(steps));
    }
}
