//! What must hold at every revision of a history, whatever happened: pure, so that a recorded history can
//! be judged again, and tested with histories that are wrong.

use super::bounds::{Objects, Rollouts};
use super::record::Change;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

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
    /// Available Pods that failed by themselves.
    pub lost: usize,
    /// Times that the Lease of the loops was written.
    pub renewals: usize,
    /// Terms in which loops were claimed.
    pub terms: usize,
}

#[derive(Default)]
struct Judge<'c> {
    objects: Objects<'c>,
    violations: Vec<Violation>,
    seen: Seen,
    claims: HashMap<&'c str, Claimed<'c>>,
    terms: BTreeSet<u64>,
    rollouts: Rollouts<'c>,
}

/// The present claim of a loop.
#[derive(Clone, Copy, Default)]
struct Claimed<'c> {
    fence: u64,
    member: &'c str,
}

const CLAIMS: &str = "/keelson/kubernetes/claims/";
/// The loop whose writes name the member that makes them, and what it writes.
const TELLING: &str = "/keelson/kubernetes/claims/leader-lease";
const TOLD: [&str; 2] = [
    "/registry/leases/kube-system/kube-controller-manager",
    "/registry/leases/kube-system/kube-scheduler",
];

/// Goes through a history, which is in the order of revisions and begins at the first.
pub fn judge(changes: &[Change]) -> (Seen, Vec<Violation>) {
    let mut judge = Judge::default();
    for change in changes {
        judge.take(change);
    }
    judge.seen.terms = judge.terms.len();
    judge.seen.lost = judge.rollouts.lost;
    (judge.seen, judge.violations)
}

/// The text at a place; empty if there is none.
pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The number at a place.
pub fn number(value: &Value, pointer: &str, otherwise: i64) -> i64 {
    let found = value.pointer(pointer).and_then(Value::as_i64);
    found.unwrap_or(otherwise)
}

fn has_ended(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Neither has it ended nor is it going.
pub fn is_active(pod: &Value) -> bool {
    !has_ended(pod) && text(pod, "/metadata/deletionTimestamp").is_empty()
}

/// The uid of whoever manages an object; empty if nobody does.
pub fn controller(object: &Value) -> &str {
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
        let now = change.object.as_ref();
        if key.starts_with("/registry/deployments/") {
            self.rollouts.deployment(&self.objects, before, now);
        } else if key.starts_with("/registry/pods/") {
            let found = self.rollouts.pod(&self.objects, before, now);
            self.found(change, found);
        }
        let Some(now) = now else { return };
        if key.starts_with(CLAIMS) {
            self.claim(change, now);
        } else if TOLD.contains(&key) {
            self.renewed(change, now);
        } else if key.starts_with("/registry/pods/") {
            self.pod(change, before, now);
        } else if key.starts_with("/registry/replicasets/") {
            let found = self.rollouts.set(&self.objects, now);
            self.found(change, found);
        } else if key.starts_with("/registry/minions/") {
            self.unique(change, "/registry/minions/", "/spec/podCIDR", |_| true);
        } else if key.starts_with("/registry/services/specs/") {
            let services = "/registry/services/specs/";
            self.unique(change, services, "/spec/clusterIP", |_| true);
        }
    }

    fn found(&mut self, change: &Change, found: Option<String>) {
        if let Some(what) = found {
            self.wrong(change, what);
        }
    }

    /// Fences only grow: nobody claims under a term that has ended.
    fn claim(&mut self, change: &'c Change, now: &'c Value) {
        let fence = now["fence"].as_u64().unwrap_or(0);
        let member = text(now, "/holder");
        self.terms.insert(fence);
        let claim = Claimed { fence, member };
        let before = self.claims.insert(change.key.as_str(), claim);
        let newest = before.unwrap_or_default().fence;
        if fence < newest {
            let what = format!("{} under {fence} after {newest}", change.key);
            self.wrong(change, what);
        }
    }

    /// Whoever writes that it runs the loops has the claim.
    fn renewed(&mut self, change: &'c Change, now: &'c Value) {
        self.seen.renewals += 1;
        let writes = text(now, "/spec/holderIdentity");
        let claim = self.claims.get(TELLING).copied().unwrap_or_default();
        if writes != claim.member {
            let what = format!("{writes} writes, and {} has claimed", claim.member);
            self.wrong(change, what);
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
            self.unique(change, "/registry/pods/", "/status/podIP", |pod| {
                !has_ended(pod)
            });
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
        let Some(&set) = set else { return };
        let is_own = |pod: &Value| controller(pod) == owner;
        let (has, wanted) = match text(set, "/kind") {
            "ReplicaSet" => (
                self.count(|pod| is_own(pod) && is_active(pod)),
                number(set, "/spec/replicas", 1),
            ),
            // What has failed may be tried again; what has succeeded or goes on may not.
            "Job" => (
                self.count(|pod| is_own(pod) && text(pod, "/status/phase") != "Failed"),
                number(set, "/spec/completions", 1),
            ),
            _ => return,
        };
        if has > wanted {
            let name = text(set, "/metadata/name");
            self.wrong(change, format!("{name} has {has} Pods and wants {wanted}"));
        }
    }

    fn pods(&self) -> impl Iterator<Item = &'c Value> {
        let pods = self.objects.range("/registry/pods/".."/registry/pods0");
        pods.map(|(_, pod)| *pod)
    }

    fn count(&self, is: impl Fn(&Value) -> bool) -> i64 {
        let count = self.pods().filter(|pod| is(pod)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// What is bound to a node fits on it: the number of Pods, and their milli-CPUs.
    fn room(&mut self, change: &Change, node: &str) {
        let key = format!("/registry/minions/{node}");
        let Some(&object) = self.objects.get(key.as_str()) else {
            return self.wrong(
                change,
                format!("{} is bound to {node}, which is not there", change.key),
            );
        };
        let on: Vec<&Value> = (self.pods())
            .filter(|pod| text(pod, "/spec/nodeName") == node)
            .filter(|pod| !has_ended(pod))
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
