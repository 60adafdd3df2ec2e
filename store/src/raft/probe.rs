//! A look into a running member, for those who check it: a simulation after each step.
//!
//! Everything is read without waiting and changes nothing. Nothing here is for requests.

use super::handle::Handle;
use super::types::{Membership, Raft, decode_membership, log_id_to_wal, vote_to_wal};
use crate::engine::{Engine, EngineError};
use crate::wal::{Entry, LogId, Payload, Vote, Wal};
use crate::{MemberId, Revision, apply, mvcc};
use openraft::async_runtime::watch::WatchReceiver;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

/// Who decides: a majority of each of these sets. There are two while the voters change.
pub type Voters = Vec<BTreeSet<MemberId>>;

fn voters_of(membership: &Membership) -> Voters {
    membership.get_joint_config().clone()
}

/// Who decides by an entry, if it says that.
///
/// # Errors
/// It does not decode.
pub fn voters(entry: &Entry) -> io::Result<Option<Voters>> {
    match &entry.payload {
        Payload::Membership(bytes) => Ok(Some(voters_of(&decode_membership(bytes)?))),
        _ => Ok(None),
    }
}

/// The last entry whose effects are in a state's engine, as that says itself.
///
/// # Errors
/// The engine's.
pub fn place(engine: &dyn Engine) -> Result<Option<LogId>, EngineError> {
    Ok(apply::schema::position(engine)?.applied)
}

/// Looks into one member.
#[derive(Clone)]
pub struct Probe {
    handle: Handle,
    raft: Raft,
}

/// A member at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The newest vote it acts by, durable or not.
    pub vote: Vote,
    /// It leads, by this vote.
    pub leads: bool,
    /// What it knows to be committed.
    pub committed: Option<LogId>,
    /// Index up to which its readers see effects.
    pub applied_index: u64,
    /// Index up to which its state is durable.
    pub durable_index: u64,
    /// Last entry of its log, durable or not.
    pub last: Option<LogId>,
    /// Newest entry that is no longer in its log.
    pub purged: Option<LogId>,
    /// Its state's revision.
    pub revision: Revision,
    /// The newest compaction of its state.
    pub compacted: Revision,
}

impl Probe {
    pub(super) fn of(handle: &Handle, raft: &Raft) -> Probe {
        Probe {
            handle: handle.clone(),
            raft: raft.clone(),
        }
    }

    /// The way in.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The log.
    pub fn wal(&self) -> &Wal {
        &self.handle.inner().wal
    }

    /// The state that serves now.
    pub fn store(&self) -> Arc<mvcc::Store> {
        self.handle.store()
    }

    /// The last entry whose effects are in the state's engine, see [`place`].
    ///
    /// # Errors
    /// The engine's.
    pub fn state_log_id(&self) -> Result<Option<LogId>, EngineError> {
        place(&**self.store().engine())
    }

    /// Consensus itself.
    #[cfg(test)]
    pub(super) fn raft(&self) -> &Raft {
        &self.raft
    }

    /// Who decides, by the newest membership in the member's log, committed or not.
    pub fn voters(&self) -> Voters {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        voters_of(metrics.membership_config.membership())
    }

    /// How it stands.
    pub fn look(&self) -> Sighting {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let progress = self.handle.progress();
        let (store, wal) = (self.store(), self.wal());
        Sighting {
            vote: vote_to_wal(&metrics.vote),
            leads: metrics.state.is_leader(),
            committed: metrics.local_committed.as_ref().map(log_id_to_wal),
            applied_index: progress.applied_index,
            durable_index: progress.durable_index,
            last: wal.last(),
            purged: wal.purged(),
            revision: store.revision(),
            compacted: store.compacted(),
        }
    }
}
