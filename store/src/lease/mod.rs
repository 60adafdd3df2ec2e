//! Leases and their clocks.
//!
//! Two things that must not be mixed up:
//!
//! * [`Leases`] is *state*: which leases exist, what time they were given, which keys hang on them.
//!   It changes only by applied commands, is the same on every member and survives a restart. It
//!   knows durations, never a point in time.
//! * [`Clock`] is the *leader's opinion* of when each lease ends. It is born when leadership begins,
//!   dies with it, and its only effects are proposals: revoke this one, remember the remaining time
//!   of that one. It is pure; every method is told what time it is.
//!
//! A lease never ends early: not by skew (only one member's monotonic clock counts), not by a pause
//! (the clock's proposals are fenced to its term), not by a new leader (which starts every countdown
//! anew, with the replicated remaining time plus an extension), and not by what was meant for another
//! one. It may end late.
//!
//! # Which lease is meant
//!
//! An id does not say it: a client may revoke a lease and be granted another one with the same id, and
//! until both are applied the leader counts down the first. Nor does it say which of two things came
//! first, a renewal or a note of the remaining time. So every lease knows the [`Place`] in the log since
//! which it is what it is: where it was granted, or where a renewal had its note removed. That is part
//! of the state, the same on every member and after every restart. The clock's proposals name it, and
//! `apply` passes over those that name another one. So it does not matter what comes between the
//! decision and its place in the log, nor in which order proposals get there.
//!
//! A client names a lease by its id alone, as in etcd, and means whatever has that id.
//!
//! What never happens here: a wall clock, a network, a task. Whoever drives [`Clock`] obeys the rules
//! written there.

mod clock;
mod countdown;
mod leases;
mod queue;
#[cfg(test)]
mod tests;

pub use clock::{Clock, Left, NotPrimary, REVOKE_RETRY, Renew};
pub use countdown::CHECKPOINT_INTERVAL;
pub use leases::{Lease, Leases};

/// A place in the log. No two leases share one, and one lease moves on to a later one when a renewal
/// takes effect by the log: so it says which lease is meant, and as of when.
pub use keelson_proto::log::Place;

use crate::LeaseId;

/// What an applied command did to a lease, for the leader's [`Clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A lease came into being.
    Granted {
        /// Its id.
        id: LeaseId,
        /// Seconds it was given.
        ttl: i64,
        /// Where in the log.
        since: Place,
    },
    /// A lease and its keys are gone.
    Revoked {
        /// Its id.
        id: LeaseId,
    },
    /// The time that a next leader would give a lease was set.
    Checkpointed {
        /// Its id.
        id: LeaseId,
        /// Seconds; `None`: all that it was granted.
        remaining: Option<i64>,
        /// Where in the log it became what it is.
        since: Place,
    },
}
