//! The two halves of a change of voters.
//!
//! With the first half old and new voters decide together; the second leaves the new ones. openraft proposes one after
//! the other, and says what became of the one that failed. The first half is committed then, nobody undoes it, and any
//! leader makes the second (`tend`). So a change whose second half was refused, say because followers were slow to answer
//! and the leader's lease was over, must not be taken for one that was not made.

use super::super::group::View;
use super::super::types::{LogId, Membership, PeerNode, TypeConfig};
use super::Members;
use super::change::Refusal;
use crate::{Error, MemberId};
use keelson_proto::peer::change_members_request::Change;
use openraft::ChangeMembers;
use openraft::errors::{ClientWriteError, PreconditionFailed, RaftError};
use openraft::raft::{ClientWriteResponse, Precondition};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// For so long whoever has asked for the first half looks after the second.
const PATIENCE: Duration = Duration::from_secs(4);
/// Between two attempts while followers do not answer.
const RETRY: Duration = Duration::from_millis(50);

type Write =
    Result<ClientWriteResponse<TypeConfig>, RaftError<TypeConfig, ClientWriteError<TypeConfig>>>;

/// Whether the voters are about to change, and two sets of them decide meanwhile.
pub(super) fn is_half_way(view: &View) -> bool {
    view.membership.get_joint_config().len() > 1
}

impl Members {
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
        written(outcome.await, view)
    }

    /// The same for a change that takes votes away or gives them.
    ///
    /// # Errors
    /// [`Refusal::HalfMade`] if the first half may be made.
    pub(super) async fn propose_votes(
        &self,
        view: &View,
        change: ChangeMembers<MemberId, PeerNode>,
        retain: bool,
    ) -> Result<Membership, Refusal> {
        let refusal = match self.propose(view, change, retain).await {
            Err(refusal @ Refusal::Final(Error::NotLeader)) => refusal,
            outcome => return outcome,
        };
        // One half was certainly not written. If it was the second, the first one is the newest membership here.
        match self.newest_membership().await? {
            Some(half) if Some(half) != view.membership_log_id => Err(Refusal::HalfMade(half)),
            _ => Err(refusal),
        }
    }

    /// Where the newest membership of this member's log stands, by its own word and at this moment.
    async fn newest_membership(&self) -> Result<Option<LogId>, Refusal> {
        let place =
            |state: &openraft::RaftState<TypeConfig>| *state.membership_state.effective().log_id();
        let asked = self.raft.with_raft_state(place).await;
        asked.map_err(|_| Refusal::Final(Error::Stopped))
    }

    /// Brings a change that was left half-way to its end.
    pub(super) async fn end_half_way(&self, view: &View) -> Result<Membership, Refusal> {
        let nothing = ChangeMembers::AddVoterIds(BTreeSet::new());
        // Only a removal takes votes away, and it means to take the member with them.
        self.propose(view, nothing, false).await
    }

    /// Makes the second half of a change, if what stands at `half` is its first.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it is not, or somebody else has to make the second, or has made it: then nobody here knows
    /// what became of the change.
    pub(super) async fn finish(&self, change: &Change, half: LogId) -> Result<Membership, Error> {
        let deadline = Instant::now() + PATIENCE;
        let mut views = self.group.watch();
        let shown = |view: &View| view.membership_log_id >= Some(half);
        // Not for longer: whoever holds a view holds up those who write it.
        let view = match timeout_at(deadline, views.wait_for(shown)).await {
            Ok(Ok(view)) => view.clone(),
            _ => return Err(Error::Timeout),
        };
        if view.membership_log_id != Some(half) || !is_half_of(change, &view.membership) {
            return Err(Error::Timeout);
        }
        while self.may_change(&self.group.view()) && Instant::now() < deadline {
            match self.end_half_way(&view).await {
                Ok(after) => return Ok(after),
                // Followers may answer again before another one leads.
                Err(Refusal::Final(Error::NotLeader)) => sleep(RETRY).await,
                Err(_) => break,
            }
        }
        Err(Error::Timeout)
    }
}

fn written(outcome: Write, view: &View) -> Result<Membership, Refusal> {
    let error = match outcome {
        Ok(written) => match written.membership {
            Some(after) => return Ok(after),
            None => crate::broken!("a change of the membership was made that changed none"),
        },
        Err(RaftError::APIError(ClientWriteError::PreconditionFailed(why))) => {
            return Err(overtaken(&why, view));
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

/// Whether a membership is between the halves of this change. It may be that of another one, of a leader before or after.
fn is_half_of(change: &Change, membership: &Membership) -> bool {
    let (old, new) = match membership.get_joint_config().as_slice() {
        [old, new] => (old, new),
        _ => return false,
    };
    match change {
        Change::Remove(id) => old.contains(id) && !new.contains(id),
        Change::Promote(id) => !old.contains(id) && new.contains(id),
        Change::AddLearner(_) | Change::AddVoter(_) | Change::Update(_) => false,
    }
}

/// The second half expects the first one to be the newest, the first half what was seen.
fn overtaken(why: &PreconditionFailed<TypeConfig>, view: &View) -> Refusal {
    match why {
        PreconditionFailed::LastMembershipLogIdMismatch {
            expected: Some(half),
            ..
        } if Some(*half) != view.membership_log_id => Refusal::HalfMade(*half),
        _ => Refusal::Overtaken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_half_made_by_another_change_is_not_taken_for_ones_own() {
        let of = |sets: &[&[MemberId]]| {
            let sets = sets.iter().map(|ids| ids.iter().copied().collect());
            let nodes = (1..=4).map(|id| (id, PeerNode::default()));
            let nodes: BTreeMap<MemberId, PeerNode> = nodes.collect();
            Membership::new(sets.collect(), nodes).expect("nodes of all voters")
        };
        let removal = of(&[&[1, 2, 3], &[1, 2]]);
        assert!(is_half_of(&Change::Remove(3), &removal));
        assert!(!is_half_of(&Change::Remove(2), &removal));
        assert!(!is_half_of(&Change::Promote(3), &removal));
        let promotion = of(&[&[1, 2, 3], &[1, 2, 3, 4]]);
        assert!(is_half_of(&Change::Promote(4), &promotion));
        assert!(!is_half_of(&Change::Remove(4), &promotion));
        assert!(
            !is_half_of(&Change::Remove(3), &of(&[&[1, 2]])),
            "it is whole"
        );
    }
}
