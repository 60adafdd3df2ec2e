//! What a change of the membership must not do, in etcd's order and words.
//!
//! The strict checks keep a group from losing its quorum by its own hand: they count members that have
//! run and that the leader hears from. Nothing here changes anything. The answers hold at the leader
//! alone, because only it hears from everybody.

use super::super::types::Membership;
use super::Members;
use crate::faults::{Plant, planted};
use crate::{Error, MemberId};
use keelson_proto::peer;
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use std::collections::BTreeSet;
use std::time::Duration;

/// A learner may be promoted when it holds this share of the leader's log (etcd contract #112).
const READY_PERCENT: u64 = 90;

/// A member that the leader has not heard of for this long is not active.
const ACTIVE_WITHIN: Duration = Duration::from_secs(5);

/// A new member has an id and addresses of its own.
pub(super) fn check_new(membership: &Membership, node: &peer::Node) -> Result<(), Error> {
    if membership.get_node(&node.id).is_some() {
        return Err(Error::MemberExists);
    }
    check_urls_free(membership, node)
}

/// No other member is reached under the addresses of `node`.
pub(super) fn check_urls_free(membership: &Membership, node: &peer::Node) -> Result<(), Error> {
    let taken = membership.nodes().any(|(id, other)| {
        *id != node.id
            && other
                .peer_urls
                .iter()
                .any(|url| node.peer_urls.contains(url))
    });
    match taken {
        true => Err(Error::PeerUrlExists),
        false => Ok(()),
    }
}

impl Members {
    pub(super) fn check_learners(&self, membership: &Membership) -> Result<(), Error> {
        let learners = membership
            .learner_ids()
            .filter(|id| membership.get_node(id).is_some_and(|node| !node.wants_vote))
            .count();
        if learners >= self.learners_max {
            return Err(Error::TooManyLearners);
        }
        Ok(())
    }

    fn started_voters(&self, membership: &Membership) -> BTreeSet<MemberId> {
        let state = self.current.state();
        membership
            .voter_ids()
            .filter(|id| state.attributes(*id).is_some())
            .collect()
    }

    /// etcd's strict check (contract #111): the grown group must have a quorum of members that run.
    pub(super) fn check_can_add_voter(&self, membership: &Membership) -> Result<(), Error> {
        if !self.strict {
            return Ok(());
        }
        let coming = membership
            .nodes()
            .filter(|(_, node)| node.wants_vote)
            .map(|(id, _)| *id)
            .chain(membership.voter_ids())
            .collect::<BTreeSet<_>>();
        // A voter that is still catching up runs, too.
        let state = self.current.state();
        let started = coming
            .iter()
            .filter(|id| state.attributes(**id).is_some())
            .count();
        let grown = coming.len() + 1;
        let alone = started == 1 && grown == 2;
        if !alone && started < grown / 2 + 1 {
            return Err(Error::NotEnoughStarted);
        }
        if membership.voter_ids().any(|id| !self.is_active(id)) {
            return Err(Error::Unhealthy);
        }
        Ok(())
    }

    pub(super) fn check_can_remove_voter(
        &self,
        membership: &Membership,
        id: MemberId,
    ) -> Result<(), Error> {
        if !self.strict {
            return Ok(());
        }
        let mut started = self.started_voters(membership);
        let removed_runs = started.remove(&id) && self.is_active(id);
        let left = membership.voter_ids().count().saturating_sub(1);
        if left == 0 || started.len() < left / 2 + 1 {
            return Err(Error::NotEnoughStarted);
        }
        let active = started.iter().filter(|id| self.is_active(**id)).count();
        if removed_runs && active < left / 2 + 1 {
            return Err(Error::Unhealthy);
        }
        Ok(())
    }

    /// Whether the leader has heard from a member lately.
    pub(super) fn is_active(&self, id: MemberId) -> bool {
        if id == self.member_id {
            return true;
        }
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let acked = metrics.heartbeat.as_ref().and_then(|acks| acks.get(&id));
        acked
            .and_then(Option::as_ref)
            .is_some_and(|at| at.elapsed() < ACTIVE_WITHIN)
    }

    pub(super) fn has_caught_up(&self, id: MemberId) -> bool {
        if planted(Plant::VoterBehind) {
            return true;
        }
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let last = metrics.last_log_index.unwrap_or(0);
        let matched = metrics
            .replication
            .as_ref()
            .and_then(|members| members.get(&id))
            .and_then(Option::as_ref)
            .map_or(0, |log_id| log_id.index);
        matched > 0 && matched * 100 >= last * READY_PERCENT
    }
}
