//! A DaemonSet runs one Pod on every node that fits.
//!
//! Watches DaemonSets, Pods, Nodes and ControllerRevisions. Owns the Pods that a DaemonSet manages, the
//! ControllerRevisions that keep its templates, and its status. It is settled when every node that fits has
//! one Pod of the present template, no other node has one that it must not have, and the status says so.
//! Keys are DaemonSets. Each write rests on the DaemonSet's revision. Which node a Pod is for is said in
//! its affinity; the scheduler binds it.
//!
//! | file | rule |
//! |---|---|
//! | `observe` | which nodes fit, and what is on them (DS1, DS3) |
//! | `template` | Pods as they are made (DS1, DS2) |
//! | `plan`, `failures` | which Pods to make and to remove (DS1, DS3) |
//! | `rollout` | how old Pods are replaced (DS4) |
//! | `history`, `status` | old templates, and what users are told (DS5) |
//! | `act` | the writes |
//!
//! What may enter: what decides on which nodes Pods run. What never happens here: a Pod is bound to a node,
//! or a Pod is compared with others of the cluster.

mod act;
mod failures;
mod history;
mod observe;
mod plan;
mod rollout;
mod status;
mod template;
#[cfg(test)]
mod tests;

use crate::objects::{Key, Meta, Node};
use crate::pods::Availability;
use crate::runtime::{
    Change, Client, Controller, Entry, Future, Kind, Next, Problem, Wanted, World,
};
use failures::Failures;
use history::{History, hash_of};
use observe::Observed;
use parking_lot::Mutex;

const KIND: &str = "DaemonSet";

/// See the module.
#[derive(Default)]
pub struct DaemonSets {
    failures: Mutex<Failures>,
}

impl Controller for DaemonSets {
    fn name(&self) -> &'static str {
        "daemonset"
    }

    fn reports_as(&self) -> &'static str {
        "daemonset-controller"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        match change.kind {
            Some(Kind::DaemonSet) if change.after.is_some() => {
                wanted.add(change.reference.key.clone());
            }
            Some(Kind::Pod | Kind::ControllerRevision) => {
                for state in change.states() {
                    of_owner(state.meta(), wanted);
                }
                let after = change.after.as_ref().map(Entry::meta);
                if let Some(orphan) = after.filter(|meta| meta.controller().is_none()) {
                    of_orphan(world, orphan, wanted);
                }
            }
            Some(Kind::Node) if is_another(change) => self.all(world, wanted),
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for set in world.daemon_sets.all() {
            wanted.add(set.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(self.look(client, key))
    }
}

fn of_owner(meta: &Meta, wanted: &mut Wanted) {
    if let Some(owner) = meta.controller().filter(|owner| owner.kind == KIND) {
        wanted.add(Key::new(&meta.namespace, &owner.name));
    }
}

fn of_orphan(world: &World, orphan: &Meta, wanted: &mut Wanted) {
    for set in world.daemon_sets.in_namespace(&orphan.namespace) {
        let selector = observe::selector(set);
        if selector.is_some_and(|selector| selector.matches(&orphan.labels)) {
            wanted.add(set.metadata.key());
        }
    }
}

/// The node came, went, or fits other Pods than before. Its status, which changes all the time, does not
/// matter.
fn is_another(change: &Change) -> bool {
    fn node(entry: &Option<Entry>) -> Option<&Node> {
        Some(&**entry.as_ref()?.nodes()?)
    }
    match (node(&change.before), node(&change.after)) {
        (Some(before), Some(after)) => {
            before.metadata.labels != after.metadata.labels
                || before.spec.taints != after.spec.taints
        }
        _ => true,
    }
}

impl DaemonSets {
    async fn look(&self, client: &Client, key: &Key) -> Result<Next, Problem> {
        let (observed, history) = {
            let world = client.world();
            let Some(observed) = Observed::of(&world, key, client.now_us()) else {
                return Ok(Next::Settled);
            };
            let history = History::of(&world, &observed.set);
            (observed, history)
        };
        if observed.set.metadata.is_deleting()
            // Each of these writes brings the DaemonSet here again.
            || act::take_in_and_let_go(client, &observed, &history).await?
        {
            return Ok(Next::Settled);
        }
        let (present, number) = (history.present.as_deref(), history.number());
        let is_noted = act::note(client, &observed, present, number).await?;
        let Some(present) = present.filter(|_| is_noted) else {
            return Ok(Next::Settled);
        };
        let hash = hash_of(present);
        let plan = plan::plan(&observed, hash, &self.failures.lock());
        let surplus = history.surplus(&observed);
        let failures = &self.failures;
        let outcome = act::act(client, &observed, &plan, hash, &surplus, failures).await;
        if let Ok(()) | Err(Problem::Refused(_)) = &outcome {
            let status = status::status(&observed, hash);
            act::write(client, &observed, &status).await?;
        }
        outcome?;
        Ok(next(&observed, &plan))
    }
}

/// When a pause ends, or a Pod has served long enough.
fn next(observed: &Observed, plan: &plan::Plan) -> Next {
    let pods = observed.pods.values().flatten();
    let available = pods.filter_map(|pod| match observed.availability(pod) {
        Availability::In(left) => Some(left),
        _ => None,
    });
    let next = available.chain(plan.again).min();
    next.map_or(Next::Settled, Next::After)
}
