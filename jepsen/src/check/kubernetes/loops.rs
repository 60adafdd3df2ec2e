//! What control loops did, and what was there when they had nothing more to do.

use super::chronicle::Chronicle;
use super::selection::{has_any, is_going, text};
use super::{Court, Finding, Violation, requests};
use crate::history::{History, Nanos, Observation};
use keelson_kit::kubernetes::Change;
use keelson_kit::kubernetes::judge::{controller, is_active, judge, number};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Instant;

/// Namespaces of the load begin so.
const SPACE: &str = "jepsen-loops";
/// By this long after the last fault and the last wish of a user, everything is as it was wished.
const CONVERGES: Nanos = 60_000_000_000;
/// And then nothing changed for so long.
const QUIET: Nanos = 8_000_000_000;
/// Where a Job says which of its parts a Pod is.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// *A pass proves* that at every revision each Pod had a slot of its owner, no Deployment had more Pods or fewer available
/// ones than its rollout may have, no node had more than fits, no address was given twice; that claims of loops never went
/// back to a term that had ended, and who had no claim did not say that it runs them; that each index of a Job had one live
/// Pod at most, and none any more after it had succeeded; and that within a minute after the last fault and the last wish
/// everything was as it was wished, nothing was there without its owner, and nothing was written any more.
pub fn check(history: &History, chronicle: &Chronicle) -> Finding {
    let mut court = Court::new("loops");
    let changes = changes(chronicle);
    let (seen, violations) = judge(&changes);
    court.look(seen.pods + seen.bound);
    for violation in violations {
        let found = Violation::new("loops.rule", violation.what);
        court.violation(found.at(violation.revision));
    }
    indexes(&mut court, &changes);
    settled(&mut court, history, chronicle);
    let end = End::of(chronicle);
    for (rule, text) in end.wrong() {
        court.violation(Violation::new(rule, text).at(chronicle.last));
    }
    if seen.pods == 0 || seen.terms == 0 {
        court.doubt(format!("loops.idle: nothing was there to judge: {seen:?}"));
    }
    court.close()
}

/// All changes of all keys, in the order of revisions. When they were seen is no matter.
fn changes(chronicle: &Chronicle) -> Vec<Change> {
    let at = Instant::now();
    let mut changes = Vec::new();
    for prefix in ["/keelson/kubernetes/claims/", "/registry/"] {
        for (key, versions) in chronicle.below(prefix) {
            changes.extend(versions.iter().map(|version| Change {
                revision: version.revision,
                key: key.to_owned(),
                object: version.object.clone(),
                at,
            }));
        }
    }
    changes.sort_by(|one, other| (one.revision, &one.key).cmp(&(other.revision, &other.key)));
    changes
}

/// An index of a Job has one live Pod, and none after it has succeeded.
fn indexes(court: &mut Court, changes: &[Change]) {
    let mut pods: HashMap<&str, &Value> = HashMap::new();
    let mut done: HashSet<(String, String)> = HashSet::new();
    for change in changes {
        let key = change.key.as_str();
        if !key.starts_with("/registry/pods/") {
            continue;
        }
        let Some(now) = &change.object else {
            pods.remove(key);
            continue;
        };
        let before = pods.insert(key, now);
        let Some(of) = index(now) else { continue };
        if before.is_none() {
            let same = |pod: &&&Value| index(pod).as_ref() == Some(&of) && is_active(pod);
            let live = pods.values().filter(same).count();
            let found = match done.contains(&of) {
                true => Some(("loops.index-again", "which has succeeded".to_owned())),
                false => (live > 1).then(|| ("loops.index-twice", format!("which has {live}"))),
            };
            if let Some((rule, what)) = found {
                let text = format!("{key} is made for index {} of a Job, {what}", of.1);
                court.violation(Violation::new(rule, text).at(change.revision));
            }
        }
        if text(now, "/status/phase") == "Succeeded" {
            done.insert(of);
        }
    }
}

/// The Job and the index that a Pod is for.
fn index(pod: &Value) -> Option<(String, String)> {
    let index = pod["metadata"]["annotations"][INDEX].as_str()?;
    Some((controller(pod).to_owned(), index.to_owned()))
}

/// If a key is of the load, and of something that is to come to rest.
fn is_state(key: &str) -> bool {
    let told = ["/registry/events/", "/registry/leases/"];
    key.contains(SPACE) && !told.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether the last change came soon enough, and whether it was waited long enough to know that it was the last.
fn settled(court: &mut Court, history: &History, chronicle: &Chronicle) {
    let steps = history.faults.iter().flat_map(|fault| &fault.steps);
    let faults = steps.map(|(at, _)| *at);
    let wishes = requests(history).filter(|(_, call)| call.asks_for_change());
    let wishes = wishes.map(|(one, _)| one.complete.unwrap_or(one.invoke));
    let since = faults.chain(wishes).max().unwrap_or(0);
    let mut last = (0, "");
    for (key, versions) in chronicle.below("/registry/") {
        if let Some(version) = versions.last()
            && is_state(key)
            && version.seen > last.0
        {
            last = (version.seen, key);
        }
    }
    let ends = history.observations.iter();
    let ends = ends.filter(|(_, one)| matches!(one, Observation::Recovered { .. }));
    let end = ends.map(|(at, _)| *at).next_back().unwrap_or(0);
    let seconds = |ns: Nanos| ns as f64 / 1e9;
    if last.0 > since + CONVERGES {
        let text = format!(
            "{} changes {:.1} s after the last fault and the last wish",
            last.1,
            seconds(last.0 - since)
        );
        court.violation(Violation::new("loops.slow", text));
    } else if last.0 + QUIET > end {
        court.doubt(format!(
            "loops.unsettled: {} changed {:.1} s before the end, which is too late to know that nothing follows",
            last.1,
            seconds(end.saturating_sub(last.0))
        ));
    }
}

/// What is there in the end.
struct End<'c> {
    objects: BTreeMap<&'c str, &'c Value>,
}

/// A rule, and how it does not hold.
type Wrong = (&'static str, String);

impl<'c> End<'c> {
    fn of(chronicle: &'c Chronicle) -> End<'c> {
        let state = chronicle.state("/registry/", chronicle.last);
        let objects = state.into_iter().filter(|(key, ..)| is_state(key));
        End {
            objects: objects.map(|(key, _, object)| (key, object)).collect(),
        }
    }

    fn kind(&self, resource: &str) -> impl Iterator<Item = (&'c str, &'c Value)> {
        let prefix = format!("/registry/{resource}/");
        let objects = self.objects.iter();
        let of_kind = objects.filter(move |(key, _)| key.starts_with(&prefix));
        let of_kind: Vec<_> = of_kind.map(|(key, object)| (*key, *object)).collect();
        of_kind.into_iter()
    }

    /// Active and ready Pods of an owner.
    fn pods(&self, owner: &Value) -> (i64, i64) {
        let uid = text(owner, "/metadata/uid");
        let own: Vec<&Value> = (self.kind("pods"))
            .filter(|(_, pod)| controller(pod) == uid && is_active(pod))
            .map(|(_, pod)| pod)
            .collect();
        let is_ready = |pod: &&&Value| {
            let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
            let mut conditions = conditions.into_iter().flatten();
            conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
        };
        let ready = own.iter().filter(is_ready).count();
        (own.len() as i64, ready as i64)
    }

    fn wrong(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        for (key, set) in self.kind("replicasets") {
            self.replicas(&mut wrong, key, set);
        }
        for (key, deployment) in self.kind("deployments") {
            self.deployment(&mut wrong, key, deployment);
        }
        for (key, job) in self.kind("jobs") {
            job_is_done(&mut wrong, key, job);
        }
        self.orphans(&mut wrong);
        self.namespaces(&mut wrong);
        wrong
    }

    fn replicas(&self, wrong: &mut Vec<Wrong>, key: &str, set: &Value) {
        let (wanted, has) = (number(set, "/spec/replicas", 1), self.pods(set));
        let said = [
            number(set, "/status/replicas", 0),
            number(set, "/status/readyReplicas", 0),
        ];
        if has != (wanted, wanted) || said != [wanted; 2] {
            let text = format!("{key} wants {wanted} Pods, has {has:?}, and says {said:?}");
            wrong.push(("loops.not-converged", text));
        }
    }

    fn deployment(&self, wrong: &mut Vec<Wrong>, key: &str, deployment: &Value) {
        let wanted = number(deployment, "/spec/replicas", 1);
        let uid = text(deployment, "/metadata/uid");
        let sets = self.kind("replicasets");
        let sets = sets.filter(|(_, set)| controller(set) == uid);
        let in_use = sets
            .filter(|(_, set)| number(set, "/spec/replicas", 1) > 0)
            .count();
        let seen = number(deployment, "/status/observedGeneration", 0);
        let counts = [
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
        ];
        let counts = counts.map(|field| number(deployment, &format!("/status/{field}"), 0));
        let is_done = counts == [wanted; 4]
            && seen == number(deployment, "/metadata/generation", 0)
            && in_use == usize::from(wanted > 0);
        if !is_done {
            let text = format!(
                "{key} wants {wanted} Pods and says {counts:?} of generation {seen}, with {in_use} sets in use"
            );
            wrong.push(("loops.not-converged", text));
        }
    }

    /// Whoever has owners has one that is there; nobody waits for an end any more.
    fn orphans(&self, wrong: &mut Vec<Wrong>) {
        let uids: BTreeSet<&str> = (self.objects.values())
            .map(|object| text(object, "/metadata/uid"))
            .collect();
        for (key, object) in &self.objects {
            let owners = object["metadata"]["ownerReferences"].as_array();
            let mut owners = owners.into_iter().flatten();
            let is_gone = |owner: &Value| !uids.contains(text(owner, "/uid"));
            if has_any(object, "/metadata/ownerReferences") && owners.all(is_gone) {
                wrong.push(("loops.orphan", format!("{key} has no owner any more")));
            }
            if is_going(object) {
                wrong.push(("loops.not-gone", format!("{key} was to go and is there")));
            }
        }
    }

    /// Nothing is in a namespace that is not there.
    fn namespaces(&self, wrong: &mut Vec<Wrong>) {
        for key in self.objects.keys() {
            let mut words = key.split('/').skip(3);
            let (Some(space), Some(_)) = (words.next(), words.next()) else {
                continue;
            };
            let home = format!("/registry/namespaces/{space}");
            if space.starts_with(SPACE) && !self.objects.contains_key(home.as_str()) {
                let text = format!("{key} is in a namespace that is gone");
                wrong.push(("loops.homeless", text));
            }
        }
    }
}

fn job_is_done(wrong: &mut Vec<Wrong>, key: &str, job: &Value) {
    let wanted = number(job, "/spec/completions", 1);
    let succeeded = number(job, "/status/succeeded", 0);
    let conditions = job["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let is_complete = conditions.any(|one| one["type"] == "Complete" && one["status"] == "True");
    if !is_complete || succeeded != wanted {
        let text = format!("{key} has succeeded {succeeded} times of {wanted}");
        wrong.push(("loops.not-converged", text));
    }
}
