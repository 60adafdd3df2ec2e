//! The leader's side of leases: renewals, expiry, notes of the remaining time.
//!
//! Rules in [`crate::lease::Clock`]. This drives it: promotes it once the first entry of this
//! member's own term is applied, demotes it when the term is over, and proposes what it says, fenced
//! to the term, so that a leader that was paused and does not know that it has been replaced ends
//! nobody's lease.

use super::applier::{Current, Progress};
use super::handle::Handle;
use super::proposer::Leadership;
use crate::lease::{Change, Clock, NotPrimary, Renew};
use crate::{Error, LeaseId, MemberId};
use futures::future::join_all;
use keelson_proto::etcdserverpb as etcd;
use keelson_proto::log::{Command, command::Operation};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// How often the clock is looked at: etcd's own pace.
const TICK: Duration = Duration::from_millis(500);

/// Leases that end together in one look.
const EXPIRED_MAX: usize = 1000;

/// See the module's essay.
pub struct LeaseKeeper {
    clock: Mutex<Clock>,
    changed: Notify,
    /// Leases ended because their time was over.
    pub expired: AtomicU64,
    /// Renewals answered.
    pub renewed: AtomicU64,
}

/// What the keeper's task needs.
pub struct KeeperParts {
    /// This member.
    pub member_id: MemberId,
    /// The way into the log.
    pub handle: Handle,
    /// Replicated leases.
    pub current: Arc<Current>,
    /// What has been applied.
    pub progress: Arc<Progress>,
    /// Who leads.
    pub leadership: watch::Receiver<Option<Leadership>>,
    /// Added to every remaining time when leadership begins: nobody could renew meanwhile.
    pub extension: Duration,
}

impl LeaseKeeper {
    /// A keeper that is not in charge yet.
    pub fn new(min_ttl_s: i64) -> LeaseKeeper {
        LeaseKeeper {
            clock: Mutex::new(Clock::new(min_ttl_s)),
            changed: Notify::new(),
            expired: AtomicU64::new(0),
            renewed: AtomicU64::new(0),
        }
    }

    /// From the apply thread, before the replies of the run are given out.
    pub fn changed(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        {
            let mut clock = self.clock.lock();
            if clock.is_primary() {
                let now = Instant::now();
                for change in changes {
                    clock.changed(change, now);
                }
            }
        }
        self.changed.notify_waiters();
    }

    /// Renews a lease. The caller has confirmed, since the renewal arrived, that this member leads,
    /// and that it has applied what was committed then.
    ///
    /// # Errors
    /// [`Error::NotLeader`] if this member does not keep the clocks.
    pub async fn renew(&self, handle: &Handle, id: LeaseId) -> Result<i64, Error> {
        loop {
            let changed = self.changed.notified();
            let answer = self.clock.lock().renew(id, Instant::now());
            match answer {
                Ok(Renew::Renewed(ttl)) => {
                    self.renewed.fetch_add(1, Ordering::Relaxed);
                    return Ok(ttl);
                }
                Ok(Renew::Gone) => return Ok(0),
                Err(NotPrimary) => return Err(Error::NotLeader),
                Ok(Renew::ClearFirst) => {
                    let checkpoints = vec![etcd::LeaseCheckpoint {
                        id,
                        remaining_ttl: 0,
                    }];
                    let operation =
                        Operation::LeaseCheckpoint(etcd::LeaseCheckpointRequest { checkpoints });
                    let command = Command {
                        operation: Some(operation),
                        fence_term: 0,
                    };
                    handle.propose(command).await?;
                }
                // The loss of leadership wakes too; the pause bounds what is missed in between.
                Ok(Renew::Revoking) => {
                    let _ = tokio::time::timeout(TICK, changed).await;
                }
            }
        }
    }

    /// The time a lease has left, by this member's clock.
    ///
    /// # Errors
    /// [`Error::NotLeader`] if this member does not keep the clocks.
    pub fn time_to_live(
        &self,
        current: &Current,
        request: &etcd::LeaseTimeToLiveRequest,
    ) -> Result<etcd::LeaseTimeToLiveResponse, Error> {
        let left = self.clock.lock().time_to_live(request.id, Instant::now());
        let mut response = etcd::LeaseTimeToLiveResponse {
            header: None,
            id: request.id,
            ttl: -1,
            granted_ttl: 0,
            keys: Vec::new(),
        };
        match left {
            Err(NotPrimary) => return Err(Error::NotLeader),
            Ok(None) => {}
            Ok(Some(left)) => {
                response.ttl = left.remaining_s;
                response.granted_ttl = left.granted_s;
                if request.keys {
                    response.keys = current.state().leases().keys(request.id);
                }
            }
        }
        Ok(response)
    }

    /// Keeps the clocks for as long as the member runs.
    pub async fn run(self: Arc<Self>, parts: KeeperParts) {
        let mut leadership = parts.leadership.clone();
        while let Some(mine) = Leadership::of(parts.member_id, &mut leadership).await {
            self.keep(&parts, mine).await;
            self.clock.lock().demote();
            self.changed.notify_waiters();
        }
    }

    async fn keep(&self, parts: &KeeperParts, mine: Leadership) {
        let mut leadership = parts.leadership.clone();
        let mut applied = parts.progress.watch_applied();
        let own_entry = applied.wait_for(|position| {
            position
                .applied
                .is_some_and(|id| id.term == mine.term && id.node_id == mine.member_id)
        });
        tokio::select! {
            _ = leadership.wait_for(|leader| *leader != Some(mine)) => return,
            found = own_entry => if found.is_err() { return },
        }
        self.clock.lock().promote(
            parts.current.state().leases(),
            parts.extension,
            Instant::now(),
        );
        loop {
            let lost = parts.leadership.clone();
            let mut lost = lost;
            tokio::select! {
                _ = lost.wait_for(|leader| *leader != Some(mine)) => return,
                () = tokio::time::sleep(TICK) => {}
            }
            self.end_expired(parts, mine.term).await;
        }
    }

    async fn end_expired(&self, parts: &KeeperParts, term: u64) {
        let (expired, checkpoints) = {
            let mut clock = self.clock.lock();
            let now = Instant::now();
            (clock.expired(now, EXPIRED_MAX), clock.checkpoints(now))
        };
        let mut commands: Vec<Operation> = expired
            .iter()
            .map(|id| Operation::LeaseRevoke(etcd::LeaseRevokeRequest { id: *id }))
            .collect();
        if !checkpoints.is_empty() {
            commands.push(Operation::LeaseCheckpoint(etcd::LeaseCheckpointRequest {
                checkpoints,
            }));
        }
        let proposals = commands.into_iter().map(|operation| {
            parts.handle.propose(Command {
                operation: Some(operation),
                fence_term: term,
            })
        });
        let outcomes = join_all(proposals).await;
        let ended = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let ended = ended.min(expired.len());
        self.expired.fetch_add(ended as u64, Ordering::Relaxed);
    }
}
