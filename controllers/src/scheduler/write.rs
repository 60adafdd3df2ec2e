//! What the scheduler writes: bindings, conditions of Pods that have no node, events.

use super::decide::PushOut;
use super::pod::PodInfo;
use crate::objects::{Condition, Pod};
use crate::runtime::{Client, Deletion, Kind, Problem, seconds};
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How often a condition is written anew when the Pod changes meanwhile. Then the next look says it.
const ATTEMPTS_MAX: usize = 3;
/// Until the world shows what changed.
const AGAIN: Duration = Duration::from_millis(20);
/// How far apart, at most, bindings are tried again that failed together.
const APART_MS: u64 = 100;

/// What became of a write.
#[derive(Debug)]
pub enum Outcome {
    /// The Pod has its node; the world will show it.
    Bound,
    /// It has not, as of what the world shows now.
    Unbound(Arc<PodInfo>),
    /// It is said why the Pod has no node.
    Said,
    /// The room that it needs was not made.
    Again(Arc<PodInfo>),
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
    if problem == Problem::Stale {
        // Of two that claim in turns, none gets anything done if both come again at the same time.
        let apart = rand::random_range(0..APART_MS);
        tokio::time::sleep(Duration::from_millis(apart)).await;
    }
    Outcome::Unbound(pod)
}

/// Says why a Pod has no node: as an event, and as its condition if it does not say so yet. Makes room
/// for it, if somebody can go.
pub async fn say(client: Client, pod: Arc<PodInfo>, text: String, push_out: PushOut) -> Outcome {
    let about = client.about(Kind::Pod, &pod.pod.metadata);
    client.event(about, true, "FailedScheduling", text.as_str());
    let nominated = match &push_out {
        PushOut::Victims { node, .. } => Some(&**node),
        PushOut::Nobody => Some(""),
        PushOut::Wait => None,
    };
    let said = update(&client, &pod, |present, now| {
        waiting(present, &text, nominated, now)
    });
    if said.await.is_err() {
        return Outcome::Fenced;
    }
    let PushOut::Victims { node, pods } = &push_out else {
        return Outcome::Said;
    };
    let pushes = pods.iter().map(|victim| push(&client, &pod, victim, node));
    let pushed = join_all(pushes).await;
    let mut is_done = true;
    for one in pushed {
        match one {
            Ok(()) => {}
            Err(Problem::Fenced) => return Outcome::Fenced,
            Err(problem) => {
                tracing::debug!(pod = %pod.key, %node, %problem, "room is not made");
                is_done = false;
            }
        }
    }
    match is_done {
        true => Outcome::Said,
        false => Outcome::Again(pod),
    }
}

/// Lets a Pod go for one of a higher priority.
async fn push(client: &Client, pod: &PodInfo, victim: &PodInfo, node: &str) -> Result<(), Problem> {
    let meta = &victim.pod.metadata;
    if meta.is_deleting() {
        return Ok(());
    }
    update(client, victim, disrupted).await?;
    let deletion = Deletion {
        uid: Some(&meta.uid),
        ..Deletion::default()
    };
    client.delete(Kind::Pod, &victim.key, &deletion).await?;
    let text = format!("Preempted by pod {} on node {node}", pod.pod.metadata.uid);
    client.event(client.about(Kind::Pod, meta), false, "Preempted", text);
    Ok(())
}

/// Changes the status of a Pod, as long as it is the same Pod.
///
/// # Errors
/// [`Problem::Fenced`] only. What else goes wrong is left.
async fn update(
    client: &Client,
    pod: &PodInfo,
    patch: impl Fn(&Pod, &str) -> Option<Value>,
) -> Result<(), Problem> {
    for _ in 0..ATTEMPTS_MAX {
        let client = match client.fresh().await {
            Ok(client) => client,
            Err(Problem::Fenced) => return Err(Problem::Fenced),
            Err(_) => return Ok(()),
        };
        let now = seconds(client.now_us());
        let patch = {
            let world = client.world();
            let present = world.pods.get(&pod.key).filter(|one| pod.is_same(one));
            present.and_then(|present| patch(present, &now))
        };
        let Some(patch) = patch else {
            return Ok(());
        };
        let written = client.patch_status(Kind::Pod, &pod.key, &patch).await;
        let problem = match written {
            Ok(_) => return Ok(()),
            Err(Problem::Fenced) => return Err(Problem::Fenced),
            Err(problem) => problem,
        };
        match client.take_note(&problem).await {
            Err(Problem::Fenced) => return Err(Problem::Fenced),
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
        if !matches!(problem, Problem::Stale | Problem::Unknown(_)) {
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

/// The patch after which a Pod says why it has no node, and where room is made for it; `None`: it does
/// already, or has a node.
fn waiting(pod: &Pod, text: &str, nominated: Option<&str>, now: &str) -> Option<Value> {
    if pod.is_bound() {
        return None;
    }
    let condition = Condition {
        r#type: "PodScheduled".to_owned(),
        status: "False".to_owned(),
        reason: "Unschedulable".to_owned(),
        message: text.to_owned(),
        ..Condition::default()
    };
    let mut patch = conditions(pod, condition, now);
    if let Some(nominated) = nominated.filter(|one| *one != pod.status.nominated_node_name) {
        let patch = patch.get_or_insert_with(|| json!({"status": {}}));
        patch["status"]["nominatedNodeName"] = match nominated {
            "" => Value::Null,
            node => json!(node),
        };
    }
    Some(at_revision(patch?, pod))
}

/// The patch after which a Pod says that it has to go.
fn disrupted(pod: &Pod, now: &str) -> Option<Value> {
    let message = "default-scheduler: preempting to accommodate a higher priority pod";
    let condition = Condition {
        r#type: "DisruptionTarget".to_owned(),
        status: "True".to_owned(),
        reason: "PreemptionByScheduler".to_owned(),
        message: message.to_owned(),
        ..Condition::default()
    };
    Some(at_revision(conditions(pod, condition, now)?, pod))
}

fn at_revision(mut patch: Value, pod: &Pod) -> Value {
    patch["metadata"] = json!({"resourceVersion": pod.metadata.revision.to_string()});
    patch
}

/// The patch after which a Pod has this condition; `None`: it has.
fn conditions(pod: &Pod, mut wanted: Condition, now: &str) -> Option<Value> {
    let before = crate::objects::condition(&pod.status.conditions, &wanted.r#type);
    let before = before.filter(|before| before.status == wanted.status);
    let is_said =
        |before: &Condition| before.reason == wanted.reason && before.message == wanted.message;
    if before.is_some_and(is_said) {
        return None;
    }
    let since = before.and_then(|before| before.last_transition_time.clone());
    wanted.last_transition_time = Some(since.unwrap_or_else(|| now.to_owned()));
    let generation = pod.metadata.generation;
    wanted.observed_generation = (generation > 0).then_some(generation);
    let mut all = pod.status.conditions.clone();
    match all.iter_mut().find(|one| one.r#type == wanted.r#type) {
        Some(one) => *one = wanted,
        None => all.push(wanted),
    }
    let all: Vec<Value> = all.iter().map(stored).collect();
    Some(json!({"status": {"conditions": all}}))
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
