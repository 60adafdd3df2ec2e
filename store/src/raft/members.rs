//! Who belongs to the group, and how that changes.
//!
//! Two sources make one list: the replicated membership (ids, peer addresses, who votes) and the
//! attributes that each member publishes through the log once it runs (name, client addresses).
//!
//! A new voter joins as a learner first and is made a voter by the leader as soon as it has caught
//! up. Clients see a voter from the start. So adding a member that never comes, or comes late, does
//! not cost the group its quorum.

use super::applier::Current;
use super::group::{Group, View};
use super::proposer::Leadership;
use super::types::{Membership, PeerNode, Raft, TypeConfig, membership_to_peer};
use crate::{Error, MemberId};
use keelson_proto::etcdserverpb as etcd;
use keelson_proto::peer::{self, change_members_request::Change};
use openraft::ChangeMembers;
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::raft::Precondition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A learner may be promoted when it holds this share of the leader's log (etcd contract #112).
const READY_PERCENT: u64 = 90;

/// A leadership move must be over in this time.
const MOVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The view of the group follows the log by less than this.
const VIEW_TIMEOUT: Duration = Duration::from_secs(2);

/// A member that the leader has not heard of for this long is not active.
const ACTIVE_WITHIN: Duration = Duration::from_secs(5);

/// Finds members' peer addresses.
#[derive(Clone)]
pub struct Directory {
    view: watch::Receiver<View>,
}

impl Directory {
    /// A directory that follows `view`.
    pub fn new(view: watch::Receiver<View>) -> Directory {
        Directory { view }
    }

    /// A member's node, if it is in the membership.
    pub fn node(&self, id: MemberId) -> Option<PeerNode> {
        self.view.borrow().membership.get_node(&id).cloned()
    }
}

/// See the module's essay.
pub struct Members {
    /// The cluster.
    pub cluster_id: u64,
    /// This member.
    pub member_id: MemberId,
    /// Its version, as peers and clients see it.
    pub version: &'static str,
    /// Learners that do not want a vote, at most.
    pub learners_max: usize,
    /// Refuse changes that endanger the quorum.
    pub strict: bool,
    /// Consensus.
    pub raft: Raft,
    /// The group.
    pub group: Arc<Group>,
    /// Attributes.
    pub current: Arc<Current>,
    /// One change at a time.
    pub changing: tokio::sync::Mutex<()>,
}

type Write = Result<
    openraft::raft::ClientWriteResponse<TypeConfig>,
    RaftError<TypeConfig, ClientWriteError<TypeConfig>>,
>;

impl Members {
    /// The membership as peers exchange it.
    pub fn membership(&self) -> peer::Membership {
        membership_to_peer(&self.group.view().membership)
    }

    /// The members as clients see them, by ascending id.
    pub fn list(&self) -> Vec<etcd::Member> {
        let view = self.group.view();
        let state = self.current.state();
        let voters: BTreeSet<MemberId> = view.membership.voter_ids().collect();
        view.membership
            .nodes()
            .map(|(id, node)| {
                let attributes = state.attributes(*id).unwrap_or_default();
                etcd::Member {
                    id: *id,
                    name: attributes.name,
                    peer_ur_ls: node.peer_urls.clone(),
                    client_ur_ls: attributes.client_urls,
                    is_learner: !voters.contains(id) && !node.wants_vote,
                }
            })
            .collect()
    }

    /// This member as its peers should know it.
    pub fn identify(&self) -> peer::IdentifyResponse {
        let view = self.group.view();
        let known = self.current.state().all_attributes();
        peer::IdentifyResponse {
            cluster_id: self.cluster_id,
            member_id: self.member_id,
            leader_id: view.leader.map_or(0, |leader| leader.member_id),
            membership: Some(membership_to_peer(&view.membership)),
            members: known
                .into_iter()
                .map(|attributes| peer::KnownMember {
                    id: attributes.id,
                    name: attributes.name,
                    client_urls: attributes.client_urls,
                })
                .collect(),
            version: self.version.to_owned(),
        }
    }

    /// Whether a member once ran here and does not belong to the group any more.
    pub fn is_removed(&self, id: MemberId) -> bool {
        let view = self.group.view();
        view.membership_committed
            && view.membership.get_node(&id).is_none()
            && self.current.state().attributes(id).is_some()
    }

    /// Whether the state knows that this member has run in this group.
    pub fn has_run(&self) -> bool {
        self.current.state().attributes(self.member_id).is_some()
    }

    /// Carries out a change as the leader.
    ///
    /// # Errors
    /// [`Error::NotLeader`] and etcd's words for what does not fit (contract #110-#112).
    pub async fn change_here(&self, change: Change) -> Result<(), Error> {
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
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn change_from(&self, view: &View, change: &Change) -> Result<(), Refusal> {
        if !self.may_change(view) {
            return Err(Error::NotLeader.into());
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
                if view.membership.voter_ids().any(|voter| voter == id) || node.wants_vote {
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
    fn may_change(&self, view: &View) -> bool {
        view.leader.map(|leader| leader.member_id) == Some(self.member_id)
            && view.membership.voter_ids().any(|id| id == self.member_id)
    }

    /// Every change goes through here: it is made only if the membership is still the one of `view`,
    /// from which the change was decided.
    async fn propose(
        &self,
        view: &View,
        change: ChangeMembers<MemberId, PeerNode>,
        retain: bool,
    ) -> Result<(), Refusal> {
        let as_seen = Precondition::LastMembershipLogId {
            last_membership_log_id: view.membership_log_id,
        };
        let outcome = self.raft.change_membership_if(change, retain, [as_seen]);
        written(outcome.await)
    }

    async fn add(&self, view: &View, node: peer::Node, wants_vote: bool) -> Result<(), Refusal> {
        let peer = PeerNode {
            peer_urls: node.peer_urls,
            wants_vote,
        };
        let nodes = ChangeMembers::AddNodes(BTreeMap::from([(node.id, peer)]));
        self.propose(view, nodes, true).await
    }

    async fn promote(&self, view: &View, id: MemberId) -> Result<(), Refusal> {
        let voters = ChangeMembers::AddVoterIds(BTreeSet::from([id]));
        self.propose(view, voters, true).await
    }

    async fn remove(&self, view: &View, id: MemberId) -> Result<(), Refusal> {
        let ids = BTreeSet::from([id]);
        if view.membership.voter_ids().any(|voter| voter == id) {
            self.check_can_remove_voter(&view.membership, id)?;
            return self
                .propose(view, ChangeMembers::RemoveVoters(ids), false)
                .await;
        }
        self.propose(view, ChangeMembers::RemoveNodes(ids), false)
            .await
    }

    async fn update(&self, view: &View, node: peer::Node) -> Result<(), Refusal> {
        let membership = &view.membership;
        let present = membership.get_node(&node.id).ok_or(Error::MemberNotFound)?;
        let taken = membership.nodes().any(|(id, other)| {
            *id != node.id
                && other
                    .peer_urls
                    .iter()
                    .any(|url| node.peer_urls.contains(url))
        });
        if taken {
            return Err(Error::PeerUrlExists.into());
        }
        let peer = PeerNode {
            peer_urls: node.peer_urls,
            wants_vote: present.wants_vote,
        };
        let nodes = ChangeMembers::SetNodes(BTreeMap::from([(node.id, peer)]));
        self.propose(view, nodes, true).await
    }

    fn check_learners(&self, membership: &Membership) -> Result<(), Error> {
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
    fn check_can_add_voter(&self, membership: &Membership) -> Result<(), Error> {
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

    fn check_can_remove_voter(&self, membership: &Membership, id: MemberId) -> Result<(), Error> {
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
    fn is_active(&self, id: MemberId) -> bool {
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

    fn has_caught_up(&self, id: MemberId) -> bool {
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

    /// Hands leadership over. Returns when the target leads.
    ///
    /// # Errors
    /// [`Error::NotLeader`], [`Error::BadLeaderTransferee`]; [`Error::Timeout`] if it did not happen.
    pub async fn move_leader(&self, target: MemberId) -> Result<(), Error> {
        let view = self.group.view();
        if view.leader.map(|leader| leader.member_id) != Some(self.member_id) {
            return Err(Error::NotLeader);
        }
        if !view.membership.voter_ids().any(|voter| voter == target) {
            return Err(Error::BadLeaderTransferee);
        }
        if target == self.member_id {
            return Ok(());
        }
        let trigger = self.raft.trigger();
        trigger
            .transfer_leader(target)
            .await
            .map_err(|_| Error::Stopped)?;
        let mut leadership = self.group.leadership();
        let moved = leadership.wait_for(|now| now.is_some_and(|l| l.member_id == target));
        match tokio::time::timeout(MOVE_TIMEOUT, moved).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::Timeout),
        }
    }

    /// The voter best fit to take over: the one with the longest log among those heard of lately.
    pub fn best_successor(&self) -> Option<MemberId> {
        let view = self.group.view();
        let metrics = self.raft.metrics();
        let matched = metrics.borrow_watched().replication.clone()?;
        view.membership
            .voter_ids()
            .filter(|id| *id != self.member_id && self.is_active(*id))
            .max_by_key(|id| {
                let log_id = matched.get(id).and_then(Option::as_ref);
                log_id.map_or(0, |log_id| log_id.index)
            })
    }

    /// The leader's chores: makes caught-up members voters that want to be, and brings a change to
    /// its end that a lost leader has left half-way.
    pub async fn tend(self: Arc<Self>) {
        let mut leadership = self.group.leadership();
        loop {
            let mine = leadership
                .wait_for(|leader| leader.is_some_and(|l| l.member_id == self.member_id))
                .await
                .ok()
                .and_then(|leader| *leader);
            let Some(mine) = mine else { return };
            self.tend_while_leading(mine).await;
        }
    }

    async fn tend_once(&self) -> Result<(), Refusal> {
        let view = self.group.view();
        if !self.may_change(&view) {
            return Ok(());
        }
        let ready = view.membership.learner_ids().find(|id| {
            let wants = view.membership.get_node(id).is_some_and(|n| n.wants_vote);
            wants && self.has_caught_up(*id)
        });
        if let Some(id) = ready {
            tracing::info!(member = format!("{id:x}"), "a new member has caught up");
            return self.promote(&view, id).await;
        }
        if view.membership.get_joint_config().len() > 1 {
            let nothing = ChangeMembers::AddVoterIds(BTreeSet::new());
            // Only a removal takes votes away, and it means to take the member with them.
            return self.propose(&view, nothing, false).await;
        }
        Ok(())
    }

    async fn tend_while_leading(&self, mine: Leadership) {
        let mut leadership = self.group.leadership();
        loop {
            // Who asked for a change that is under way looks after it.
            if let Ok(_one_at_a_time) = self.changing.try_lock()
                && let Err(Refusal::Final(error)) = self.tend_once().await
            {
                tracing::warn!(%error, "a change of the membership did not work; it is tried again");
            }
            tokio::select! {
                _ = leadership.wait_for(|leader| *leader != Some(mine)) => return,
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
    }
}

/// Why a change was not made.
enum Refusal {
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

fn check_new(membership: &Membership, node: &peer::Node) -> Result<(), Error> {
    if membership.get_node(&node.id).is_some() {
        return Err(Error::MemberExists);
    }
    let taken = membership.nodes().any(|(_, other)| {
        other
            .peer_urls
            .iter()
            .any(|url| node.peer_urls.contains(url))
    });
    if taken {
        return Err(Error::PeerUrlExists);
    }
    Ok(())
}

fn written(outcome: Write) -> Result<(), Refusal> {
    let error = match outcome {
        Ok(_) => return Ok(()),
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
