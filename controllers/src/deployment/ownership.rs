//! Which ReplicaSets are the Deployment's own (M4): those that its selector picks and nobody else manages.

use super::observed::Observed;
use super::step::Step;
use crate::objects::{Deployment, Meta};
use crate::pods::{Belonging, adoption, belonging, release};
use crate::runtime::{Wanted, World};
use keelson_apiserver::selector::{LabelSelector, from_structure};

/// Adopts and releases.
pub(super) fn steps(seen: &Observed) -> Vec<Step> {
    let Some(selector) = selector(&seen.deployment) else {
        return Vec::new();
    };
    let owner = &seen.deployment.metadata;
    let sets = seen.sets.iter().map(|set| &set.set);
    let all = sets.chain(&seen.orphans);
    all.filter_map(|set| {
        let object = &set.metadata;
        let matches = selector.matches(&object.labels);
        let patch = match belonging(owner, matches, object) {
            Belonging::Strayed => release(object, &owner.uid),
            Belonging::Orphaned => adoption(object, &seen.owner_reference()),
            Belonging::Owned | Belonging::Foreign => return None,
        };
        let set = set.clone();
        Some(Step::Own { set, patch })
    })
    .collect()
}

/// The Deployments that may want a ReplicaSet which nobody manages.
pub(super) fn who_may_want(world: &World, set: &Meta, wanted: &mut Wanted) {
    for deployment in world.deployments.in_namespace(&set.namespace) {
        let selector = selector(deployment);
        if selector.is_some_and(|selector| selector.matches(&set.labels)) {
            wanted.add(deployment.metadata.key());
        }
    }
}

/// `None`: it picks nothing that could be told.
fn selector(deployment: &Deployment) -> Option<LabelSelector> {
    let selector = from_structure(Some(&deployment.spec.selector)).ok()?;
    (!selector.is_everything()).then_some(selector)
}
