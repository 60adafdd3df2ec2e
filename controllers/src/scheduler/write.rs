//! What the scheduler writes: bindings, conditions of Pods that have no node, events.

use super::pod::PodInfo;
use crate::objects::{Condition, Pod};
use crate::runtime::{Client, Kind, Problem, seconds};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How often a condition is written anew when the Pod changes meanwhile. Then the next look says it.
const ATTEMPTS_MAX: usize = 3;
/// Until the world shows what changed.
const AGAIN: Duration = Duration::from_millis(20);

/// What became of a write.
#[derive(Debug)]
pub enum Outcome {
    /// The Pod has its node; the world will show it.
    Bound,
    /// It has not, as of what the world shows now.
    Unbound(Arc<PodInfo>),
    /// It is said why the Pod has no node.
    Said,
    /// Somebody else leads.
    Fenced,
}

/// Gives a Pod its node.
pub async fn bind(client: Client, pod: Arc<PodInfo>, node: Arc<str>) -> Outcome {
    let mut target = client.target(Kind::Pod, &pod.key);
    "binding".clone_into(&mut target.subresource);
    let meta = &pod.pod.metadata;
    let binding = json!({
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "target": {"kind": "Node", "name": *node},
    });
    let bound = client.create_at(&target, &binding).await;
    let about = client.about(Kind::Pod, meta);
    let problem = match bound {
        Ok(_) => {
            let text = format!("Successfully assigned {} to {node}", pod.key);
            client.event(about, false, "Scheduled", text);
            return Outcome::Bound;
        }
        Err(Problem::Fenced) => return Outcome::Fenced,
        Err(problem) => problem,
    };
    tracing::debug!(pod = %pod.key, %node, %problem, "a pod is not bound");
    if let Problem::Refused(failure) = &problem {
        let text = format!("binding rejected: {failure}");
        client.event(about, true, "FailedScheduling", text);
    }
    if client.take_note(&problem).await == Err(Problem::Fenced) {
        return Outcome::Fenced;
    }
    Outcome::Unbound(pod)
}

/// Says why a Pod has no node: as an event, and as its condition if it does not say so yet.
pub async fn say(client: Client, pod: Arc<PodInfo>, text: String) -> Outcome {
    let about = client.about(Kind::Pod, &pod.pod.metadata);
    client.event(about, true, "FailedScheduling", text.as_str());
    for _ in 0..ATTEMPTS_MAX {
        let client = match client.fresh().await {
            Ok(client) => client,
            Err(Problem::Fenced) => return Outcome::Fenced,
            Err(_) => return Outcome::Said,
        };
        let now = seconds(client.now_us());
        let patch = {
            let world = client.world();
            let present = world.pods.get(&pod.key);
            let present = present.filter(|present| pod.is_same(present) && !present.is_bound());
            present.and_then(|present| conditions(present, &text, &now))
        };
        let Some(patch) = patch else {
            return Outcome::Said;
        };
        let written = client.patch_status(Kind::Pod, &pod.key, &patch).await;
        let problem = match written {
            Ok(_) => return Outcome::Said,
            Err(Problem::Fenced) => return Outcome::Fenced,
            Err(problem) => problem,
        };
        match client.take_note(&problem).await {
            Err(Problem::Fenced) => return Outcome::Fenced,
            Err(_) => return Outcome::Said,
            Ok(()) => {}
        }
        if !matches!(problem, Problem::Stale | Problem::Unknown(_)) {
            return Outcome::Said;
        }
        tokio::time::sleep(AGAIN).await;
    }
    Outcome::Said
}

/// The patch after which the Pod says why it has no node; `None`: it does already.
fn conditions(pod: &Pod, text: &str, now: &str) -> Option<Value> {
    const TYPE: &str = "PodScheduled";
    let before = crate::objects::condition(&pod.status.conditions, TYPE);
    let is_said = |before: &Condition| {
        before.status == "False" && before.reason == "Unschedulable" && before.message == text
    };
    if before.is_some_and(is_said) {
        return None;
    }
    let since = before
        .filter(|before| before.status == "False")
        .and_then(|before| before.last_transition_time.clone());
    let condition = Condition {
        r#type: TYPE.to_owned(),
        status: "False".to_owned(),
        reason: "Unschedulable".to_owned(),
        message: text.to_owned(),
        last_transition_time: Some(since.unwrap_or_else(|| now.to_owned())),
        observed_generation: (pod.metadata.generation > 0).then_some(pod.metadata.generation),
        ..Condition::default()
    };
    let mut all = pod.status.conditions.clone();
    match all.iter_mut().find(|one| one.r#type == TYPE) {
        Some(one) => *one = condition,
        None => all.push(condition),
    }
    let all: Vec<Value> = all.iter().map(stored).collect();
    Some(json!({
        "metadata": {"resourceVersion": pod.metadata.revision.to_string()},
        "status": {"conditions": all},
    }))
}

fn stored(condition: &Condition) -> Value {
    let mut value = json!({
        "type": condition.r#type,
        "status": condition.status,
        "lastProbeTime": condition.last_probe_time,
        "lastTransitionTime": condition.last_transition_time,
    });
    if !condition.reason.is_empty() {
        value["reason"] = json!(condition.reason);
    }
    if !condition.message.is_empty() {
        value["message"] = json!(condition.message);
    }
    if let Some(generation) = condition.observed_generation {
        value["observedGeneration"] = json!(generation);
    }
    value
}
