//! Carries out agreed commands.
//!
//! One thread owns the [`Machine`] and feeds it runs of committed log entries. A run becomes one
//! atomic engine batch: data, applied log id, membership, leases, alarms, member attributes. So what
//! is on disk is always the state after some entry, and says after which.
//!
//! What may enter: the commands, in the order of the log, and nothing else. What never happens here:
//! a clock, a random number, configuration, an await, iteration over a hash map, a failure for a
//! reason that only this member has. The same commands give the same state on every member, however
//! they were cut into runs and whoever waits for the replies. Times and ids arrive inside commands.
//! Limits of a member (quota, operations per transaction, least time to live) are `rpc`'s business,
//! before a command is proposed.
//!
//! A command either takes effect whole or is answered with an error and changes nothing: everything
//! that can be wrong with it is looked at before the first change. What cannot be answered that way,
//! such as a command that this version does not know or a disk that does not write, stops the member.
//!
//! Replies are made only for the member and the incarnation that asked; everybody else skips the
//! reads they need.

mod alarm;
mod command;
mod compare;
mod kv;
mod lease;
mod machine;
pub(crate) mod schema;
mod state;
#[cfg(test)]
mod tests;
mod txn;

pub use machine::{Machine, Origin, Outcome, Position};
pub use state::State;

pub use crate::wal::{Entry, LogId, Payload};
