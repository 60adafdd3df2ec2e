//! The leader's side of leases: renewals, expiry, notes of the remaining time.
//!
//! Rules in [`crate::lease::Clock`]. This drives it: promotes it once the first entry of this
//! member's own term is applied, demotes it as soon as the term is over, whatever it was doing, and
//! proposes what it says, fenced to the term, so that a leader that was paused and does not know that it
//! has been replaced ends nobody's lease.

use super::applier::{Current, Progress};
use super::handle::Handle;
use super::proposer::Leadership;
use crate::faults::failpoint;
use crate::lease::{Change, Clock, NotPrimary, Renew};
use crate::{Error, LeaseId, MemberId};
use futures::future::join_all;
use keelson_proto::etcdserverpb as etcd;
use keelson_proto::log::{Command, LeaseNote, LeaseNotes, command::Operation};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// How often the clock is looked at: etcd's own pace.
const TICK: Duration = Duration::from_millis(500);

/// Leases that end together in one look.
const EXPIRED_MAX: usize = 1000;

/// See the module's essay.
pub struct LeaseKeeper {
    clock: Mutex<Clock>,
    /// The term the clock counts for; zero while it counts nothing. Changed under the clock's lock.
    term: AtomicU64,
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
            term: AtomicU64::new(0),
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

    /// Renews a lease. The caller has confirmed, since the renewal arrived, that this member leads in
    /// `term`, and that it has applied what was committed then ([`Handle::lead_barrier`]).
    ///
    /// # Errors
    /// [`Error::NotLeader`] if this member does not keep the clocks in that term.
    pub async fn renew(&self, handle: &Handle, term: u64, id: LeaseId) -> Result<i64, Error> {
        loop {
            let changed = self.changed.notified();
            match self.of_term(term, |clock| clock.renew(id, Instant::now())) {
                Ok(Renew::Renewed(ttl)) => {
                    self.renewed.fetch_add(1, Ordering::Relaxed);
                    failpoint!("renew-before-answer");
                    return Ok(ttl);
                }
                Ok(Renew::Gone) => return Ok(0),
                Err(NotPrimary) => return Err(Error::NotLeader),
                Ok(Renew::ClearFirst(since)) => {
                    let notes = vec![LeaseNote {
                        id,
                        since: Some(since),
                        remaining_ttl: 0,
                    }];
                    let command = Command {
                        operation: Some(Operation::LeaseNotes(LeaseNotes { notes })),
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

    /// The time a lease has left, by this member's clock. The caller has done as for
    /// [`renew`](Self::renew).
    ///
    /// # Errors
    /// [`Error::NotLeader`] if this member does not keep the clocks in that term.
    pub fn time_to_live(
        &self,
        current: &Current,
        term: u64,
        request: &etcd::LeaseTimeToLiveRequest,
    ) -> Result<etcd::LeaseTimeToLiveResponse, Error> {
        let now = Instant::now();
        let left = self.of_term(term, |clock| clock.time_to_live(request.id, now));
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

    /// Asks the clock, if it counts for `term`.
    fn of_term<T>(
        &self,
        term: u64,
        ask: impl FnOnce(&mut Clock) -> Result<T, NotPrimary>,
    ) -> Result<T, NotPrimary> {
        let mut clock = self.clock.lock();
        match self.term.load(Ordering::Relaxed) == term {
            true => ask(&mut clock),
            false => Err(NotPrimary),
        }
    }

    /// Keeps the clocks for as long as the member runs.
    pub async fn run(self: Arc<Self>, parts: KeeperParts) {
        let mut leadership = parts.leadership.clone();
        while let Some(mine) = Leadership::of(parts.member_id, &mut leadership).await {
            self.keep(&parts, mine).await;
            self.demote();
        }
    }

    fn promote(&self, parts: &KeeperParts, term: u64) {
        let mut clock = self.clock.lock();
        let leases = parts.current.state();
        clock.promote(leases.leases(), parts.extension, Instant::now());
        self.term.store(term, Ordering::Relaxed);
    }

    fn demote(&self) {
        {
            let mut clock = self.clock.lock();
            clock.demote();
            self.term.store(0, Ordering::Relaxed);
        }
        self.changed.notify_waiters();
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
        self.promote(parts, mine.term);
        failpoint!("clocks-begun");
        let propose_what_is_due = async {
            loop {
                tokio::time::sleep(TICK).await;
                self.end_expired(parts, mine.term).await;
            }
        };
        // Proposals wait for a quorum. The end of the term must not: until it is noticed here, this
        // member's clock counts on beside the one of the next leader.
        tokio::select! {
            _ = leadership.wait_for(|leader| *leader != Some(mine)) => {}
            () = propose_what_is_due => {}
        }
    }

    async fn end_expired(&self, parts: &KeeperParts, term: u64) {
        let proposals = self.due(Instant::now()).into_iter().map(|operation| {
            let expires = matches!(operation, Operation::LeaseExpiry(_));
            let command = Command {
                operation: Some(operation),
                fence_term: term,
            };
            async move {
                match expires {
                    true => failpoint!("expiry-before-propose"),
                    false => failpoint!("notes-before-propose"),
                }
                let outcome = parts.handle.propose(command).await;
                if expires {
                    failpoint!("expiry-proposed");
                }
                expires && outcome.is_ok()
            }
        });
        let ended = join_all(proposals).await;
        let ended = ended.iter().filter(|ended| **ended).count();
        self.expired.fetch_add(ended as u64, Ordering::Relaxed);
    }

    /// What is to be proposed at `now`: the end of leases whose time is over, and notes.
    pub(super) fn due(&self, now: Instant) -> Vec<Operation> {
        let mut clock = self.clock.lock();
        let expired = clock.expired(now, EXPIRED_MAX).into_iter();
        let mut due: Vec<_> = expired.map(Operation::LeaseExpiry).collect();
        let notes = clock.checkpoints(now);
        if !notes.is_empty() {
            due.push(Operation::LeaseNotes(LeaseNotes { notes }));
        }
        due
    }
}

#[cfg(test)]
mod tests;
