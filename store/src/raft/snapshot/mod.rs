//! State on its way from the leader to a member that is too far behind, or new.
//!
//! The leader makes a checkpoint (hard links, so it costs little), streams its files one after the
//! other with a checksum each, and drops it. The receiver collects the files beside its present
//! state, verifies them, and lets openraft install the whole. Rate-limited, so that a transfer does
//! not starve replication on the same disk and network.
//!
//! **A transfer that breaks off is gone on with.** Nearly all bytes of a state are in files that never
//! change once they are written, so the next checkpoint of the same member has most of them again,
//! under the same names. The receiver keeps what has arrived. Before it is sent a snapshot it is asked
//! what it has of the files listed, and answers with name, length and SHA-256 of what it reads on its
//! disk at that moment, which may be the beginning of a file that was cut off. The sender compares with
//! its own files and sends only the rest.
//!
//! Nobody keeps notes: what counts as the same is decided by the bytes alone. A name is not enough
//! (every member's database numbers its files from one), neither is a length or a short checksum, and
//! notes would have to be as durable as the files. So a restart of either side, a power cut, a damaged
//! disk, a newer checkpoint or another sender need no rules of their own: what differs is sent again.
//! Keeping one checkpoint until it has arrived would be simpler, but it would pin files that the
//! database has replaced for as long as a member is away, and would not outlive its sender.
//!
//! What is kept is bounded: the files of one sender, for ten minutes after the last of them came, and
//! not while the disk is short of space. **A snapshot that does not fit beside the disk's reserve is
//! refused** before the first byte, with both numbers, and the leader asks again ever more rarely.
//!
//! | file | what |
//! |---|---|
//! | `digest` | reads files: checksums, under a rate |
//! | `outgoing` | the files of a checkpoint as a stream, on a lane |
//! | `send` | one attempt to get it across, and how long to wait for the next |
//! | `collection` | what has arrived, on the receiver's disk |
//! | `incoming`, `desk` | one transfer at a time, on a lane |
//!
//! What never happens here: reading or writing files on the runtime of consensus; a file of one sender
//! among those of another; a change of the state that serves.

mod collection;
mod desk;
mod digest;
mod incoming;
mod outgoing;
mod send;

#[cfg(test)]
mod tests;

pub use incoming::Incoming;
pub use send::{Retry, send};

use super::types::{
    SnapshotMeta, StoredMembership, Vote, log_id_from_peer, log_id_to_peer, membership_from_peer,
    membership_to_peer, vote_from_peer, vote_to_peer,
};
use keelson_proto::peer;
use std::fs;
use std::path::{Path, PathBuf};

/// Messages of a transfer, of a quarter of a megabyte, that wait on their way between the network and
/// a disk. Beyond it the reader waits.
const WAITING_CHUNKS_MAX: usize = 8;

/// A directory holding a state. A temporary one is removed when the last user is done with it.
#[derive(Debug)]
pub struct SnapshotDirectory {
    path: Option<PathBuf>,
}

impl SnapshotDirectory {
    /// No copy: only its position is of interest.
    pub fn none() -> SnapshotDirectory {
        SnapshotDirectory { path: None }
    }

    /// A copy that removes itself.
    pub fn temporary(path: PathBuf) -> SnapshotDirectory {
        SnapshotDirectory { path: Some(path) }
    }

    /// Where it is, if it is anywhere.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl Drop for SnapshotDirectory {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // An installed one has been renamed away. What stays behind is removed at the next start.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// A snapshot that has arrived whole.
#[derive(Debug)]
pub struct Received {
    /// The sender's vote.
    pub vote: Vote,
    /// What it contains.
    pub meta: SnapshotMeta,
    /// Where it is.
    pub directory: SnapshotDirectory,
}

fn write_header(vote: &Vote, meta: &SnapshotMeta) -> peer::SnapshotHeader {
    peer::SnapshotHeader {
        vote: Some(vote_to_peer(vote)),
        last_log_id: meta.last_log_id.as_ref().map(log_id_to_peer),
        membership_log_id: meta.last_membership.log_id().as_ref().map(log_id_to_peer),
        membership: Some(membership_to_peer(meta.last_membership.membership())),
        total_bytes: 0,
        kept: Vec::new(),
    }
}

fn read_header(header: &peer::SnapshotHeader) -> Option<(Vote, SnapshotMeta)> {
    let meta = SnapshotMeta {
        last_log_id: header.last_log_id.as_ref().map(log_id_from_peer),
        last_membership: StoredMembership::new(
            header.membership_log_id.as_ref().map(log_id_from_peer),
            membership_from_peer(header.membership.as_ref()?)?,
        ),
    };
    Some((vote_from_peer(header.vote.as_ref()?), meta))
}
