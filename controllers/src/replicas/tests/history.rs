//! Every state that the store was in, one by one.

use crate::testing::Cluster;
use futures::StreamExt;
use keelson_apiserver::storage::{Changed, Kv, Watch};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A write of one key.
#[derive(Clone)]
pub(super) struct Step {
    revision: u64,
    key: String,
    /// `None`: it went.
    object: Option<Value>,
}

/// All writes since the beginning.
pub(super) async fn steps(cluster: &Cluster) -> Vec<Step> {
    let newest = cluster.kv.revision();
    let watch = Watch {
        key: vec![0].into(),
        end: Some(vec![0].into()),
        from: 1,
        progress_every: None,
    };
    let mut stream = cluster.kv.watch(watch).await.expect("nothing is compacted");
    let mut steps = Vec::new();
    let mut reached = 0;
    while reached < newest {
        let piece = stream.next().await.expect("more").expect("no failure");
        reached = piece.revision;
        steps.extend(piece.changes.into_iter().map(|change| Step {
            revision: change.now.mod_revision,
            key: String::from_utf8_lossy(&change.now.key).into_owned(),
            object: match change.changed {
                Changed::Deleted => None,
                Changed::Put => serde_json::from_slice(&change.now.value).ok(),
            },
        }));
    }
    steps
}

/// How often the loop of this name was claimed.
pub(super) fn claims(steps: &[Step], name: &str) -> usize {
    let key = format!("/keelson/kubernetes/claims/{name}");
    steps.iter().filter(|step| step.key == key).count()
}

/// What is wrong with how Pods of the only ReplicaSet came and went, provided that nobody else makes or
/// deletes any: at every revision no more are active than ever were wanted; one comes only while there
/// are too few, and one goes only while there are too many. And with what its status says: numbers that
/// were true together at some revision, and of no older generation than before.
pub(super) fn wrong(steps: &[Step]) -> Vec<String> {
    let mut told = Told::default();
    let mut pods: BTreeMap<&str, Pod> = BTreeMap::new();
    let (mut wanted, mut most, mut there) = (0, 0, 0);
    let mut true_once = BTreeSet::from([(0, 0)]);
    let mut wrong = Vec::new();
    for step in steps {
        let revision = step.revision;
        if step.key.starts_with("/registry/replicasets/") {
            let set = step.object.clone().unwrap_or_default();
            wanted = number(&set, "/spec/replicas");
            most = most.max(wanted);
            let now = Told::of(&set);
            if !true_once.contains(&(now.replicas, now.ready)) || now.generation < told.generation {
                wrong.push(format!("{revision}: told {now:?} after {told:?}"));
            }
            told = now;
        }
        if step.key.starts_with("/registry/pods/") {
            pods.insert(&step.key, Pod::of(step.object.as_ref()));
        }
        let before = there;
        let active = pods.values().filter(|pod| pod.is_active);
        there = i64::try_from(active.clone().count()).expect("few");
        let ready = active.filter(|pod| pod.is_ready).count();
        true_once.insert((there, i64::try_from(ready).expect("few")));
        let is_bad = match there.cmp(&before) {
            Ordering::Greater => there > wanted || there > most,
            Ordering::Less => there < wanted,
            Ordering::Equal => false,
        };
        if is_bad {
            wrong.push(format!(
                "{revision}: {before} -> {there}, wanted {wanted}, ever {most}"
            ));
        }
    }
    wrong
}

#[derive(Debug, Default)]
struct Told {
    generation: i64,
    replicas: i64,
    ready: i64,
}

impl Told {
    fn of(set: &Value) -> Told {
        Told {
            generation: number(set, "/status/observedGeneration"),
            replicas: number(set, "/status/replicas"),
            ready: number(set, "/status/readyReplicas"),
        }
    }
}

struct Pod {
    is_active: bool,
    is_ready: bool,
}

impl Pod {
    fn of(object: Option<&Value>) -> Pod {
        let pod = object.cloned().unwrap_or_default();
        let phase = pod["status"]["phase"].as_str();
        let conditions = pod["status"]["conditions"].as_array();
        let is_ready = |one: &Value| one["type"] == "Ready" && one["status"] == "True";
        Pod {
            is_active: object.is_some()
                && pod["metadata"].get("deletionTimestamp").is_none()
                && !matches!(phase, Some("Failed" | "Succeeded")),
            is_ready: conditions.into_iter().flatten().any(is_ready),
        }
    }
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

#[test]
fn what_is_wrong_is_found() {
    use serde_json::json;
    let step = |key: &str, object: Value| Step {
        revision: 1,
        key: key.to_owned(),
        object: (!object.is_null()).then_some(object),
    };
    let set = |replicas: i32| {
        step(
            "/registry/replicasets/a/s",
            json!({"spec": {"replicas": replicas}}),
        )
    };
    let pod = |name: &str| step(&format!("/registry/pods/a/{name}"), json!({"metadata": {}}));
    let gone = |name: &str| step(&format!("/registry/pods/a/{name}"), Value::Null);
    let steps = [set(1), pod("a"), pod("b"), set(0), gone("b"), gone("a")];
    assert_eq!(wrong(&steps), ["1: 1 -> 2, wanted 1, ever 1"]);
    let steps = [set(2), pod("a"), pod("b"), set(1), gone("b"), gone("a")];
    assert_eq!(wrong(&steps), ["1: 1 -> 0, wanted 1, ever 2"]);
    let steps = [set(2), pod("a"), pod("b"), set(1), gone("b"), pod("c")];
    assert_eq!(wrong(&steps), ["1: 1 -> 2, wanted 1, ever 2"]);
    let told = |replicas: i32, generation: i32| {
        let status = json!({"replicas": replicas, "observedGeneration": generation});
        step(
            "/registry/replicasets/a/s",
            json!({"spec": {"replicas": 1}, "status": status}),
        )
    };
    assert_eq!(
        wrong(&[told(0, 1), pod("a"), told(0, 1), told(1, 2)]),
        Vec::<String>::new()
    );
    assert_eq!(wrong(&[told(0, 1), told(1, 1), pod("a")]).len(), 1);
    assert_eq!(wrong(&[told(0, 2), told(0, 1)]).len(), 1);
}
