//! What was seen in a run: operations with their times and outcomes, watch streams, faults, and
//! observations of the members.
//!
//! A history is a file of [`Record`]s, one line each, in the order in which they were written down.
//! [`HistoryWriter`] appends to it, [`HistoryReader`] streams it, [`History::load`] joins what belongs
//! together. All times are nanoseconds of one monotonic clock since the start of the run, taken while
//! the writer's lock is held: so times never go back in the file, an invocation is written before its
//! request is sent, and a completion after its answer is there. That may only make an operation look
//! longer than it was, which costs sharpness and never truth.
//!
//! What may enter: facts. A recorder writes what it saw and never repeats a request. An answer that
//! did not come is [`Outcome::Unknown`], and whoever is in doubt writes that. What never happens here:
//! judging. Only what makes a history useless as evidence is found while loading ([`Defect`]).
//!
//! | file | what |
//! |---|---|
//! | `blob` | keys and values |
//! | `kv`, `call`, `reply` | requests and answers |
//! | `watch`, `fault`, `observe`, `head` | the other kinds of record |
//! | `object` | the Kubernetes API: requests, answers, watches |
//! | `record` | one line |
//! | `file` | lines with a chained checksum and an end |
//! | `load` | records joined to operations and watches, and what is wrong with the file |
//!
//! Types are only ever added to: recorded histories stay readable.

mod blob;
mod call;
mod fault;
mod file;
mod head;
mod kv;
mod load;
mod object;
mod observe;
mod record;
mod reply;
mod watch;

#[cfg(test)]
mod tests;

pub use blob::Blob;
pub use call::{AdminCall, Call, Intent, LeaseCall, LockCall, MemberCall, OutsideCall, SetLayout};
pub use fault::{FaultPhase, FaultRecord};
pub use file::{HistoryError, HistoryReader, HistoryWriter};
pub use head::{Head, Invariant, Limits};
pub use kv::{
    Comparison, DeleteCall, DeleteReply, KeyRange, KeyValue, KvCall, KvReply, Operator, PutCall,
    PutReply, RangeCall, RangeReply, SortBy, SortOrder, Target, TxnCall, TxnReply,
};
pub use load::{Defect, Fault, History, Informer, Operation, Watch};
pub use object::{HttpCall, HttpReply, InformerOpen, InformerRecord, version};
pub use observe::{HashReply, LogEntry, Observation, Observed, Restored, Stored};
pub use record::{Nanos, Node, OpId, Process, Record, WatchId};
pub use reply::{Header, LeaseReply, LockReply, MemberInfo, MemberReply, Outcome, Reply};
pub use watch::{Event, EventKind, WatchOpen, WatchRecord};
