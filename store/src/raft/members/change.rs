//! Changes of the membership, as the leader makes them.
//!
//! A change is decided on a view of the group and proposed on the condition that the membership is
//! still that one; if it is not, everything is looked at again. One change is under way at a time. What
//! etcd's clients are told about a change that does not fit is decided by `check`.

use super::super::group::View;
use super::super::types::{LogId, Membership, PeerNode};
use super::Members;
use super::check::{check_new, check_urls_free};
use super::halves::is_half_way;
use crate::faults::{Plant, failpoint, planted};
use crate::{Error, MemberId};
use keelson_proto::peer::{self, change_members_request::Change};
use openraft::ChangeMembers;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The view of the group follows the log by less than this.
const VIEW_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a change was not made.
pub(super) enum Refusal {
    /// The membership has changed since it was looked at.
    Overtaken,
    /// The first half of the change may be made: then it stands at this place in the log.
    HalfMade(LogId),
    /// Looking again would not help.
    Final(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Final(error)
    }
}

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
                // From here on it is this change that is looked after, not asked for again: whoever decided again would
                // find that it does not fit any more, because of itself.
                Err(Refusal::HalfMade(half)) => return self.finish(&change, half).await,
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
        let after = self.propose_votes(view, voters, true).await?;
        failpoint!("member-promoted");
        Ok(after)
    }

    async fn remove(&self, view: &View, id: MemberId) -> Result<Membership, Refusal> {
        let ids = BTreeSet::from([id]);
        let is_voter = view.votes(id);
        if is_voter {
            self.check_can_remove_voter(&view.membership, id)?;
        }
        failpoint!("member-before-remove");
        let after = match is_voter {
            true => {
                let voters = ChangeMembers::RemoveVoters(ids);
                self.propose_votes(view, voters, false).await?
            }
            false => {
                let nodes = ChangeMembers::RemoveNodes(ids);
                self.propose(view, nodes, false).await?
            }
        };
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
