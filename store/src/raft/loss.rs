//! Notices at once that the leader's process is gone, instead of after an election timeout.
//!
//! A process that is killed leaves a host that says so: its connections are reset, and whoever calls its
//! address is refused. A member whose stream from the leader broke off calls that address, and if it is refused
//! it stops honouring the leader's lease and asks the others whether they would vote (a pre-vote). The others
//! say yes only if they have seen the same, or have heard nothing of the leader for an election timeout. So a
//! member that is wrong about the leader, behind a broken switch or a firewall, cannot disturb a group that is
//! well; and a host that lost its power, which refuses nothing, is noticed by its silence as before.
//!
//! Nothing here decides who leads: safety is the vote's, and reads do not rest on the lease.

use super::connection::connect;
use super::group::Group;
use super::proposer::Leadership;
use super::types::Raft;
use crate::MemberId;
use crate::world;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::raft::TransferLeaderRequest;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A process that dies closes its sockets one after the other, the one that listens not always first: so often it
/// is called, unless something is heard of it meanwhile.
const CALLS: u32 = 10;
/// And so long after the time before.
const CALL_PAUSE: Duration = Duration::from_millis(20);
/// So much later each member stands for election than the one before it, so that one is first.
const TURN: Duration = Duration::from_millis(15);
/// Others may notice a little later: so often it is asked again.
const ROUNDS: u32 = 6;
/// And so long after the time before.
const ROUND: Duration = Duration::from_millis(60);

/// Tells when a stream from a member breaks off.
#[derive(Clone)]
pub struct Breaks(watch::Sender<Option<MemberId>>);

/// A stream from a member. It has broken off when this is dropped, unless its end was heard before: each
/// heartbeat is a stream of its own that ends in order, and must not make anybody call the leader.
pub struct Flowing {
    breaks: Breaks,
    source: MemberId,
    has_ended: bool,
}

impl Breaks {
    /// A stream from `source` has begun.
    pub fn flowing(&self, source: MemberId) -> Flowing {
        let breaks = self.clone();
        Flowing {
            breaks,
            source,
            has_ended: false,
        }
    }
}

impl Flowing {
    /// Whose stream it is.
    pub fn source(&self) -> MemberId {
        self.source
    }

    /// The member has nothing more to say on it.
    pub fn ended(&mut self) {
        self.has_ended = true;
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        if !self.has_ended {
            self.breaks.0.send_replace(Some(self.source));
        }
    }
}

/// What it takes to notice.
pub struct Loss {
    /// Consensus.
    pub raft: Raft,
    /// Who leads, and where members are.
    pub group: Arc<Group>,
    /// The way to the others.
    pub way: world::Network,
}

impl Loss {
    /// Starts to notice, on the present runtime.
    pub fn start(self) -> Breaks {
        let (sender, mut breaks) = watch::channel(None);
        tokio::spawn(async move {
            while breaks.changed().await.is_ok() {
                let broken = *breaks.borrow_and_update();
                if let Some(leader) = self.group.leader()
                    && Some(leader.member_id) == broken
                    && self.is_gone(leader).await
                {
                    self.replace(leader).await;
                }
            }
        });
        Breaks(sender)
    }

    /// The host of the leader says that nobody is there.
    async fn is_gone(&self, leader: Leadership) -> bool {
        let broke = Instant::now();
        for call in 0..CALLS {
            if call > 0 {
                tokio::time::sleep(CALL_PAUSE).await;
            }
            if self.group.leader() != Some(leader) || self.group.heard_since(broke) {
                return false;
            }
            if self.refuses(leader.member_id).await {
                return true;
            }
        }
        false
    }

    /// Nobody listens at any address of a member.
    async fn refuses(&self, member: MemberId) -> bool {
        let view = self.group.view();
        let Some(node) = view.membership.get_node(&member) else {
            return false;
        };
        for url in &node.peer_urls {
            match connect(&self.way, url).await {
                Err(error) if is_refusal(&error) => {}
                _ => return false,
            }
        }
        !node.peer_urls.is_empty()
    }

    async fn replace(&self, leader: Leadership) {
        tracing::info!(
            leader = format!("{:x}", leader.member_id),
            "the leader's process is gone"
        );
        let mut leadership = self.group.leadership();
        let (turn, _) = self.group.turn();
        for round in 0..ROUNDS {
            if self.disregard(leader).await.is_err() {
                return;
            }
            let pause = if round == 0 {
                TURN * u32::try_from(turn).unwrap_or(0)
            } else {
                ROUND
            };
            let changed = leadership.wait_for(|now| *now != Some(leader));
            if tokio::time::timeout(pause, changed).await.is_ok() {
                return;
            }
            if self.raft.trigger().elect(true).await.is_err() {
                return;
            }
        }
    }

    /// From now on this member would vote for somebody else, until it hears of the leader again. openraft does
    /// that to a member that is told of a transfer of leadership to another one.
    async fn disregard(&self, leader: Leadership) -> Result<(), ()> {
        let vote = self.raft.metrics().borrow_watched().vote;
        if vote.leader_id.term != leader.term || vote.leader_id.node_id != leader.member_id {
            return Err(());
        }
        let told = TransferLeaderRequest::new(vote, leader.member_id, None);
        self.raft
            .handle_transfer_leader(told)
            .await
            .map(drop)
            .map_err(drop)
    }
}

/// Somebody answers for the host, and says that nobody listens.
fn is_refusal(error: &tonic::transport::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::ConnectionRefused;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_stream_that_did_not_end_in_order_has_broken_off() {
        let (sender, breaks) = watch::channel(None);
        let streams = Breaks(sender);
        let mut heartbeat = streams.flowing(7);
        heartbeat.ended();
        drop(heartbeat);
        assert_eq!(*breaks.borrow(), None);
        drop(streams.flowing(7));
        assert_eq!(*breaks.borrow(), Some(7));
    }
}
