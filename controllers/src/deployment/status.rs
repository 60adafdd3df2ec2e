//! The status of a Deployment: sums of what its ReplicaSets say, and conditions.

use super::annotation::REVISION;
use super::condition::{self, AVAILABLE, PROGRESSING, REPLICA_FAILURE};
use super::fence::Fence;
use super::observed::{Observed, Set, total};
use super::progress;
use super::step::Step;
use crate::objects::{Condition, DeploymentStatus};
use crate::pods::stored_condition;
use serde_json::{Value, json};

const NOT_CREATED: &str = "ReplicaSetCreateError";

/// The status as it should be. `rolls`: how the rollout gets on is told, too.
pub(super) fn status(seen: &Observed, rolls: bool) -> DeploymentStatus {
    let mut status = counted(seen);
    let is_enough = status.available_replicas >= Fence::of(seen).least(seen.replicas());
    let said = match is_enough {
        true => (
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        ),
        false => (
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        ),
    };
    let available = condition::new(seen, AVAILABLE, said.0, said.1, said.2.to_owned());
    condition::set(&mut status.conditions, available);
    if !seen.deployment.metadata.is_deleting() {
        progress::begin(seen, &mut status);
    }
    if rolls {
        progress::judge(seen, &mut status);
        match failure(seen) {
            Some(failure) => condition::set(&mut status.conditions, failure),
            None => condition::remove(&mut status.conditions, REPLICA_FAILURE),
        }
    }
    status
}

/// The sums.
fn counted(seen: &Observed) -> DeploymentStatus {
    let before = &seen.deployment.status;
    let sum = |of: fn(&Set) -> i32| total(seen.sets.iter().map(of));
    let available = sum(|set| set.set.status.available_replicas);
    let new = seen.new_set().map(|new| new.set.status.replicas);
    DeploymentStatus {
        observed_generation: seen.deployment.metadata.generation,
        replicas: sum(|set| set.set.status.replicas),
        updated_replicas: new.unwrap_or_default(),
        ready_replicas: sum(|set| set.set.status.ready_replicas),
        available_replicas: available,
        unavailable_replicas: (sum(Set::wanted) - available).max(0),
        terminating_replicas: terminating(seen),
        collision_count: before.collision_count,
        conditions: before.conditions.clone(),
    }
}

/// Pods that are going; unknown if it is for a set that somebody has looked at.
fn terminating(seen: &Observed) -> Option<i32> {
    seen.sets.iter().try_fold(0_i32, |sum, set| {
        let status = &set.set.status;
        match (status.terminating_replicas, status.observed_generation) {
            (Some(terminating), _) => Some(terminating.saturating_add(sum)),
            (None, 0) => Some(sum),
            (None, _) => None,
        }
    })
}

/// All Pods are there, of the present template and available, and no others, and so it is to stay. A set
/// that has been scaled and not looked at yet says nothing about that.
pub(super) fn is_complete(seen: &Observed, status: &DeploymentStatus) -> bool {
    let replicas = seen.replicas();
    status.updated_replicas == replicas
        && status.replicas == replicas
        && status.available_replicas == replicas
        && status.observed_generation >= seen.deployment.metadata.generation
        && seen.sets.iter().all(Set::is_observed)
        && seen.new_set().map_or(0, Set::wanted) == replicas
}

/// Why a ReplicaSet cannot make Pods. What the new one says counts more than what others say.
fn failure(seen: &Observed) -> Option<Condition> {
    let said = |set: &Set| {
        let conditions = &set.set.status.conditions;
        crate::objects::condition(conditions, REPLICA_FAILURE).cloned()
    };
    let new = seen.new_set().and_then(said);
    let failure = new.or_else(|| seen.sets.iter().find_map(said))?;
    Some(Condition {
        last_update_time: failure.last_transition_time.clone(),
        ..failure
    })
}

/// Says that the new ReplicaSet cannot be made. `None`: that has been said.
pub(super) fn not_created(seen: &Observed, message: &str) -> Option<Step> {
    if !progress::has_deadline(seen) {
        return None;
    }
    let mut status = seen.deployment.status.clone();
    let said = condition::new(seen, PROGRESSING, "False", NOT_CREATED, message.to_owned());
    condition::set(&mut status.conditions, said);
    step(seen, &status, None)
}

/// Says that the name of the new ReplicaSet is taken: the next one is another.
pub(super) fn collided(seen: &Observed) -> Option<Step> {
    let mut status = seen.deployment.status.clone();
    status.collision_count = Some(
        status
            .collision_count
            .map_or(1, |count| count.saturating_add(1)),
    );
    step(seen, &status, None)
}

/// The write of a status and of a revision. `None`: they are so already.
pub(super) fn step(
    seen: &Observed,
    status: &DeploymentStatus,
    revision: Option<&str>,
) -> Option<Step> {
    let mut patch = json!({});
    if *status != seen.deployment.status {
        patch["status"] = json(status);
    }
    if let Some(revision) = revision {
        patch["metadata"]["annotations"][REVISION] = revision.into();
    }
    (patch != json!({})).then_some(Step::Tell { patch })
}

fn json(status: &DeploymentStatus) -> Value {
    // What is 0 is left out, but for numbers that can be unknown.
    let number = |number: i32| (number != 0).then_some(number);
    let conditions: Vec<Value> = status.conditions.iter().map(stored_condition).collect();
    json!({
        "observedGeneration": status.observed_generation,
        "replicas": number(status.replicas),
        "updatedReplicas": number(status.updated_replicas),
        "readyReplicas": number(status.ready_replicas),
        "availableReplicas": number(status.available_replicas),
        "unavailableReplicas": number(status.unavailable_replicas),
        "terminatingReplicas": status.terminating_replicas,
        "collisionCount": status.collision_count,
        "conditions": conditions,
    })
}
