//! A number of equal Pods: ReplicaSets and ReplicationControllers, one engine for both.
//!
//! Watches ReplicaSets (or ReplicationControllers) and Pods. Owns the Pods that it makes, and those that
//! nobody manages and its selector matches. Writes Pods and the status. A key is settled when as many Pods
//! are active (have neither ended nor are going) as are wanted, all of them match, and the status says so.
//!
//! A look takes in and lets go first, and decides on numbers only when nothing of that is left to do. All
//! that it creates and deletes rests on the state of the set that it saw, and on the claim of the loop: of
//! two who decided on the same world, one is told to look again. What is deleted is as it was ranked.
//!
//! Rules RS1 to RS7, and of the common ones M2, M4, M5, M7.
//!
//! | file | what |
//! |---|---|
//! | `seen` | what a look rests on |
//! | `plan` | how many are made, which go |
//! | `rank` | which Pod goes first |
//! | `act` | carrying it out |
//! | `status` | what is told |
//!
//! What may enter: what concerns a number of equal Pods. What never happens here: a look at a template,
//! but to copy it.

mod act;
mod plan;
mod rank;
mod seen;
mod status;
#[cfg(test)]
mod tests;

use crate::objects::{Key, Meta, Replicas};
use crate::runtime::{
    Change, Client, Controller, Entry, Future, Kind, Next, Problem, Store, Wanted, World,
};
use seen::{Seen, selector};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// See the module. [`sets`] and [`controllers`] make one.
pub struct ReplicaController {
    kind: Kind,
}

/// The controller of ReplicaSets.
pub fn sets() -> ReplicaController {
    ReplicaController {
        kind: Kind::ReplicaSet,
    }
}

/// The controller of ReplicationControllers.
pub fn controllers() -> ReplicaController {
    ReplicaController {
        kind: Kind::ReplicationController,
    }
}

impl Controller for ReplicaController {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::ReplicationController => "replicationcontroller",
            _ => "replicaset",
        }
    }

    fn reports_as(&self) -> &'static str {
        match self.kind {
            Kind::ReplicationController => "replication-controller",
            _ => "replicaset-controller",
        }
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        match change.kind {
            Some(kind) if kind == self.kind && change.after.is_some() => {
                wanted.add(change.reference.key.clone());
            }
            Some(Kind::Pod) => self.concerned_by_pod(world, change, wanted),
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for set in all_of(self.kind, world).all() {
            wanted.add(set.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(look(self.kind, client, key))
    }
}

impl ReplicaController {
    /// Those that manage the Pod or did; if nobody does, those that might now and could not before.
    fn concerned_by_pod(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        for meta in change.states().map(Entry::meta) {
            wanted_by_owner(self.kind, world, meta, wanted);
        }
        let Some(after) = change.after.as_ref().map(Entry::meta) else {
            return;
        };
        let is_news = change
            .before
            .as_ref()
            .map(Entry::meta)
            .is_none_or(|before| before.controller().is_some() || before.labels != after.labels);
        if after.controller().is_some() || after.is_deleting() || !is_news {
            return;
        }
        for set in all_of(self.kind, world).in_namespace(&after.namespace) {
            let selector = selector(self.kind, set);
            if selector.is_some_and(|selector| selector.matches(&after.labels)) {
                wanted.add(set.metadata.key());
            }
        }
    }
}

fn wanted_by_owner(kind: Kind, world: &World, meta: &Meta, wanted: &mut Wanted) {
    let Some(owner) = meta.controller() else {
        return;
    };
    let key = Key::new(&meta.namespace, &owner.name);
    let set = all_of(kind, world).get(&key);
    if set.is_some_and(|set| set.metadata.uid == owner.uid) {
        wanted.add(key);
    }
}

/// All of a kind.
fn all_of(kind: Kind, world: &World) -> &Store<Replicas> {
    match kind {
        Kind::ReplicationController => &world.replication_controllers,
        _ => &world.replica_sets,
    }
}

async fn look(kind: Kind, client: &Client, key: &Key) -> Result<Next, Problem> {
    let seen = Seen::of(&client.world(), kind, key, client.now_us());
    let Some(seen) = seen else {
        return Ok(Next::Settled);
    };
    let client = client.resting_on([(kind, key, seen.set.metadata.revision)]);
    if act::take_in_and_let_go(&client, &seen).await? {
        // Decided on once the world shows it.
        return Ok(Next::After(Duration::ZERO));
    }
    let refusal = act::carry_out(&client, &seen, plan::plan(&seen)).await?;
    let status = status::status(&seen, refusal.as_ref());
    if status != seen.set.status {
        let patch = json!({"status": status::stored(&status)});
        client.patch_status(kind, key, &patch).await?;
    }
    match refusal {
        Some(refusal) => Err(Problem::Refused(refusal.failure)),
        None => Ok(seen.next()),
    }
}

/// A reference to a set as the owner that manages a Pod.
fn owner_reference(kind: Kind, set: &Arc<Replicas>) -> serde_json::Value {
    let api_version = match kind.resource() {
        ("", version, _) => version.to_owned(),
        (group, version, _) => format!("{group}/{version}"),
    };
    set.metadata.owner_reference(&api_version, kind.name())
}
