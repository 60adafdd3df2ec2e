//! Linearizable reads without a log entry each.
//!
//! A read may be answered from local state once that state contains everything that was committed
//! when the read arrived. The leader knows that index after it has heard from a quorum that it still
//! leads (ReadIndex, Raft dissertation §6.4). One question serves every read that waits when it is
//! asked; reads that arrive later wait for the next one, because an answer says nothing of what was
//! acknowledged after its question.

use super::connection::{Caller, Connection};
use super::front::Fronts;
use super::members::Directory;
use super::proposer::Leadership;
use super::types::Raft;
use crate::faults::{Plant, planted};
use crate::{Error, MemberId};
use openraft::ReadPolicy;
use openraft::async_runtime::watch::WatchReceiver as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Wait after a failed question.
const RETRY: Duration = Duration::from_millis(20);

/// A question to the leader takes at most this long before it is asked anew.
const QUESTION_TIMEOUT: Duration = Duration::from_millis(500);

/// Starts questions, from any thread: sends the number of the front whose round has begun.
pub type Rounds = mpsc::Sender<usize>;

/// What the reader needs.
pub struct ReadIndex {
    /// Consensus.
    pub raft: Raft,
    /// This member.
    pub caller: Caller,
    /// Where the leader is.
    pub directory: Directory,
    /// Who leads.
    pub leadership: watch::Receiver<Option<Leadership>>,
    /// Where reads wait.
    pub fronts: Arc<Fronts>,
}

/// The read index as the leader, or an error if this member does not lead.
///
/// # Errors
/// [`Error::NotLeader`]; [`Error::LeaderChanged`] if a quorum did not confirm in time.
pub async fn leader_read_index(raft: &Raft) -> Result<u64, Error> {
    if planted(Plant::LeaderUnconfirmed) {
        let applied = raft.metrics().borrow_watched().last_applied;
        return Ok(applied.map_or(0, |id| id.index));
    }
    match raft.get_read_log_id(ReadPolicy::ReadIndex).await {
        Ok((read, _)) => Ok(read.index()),
        Err(error) if error.forward_to_leader().is_some() => Err(Error::NotLeader),
        Err(_) => Err(Error::LeaderChanged),
    }
}

impl ReadIndex {
    /// Answers rounds for as long as the member runs.
    pub async fn run(self, rounds: Rounds, mut requests: mpsc::Receiver<usize>) {
        let mut connection: Option<(MemberId, Connection)> = None;
        let mut fronts = Vec::new();
        while requests.recv_many(&mut fronts, 64).await > 0 {
            let index = self.ask_until_answered(&mut connection).await;
            for front in fronts.drain(..) {
                if self.fronts.get(front).finish_round(index) {
                    // One question per front at most is queued, and the queue has room for all.
                    let _ = rounds.try_send(front);
                }
            }
        }
    }

    /// Reads have no effect, so asking again is always safe; requesters have their own deadlines.
    async fn ask_until_answered(&self, connection: &mut Option<(MemberId, Connection)>) -> u64 {
        let mut leadership = self.leadership.clone();
        loop {
            let leader = leadership
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|leader| *leader);
            let Some(leader) = leader else {
                // The member is stopping; requesters learn that from their handles.
                return std::future::pending().await;
            };
            let question = self.ask(leader, connection);
            match tokio::time::timeout(QUESTION_TIMEOUT, question).await {
                Ok(Some(index)) => return index,
                Ok(None) => {}
                Err(_) => *connection = None,
            }
            let changed = leadership.wait_for(|now| *now != Some(leader));
            let _ = tokio::time::timeout(RETRY, changed).await;
        }
    }

    async fn ask(
        &self,
        leader: Leadership,
        connection: &mut Option<(MemberId, Connection)>,
    ) -> Option<u64> {
        if leader.member_id == self.caller.member_id {
            return leader_read_index(&self.raft).await.ok();
        }
        if connection.as_ref().map(|(to, _)| *to) != Some(leader.member_id) {
            let node = self.directory.node(leader.member_id)?;
            let fresh = Connection::new(self.caller.clone(), leader.member_id, &node);
            *connection = Some((leader.member_id, fresh));
        }
        let (_, to) = connection.as_ref()?;
        let mut client = to.client().await.ok()?;
        let request = to.request(keelson_proto::peer::ReadIndexRequest {});
        match client.read_index(request).await {
            Ok(response) => Some(response.get_ref().index),
            Err(_) => {
                to.reset();
                None
            }
        }
    }
}
