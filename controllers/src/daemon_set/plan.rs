//! Which Pods to make and to remove, so that every node that fits runs one.

use super::failures::Failures;
use super::observe::{Fit, Observed, is_updated};
use super::rollout;
use crate::objects::Pod;
use std::sync::Arc;
use std::time::Duration;

/// Pods that are made, and that are removed, in one look at a DaemonSet.
pub const BATCH_MAX: usize = 250;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Nodes that get a Pod.
    pub made: Vec<String>,
    /// Pods that go.
    pub removed: Vec<Removal>,
    /// When it is to be looked at again.
    pub again: Option<Duration>,
}

/// A Pod that goes, and why.
#[derive(Clone, Debug)]
pub struct Removal {
    /// The Pod.
    pub pod: Arc<Pod>,
    /// It is for this node.
    pub node: String,
    /// Why.
    pub cause: Cause,
}

/// Why a Pod goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It has failed.
    Failed,
    /// It has ended.
    Succeeded,
    /// It is one too many, or on a node that does not fit.
    Surplus,
    /// It is of an old template.
    Old,
}

/// What is to be done, with Pods of the template with this hash.
pub fn plan(observed: &Observed, hash: &str, failures: &Failures) -> Plan {
    let mut plan = Plan::default();
    for (node, fit) in &observed.nodes {
        match fit {
            Fit::Runs if observed.on(node).is_empty() => plan.made.push(node.clone()),
            Fit::Runs | Fit::Keeps => plan.tidy(observed, node, hash, failures),
            Fit::Unfit => {
                for pod in observed.on(node) {
                    plan.remove(pod, node, Cause::Surplus);
                }
            }
        }
    }
    // Nobody else removes Pods that wait for a node that is gone.
    for (node, pods) in &observed.pods {
        if !observed.nodes.contains_key(node) {
            for pod in pods.iter().filter(|pod| !pod.is_bound()) {
                plan.remove(pod, node, Cause::Surplus);
            }
        }
    }
    let is_settled = plan.made.is_empty() && plan.removed.is_empty();
    if is_settled && rollout::is_rolling(observed) {
        rollout::roll(observed, hash, &mut plan);
    }
    plan.made.truncate(BATCH_MAX);
    plan.removed.truncate(BATCH_MAX);
    plan
}

impl Plan {
    pub(super) fn remove(&mut self, pod: &Arc<Pod>, node: &str, cause: Cause) {
        if !pod.metadata.is_deleting() {
            self.removed.push(Removal {
                pod: pod.clone(),
                node: node.to_owned(),
                cause,
            });
        }
    }

    fn wake(&mut self, after: Duration) {
        self.again = Some(self.again.map_or(after, |again| again.min(after)));
    }

    /// Removes from a node what has ended or is too many.
    fn tidy(&mut self, observed: &Observed, node: &str, hash: &str, failures: &Failures) {
        let mut running = Vec::new();
        let pods = observed.on(node).iter();
        for pod in pods.filter(|pod| !pod.metadata.is_deleting()) {
            let uid = &observed.set.metadata.uid;
            match pod.status.phase.as_str() {
                "Failed" => match failures.left(uid, node, observed.now_us) {
                    Some(left) => self.wake(left),
                    None => self.remove(pod, node, Cause::Failed),
                },
                "Succeeded" => self.remove(pod, node, Cause::Succeeded),
                _ => running.push(pod),
            }
        }
        if running.len() <= 1 {
            return;
        }
        if rollout::surge(observed) == 0 {
            for pod in &running[1..] {
                self.remove(pod, node, Cause::Surplus);
            }
            return;
        }
        let (new, old): (Vec<_>, Vec<_>) =
            running.into_iter().partition(|pod| is_updated(pod, hash));
        for pod in new.iter().skip(1).chain(old.iter().skip(1)) {
            self.remove(pod, node, Cause::Surplus);
        }
        if let (Some(new), Some(old)) = (new.first(), old.first())
            && (!old.is_ready() || observed.is_available(new))
        {
            self.remove(old, node, Cause::Old);
        }
    }
}
