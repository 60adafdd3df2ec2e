//! What a look at one set rests on.

use super::all_of;
use crate::objects::{Key, Pod, Replicas};
use crate::pods::{Availability, Belonging, availability, belonging};
use crate::runtime::{Kind, Next, World};
use keelson_apiserver::selector::{LabelSelector, from_structure};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// A set and its Pods at one moment.
pub(super) struct Seen {
    pub(super) kind: Kind,
    pub(super) set: Arc<Replicas>,
    pub(super) selector: LabelSelector,
    /// The active Pods that it manages and selects.
    pub(super) owned: Vec<Arc<Pod>>,
    /// Of the others that it manages and selects, how many are going.
    pub(super) terminating: usize,
    /// Active Pods that it selects no more.
    pub(super) strayed: Vec<Arc<Pod>>,
    /// Active Pods that it selects and nobody manages.
    pub(super) orphaned: Vec<Arc<Pod>>,
    /// By node: active Pods of all sets that have the same owner. Empty unless some Pods are too many.
    pub(super) crowds: HashMap<String, usize>,
    pub(super) now_us: i64,
}

/// Which Pods a set selects; `None`: it says nothing that can be followed.
pub(super) fn selector(kind: Kind, set: &Replicas) -> Option<LabelSelector> {
    let wanted = &set.spec.selector;
    let selector = match kind {
        Kind::ReplicationController => from_structure(Some(&json!({"matchLabels": wanted}))),
        _ => from_structure(Some(wanted)),
    };
    selector
        .ok()
        .filter(|selector| !selector.is_everything() && selector.requirements().is_some())
}

impl Seen {
    /// `None`: there is no such set, or it selects nothing.
    pub(super) fn of(world: &World, kind: Kind, key: &Key, now_us: i64) -> Option<Seen> {
        let set = all_of(kind, world).get(key)?.clone();
        let mut seen = Seen {
            kind,
            selector: selector(kind, &set)?,
            owned: Vec::new(),
            terminating: 0,
            strayed: Vec::new(),
            orphaned: Vec::new(),
            crowds: HashMap::new(),
            now_us,
            set,
        };
        let uid = seen.set.metadata.uid.clone();
        let owned = world.pods.controlled_by(&uid);
        let orphans = world.pods.orphans(&key.namespace);
        owned.chain(orphans).for_each(|pod| seen.sort(pod));
        if seen.owned.len() > seen.wanted() {
            seen.crowds = crowds(world, kind, &seen.set);
        }
        Some(seen)
    }

    fn sort(&mut self, pod: &Arc<Pod>) {
        let matches = self.selector.matches(&pod.metadata.labels);
        let belonging = belonging(&self.set.metadata, matches, &pod.metadata);
        match belonging {
            Belonging::Owned if pod.is_active() => self.owned.push(pod.clone()),
            Belonging::Owned if !pod.is_finished() => self.terminating += 1,
            Belonging::Strayed if pod.is_active() => self.strayed.push(pod.clone()),
            Belonging::Orphaned if pod.is_active() => self.orphaned.push(pod.clone()),
            _ => {}
        }
    }

    /// How many Pods there shall be.
    pub(super) fn wanted(&self) -> usize {
        // Validation refuses negative numbers.
        usize::try_from(self.set.spec.replicas.unwrap_or(1)).unwrap_or(0)
    }

    /// How long a Pod has to serve until it counts as available.
    pub(super) fn availability(&self, pod: &Pod) -> Availability {
        availability(pod, self.set.spec.min_ready_seconds, self.now_us)
    }

    /// When the next Pod becomes available by nothing but time.
    pub(super) fn next(&self) -> Next {
        let left = self.owned.iter().filter_map(|pod| {
            let Availability::In(left) = self.availability(pod) else {
                return None;
            };
            Some(left)
        });
        left.min().map_or(Next::Settled, Next::After)
    }
}

fn crowds(world: &World, kind: Kind, set: &Arc<Replicas>) -> HashMap<String, usize> {
    let related: Vec<_> = match set.metadata.controller() {
        Some(owner) => all_of(kind, world).controlled_by(&owner.uid).collect(),
        None => vec![set],
    };
    let mut crowds = HashMap::new();
    for set in related {
        for pod in world.pods.controlled_by(&set.metadata.uid) {
            if pod.is_active() && pod.is_bound() {
                *crowds.entry(pod.spec.node_name.clone()).or_default() += 1;
            }
        }
    }
    crowds
}
