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
            let question = self.ask_once(leader, connection);
            if let Some(index) = while_it_leads(leader, &mut leadership, question).await {
                return index;
            }
        }
    }

    /// One question. Who was refused waits for a moment.
    async fn ask_once(
        &self,
        leader: Leadership,
        connection: &mut Option<(MemberId, Connection)>,
    ) -> Option<u64> {
        let question = self.ask(leader, connection);
        let answered = tokio::time::timeout(QUESTION_TIMEOUT, question).await;
        if answered.is_err() {
            *connection = None;
        }
        let index = answered.ok().flatten();
        if index.is_none() {
            tokio::time::sleep(RETRY).await;
        }
        index
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

/// What comes of a question to `leader`. Nothing, as soon as it does not lead any more: a leader that is paused or cut
/// off answers nobody, and its successor may do so long before the question's time is over.
async fn while_it_leads(
    leader: Leadership,
    leadership: &mut watch::Receiver<Option<Leadership>>,
    question: impl Future<Output = Option<u64>>,
) -> Option<u64> {
    let changed = leadership.wait_for(|now| *now != Some(leader));
    tokio::select! {
        // An answer that is there counts, whoever leads by now.
        biased;
        answered = question => answered,
        // Where nobody tells of changes any more, the member is stopping.
        Ok(_) = changed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, sleep};

    const LEADER: Leadership = Leadership {
        term: 1,
        member_id: 1,
    };

    #[tokio::test(start_paused = true)]
    async fn who_does_not_lead_any_more_is_not_waited_for() {
        let began = Instant::now();
        let (leads, mut leadership) = watch::channel(Some(LEADER));
        let deposed = async {
            sleep(Duration::from_millis(70)).await;
            leads.send_replace(None);
        };
        let question = while_it_leads(LEADER, &mut leadership, std::future::pending());
        let (answer, ()) = tokio::join!(question, deposed);
        assert_eq!(answer, None);
        assert_eq!(began.elapsed(), Duration::from_millis(70));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leads_is_waited_for_also_while_the_member_stops() {
        let (leads, mut leadership) = watch::channel(Some(LEADER));
        drop(leads);
        let slow = async {
            sleep(Duration::from_millis(400)).await;
            Some(7)
        };
        let answer = while_it_leads(LEADER, &mut leadership, slow).await;
        assert_eq!(answer, Some(7));
    }
}
