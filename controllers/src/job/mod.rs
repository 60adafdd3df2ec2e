//! A Job runs Pods until enough of them have succeeded, or too many have failed.
//!
//! Watches Jobs and Pods. Owns the Pods that a Job manages, the finalizer on them, and the Job's status.
//! It is settled when a Job has its terminal condition, or runs as many Pods as it wants and has counted
//! all that have ended. Keys are Jobs. Each Pod that is made or removed rests on the Job's revision, so
//! nothing is made for a Job that was suspended or deleted a moment ago.
//!
//! A look at a Job: who belongs to it; how many have succeeded and failed; what follows, which is a pure
//! plan; Pods are removed or made; what has ended is noted, let go and counted; the verdict becomes final.
//! What clients see on the way is what upstream shows: interim conditions, notes of what is not counted
//! yet, and events.
//!
//! | file | rule |
//! |---|---|
//! | `observe`, `pod`, `index` | the Job and its Pods; their indexes (J2) |
//! | `tally`, `policy` | what has succeeded and failed, and what the Job's policies make of it (J4) |
//! | `verdict` | whether it is over (J3, J4, J5) |
//! | `plan`, `backoff` | which Pods to make and to remove (J1, J2, J3, J5) |
//! | `template` | Pods as they are made |
//! | `account`, `status` | counting exactly once; conditions (J6) |
//! | `adopt`, `orphan` | Pods that change hands, and those whose Job is gone |
//! | `act` | the writes |
//!
//! What may enter: what a Job is told to do with Pods. What never happens here: a Job that is over is
//! removed (see the garbage collector of finished Jobs), a Pod is placed.

mod account;
mod act;
mod adopt;
mod backoff;
mod index;
mod observe;
mod orphan;
mod plan;
mod pod;
mod policy;
mod status;
mod tally;
mod template;
#[cfg(test)]
mod tests;
mod verdict;

pub use orphan::JobOrphans;

use crate::objects::{Job, Key, Meta};
use crate::runtime::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};
use observe::Observed;
use std::collections::HashSet;
use tally::Tally;

const KIND: &str = "Job";
/// We, as `spec.managedBy` has it.
const MANAGER: &str = "kubernetes.io/job-controller";

/// See the module.
pub struct Jobs;

impl Controller for Jobs {
    fn name(&self) -> &'static str {
        "job"
    }

    fn reports_as(&self) -> &'static str {
        "job-controller"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        match change.kind {
            Some(Kind::Job) if change.after.is_some() => {
                wanted.add(change.reference.key.clone());
            }
            Some(Kind::Pod) => {
                for state in change.states() {
                    of_pod(state.meta(), wanted);
                }
                let after = change.after.as_ref().map(|after| after.meta());
                if let Some(orphan) = after.filter(|meta| meta.controller().is_none()) {
                    let jobs = world.jobs.in_namespace(&orphan.namespace);
                    for job in jobs.filter(|job| adopt::wants(job, orphan)) {
                        wanted.add(job.metadata.key());
                    }
                }
            }
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for job in world.jobs.all().filter(|job| is_ours(job)) {
            wanted.add(job.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(reconcile(client, key))
    }
}

fn of_pod(pod: &Meta, wanted: &mut Wanted) {
    if let Some(owner) = pod.controller().filter(|owner| owner.kind == KIND) {
        wanted.add(Key::new(&pod.namespace, &owner.name));
    }
}

/// Nobody else takes care of it.
fn is_ours_to_run(job: &Job) -> bool {
    let manager = job.spec.managed_by.as_deref();
    manager.is_none_or(|manager| manager == MANAGER)
}

/// It is neither over nor somebody else's.
fn is_ours(job: &Job) -> bool {
    is_ours_to_run(job) && !status::is_finished(&job.status)
}

async fn reconcile(client: &Client, key: &Key) -> Result<Next, Problem> {
    let (observed, moves) = {
        let world = client.world();
        let observed = Observed::of(&world, key, client.now_us());
        let Some(observed) = observed.filter(|observed| is_ours(&observed.job)) else {
            return Ok(Next::Settled);
        };
        let moves = adopt::moves(&world, &observed);
        (observed, moves)
    };
    if !moves.is_empty() {
        // Each of them brings the Job here again.
        adopt::carry_out(client, &observed, &moves).await?;
        return Ok(Next::Settled);
    }
    let tally = Tally::of(&observed);
    let plan = plan::plan(&observed, &tally);
    let (done, outcome) = act::act(client, &observed, &plan).await;
    match &outcome {
        Ok(()) | Err(Problem::Refused(_)) => {}
        Err(problem) => return Err(problem.clone()),
    }
    count(client, &observed, &tally, &plan, done, outcome.is_ok()).await?;
    outcome?;
    Ok(plan.again.map_or(Next::Settled, Next::After))
}

/// Notes what has ended, lets it go, counts it, and makes a verdict final if nothing is left to count.
async fn count(
    client: &Client,
    observed: &Observed,
    tally: &Tally,
    plan: &plan::Plan,
    done: status::Done,
    is_done: bool,
) -> Result<(), Problem> {
    let verdict = plan.verdict.as_ref().filter(|_| is_done);
    let begun = status::status(observed, plan, done);
    let mut ledger = account::account(observed, tally, verdict, &plan.removed, begun);
    if let Some(verdict) = verdict {
        status::tell(&mut ledger.status, verdict, observed.now_us);
    }
    let mut revision = observed.job.metadata.revision;
    let (known, noted) = (&observed.job.status, ledger.status.clone());
    act::write(client, observed, known, &noted, &mut revision).await?;
    act::release(client, &ledger.released).await?;
    let released = ledger.released.iter();
    let released: HashSet<_> = released.map(|pod| pod.metadata.uid.as_str()).collect();
    account::settle(&mut ledger.status, |uid| !released.contains(uid));
    if let Some(verdict) = verdict {
        status::conclude(&mut ledger, verdict, observed.now_us);
    }
    act::write(client, observed, &noted, &ledger.status, &mut revision).await?;
    act::announce(client, observed, &ledger.status);
    Ok(())
}
