//! Which ReplicaSets are the Deployment's own (M4): those that its selector picks and nobody else manages.

use super::observed::Observed;
use super::step::Step;
use crate::objects::{Deployment, Meta, OwnerReference};
use crate::runtime::{Wanted, World};
use keelson_apiserver::selector::{LabelSelector, from_structure};
use serde_json::{Value, json};

/// Adopts and releases. Who is going adopts nothing and keeps what it has.
pub(super) fn steps(seen: &Observed) -> Vec<Step> {
    let Some(selector) = selector(&seen.deployment) else {
        return Vec::new();
    };
    if seen.deployment.metadata.is_deleting() {
        return Vec::new();
    }
    let uid = &seen.deployment.metadata.uid;
    let strays = seen.sets.iter().map(|set| &set.set);
    let strays = strays.filter(|set| !picks(&selector, &set.metadata));
    let released = strays.map(|set| {
        let owners = set.metadata.owner_references.iter();
        Step::Own {
            owners: owners.filter(|one| one.uid != *uid).map(json).collect(),
            set: set.clone(),
        }
    });
    let orphans = seen.orphans.iter();
    let orphans =
        orphans.filter(|set| picks(&selector, &set.metadata) && !set.metadata.is_deleting());
    let adopted = orphans.map(|set| {
        let others = set.metadata.owner_references.iter();
        let mut owners: Vec<_> = others.filter(|one| one.uid != *uid).map(json).collect();
        owners.push(seen.owner_reference());
        Step::Own {
            owners,
            set: set.clone(),
        }
    });
    released.chain(adopted).collect()
}

/// The Deployments that may want a ReplicaSet which nobody manages.
pub(super) fn who_may_want(world: &World, set: &Meta, wanted: &mut Wanted) {
    for deployment in world.deployments.in_namespace(&set.namespace) {
        if selector(deployment).is_some_and(|selector| picks(&selector, set)) {
            wanted.add(deployment.metadata.key());
        }
    }
}

/// `None`: it picks nothing that could be told.
fn selector(deployment: &Deployment) -> Option<LabelSelector> {
    let selector = from_structure(Some(&deployment.spec.selector)).ok()?;
    (!selector.is_everything()).then_some(selector)
}

fn picks(selector: &LabelSelector, object: &Meta) -> bool {
    selector.matches(&object.labels)
}

fn json(owner: &OwnerReference) -> Value {
    let mut value = json!({
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
    });
    for (name, flag) in [
        ("controller", owner.controller),
        ("blockOwnerDeletion", owner.block_owner_deletion),
    ] {
        if let Some(flag) = flag {
            value[name] = flag.into();
        }
    }
    value
}
