//! Deployments: one ReplicaSet per template, and Pods that move from the old ones to the new one.
//!
//! Watches Deployments, ReplicaSets and Pods. Owns the ReplicaSets that a Deployment's selector picks and
//! nobody else manages. Writes ReplicaSets (their number, their annotations, their owner) and the status
//! and the revision of Deployments. It is settled when the ReplicaSet of the present template has all the
//! Pods that are wanted, the others have none, no more of them are kept than may be, and the status says
//! so. Keys are Deployments.
//!
//! It keeps rules D1 to D13: D1 which ReplicaSet is the present one; D2 revisions and their history; D3
//! and D4 how far a step of a rolling update may go; D5 never more Pods than replicas and surge, never
//! fewer available than replicas without those that may be missing, at every revision of the store; D6
//! and D7 progress and conditions; D8 pauses; D9 a number that changes during a rollout; D10 no new Pod
//! before the last old one has gone, where that is the strategy; D11 history; D12 what clients do by
//! patches; D13 rollover. M4: adoption and release.
//!
//! Decisions count Pods, not what ReplicaSets say about them: their status lags behind, and a set that
//! has just been made smaller still has Pods to lose. A look does one kind of thing and is then repeated,
//! since it will see what it wrote.
//!
//! | file | what |
//! |---|---|
//! | `observed` | what a decision rests on |
//! | `plan`, `step`, `act` | what is to be done, in what words, and doing it |
//! | `ownership` | which ReplicaSets are its own |
//! | `template` | equal templates, and what they are called |
//! | `annotation` | what is noted on ReplicaSets |
//! | `fence`, `rolling`, `recreate` | the two ways to replace Pods |
//! | `scaling` | another number of Pods |
//! | `history` | old ReplicaSets that are not kept |
//! | `status`, `condition`, `progress` | what is told |
//!
//! What may enter: decisions about the ReplicaSets of a Deployment. What never happens here: a write to a
//! Pod.

mod act;
mod annotation;
mod condition;
mod fence;
mod history;
mod observed;
mod ownership;
mod plan;
mod progress;
mod recreate;
mod rolling;
mod scaling;
mod status;
mod step;
mod template;
#[cfg(test)]
mod tests;

use crate::objects::{Key, Meta, Pod};
use crate::runtime::{
    Change, Client, Controller, Entry, Future, Kind, Next, Problem, Wanted, World,
};
use observed::Observed;

/// Owners are found by kind; the group is that of all workloads.
const KIND: &str = "Deployment";
const API_VERSION: &str = "apps/v1";

/// See the module.
pub struct Deployments;

impl Controller for Deployments {
    fn name(&self) -> &'static str {
        "deployment"
    }

    fn reports_as(&self) -> &'static str {
        "deployment-controller"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        match change.kind {
            Some(Kind::Deployment) if change.after.is_some() => {
                wanted.add(change.reference.key.clone());
            }
            Some(Kind::ReplicaSet) => {
                for entry in change.states() {
                    owner_of(entry.meta(), wanted);
                }
                let after = change.after.as_ref().map(Entry::meta);
                if let Some(set) = after.filter(|set| set.controller().is_none()) {
                    ownership::who_may_want(world, set, wanted);
                }
            }
            Some(Kind::Pod) => pod_changed(world, change, wanted),
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for deployment in world.deployments.all() {
            wanted.add(deployment.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let now_us = client.now_us();
            let seen = Observed::of(&client.world(), key, now_us);
            let Some(seen) = seen else {
                return Ok(Next::Settled);
            };
            let plan = plan::plan(&seen);
            act::carry_out(client, &seen, &plan.steps).await?;
            Ok(plan.next)
        })
    }
}

/// The Deployment that manages the object.
fn owner_of(object: &Meta, wanted: &mut Wanted) {
    if let Some(owner) = object.controller().filter(|owner| owner.kind == KIND) {
        wanted.add(Key::new(&object.namespace, &owner.name));
    }
}

/// A Pod concerns the Deployment of its ReplicaSet if it counts differently from now on.
fn pod_changed(world: &World, change: &Change, wanted: &mut Wanted) {
    let counts = |entry: &Option<Entry>| {
        let pod = entry.as_ref().and_then(Entry::pods);
        pod.map(|pod| (is_left(pod), pod.is_active(), pod.is_ready()))
    };
    if counts(&change.before) == counts(&change.after) {
        return;
    }
    for owner in change.states().filter_map(|pod| pod.meta().controller()) {
        let key = Key::new(&change.reference.key.namespace, &owner.name);
        if let Some(set) = world.replica_sets.get(&key) {
            owner_of(&set.metadata, wanted);
        }
    }
}

/// It has not ended; it may be going.
fn is_left(pod: &Pod) -> bool {
    !pod.is_finished()
}
