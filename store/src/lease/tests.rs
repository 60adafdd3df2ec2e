//! The clock with made-up time.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const S: Duration = Duration::from_secs(1);
const EXTENSION: Duration = Duration::from_secs(2);

fn primary(now: Instant) -> Clock {
    let mut clock = Clock::new(2);
    clock.promote(&Leases::default(), EXTENSION, now);
    clock
}

fn grant(clock: &mut Clock, id: LeaseId, ttl: i64, now: Instant) {
    clock.changed(&Change::Granted { id, ttl }, now);
}

#[test]
fn a_lease_ends_at_its_time_and_not_before() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 10, start);
    let early = clock.expired(start + 10 * S - Duration::from_nanos(1), 9);
    assert_eq!(early, [0i64; 0]);
    assert_eq!(clock.expired(start + 10 * S, 9), [1]);
}

#[test]
fn c77_a_lease_is_never_counted_shorter_than_the_minimum() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 1, start);
    assert!(clock.expired(start + S, 9).is_empty());
    assert_eq!(clock.expired(start + 2 * S, 9), [1]);
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
    assert_eq!(clock.expired(start + 22 * S, 9), [1]);
}

#[test]
fn c80_a_lease_whose_revocation_may_be_in_the_log_is_not_renewed() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 10, start);
    assert_eq!(clock.expired(start + 10 * S, 9), [1]);
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
    assert_eq!(clock.expired(now, 3), [5, 4, 3]);
    assert_eq!(clock.expired(now, 3), [2, 1]);
    assert!(clock.expired(now + REVOKE_RETRY - S, 9).is_empty());
    clock.changed(&Change::Revoked { id: 4 }, now);
    let again = clock.expired(now + REVOKE_RETRY, 9);
    assert_eq!(again.iter().collect::<BTreeSet<_>>().len(), 4);
    assert!(!again.contains(&4));
}

#[test]
fn c83_a_new_leader_starts_from_the_whole_or_the_noted_time_plus_an_extension() {
    let start = Instant::now();
    let leases = Leases::default();
    let lease = |remaining_ttl| Lease {
        granted_ttl: 1000,
        remaining_ttl,
    };
    leases.set(1, lease(None));
    leases.set(2, lease(Some(100)));
    let mut clock = Clock::new(2);
    clock.promote(&leases, EXTENSION, start);
    assert!(clock.expired(start + 101 * S, 9).is_empty());
    assert_eq!(clock.expired(start + 102 * S, 9), [2]);
    assert!(clock.expired(start + 1001 * S, 9).iter().all(|id| *id == 2));
    assert!(clock.expired(start + 1002 * S, 9).contains(&1));
}

#[test]
fn c83_a_new_leader_spreads_leases_that_would_end_together() {
    let start = Instant::now();
    let leases = Leases::default();
    for id in 0..20_000 {
        let lease = Lease {
            granted_ttl: 60,
            remaining_ttl: None,
        };
        leases.set(id, lease);
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

#[test]
fn c84_a_renewal_first_removes_the_note() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 1000, start);
    let now = start + CHECKPOINT_INTERVAL;
    let remaining = Some(clock.checkpoints(now)[0].remaining_ttl);
    let note = |remaining| Change::Checkpointed { id: 1, remaining };
    // Not yet applied, but it may be in the log.
    assert_eq!(clock.renew(1, now), Ok(Renew::ClearFirst));
    clock.changed(&note(remaining), now);
    assert_eq!(clock.renew(1, now), Ok(Renew::ClearFirst));
    assert!(
        clock.checkpoints(now + CHECKPOINT_INTERVAL).is_empty(),
        "no note may come behind the removal"
    );
    clock.changed(&note(None), now);
    assert_eq!(clock.renew(1, now), Ok(Renew::Renewed(1000)));
}

#[test]
fn c84_a_late_removal_does_not_vouch_for_a_note_behind_it() {
    let start = Instant::now();
    let mut clock = primary(start);
    grant(&mut clock, 1, 1000, start);
    let now = start + CHECKPOINT_INTERVAL;
    assert_eq!(clock.checkpoints(now).len(), 1);
    let removed = Change::Checkpointed {
        id: 1,
        remaining: None,
    };
    clock.changed(&removed, now);
    assert_eq!(clock.renew(1, now), Ok(Renew::ClearFirst));
    clock.changed(&removed, now);
    assert_eq!(clock.renew(1, now), Ok(Renew::Renewed(1000)));
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
    let lease = Lease {
        granted_ttl: 10,
        remaining_ttl: None,
    };
    leases.set(1, lease);
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
    let lease = Lease {
        granted_ttl: 10,
        remaining_ttl: None,
    };
    leases.set(1, lease);
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

/// One step in the life of a cluster, as far as leases see it.
#[derive(Clone, Debug)]
enum Step {
    /// Milliseconds.
    Wait(u64),
    Grant(LeaseId, i64),
    KeepAlive(LeaseId),
    /// The leader proposes what is due.
    Tick,
    /// This many of the oldest proposals are applied.
    Apply(usize),
    /// A new leader; this many of the oldest proposals survive.
    Elect(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let id = 1..7i64;
    prop_oneof![
        3 => (1..400_000u64).prop_map(Step::Wait),
        2 => (id.clone(), prop::sample::select(vec![1i64, 5, 60, 400, 700, 2000]))
            .prop_map(|(id, ttl)| Step::Grant(id, ttl)),
        4 => id.prop_map(Step::KeepAlive),
        4 => Just(Step::Tick),
        4 => (1..4usize).prop_map(Step::Apply),
        1 => (0..4usize).prop_map(Step::Elect),
    ]
}

/// A log of proposals, the replicated leases, one leader's clock, and what clients were promised.
struct Cluster {
    now: Instant,
    clock: Clock,
    leases: Leases,
    log: Vec<Change>,
    /// Until when each lease was promised to live.
    promised: BTreeMap<LeaseId, Instant>,
    /// Ids are not reused here: a note of the remaining time that is on its way when its lease is
    /// revoked would hit the new lease of that id.
    used: BTreeSet<LeaseId>,
}

impl Cluster {
    fn new() -> Cluster {
        let now = Instant::now();
        Cluster {
            now,
            clock: primary(now),
            leases: Leases::default(),
            log: Vec::new(),
            promised: BTreeMap::new(),
            used: BTreeSet::new(),
        }
    }

    fn promise(&mut self, id: LeaseId, ttl: i64) {
        self.promised.insert(id, self.now + ttl as u32 * S);
    }

    fn apply(&mut self, count: usize) -> Result<(), TestCaseError> {
        for change in self
            .log
            .drain(..count.min(self.log.len()))
            .collect::<Vec<_>>()
        {
            match change {
                Change::Granted { id, ttl } => {
                    if self.leases.contains(id) {
                        continue;
                    }
                    let lease = Lease {
                        granted_ttl: ttl,
                        remaining_ttl: None,
                    };
                    self.leases.set(id, lease);
                    self.promise(id, ttl);
                }
                Change::Revoked { id } => {
                    if !self.leases.contains(id) {
                        continue;
                    }
                    let promised = self.promised.remove(&id).unwrap_or(self.now);
                    prop_assert!(self.now >= promised, "lease {} ended early", id);
                    self.leases.remove(id);
                }
                Change::Checkpointed { id, remaining } => {
                    let Some(mut lease) = self.leases.get(id) else {
                        continue;
                    };
                    lease.remaining_ttl = remaining;
                    self.leases.set(id, lease);
                }
            }
            self.clock.changed(&change, self.now);
        }
        Ok(())
    }

    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Wait(millis) => self.now += Duration::from_millis(millis),
            Step::Grant(id, ttl) => {
                if self.used.insert(id) {
                    self.log.push(Change::Granted { id, ttl });
                }
            }
            Step::KeepAlive(id) => match self.clock.renew(id, self.now) {
                Ok(Renew::Renewed(ttl)) => self.promise(id, ttl),
                Ok(Renew::ClearFirst) => self.log.push(Change::Checkpointed {
                    id,
                    remaining: None,
                }),
                Ok(Renew::Gone) => prop_assert!(!self.leases.contains(id)),
                Ok(Renew::Revoking) => {}
                Err(NotPrimary) => prop_assert!(false, "there is always a leader here"),
            },
            Step::Tick => {
                for id in self.clock.expired(self.now, 2) {
                    self.log.push(Change::Revoked { id });
                }
                for note in self.clock.checkpoints(self.now) {
                    let (id, remaining) = (note.id, Some(note.remaining_ttl));
                    self.log.push(Change::Checkpointed { id, remaining });
                }
            }
            Step::Apply(count) => self.apply(count)?,
            Step::Elect(kept) => {
                self.clock.demote();
                self.log.truncate(kept);
                self.apply(kept)?;
                // Elections take no time here, so the promise must hold without an extension.
                let extension = Duration::ZERO;
                self.clock.promote(&self.leases, extension, self.now);
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Grants, renewals, notes, revocations, lost proposals, elections: no lease is revoked before
    /// the time that a client was last told, and every lease ends once nobody renews it.
    #[test]
    fn no_lease_ends_early_and_every_lease_ends(steps in prop::collection::vec(step(), 1..60)) {
        let mut cluster = Cluster::new();
        for step in &steps {
            cluster.run(step)?;
        }
        cluster.apply(usize::MAX)?;
        for _ in 0..20 {
            cluster.run(&Step::Wait(1_000_000))?;
            cluster.run(&Step::Tick)?;
            cluster.apply(usize::MAX)?;
        }
        prop_assert!(cluster.leases.is_empty(), "left over: {:?}", cluster.leases.ids());
    }
}
