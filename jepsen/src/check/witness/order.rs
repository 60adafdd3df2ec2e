//! The order that revisions give.

use crate::history::{
    Call, History, KvCall, KvReply, LeaseCall, Nanos, Operation, Outcome, Reply, WatchRecord,
};

/// One acknowledged operation in its place.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Revision of its header.
    pub revision: i64,
    /// If that revision is its own.
    pub is_write: bool,
    /// If it may be answered from what one member happens to have: then others do not wait for it.
    pub is_local: bool,
    /// Index among the operations of the history.
    pub index: usize,
}

/// All acknowledged operations of the store.
#[derive(Debug)]
pub struct Order {
    /// In the order of revisions.
    pub entries: Vec<Entry>,
    /// For each entry, and one beyond: the earliest return of it and all that follow.
    pub earliest_return: Vec<Nanos>,
    /// The greatest revision that anybody saw.
    pub last_revision: i64,
}

/// If an answer says that something was changed.
pub fn is_write(reply: &KvReply) -> bool {
    match reply {
        KvReply::Range(_) => false,
        KvReply::Put(_) => true,
        KvReply::Delete(delete) => delete.deleted > 0,
        KvReply::Txn(txn) => txn.replies.iter().any(is_write),
    }
}

fn is_serializable(call: &KvCall) -> bool {
    match call {
        KvCall::Range(range) => range.serializable,
        KvCall::Txn(txn) => {
            // A transaction of serializable reads is answered like one; and so is an empty one.
            let all = |branch: &[KvCall]| {
                branch
                    .iter()
                    .all(|one| matches!(one, KvCall::Range(range) if range.serializable))
            };
            all(&txn.success) && all(&txn.failure)
        }
        _ => false,
    }
}

/// If the contract lets one member answer from what it has, however old.
pub fn is_local(call: &Call) -> bool {
    match call {
        Call::Kv(kv) => is_serializable(kv),
        Call::Lease(LeaseCall::Grant { .. } | LeaseCall::Revoke { .. }) | Call::Compact { .. } => {
            false
        }
        _ => true,
    }
}

fn entry(index: usize, operation: &Operation) -> Option<Entry> {
    let Outcome::Ok(reply) = &operation.outcome else {
        return None;
    };
    let is_write = match reply {
        Reply::Kv { reply, .. } => is_write(reply),
        Reply::Compact { .. } | Reply::Lease { .. } => false,
        _ => return None,
    };
    let revision = reply.header()?.revision;
    Some(Entry {
        revision,
        is_write,
        is_local: is_local(&operation.call),
        index,
    })
}

impl Order {
    /// Sorts a history.
    pub fn of(history: &History) -> Order {
        let operations = &history.operations;
        let numbered = operations.iter().enumerate();
        let mut entries: Vec<Entry> = numbered
            .filter_map(|(index, operation)| entry(index, operation))
            .collect();
        entries.sort_by_key(|entry| {
            let invoke = operations[entry.index].invoke;
            (entry.revision, !entry.is_write, invoke, entry.index)
        });
        let mut earliest_return = vec![Nanos::MAX; entries.len() + 1];
        for (place, entry) in entries.iter().enumerate().rev() {
            let returned = operations[entry.index].returned();
            earliest_return[place] = earliest_return[place + 1].min(returned);
        }
        let last = entries.last().map_or(1, |entry| entry.revision);
        Order {
            entries,
            earliest_return,
            last_revision: last.max(last_seen(history)),
        }
    }
}

/// The greatest revision in watches.
fn last_seen(history: &History) -> i64 {
    let records = history.watches.iter().flat_map(|watch| &watch.records);
    let revisions = records.map(|(_, record)| match record {
        WatchRecord::Events { events, .. } => events
            .iter()
            .map(|event| event.kv.mod_revision)
            .max()
            .unwrap_or(0),
        WatchRecord::Created { revision, .. } | WatchRecord::Progress { revision, .. } => *revision,
        _ => 0,
    });
    revisions.max().unwrap_or(0)
}
