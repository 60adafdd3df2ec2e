//! The clock with made-up time.

mod cluster;

use super::*;
use keelson_proto::log::LeaseExpiry;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

const S: Duration = Duration::from_secs(1);
const EXTENSION: Duration = Duration::from_secs(2);

fn primary(now: Instant) -> Clock {
    let mut clock = Clock::new(2);
    clock.promote(&Leases::default(), EXTENSION, now);
    clock
}

fn at(index: u64) -> Place {
    Place { index, command: 0 }
}

fn grant(clock: &mut Clock, id: LeaseId, ttl: i64, now: Instant) {
    let since = at(id as u64);
    clock.changed(&Change::Granted { id, ttl, since }, now);
}

/// The ids of what the clock wants revoked.
fn expired(clock: &mut Clock, now: Instant, max: usize) -> Vec<LeaseId> {
    let expired = clock.expired(now, max);
    expired.iter().map(|expiry| expiry.id).collect()
}

fn lease(granted_ttl: i64, remaining_ttl: Option<i64>) -> Lease {
    Lease {
        granted_ttl,
        remaining_ttl,
        since: at(1),
    }
}

#[test]
fn a_lease_ends_at_its_time_and_not_before() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 10, start);
    let early = expired(&mut clock, start + 10 * S - Duration::from_nanos(1), 9);
    assert_eq!(early, [0i64; 0]);
    assert_eq!(expired(&mut clock, start + 10 * S, 9), [1]);
}

#[test]
fn c77_a_lease_is_never_counted_shorter_than_the_minimum() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 1, start);
    assert!(clock.expired(start + S, 9).is_empty());
    assert_eq!(expired(&mut clock, start + 2 * S, 9), [1]);
}

#[test]
fn c78_renewing_an_unknown_lease_says_gone() {
    let start = Instant::now();
    let mut clock = primary(start);
    assert_eq!(clock.renew(7, start), Ok(Renew::Gone));
    grant(&mut clock, 7, 10, start);
    assert_eq!(clock.renew(7, start), Ok(Renew::Renewed(10)));
    clock.changed(&Change::Revoked { id: 7 }, start);
    assert_eq!(clock.renew(7, start), Ok(Renew::Gone));
}

#[test]
fn c79_a_member_that_does_not_lead_keeps_no_clock() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 10, start);
    assert!(clock.is_primary());
    clock.demote();
    assert!(!clock.is_primary());
    assert_eq!(clock.renew(1, start), Err(NotPrimary));
    assert_eq!(clock.time_to_live(1, start), Err(NotPrimary));
    assert!(clock.expired(start + 1000 * S, 9).is_empty());
    assert_eq!(clock.next_deadline(), None);
}

#[test]
fn c79_a_renewal_starts_the_countdown_anew_even_past_the_deadline() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 10, start);
    assert_eq!(clock.renew(1, start + 12 * S), Ok(Renew::Renewed(10)));
    assert!(clock.expired(start + 21 * S, 9).is_empty());
    assert_eq!(expired(&mut clock, start + 22 * S, 9), [1]);
}

#[test]
fn c80_a_lease_whose_revocation_may_be_in_the_log_is_not_renewed() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 10, start);
    assert_eq!(expired(&mut clock, start + 10 * S, 9), [1]);
    assert_eq!(clock.renew(1, start + 10 * S), Ok(Renew::Revoking));
    let later = start + 10 * S + REVOKE_RETRY;
    assert_eq!(clock.renew(1, later), Ok(Renew::Revoking));
    clock.changed(&Change::Revoked { id: 1 }, later);
    assert_eq!(clock.renew(1, later), Ok(Renew::Gone));
}

#[test]
fn c82_expired_leases_come_in_portions_once_each_and_again_after_a_while() {
    let start = Instant::now();
    let mut clock = primary(start);
    for id in 1..=5 {
        grant(&mut clock, id, 20 - id, start);
    }
    let now = start + 60 * S;
    assert_eq!(expired(&mut clock, now, 3), [5, 4, 3]);
    assert_eq!(expired(&mut clock, now, 3), [2, 1]);
    assert!(clock.expired(now + REVOKE_RETRY - S, 9).is_empty());
    clock.changed(&Change::Revoked { id: 4 }, now);
    let again = expired(&mut clock, now + REVOKE_RETRY, 9);
    assert_eq!(again.iter().collect::<BTreeSet<_>>().len(), 4);
    assert!(!again.contains(&4));
}

#[test]
fn c83_a_new_leader_starts_from_the_whole_or_the_noted_time_plus_an_extension() {
    let start = Instant::now();
    let leases = Leases::default();
    leases.set(1, lease(1000, None));
    leases.set(2, lease(1000, Some(100)));
    let mut clock = Clock::new(2);
    clock.promote(&leases, EXTENSION, start);
    assert!(clock.expired(start + 101 * S, 9).is_empty());
    assert_eq!(expired(&mut clock, start + 102 * S, 9), [2]);
    let early = expired(&mut clock, start + 1001 * S, 9);
    assert!(early.iter().all(|id| *id == 2));
    assert!(expired(&mut clock, start + 1002 * S, 9).contains(&1));
}

#[test]
fn c83_a_new_leader_spreads_leases_that_would_end_together() {
    let start = Instant::now();
    let leases = Leases::default();
    for id in 0..20_000 {
        leases.set(id, lease(60, None));
    }
    let mut clock = Clock::new(2);
    clock.promote(&leases, EXTENSION, start);
    let first = clock.expired(start + 62 * S, usize::MAX).len();
    let second = clock.expired(start + 63 * S, usize::MAX).len();
    assert!(first <= 5000, "{first} leases end within the first moment");
    assert!((4900..=5100).contains(&second), "{second} in one second");
    let rest = clock.expired(start + 66 * S, usize::MAX).len();
    assert_eq!(first + second + rest, 20_000);
}

#[test]
fn c84_long_leases_have_their_remaining_time_noted() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 1000, start);
    grant(&mut clock, 2, 200, start);
    assert!(
        clock
            .checkpoints(start + CHECKPOINT_INTERVAL - S)
            .is_empty()
    );
    let notes = clock.checkpoints(start + CHECKPOINT_INTERVAL);
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].id, 1);
    let left = 1000 - CHECKPOINT_INTERVAL.as_secs() as i64;
    assert!((left..=left + 1).contains(&notes[0].remaining_ttl));
    assert!(clock.checkpoints(start + CHECKPOINT_INTERVAL).is_empty());
    assert_eq!(clock.checkpoints(start + 2 * CHECKPOINT_INTERVAL).len(), 1);
}

/// A note of lease 1, or its removal, as apply tells it.
fn noted(remaining: Option<i64>, since: Place) -> Change {
    Change::Checkpointed {
        id: 1,
        remaining,
        since,
    }
}

#[test]
fn c84_a_renewal_first_removes_the_note() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 1000, start);
    let now = start + CHECKPOINT_INTERVAL;
    let note = clock.checkpoints(now)[0];
    assert_eq!(note.since, Some(at(1)));
    // Not yet applied, but it may be in the log.
    assert_eq!(clock.renew(1, now), Ok(Renew::ClearFirst(at(1))));
    clock.changed(&noted(Some(note.remaining_ttl), at(1)), now);
    assert_eq!(clock.renew(1, now), Ok(Renew::ClearFirst(at(1))));
    assert!(
        clock.checkpoints(now + CHECKPOINT_INTERVAL).is_empty(),
        "a note now would only have to be removed"
    );
    clock.changed(&noted(None, at(9)), now);
    assert_eq!(clock.renew(1, now), Ok(Renew::Renewed(1000)));
    let later = clock.checkpoints(now + CHECKPOINT_INTERVAL);
    assert_eq!(later[0].since, Some(at(9)), "a note from before is no more");
}

#[test]
fn c84_a_new_leader_removes_the_note_it_finds() {
    let start = Instant::now();
    let leases = Leases::default();
    leases.set(1, lease(1000, Some(100)));
    let mut clock = Clock::new(2);
    clock.promote(&leases, EXTENSION, start);
    assert_eq!(clock.renew(1, start), Ok(Renew::ClearFirst(at(1))));
    clock.changed(&noted(None, at(9)), start);
    assert_eq!(clock.renew(1, start), Ok(Renew::Renewed(1000)));
}

#[test]
fn c84_a_revocation_that_a_removal_outran_is_handed_out_again() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 1000, start);
    assert_eq!(clock.checkpoints(start + CHECKPOINT_INTERVAL).len(), 1);
    let now = start + 1000 * S;
    assert_eq!(clock.renew(1, now), Ok(Renew::ClearFirst(at(1))));
    let expiry = |since| LeaseExpiry {
        id: 1,
        since: Some(since),
    };
    assert_eq!(clock.expired(now, 9), [expiry(at(1))]);
    clock.changed(&noted(None, at(9)), now);
    assert_eq!(clock.expired(now, 9), [expiry(at(9))]);
    assert_eq!(clock.renew(1, now), Ok(Renew::Revoking));
}

#[test]
fn a_lease_with_the_id_of_another_one_is_counted_and_named_by_itself() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 10, start);
    assert_eq!(clock.expired(start + 10 * S, 9)[0].since, Some(at(1)));
    assert_eq!(clock.renew(1, start + 10 * S), Ok(Renew::Revoking));
    let now = start + 11 * S;
    clock.changed(&Change::Revoked { id: 1 }, now);
    let granted = Change::Granted {
        id: 1,
        ttl: 20,
        since: at(7),
    };
    clock.changed(&granted, now);
    assert_eq!(clock.renew(1, now + S), Ok(Renew::Renewed(20)));
    assert!(clock.expired(now + 20 * S, 9).is_empty());
    let again = clock.expired(now + 21 * S, 9);
    assert_eq!(again[0].since, Some(at(7)));
}

#[test]
fn c84_a_note_is_never_less_than_what_is_left() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 1000, start);
    let later = CHECKPOINT_INTERVAL + Duration::from_millis(1);
    let note = clock.checkpoints(start + later)[0].remaining_ttl;
    let left = 1000 * S - later;
    assert!(Duration::from_secs(note as u64) >= left);
}

#[test]
fn c85_the_time_left_is_in_whole_seconds_and_never_more_than_granted() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 10, start);
    let left = |after: Duration| clock.time_to_live(1, start + after);
    let of = |remaining_s| {
        let granted_s = 10;
        Ok(Some(Left {
            remaining_s,
            granted_s,
        }))
    };
    assert_eq!(left(Duration::ZERO), of(10));
    assert_eq!(left(Duration::from_millis(100)), of(9));
    assert_eq!(left(20 * S), of(0));
    assert_eq!(clock.time_to_live(2, start), Ok(None));

    let leases = Leases::default();
    leases.set(1, lease(10, None));
    clock.promote(&leases, EXTENSION, start);
    assert_eq!(clock.time_to_live(1, start), of(10));
}

#[test]
fn the_next_deadline_is_never_later_than_the_first_thing_to_do() {
    let start = Instant::now();
    let mut clock = primary(start);
    assert_eq!(clock.next_deadline(), None);
    grant(&mut clock, 1, 10, start);
    grant(&mut clock, 2, 5, start);
    assert_eq!(clock.next_deadline(), Some(start + 5 * S));
    grant(&mut clock, 3, 100_000, start);
    clock.changed(&Change::Revoked { id: 1 }, start);
    clock.changed(&Change::Revoked { id: 2 }, start);
    assert!(clock.expired(start + 10 * S, 9).is_empty());
    let checkpoint = start + CHECKPOINT_INTERVAL;
    assert_eq!(clock.next_deadline(), Some(checkpoint));
}

#[test]
fn keys_of_a_lease_are_sorted_and_counted() {
    let leases = Leases::default();
    assert!(!leases.attach(1, b"k"));
    leases.set(1, lease(10, None));
    for key in ["c", "a", "b", "a"] {
        assert!(leases.attach(1, key.as_bytes()));
    }
    assert_eq!(leases.keys(1), ["a", "b", "c"]);
    assert_eq!(leases.attached(), 3);
    leases.detach(1, b"b");
    leases.detach(1, b"b");
    assert_eq!(leases.attached(), 2);
    leases.remove(1);
    assert_eq!((leases.attached(), leases.len()), (0, 0));
}
