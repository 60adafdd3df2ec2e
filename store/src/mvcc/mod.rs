//! Every version of every key that has not been compacted away.
//!
//! A version is written once, into the engine's history family under (revision, sub-revision), and
//! never again. Everything else is in memory: an ordered index of keys that says where their
//! versions lie (`index`), with cached newest records hanging on it as far as a budget allows.
//! One writer ([`Writer`]) applies a run of commands to both at once; readers see whole runs.
//!
//! What never happens here: a clock, randomness, the network, knowledge of what a key means.
//!
//! # Who waits for whom
//!
//! One lock on the index. The writer holds it for a run, engine write included; readers for a few
//! hundred keys at a time. A reader of more than that stays consistent because versions it can see
//! are not taken away: it pins its revision, and trimming stops at the oldest pin. Locks nest in one
//! order only: sweep, maintenance, state, pins.
//!
//! # Compaction
//!
//! [`Writer::compact`] moves the floor, in the same batch as everything else, and reads below fail
//! from then on. What it made superfluous goes later, in [`Store::sweep`]: the index is trimmed
//! (visiting only keys that have something to trim), which counts dead bytes per segment of the
//! history, and segments that are mostly dead are rewritten by the engine without them. It does so in
//! bounded steps and may be stopped between any two; what is left over, a later one does.
//!
//! # What may be dropped, and when
//!
//! A crash takes the database back to its last flush; the log is then applied again from there. A
//! record may leave the disk only if no state that can come about in this way refers to it.
//!
//! * Index and disk are cleaned up to a compaction floor only once that *compaction* is durable.
//!   Then everything it superseded was superseded by durable writes, and after a crash the floor is
//!   at least as high: commands that are applied again cannot ask for what is gone.
//! * A dead **put** then goes at any time. Should an older index still refer to it (a dump from
//!   before the trimming), it does so below the floor, where nobody reads, until trimmed anew.
//! * A dead **tombstone** is all that keeps an earlier put of its key from counting as alive when
//!   the index is built from the history. It goes only after all dead puts before it have left the
//!   disk, and after the index dump that a start would load has come to know of the deletion. How
//!   far tombstones may be missing is itself in the database, durably, before the first one goes;
//!   a dump from before that is not loaded.
//!
//! Which records are dead is decided before the engine is asked to rewrite a segment, as a set that
//! its threads look up: they must not wait for the index lock, whose holder may be waiting for them.

mod cache;
mod compaction;
mod dump;
mod hash;
mod history;
mod index;
mod load;
mod pins;
mod read;
mod reclaim;
mod record;
pub(crate) mod schema;
mod size;
mod store;
#[cfg(test)]
mod test_engine;
#[cfg(test)]
pub(crate) mod tests;
mod write;

pub use compaction::{Stop, Swept};
pub use hash::Hash;
pub use read::{Find, RangeScan};
pub use size::Size;
pub use store::{Meta, Store};
pub use write::Writer;

use std::path::PathBuf;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Budget for cached newest records, in bytes. Zero caches nothing.
    pub cache_bytes: usize,
    /// Where index dumps are kept; beside the database, and only there. `None` keeps none.
    pub index_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cache_bytes: 256 << 20,
            index_dir: None,
        }
    }
}
