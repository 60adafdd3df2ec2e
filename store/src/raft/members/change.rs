//! Changes of the membership, as the leader makes them.
//!
//! A change is decided on a view of the group and proposed on the condition that the membership is
//! still that one; if it is not, everything is looked at again. One change is under way at a time. What
//! etcd's clients are told about a change that does not fit is decided by `check`.

use super::super::group::View;
use super::super::types::{Membership, PeerNode, TypeConfig};
use super::Members;
use super::check::{check_new, check_urls_free};
use super::tend::is_half_way;
use crate::faults::{Plant, failpoint, planted};
use crate::{Error, MemberId};
use keelson_proto::peer::{self, change_members_request::Change};
use openraft::ChangeMembers;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::raft::{ClientWriteResponse, Precondition};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The view of the group follows the log by less than this.
const VIEW_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a change was not made.
pub(super) enum Refusal {
    /// The membership has changed since it was looked at.
    Overtaken,
    /// Looking again would not help.
    Final(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Final(error)
    }
}

type Write =
    Result<ClientWriteResponse<TypeConfig>, RaftError<TypeConfig, ClientWriteError<TypeConfig>>>;

impl Members {
    /// Carries out a change as the leader. Returns the members as this change left them, whatever came after it.
    ///
    /// # Errors
    /// [`Error::NotLeader`] and etcd's words for what does not fit (contract #110-#112).
    pub async fn change_here(&self, change: Change) -> Result<Membership, Error> {
        let _one_at_a_time = self.changing.lock().await;
        let mut views = self.group.watch();
        loop {
            let view = views.borrow_and_update().clone();
            match self.change_from(&view, &change).await {
                // What was decided on is not the membership any more: look again and decide again.
                Err(Refusal::Overtaken) => {
                    let newer = tokio::time::timeout(VIEW_TIMEOUT, views.changed()).await;
                    if !matches!(newer, Ok(Ok(()))) {
                        return Err(Error::Timeout);
                    }
                }
                Err(Refusal::Final(error)) => return Err(error),
                Ok(after) => return Ok(after),
            }
        }
    }

    async fn change_from(&self, view: &View, change: &Change) -> Result<Membership, Refusal> {
        if !self.may_change(view) {
            return Err(Error::NotLeader.into());
        }
        // Another change on top of half of one may leave both sets of voters without this leader, which then has no
        // vote between two of its own steps. openraft does not expect that.
        if is_half_way(view) && !planted(Plant::ChangeOnHalfChange) {
            tracing::info!("a change of the membership was left half-way; it ends before the next");
            self.end_half_way(view).await?;
            return Err(Refusal::Overtaken);
        }
        match change.clone() {
            Change::AddLearner(node) => {
                check_new(&view.membership, &node)?;
                self.check_learners(&view.membership)?;
                self.add(view, node, false).await
            }
            Change::AddVoter(node) => {
                check_new(&view.membership, &node)?;
                self.check_can_add_voter(&view.membership)?;
                self.add(view, node, true).await
            }
            Change::Promote(id) => {
                let node = view.membership.get_node(&id).ok_or(Error::MemberNotFound)?;
                if view.votes(id) || node.wants_vote {
                    return Err(Error::MemberNotLearner.into());
                }
                if !self.has_caught_up(id) {
                    return Err(Error::LearnerNotReady.into());
                }
                self.promote(view, id).await
            }
            Change::Remove(id) => {
                view.membership.get_node(&id).ok_or(Error::MemberNotFound)?;
                self.remove(view, id).await
            }
            Change::Update(node) => self.update(view, node).await,
        }
    }

    /// A leader that has removed itself goes on for a moment, so that the others learn of it. It must
    /// not change the membership again: it does not belong to it.
    pub(super) fn may_change(&self, view: &View) -> bool {
        view.leads(self.member_id) && view.votes(self.member_id)
    }

    /// Every change goes through here: it is made only if the membership is still the one of `view`,
    /// from which the change was decided.
    pub(super) async fn propose(
        &self,
        view: &View,
        change: ChangeMembers<MemberId, PeerNode>,
        retain: bool,
    ) -> Result<Membership, Refusal> {
        let as_seen = Precondition::LastMembershipLogId {
            last_membership_log_id: view.membership_log_id,
        };
        let outcome = self.raft.change_membership_if(change, retain, [as_seen]);
        written(outcome.await)
    }

    async fn add(
        &self,
        view: &View,
        node: peer::Node,
        wants_vote: bool,
    ) -> Result<Membership, Refusal> {
        let peer = PeerNode {
            peer_urls: node.peer_urls,
            wants_vote,
        };
        let nodes = ChangeMembers::AddNodes(BTreeMap::from([(node.id, peer)]));
        failpoint!("member-before-add");
        let after = self.propose(view, nodes, true).await?;
        failpoint!("member-added");
        Ok(after)
    }

    pub(super) async fn promote(&self, view: &View, id: MemberId) -> Result<Membership, Refusal> {
        let voters = ChangeMembers::AddVoterIds(BTreeSet::from([id]));
        failpoint!("member-before-promote");
        let after = self.propose(view, voters, true).await?;
        failpoint!("member-promoted");
        Ok(after)
    }

    async fn remove(&self, view: &View, id: MemberId) -> Result<Membership, Refusal> {
        let ids = BTreeSet::from([id]);
        let change = match view.votes(id) {
            true => {
                self.check_can_remove_voter(&view.membership, id)?;
                ChangeMembers::RemoveVoters(ids)
            }
            false => ChangeMembers::RemoveNodes(ids),
        };
        failpoint!("member-before-remove");
        let after = self.propose(view, change, false).await?;
        failpoint!("member-removed");
        Ok(after)
    }

    async fn update(&self, view: &View, node: peer::Node) -> Result<Membership, Refusal> {
        let membership = &view.membership;
        let present = membership.get_node(&node.id).ok_or(Error::MemberNotFound)?;
        check_urls_free(membership, &node)?;
        let peer = PeerNode {
            peer_urls: node.peer_urls,
            wants_vote: present.wants_vote,
        };
        let nodes = ChangeMembers::SetNodes(BTreeMap::from([(node.id, peer)]));
        self.propose(view, nodes, true).await
    }
}

fn written(outcome: Write) -> Result<Membership, Refusal> {
    let error = match outcome {
        Ok(written) => match written.membership {
            Some(after) => return Ok(after),
            None => crate::broken!("a change of the membership was made that changed none"),
        },
        Err(RaftError::APIError(ClientWriteError::PreconditionFailed(_))) => {
            return Err(Refusal::Overtaken);
        }
        Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => Error::NotLeader,
        Err(RaftError::APIError(ClientWriteError::LogEntryDiscarded(_))) => Error::LeaderChanged,
        Err(RaftError::APIError(error)) => Error::Other(
            tonic::Code::FailedPrecondition as i32,
            format!("etcdserver: re-configuration failed: {error}"),
        ),
        Err(RaftError::Fatal(_)) => Error::Stopped,
    };
    Err(Refusal::Final(error))
}
