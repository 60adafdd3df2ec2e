//! What is noted on ReplicaSets: their revision, and how large the Deployment was (D2, D9).

use super::observed::Observed;
use crate::objects::{Meta, Replicas};
use serde_json::{Map, Value, json};

/// The revision, on ReplicaSets and on the Deployment.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Revisions that a ReplicaSet had before.
pub(super) const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// How many Pods the Deployment wanted when the set was last scaled.
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// How many Pods there could be then.
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// What is about the Deployment alone.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];
/// How long a history of revisions may become.
const HISTORY_BYTES_MAX: usize = 2000;

/// The revision of a ReplicaSet; 0: none.
pub(super) fn revision(set: &Meta) -> i64 {
    let text = set.annotations.get(REVISION);
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// A number that is noted.
pub(super) fn number(set: &Meta, name: &str) -> Option<i32> {
    set.annotations.get(name)?.parse().ok()
}

/// How large the Deployment is.
pub(super) fn sizes(replicas: i32, most: i32) -> Value {
    json!({DESIRED: replicas.to_string(), MAX: most.to_string()})
}

/// Whether these are noted.
pub(super) fn has(object: &Meta, annotations: &Value) -> bool {
    let mut wanted = annotations.as_object().into_iter().flatten();
    wanted.all(|(name, value)| object.annotations.get(name).map(String::as_str) == value.as_str())
}

/// The revision of the present template: one more than that of any other.
fn next_revision(seen: &Observed) -> i64 {
    let old = seen.old_sets();
    let revisions = old.iter().map(|set| revision(&set.set.metadata));
    revisions.max().unwrap_or_default().saturating_add(1)
}

/// What is noted on a new ReplicaSet but for its size.
pub(super) fn of_new(seen: &Observed) -> Map<String, Value> {
    let mut annotations = copied(seen, None);
    let revision = next_revision(seen).to_string();
    annotations.insert(REVISION.to_owned(), revision.into());
    annotations
}

/// What the Deployment notes and the ReplicaSet does not.
fn copied(seen: &Observed, set: Option<&Meta>) -> Map<String, Value> {
    let known = |name: &String| set.and_then(|set| set.annotations.get(name));
    let annotations = seen.deployment.metadata.annotations.iter();
    annotations
        .filter(|(name, value)| !NOT_COPIED.contains(&name.as_str()) && known(name) != Some(value))
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect()
}

/// What is to be noted on the ReplicaSet of the present template, which was there before. `None`: all of
/// it is.
pub(super) fn renewed(seen: &Observed, set: &Replicas) -> Option<Value> {
    let metadata = &set.metadata;
    let mut annotations = copied(seen, Some(metadata));
    let known = metadata.annotations.get(REVISION);
    let before = known.map_or(Some(0), |text| text.parse().ok());
    let revision = next_revision(seen);
    // One that is no number is left alone.
    if let Some(before) = before.filter(|before| *before < revision) {
        annotations.insert(REVISION.to_owned(), revision.to_string().into());
        if known.is_some()
            && let Some(history) = remembered(metadata.annotations.get(HISTORY), before)
        {
            annotations.insert(HISTORY.to_owned(), history.into());
        }
    }
    let mut patch = json!({});
    if !annotations.is_empty() {
        patch["metadata"]["annotations"] = Value::Object(annotations);
    }
    let min_ready_s = seen.deployment.spec.min_ready_seconds;
    if set.spec.min_ready_seconds != min_ready_s {
        patch["spec"]["minReadySeconds"] = min_ready_s.into();
    }
    (patch != json!({})).then_some(patch)
}

/// The history with one more revision, and without the oldest ones if it becomes too long.
fn remembered(history: Option<&String>, revision: i64) -> Option<String> {
    let revision = revision.to_string();
    let Some(history) = history.filter(|history| !history.is_empty()) else {
        return Some(revision);
    };
    let mut text = format!("{history},{revision}");
    while text.len() > HISTORY_BYTES_MAX {
        text = text.split_once(',')?.1.to_owned();
    }
    Some(text)
}
