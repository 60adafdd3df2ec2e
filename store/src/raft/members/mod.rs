//! Who belongs to the group, and how that changes.
//!
//! Two sources make one list: the replicated membership (ids, peer addresses, who votes) and the
//! attributes that each member publishes through the log once it runs (name, client addresses).
//!
//! A new voter joins as a learner first and is made a voter by the leader as soon as it has caught
//! up. Clients see a voter from the start. So adding a member that never comes, or comes late, does
//! not cost the group its quorum.
//!
//! | file | what |
//! |---|---|
//! | `change` | changes, one at a time, each made only from the membership it was decided on |
//! | `halves` | a change of voters has two, and what may be in between |
//! | `check` | what a change must not do, and what the leader knows of the others |
//! | `tend` | the leader's chores |
//! | `transfer` | leadership goes to another member |
//!
//! This file is the list: it answers at every member and changes nothing. Only the leader changes the
//! membership, and never on the word of a view that has been overtaken.

mod change;
mod check;
mod halves;
mod tend;
mod transfer;

use super::applier::Current;
use super::group::{Group, View};
use super::met::Met;
use super::types::{Membership, PeerNode, Raft, decode_membership, membership_to_peer};
use crate::faults::{Plant, planted};
use crate::{MemberId, broken};
use keelson_proto::etcdserverpb as etcd;
use keelson_proto::peer;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;

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
    /// Those that this member has heard from.
    pub met: Arc<Met>,
    /// Attributes.
    pub current: Arc<Current>,
    /// One change at a time.
    pub changing: tokio::sync::Mutex<()>,
}

impl Members {
    /// The members as clients see them, by ascending id: as they were last applied. The newest membership in the
    /// log may never be committed, and other members may not have it; whoever was shown it would see it undone.
    pub fn list(&self) -> Vec<etcd::Member> {
        let applied = self.current.state().membership();
        match applied.filter(|_| !planted(Plant::MembersUndecided)) {
            Some(encoded) => match decode_membership(&encoded) {
                Ok(membership) => self.list_of(&membership),
                Err(error) => broken!("the membership that was applied does not decode: {error}"),
            },
            // Before the first entry is applied nobody has another one than that of the founders.
            None => self.list_of(&self.group.view().membership),
        }
    }

    /// The members of a membership that is or was, as clients see them.
    pub fn list_of(&self, membership: &Membership) -> Vec<etcd::Member> {
        let state = self.current.state();
        let voters: BTreeSet<MemberId> = membership.voter_ids().collect();
        membership
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
            met: self.met.members(),
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
}
