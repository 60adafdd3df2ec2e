//! Revisions that no acknowledged write claims: which unknown operation, or which lease, made them.

use super::evidence::Seen;
use crate::history::{
    Blob, Call, DeleteCall, Event, EventKind, History, KeyRange, KvCall, LeaseCall, LockCall,
    Nanos, Operation, Outcome, PutCall, Reply,
};
use crate::model::Store;
use std::collections::{BTreeSet, HashMap};

/// Who may have made a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// Index of an operation, and what it does.
    Operation(usize, Effect),
    /// A lease that ended in time.
    Expiry(i64),
}

/// What an operation may do to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// This request.
    Kv(KvCall),
    /// The end of a lease.
    Revoke(i64),
}

/// What a request does if it takes effect: services of locks write keys of their own.
pub fn effects(call: &Call) -> Vec<Effect> {
    let put = |key: Blob, value: &Blob, lease: i64| {
        Effect::Kv(KvCall::Put(PutCall {
            key,
            value: value.clone(),
            lease,
            ..PutCall::default()
        }))
    };
    let delete = |key: Blob| {
        Effect::Kv(KvCall::Delete(DeleteCall {
            range: KeyRange::one(key),
            prev_kv: false,
        }))
    };
    let own = |name: &Blob, lease: i64| {
        let mut key = name.to_vec();
        key.extend(format!("/{lease:x}").into_bytes());
        Blob::from(key)
    };
    match call {
        Call::Kv(kv) => vec![Effect::Kv(kv.clone())],
        Call::Lease(LeaseCall::Revoke { id }) => vec![Effect::Revoke(*id)],
        Call::Lock(lock) => match lock {
            // Whoever stops waiting takes the own key away again.
            LockCall::Lock { name, lease } => {
                let key = own(name, *lease);
                vec![put(key.clone(), &Blob::empty(), *lease), delete(key)]
            }
            LockCall::Campaign { name, lease, value } => {
                let key = own(name, *lease);
                vec![put(key.clone(), value, *lease), delete(key)]
            }
            LockCall::Proclaim {
                key, value, lease, ..
            } => vec![put(key.clone(), value, *lease)],
            LockCall::Unlock { key } | LockCall::Resign { key, .. } => vec![delete(key.clone())],
            LockCall::Leader { .. } | LockCall::Observe { .. } => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// If a request could make an event: a look at the request alone, to leave most of them out.
pub fn mentions(call: &KvCall, event: &Event) -> bool {
    match call {
        KvCall::Range(_) => false,
        KvCall::Put(put) => {
            event.kind == EventKind::Put
                && put.key == event.kv.key
                && (put.ignore_value || put.value == event.kv.value)
        }
        KvCall::Delete(delete) => {
            event.kind == EventKind::Delete && delete.range.contains(&event.kv.key)
        }
        KvCall::Txn(txn) => txn
            .success
            .iter()
            .chain(&txn.failure)
            .any(|one| mentions(one, event)),
    }
}

fn writes(call: &KvCall) -> bool {
    match call {
        KvCall::Range(_) => false,
        KvCall::Put(_) | KvCall::Delete(_) => true,
        KvCall::Txn(txn) => txn.success.iter().chain(&txn.failure).any(writes),
    }
}

/// Operations that may have made unclaimed revisions, and those that were used up.
#[derive(Debug)]
pub struct Pool {
    /// Unknown writes, and requests whose answer does not say what they did. In order of invocation.
    unknown: Vec<(usize, Vec<Effect>)>,
    used: BTreeSet<(usize, usize)>,
    /// Acknowledged revocations by the revision of their header.
    revokes: HashMap<i64, Vec<(usize, i64)>>,
}

impl Pool {
    /// Of a history.
    pub fn of(history: &History) -> Pool {
        let (mut unknown, mut revokes) = (Vec::new(), HashMap::<_, Vec<_>>::new());
        for (index, operation) in history.operations.iter().enumerate() {
            match (&operation.outcome, &operation.call) {
                (
                    Outcome::Ok(Reply::Lease { header, .. }),
                    Call::Lease(LeaseCall::Revoke { id }),
                ) => {
                    revokes
                        .entry(header.revision)
                        .or_default()
                        .push((index, *id));
                }
                // A refused lock may have written its key and taken it away.
                (Outcome::Unknown { .. }, _) | (_, Call::Lock(_)) => {
                    let mut can = effects(&operation.call);
                    can.retain(|effect| match effect {
                        Effect::Kv(kv) => writes(kv),
                        Effect::Revoke(_) => true,
                    });
                    if !can.is_empty() {
                        unknown.push((index, can));
                    }
                }
                _ => {}
            }
        }
        Pool {
            unknown,
            used: BTreeSet::new(),
            revokes,
        }
    }

    /// Who may have made the next revision of a store, in the order in which they are tried. Nobody
    /// who was invoked after `before`, because somebody later in the order had returned by then, or after a watch had
    /// told of it.
    pub fn candidates(
        &self,
        history: &History,
        store: &mut Store,
        seen: &Seen,
        before: Nanos,
    ) -> Vec<(Candidate, Vec<Event>)> {
        let revision = store.revision() + 1;
        let before = before.min(seen.told.unwrap_or(Nanos::MAX));
        let mut found = Vec::new();
        let revokes = self.revokes.get(&revision).into_iter().flatten();
        for (index, lease) in
            revokes.filter(|(index, _)| history.operations[*index].invoke <= before)
        {
            found.push(Candidate::Operation(*index, Effect::Revoke(*lease)));
        }
        for (index, effects) in &self.unknown {
            if history.operations[*index].invoke > before {
                break;
            }
            for (nth, effect) in effects.iter().enumerate() {
                if !self.used.contains(&(*index, nth)) && could(effect, store, seen) {
                    found.push(Candidate::Operation(*index, effect.clone()));
                }
            }
        }
        let only_deletes = seen
            .events
            .iter()
            .all(|event| event.kind == EventKind::Delete);
        if only_deletes {
            let first = seen.events.first().map(|event| &event.kv.key);
            let fits = |keys: &BTreeSet<Blob>| first.is_none_or(|key| keys.contains(key));
            let leases = store.attachments().filter(|(_, keys)| fits(keys));
            found.extend(leases.map(|(lease, _)| Candidate::Expiry(lease)));
        }
        let found = without_twins(found).into_iter();
        let tried = found.map(|candidate| {
            let events = trial(store, &candidate);
            (candidate, events)
        });
        tried.filter(|(_, events)| agrees(events, seen)).collect()
    }

    /// An operation has its place and cannot have another.
    pub fn take(&mut self, candidate: &Candidate) {
        let Candidate::Operation(index, effect) = candidate else {
            return;
        };
        let at = self
            .unknown
            .binary_search_by_key(index, |(index, _)| *index);
        if let Ok(at) = at {
            let nth = self.unknown[at].1.iter().position(|one| one == effect);
            self.used.insert((*index, nth.unwrap_or(0)));
        }
    }
}

/// Requests that say the same do the same, now and later: the one that was invoked first can always
/// have the first place. So does a lease that ends by itself what its revocation does.
fn without_twins(found: Vec<Candidate>) -> Vec<Candidate> {
    let mut kept: Vec<Candidate> = Vec::with_capacity(found.len());
    let revokes = |candidate: &Candidate| match candidate {
        Candidate::Operation(_, Effect::Revoke(lease)) | Candidate::Expiry(lease) => Some(*lease),
        Candidate::Operation(..) => None,
    };
    for candidate in found {
        let is_twin = |other: &Candidate| match (other, &candidate) {
            (Candidate::Operation(_, one), Candidate::Operation(_, two)) => one == two,
            _ => revokes(other).is_some() && revokes(other) == revokes(&candidate),
        };
        if !kept.iter().any(is_twin) {
            kept.push(candidate);
        }
    }
    kept
}

fn could(effect: &Effect, store: &Store, seen: &Seen) -> bool {
    match effect {
        Effect::Kv(kv) => seen.events.iter().all(|event| mentions(kv, event)),
        Effect::Revoke(lease) => !store.keys_of(*lease).is_empty(),
    }
}

/// Carries a candidate out: the events it makes, if it makes any.
pub fn carry_out(store: &mut Store, candidate: &Candidate) -> Vec<Event> {
    match candidate {
        Candidate::Operation(_, Effect::Kv(kv)) => {
            know_leases(store, kv);
            store.apply(kv).map_or(Vec::new(), |answer| answer.events)
        }
        Candidate::Operation(_, Effect::Revoke(lease)) | Candidate::Expiry(lease) => {
            store.revoke(*lease).unwrap_or_default()
        }
    }
}

/// Leases that a request names exist: whether they do is judged elsewhere.
pub fn know_leases(store: &mut Store, call: &KvCall) {
    match call {
        KvCall::Put(put) if put.lease != 0 => {
            let _ = store.grant(put.lease);
        }
        KvCall::Txn(txn) => {
            for one in txn.success.iter().chain(&txn.failure) {
                know_leases(store, one);
            }
        }
        _ => {}
    }
}

/// What a candidate would make. The store is as before afterwards.
fn trial(store: &mut Store, candidate: &Candidate) -> Vec<Event> {
    let events = carry_out(store, candidate);
    store.take_back(&events);
    if let Candidate::Operation(_, Effect::Revoke(lease)) | Candidate::Expiry(lease) = candidate {
        let _ = store.grant(*lease);
    }
    events
}

/// If these events are what was seen.
pub fn agrees(events: &[Event], seen: &Seen) -> bool {
    let made = |wanted: &Event| {
        events
            .iter()
            .any(|event| event.kind == wanted.kind && event.kv == wanted.kv)
    };
    !events.is_empty()
        && (!seen.is_whole || events.len() == seen.events.len())
        && seen.events.iter().all(made)
}

/// Whether an operation that was answered or refused could have made one of the events, for a
/// diagnosis.
pub fn could_have_made(operation: &Operation, seen: &Seen) -> bool {
    let fits = |effect: &Effect| match effect {
        Effect::Kv(kv) => seen.events.iter().any(|event| mentions(kv, event)),
        Effect::Revoke(_) => false,
    };
    effects(&operation.call).iter().any(fits)
}
