//! Who made each version of an object, and whether it might.
//!
//! Every write carries a tag of its own, so that each version names the request that made it ([`Authors`]).

use super::chronicle::{Chronicle, Version};
use super::selection::{Named, has_any, is_going, text};
use super::time::Times;
use super::{Court, Finding, Violation, requests};
use crate::history::{History, HttpCall, Nanos, Operation, Outcome};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Where a request says which it is, if it is about all of an object.
const TAG: &str = "/metadata/annotations/op";
/// The same, if it is about its status.
const STATUS_TAG: &str = "/status/loadBalancer/ingress/0/hostname";

/// Which request made which version.
#[derive(Clone, Debug, Default)]
pub struct Authors {
    /// Positions of operations by key and revision.
    by_version: HashMap<(String, i64), usize>,
    /// Revisions that an operation made, by its position: one, if all is well.
    by_operation: HashMap<usize, Vec<i64>>,
    /// The keys that are judged.
    keys: BTreeSet<String>,
    /// Where requests have tags.
    tagged: BTreeSet<String>,
}

/// The part of an object that a request is about.
fn part(call: &HttpCall) -> Option<String> {
    Named::of(&call.path)?.part
}

fn tag(call: &HttpCall) -> &str {
    match part(call).as_deref() {
        Some("status") => text(&call.body, STATUS_TAG),
        _ => text(&call.body, TAG),
    }
}

impl Authors {
    /// Finds them.
    pub fn of(history: &History, chronicle: &Chronicle) -> Authors {
        let mut authors = Authors::default();
        let mut by_tag: HashMap<&str, usize> = HashMap::new();
        for (at, operation) in history.operations.iter().enumerate() {
            let crate::history::Call::Http(call) = &operation.call else {
                continue;
            };
            if call.asks_for_change() && !tag(call).is_empty() {
                by_tag.insert(tag(call), at);
                authors
                    .tagged
                    .extend(Named::of(&call.path).map(|named| named.prefix));
            }
        }
        for prefix in authors.tagged.clone() {
            for (key, versions) in chronicle.below(&prefix) {
                authors.walk(key, versions, &by_tag);
            }
        }
        authors
    }

    fn walk(&mut self, key: &str, versions: &[Version], by_tag: &HashMap<&str, usize>) {
        let mut before = &Value::Null;
        for version in versions {
            let Some(now) = &version.object else {
                before = &Value::Null;
                continue;
            };
            let new = [TAG, STATUS_TAG].map(|at| text(now, at));
            let old = [TAG, STATUS_TAG].map(|at| text(before, at));
            if !new[0].is_empty() {
                // Others make objects of their own beside those of the load.
                self.keys.insert(key.to_owned());
            }
            let changed = (0..2).find(|i| !new[*i].is_empty() && new[*i] != old[*i]);
            if let Some(at) = changed.and_then(|i| by_tag.get(new[i])) {
                let of = (key.to_owned(), version.revision);
                self.by_version.insert(of, *at);
                let made = self.by_operation.entry(*at).or_default();
                made.push(version.revision);
            }
            before = now;
        }
    }

    /// If writes of these objects have tags.
    pub fn are_known(&self, prefix: &str) -> bool {
        self.tagged.contains(prefix)
    }

    /// The position of the operation that made a version.
    pub fn author(&self, key: &str, revision: i64) -> Option<usize> {
        self.by_version.get(&(key.to_owned(), revision)).copied()
    }

    /// When those who made a revision asked for it, and the revision.
    pub fn made<'a>(&'a self, history: &'a History) -> impl Iterator<Item = (Nanos, i64)> + 'a {
        let all = self.by_operation.iter();
        all.flat_map(|(at, revisions)| {
            let asked = history.operations[*at].invoke;
            revisions.iter().map(move |revision| (asked, *revision))
        })
    }
}

/// *A pass proves* for every object of the load: each of its versions was made by one request that was asked for before,
/// was not refused, made no other version, and based on the version and uid that it named, so that of requests that name
/// the same version one won at most; it changed what it was to change and nothing else; generations rose with what is
/// wanted and with nothing else; a uid never changed and never came back; nothing went that was not deleted by a request
/// that meant it, nor while finalizers held it; and an object that was to go never stayed.
pub fn check(
    history: &History,
    chronicle: &Chronicle,
    authors: &Authors,
    times: &Times,
) -> Finding {
    let mut court = Court::new("objects");
    let mut walk = Walk {
        history,
        authors,
        times,
        removals: removals(history),
        gone: HashSet::new(),
        known: HashSet::new(),
    };
    for key in &authors.keys {
        let versions = chronicle.versions(key);
        court.look(versions.len());
        walk.key(&mut court, key, versions);
    }
    for (at, revisions) in &authors.by_operation {
        if let [first, second, ..] = revisions.as_slice() {
            let op = history.operations[*at].id;
            let text = format!("operation {op} made revision {first} and {second}");
            court.violation(
                Violation::new("objects.applied-twice", text)
                    .by([op])
                    .at(*second),
            );
        }
    }
    court.close()
}

/// Requests by key that may take an object away, with their calls.
type Removals<'h> = HashMap<String, Vec<(&'h Operation, &'h HttpCall)>>;

fn removals(history: &History) -> Removals<'_> {
    let mut removals = Removals::new();
    for (operation, call) in requests(history) {
        let is_refused = matches!(operation.outcome, Outcome::Failed { .. });
        let removes = call.method == "DELETE" || empties_finalizers(call);
        if let Some(key) = Named::of(&call.path).and_then(|named| named.key(call))
            && removes
            && !is_refused
        {
            removals.entry(key).or_default().push((operation, call));
        }
    }
    removals
}

/// If an object has no finalizers after this change.
fn empties_finalizers(call: &HttpCall) -> bool {
    let given = call.body.pointer("/metadata/finalizers");
    let is_empty = given.is_some_and(|one| one.is_null() || *one == Value::Array(Vec::new()));
    match call.method.as_str() {
        "PUT" => is_empty || given.is_none(),
        "PATCH merge" => is_empty,
        _ => false,
    }
}

struct Walk<'h> {
    history: &'h History,
    authors: &'h Authors,
    times: &'h Times,
    removals: Removals<'h>,
    /// Uids of objects that are gone.
    gone: HashSet<String>,
    /// Uids of all objects so far.
    known: HashSet<String>,
}

impl Walk<'_> {
    fn key(&mut self, court: &mut Court, key: &str, versions: &[Version]) {
        let mut before: Option<(&Value, i64)> = None;
        for version in versions {
            let revision = version.revision;
            let mut found: Vec<Violation> = Vec::new();
            match (&version.object, before) {
                (Some(now), None) => self.created(&mut found, key, version, now),
                (Some(now), Some(before)) => {
                    self.changed(&mut found, key, version, now, before);
                }
                (None, Some(before)) => self.removed(&mut found, key, version, before),
                (None, None) => {}
            }
            for violation in found {
                court.violation(violation.at(revision));
            }
            before = version.object.as_ref().map(|now| (now, revision));
        }
    }

    fn created(&mut self, found: &mut Vec<Violation>, key: &str, version: &Version, now: &Value) {
        let uid = text(now, "/metadata/uid");
        if self.gone.contains(uid) || !self.known.insert(uid.to_owned()) {
            let text = format!("{key} is made with uid {uid}, which there was before");
            found.push(Violation::new("objects.uid-again", text));
        }
        if self.authors.author(key, version.revision).is_none() {
            let text = format!("{key} is made at {} and nobody asked", version.revision);
            found.push(Violation::new("objects.nobody", text));
        }
        self.authored(found, key, version, now, None);
    }

    fn changed(
        &mut self,
        found: &mut Vec<Violation>,
        key: &str,
        version: &Version,
        now: &Value,
        before: (&Value, i64),
    ) {
        let (old, _) = before;
        let kept = [
            "/metadata/uid",
            "/metadata/name",
            "/metadata/creationTimestamp",
        ];
        if let Some(other) = kept.iter().find(|at| text(now, at) != text(old, at)) {
            let text = format!("{other} of {key} changes at {}", version.revision);
            found.push(Violation::new("objects.identity", text));
        }
        if is_going(old) && !is_going(now) {
            let text = format!("{key} was to go and stays at {}", version.revision);
            found.push(Violation::new("objects.stays", text));
        }
        let begins_to_go = !is_going(old) && is_going(now);
        generation(found, key, (old, now), begins_to_go);
        if self.authors.author(key, version.revision).is_some() {
            self.authored(found, key, version, now, Some(before));
        } else if !begins_to_go {
            let text = format!("{key} changes at {} and nobody asked", version.revision);
            found.push(Violation::new("objects.nobody", text));
        } else {
            found.extend(self.taken(key, version, before, false));
        }
    }

    fn removed(
        &mut self,
        found: &mut Vec<Violation>,
        key: &str,
        version: &Version,
        before: (&Value, i64),
    ) {
        let (old, _) = before;
        self.gone.insert(text(old, "/metadata/uid").to_owned());
        let is_held = has_any(old, "/metadata/finalizers");
        if is_held && !is_going(old) {
            let text = format!(
                "{key} goes at {} though finalizers hold it",
                version.revision
            );
            return found.push(Violation::new("objects.finalizers", text));
        }
        found.extend(self.taken(key, version, before, is_held));
    }

    /// What is wrong unless somebody took an object away, or a finalizer from one that waits for its end, and meant this
    /// one.
    fn taken(
        &self,
        key: &str,
        version: &Version,
        (old, revision): (&Value, i64),
        is_held: bool,
    ) -> Option<Violation> {
        let is_meant = |(operation, call): &&(&Operation, &HttpCall)| {
            let deletes = call.method == "DELETE";
            let at = if deletes {
                "/preconditions"
            } else {
                "/metadata"
            };
            let wanted = call.body.pointer(at).unwrap_or(&Value::Null);
            operation.invoke <= version.seen
                && deletes != is_held
                && names(wanted, text(old, "/metadata/uid"), revision)
        };
        let mut all = self.removals.get(key).into_iter().flatten();
        match all.any(|one| is_meant(&one)) {
            true => None,
            false => {
                let what = if is_held { "lets go" } else { "is taken away" };
                let text = format!(
                    "{key} {what} at {}, and nobody asked for that of version {revision}",
                    version.revision
                );
                Some(Violation::new("objects.taken", text))
            }
        }
    }

    /// The request that made a version might.
    fn authored(
        &self,
        found: &mut Vec<Violation>,
        key: &str,
        version: &Version,
        now: &Value,
        before: Option<(&Value, i64)>,
    ) {
        let Some(at) = self.authors.author(key, version.revision) else {
            return;
        };
        let operation = &self.history.operations[at];
        let crate::history::Call::Http(call) = &operation.call else {
            return;
        };
        let (op, revision) = (operation.id, version.revision);
        let mut wrong = |rule: &str, text: String| {
            found.push(Violation::new(rule, text).by([op]).at(revision));
        };
        if let Outcome::Failed { code, .. } = &operation.outcome {
            wrong(
                "objects.refused-took-effect",
                format!("operation {op} was refused ({code}) and made {revision} of {key}"),
            );
        }
        let known = self.times.known_before(operation.invoke);
        if version.seen < operation.invoke || revision <= known {
            wrong(
                "objects.real-time",
                format!("operation {op} made {revision} when {known} was known already"),
            );
        }
        let wanted = &call.body["metadata"];
        let is_new = before.is_none();
        let may_create = matches!(call.method.as_str(), "POST" | "PATCH apply");
        if (call.method == "POST") != is_new && !(is_new && may_create) {
            wrong(
                "objects.name-taken",
                format!("operation {op} ({}) made {revision} of {key}", call.method),
            );
        }
        if let Some((old, base)) = before
            && !names(wanted, text(old, "/metadata/uid"), base)
        {
            let (named, uid) = (text(wanted, "/resourceVersion"), text(wanted, "/uid"));
            wrong(
                "objects.unconditional",
                format!("operation {op} named {named} {uid} of {key} and took effect on {base}"),
            );
        }
        let old = before.map_or(&Value::Null, |(old, _)| old);
        if let Some(field) = differs(call, old, now) {
            wrong(
                "objects.content",
                format!("operation {op} left another {field} in {key} than it was to"),
            );
        }
    }
}

/// If the conditions of a request, as far as it has any, name this object.
fn names(wanted: &Value, uid: &str, revision: i64) -> bool {
    let is = |at: &str, real: &str| {
        let named = text(wanted, at);
        named.is_empty() || named == real
    };
    is("/uid", uid) && is("/resourceVersion", &revision.to_string())
}

/// A generation counts changes of what is wanted, and the wish that it goes.
fn generation(found: &mut Vec<Violation>, key: &str, (old, now): (&Value, &Value), goes: bool) {
    let number = |object: &Value| {
        let generation = object.pointer("/metadata/generation");
        generation.and_then(Value::as_i64)
    };
    let (Some(before), Some(after)) = (number(old), number(now)) else {
        return;
    };
    let wanted = before + i64::from(goes || old["spec"] != now["spec"]);
    if after != wanted {
        let text = format!("{key} has generation {after} after {before}, not {wanted}");
        found.push(Violation::new("objects.generation", text));
    }
}

/// A field that is not what a request was to make of it.
fn differs(call: &HttpCall, old: &Value, now: &Value) -> Option<&'static str> {
    let is_status = part(call).as_deref() == Some("status");
    let is_patch = call.method.starts_with("PATCH");
    ["data", "spec", "status"].into_iter().find(|field| {
        let wanted = match (*field == "status") == is_status {
            true if is_patch => merged(&old[field], &call.body[field]),
            true => call.body[field].clone(),
            false => old[field].clone(),
        };
        full(&wanted) != full(&now[field])
    })
}

/// A value with what a merge patch says of it.
fn merged(old: &Value, patch: &Value) -> Value {
    match patch {
        Value::Null => old.clone(),
        Value::Object(fields) => {
            let mut all = old.as_object().cloned().unwrap_or_default();
            for (name, value) in fields {
                let value = merged(all.get(name).unwrap_or(&Value::Null), value);
                all.insert(name.clone(), value);
            }
            Value::Object(all)
        }
        value => value.clone(),
    }
}

/// The same without what is empty.
fn full(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), full(value)));
            let fields: Map<String, Value> = fields.filter(|(_, value)| !value.is_null()).collect();
            match fields.is_empty() {
                true => Value::Null,
                false => Value::Object(fields),
            }
        }
        value => value.clone(),
    }
}
