//! Lease commands.

use super::*;
use crate::lease::{Change, Lease, Place};

/// The command of an entry that has only one.
fn at(index: u64) -> Place {
    Place { index, command: 0 }
}

fn note(id: LeaseId, since: Place, remaining_ttl: i64) -> Operation {
    let since = Some(since);
    let note = LeaseNote {
        id,
        since,
        remaining_ttl,
    };
    Operation::LeaseNotes(LeaseNotes { notes: vec![note] })
}

fn expiry(id: LeaseId, since: Place) -> Operation {
    let since = Some(since);
    Operation::LeaseExpiry(LeaseExpiry { id, since })
}

fn lease(store: &Fixture, id: LeaseId) -> Option<Lease> {
    store.machine.state().leases().get(id)
}

#[test]
fn c76_an_id_is_granted_once_and_may_be_negative() {
    let mut store = empty();
    let granted = Reply::LeaseGrant {
        id: -7,
        ttl: 60,
        revision: 1,
    };
    assert_eq!(store.grant(-7, 60), Ok(granted));
    assert_eq!(store.grant(-7, 30), Err(Error::LeaseExists));
    let lease = store.machine.state().leases().get(-7);
    assert_eq!(lease.expect("it exists").granted_ttl, 60);
    assert!(store.grant(0, 60).is_err());
    assert_eq!(store.machine.state().leases().ids(), [-7]);
}

#[test]
fn c77_too_long_a_time_to_live_is_refused() {
    let mut store = empty();
    assert_eq!(store.grant(1, 9_000_000_001), Err(Error::LeaseTtlTooLarge));
    assert!(store.machine.state().leases().is_empty());
}

#[test]
fn c81_revoking_deletes_the_keys_in_one_revision_ascending() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    for key in ["b", "a", "c"] {
        store.put_leased(key, 1).expect("put");
    }
    store.put("other", "stays");
    let request = LeaseRevokeRequest { id: 1 };
    let mut outcome = store.outcome(Operation::LeaseRevoke(request));
    let reply = outcome.replies.remove(0).1;
    assert_eq!(reply, Ok(Reply::LeaseRevoke { revision: 6 }));
    let events: Vec<_> = outcome
        .events
        .events
        .iter()
        .map(|event| (event.revision, event.sub, text(&event.key), event.deleted))
        .collect();
    let expected = [(0, "a"), (1, "b"), (2, "c")];
    assert_eq!(
        events,
        expected.map(|(sub, key)| (6, sub, key.to_owned(), true))
    );
    assert_eq!(outcome.lease_changes, [Change::Revoked { id: 1 }]);
    assert_eq!(store.keys(), ["other"]);
    assert_eq!(store.machine.state().leases().attached(), 0);
}

#[test]
fn c81_revoking_an_unknown_or_an_empty_lease_makes_no_revision() {
    let mut store = empty();
    assert_eq!(store.revoke(1), Err(Error::LeaseNotFound));
    store.grant(1, 60).expect("granted");
    assert_eq!(store.revoke(1), Ok(Reply::LeaseRevoke { revision: 1 }));
    assert_eq!(store.revoke(1), Err(Error::LeaseNotFound));
    assert_eq!(store.store.revision(), 1);
}

#[test]
fn c81_keys_that_were_deleted_or_detached_are_not_deleted_again() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    for key in ["a", "b", "c"] {
        store.put_leased(key, 1).expect("put");
    }
    store.delete("a", "");
    store.put("b", "detached");
    let before = store.store.revision();
    store.revoke(1).expect("revoked");
    assert_eq!(store.store.revision(), before + 1);
    assert_eq!(store.keys(), ["b"]);
}

#[test]
fn c84_a_checkpoint_notes_the_remaining_time_and_zero_removes_the_note() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    let with = |remaining_ttl, since| {
        Some(Lease {
            granted_ttl: 60,
            remaining_ttl,
            since,
        })
    };
    let outcome = store.outcome(note(1, at(1), 40));
    let noted = Change::Checkpointed {
        id: 1,
        remaining: Some(40),
        since: at(1),
    };
    assert_eq!(outcome.lease_changes, [noted]);
    assert_eq!(lease(&store, 1), with(Some(40), at(1)));
    let mut store = store.reopen();
    assert_eq!(lease(&store, 1), with(Some(40), at(1)));
    store.apply(note(1, at(1), 0)).expect("applied");
    assert_eq!(lease(&store, 1), with(None, at(3)));
    let mut store = store.reopen();
    assert_eq!(lease(&store, 1), with(None, at(3)));
    store.apply(note(1, at(3), 99)).expect("applied");
    assert_eq!(
        lease(&store, 1),
        with(None, at(4)),
        "never more than granted"
    );
    let unknown = store.outcome(note(2, at(1), 40));
    assert!(unknown.lease_changes.is_empty());
    assert_eq!(store.store.revision(), 1);
}

#[test]
fn what_was_decided_for_one_lease_passes_over_the_next_with_its_id() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    store.revoke(1).expect("revoked");
    store.grant(1, 60).expect("granted again");
    store.put_leased("a", 1).expect("put");
    let second = lease(&store, 1);
    let passed_over = store.outcome(note(1, at(1), 1));
    assert!(passed_over.lease_changes.is_empty());
    assert_eq!(store.apply(expiry(1, at(1))), Err(Error::LeaseNotFound));
    assert_eq!(lease(&store, 1), second);
    assert_eq!(store.keys(), ["a"]);
    // The same after a restart, and its own end comes.
    let mut store = store.reopen();
    assert_eq!(store.apply(expiry(1, at(1))), Err(Error::LeaseNotFound));
    let revoked = Reply::LeaseRevoke { revision: 3 };
    assert_eq!(store.apply(expiry(1, at(3))), Ok(revoked));
    assert!(store.keys().is_empty());
}

#[test]
fn leases_granted_by_one_entry_are_told_apart() {
    let mut store = empty();
    let grant = command(Operation::LeaseGrant(LeaseGrantRequest { id: 1, ttl: 60 }));
    let revoke = command(Operation::LeaseRevoke(LeaseRevokeRequest { id: 1 }));
    let batch = |commands: &[Command]| match entry(1, commands).payload {
        Payload::Commands(encoded) => encoded,
        other => panic!("not commands: {other:?}"),
    };
    // Two batches of one entry: the commands are counted through both.
    let joined = [batch(&[grant.clone(), revoke]), batch(&[grant])].concat();
    let outcome = store.machine.apply(&[Entry {
        log_id: log_id(1),
        payload: Payload::Commands(joined.into()),
    }]);
    let granted = |command| Change::Granted {
        id: 1,
        ttl: 60,
        since: Place { index: 1, command },
    };
    let revoked = Change::Revoked { id: 1 };
    assert_eq!(outcome.lease_changes, [granted(0), revoked, granted(2)]);
    assert_eq!(store.apply(expiry(1, at(1))), Err(Error::LeaseNotFound));
}

#[test]
fn after_the_removal_of_a_note_nothing_that_was_decided_before_counts() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    store.apply(note(1, at(1), 0)).expect("removed");
    let late = store.outcome(note(1, at(1), 5));
    assert!(late.lease_changes.is_empty());
    assert_eq!(lease(&store, 1).expect("it exists").remaining_ttl, None);
    assert_eq!(store.apply(expiry(1, at(1))), Err(Error::LeaseNotFound));
    store.apply(expiry(1, at(2))).expect("decided since");
}

#[test]
fn a_checkpoint_of_an_earlier_version_is_carried_out() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    let checkpoint = |remaining_ttl| {
        Operation::LeaseCheckpoint(LeaseCheckpointRequest {
            checkpoints: vec![LeaseCheckpoint {
                id: 1,
                remaining_ttl,
            }],
        })
    };
    let left = |store: &Fixture| lease(store, 1).expect("it exists").remaining_ttl;
    store.apply(checkpoint(40)).expect("applied");
    assert_eq!(left(&store), Some(40));
    store.apply(checkpoint(0)).expect("applied");
    assert_eq!(left(&store), None);
}

#[test]
fn c87_leases_and_their_keys_survive_a_restart() {
    let mut store = empty();
    store.grant(1, 60).expect("granted");
    store.grant(2, 60).expect("granted");
    store.grant(3, 60).expect("granted");
    for (key, lease) in [("a", 1), ("b", 2), ("c", 1), ("d", 3)] {
        store.put_leased(key, lease).expect("put");
    }
    store.put("c", "detached");
    store.revoke(3).expect("revoked");
    let mut store = store.reopen();
    assert_eq!(store.machine.state().leases().ids(), [1, 2]);
    assert_eq!(
        (store.attached(1), store.attached(2)),
        (vec!["a".into()], vec!["b".into()])
    );
    assert_eq!(store.machine.state().leases().attached(), 2);
    store.revoke(1).expect("revoked");
    assert_eq!(store.keys(), ["b", "c"]);
}
