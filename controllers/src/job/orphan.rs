//! Pods that wait to be counted by a Job that is gone, or over, or is none of ours to count: they need wait
//! no longer.
//!
//! Watches Pods and Jobs. Owns the finalizer of Jobs on Pods without a Job. It is settled when only Pods of
//! Jobs that run have it. Keys are Pods.
//!
//! Rule J6.

use super::act::release_one;
use super::pod::is_tracked;
use super::{KIND, status::is_finished};
use crate::objects::{Key, Pod};
use crate::runtime::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};

/// See the module.
pub struct JobOrphans;

impl Controller for JobOrphans {
    fn name(&self) -> &'static str {
        "job-orphans"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let key = &change.reference.key;
        match (change.kind, &change.after) {
            (Some(Kind::Pod), Some(after)) => {
                let pod = after.pods();
                if pod.is_some_and(|pod| is_lost(world, pod)) {
                    wanted.add(key.clone());
                }
            }
            (Some(Kind::Job), _) => {
                for job in change.states() {
                    for pod in world.pods.controlled_by(&job.meta().uid) {
                        if is_lost(world, pod) {
                            wanted.add(pod.metadata.key());
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for pod in world.pods.all().filter(|pod| is_lost(world, pod)) {
            wanted.add(pod.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let lost = {
                let world = client.world();
                let pod = world.pods.get(key);
                pod.filter(|pod| is_lost(&world, pod)).cloned()
            };
            if let Some(pod) = lost {
                release_one(client, &pod).await?;
            }
            Ok(Next::Settled)
        })
    }
}

/// Nobody will count it.
fn is_lost(world: &World, pod: &Pod) -> bool {
    if !is_tracked(pod) {
        return false;
    }
    let Some(owner) = pod.metadata.controller() else {
        // A Job that selects it takes it in first.
        let mut jobs = world.jobs.in_namespace(&pod.metadata.namespace);
        return !jobs.any(|job| super::adopt::wants(job, &pod.metadata));
    };
    if owner.kind != KIND || !owner.api_version.starts_with("batch/") {
        return false;
    }
    let job = world
        .jobs
        .get(&Key::new(&pod.metadata.namespace, &owner.name));
    job.is_none_or(|job| {
        let is_other = job.metadata.uid != owner.uid;
        is_other || (super::is_ours_to_run(job) && is_finished(&job.status))
    })
}
