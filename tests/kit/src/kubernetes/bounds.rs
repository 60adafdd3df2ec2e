//! How many Pods a Deployment may have too many and too few while it rolls, at every revision.
//!
//! What counts is what the Deployment asked for when its Pods last were as it asked, and everything that it
//! has asked for since: a number that is changed is not reached at once. So the bounds widen with the change
//! and become narrow again when the Pods lie within the new ones, whatever the ReplicaSets do next: each of them goes its
//! own way, so one may still make a Pod that it was asked for before another one deletes any.
//!
//! A smaller number in the middle of a rollout is shared among the ReplicaSets by their sizes, as Kubernetes does and
//! documents (proportional scaling). What a set gives up may serve while what another keeps does not yet: so many fewer
//! may be available until the shares are given.
//!
//! Nothing holds in a namespace that is to go: what is in it goes in any order.

use super::judge::{controller, is_active, number, text};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Objects by their keys, as they are at a revision.
pub type Objects<'c> = BTreeMap<&'c str, &'c Value>;

/// What holds for one Deployment now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    /// So many active Pods at most.
    most: i64,
    /// So many available ones at least.
    least: i64,
}

impl Bounds {
    /// As its specification says; one Pod more or less must be possible.
    fn of(deployment: &Value) -> Bounds {
        let replicas = number(deployment, "/spec/replicas", 1);
        if text(deployment, "/spec/strategy/type") == "Recreate" {
            return Bounds {
                most: replicas,
                least: 0,
            };
        }
        let scaled = |field, rounding| {
            let pointer = format!("/spec/strategy/rollingUpdate/{field}");
            match deployment.pointer(&pointer) {
                Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
                Some(Value::String(percent)) => {
                    let percent: i64 = percent.trim_end_matches('%').parse().unwrap_or(0);
                    (replicas * percent + rounding) / 100
                }
                _ => 0,
            }
        };
        let surge = scaled("maxSurge", 99);
        let missing = match scaled("maxUnavailable", 0) {
            0 if surge == 0 => 1,
            missing => missing,
        };
        Bounds {
            most: replicas + surge,
            least: (replicas - missing).max(0),
        }
    }
}

/// How many there are, of one ReplicaSet or of all of a Deployment.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    wanted: i64,
    active: i64,
    available: i64,
    /// If all that are wanted are made before any other is deleted.
    most: i64,
    /// That are available and may stay.
    least: i64,
}

/// All Deployments of a history.
#[derive(Default)]
pub struct Rollouts<'c> {
    present: HashMap<&'c str, (&'c Value, Bounds)>,
    /// Deployments by the uids of their ReplicaSets.
    sets: HashMap<&'c str, &'c str>,
    /// Pods that became unavailable though nobody deleted them.
    pub lost: usize,
}

/// Serves: it is ready, and nobody has told it to go.
pub fn is_available(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    is_active(pod) && conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// A Deployment has more than one ReplicaSet in use, or will as soon as the loop looks at it.
fn is_rolling(objects: &Objects<'_>, deployment: &Value) -> bool {
    let generation = number(deployment, "/metadata/generation", 0);
    if number(deployment, "/status/observedGeneration", generation) < generation {
        return true;
    }
    let uid = text(deployment, "/metadata/uid");
    let sets = objects.range("/registry/replicasets/".."/registry/replicasets0");
    let own = sets.filter(|(_, set)| controller(set) == uid);
    own.filter(|(_, set)| number(set, "/spec/replicas", 1) > 0)
        .count()
        > 1
}

/// The namespace of a Deployment is to go.
fn is_ending(objects: &Objects<'_>, deployment: &Value) -> bool {
    let namespace = text(deployment, "/metadata/namespace");
    let key = format!("/registry/namespaces/{namespace}");
    let namespace = objects.get(key.as_str());
    namespace.is_some_and(|one| !text(one, "/metadata/deletionTimestamp").is_empty())
}

/// The numbers of a Deployment.
fn numbers(objects: &Objects<'_>, sets: &HashMap<&str, &str>, uid: &str) -> Numbers {
    let mut own: HashMap<&str, Numbers> = HashMap::new();
    let present = objects.range("/registry/replicasets/".."/registry/replicasets0");
    for (_, set) in present.filter(|(_, set)| controller(set) == uid) {
        let numbers = own.entry(text(set, "/metadata/uid")).or_default();
        numbers.wanted = number(set, "/spec/replicas", 1);
    }
    let pods = objects.range("/registry/pods/".."/registry/pods0");
    for (_, pod) in pods.filter(|(_, pod)| sets.get(controller(pod)) == Some(&uid)) {
        let numbers = own.entry(controller(pod)).or_default();
        numbers.active += i64::from(is_active(pod));
        numbers.available += i64::from(is_available(pod));
    }
    let mut all = Numbers::default();
    for one in own.values() {
        all.wanted += one.wanted;
        all.active += one.active;
        all.available += one.available;
        all.most += one.wanted.max(one.active);
        all.least += one.wanted.min(one.available);
    }
    all
}

impl<'c> Rollouts<'c> {
    /// A Deployment was written, or is gone; nothing holds for one that is to go.
    pub fn deployment(
        &mut self,
        objects: &Objects<'c>,
        before: Option<&'c Value>,
        now: Option<&'c Value>,
    ) {
        let stays = |now: &&Value| text(now, "/metadata/deletionTimestamp").is_empty();
        if let Some(now) = now.filter(stays) {
            let said = Bounds::of(now);
            let shares = before.is_some_and(|before| is_rolling(objects, before));
            let entry = self.present.entry(text(now, "/metadata/uid"));
            let (deployment, bounds) = entry.or_insert((now, Bounds { least: 0, ..said }));
            *deployment = now;
            if shares && said.most < bounds.most {
                bounds.least = (bounds.least - (bounds.most - said.most)).max(0);
            }
            bounds.most = bounds.most.max(said.most);
            bounds.least = bounds.least.min(said.least);
        } else if let Some(before) = before {
            self.present.remove(text(before, "/metadata/uid"));
        }
    }

    /// A ReplicaSet was written: together they want no more than there may be.
    pub fn set(&mut self, objects: &Objects<'c>, now: &'c Value) -> Option<String> {
        self.sets
            .insert(text(now, "/metadata/uid"), controller(now));
        let (name, bounds, numbers) = self.look(objects, controller(now))?;
        let most = bounds.most;
        (numbers.wanted > most)
            .then(|| format!("{name} wants {} Pods and may have {most}", numbers.wanted))
    }

    /// A Pod was written, or is gone.
    pub fn pod(
        &mut self,
        objects: &Objects<'c>,
        before: Option<&'c Value>,
        now: Option<&'c Value>,
    ) -> Option<String> {
        let pod = now.or(before)?;
        let deployment = *self.sets.get(controller(pod))?;
        let (name, bounds, numbers) = self.look(objects, deployment)?;
        if before.is_none() && numbers.active > bounds.most {
            let (has, most) = (numbers.active, bounds.most);
            return Some(format!("{name} has {has} Pods and may have {most}"));
        }
        let served = before.is_some_and(is_available);
        if !served || now.is_some_and(is_available) {
            return None;
        }
        if now.is_some_and(|pod| text(pod, "/metadata/deletionTimestamp").is_empty()) {
            // Nobody took it away: its node or its container failed. Loops do not make it worse.
            self.lost += 1;
            if let Some((_, bounds)) = self.present.get_mut(deployment) {
                bounds.least = bounds.least.min(numbers.available);
            }
            return None;
        }
        let (has, least) = (numbers.available, bounds.least);
        (has < least).then(|| format!("{name} has {has} available Pods and must have {least}"))
    }

    /// Name, bounds and numbers of a Deployment, if anything holds for it; the bounds become narrower where they can.
    fn look(&mut self, objects: &Objects<'c>, uid: &str) -> Option<(&'c str, Bounds, Numbers)> {
        let (deployment, bounds) = self.present.get_mut(uid)?;
        if is_ending(objects, deployment) {
            return None;
        }
        let numbers = numbers(objects, &self.sets, uid);
        let (held, said) = (*bounds, Bounds::of(deployment));
        if numbers.most <= said.most {
            bounds.most = said.most;
            if numbers.least >= said.least {
                bounds.least = said.least;
            }
        }
        // What was just done is judged by what held before it, unless it had become narrower by itself.
        Some((text(deployment, "/metadata/name"), held, numbers))
    }
}
