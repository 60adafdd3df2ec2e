//! What must hold at every revision of a history, whatever happened: pure, so that a recorded history can
//! be judged again, and tested with histories that are wrong.

use super::record::Change;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// A rule that does not hold, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// At which revision.
    pub revision: i64,
    /// What is wrong.
    pub what: String,
}

/// What was judged, so that a history in which nothing happened is not taken for a good one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Pods that were created.
    pub pods: usize,
    /// Pods that were bound.
    pub bound: usize,
    /// Terms in which loops were claimed.
    pub terms: usize,
}

#[derive(Default)]
struct Judge<'c> {
    objects: BTreeMap<&'c str, &'c Value>,
    violations: Vec<Violation>,
    seen: Seen,
    fences: HashMap<&'c str, u64>,
    terms: std::collections::BTreeSet<u64>,
    /// The most Pods each Deployment may have had so far, by its uid.
    most: HashMap<String, i64>,
}

/// Goes through a history, which is in the order of revisions and begins at the first.
pub fn judge(changes: &[Change]) -> (Seen, Vec<Violation>) {
    let mut judge = Judge::default();
    for change in changes {
        judge.take(change);
    }
    judge.seen.terms = judge.terms.len();
    (judge.seen, judge.violations)
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn number(value: &Value, pointer: &str, otherwise: i64) -> i64 {
    value
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or(otherwise)
}

fn is_active(pod: &Value) -> bool {
    let phase = text(pod, "/status/phase");
    !matches!(phase, "Succeeded" | "Failed") && text(pod, "/metadata/deletionTimestamp").is_empty()
}

fn controller(object: &Value) -> &str {
    let owners = object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    let owner = owners
        .into_iter()
        .flatten()
        .find(|owner| owner["controller"] == true);
    owner.map_or("", |owner| text(owner, "/uid"))
}

impl<'c> Judge<'c> {
    fn wrong(&mut self, change: &Change, what: String) {
        let revision = change.revision;
        self.violations.push(Violation { revision, what });
    }

    fn take(&mut self, change: &'c Change) {
        let key = change.key.as_str();
        let before = match &change.object {
            Some(object) => self.objects.insert(key, object),
            None => self.objects.remove(key),
        };
        let Some(now) = &change.object else { return };
        if key.starts_with("/keelson/kubernetes/claims/") {
            self.claim(change, now);
        } else if key.starts_with("/registry/pods/") {
            self.pod(change, before, now);
        } else if key.starts_with("/registry/services/specs/") {
            self.unique(
                change,
                "/registry/services/specs/",
                "/spec/clusterIP",
                |_| true,
            );
        } else if key.starts_with("/registry/deployments/") {
            let most = number(now, "/spec/replicas", 1) + surge(now);
            let known = self
                .most
                .entry(text(now, "/metadata/uid").to_owned())
                .or_default();
            *known = most.max(*known);
        }
    }

    /// Fences only grow: nobody claims under a term that has ended.
    fn claim(&mut self, change: &'c Change, now: &Value) {
        let fence = now["fence"].as_u64().unwrap_or(0);
        self.terms.insert(fence);
        let known = self.fences.entry(change.key.as_str()).or_default();
        let newest = *known;
        *known = fence.max(newest);
        if fence < newest {
            self.wrong(
                change,
                format!("{} under {fence} after {newest}", change.key),
            );
        }
    }

    fn pod(&mut self, change: &'c Change, before: Option<&Value>, now: &'c Value) {
        let uid = text(now, "/metadata/uid");
        let before = before.filter(|before| text(before, "/metadata/uid") == uid);
        let node = text(now, "/spec/nodeName");
        let bound_before = before.map_or("", |before| text(before, "/spec/nodeName"));
        if !bound_before.is_empty() && bound_before != node {
            self.wrong(
                change,
                format!("{} moves from {bound_before} to {node}", change.key),
            );
        }
        if bound_before.is_empty() && !node.is_empty() {
            self.seen.bound += 1;
            self.room(change, node);
        }
        if before.map_or("", |pod| text(pod, "/status/podIP")) != text(now, "/status/podIP") {
            let is_alive =
                |pod: &Value| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
            self.unique(change, "/registry/pods/", "/status/podIP", is_alive);
        }
        if before.is_none() {
            self.seen.pods += 1;
            self.slots(change, now);
        }
    }

    /// A new Pod has a slot: its owner wants as many as there are now.
    fn slots(&mut self, change: &Change, pod: &Value) {
        let owner = controller(pod);
        let set = self
            .objects
            .values()
            .find(|object| !owner.is_empty() && text(object, "/metadata/uid") == owner);
        let Some(&set) = set.filter(|set| text(set, "/kind") == "ReplicaSet") else {
            return;
        };
        let active = self.active(|pod| controller(pod) == owner);
        let wanted = number(set, "/spec/replicas", 1);
        if active > wanted {
            let name = text(set, "/metadata/name");
            self.wrong(
                change,
                format!("{name} has {active} Pods and wants {wanted}"),
            );
        }
        let deployment = controller(set);
        if let Some(&most) = self.most.get(deployment) {
            let sets: Vec<&str> = (self.objects.values())
                .filter(|object| controller(object) == deployment)
                .map(|object| text(object, "/metadata/uid"))
                .collect();
            let active = self.active(|pod| sets.contains(&controller(pod)));
            if active > most {
                let what = format!("{deployment} has {active} Pods and may have {most}");
                self.wrong(change, what);
            }
        }
    }

    fn pods(&self) -> impl Iterator<Item = &'c Value> {
        let pods = self.objects.range("/registry/pods/".."/registry/pods0");
        pods.map(|(_, pod)| *pod)
    }

    fn active(&self, is: impl Fn(&Value) -> bool) -> i64 {
        let count = self.pods().filter(|pod| is_active(pod) && is(pod)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// What is bound to a node fits on it: the number of Pods, and their milli-CPUs.
    fn room(&mut self, change: &Change, node: &str) {
        let key = format!("/registry/minions/{node}");
        let Some(&object) = self.objects.get(key.as_str()) else {
            return;
        };
        let on: Vec<&Value> = (self.pods())
            .filter(|pod| text(pod, "/spec/nodeName") == node)
            .filter(|pod| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"))
            .collect();
        let asked: i64 = on.iter().map(|pod| cpu_milli(pod)).sum();
        let has = milli(text(object, "/status/allocatable/cpu"));
        let places = text(object, "/status/allocatable/pods")
            .parse()
            .unwrap_or(0);
        if asked > has || on.len() > places {
            let what = format!(
                "{node}: {} Pods on {places}, {asked}m CPU on {has}m",
                on.len()
            );
            self.wrong(change, what);
        }
    }

    /// No other object has the same value.
    fn unique(
        &mut self,
        change: &Change,
        prefix: &str,
        pointer: &str,
        counts: impl Fn(&Value) -> bool,
    ) {
        let value = change
            .object
            .as_ref()
            .map_or("", |object| text(object, pointer));
        if matches!(value, "" | "None") {
            return;
        }
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let others = self.objects.range(prefix..end.as_str());
        let same = others.filter(|(key, object)| {
            **key != change.key && text(object, pointer) == value && counts(object)
        });
        let same: Vec<String> = same.map(|(key, _)| (*key).to_owned()).collect();
        if !same.is_empty() {
            self.wrong(
                change,
                format!("{} has {value}, and so has {same:?}", change.key),
            );
        }
    }
}

fn surge(deployment: &Value) -> i64 {
    let replicas = number(deployment, "/spec/replicas", 1);
    match deployment.pointer("/spec/strategy/rollingUpdate/maxSurge") {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        Some(Value::String(percent)) => {
            let percent: i64 = percent.trim_end_matches('%').parse().unwrap_or(0);
            (replicas * percent + 99) / 100
        }
        _ => 0,
    }
}

fn cpu_milli(pod: &Value) -> i64 {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    let asked = containers.into_iter().flatten();
    asked
        .map(|one| milli(text(one, "/resources/requests/cpu")))
        .sum()
}

fn milli(quantity: &str) -> i64 {
    match quantity.strip_suffix('m') {
        Some(milli) => milli.parse().unwrap_or(0),
        None => quantity.parse::<i64>().unwrap_or(0) * 1000,
    }
}
