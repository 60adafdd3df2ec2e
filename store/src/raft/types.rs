//! openraft's generic types, filled in, and their translation to our own wire and log types.
//!
//! openraft promises no stable wire or disk format, so nothing of its own is ever written or sent:
//! the log uses [`crate::wal`]'s types, peers speak `keelsonpeerpb`.

use crate::MemberId;
use crate::wal;
use bytes::Bytes;
use keelson_proto::peer;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// One proposal: an encoded `keelsonlogpb.Payload`, shared by the log, the followers' streams and
/// apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal(pub Bytes);

impl std::fmt::Display for Proposal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes of commands", self.0.len())
    }
}

/// What openraft is told of an applied entry: nothing. Replies travel from apply to the front that
/// waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied;

impl std::fmt::Display for Applied {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("applied")
    }
}

/// A member as the membership entries carry it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerNode {
    /// Where its peer service listens.
    pub peer_urls: Vec<String>,
    /// A learner that becomes a voter by itself once it has caught up.
    pub wants_vote: bool,
}

openraft::declare_raft_types!(
    /// The types this group is made of.
    pub TypeConfig:
        D = Proposal,
        R = Applied,
        NodeId = u64,
        Node = PeerNode,
);

pub type Raft = openraft::Raft<TypeConfig, super::state_machine::StateMachine>;
pub type Entry = openraft::alias::EntryOf<TypeConfig>;
pub type LogId = openraft::alias::LogIdOf<TypeConfig>;
pub type Vote = openraft::alias::VoteOf<TypeConfig>;
pub type LeaderId = openraft::alias::LeaderIdOf<TypeConfig>;
pub type EntryPayload = openraft::alias::EntryPayloadOf<TypeConfig>;
pub type Membership = openraft::Membership<u64, PeerNode>;
pub type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
pub type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;
pub type RpcError = openraft::errors::RPCError<TypeConfig>;

pub fn log_id_to_wal(id: &LogId) -> wal::LogId {
    wal::LogId {
        term: id.leader_id.term,
        node_id: id.leader_id.node_id,
        index: id.index,
    }
}

pub fn log_id_from_wal(id: &wal::LogId) -> LogId {
    LogId {
        leader_id: LeaderId {
            term: id.term,
            node_id: id.node_id,
        },
        index: id.index,
    }
}

pub fn vote_to_wal(vote: &Vote) -> wal::Vote {
    wal::Vote {
        term: vote.leader_id.term,
        node_id: vote.leader_id.node_id,
        committed: vote.committed,
    }
}

pub fn vote_from_wal(vote: &wal::Vote) -> Vote {
    Vote {
        leader_id: LeaderId {
            term: vote.term,
            node_id: vote.node_id,
        },
        committed: vote.committed,
    }
}

pub fn entry_to_wal(entry: &Entry) -> wal::Entry {
    wal::Entry {
        log_id: log_id_to_wal(&entry.log_id),
        payload: match &entry.payload {
            EntryPayload::Blank => wal::Payload::Blank,
            EntryPayload::Normal(proposal) => wal::Payload::Commands(proposal.0.clone()),
            EntryPayload::Membership(membership) => {
                wal::Payload::Membership(encode_membership(membership))
            }
        },
    }
}

/// # Errors
/// The membership in the log does not decode.
pub fn entry_from_wal(entry: &wal::Entry) -> io::Result<Entry> {
    Ok(Entry {
        log_id: log_id_from_wal(&entry.log_id),
        payload: match &entry.payload {
            wal::Payload::Blank => EntryPayload::Blank,
            wal::Payload::Commands(commands) => EntryPayload::Normal(Proposal(commands.clone())),
            wal::Payload::Membership(bytes) => EntryPayload::Membership(decode_membership(bytes)?),
        },
    })
}

pub fn log_id_to_peer(id: &LogId) -> peer::LogId {
    peer::LogId {
        term: id.leader_id.term,
        node_id: id.leader_id.node_id,
        index: id.index,
    }
}

pub fn log_id_from_peer(id: &peer::LogId) -> LogId {
    LogId {
        leader_id: LeaderId {
            term: id.term,
            node_id: id.node_id,
        },
        index: id.index,
    }
}

pub fn vote_to_peer(vote: &Vote) -> peer::Vote {
    peer::Vote {
        term: vote.leader_id.term,
        node_id: vote.leader_id.node_id,
        committed: vote.committed,
    }
}

pub fn vote_from_peer(vote: &peer::Vote) -> Vote {
    Vote {
        leader_id: LeaderId {
            term: vote.term,
            node_id: vote.node_id,
        },
        committed: vote.committed,
    }
}

pub fn entry_to_peer(entry: &Entry) -> peer::LogEntry {
    peer::LogEntry {
        log_id: Some(log_id_to_peer(&entry.log_id)),
        payload: match &entry.payload {
            EntryPayload::Blank => None,
            EntryPayload::Normal(proposal) => {
                Some(peer::log_entry::Payload::Commands(proposal.0.clone()))
            }
            EntryPayload::Membership(membership) => Some(peer::log_entry::Payload::Membership(
                membership_to_peer(membership),
            )),
        },
    }
}

/// `None` if the entry has no log id or no valid membership: the sender is broken.
pub fn entry_from_peer(entry: peer::LogEntry) -> Option<Entry> {
    Some(Entry {
        log_id: log_id_from_peer(entry.log_id.as_ref()?),
        payload: match entry.payload {
            None => EntryPayload::Blank,
            Some(peer::log_entry::Payload::Commands(commands)) => {
                EntryPayload::Normal(Proposal(commands))
            }
            Some(peer::log_entry::Payload::Membership(membership)) => {
                EntryPayload::Membership(membership_from_peer(&membership)?)
            }
        },
    })
}

pub fn membership_to_peer(membership: &Membership) -> peer::Membership {
    peer::Membership {
        configs: membership
            .get_joint_config()
            .iter()
            .map(|voters| peer::membership::Voters {
                ids: voters.iter().copied().collect(),
            })
            .collect(),
        nodes: membership
            .nodes()
            .map(|(id, node)| peer::Node {
                id: *id,
                peer_urls: node.peer_urls.clone(),
                wants_vote: node.wants_vote,
            })
            .collect(),
    }
}

/// `None` if a voter is not among the nodes.
pub fn membership_from_peer(membership: &peer::Membership) -> Option<Membership> {
    let configs: Vec<BTreeSet<MemberId>> = membership
        .configs
        .iter()
        .map(|voters| voters.ids.iter().copied().collect())
        .collect();
    let nodes: BTreeMap<MemberId, PeerNode> = membership
        .nodes
        .iter()
        .map(|node| {
            let peer = PeerNode {
                peer_urls: node.peer_urls.clone(),
                wants_vote: node.wants_vote,
            };
            (node.id, peer)
        })
        .collect();
    Membership::new(configs, nodes).ok()
}

/// A membership as the log and the state keep it.
pub fn encode_membership(membership: &Membership) -> Bytes {
    membership_to_peer(membership).encode_to_vec().into()
}

/// # Errors
/// The bytes are not a valid encoded `keelsonpeerpb.Membership`.
pub fn decode_membership(bytes: &Bytes) -> io::Result<Membership> {
    let decoded = peer::Membership::decode(bytes.clone()).map_err(io::Error::other)?;
    membership_from_peer(&decoded)
        .ok_or_else(|| io::Error::other("the membership names a voter without a node"))
}
