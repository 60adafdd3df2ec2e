//! How much of each node is taken, and whether there is room for one Pod more.
//!
//! What the Pods of a node ask for is summed up in a ledger of that node, a key beside the objects. Every
//! write that changes what a Pod takes changes the ledger in its own transaction, under a guard on the
//! ledger as it was read: a binding, a Pod created with its node, a phase that becomes final, a deletion,
//! a resize. So the ledger is what a count would find, at every revision. Writes that change nothing of
//! it, like most of those of a status, do not touch it.
//!
//! A binding is refused if the node's allocatable does not have what the Pod asks for. It is guarded by
//! the ledger and by the node, so it does not matter who binds, on which member, or how many at a time: who
//! was slower is made again and sees what is left. Nothing else is refused: a Pod that is created with its
//! node, or that grows, is for the node itself to turn away, and a node may shrink below what it has.
//!
//! Because the guards say what was true when the binding took effect, it is first made on whatever state is at
//! hand, without asking the other members whether that is the newest; only what seems to refuse it is looked at
//! again in the newest one.
//!
//! A ledger belongs to a name, not to an object: Pods may be bound to a node that does not exist, as in
//! upstream, without a look at its room, and outlive one that is deleted. They count for the node that
//! has the name next. A ledger without any Pod is deleted, so no ledger means no Pod.
//!
//! That is so once everything has been counted, which a key of its own says. In a store that an earlier
//! version has left, the first writes count what is there, some nodes each; meanwhile a missing ledger
//! means nothing, and every write makes that of its node from a list of the Pods. Those writes rest on
//! that key being absent, and keep the ledgers of empty nodes, so that two of them about one node cannot
//! miss each other.
//!
//! Ledgers are right as long as all who write Pods do it through a registry. After anything else, delete
//! [`LEDGERS`] and [`COUNTED`] while no server runs, and they are made anew.
//!
//! | file | what |
//! |---|---|
//! | `share` | what one Pod takes, and what a write changes about that |
//! | `ledger` | the keys, their values, whether there is room |
//! | `audit` | whether a whole history kept to all this, for tests |
//!
//! The writes themselves are in `write/room`. What may enter: Pods and nodes as they are stored. What never
//! happens here: IO, but for reading a history; a choice between nodes.

mod audit;
mod ledger;
mod share;
#[cfg(test)]
mod tests;

pub use audit::{Audit, Fault, audit, history};
pub use ledger::{COUNTED, LEDGERS};

pub(in crate::registry) use ledger::{Ledger, key, lacking};
pub(in crate::registry) use share::{changes, share};
