//! Tells watchers what changed: every event of their range, once, in order, whole revisions at a time.
//!
//! ```text
//! apply thread                     front runtime (one hub each)
//! Feed::publish ──► window ──────► Hub: live ───► watcher's stream queue ──► client
//!      └─ wakes each hub once         └ catch-up ─┘        (ordered, bounded)
//! ```
//!
//! * [`Feed`] is shared. The apply thread puts each run's events into its *window*, a byte-bounded
//!   ring of the newest batches, and wakes the hubs that have watchers. The window is the queue of
//!   every hub: nothing is copied per hub, publishing never waits for one, and a hub that slept past
//!   the window's end simply finds that it has to read history.
//! * [`Hub`] belongs to one front runtime. It looks at each event once, finds the watchers by an
//!   interval index and appends to their streams.
//! * A watcher is *synced* (fed live), *unsynced* (catching up from the window or from stored
//!   history) or *lagging* (its stream's queue is full; it waits for the queue to drain, then catches
//!   up). See `watcher`. All decisions of a hub are made under one lock that only its own runtime
//!   normally takes, so the step from unsynced to synced has no gap: a watcher is synced exactly when
//!   its next revision is above the hub's processed revision.
//! * [`Stream`] is one client's ordered queue: replies, events and progress leave in the order in
//!   which they were decided. So a progress reply for revision X comes after every event up to X.
//!
//! What never happens here: waiting on a client while others wait too, a lock held across an await,
//! an unbounded queue, an event encoded for one watcher alone.

mod batch;
mod catchup;
mod counters;
mod feed;
mod hub;
mod index;
mod intervals;
mod live;
mod mailbox;
mod options;
mod outbound;
mod progress;
mod requests;
mod slots;
mod source;
mod state;
mod stream;
mod watcher;
mod window;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use counters::Counters;
pub use feed::Feed;
pub use hub::{Hub, WeakHub};
pub use options::Options;
pub use source::Source;
pub use stream::Stream;

/// The watch id of replies that concern no single watch: refusals and progress of a whole stream.
pub const NO_WATCH: i64 = -1;
