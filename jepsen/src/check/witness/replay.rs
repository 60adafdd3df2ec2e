//! The operations in their order, one after the other on the model.

use super::evidence::{Evidence, Seen};
use super::gap::{self, Candidate, Pool};
use super::order::{Entry, Order};
use crate::check::truth::{Cause, Change, Truth};
use crate::check::verdict::Violation;
use crate::history::{
    Call, History, KvCall, LeaseCall, LeaseReply, Nanos, OpId, Operation, Outcome as Ended, Reply,
};
use crate::model::Store;

/// Violations of one replay: more would follow from the first.
const VIOLATIONS_MAX: usize = 16;

/// One choice between several candidates: which was taken, out of how many.
pub type Choice = (usize, usize);

/// What a replay found.
pub struct Outcome {
    /// What the store went through.
    pub truth: Truth,
    /// What contradicts it, and after how many choices that was.
    pub violations: Vec<(usize, Violation)>,
    /// The choices that were made.
    choices: Vec<Choice>,
}

impl Outcome {
    /// Choices that the first violation may rest on.
    pub fn choices_before_trouble(&self) -> &[Choice] {
        let made = self.violations.first().map_or(0, |(made, _)| *made);
        &self.choices[..made]
    }
}

/// The plan after this one: the last choice that has another alternative takes it. Nothing if all
/// were tried.
pub fn next_plan(choices: &[Choice]) -> Option<Vec<usize>> {
    let last = choices.iter().rposition(|(taken, of)| taken + 1 < *of)?;
    let mut plan: Vec<usize> = choices[..=last].iter().map(|(taken, _)| *taken).collect();
    plan[last] += 1;
    Some(plan)
}

struct Replay<'a> {
    history: &'a History,
    order: &'a Order,
    evidence: &'a Evidence,
    pool: Pool,
    plan: &'a [usize],
    out: Outcome,
    /// The latest invocation so far, and whose.
    latest: (Nanos, Option<OpId>),
}

/// Replays a history with the choices of a plan, and the first candidate where it says nothing.
pub fn replay(
    history: &History,
    order: &Order,
    evidence: &Evidence,
    store: Store,
    plan: &[usize],
) -> Outcome {
    let truth = Truth {
        store,
        ..Truth::default()
    };
    let mut replay = Replay {
        history,
        order,
        evidence,
        pool: Pool::of(history),
        plan,
        out: Outcome {
            truth,
            violations: Vec::new(),
            choices: Vec::new(),
        },
        latest: (0, None),
    };
    for (place, entry) in order.entries.iter().enumerate() {
        let operation = &history.operations[entry.index];
        replay.fill(place, entry.revision - i64::from(entry.is_write));
        replay.real_time(entry, operation);
        replay.carry_out(entry, operation);
    }
    replay.fill(order.entries.len(), order.last_revision);
    replay.out
}

impl Replay<'_> {
    fn violation(&mut self, violation: Violation) {
        if self.out.violations.len() < VIOLATIONS_MAX {
            let made = self.out.choices.len();
            self.out.violations.push((made, violation));
        }
    }

    /// Makes the revisions that nobody claims, up to one.
    fn fill(&mut self, place: usize, up_to: i64) {
        while self.out.truth.store.revision() < up_to {
            let revision = self.out.truth.store.revision() + 1;
            let before = self.order.earliest_return[place];
            let nothing = Seen::default();
            let seen = self.evidence.unclaimed.get(&revision).unwrap_or(&nothing);
            let store = &mut self.out.truth.store;
            let found = self.pool.candidates(self.history, store, seen, before);
            if found.is_empty() {
                self.unexplained(revision, seen);
                continue;
            }
            // Candidates that do the same leave the state certain, if not who it was.
            let is_same = found.iter().all(|(_, events)| *events == found[0].1);
            if !is_same {
                self.out.truth.choice.get_or_insert(revision);
            }
            let taken = match found.len() {
                1 => 0,
                of => {
                    let nth = self.out.choices.len();
                    let taken = self.plan.get(nth).copied().unwrap_or(0).min(of - 1);
                    self.out.choices.push((taken, of));
                    taken
                }
            };
            self.place(&found[taken].0, revision, found.len() == 1);
        }
    }

    fn place(&mut self, candidate: &Candidate, revision: i64, is_certain: bool) {
        let events = gap::carry_out(&mut self.out.truth.store, candidate);
        self.pool.take(candidate);
        let cause = match candidate {
            Candidate::Operation(index, _) => {
                let operation = &self.history.operations[*index];
                self.out.truth.resolved.insert(operation.id, revision);
                self.invoked(operation);
                Cause::Operation(operation.id)
            }
            Candidate::Expiry(lease) => Cause::Expiry(*lease),
        };
        self.out.truth.changes.push(Change {
            revision,
            events,
            cause,
            is_certain,
        });
    }

    /// Nobody can have made a revision. Says who else may have, and goes on with what was seen.
    fn unexplained(&mut self, revision: i64, seen: &Seen) {
        let made = |operation: &&Operation| gap::could_have_made(operation, seen);
        let mut suspects = self.history.operations.iter();
        let suspect = suspects.find(made);
        let what = match seen.events.first() {
            Some(event) => format!("{:?} of {}", event.kind, event.kv.key),
            None => "a change that nobody saw".to_owned(),
        };
        let (rule, text) = match suspect.map(|one| &one.outcome) {
            Some(Ended::Failed { code, .. }) => (
                "witness.failed-took-effect",
                format!("revision {revision} ({what}) was made by an operation refused as {code}"),
            ),
            Some(_) => (
                "witness.applied-twice",
                format!("revision {revision} ({what}) repeats an operation that has its place"),
            ),
            None => (
                "witness.phantom",
                format!("nobody can have made revision {revision} ({what})"),
            ),
        };
        let suspect = suspect.map(|one| one.id);
        self.violation(Violation::new(rule, text).at(revision).by(suspect));
        self.out.truth.store.impose(revision, &seen.events);
        self.out.truth.changes.push(Change {
            revision,
            events: seen.events.clone(),
            cause: Cause::Nobody,
            is_certain: true,
        });
    }

    /// Nobody is placed behind an operation that began when he had returned.
    fn real_time(&mut self, entry: &Entry, operation: &Operation) {
        let (latest, by) = self.latest;
        if operation.returned() < latest {
            let text = format!(
                "operation {} answered with revision {} at {} ns, but an operation invoked later, \
                 at {latest} ns, has an earlier place",
                operation.id,
                entry.revision,
                operation.returned()
            );
            let evidence = by.into_iter().chain([operation.id]);
            let rule = match entry.is_local {
                true => "witness.future",
                false => "witness.real-time",
            };
            let violation = Violation::new(rule, text);
            self.violation(violation.by(evidence).at(entry.revision));
        }
        if !entry.is_local {
            self.invoked(operation);
        }
    }

    fn invoked(&mut self, operation: &Operation) {
        if operation.invoke >= self.latest.0 {
            self.latest = (operation.invoke, Some(operation.id));
        }
    }

    fn carry_out(&mut self, entry: &Entry, operation: &Operation) {
        match (&operation.call, &operation.outcome) {
            (Call::Kv(call), Ended::Ok(Reply::Kv { reply, .. })) => {
                self.kv(entry, operation, call, reply);
            }
            (Call::Lease(call), Ended::Ok(Reply::Lease { reply, .. })) => {
                self.lease(entry, operation, call, reply);
            }
            _ => {}
        }
    }

    fn kv(
        &mut self,
        entry: &Entry,
        operation: &Operation,
        call: &KvCall,
        reply: &crate::history::KvReply,
    ) {
        let store = &mut self.out.truth.store;
        if entry.is_write && store.revision() != entry.revision - 1 {
            let text = format!(
                "operation {} claims revision {}, which was made already",
                operation.id, entry.revision
            );
            let other = self.out.truth.author(entry.revision);
            let evidence = other.into_iter().chain([operation.id]);
            let violation = Violation::new("witness.revision-reused", text);
            self.violation(violation.by(evidence).at(entry.revision));
            return;
        }
        gap::know_leases(store, call);
        let (expected, events) = match store.apply(call) {
            Ok(answer) => (Ok(answer.reply), answer.events),
            Err(refusal) => (Err(refusal), Vec::new()),
        };
        let is_right = expected.as_ref() == Ok(reply);
        let does_write = !events.is_empty();
        if does_write && !entry.is_write {
            store.take_back(&events);
        }
        if is_right && does_write == entry.is_write {
            self.made(entry, operation, events);
            return;
        }
        let text = format!(
            "operation {} was answered {} at revision {}; the store would answer {}",
            operation.id,
            brief(reply),
            entry.revision,
            brief(&expected),
        );
        let authors = self.authors(call, entry.revision);
        let evidence = authors.into_iter().chain([operation.id]);
        let rule = match entry.is_write {
            true => "witness.write-answer",
            false => "witness.read-answer",
        };
        let violation = Violation::new(rule, text);
        self.violation(violation.by(evidence).at(entry.revision));
        self.made(entry, operation, events);
    }

    /// Writes down that an operation made its revision.
    fn made(&mut self, entry: &Entry, operation: &Operation, events: Vec<crate::history::Event>) {
        if !entry.is_write {
            return;
        }
        if events.is_empty() {
            self.out.truth.store.impose(entry.revision, &[]);
        }
        self.out.truth.changes.push(Change {
            revision: entry.revision,
            events,
            cause: Cause::Operation(operation.id),
            is_certain: true,
        });
    }

    /// Operations that wrote what a request should have seen.
    fn authors(&self, call: &KvCall, revision: i64) -> Vec<OpId> {
        let mut authors = Vec::new();
        for range in ranges(call) {
            let found = self.out.truth.store.range_at(range, revision);
            let newest = found.iter().map(|kv| kv.mod_revision);
            let mut revisions: Vec<i64> = newest.collect();
            if range.is_one() && revisions.is_empty() {
                let versions = self.out.truth.store.versions(&range.key);
                revisions.extend(versions.last().map(|kv| kv.mod_revision));
            }
            authors.extend(
                revisions
                    .into_iter()
                    .filter_map(|one| self.out.truth.author(one)),
            );
        }
        authors.sort_unstable();
        authors.dedup();
        authors.truncate(8);
        authors
    }

    fn lease(
        &mut self,
        entry: &Entry,
        operation: &Operation,
        call: &LeaseCall,
        reply: &LeaseReply,
    ) {
        let store = &mut self.out.truth.store;
        match (call, reply) {
            (_, LeaseReply::Granted { id, .. }) => {
                let _ = store.grant(*id);
            }
            (LeaseCall::Revoke { id }, LeaseReply::Revoked) => {
                let left = store.keys_of(*id);
                if let Some(key) = left.first() {
                    let text = format!("lease {id} was revoked and {key} still hangs on it");
                    let author = store.get(key).map_or(0, |kv| kv.mod_revision);
                    let author = self.out.truth.author(author);
                    let evidence = author.into_iter().chain([operation.id]);
                    let violation = Violation::new("witness.revoke-left-keys", text);
                    self.violation(violation.by(evidence).at(entry.revision));
                }
            }
            _ => {}
        }
    }
}

/// Every range that a request reads or compares.
fn ranges(call: &KvCall) -> Vec<&crate::history::KeyRange> {
    match call {
        KvCall::Range(range) => vec![&range.range],
        KvCall::Delete(delete) => vec![&delete.range],
        KvCall::Put(_) => Vec::new(),
        KvCall::Txn(txn) => {
            let compared = txn.compare.iter().map(|one| &one.range);
            let branches = txn.success.iter().chain(&txn.failure);
            compared.chain(branches.flat_map(ranges)).collect()
        }
    }
}

/// The beginning of a debug text.
fn brief(what: &impl std::fmt::Debug) -> String {
    let text = format!("{what:?}");
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
