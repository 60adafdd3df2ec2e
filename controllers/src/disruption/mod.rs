//! What disruption budgets allow: how many Pods may be evicted now.
//!
//! Watches PodDisruptionBudgets, Pods, and whatever says how many Pods there should be. Owns nothing. Writes
//! the status of budgets. A budget is settled when its status is what its Pods are. Keys are budgets.
//!
//! Rule B1: what is allowed is what serves less what must serve, and nothing if no Pod is expected. What must
//! serve is a number, or a part of what is expected, which is what the owners of the Pods want (`scale`).
//! Evictions take from what is allowed in the transaction in which the Pod goes, and note the Pod; what is
//! counted here rests on the budget as it was seen, so a charge that came meanwhile is never overwritten.
//! A Pod that is noted counts as one that does not serve for two minutes, however long its going takes to
//! be seen; one that is still there after that was not evicted.
//!
//! If it cannot be told how many Pods are expected, nothing is allowed, and the budget says why.
//!
//! | file | what |
//! |---|---|
//! | `plan` | the status, from what was seen |
//! | `scale` | how many Pods the owners want |
//!
//! What may enter: projections of Pods and owners. What never happens here: an eviction, which is the API
//! server's.

mod plan;
mod scale;
#[cfg(test)]
mod tests;

use crate::objects::{Key, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus};
use crate::pods::stored_condition;
use crate::runtime::{
    Change, Client, Controller, Entry, Future, Kind, Next, Problem, Wanted, World,
};
use plan::{Counted, Plan, plan};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// After a change of an owner of which nothing but the metadata is known: many come at once.
const SOON: Duration = Duration::from_millis(100);

/// See the module.
pub struct Disruption;

impl Controller for Disruption {
    fn name(&self) -> &'static str {
        "disruption"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let key = &change.reference.key;
        if key.namespace.is_empty() {
            return;
        }
        match change.kind {
            Some(Kind::PodDisruptionBudget) if change.after.is_some() => wanted.add(key.clone()),
            Some(Kind::Pod) if has_changed(change) => {
                let states: Vec<&Arc<Pod>> = change.states().filter_map(Entry::pods).collect();
                for budget in world.pod_disruption_budgets.in_namespace(&key.namespace) {
                    let selector = &budget.spec.selector.0;
                    if states
                        .iter()
                        .any(|pod| selector.matches(&pod.metadata.labels))
                    {
                        wanted.add(budget.metadata.key());
                    }
                }
            }
            _ => {
                if let Some(delay) = says_how_many(world, change) {
                    for budget in world.pod_disruption_budgets.in_namespace(&key.namespace) {
                        wanted.add_after(budget.metadata.key(), delay);
                    }
                }
            }
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for budget in world.pod_disruption_budgets.all() {
            wanted.add(budget.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let Some((budget, pods)) = seen(&client.world(), key) else {
                return Ok(Next::Settled);
            };
            let expected = match plan::is_part(&budget.spec) {
                true => scale::of_owners(client, &pods).await?,
                false => Ok(pods.len().try_into().unwrap_or(i32::MAX)),
            };
            let counted = Counted {
                budget: &budget,
                pods: &pods,
                expected,
                now_us: client.now_us(),
            };
            let Plan {
                status,
                again,
                told,
            } = plan(&counted);
            if status != budget.status {
                write(client, &budget, &status).await?;
                for (is_warning, reason, message) in told {
                    let about = client.about(Kind::PodDisruptionBudget, &budget.metadata);
                    client.event(about, is_warning, reason, message);
                }
            }
            Ok(again.map_or(Next::Settled, Next::After))
        })
    }
}

/// Whether something about a Pod has changed that budgets look at.
fn has_changed(change: &Change) -> bool {
    let pod = |entry: &Option<Entry>| entry.as_ref().and_then(Entry::pods).cloned();
    let (Some(before), Some(after)) = (pod(&change.before), pod(&change.after)) else {
        return true;
    };
    let seen = |pod: &Pod| (pod.is_ready(), pod.metadata.is_deleting());
    seen(&before) != seen(&after)
        || before.metadata.labels != after.metadata.labels
        || before.metadata.uid != after.metadata.uid
        || before.metadata.controller() != after.metadata.controller()
}

/// Whether an object that may own Pods says something else about how many there should be, and when it is
/// to be looked at.
fn says_how_many(world: &World, change: &Change) -> Option<Duration> {
    let number = |entry: &Entry| match entry {
        Entry::ReplicaSet(set) | Entry::ReplicationController(set) => Some(set.spec.replicas),
        Entry::Deployment(deployment) => Some(deployment.spec.replicas),
        _ => None,
    };
    match change.kind {
        Some(Kind::ReplicaSet | Kind::ReplicationController | Kind::Deployment) => {
            let (before, after) = (
                change.before.as_ref().and_then(number),
                change.after.as_ref().and_then(number),
            );
            (before != after).then_some(Duration::ZERO)
        }
        Some(_) => None,
        // Of these only the metadata is known; those that own nothing are most.
        None => {
            let uid = match (&change.after, &change.was) {
                (Some(after), _) => after.meta().uid.as_str(),
                (None, Some(was)) => &was.uid,
                (None, None) => return None,
            };
            world.graph.has_dependents(uid).then_some(SOON)
        }
    }
}

/// A budget and its Pods, in the order of names.
fn seen(world: &World, key: &Key) -> Option<(Arc<PodDisruptionBudget>, Vec<Arc<Pod>>)> {
    let budget = world.pod_disruption_budgets.get(key)?.clone();
    if budget.metadata.is_deleting() {
        return None;
    }
    let selector = &budget.spec.selector.0;
    let pods = world.pods.in_namespace(&key.namespace);
    let pods = pods.filter(|pod| selector.matches(&pod.metadata.labels));
    let pods = pods.cloned().collect();
    Some((budget, pods))
}

async fn write(
    client: &Client,
    budget: &PodDisruptionBudget,
    status: &PodDisruptionBudgetStatus,
) -> Result<(), Problem> {
    let conditions = status.conditions.iter().map(|one| {
        let mut stored = stored_condition(one);
        // These have a message even if they say nothing.
        stored["message"] = one.message.as_str().into();
        stored
    });
    let conditions: Vec<Value> = conditions.collect();
    let patch = json!({
        "metadata": {
            "uid": budget.metadata.uid,
            "resourceVersion": budget.metadata.revision.to_string(),
        },
        "status": {
            "observedGeneration": status.observed_generation,
            "disruptedPods": replacing(&budget.status.disrupted_pods, &status.disrupted_pods),
            "disruptionsAllowed": status.disruptions_allowed,
            "currentHealthy": status.current_healthy,
            "desiredHealthy": status.desired_healthy,
            "expectedPods": status.expected_pods,
            "conditions": conditions,
        },
    });
    let key = budget.metadata.key();
    let written = client.patch_status(Kind::PodDisruptionBudget, &key, &patch);
    written.await.map(drop)
}

/// What a merge patch says so that one map becomes another; null if there is none.
fn replacing(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Value {
    if after.is_empty() {
        return Value::Null;
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut patch: Map<String, Value> = gone.map(|name| (name.clone(), Value::Null)).collect();
    for (name, since) in after {
        patch.insert(name.clone(), since.as_str().into());
    }
    Value::Object(patch)
}
