//! Pods that nobody would ever take away: they are taken away here.
//!
//! Watches Pods and Nodes, by looking at all of them every twenty seconds. Owns nothing. Writes Pods: says
//! that they have failed, if they have not ended, and deletes them without grace. It is settled when no
//! more ended Pods are kept than are allowed, no Pod is bound to a node that has been gone for a while, no
//! Pod without a node is going, and no Pod is going on a node that is out of service.
//!
//! The one key stands for everything. Since when nodes are missing is remembered here, not stored: a new
//! leader gives every node the full time again.
//!
//! Rule K1.

use crate::bulk::bulk;
use crate::objects::{Condition, Key, Node, Pod, is_true};
use crate::pods::stored_condition;
use crate::runtime::{
    Change, Client, Controller, Deletion, Future, Kind, Next, Problem, Wanted, World, seconds,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Pods that have ended and are kept. Upstream's number.
const ENDED_MAX: usize = 12_500;
/// Between two looks.
const EVERY: Duration = Duration::from_secs(20);
/// How long a node must have been missing.
const QUARANTINE_US: i64 = 40_000_000;
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// See the module.
pub struct PodCollector {
    ended_max: usize,
    /// By name, since when nodes are missing that Pods are bound to.
    missing: Mutex<BTreeMap<String, i64>>,
}

impl Default for PodCollector {
    fn default() -> PodCollector {
        PodCollector::new(ENDED_MAX)
    }
}

impl PodCollector {
    /// Keeps so many Pods that have ended.
    pub fn new(ended_max: usize) -> PodCollector {
        PodCollector {
            ended_max,
            missing: Mutex::default(),
        }
    }
}

impl Controller for PodCollector {
    fn name(&self) -> &'static str {
        "podgc"
    }

    fn workers(&self) -> usize {
        1
    }

    fn concerns(&self, _: &World, _: &Change, _: &mut Wanted) {}

    fn all(&self, _: &World, wanted: &mut Wanted) {
        self.missing.lock().clear();
        wanted.add(Key::cluster("pods"));
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        _: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let collected = {
                let world = client.world();
                let mut missing = self.missing.lock();
                note_missing(&world, &mut missing, client.now_us());
                plan(&world, &missing, client.now_us(), self.ended_max)
            };
            let mut writes: Vec<Future<'_, Result<(), Problem>>> = Vec::new();
            for (pod, why) in &collected {
                writes.push(Box::pin(collect(client, pod, *why)));
            }
            bulk(writes).await?;
            Ok(Next::After(EVERY))
        })
    }
}

/// Why a Pod is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Too many have ended.
    Ended,
    /// Its node is gone.
    NodeGone,
    /// It is going, and its node is out of service, so that nobody will say that it has gone.
    OutOfService,
    /// It is going and was never on a node.
    Unscheduled,
}

/// Notes nodes that are missing, and forgets those that are not.
fn note_missing(world: &World, missing: &mut BTreeMap<String, i64>, now_us: i64) {
    let bound = world.pods.all().filter(|pod| pod.is_bound());
    let mut now: BTreeMap<String, i64> = BTreeMap::new();
    for pod in bound {
        let name = &pod.spec.node_name;
        if !now.contains_key(name) && node(world, name).is_none() {
            let since_us = missing.get(name).copied().unwrap_or(now_us);
            now.insert(name.clone(), since_us);
        }
    }
    *missing = now;
}

fn node<'w>(world: &'w World, name: &str) -> Option<&'w Arc<Node>> {
    world.nodes.get(&Key::cluster(name))
}

fn plan(
    world: &World,
    missing: &BTreeMap<String, i64>,
    now_us: i64,
    ended_max: usize,
) -> Vec<(Arc<Pod>, Why)> {
    let mut collected: Vec<_> = world
        .pods
        .all()
        .filter_map(|pod| Some((pod.clone(), stranded(world, missing, now_us, pod)?)))
        .filter(|(pod, _)| !is_done(pod))
        .collect();
    let ended = world.pods.all().filter(|pod| has_ended(pod));
    let mut ended: Vec<_> = ended.filter(|pod| !pod.metadata.is_deleting()).collect();
    let surplus = ended.len().saturating_sub(ended_max);
    ended.sort_by_cached_key(|pod| {
        let is_evicted = pod.status.phase == "Failed" && pod.status.reason == "Evicted";
        let created = pod.metadata.creation_timestamp.clone();
        (!is_evicted, created, pod.metadata.name.clone())
    });
    collected.extend(
        ended
            .iter()
            .take(surplus)
            .map(|pod| ((*pod).clone(), Why::Ended)),
    );
    collected
}

fn stranded(world: &World, missing: &BTreeMap<String, i64>, now_us: i64, pod: &Pod) -> Option<Why> {
    let is_going = pod.metadata.is_deleting();
    if !pod.is_bound() {
        return is_going.then_some(Why::Unscheduled);
    }
    if let Some(since_us) = missing.get(&pod.spec.node_name) {
        let is_over = now_us.saturating_sub(*since_us) >= QUARANTINE_US;
        return is_over.then_some(Why::NodeGone);
    }
    let node = node(world, &pod.spec.node_name)?;
    let is_out = node
        .spec
        .taints
        .iter()
        .any(|taint| taint.key == OUT_OF_SERVICE);
    let is_ready = is_true(&node.status.conditions, "Ready");
    (is_going && is_out && !is_ready).then_some(Why::OutOfService)
}

/// It has ended, whatever the word for it is.
fn has_ended(pod: &Pod) -> bool {
    !matches!(
        pod.status.phase.as_str(),
        "" | "Pending" | "Running" | "Unknown"
    )
}

/// All has been done about it that can be: the rest is for those whose finalizers it has.
fn is_done(pod: &Pod) -> bool {
    let is_going_now = pod.metadata.is_deleting()
        && pod.metadata.deletion_grace_period_seconds == Some(0)
        && !pod.metadata.finalizers.is_empty();
    is_going_now && has_ended(pod)
}

/// Says that a Pod has failed, and deletes it.
async fn collect(client: &Client, pod: &Pod, why: Why) -> Result<(), Problem> {
    let key = pod.metadata.key();
    let node = Key::cluster(&pod.spec.node_name);
    let client = match why {
        // The node may have come back: that counts.
        Why::NodeGone => client.resting_on([(Kind::Node, &node, 0)]),
        _ => client.clone(),
    };
    let outcome = async {
        if !has_ended(pod) {
            let patch = failed(pod, why, client.now_us());
            client.patch_status(Kind::Pod, &key, &patch).await?;
        }
        let deletion = Deletion {
            uid: Some(&pod.metadata.uid),
            grace_s: Some(0),
            ..Deletion::default()
        };
        client.delete(Kind::Pod, &key, &deletion).await
    };
    match outcome.await {
        Err(Problem::Absent) => Ok(()),
        // One that cannot be taken away does not hold up the others.
        Err(Problem::Refused(failure)) => {
            tracing::warn!(%key, %failure, "a pod cannot be taken away");
            Ok(())
        }
        other => other,
    }
}

/// The patch that says that a Pod has failed, in the state that was seen.
fn failed(pod: &Pod, why: Why, now_us: i64) -> Value {
    let mut status = json!({"phase": "Failed"});
    if why == Why::NodeGone {
        let disrupted = Condition {
            r#type: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
            reason: "DeletionByPodGC".to_owned(),
            message: "PodGC: node no longer exists".to_owned(),
            last_transition_time: Some(seconds(now_us)),
            ..Condition::default()
        };
        let others = pod.status.conditions.iter();
        let others = others.filter(|one| one.r#type != disrupted.r#type);
        let conditions: Vec<Value> = others.chain([&disrupted]).map(stored_condition).collect();
        status["conditions"] = conditions.into();
    }
    json!({
        "metadata": {
            "uid": pod.metadata.uid,
            "resourceVersion": pod.metadata.revision.to_string(),
        },
        "status": status,
    })
}

#[cfg(test)]
mod tests;
