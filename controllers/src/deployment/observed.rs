//! What a decision about a Deployment rests on.

use super::{API_VERSION, KIND, is_left, template};
use crate::objects::{Deployment, Key, Replicas};
use crate::pods::{Availability, availability};
use crate::runtime::World;
use std::sync::Arc;
use std::time::Duration;

/// How many Pods of a ReplicaSet are how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pods {
    /// Have not ended; those that are going are among them.
    pub(super) left: i32,
    /// Have neither ended nor are they going.
    pub(super) active: i32,
    /// Of those, how many serve.
    pub(super) ready: i32,
    /// Of those, how many have served long enough.
    pub(super) available: i32,
    /// In what time the next one will have.
    pub(super) next: Option<Duration>,
}

/// A ReplicaSet with its Pods.
#[derive(Clone, Debug)]
pub(super) struct Set {
    /// The ReplicaSet.
    pub(super) set: Arc<Replicas>,
    /// What its Pods are like, whatever its status says.
    pub(super) pods: Pods,
}

impl Set {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.set.metadata.name
    }

    /// How many Pods it is to have.
    pub(super) fn wanted(&self) -> i32 {
        self.set.spec.replicas.unwrap_or(1)
    }

    /// It is to have some.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted() > 0
    }

    /// How many Pods it has at most, now and later, as long as it is not made larger.
    pub(super) fn peak(&self) -> i32 {
        self.wanted().max(self.pods.active)
    }

    /// Its status is about what it is to have now.
    pub(super) fn is_observed(&self) -> bool {
        self.set.status.observed_generation >= self.set.metadata.generation
    }

    /// It has still Pods to lose.
    pub(super) fn lags(&self) -> bool {
        self.pods.active > self.wanted()
    }

    /// How many available Pods it keeps at least if it is to have so many. Those that are not ready go
    /// first. Which of the ready ones go is not known here: an available one may go before one that has
    /// not been ready for long enough.
    pub(super) fn kept(&self, wanted: i32) -> i32 {
        let ready_that_go = (self.pods.ready - wanted).max(0);
        (self.pods.available - ready_that_go).max(0)
    }

    /// Its Pods that may serve and do not.
    pub(super) fn missing(&self) -> i32 {
        (self.wanted() - self.kept(self.wanted())).max(0)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    /// The Deployment.
    pub(super) deployment: Arc<Deployment>,
    /// The ReplicaSets that it manages, the oldest first.
    pub(super) sets: Vec<Set>,
    /// ReplicaSets of its namespace that nobody manages.
    pub(super) orphans: Vec<Arc<Replicas>>,
    /// The time.
    pub(super) now_us: i64,
}

impl Observed {
    /// What is known of the Deployment of this key, if there is one.
    pub(super) fn of(world: &World, key: &Key, now_us: i64) -> Option<Observed> {
        let deployment = world.deployments.get(key)?.clone();
        let mut sets: Vec<Set> = world
            .replica_sets
            .controlled_by(&deployment.metadata.uid)
            .map(|set| Set {
                set: set.clone(),
                pods: pods(world, set, now_us),
            })
            .collect();
        sort(&mut sets);
        let orphans = world.replica_sets.orphans(&key.namespace);
        Some(Observed {
            orphans: orphans.cloned().collect(),
            deployment,
            sets,
            now_us,
        })
    }

    /// How many Pods are wanted.
    pub(super) fn replicas(&self) -> i32 {
        self.deployment.spec.replicas.unwrap_or(1)
    }

    /// The ReplicaSet of the present template: the oldest, if there are several.
    pub(super) fn new_set(&self) -> Option<&Set> {
        self.sets.iter().find(|set| self.is_of_template(&set.set))
    }

    /// All others, the oldest first.
    pub(super) fn old_sets(&self) -> Vec<&Set> {
        let new = self.new_set().map(|new| &new.set.metadata.uid);
        let sets = self.sets.iter();
        sets.filter(|set| Some(&set.set.metadata.uid) != new)
            .collect()
    }

    /// Whether it makes Pods of the present template.
    pub(super) fn is_of_template(&self, set: &Replicas) -> bool {
        template::are_equal(&set.spec.template, &self.deployment.spec.template)
    }

    /// Whether old Pods are gone before new ones come.
    pub(super) fn recreates(&self) -> bool {
        self.deployment.spec.strategy["type"] == "Recreate"
    }

    /// The Deployment as the owner that manages an object.
    pub(super) fn owner_reference(&self) -> serde_json::Value {
        let metadata = &self.deployment.metadata;
        metadata.owner_reference(API_VERSION, KIND)
    }
}

/// A sum of numbers that users may have made as large as they like.
pub(super) fn total(numbers: impl Iterator<Item = i32>) -> i32 {
    numbers.fold(0, i32::saturating_add)
}

/// The oldest first.
pub(super) fn sort(sets: &mut [Set]) {
    sets.sort_by(|a, b| {
        let age = |set: &Set| set.set.metadata.creation_timestamp.clone();
        (age(a), a.name()).cmp(&(age(b), b.name()))
    });
}

fn pods(world: &World, set: &Replicas, now_us: i64) -> Pods {
    let mut pods = Pods::default();
    for pod in world.pods.controlled_by(&set.metadata.uid) {
        pods.left += i32::from(is_left(pod));
        if !pod.is_active() {
            continue;
        }
        pods.active += 1;
        pods.ready += i32::from(pod.is_ready());
        match availability(pod, set.spec.min_ready_seconds, now_us) {
            Availability::Unready => {}
            Availability::Available => pods.available += 1,
            Availability::In(left) => {
                pods.next = Some(pods.next.map_or(left, |next| next.min(left)));
            }
        }
    }
    pods
}
