//! What is to be done about a Deployment: a pure function of what is observed.

use super::fence::Fence;
use super::observed::Observed;
use super::step::Step;
use super::{
    annotation, condition, history, ownership, progress, recreate, rolling, scaling, status,
    template,
};
use crate::runtime::Next;
use serde_json::json;

/// What to do, in this order, and when to look again if nothing happens.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The writes.
    pub(super) steps: Vec<Step>,
    /// When to look again.
    pub(super) next: Next,
}

/// Ownership comes first, then what is noted, then numbers; the status once nothing of that is left to
/// do. Writes on ReplicaSets end a look: the next one sees what they have become.
pub(super) fn plan(seen: &Observed) -> Plan {
    if seen.deployment.metadata.is_deleting() {
        return told(seen, false, Vec::new());
    }
    let first = [ownership::steps, noted, condition::pause];
    if let Some(steps) = first
        .iter()
        .map(|steps| steps(seen))
        .find(|s| !s.is_empty())
    {
        return done(steps);
    }
    let is_paused = seen.deployment.spec.paused;
    if is_paused || scaling::is_due(seen) {
        let steps = scaling::steps(seen);
        if !steps.is_empty() {
            return done(steps);
        }
        let swept = match is_paused {
            true => history::steps(seen),
            false => Vec::new(),
        };
        return told(seen, false, swept);
    }
    let steps = match seen.recreates() {
        true => recreate::steps(seen),
        false => rolling::steps(seen),
    };
    if !steps.is_empty() {
        return done(steps);
    }
    let swept = match status::is_complete(seen, &seen.deployment.status) {
        true => history::steps(seen),
        false => Vec::new(),
    };
    told(seen, true, swept)
}

/// After these the key comes again by itself.
fn done(steps: Vec<Step>) -> Plan {
    Plan {
        steps,
        next: Next::Settled,
    }
}

/// The steps, and the status. `rolls`: how the rollout gets on is told, too.
fn told(seen: &Observed, rolls: bool, mut steps: Vec<Step>) -> Plan {
    let status = status::status(seen, rolls);
    let revision = match seen.deployment.metadata.is_deleting() {
        true => None,
        false => progress::unnoted(seen),
    };
    steps.extend(status::step(seen, &status, revision));
    let next = match rolls {
        true => progress::next(seen, &status),
        false => progress::next_available(seen),
    };
    Plan { steps, next }
}

/// Notes on the ReplicaSet of the present template, if it is there.
fn noted(seen: &Observed) -> Vec<Step> {
    let new = seen.new_set().map(|new| &new.set);
    let note = new.and_then(|set| {
        let patch = annotation::renewed(seen, set)?;
        let set = set.clone();
        Some(Step::Note { set, patch })
    });
    note.into_iter().collect()
}

/// The ReplicaSet of the present template, with so many Pods at first.
pub(super) fn create(seen: &Observed, wanted: i32) -> Step {
    let deployment = &seen.deployment;
    let hash = template::hash(&deployment.spec.template, deployment.status.collision_count);
    let name = template::set_name(&deployment.metadata.name, &hash);
    let template = template::labelled(&deployment.spec.template, &hash);
    let mut annotations = annotation::of_new(seen);
    let replicas = seen.replicas();
    let sizes = annotation::sizes(replicas, Fence::of(seen).most(replicas));
    annotations.extend(sizes.as_object().cloned().unwrap_or_default());
    let object = json!({
        "apiVersion": super::API_VERSION,
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": deployment.metadata.namespace,
            "labels": template["metadata"]["labels"],
            "annotations": annotations,
            "ownerReferences": [seen.owner_reference()],
        },
        "spec": {
            "replicas": wanted,
            "minReadySeconds": deployment.spec.min_ready_seconds,
            "selector": template::selector(&deployment.spec.selector, &hash),
            "template": template,
        },
    });
    Step::Create {
        name,
        wanted,
        object,
    }
}
