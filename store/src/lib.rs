//! The replicated, versioned key/value store behind etcd's v3 API.
//!
//! A write goes one way through this crate, and the modules below stand in that order:
//!
//! ```text
//! rpc ──► raft (proposer ─► openraft ─► wal) ──► apply ──► mvcc ──► engine
//!  ▲                                               │
//!  └────────────── replies ◄───────────────────────┤
//!                  watch hub ◄─────────────────────┘
//! ```
//!
//! * [`rpc`] speaks etcd: it validates, encodes one command, waits, and puts errors into etcd's words.
//! * [`raft`] makes the members agree on an order. Only it knows openraft.
//! * [`wal`] is the log on disk.
//! * [`apply`] carries out agreed commands. It is pure: same commands, same state, on every member.
//! * [`mvcc`] keeps every version of every key that has not been compacted away.
//! * [`engine`] is what the state lies on. Only it knows RocksDB.
//! * [`archive`] is the whole state as one portable file.
//! * [`lease`] holds the leases (replicated) and their clocks (the leader's alone).
//! * [`validate`] holds the checks of a request that need nothing but the request.
//! * [`watch`] tells watchers what changed.
//! * [`world`] is what a member takes from outside itself: threads, disks, the way to its peers.
//! * [`faults`] are what tests can make it do wrong; a release has none.
//! * [`limits`] bounds what a client can fill; [`metrics`] is what the member counts.
//!
//! What never happens here: a Kubernetes word, a clock or a random number in `apply` and `mvcc`, an
//! unbounded queue.

pub mod apply;
pub mod archive;
pub mod engine;
pub mod error;
pub mod event;
pub mod faults;
pub mod lease;
pub mod limits;
pub mod metrics;
pub mod mvcc;
pub mod raft;
pub mod reply;
pub mod rpc;
pub mod validate;
pub mod wal;
pub mod watch;
pub mod world;

pub use error::Error;

/// Tests ask how much memory something takes.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: keelson_fuzz::memory::Counting = keelson_fuzz::memory::Counting;

/// A point in the store's history. Every write that changes something makes the next one.
/// An empty store is at revision 1.
pub type Revision = i64;
/// Names a lease. Negative ids are legal.
pub type LeaseId = i64;
/// Names a member, for ever: an id is never used again.
pub type MemberId = u64;

/// Stops the member because its state can no longer be trusted.
///
/// For broken invariants only: a command that cannot be applied, a record that does not decode, a
/// disk that did not take what it promised. Going on would let members diverge; a restart replays
/// the log from the last state known to be good.
#[macro_export]
macro_rules! broken {
    ($($argument:tt)*) => {{
        let what = format!($($argument)*);
        tracing::error!(what, "invariant broken, stopping this member");
        $crate::world::end_member(&what)
    }};
}
