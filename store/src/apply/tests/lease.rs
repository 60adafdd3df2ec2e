//! Lease commands.

use super::*;
use crate::lease::{Change, Lease};

fn checkpoint(id: LeaseId, remaining_ttl: i64) -> Operation {
    Operation::LeaseCheckpoint(LeaseCheckpointRequest {
        checkpoints: vec![LeaseCheckpoint { id, remaining_ttl }],
    })
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
    let lease = |store: &Fixture| store.machine.state().leases().get(1);
    let with = |remaining_ttl| {
        Some(Lease {
            granted_ttl: 60,
            remaining_ttl,
        })
    };
    let outcome = store.outcome(checkpoint(1, 40));
    let noted = Change::Checkpointed {
        id: 1,
        remaining: Some(40),
    };
    assert_eq!(outcome.lease_changes, [noted]);
    assert_eq!(lease(&store), with(Some(40)));
    let mut store = store.reopen();
    assert_eq!(lease(&store), with(Some(40)));
    store.apply(checkpoint(1, 0)).expect("applied");
    assert_eq!(lease(&store), with(None));
    store.apply(checkpoint(1, 99)).expect("applied");
    assert_eq!(lease(&store), with(None), "never more than granted");
    let unknown = store.outcome(checkpoint(2, 40));
    assert!(unknown.lease_changes.is_empty());
    assert_eq!(store.store.revision(), 1);
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
