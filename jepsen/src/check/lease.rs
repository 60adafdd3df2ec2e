//! Leases: not before their time, not long after it, and their keys with them.
//!
//! *A pass proves*: no lease was seen to have ended before the last keep-alive that was acknowledged
//! by then was sent, plus its time to live, less the stated tolerance of clocks; no keep-alive invoked
//! after a lease was seen to have ended succeeded; an answer with the keys of a lease named those that
//! hung on it at some moment between question and answer; and if the cluster recovered, no lease with
//! keys was left longer than its time and the stated slack after anything that may have kept it alive
//! or restarted its clock (a keep-alive, a claim that waits, a change of leader, a fault).
//!
//! That a lease ended is seen when somebody sees the revision that deleted its keys, when the server
//! says that there is no such lease, or when it refuses to attach a key to it. Leases that somebody
//! asked to revoke by then are left out, and so is what a clock that ran at another rate or leapt ahead may have
//! measured. Whether exactly the keys of a lease go is for the witness.

use super::truth::{Cause, Change, Truth, revoked_lease, seen_at};
use super::verdict::{Court, Finding, Violation};
use super::witness::is_local;
use crate::history::{
    Blob, Call, History, KvCall, LeaseCall, LeaseReply, LockCall, Nanos, Observation, OpId,
    Operation, Outcome, Reply,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const SECOND_NS: u64 = 1_000_000_000;
/// Faults that let the clock of a member, which may be the leader's, tell more time than has passed.
const OF_CLOCKS: [&str; 2] = ["clock-rate", "clock-leap"];
/// A clock is wrong for so long after its fault was taken away.
const CLOCK_SETTLES_NS: u64 = SECOND_NS / 10;

/// What kept a lease alive, or may have.
#[derive(Clone, Copy, Debug)]
struct Refresh {
    op: OpId,
    sent: Nanos,
    /// When the answer came; nothing if there was none that says yes.
    acknowledged: Option<Nanos>,
    /// Seconds, as granted.
    ttl: i64,
}

/// When a lease was seen to have ended, and by what.
#[derive(Clone, Copy, Debug)]
struct Ending {
    at: Nanos,
    op: Option<OpId>,
    revision: Option<i64>,
    /// Nothing if only the end of the lease explains it; else the revision that was a choice.
    choice: Option<i64>,
}

#[derive(Debug, Default)]
struct Life {
    refreshes: Vec<Refresh>,
    /// Until when a claim was waited for with it, which a server may keep alive for so long.
    claimed: Nanos,
    revoked: Option<Nanos>,
    endings: Vec<Ending>,
}

/// Checks every lease.
pub fn check(history: &History, truth: &Truth) -> Finding {
    let mut court = Court::new("lease");
    let mut lives: BTreeMap<i64, Life> = BTreeMap::new();
    for operation in &history.operations {
        refresh(&mut lives, operation);
        ending(&mut lives, operation);
    }
    let first_seen = truth.first_seen(history);
    for change in &truth.changes {
        if let Cause::Expiry(lease) = change.cause
            && let Some(at) = seen_at(&first_seen, change.revision)
        {
            let life = lives.entry(lease).or_default();
            life.endings.push(Ending {
                at,
                op: None,
                revision: Some(change.revision),
                choice: (!change.is_certain)
                    .then_some(change.revision)
                    .or(truth.choice),
            });
        }
    }
    court.look(lives.len());
    let wrong = wrong_clocks(history);
    for (lease, life) in &lives {
        let tolerance = history.head.limits.lease_early_ns;
        early(&mut court, *lease, life, &wrong, tolerance);
        dead(&mut court, *lease, life);
    }
    late(&mut court, history, truth, &lives);
    let invoked: HashMap<OpId, Nanos> = {
        let all = history.operations.iter();
        all.map(|operation| (operation.id, operation.invoke))
            .collect()
    };
    for operation in &history.operations {
        keys(&mut court, operation, truth, &first_seen, &invoked);
    }
    court.close()
}

fn refresh(lives: &mut BTreeMap<i64, Life>, operation: &Operation) {
    if let Call::Lock(LockCall::Lock { lease, .. } | LockCall::Campaign { lease, .. }) =
        operation.call
    {
        let claimed = &mut lives.entry(lease).or_default().claimed;
        *claimed = (*claimed).max(operation.complete.unwrap_or(Nanos::MAX));
        return;
    }
    let Call::Lease(call) = &operation.call else {
        return;
    };
    let mut add = |id: i64, acknowledged: Option<Nanos>, ttl: i64| {
        let refresh = Refresh {
            op: operation.id,
            sent: operation.invoke,
            acknowledged,
            ttl,
        };
        lives.entry(id).or_default().refreshes.push(refresh);
    };
    match (call, &operation.outcome) {
        (_, Outcome::Failed { .. }) => {}
        (_, Outcome::Ok(Reply::Lease { reply, .. })) => match (call, reply) {
            (_, LeaseReply::Granted { id, ttl }) => add(*id, operation.complete, *ttl),
            (LeaseCall::KeepAlive { id }, LeaseReply::KeptAlive { ttl }) if *ttl > 0 => {
                add(*id, operation.complete, *ttl);
            }
            _ => {}
        },
        (LeaseCall::Grant { id, ttl }, _) if *id != 0 => add(*id, None, *ttl),
        (LeaseCall::KeepAlive { id }, _) => add(*id, None, 0),
        _ => {}
    }
    if let (Some(id), false) = (
        revoked_lease(&operation.call),
        matches!(operation.outcome, Outcome::Failed { .. }),
    ) {
        let revoked = &mut lives.entry(id).or_default().revoked;
        let earlier = revoked.unwrap_or(Nanos::MAX);
        *revoked = Some(earlier.min(operation.invoke));
    }
}

/// Leases that a request attaches keys to.
fn attached(call: &KvCall) -> Vec<i64> {
    match call {
        KvCall::Put(put) if put.lease != 0 => vec![put.lease],
        KvCall::Txn(txn) => {
            let branches = txn.success.iter().chain(&txn.failure);
            branches.flat_map(attached).collect()
        }
        _ => Vec::new(),
    }
}

fn ending(lives: &mut BTreeMap<i64, Life>, operation: &Operation) {
    let Some(at) = operation.complete else {
        return;
    };
    let gone = match (&operation.call, &operation.outcome) {
        (Call::Lease(LeaseCall::KeepAlive { id }), Outcome::Ok(Reply::Lease { reply, .. })) => {
            matches!(reply, LeaseReply::KeptAlive { ttl } if *ttl <= 0).then_some(*id)
        }
        (
            Call::Lease(LeaseCall::TimeToLive { id, .. }),
            Outcome::Ok(Reply::Lease { reply, .. }),
        ) => matches!(reply, LeaseReply::TimeToLive { ttl, .. } if *ttl < 0).then_some(*id),
        (Call::Kv(call), Outcome::Failed { text, .. })
            if text.contains("requested lease not found") =>
        {
            // Of several leases in one request it is not said which is gone.
            match attached(call)[..] {
                [id] => Some(id),
                _ => None,
            }
        }
        _ => None,
    };
    if let Some(id) = gone {
        let (op, revision) = (Some(operation.id), None);
        let endings = &mut lives.entry(id).or_default().endings;
        endings.push(Ending {
            at,
            op,
            revision,
            choice: None,
        });
    }
}

fn end_of(refresh: &Refresh) -> Nanos {
    let ttl = u64::try_from(refresh.ttl).unwrap_or(0);
    refresh.sent.saturating_add(ttl.saturating_mul(SECOND_NS))
}

/// When clocks were wrong: from, to.
fn wrong_clocks(history: &History) -> Vec<(Nanos, Nanos)> {
    let mut wrong = Vec::new();
    for fault in &history.faults {
        let (Some((from, first)), Some((to, _))) = (fault.steps.first(), fault.steps.last()) else {
            continue;
        };
        if OF_CLOCKS.contains(&first.kind.as_str()) {
            wrong.push((*from, to.saturating_add(CLOCK_SETTLES_NS)));
        }
    }
    wrong
}

/// No ending is seen while an acknowledged refresh still holds.
fn early(court: &mut Court, lease: i64, life: &Life, wrong: &[(Nanos, Nanos)], tolerance: u64) {
    for ending in &life.endings {
        if life.revoked.is_some_and(|invoked| invoked <= ending.at) {
            continue;
        }
        let is_measured_right = |refresh: &&Refresh| {
            let mut wrong = wrong.iter();
            !wrong.any(|(from, to)| *from <= ending.at && refresh.sent <= *to)
        };
        let acknowledged = life
            .refreshes
            .iter()
            .filter(|refresh| refresh.acknowledged.is_some_and(|at| at <= ending.at))
            .filter(is_measured_right);
        let Some(last) = acknowledged.max_by_key(|refresh| end_of(refresh)) else {
            continue;
        };
        if ending.at.saturating_add(tolerance) < end_of(last) {
            let text = format!(
                "lease {lease} had ended at {} ns; refreshed at {} ns for {} s, it lives until {} ns",
                ending.at,
                last.sent,
                last.ttl,
                end_of(last)
            );
            let mut violation = Violation::new("lease.early", text)
                .by([last.op])
                .by(ending.op);
            violation.revision = ending.revision;
            return court.weigh(violation, ending.choice);
        }
    }
}

/// What has ended cannot be kept alive. Ids of leases are not used twice in a history.
fn dead(court: &mut Court, lease: i64, life: &Life) {
    let Some(first) = life
        .endings
        .iter()
        .filter(|one| one.revision.is_some())
        .min_by_key(|one| one.at)
    else {
        return;
    };
    let after = life
        .refreshes
        .iter()
        .find(|one| one.acknowledged.is_some() && one.sent > first.at);
    if let Some(refresh) = after {
        let text = format!(
            "lease {lease} was seen to have ended at {} ns and kept alive by a request of {} ns",
            first.at, refresh.sent
        );
        let mut violation = Violation::new("lease.kept-dead", text).by([refresh.op]);
        violation.revision = first.revision;
        court.weigh(violation, first.choice);
    }
}

/// Nothing that has no reason to live is left when all is well again.
fn late(court: &mut Court, history: &History, truth: &Truth, lives: &BTreeMap<i64, Life>) {
    let mut is_recovered = false;
    let mut restarted = 0;
    for (at, observation) in &history.observations {
        match observation {
            Observation::Recovered { complete, .. } => is_recovered = *complete,
            Observation::Leader { .. } | Observation::Start { .. } => restarted = *at,
            _ => {}
        }
    }
    if !is_recovered {
        return;
    }
    for fault in &history.faults {
        let last = fault.steps.last().map_or(0, |(at, _)| *at);
        restarted = restarted.max(last);
    }
    let seen = last_look(history);
    for (lease, keys) in truth.store.attachments() {
        let Some(life) = lives.get(&lease) else {
            continue;
        };
        let ttl = life.refreshes.iter().map(|one| one.ttl).max().unwrap_or(0);
        // A request without an answer may have been carried out at any time.
        let is_open = life.refreshes.iter().any(|one| one.acknowledged.is_none());
        let answered = life.refreshes.iter().filter_map(|one| one.acknowledged);
        let last = answered.max().unwrap_or(0).max(restarted);
        let last = last.max(life.claimed);
        let ttl_ns = u64::try_from(ttl).unwrap_or(0).saturating_mul(SECOND_NS);
        let until = last
            .saturating_add(ttl_ns)
            .saturating_add(history.head.limits.lease_late_ns);
        if !is_open && seen > until {
            let key = keys.first().map_or(String::new(), Blob::to_string);
            let text = format!(
                "lease {lease} with {key} should have ended by {until} ns and is there at {seen} ns"
            );
            let ops = life.refreshes.last().map(|one| one.op);
            let violation = Violation::new("lease.late", text).by(ops);
            court.weigh(violation, truth.choice);
        }
    }
}

/// Until when the truth is the present: what ended after the last question to the whole store, nobody was told.
fn last_look(history: &History) -> Nanos {
    let asked = history.operations.iter().filter(|operation| {
        matches!(operation.outcome, Outcome::Ok(Reply::Kv { .. })) && !is_local(&operation.call)
    });
    asked.map(|operation| operation.invoke).max().unwrap_or(0)
}

/// The newest revision that can have been made before a moment: what somebody asked for only later came later, and so
/// did all that followed.
fn newest_by(truth: &Truth, invoked: &HashMap<OpId, Nanos>, at: Nanos) -> i64 {
    let is_later = |change: &&Change| match change.cause {
        Cause::Operation(op) => invoked.get(&op).is_some_and(|invoked| *invoked > at),
        _ => false,
    };
    match truth.changes.iter().find(is_later) {
        Some(later) => later.revision - 1,
        None => truth.changes.last().map_or(1, |last| last.revision),
    }
}

/// The keys of a lease, as answered, are those at some moment of the question. The leader knows them; the revision in the
/// header is of the member that was asked, here and in etcd, and may be much older.
fn keys(
    court: &mut Court,
    operation: &Operation,
    truth: &Truth,
    first_seen: &[(i64, Nanos)],
    invoked: &HashMap<OpId, Nanos>,
) {
    let (Call::Lease(LeaseCall::TimeToLive { id, keys: true }), Outcome::Ok(reply)) =
        (&operation.call, &operation.outcome)
    else {
        return;
    };
    let Reply::Lease {
        reply: LeaseReply::TimeToLive { ttl, keys, .. },
        ..
    } = reply
    else {
        return;
    };
    if *ttl < 0 {
        return;
    }
    let before = first_seen.partition_point(|(_, at)| *at < operation.invoke);
    let from = before.checked_sub(1).map_or(1, |place| first_seen[place].0);
    let to = newest_by(truth, invoked, operation.complete.unwrap_or(Nanos::MAX)).max(from);
    let named: BTreeSet<&Blob> = keys.iter().collect();
    // When a key hung on it in the window: never, sometimes, always.
    for key in &named {
        let versions = truth.store.versions(key);
        let at_start = versions.partition_point(|kv| kv.mod_revision <= from);
        let window = versions[at_start.saturating_sub(1)..].iter();
        let mut inside = window.take_while(|kv| kv.mod_revision <= to);
        if !inside.any(|kv| kv.lease == *id) {
            let text = format!("lease {id} was said to hold {key}, which did not hang on it");
            let violation = Violation::new("lease.keys", text).by([operation.id]);
            court.weigh(violation, truth.choice);
        }
    }
    for key in always_attached(truth, *id, from, to) {
        if !named.contains(&key) {
            let text = format!("lease {id} was not said to hold {key}, which hung on it");
            let violation = Violation::new("lease.keys", text).by([operation.id]);
            court.weigh(violation, truth.choice);
        }
    }
}

/// Keys that hung on a lease from one revision to another without a break.
fn always_attached(truth: &Truth, lease: i64, from: i64, to: i64) -> Vec<Blob> {
    let everything = truth.store.range_at(&crate::history::KeyRange::all(), from);
    let hung = everything.into_iter().filter(|kv| kv.lease == lease);
    let stayed = hung.filter(|kv| {
        let later = truth.store.versions(&kv.key).iter();
        later
            .filter(|one| one.mod_revision > from && one.mod_revision <= to)
            .all(|one| one.lease == lease)
    });
    stayed.map(|kv| kv.key.clone()).collect()
}
