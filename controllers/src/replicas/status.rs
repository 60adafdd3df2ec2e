//! What is told of a set (RS5, RS6): as of the moment that was seen.

use super::act::Refusal;
use super::seen::Seen;
use crate::objects::{Condition, Pod, ReplicasStatus, condition};
use crate::pods::{Availability, stored_condition};
use crate::runtime::{Kind, seconds};
use serde_json::{Value, json};

const FAILURE: &str = "ReplicaFailure";

/// The condition that says that Pods could not be made or deleted.
pub(super) fn failure(conditions: &[Condition]) -> Option<&Condition> {
    condition(conditions, FAILURE)
}

/// The status of what was seen; `refusal` is what came of acting on it.
pub(super) fn status(seen: &Seen, refusal: Option<&Refusal>) -> ReplicasStatus {
    let count = |is: &dyn Fn(&Pod) -> bool| number(seen.owned.iter().filter(|pod| is(pod)).count());
    let template = seen.set.spec.template.pointer("/metadata/labels");
    let labels = template.and_then(Value::as_object);
    ReplicasStatus {
        replicas: number(seen.owned.len()),
        fully_labeled_replicas: count(&|pod| {
            labels.into_iter().flatten().all(|(name, value)| {
                let has = pod.metadata.labels.get(name);
                has.map(String::as_str) == value.as_str()
            })
        }),
        ready_replicas: count(&Pod::is_ready),
        available_replicas: count(&|pod| seen.availability(pod) == Availability::Available),
        terminating_replicas: match seen.kind {
            Kind::ReplicationController => None,
            _ => Some(number(seen.terminating)),
        },
        observed_generation: seen.set.metadata.generation,
        conditions: conditions(seen, refusal),
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Conditions of others stay. That of failure comes with a refusal, keeps its first reason and time while
/// it lasts, and goes when nothing is refused any more.
fn conditions(seen: &Seen, refusal: Option<&Refusal>) -> Vec<Condition> {
    let before = &seen.set.status.conditions;
    match refusal {
        Some(_) if failure(before).is_some() => before.clone(),
        Some(refusal) => {
            let new = Condition {
                r#type: FAILURE.to_owned(),
                status: "True".to_owned(),
                reason: refusal.reason.to_owned(),
                message: refusal.failure.message.clone(),
                last_transition_time: Some(seconds(seen.now_us)),
                ..Condition::default()
            };
            before.iter().cloned().chain([new]).collect()
        }
        None => {
            let others = before.iter().filter(|one| one.r#type != FAILURE);
            others.cloned().collect()
        }
    }
}

/// The status as it is stored.
pub(super) fn stored(status: &ReplicasStatus) -> Value {
    let conditions: Vec<Value> = status.conditions.iter().map(stored_condition).collect();
    let mut stored = json!({
        "replicas": status.replicas,
        "fullyLabeledReplicas": status.fully_labeled_replicas,
        "readyReplicas": status.ready_replicas,
        "availableReplicas": status.available_replicas,
        "observedGeneration": status.observed_generation,
        "conditions": conditions,
    });
    if let Some(terminating) = status.terminating_replicas {
        stored["terminatingReplicas"] = terminating.into();
    }
    stored
}
