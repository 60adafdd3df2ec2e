//! Elections: who led, by the keys of the store, and what candidates and observers were told.
//!
//! The oldest key of an election is its leader's. *A pass proves*: whoever was told that it is elected led, and
//! not only after it had been told; who proclaimed or resigned did it to the own key; whoever asked was told who led
//! at the revision of the answer, which was not older than what anybody had seen before the question; and
//! observers were told of leaders only while they led, in the order in which they came. That two never lead at one
//! time follows: one key is the oldest. What a leader does *beside* the store after its lease has ended is for
//! fences to refuse (`set`).
//!
//! A refusal and an answer that did not come are no evidence here; the witness places what they wrote.

use super::truth::{Cause, Truth};
use super::verdict::{Court, Finding, Violation};
use crate::history::{
    Blob, Call, EventKind, Header, History, KeyRange, KeyValue, LockCall, LockReply, Nanos,
    Operation, Outcome, Reply,
};
use std::collections::{BTreeMap, HashMap};

/// One key as the oldest of its election.
#[derive(Clone, Debug)]
struct Reign {
    key: Blob,
    created: i64,
    from: i64,
    /// The revision at which it was over; nothing if it never was.
    until: Option<i64>,
}

impl Reign {
    fn covers(&self, from: i64, until: Option<i64>) -> bool {
        self.until.is_none_or(|end| from < end) && until.is_none_or(|end| self.from < end)
    }
}

/// Everything that answers are compared with.
struct Truths<'a> {
    history: &'a History,
    truth: &'a Truth,
    first_seen: Vec<(i64, Nanos)>,
    reigns: HashMap<Blob, Vec<Reign>>,
}

/// Checks every answer of an election.
pub fn check(history: &History, truth: &Truth) -> Finding {
    let mut court = Court::new("election");
    let mut names: Vec<&Blob> = history.operations.iter().filter_map(election).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return court.close();
    }
    let truths = Truths {
        history,
        truth,
        first_seen: truth.first_seen(history),
        reigns: names
            .into_iter()
            .map(|name| (name.clone(), reigns(truth, name)))
            .collect(),
    };
    for operation in &history.operations {
        let Call::Lock(call) = &operation.call else {
            continue;
        };
        let Outcome::Ok(Reply::Lock { header, reply }) = &operation.outcome else {
            continue;
        };
        court.look(1);
        if let Some((rule, text)) = truths.wrong(operation, call, header, reply) {
            let violation = Violation::new(rule, text).by([operation.id]);
            court.weigh(violation.at(header.revision), truth.choice);
        }
    }
    court.close()
}

/// The election that a request names.
fn election(operation: &Operation) -> Option<&Blob> {
    match &operation.call {
        Call::Lock(
            LockCall::Campaign { name, .. }
            | LockCall::Leader { name }
            | LockCall::Observe { name },
        ) => Some(name),
        _ => None,
    }
}

/// The keys of an election.
fn candidates(name: &Blob) -> KeyRange {
    let mut prefix = name.to_vec();
    prefix.push(b'/');
    KeyRange::prefix(prefix)
}

/// All leaders of an election, one after the other.
fn reigns(truth: &Truth, name: &Blob) -> Vec<Reign> {
    let range = candidates(name);
    let mut alive: BTreeMap<i64, Blob> = BTreeMap::new();
    let mut reigns: Vec<Reign> = Vec::new();
    for change in &truth.changes {
        let ours = change
            .events
            .iter()
            .filter(|one| range.contains(&one.kv.key));
        for event in ours {
            match event.kind {
                EventKind::Put => {
                    alive.insert(event.kv.create_revision, event.kv.key.clone());
                }
                EventKind::Delete => alive.retain(|_, key| *key != event.kv.key),
            }
        }
        let leader = alive.first_key_value();
        let last = reigns.last_mut().filter(|last| last.until.is_none());
        if last.as_ref().map(|last| last.created) == leader.map(|(created, _)| *created) {
            continue;
        }
        if let Some(last) = last {
            last.until = Some(change.revision);
        }
        reigns.extend(leader.map(|(created, key)| Reign {
            key: key.clone(),
            created: *created,
            from: change.revision,
            until: None,
        }));
    }
    reigns
}

type Wrong = Option<(&'static str, String)>;

impl Truths<'_> {
    /// What is wrong with an answer.
    fn wrong(
        &self,
        operation: &Operation,
        call: &LockCall,
        header: &Header,
        reply: &LockReply,
    ) -> Wrong {
        match (call, reply) {
            (LockCall::Campaign { name, .. }, LockReply::Elected { key, revision }) => {
                self.elected(operation, name, key, *revision)
            }
            (LockCall::Leader { name }, LockReply::Leader { kv }) => {
                self.leader(operation, name, kv, header.revision)
            }
            (LockCall::Observe { name }, LockReply::Observed { kvs }) => self.observed(name, kvs),
            (LockCall::Proclaim { key, value, .. }, LockReply::Done) => {
                let found = self.truth.store.get_at(key, header.revision);
                let is_there = found
                    .is_some_and(|kv| kv.value == *value && kv.mod_revision == header.revision);
                let text = || format!("{key} was said to proclaim {value}, and was {found:?}");
                (!is_there).then(|| ("election.proclaimed", text()))
            }
            (LockCall::Resign { key, revision, .. }, LockReply::Done) => {
                let found = self.truth.store.get_at(key, header.revision);
                let is_there = found.is_some_and(|kv| kv.create_revision == *revision);
                let text = || format!("{key} was said to be gone at {}", header.revision);
                is_there.then(|| ("election.resigned", text()))
            }
            _ => None,
        }
    }

    fn reigns(&self, name: &Blob) -> &[Reign] {
        self.reigns.get(name).map_or(&[], Vec::as_slice)
    }

    fn elected(&self, operation: &Operation, name: &Blob, key: &Blob, created: i64) -> Wrong {
        let mut reigns = self.reigns(name).iter();
        let Some(reign) = reigns.find(|one| one.created == created && one.key == *key) else {
            let text = format!("{key} of {created} was elected and never led {name}");
            return Some(("election.none", text));
        };
        // Who makes room at a known time makes it before the next one leads. The end of a lease has no such time.
        let Some(Cause::Operation(op)) = self.truth.change(reign.from).map(|one| one.cause) else {
            return None;
        };
        let operations = &self.history.operations;
        let began = operations.iter().find(|one| one.id == op)?.invoke;
        let told = operation.complete?;
        (told < began).then(|| {
            let text =
                format!("{key} was elected at {told} ns, before anybody made room at {began}");
            ("election.early", text)
        })
    }

    fn leader(&self, operation: &Operation, name: &Blob, kv: &KeyValue, revision: i64) -> Wrong {
        let before = self
            .first_seen
            .partition_point(|(_, at)| *at < operation.invoke);
        let known = before.checked_sub(1).map_or(1, |at| self.first_seen[at].0);
        if revision < known {
            let text = format!("who led at {revision} was told when {known} had been seen");
            return Some(("election.stale", text));
        }
        let mut reigns = self.reigns(name).iter();
        let reign = reigns.find(|one| one.covers(revision, Some(revision + 1)));
        let leader = reign.and_then(|one| self.truth.store.get_at(&one.key, revision));
        (leader != Some(kv)).then(|| {
            let text = format!("{kv:?} was said to lead at {revision}, and {leader:?} did");
            ("election.leader", text)
        })
    }

    fn observed(&self, name: &Blob, kvs: &[KeyValue]) -> Wrong {
        let place = |kv: &KeyValue| (kv.create_revision, kv.mod_revision);
        if let Some(pair) = kvs.windows(2).find(|two| place(&two[0]) >= place(&two[1])) {
            let text = format!("{:?} was told after {:?}", pair[1], pair[0]);
            return Some(("election.order", text));
        }
        let led = |kv: &KeyValue| {
            let versions = self.truth.store.versions(&kv.key);
            let at = versions.iter().position(|one| one == kv)?;
            let next = versions.get(at + 1).map(|one| one.mod_revision);
            let mut reigns = self.reigns(name).iter();
            reigns
                .find(|one| one.created == kv.create_revision && one.covers(kv.mod_revision, next))
        };
        let stranger = kvs.iter().find(|kv| led(kv).is_none())?;
        let text = format!("{stranger:?} was told to lead {name}, and did not");
        Some(("election.observed", text))
    }
}
