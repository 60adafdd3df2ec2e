//! The running member as the rest of the process sees it.

use crate::reply::Reply;
use crate::{Error, LeaseId, MemberId};
use keelson_proto::{etcdserverpb, log, peer};
use std::time::Duration;

/// A cheap clone of the way into a running member. One per front runtime (see [`Handle::for_front`]).
#[derive(Clone)]
pub struct Handle {}

/// What does not change while a member runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster_id: u64,
    /// This member.
    pub member_id: MemberId,
    /// Its human name.
    pub name: String,
}

/// How this member sees the group right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The present term.
    pub term: u64,
    /// The leader, if one is known.
    pub leader: Option<MemberId>,
    /// Last index in this member's log.
    pub last_index: u64,
    /// Last index known to be committed.
    pub committed_index: u64,
    /// Last index applied to this member's state.
    pub applied_index: u64,
    /// Last applied index that a crash cannot take back.
    pub durable_index: u64,
    /// This member does not vote.
    pub is_learner: bool,
}

impl Handle {
    /// The same member for another front runtime: replies are delivered in that runtime.
    pub fn for_front(&self, _front: usize) -> Handle {
        self.clone()
    }

    /// Who this is.
    pub fn identity(&self) -> &Identity {
        unimplemented!()
    }

    /// Where the group stands, as this member knows it. Never waits.
    pub fn progress(&self) -> Progress {
        unimplemented!()
    }

    /// Gets `command` into the log and waits until *this member* has applied it.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`], [`Error::NoLeader`]: certainly not applied. [`Error::Timeout`] and
    /// its relatives: unknown. Everything else: what applying it answered.
    pub async fn propose(&self, _command: log::Command) -> Result<Reply, Error> {
        unimplemented!()
    }

    /// Returns once this member's state contains every write acknowledged before the call.
    pub async fn read_barrier(&self) -> Result<(), Error> {
        unimplemented!()
    }

    /// Renews a lease at the leader. The new time to live in seconds; zero if there is no such lease.
    pub async fn keep_alive(&self, _id: LeaseId) -> Result<i64, Error> {
        unimplemented!()
    }

    /// Asks the leader for the time a lease has left. The answer has no header.
    pub async fn time_to_live(
        &self,
        _request: etcdserverpb::LeaseTimeToLiveRequest,
    ) -> Result<etcdserverpb::LeaseTimeToLiveResponse, Error> {
        unimplemented!()
    }

    /// The members as this member knows them, by ascending id.
    pub fn members(&self) -> Vec<etcdserverpb::Member> {
        unimplemented!()
    }

    /// Changes the membership, through the leader. Returns once the change is committed.
    pub async fn change_members(
        &self,
        _change: peer::change_members_request::Change,
    ) -> Result<(), Error> {
        unimplemented!()
    }

    /// Hands leadership to `target`. Only the leader can.
    pub async fn move_leader(&self, _target: MemberId) -> Result<(), Error> {
        unimplemented!()
    }

    /// How long a request may take before its outcome is unknown: 5 s plus twice the election timeout.
    pub fn request_timeout(&self) -> Duration {
        unimplemented!()
    }
}
