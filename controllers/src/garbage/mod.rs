//! The garbage collector: what is owned goes when its owners have gone.
//!
//! Watches everything, through the graph of owners. Owns nothing. Deletes dependents, takes dead
//! references off them, and takes the finalizers `orphan` and `foregroundDeletion` off owners that wait
//! for their dependents. It is settled when every reference is to an owner that is there and does not wait
//! for the one that has it, and no owner waits in vain. Keys are uids of owners, whether they are there or
//! not: one look at an owner is about all its dependents at once, so one read of the store tells of ten
//! thousand Pods that nobody owns them.
//!
//! An owner is absent if there is no object with its uid where the reference says. The world says so, and
//! a read of the store must say the same, because the world leaves out some kinds and what it cannot
//! parse. Uids are never given twice, so what is absent stays absent, and a deletion that rests on the
//! dependent's uid and revision deletes nothing that somebody has adopted meanwhile.
//!
//! | rule | |
//! |---|---|
//! | G1 | dependents whose owners are all absent go; an owner in another namespace is absent, and told of |
//! | G2 | an owner in the foreground goes once nothing is left that blocks it |
//! | G3 | an owner that orphans goes once nothing refers to it |
//! | G4 | with one owner alive a dependent stays and loses the other references; circles come undone |
//! | G5 | kinds do not matter |
//!
//! | file | what |
//! |---|---|
//! | `judge` | how an owner stands to its dependent |
//! | `plan` | what becomes of a dependent, and whether an owner is free |
//! | `sight` | what one look sees |
//! | `act` | the writes |
//!
//! What may enter: metadata. What never happens here: a rule about a kind.

mod act;
mod judge;
mod plan;
mod sight;
#[cfg(test)]
mod tests;

use crate::objects::Key;
use crate::runtime::{
    Change, Client, Controller, Future, Graph, GraphNode, Next, Problem, Wanted, World,
};
use judge::{Judge, Seen, Standing};
use plan::{Hold, Step};
use sight::Sight;
use std::time::Duration;

/// When an owner is looked at again whose kind is not served: it may be, once its definition is there.
const UNKNOWN_KIND: Duration = Duration::from_secs(30);

/// When an owner is looked at again while the world is being read anew and has the owner already, but not
/// yet all that may refer to it.
const INCOMPLETE: Duration = Duration::from_millis(100);

/// See the module.
pub struct GarbageCollector;

impl Controller for GarbageCollector {
    fn name(&self) -> &'static str {
        "garbagecollector"
    }

    fn reports_as(&self) -> &'static str {
        "garbage-collector-controller"
    }

    fn workers(&self) -> usize {
        32
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let graph = &world.graph;
        let now = match change.after {
            Some(_) => graph.at(&change.reference),
            None => None,
        };
        if let Some(was) = &change.was {
            let is_gone = now.is_none_or(|now| now.uid != was.uid);
            if is_gone && graph.has_dependents(&was.uid) {
                wanted.add(Key::cluster(&was.uid));
            }
            for owner in &was.owners {
                let owner = graph.by_uid(&owner.uid);
                if let Some(owner) = owner.filter(|owner| plan::is_free(graph, owner)) {
                    wanted.add(Key::cluster(&owner.uid));
                }
            }
        }
        if let Some(now) = now {
            notice(graph, now, wanted);
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for node in world.graph.all() {
            notice(&world.graph, node, wanted);
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(look(client, &key.name))
    }
}

/// What there is to be done because of an object as it is now.
fn notice(graph: &Graph, node: &GraphNode, wanted: &mut Wanted) {
    let hold = Hold::of(node);
    if hold.is_some() {
        wanted.add(Key::cluster(&node.uid));
    }
    if node.is_deleting && hold != Some(Hold::Foreground) {
        // It goes, whoever owns it.
        return;
    }
    for owner in &node.owners {
        if judge::seen(graph, node, owner) != Seen::Stands(Standing::Solid) {
            wanted.add(Key::cluster(&owner.uid));
        }
    }
}

async fn look(client: &Client, uid: &str) -> Result<Next, Problem> {
    let (sight, revision) = {
        let world = client.world();
        (Sight::of(&world.graph, uid), world.revision())
    };
    if let Some((owner, hold)) = &sight.free {
        if owner.revision > revision {
            return Ok(Next::After(INCOMPLETE));
        }
        act::release(client, owner, *hold).await?;
        return Ok(Next::Settled);
    }
    let mut judge = Judge::new(client);
    judge.ask(&sight).await?;
    let mut steps = Vec::new();
    for dependent in sight.dependents {
        if dependent.is_misplaced {
            act::tell_of_namespace(client, &dependent.node, uid);
        }
        let standings = judge.standings(&dependent);
        if let Some(step) = plan::step(&dependent, &standings) {
            steps.push((dependent.node, step));
        }
    }
    steps.extend(sight.orphans.into_iter().map(|node| {
        let step = Step::Drop(vec![uid.to_owned()]);
        (node, step)
    }));
    act::carry_out(client, steps).await?;
    Ok(match (sight.has_more, judge.has_unknown()) {
        (true, _) => Next::After(Duration::ZERO),
        (false, true) => Next::After(UNKNOWN_KIND),
        (false, false) => Next::Settled,
    })
}
