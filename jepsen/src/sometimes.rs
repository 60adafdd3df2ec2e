//! What must happen now and then while things break, or campaigns have not been where bugs are: faults that work prove
//! little if no leader ever changed in the middle of a request, and no snapshot was ever installed.
//!
//! Each condition has a name and is counted in every run: from its history, or, what only a member knows, from what
//! members said in their logs, which is in the history as [`Observation::Sometimes`]. It is said to have happened only
//! where that is certain, so the numbers are too small rather than too large. A ledger adds them up; what has never
//! happened is owed. What never happens here: a verdict on a run, for which none of this is needed.

use crate::check::truth::{Cause, Truth, compactions, seen_at};
use crate::cluster::Cluster;
use crate::history::*;
use std::collections::{BTreeMap, HashMap};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// Its name in histories and ledgers.
    pub name: &'static str,
    /// What happened, for a reader.
    pub means: &'static str,
    found: Found,
}

/// Where it is found.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// In the history, so often.
    History(fn(&History, &Truth) -> u64),
    /// In what members log, where these words are; once a process or each time.
    Log(&'static str),
    /// Whoever does it notes it.
    Noted,
}

impl Condition {
    const fn new(name: &'static str, means: &'static str, found: Found) -> Condition {
        Condition { name, means, found }
    }

    /// Lines of a member's log that say so.
    pub fn said_by(&self, cluster: &Cluster, i: usize) -> Vec<String> {
        match self.found {
            Found::Log(words) => cluster.log_lines(i, words),
            Found::History(_) | Found::Noted => Vec::new(),
        }
    }

    fn count(&self, history: &History, truth: &Truth) -> u64 {
        match self.found {
            Found::History(count) => count(history, truth),
            Found::Log(_) | Found::Noted => observed(history, self.name),
        }
    }
}

/// All of them.
pub const CONDITIONS: [Condition; 16] = {
    use Found::{History, Log, Noted};
    [
        Condition::new(
            "leader-changed-in-request",
            "an answered request was sent while an earlier leader still served",
            History(changed_in_request),
        ),
        Condition::new(
            "unknown-happened",
            "a request that was not answered took effect",
            History(|_, truth| truth.resolved.len() as u64),
        ),
        Condition::new(
            "unknown-lost",
            "a write that was not answered did not take effect",
            History(unknown_lost),
        ),
        Condition::new(
            "both-branches",
            "transactions of one run took both branches",
            History(both_branches),
        ),
        Condition::new(
            "compacted-under-watch",
            "history was compacted while a watch went on",
            History(compacted_under_watch),
        ),
        Condition::new(
            "lease-ended-at-failover",
            "a lease ended by time after the leader changed in the last stretch of its life",
            History(ended_at_failover),
        ),
        Condition::new(
            "power-took-bytes",
            "a power cut took what was written and not synced",
            History(|history, _| effective(history, &["power", "power-all"])),
        ),
        Condition::new(
            "torn-tail",
            "a log ended with garbage",
            History(|history, _| effective(history, &["torn"])),
        ),
        Condition::new(
            "quota-raised-and-cleared",
            "a write was refused for lack of space, and later ones were not",
            History(raised_and_cleared),
        ),
        Condition::new(
            "gone",
            "an informer was told that its version is gone",
            History(gone),
        ),
        Condition::new(
            "connections-reset",
            "connections were reset when their wires were whole again",
            Noted,
        ),
        Condition::new(
            "read-waited",
            "a read waited until the member that was asked had applied what the read must see",
            Log("\"msg\":\"first at a failpoint\",\"failpoint\":\"read-waits\""),
        ),
        Condition::new(
            "snapshot-installed",
            "a member took a snapshot in place of its state",
            Log("\"msg\":\"first at a failpoint\",\"failpoint\":\"install-serving\""),
        ),
        Condition::new(
            "half-change-found",
            "a leader found a change of members half-way that nobody looked after any more",
            Log("a change of the membership was left half-way"),
        ),
        Condition::new(
            "log-truncated",
            "entries that nobody had committed were cut off a log",
            Log("\"msg\":\"first at a failpoint\",\"failpoint\":\"truncate-before-write\""),
        ),
        Condition::new(
            "watcher-caught-up",
            "a watcher that was behind was led back to the present",
            Log("\"msg\":\"first at a failpoint\",\"failpoint\":\"watch-synced\""),
        ),
    ]
};

/// How often each of them happened in a run; those that did not are left out.
pub fn counts(history: &History, truth: &Truth) -> BTreeMap<String, u64> {
    let counted = CONDITIONS
        .iter()
        .map(|one| (one.name.to_owned(), one.count(history, truth)));
    counted.filter(|(_, times)| *times > 0).collect()
}

fn observed(history: &History, name: &str) -> u64 {
    let named = |one: &&(Nanos, Observation)| matches!(&one.1, Observation::Sometimes { what } if what == name);
    history.observations.iter().filter(named).count() as u64
}

/// How often faults of some kinds were seen to work.
fn effective(history: &History, kinds: &[&str]) -> u64 {
    let is_effective = |fault: &&Fault| {
        let mut steps = fault.steps.iter().map(|(_, step)| step);
        steps.any(|step| {
            kinds.contains(&step.kind.as_str())
                && matches!(step.phase, FaultPhase::Effective { .. })
        })
    };
    history.faults.iter().filter(is_effective).count() as u64
}

/// An answer tells a term. Where an answer that only a leader can give tells an older one, and was asked for later,
/// the leader of the older term still served when the first request was on its way.
fn changed_in_request(history: &History, _: &Truth) -> u64 {
    let mut asked_last: BTreeMap<u64, Nanos> = BTreeMap::new();
    let answered = || {
        history.operations.iter().filter_map(|one| {
            let (Call::Kv(call), Outcome::Ok(reply)) = (&one.call, &one.outcome) else {
                return None;
            };
            Some((one.invoke, call, reply.header()?.term))
        })
    };
    for (invoke, call, term) in answered() {
        if !matches!(call, KvCall::Range(range) if range.serializable) {
            let last = asked_last.entry(term).or_default();
            *last = invoke.max(*last);
        }
    }
    let changed = answered().filter(|(invoke, _, term)| {
        let mut older = asked_last.range(..*term);
        older.any(|(_, last)| last > invoke)
    });
    changed.count() as u64
}

/// Every write of a single key that took effect made a revision, and the witness found who made which.
fn unknown_lost(history: &History, truth: &Truth) -> u64 {
    if truth.changes.is_empty() || truth.choice.is_some() {
        return 0;
    }
    let lost = history.operations.iter().filter(|one| {
        matches!(one.call, Call::Kv(KvCall::Put(_)))
            && matches!(one.outcome, Outcome::Unknown { .. })
            && !truth.resolved.contains_key(&one.id)
    });
    lost.count() as u64
}

/// The number of those that took the rarer one.
fn both_branches(history: &History, _: &Truth) -> u64 {
    let mut times = [0, 0];
    for operation in &history.operations {
        if let Outcome::Ok(Reply::Kv { reply, .. }) = &operation.outcome
            && let KvReply::Txn(txn) = reply
        {
            times[usize::from(txn.succeeded)] += 1;
        }
    }
    times[0].min(times[1])
}

/// Compactions that began and were acknowledged between the first and the last that a watch told.
fn compacted_under_watch(history: &History, _: &Truth) -> u64 {
    let ends = |watch: &Watch| Some((watch.records.first()?.0, watch.records.last()?.0));
    let watched: Vec<(Nanos, Nanos)> = history.watches.iter().filter_map(ends).collect();
    let under = compactions(history).into_iter().filter(|compaction| {
        let done = compaction.done.unwrap_or(Nanos::MAX);
        let mut watched = watched.iter();
        watched.any(|(from, to)| *from < compaction.invoked && done < *to)
    });
    under.count() as u64
}

fn ended_at_failover(history: &History, truth: &Truth) -> u64 {
    const SECOND: Nanos = 1_000_000_000;
    let granted = history.operations.iter().filter_map(|one| {
        let Outcome::Ok(Reply::Lease { reply, .. }) = &one.outcome else {
            return None;
        };
        match reply {
            LeaseReply::Granted { id, ttl } => Some((*id, *ttl)),
            _ => None,
        }
    });
    let granted: HashMap<i64, i64> = granted.collect();
    let leaders = history.observations.iter().filter_map(|(at, observation)| {
        matches!(observation, Observation::Leader { .. }).then_some(*at)
    });
    let changes: Vec<Nanos> = leaders.skip(1).collect();
    let seen = truth.first_seen(history);
    let at_failover = truth.changes.iter().filter(|change| {
        let Cause::Expiry(lease) = change.cause else {
            return false;
        };
        let ended = seen_at(&seen, change.revision);
        let (Some(ttl), Some(ended)) = (granted.get(&lease), ended) else {
            return false;
        };
        let stretch = ended.saturating_sub(u64::try_from(*ttl).unwrap_or(0) * SECOND)..ended;
        changes.iter().any(|at| stretch.contains(at))
    });
    at_failover.count() as u64
}

/// Refusals, if a write went well after the last of them was answered.
fn raised_and_cleared(history: &History, _: &Truth) -> u64 {
    let refused = history.operations.iter().filter(|one| {
        matches!(&one.outcome, Outcome::Failed { text, .. } if text.contains("database space exceeded"))
    });
    let times: Vec<Nanos> = refused.filter_map(|one| one.complete).collect();
    let Some(last) = times.iter().max() else {
        return 0;
    };
    let mut puts = history.operations.iter().filter(|one| {
        matches!(one.call, Call::Kv(KvCall::Put(_))) && one.is_ok() && one.invoke > *last
    });
    puts.next().map_or(0, |_| times.len() as u64)
}

fn gone(history: &History, _: &Truth) -> u64 {
    let records = history.informers.iter().flat_map(|one| &one.records);
    let gone = records.filter(|(_, record)| {
        matches!(record, InformerRecord::Event { object, .. } if object["code"] == 410)
    });
    let answers = history
        .operations
        .iter()
        .filter(|one| matches!(&one.outcome, Outcome::Ok(Reply::Http(reply)) if reply.code == 410));
    (gone.count() + answers.count()) as u64
}

#[cfg(test)]
mod tests;
