//! When each lease ends, in the leader's opinion.
//!
//! # Rules for the driver
//!
//! 1. [`Clock::promote`] once the first entry of the own term is applied here, so that nothing a
//!    former leader proposed can still come; [`Clock::demote`] as soon as leadership is in doubt.
//! 2. Every [`Change`] of every applied run goes to [`Clock::changed`], in order, *before* the replies
//!    of that run are given out. So a renewal that begins after a revocation was acknowledged here
//!    finds the lease gone.
//! 3. Before a renewal is answered, leadership is confirmed with a quorum, and this member has applied
//!    what was committed when the renewal arrived (the revocation may have been acknowledged by
//!    another member's apply).
//! 4. What [`Clock::expired`] and [`Clock::checkpoints`] return is proposed as it is, with the term as
//!    fence. When, and in which order with other proposals, does not matter.
//!
//! # A renewal against the end of a lease
//!
//! Until a lease has been handed out by [`Clock::expired`] a renewal succeeds, even past the deadline.
//! From then on a revocation may be in the log, and the renewal gets [`Renew::Revoking`]: the caller
//! waits for the next change of that lease (or the loss of leadership) and asks again. A lease never
//! goes back from there: success is not reported for a lease that is about to go.
//!
//! # A renewal against a note of the remaining time
//!
//! Long leases have their remaining time noted in the log now and then, so that a new leader does not
//! start them from the full time. A renewed lease with such a note would end early under the next
//! leader. So a renewal first has the note removed ([`Renew::ClearFirst`]), and only then counts. The
//! removal moves the lease's [`Place`] on, so a note decided before it is passed over wherever it
//! comes, and so is a revocation: that one is handed out again.
//!
//! # What the clock cannot see
//!
//! What is in the log and not yet applied here, such as a client's revocation of a lease and the grant
//! of another one with the same id. Every proposal names the [`Place`] of the lease it was decided for,
//! so it cannot hit the other one; and a renewal counts for the lease that has the id when it is
//! answered, which by rule 3 is the one that the client knows, or a later one.

use super::countdown::Primary;
use super::{Change, Lease, Leases, Place};
use crate::LeaseId;
use crate::faults::{Plant, planted};
use keelson_proto::log::{LeaseExpiry, LeaseNote};
use std::time::Duration;
use tokio::time::Instant;

/// A lease that was handed out as expired and is still there after this time is handed out again.
pub const REVOKE_RETRY: Duration = Duration::from_secs(5);
/// At most this many notes at once: they travel as one command.
const CHECKPOINTS_MAX: usize = 1000;
/// A new leader lets at most this many leases per second end, by letting some live longer.
const SPREAD_PER_SECOND: u32 = 5000;

/// This member does not keep the clocks of leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPrimary;

/// The answer to a renewal. See the essay above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renew {
    /// Its countdown started anew from this many seconds.
    Renewed(i64),
    /// There is no such lease.
    Gone,
    /// Its revocation has been proposed: wait for the lease's next change, then ask again.
    Revoking,
    /// Propose a note of zero remaining seconds (which removes the note that there may be) for the
    /// lease of this place, wait until it is applied, then ask again.
    ClearFirst(Place),
}

/// The time that a lease has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Whole seconds left, rounded down; never more than `granted_s`.
    pub remaining_s: i64,
    /// Seconds granted.
    pub granted_s: i64,
}

/// Counts leases down while this member leads. Tells nobody anything by itself.
pub struct Clock {
    min_ttl_s: i64,
    primary: Option<Primary>,
}

impl Clock {
    /// A clock that keeps no lease shorter than `min_ttl_s` seconds.
    pub fn new(min_ttl_s: i64) -> Clock {
        let primary = None;
        Clock { min_ttl_s, primary }
    }

    /// Leadership began: starts every countdown from the noted or else the granted time, plus
    /// `extension` for the time that the election took. Leases that would all end together are
    /// spread out.
    pub fn promote(&mut self, leases: &Leases, extension: Duration, now: Instant) {
        let mut starts: Vec<_> = leases
            .all()
            .into_iter()
            .map(|(id, lease)| {
                let ttl = match planted(Plant::NewLeaderForgetsTime) {
                    true => 0,
                    false => lease.remaining_ttl.unwrap_or(lease.granted_ttl),
                };
                (now + self.span(ttl) + extension, id, lease)
            })
            .collect();
        starts.sort_unstable_by_key(|&(deadline, id, _)| (deadline, id));

        let mut primary = Primary::default();
        let mut earliest = now;
        for (deadline, id, lease) in starts {
            let deadline = deadline.max(earliest);
            earliest = deadline + Duration::from_secs(1) / SPREAD_PER_SECOND;
            primary.start(id, lease, deadline, now);
        }
        self.primary = Some(primary);
    }

    /// Leadership ended or is in doubt: forgets every countdown.
    pub fn demote(&mut self) {
        self.primary = None;
    }

    /// Between [`Clock::promote`] and [`Clock::demote`].
    pub fn is_primary(&self) -> bool {
        self.primary.is_some()
    }

    /// Takes note of an applied change.
    pub fn changed(&mut self, change: &Change, now: Instant) {
        let min_ttl_s = self.min_ttl_s;
        let Some(primary) = &mut self.primary else {
            return;
        };
        match *change {
            Change::Granted { id, ttl, since } => {
                let lease = Lease {
                    granted_ttl: ttl,
                    remaining_ttl: None,
                    since,
                };
                primary.start(id, lease, now + span(ttl, min_ttl_s), now);
            }
            Change::Revoked { id } => primary.stop(id),
            Change::Checkpointed {
                id,
                remaining: Some(_),
                ..
            } => primary.noted(id),
            Change::Checkpointed {
                id,
                remaining: None,
                since,
            } => primary.cleared(id, since, now),
        }
    }

    /// Starts a lease's countdown anew.
    pub fn renew(&mut self, id: LeaseId, now: Instant) -> Result<Renew, NotPrimary> {
        let min_ttl_s = self.min_ttl_s;
        let primary = self.primary.as_mut().ok_or(NotPrimary)?;
        let Some(countdown) = primary.countdowns.get_mut(&id) else {
            return Ok(Renew::Gone);
        };
        if countdown.revoking {
            return Ok(Renew::Revoking);
        }
        if countdown.noted && !planted(Plant::RenewalKeepsNote) {
            // Another note would only be passed over, or stand in the way of the next renewal.
            primary.checkpoints.clear(countdown);
            return Ok(Renew::ClearFirst(countdown.since));
        }
        // A deadline that an extension put even later stays: the countdown never gets shorter.
        let deadline = now + span(countdown.granted_ttl, min_ttl_s);
        countdown.deadline = countdown.deadline.max(deadline);
        let granted_ttl = countdown.granted_ttl;
        let deadline = countdown.deadline;
        primary.deadlines.set(id, countdown, deadline);
        primary.schedule_checkpoint(id, now);
        Ok(Renew::Renewed(granted_ttl))
    }

    /// What a lease has left; `None` if there is no such lease.
    pub fn time_to_live(&self, id: LeaseId, now: Instant) -> Result<Option<Left>, NotPrimary> {
        let primary = self.primary.as_ref().ok_or(NotPrimary)?;
        Ok(primary.countdowns.get(&id).map(|countdown| {
            let left = countdown.deadline.saturating_duration_since(now);
            let granted_s = countdown.granted_ttl;
            Left {
                remaining_s: i64::try_from(left.as_secs()).map_or(granted_s, |s| s.min(granted_s)),
                granted_s,
            }
        }))
    }

    /// Takes up to `max` leases whose time is over, longest overdue first, as the proposals that
    /// revoke them. Each comes once, and again after [`REVOKE_RETRY`] if it is still there.
    pub fn expired(&mut self, now: Instant, max: usize) -> Vec<LeaseExpiry> {
        let mut expired = Vec::new();
        let Some(primary) = &mut self.primary else {
            return expired;
        };
        while expired.len() < max
            && let Some(id) = primary.deadlines.pop(now, &mut primary.countdowns)
        {
            if let Some(countdown) = primary.countdowns.get_mut(&id) {
                countdown.revoking = true;
                primary.checkpoints.clear(countdown);
                primary.deadlines.set(id, countdown, now + REVOKE_RETRY);
                let since = Some(countdown.since);
                expired.push(LeaseExpiry { id, since });
            }
        }
        expired
    }

    /// Takes the remaining times that should be noted in the log now, as one proposal's worth.
    pub fn checkpoints(&mut self, now: Instant) -> Vec<LeaseNote> {
        let mut checkpoints = Vec::new();
        let Some(primary) = &mut self.primary else {
            return checkpoints;
        };
        while checkpoints.len() < CHECKPOINTS_MAX
            && let Some(id) = primary.checkpoints.pop(now, &mut primary.countdowns)
        {
            if let Some(countdown) = primary.countdowns.get_mut(&id) {
                let left = countdown.deadline.saturating_duration_since(now);
                // Rounded up: what is noted is never less than what is left.
                let remaining_ttl = left.as_secs() as i64 + 1;
                if remaining_ttl < countdown.granted_ttl {
                    countdown.noted = true;
                    checkpoints.push(LeaseNote {
                        id,
                        since: Some(countdown.since),
                        remaining_ttl,
                    });
                }
            }
            primary.schedule_checkpoint(id, now);
        }
        checkpoints
    }

    /// When to look at [`Clock::expired`] and [`Clock::checkpoints`] next: not later than necessary,
    /// sometimes sooner.
    pub fn next_deadline(&self) -> Option<Instant> {
        let primary = self.primary.as_ref()?;
        let deadline = primary.deadlines.next();
        let checkpoint = primary.checkpoints.next();
        deadline.into_iter().chain(checkpoint).min()
    }

    fn span(&self, ttl_s: i64) -> Duration {
        span(ttl_s, self.min_ttl_s)
    }
}

fn span(ttl_s: i64, min_ttl_s: i64) -> Duration {
    Duration::from_secs(ttl_s.max(min_ttl_s).max(0) as u64)
}
