//! What the store went through, as the witness found it out: every revision with its events and who
//! caused it. Other checkers compare with it.

use crate::history::{Call, Reply, WatchRecord};
use crate::history::{Event, History, LeaseCall, Nanos, OpId, Outcome};
use crate::model::Store;
use std::collections::HashMap;

/// Who made a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An operation.
    Operation(OpId),
    /// The end of a lease in time.
    Expiry(i64),
    /// Nobody that is known.
    Nobody,
}

/// One revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number.
    pub revision: i64,
    /// What watchers must see of it, in order, with the versions before.
    pub events: Vec<Event>,
    /// Who made it.
    pub cause: Cause,
    /// If nobody else can have.
    pub is_certain: bool,
}

/// The whole history of the store.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Every version of every key: nothing is compacted in it.
    pub store: Store,
    /// Every revision after the first, in order.
    pub changes: Vec<Change>,
    /// Operations with an unknown outcome that took effect, and where.
    pub resolved: HashMap<OpId, i64>,
    /// Nothing if every state follows from what was seen. Else the first revision that rests on a choice
    /// between unknown operations that do different things.
    pub choice: Option<i64>,
}

impl Truth {
    /// Changes from a revision on.
    pub fn since(&self, revision: i64) -> &[Change] {
        let from = self
            .changes
            .partition_point(|change| change.revision < revision);
        &self.changes[from..]
    }

    /// The change that made a revision.
    pub fn change(&self, revision: i64) -> Option<&Change> {
        let change = self.since(revision).first()?;
        (change.revision == revision).then_some(change)
    }

    /// The operation that made a revision.
    pub fn author(&self, revision: i64) -> Option<OpId> {
        match self.change(revision)?.cause {
            Cause::Operation(op) => Some(op),
            _ => None,
        }
    }

    /// For each revision from the first change on: the earliest time at which somebody is known to
    /// have seen it or something later.
    pub fn first_seen(&self, history: &History) -> Vec<(i64, Nanos)> {
        let mut seen: Vec<(i64, Nanos)> = Vec::new();
        for operation in &history.operations {
            if let (Outcome::Ok(reply), Some(at)) = (&operation.outcome, operation.complete) {
                let is_of_store = !matches!(reply, Reply::Member { .. } | Reply::Admin { .. });
                let revision = reply.header().map_or(0, |header| header.revision);
                if is_of_store && revision > 0 {
                    seen.push((revision, at));
                }
            }
        }
        for watch in &history.watches {
            for (at, record) in &watch.records {
                match record {
                    WatchRecord::Events { events, .. } => {
                        seen.extend(events.iter().map(|event| (event.kv.mod_revision, *at)));
                    }
                    WatchRecord::Progress { revision, .. } => seen.push((*revision, *at)),
                    _ => {}
                }
            }
        }
        seen.sort_unstable();
        let mut earliest = Nanos::MAX;
        let mut first: Vec<(i64, Nanos)> = Vec::new();
        for (revision, at) in seen.into_iter().rev() {
            earliest = earliest.min(at);
            match first.last_mut() {
                Some(last) if last.0 == revision => last.1 = earliest,
                _ => first.push((revision, earliest)),
            }
        }
        first.reverse();
        first
    }
}

/// The earliest time of [`Truth::first_seen`] for a revision.
pub fn seen_at(first_seen: &[(i64, Nanos)], revision: i64) -> Option<Nanos> {
    let at = first_seen.partition_point(|(seen, _)| *seen < revision);
    first_seen.get(at).map(|(_, at)| *at)
}

/// A compaction that may have been carried out.
#[derive(Clone, Copy, Debug)]
pub struct Compaction {
    /// What is older is forgotten.
    pub to: i64,
    /// When it was asked for.
    pub invoked: Nanos,
    /// When it was acknowledged, if it was.
    pub done: Option<Nanos>,
    /// The revision of the store then: a member that is further has carried it out. Others need not have.
    pub at: Option<i64>,
}

/// Requested compactions, in the order in which they were asked for.
pub fn compactions(history: &History) -> Vec<Compaction> {
    let of = |operation: &crate::history::Operation| match (&operation.call, &operation.outcome) {
        (_, Outcome::Failed { .. }) => None,
        (Call::Compact { revision, .. }, outcome) => Some(Compaction {
            to: *revision,
            invoked: operation.invoke,
            done: operation.complete.filter(|_| operation.is_ok()),
            at: match outcome {
                Outcome::Ok(reply) => reply.header().map(|header| header.revision),
                _ => None,
            },
        }),
        _ => None,
    };
    history.operations.iter().filter_map(of).collect()
}

/// The lease that a request may end.
pub fn revoked_lease(call: &Call) -> Option<i64> {
    match call {
        Call::Lease(LeaseCall::Revoke { id }) => Some(*id),
        _ => None,
    }
}
