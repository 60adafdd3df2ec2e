//! The log on disk: what this member has promised its peers to remember.
//!
//! A [`Wal`] holds one Raft group's entries, its vote and a few marks. It knows nothing of consensus:
//! entries are opaque bytes with an id. What never happens here: a decision about what may be
//! truncated, purged or committed; a file of another module; a clock that changes what is written.
//!
//! # Writing
//!
//! Every change of the log is an operation in one queue. [`Wal::append`] and the others put it there,
//! change what readers see, and return. One thread empties the queue: it encodes all that waits into
//! one buffer, writes it with one `pwrite`, makes it durable with one `fdatasync`, and then calls the
//! completions. So the slower the disk, the larger the batches. Order is kept for everything, votes
//! and entries alike, because Raft is wrong otherwise.
//!
//! **Completions are watermarks.** Of several appends that became durable together only the newest
//! one's `done` is called; the older ones are dropped without a call. A vote's `done` is always
//! called. After a failure every waiting `done` is called with the error.
//!
//! **Bounds.** Entries that are not yet durable stay in memory. When more than
//! [`Options::queue_bytes`] of them wait, `append` blocks until the disk has caught up or failed:
//! better a visible stall than a member that dies of memory. [`Wal::oldest_unsynced_age`] tells a
//! watchdog long before that.
//!
//! **Errors are final.** After a failed write or sync nobody knows what the disk holds, and the
//! kernel may report success for pages it has thrown away. So nothing is tried twice: every later
//! operation fails with the first error, and the member has to stop and recover.
//!
//! # Files
//!
//! The log is a row of segments, `<sequence, 16 hex digits>.wal`, all of [`Options::segment_bytes`].
//! A thread of its own, the preparer, makes the next one ahead of time: filled with zeros, synced, its
//! name synced; it takes breaks while nobody waits for it ([`leisure`]). So a write into a segment
//! allocates nothing and changes no metadata. A purged segment is renamed to be
//! the next one; its old bytes cannot be mistaken for new ones, because a record's checksum covers
//! the segment's sequence number and the record's offset.
//!
//! ```text
//! segment:  preamble  batch  batch  batch ...  (zeros, or what a former life left)
//! batch:    batch record {length, life, synced}  record  record ...      one pwrite
//! ```
//!
//! The first record of a segment is a checkpoint: vote, committed, purged, last, and where the segment
//! before it ended. So recovery needs no file that is older than the oldest entry. A segment is synced
//! to its end before the next one is begun.
//!
//! # Torn or damaged
//!
//! After a crash the log ends with a write that may be there in any part. It is cut off, as a whole:
//! nobody was told that it is durable. But acknowledged bytes that turn bad later look just like it,
//! and cutting *them* off would break promises: a vote given twice, a committed entry gone. What tells
//! them apart is the `synced` mark: each write says up to where the segment was durable before that
//! write began. When recovery meets a bad record, it looks at everything that follows in the file. If
//! there is a valid batch that was written when the bad place was already durable, the bad place is
//! damage, and opening the log is refused. Otherwise it belongs to what no later write knew to be
//! durable, and is cut. In all segments but the last, every bad record is damage, and so is a missing
//! segment or a gap between entries.
//!
//! One case remains: the very last write, acknowledged, gone bad, and nothing after it. To make it
//! rare, the writer adds a mark (an empty batch, not synced) when it has been idle for
//! [`Options::idle`], and a synced one when the log is closed.
//!
//! A mark is not synced, so a torn mark may be followed by a whole batch. Such a batch must not come
//! back after the place before it has been written anew. That is what `life` is for: it grows with
//! every opening, and a batch of an older life than the one before it does not count.
//!
//! All segments but the last are read and checked several at a time, and carried out in order, while the
//! member opens its state: a start waits for the slower of the two.
//!
//! What recovery has read may be in the page cache only, and an earlier process may have failed to
//! sync it. So recovery writes everything that is not covered by a mark once more, and syncs.

pub mod disk;
mod error;
pub mod faulty;
mod leisure;
mod log;
mod read;
mod record;
mod recovery;
mod replay;
mod scan;
mod segment;
mod spare;
mod tail;
#[cfg(test)]
mod tests;
mod types;
mod writer;

pub use disk::{Disk, RealDisk};
pub use error::WalError;
pub use log::Wal;
pub use types::{Checkpoint, Done, Entry, LogId, Options, Payload, Recovered, Vote};
