//! A CronJob starts a Job at each time of its schedule.
//!
//! Watches CronJobs and Jobs. Owns the Jobs that a CronJob manages, until they are as old as its history
//! is long, and the CronJob's status. It is settled when a Job was started for the last time that has come,
//! if one may be, and no more Jobs that are over are kept than should be. Keys are CronJobs. A Job's name
//! is made of the minute it is for, and each start rests on the CronJob's revision: so for one time there
//! is one Job, however often a leader is stopped half-way.
//!
//! Schedules are read in the time zone that a CronJob names, else in UTC, whatever a machine's own is. A zone
//! that is not known starts nothing, and users are told.
//!
//! | file | rule |
//! |---|---|
//! | `calendar`, `schedule` | when (CJ1) |
//! | `plan` | which Job to start, which to remove (CJ1, CJ2) |
//! | `act` | the writes |
//!
//! What may enter: what decides when Jobs start. What never happens here: a look at Pods.

mod act;
mod calendar;
mod plan;
mod schedule;
#[cfg(test)]
mod tests;

use crate::objects::Key;
use crate::runtime::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};
use plan::Observed;

const KIND: &str = "CronJob";

/// See the module.
pub struct CronJobs;

impl Controller for CronJobs {
    fn name(&self) -> &'static str {
        "cronjob"
    }

    fn reports_as(&self) -> &'static str {
        "cronjob-controller"
    }

    fn concerns(&self, _: &World, change: &Change, wanted: &mut Wanted) {
        match change.kind {
            Some(Kind::CronJob) if change.after.is_some() => {
                wanted.add(change.reference.key.clone());
            }
            Some(Kind::Job) => {
                for job in change.states() {
                    let owner = job.meta().controller();
                    if let Some(owner) = owner.filter(|owner| owner.kind == KIND) {
                        wanted.add(Key::new(&job.meta().namespace, &owner.name));
                    }
                }
            }
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for cron in world.cron_jobs.all() {
            wanted.add(cron.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let observed = Observed::of(&client.world(), key, client.now_us());
            let Some(observed) = observed else {
                return Ok(Next::Settled);
            };
            let plan = plan::plan(&observed);
            let again = plan.again;
            act::act(client, &observed, plan).await?;
            Ok(again.map_or(Next::Settled, Next::After))
        })
    }
}
