//! Every state that the store was in, one by one.

use crate::testing::Cluster;
use futures::StreamExt;
use keelson_apiserver::storage::{Changed, Kv, Watch};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;

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
/// are too few, and one goes only while there are too many.
pub(super) fn wrong(steps: &[Step]) -> Vec<String> {
    let (mut wanted, mut most, mut there) = (0, 0, 0);
    let mut pods: BTreeMap<String, bool> = BTreeMap::new();
    let mut wrong = Vec::new();
    for step in steps {
        if step.key.starts_with("/registry/replicasets/") {
            let replicas = step.object.as_ref().map(|set| &set["spec"]["replicas"]);
            wanted = replicas.and_then(Value::as_i64).unwrap_or(0);
            most = most.max(wanted);
        }
        if step.key.starts_with("/registry/pods/") {
            let is_active = step.object.as_ref().is_some_and(is_active);
            pods.insert(step.key.clone(), is_active);
        }
        let before = there;
        there = i64::try_from(pods.values().filter(|is| **is).count()).expect("few");
        let is_bad = match there.cmp(&before) {
            Ordering::Greater => there > wanted || there > most,
            Ordering::Less => there < wanted,
            Ordering::Equal => false,
        };
        if is_bad {
            let revision = step.revision;
            wrong.push(format!(
                "{revision}: {before} -> {there}, wanted {wanted}, ever {most}"
            ));
        }
    }
    wrong
}

fn is_active(pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str();
    pod["metadata"].get("deletionTimestamp").is_none()
        && !matches!(phase, Some("Failed" | "Succeeded"))
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
}
