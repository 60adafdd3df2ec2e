//! Requests, alone or nested: first every condition is decided on the state as it is, then the
//! branches that were taken are carried out.

use super::{Refusal, Store, compare};
use crate::history::{
    Blob, DeleteReply, Event, KeyRange, KvCall, KvReply, PutReply, TxnCall, TxnReply,
};
use std::collections::BTreeSet;

/// Which branches are taken: one for each transaction, with those nested in the branch.
pub(super) struct Path {
    succeeded: bool,
    nested: Vec<Path>,
}

fn branch(txn: &TxnCall, succeeded: bool) -> &[KvCall] {
    match succeeded {
        true => &txn.success,
        false => &txn.failure,
    }
}

/// Nonsense is refused before anything is looked at.
pub(super) fn validate(call: &KvCall) -> Result<(), Refusal> {
    let is_valid = match call {
        KvCall::Range(range) => !range.range.key.is_empty(),
        KvCall::Delete(delete) => !delete.range.key.is_empty(),
        KvCall::Put(put) => {
            let says_both =
                (put.ignore_value && !put.value.is_empty()) || (put.ignore_lease && put.lease != 0);
            !put.key.is_empty() && !says_both
        }
        KvCall::Txn(txn) => {
            let has_keys = txn.compare.iter().all(|one| !one.range.key.is_empty());
            for one in txn.success.iter().chain(&txn.failure) {
                validate(one)?;
            }
            has_keys && touches_once(&txn.success) && touches_once(&txn.failure)
        }
    };
    is_valid.then_some(()).ok_or(Refusal::Invalid)
}

/// If no key is written twice, or written and deleted, in one branch.
fn touches_once(branch: &[KvCall]) -> bool {
    collect(branch).is_some()
}

/// Keys that a branch may write, and ranges that it may delete; nothing if one excludes another. The two branches
/// of a nested transaction never exclude each other, for one of them is taken. Nor does what a later one among
/// siblings deletes exclude what an earlier one writes: the contract is that of a server which checks in this order.
fn collect(branch: &[KvCall]) -> Option<(BTreeSet<Blob>, Vec<KeyRange>)> {
    let (mut puts, mut deletes) = (BTreeSet::new(), Vec::new());
    for call in branch {
        if let KvCall::Delete(delete) = call {
            deletes.push(delete.range.clone());
        }
    }
    let is_deleted =
        |key: &Blob, deletes: &[KeyRange]| deletes.iter().any(|range| range.contains(key));
    for call in branch {
        if let KvCall::Txn(txn) = call {
            let (mut keys, then_deletes) = collect(&txn.success)?;
            let (other, other_deletes) = collect(&txn.failure)?;
            keys.extend(other);
            for key in keys {
                if is_deleted(&key, &deletes) || !puts.insert(key) {
                    return None;
                }
            }
            deletes.extend(then_deletes);
            deletes.extend(other_deletes);
        }
    }
    for call in branch {
        if let KvCall::Put(put) = call
            && (is_deleted(&put.key, &deletes) || !puts.insert(put.key.clone()))
        {
            return None;
        }
    }
    Some((puts, deletes))
}

/// Decides every condition, nested ones too, on the state before.
pub(super) fn decide(store: &Store, call: &KvCall) -> Path {
    let KvCall::Txn(txn) = call else {
        return Path {
            succeeded: true,
            nested: Vec::new(),
        };
    };
    let succeeded = txn.compare.iter().all(|one| compare::holds(store, one));
    let nested = branch(txn, succeeded)
        .iter()
        .map(|one| decide(store, one))
        .collect();
    Path { succeeded, nested }
}

/// Does it. On a refusal `events` says what must be taken back.
pub(super) fn carry_out(
    store: &mut Store,
    call: &KvCall,
    path: &Path,
    revision: i64,
    events: &mut Vec<Event>,
) -> Result<KvReply, Refusal> {
    Ok(match call {
        KvCall::Range(range) => KvReply::Range(store.range(range)?),
        KvCall::Put(put) => {
            let event = store.put(put, revision)?;
            let prev = event.prev.clone().filter(|_| put.prev_kv);
            events.push(event);
            KvReply::Put(PutReply { prev })
        }
        KvCall::Delete(delete) => {
            let gone = store.delete(delete, revision);
            let prev = match delete.prev_kv {
                true => gone.iter().filter_map(|event| event.prev.clone()).collect(),
                false => Vec::new(),
            };
            let deleted = i64::try_from(gone.len()).unwrap_or(i64::MAX);
            events.extend(gone);
            KvReply::Delete(DeleteReply { deleted, prev })
        }
        KvCall::Txn(txn) => {
            let steps = branch(txn, path.succeeded).iter().zip(&path.nested);
            let mut replies = Vec::new();
            for (one, nested) in steps {
                replies.push(carry_out(store, one, nested, revision, events)?);
            }
            KvReply::Txn(TxnReply {
                succeeded: path.succeeded,
                replies,
            })
        }
    })
}
