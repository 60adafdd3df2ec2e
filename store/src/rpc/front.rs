//! The member as one front serves it: what every service needs, and the one way to propose.

use super::header::Headers;
use super::snapshot::SnapshotSource;
use crate::limits::Limits;
use crate::metrics::{FrontMetrics, Metrics};
use crate::raft::Handle;
use crate::raft::handle::Progress;
use crate::reply::Reply;
use crate::{Error, Revision, apply, mvcc, validate, watch};
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::{AlarmMember, AlarmRequest, AlarmType, ResponseHeader};
use keelson_proto::log::{Command, command::Operation};
use prost::Message;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::Semaphore;

/// What the fronts of one member have in common.
#[derive(Clone)]
pub struct Shared {
    /// The way into the member.
    pub handle: Handle,
    /// Where watchers subscribe.
    pub feed: watch::Feed,
    /// How much of everything.
    pub limits: Arc<Limits>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Makes the files that `Snapshot` streams.
    pub snapshots: Arc<dyn SnapshotSource>,
    /// `--initial-cluster-token`: goes into the ids of new members.
    pub cluster_token: Arc<str>,
    /// Somebody is raising the NOSPACE alarm right now.
    pub raising_alarm: Arc<AtomicBool>,
    /// Places for those who read the whole history; see [`hashing_places`].
    pub hashing: Arc<Semaphore>,
}

/// A hash costs a thread, and a reading of everything there is: one for an operator, one for a script that
/// compares members. Others wait, as they would for the disk.
pub fn hashing_places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(2))
}

/// One front's view of the member. Every service of the API is implemented on this type.
pub struct Front {
    pub(super) handle: Handle,
    pub(super) hub: watch::Hub,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) counters: Arc<FrontMetrics>,
    pub(super) snapshots: Arc<dyn SnapshotSource>,
    pub(super) hashing: Arc<Semaphore>,
    pub(super) cluster_token: Arc<str>,
    headers: Headers,
    raising_alarm: Arc<AtomicBool>,
    this: Weak<Front>,
}

impl Front {
    /// The front with this number. Call it inside the front's runtime.
    pub fn new(shared: &Shared, number: usize) -> Arc<Front> {
        let handle = shared.handle.for_front(number);
        Arc::new_cyclic(|this| Front {
            this: this.clone(),
            headers: Headers::new(&handle),
            handle,
            hub: shared.feed.subscribe(),
            limits: shared.limits.clone(),
            metrics: shared.metrics.clone(),
            counters: shared.metrics.front(),
            snapshots: shared.snapshots.clone(),
            hashing: shared.hashing.clone(),
            cluster_token: shared.cluster_token.clone(),
            raising_alarm: shared.raising_alarm.clone(),
        })
    }

    /// For work that outlives its request. `None` while the front is being taken down.
    pub(super) fn shared(&self) -> Option<Arc<Front>> {
        self.this.upgrade()
    }

    /// This front's counters, for the connections.
    pub fn counters(&self) -> &Arc<FrontMetrics> {
        &self.counters
    }

    /// This front's watches.
    pub fn hub(&self) -> &watch::Hub {
        &self.hub
    }

    /// The way into the member.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Where reads are answered from. A snapshot from the leader may replace it, so no request keeps
    /// it for longer than it runs.
    pub fn store(&self) -> Arc<mvcc::Store> {
        self.handle.store()
    }

    /// Leases and alarms. As [`Front::store`].
    pub(super) fn state(&self) -> Arc<apply::State> {
        self.handle.state()
    }

    /// The bounds of the member.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// Gets a checked operation agreed and applied here.
    ///
    /// # Errors
    /// What [`Front::admit`] says, in which case nothing was changed; else what
    /// [`Handle::propose`] says.
    pub async fn propose(&self, operation: Operation) -> Result<Reply, Error> {
        self.propose_fenced(operation, 0).await
    }

    /// The same, to take effect only in the term `fence_term`; 0: in whichever.
    ///
    /// # Errors
    /// As [`Front::propose`]; [`Error::Fenced`]: the term is another one, and nothing was changed.
    pub async fn propose_fenced(
        &self,
        operation: Operation,
        fence_term: u64,
    ) -> Result<Reply, Error> {
        self.admit(&operation).await?;
        self.submit(operation, fence_term).await
    }

    /// Proposes without the checks of size, load and quota.
    async fn submit(&self, operation: Operation, fence_term: u64) -> Result<Reply, Error> {
        let command = Command {
            operation: Some(operation),
            fence_term,
        };
        validate::check_size(command.encoded_len(), self.limits.max_request_bytes)?;
        let _pending = self.counters.pending();
        let outcome = self.handle.propose(command).await;
        if outcome.as_ref().is_err_and(is_failed_proposal) {
            self.counters.proposal_failed();
        }
        outcome
    }

    /// Whether the member can take the operation: it keeps up with applying, and there is space.
    async fn admit(&self, operation: &Operation) -> Result<(), Error> {
        if is_lagging(&self.handle.progress(), operation, &self.limits) {
            return Err(Error::TooManyRequests);
        }
        let cost = validate::cost(operation);
        if cost > 0 && self.limits.is_over_quota(self.store().size().total, cost) {
            self.raise_no_space().await;
            return Err(Error::NoSpace);
        }
        Ok(())
    }

    /// Raises this member's NOSPACE alarm unless it is raised or being raised. Best effort: the next
    /// refused write tries again.
    async fn raise_no_space(&self) {
        let alarm = AlarmMember {
            member_id: self.handle.identity().member_id,
            alarm: AlarmType::Nospace as i32,
        };
        if self.state().alarms().contains(&alarm) || self.raising_alarm.swap(true, Ordering::AcqRel)
        {
            return;
        }
        // Lowers the flag however this ends, also when the client gives the request up.
        let _raising = Lower(&self.raising_alarm);
        let request = AlarmRequest {
            action: AlarmAction::Activate as i32,
            member_id: alarm.member_id,
            alarm: alarm.alarm,
        };
        match self.submit(Operation::Alarm(request), 0).await {
            Ok(_) => tracing::warn!(
                quota_bytes = self.limits.quota_bytes(),
                "the store is full: compact, defragment, then disarm the NOSPACE alarm"
            ),
            Err(error) => tracing::warn!(%error, "could not raise the NOSPACE alarm"),
        }
    }

    /// Waits until this member's state has everything acknowledged before now.
    pub(super) async fn read_barrier(&self) -> Result<(), Error> {
        let outcome = self.handle.read_barrier().await;
        if outcome.is_err() {
            self.counters.read_index_failed();
        }
        outcome
    }

    /// A header at `revision`. Always `Some`, as the fields of answers want it.
    pub fn header(&self, revision: Revision) -> Option<ResponseHeader> {
        Some(self.headers.at(self.handle.progress().term, revision))
    }

    /// A header at the store's present revision.
    pub(super) fn header_now(&self) -> Option<ResponseHeader> {
        self.header(self.store().revision())
    }

    /// The header of an answer about the cluster, which has no revision.
    pub(super) fn cluster_header(&self) -> Option<ResponseHeader> {
        self.header(0)
    }

    /// Completes the header of an answer that came from apply or from the store.
    pub(super) fn complete(&self, header: &mut Option<ResponseHeader>) {
        let term = self.handle.progress().term;
        self.headers
            .complete(header, term, || self.store().revision());
    }
}

/// Lowers a flag when dropped.
struct Lower<'a>(&'a AtomicBool);

impl Drop for Lower<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Too much is committed that this member has not applied. Giving up leases, which frees resources,
/// is let through for longer.
fn is_lagging(progress: &Progress, operation: &Operation, limits: &Limits) -> bool {
    let lag = progress
        .committed_index
        .saturating_sub(progress.applied_index);
    let max = match operation {
        Operation::LeaseRevoke(_) => limits.max_apply_lag_revoke,
        _ => limits.max_apply_lag,
    };
    lag > max
}

/// Whether an outcome counts as a failed proposal: consensus, not the request, was the reason.
fn is_failed_proposal(error: &Error) -> bool {
    matches!(
        error.kind(),
        crate::error::Kind::Unavailable | crate::error::Kind::Unknown
    )
}

/// The answer of apply does not belong to the command: members no longer agree on what commands mean.
pub(super) fn unexpected(reply: &Reply) -> ! {
    crate::broken!("a command was answered with {reply:?}, which belongs to another kind")
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_proto::etcdserverpb::{LeaseRevokeRequest, PutRequest};

    #[test]
    fn a_member_that_lags_refuses_puts_before_it_refuses_revokes() {
        let put = Operation::Put(PutRequest::default());
        let revoke = Operation::LeaseRevoke(LeaseRevokeRequest::default());
        let limits = Limits::default();
        let behind = |lag: u64| Progress {
            committed_index: 20_000,
            applied_index: 20_000 - lag,
            ..Progress::default()
        };
        assert!(!is_lagging(&behind(5000), &put, &limits));
        assert!(is_lagging(&behind(5001), &put, &limits));
        assert!(!is_lagging(&behind(10_000), &revoke, &limits));
        assert!(is_lagging(&behind(10_001), &revoke, &limits));
    }

    #[test]
    fn only_failures_of_consensus_count_as_failed_proposals() {
        assert!(is_failed_proposal(&Error::NoLeader));
        assert!(is_failed_proposal(&Error::Timeout));
        assert!(!is_failed_proposal(&Error::EmptyKey));
        assert!(!is_failed_proposal(&Error::NoSpace));
    }
}
