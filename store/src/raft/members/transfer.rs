//! Leadership goes to another member, on request or because this one stops or its disk hangs.
//!
//! The one that leads asks; the target stands for election at once and the others let it. Nothing is
//! lost if it does not work: the group goes on with the old leader or elects.

use super::super::proposer::Leadership;
use super::Members;
use crate::{Error, MemberId};
use openraft::async_runtime::watch::WatchReceiver;
use std::time::Duration;

/// A leadership move must be over in this time.
const MOVE_TIMEOUT: Duration = Duration::from_secs(5);

impl Members {
    /// Hands leadership over. Returns when the target leads.
    ///
    /// # Errors
    /// [`Error::NotLeader`], [`Error::BadLeaderTransferee`]; [`Error::Timeout`] if it did not happen.
    pub async fn move_leader(&self, target: MemberId) -> Result<(), Error> {
        let view = self.group.view();
        if !view.leads(self.member_id) {
            return Err(Error::NotLeader);
        }
        if !view.votes(target) {
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
        let moved = Leadership::of(target, &mut leadership);
        match tokio::time::timeout(MOVE_TIMEOUT, moved).await {
            Ok(Some(_)) => Ok(()),
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
}
