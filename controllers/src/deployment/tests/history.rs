//! Every state that the store was in, one by one, and what must hold in each (D5, D10).

use crate::testing::Cluster;
use futures::StreamExt;
use keelson_apiserver::storage::{Changed, Kv, Watch};
use serde_json::Value;
use std::collections::BTreeMap;

/// A write of one key.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) revision: u64,
    pub(super) key: String,
    /// `None`: it went.
    pub(super) object: Option<Value>,
}

/// All writes since the beginning.
pub(super) async fn writes(cluster: &Cluster) -> Vec<Written> {
    let newest = cluster.kv.revision();
    let watch = Watch {
        key: vec![0].into(),
        end: Some(vec![0].into()),
        from: 1,
        progress_every: None,
    };
    let mut stream = cluster.kv.watch(watch).await.expect("nothing is compacted");
    let mut writes = Vec::new();
    let mut reached = 0;
    while reached < newest {
        let piece = stream.next().await.expect("more").expect("no failure");
        reached = piece.revision;
        writes.extend(piece.changes.into_iter().map(|change| Written {
            revision: change.now.mod_revision,
            key: String::from_utf8_lossy(&change.now.key).into_owned(),
            object: match change.changed {
                Changed::Deleted => None,
                Changed::Put => serde_json::from_slice(&change.now.value).ok(),
            },
        }));
    }
    writes
}

/// The Pods of a state, by key.
pub(super) type Pods = BTreeMap<String, Value>;

/// The Pods after each write of a Pod from `since` on.
pub(super) fn states(writes: &[Written], since: u64) -> Vec<(u64, Pods)> {
    let mut pods = Pods::new();
    let mut states = Vec::new();
    let of_pods = writes
        .iter()
        .filter(|write| write.key.starts_with("/registry/pods/"));
    for write in of_pods {
        match &write.object {
            Some(pod) => pods.insert(write.key.clone(), pod.clone()),
            None => pods.remove(&write.key),
        };
        if write.revision >= since {
            states.push((write.revision, pods.clone()));
        }
    }
    states
}

fn is_active(pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str();
    pod["metadata"].get("deletionTimestamp").is_none()
        && !matches!(phase, Some("Failed" | "Succeeded"))
}

fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// The image of a Pod.
pub(super) fn image(pod: &Value) -> &str {
    pod["spec"]["containers"][0]["image"]
        .as_str()
        .unwrap_or_default()
}

/// The largest number of active Pods and the smallest of available ones, over all states.
pub(super) fn extremes(states: &[(u64, Pods)]) -> (usize, usize) {
    let count = |is: fn(&Value) -> bool| {
        states
            .iter()
            .map(move |(_, pods)| pods.values().filter(|pod| is(pod)).count())
    };
    let most = count(is_active).max().unwrap_or_default();
    let least = count(|pod| is_active(pod) && is_ready(pod)).min();
    (most, least.unwrap_or_default())
}

/// Revisions at which Pods of two images were there at once, those that are going included.
pub(super) fn mixed(states: &[(u64, Pods)]) -> Vec<u64> {
    let mixed = states.iter().filter(|(_, pods)| {
        let mut images: Vec<&str> = pods.values().map(image).collect();
        images.sort_unstable();
        images.dedup();
        images.len() > 1
    });
    mixed.map(|(revision, _)| *revision).collect()
}

/// What events about Deployments said, in their order.
pub(super) fn messages(writes: &[Written]) -> Vec<String> {
    let events = writes
        .iter()
        .filter(|write| write.key.starts_with("/registry/events/"));
    let about = events.filter_map(|write| write.object.as_ref());
    about
        .filter(|event| event["reportingComponent"] == "deployment-controller")
        .inspect(|event| assert_eq!(event["involvedObject"]["kind"], "Deployment"))
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}: {}", text("type"), text("reason"), text("message"))
        })
        .collect()
}

#[test]
fn what_the_history_shows_is_found() {
    use serde_json::json;
    let pod = |name: &str, image: &str, is_ready: bool, is_going: bool| Written {
        revision: 1,
        key: format!("/registry/pods/a/{name}"),
        object: Some(json!({
            "metadata": if is_going { json!({"deletionTimestamp": "now"}) } else { json!({}) },
            "spec": {"containers": [{"image": image}]},
            "status": {"conditions": [{"type": "Ready", "status": if is_ready { "True" } else { "False" }}]},
        })),
    };
    let gone = |name: &str| Written {
        revision: 2,
        key: format!("/registry/pods/a/{name}"),
        object: None,
    };
    let writes = [
        pod("a", "old", true, false),
        pod("b", "new", false, false),
        pod("a", "old", true, true),
        gone("a"),
    ];
    assert_eq!(extremes(&states(&writes, 0)), (2, 0));
    assert_eq!(extremes(&states(&writes[..2], 0)), (2, 1));
    assert_eq!(extremes(&states(&writes, 2)), (1, 0));
    assert_eq!(mixed(&states(&writes, 0)), [1, 1]);
}
