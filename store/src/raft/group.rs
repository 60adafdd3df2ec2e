//! How this member sees its group: who leads, who belongs to it. One small copy that everybody
//! follows, kept current by one task, so that nobody else touches openraft's metrics.

use super::members::Directory;
use super::proposer::Leadership;
use super::types::{LogId, Membership, Raft, TypeConfig};
use crate::MemberId;
use crate::metrics::Metrics;
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::metrics::RaftServerMetrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The group at one moment.
#[derive(Clone)]
pub struct View {
    /// The newest term this member has heard of.
    pub term: u64,
    /// Whom it follows. `None` while there is no leader it knows.
    pub leader: Option<Leadership>,
    /// The newest membership in this member's log, committed or not.
    pub membership: Arc<Membership>,
    /// Where in the log that membership stands.
    pub membership_log_id: Option<LogId>,
    /// That membership is committed.
    pub membership_committed: bool,
}

impl View {
    /// Whether this member is followed, as far as is known here.
    pub fn leads(&self, id: MemberId) -> bool {
        self.leader.is_some_and(|leader| leader.member_id == id)
    }

    /// Whether this member has a vote.
    pub fn votes(&self, id: MemberId) -> bool {
        self.membership.voter_ids().any(|voter| voter == id)
    }

    fn of(metrics: &RaftServerMetrics<TypeConfig>) -> View {
        let vote = &metrics.vote;
        View {
            term: vote.leader_id.term,
            leader: vote.committed.then_some(Leadership {
                term: vote.leader_id.term,
                member_id: vote.leader_id.node_id,
            }),
            membership: Arc::new(metrics.membership_config.membership().clone()),
            membership_log_id: *metrics.membership_config.log_id(),
            membership_committed: metrics.membership_config == metrics.committed_membership_config,
        }
    }
}

/// Follows the group for as long as the member runs.
pub struct Group {
    member_id: MemberId,
    view: watch::Sender<View>,
    leadership: watch::Sender<Option<Leadership>>,
    has_leader: watch::Sender<bool>,
    metrics: Arc<Metrics>,
    glance: AtomicGlance,
    started: Instant,
    /// Milliseconds after `started` at which the leader was last heard.
    heard_ms: AtomicU64,
}

/// The part of the view that every request wants, without locks.
#[derive(Default)]
struct AtomicGlance {
    term: AtomicU64,
    leader: AtomicU64,
    is_learner: AtomicBool,
}

/// See [`Group::glance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// The newest term this member has heard of.
    pub term: u64,
    /// Whom it follows.
    pub leader: Option<MemberId>,
    /// It does not vote.
    pub is_learner: bool,
}

impl Group {
    /// Starts following on the present runtime.
    pub fn follow(
        raft: &Raft,
        member_id: MemberId,
        election_timeout: Duration,
        metrics: Arc<Metrics>,
    ) -> Arc<Group> {
        let mut changes = raft.server_metrics();
        let view = View::of(&changes.borrow_watched());
        let group = Arc::new(Group {
            member_id,
            leadership: watch::Sender::new(view.leader),
            has_leader: watch::Sender::new(view.leader.is_some()),
            glance: AtomicGlance::default(),
            started: Instant::now(),
            heard_ms: AtomicU64::new(0),
            view: watch::Sender::new(view.clone()),
            metrics,
        });
        group.update(view, member_id);
        group.show_leader(group.view().leader.map(|leader| leader.member_id));
        let this = Arc::clone(&group);
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let view = View::of(&changes.borrow_watched());
                this.update(view, member_id);
            }
        });
        tokio::spawn(Arc::clone(&group).watch_contact(raft.clone(), member_id, election_timeout));
        group
    }

    /// A message from a member that believes to lead has arrived.
    pub fn heard_from(&self, member: MemberId) {
        if self
            .leadership
            .borrow()
            .is_some_and(|leader| leader.member_id == member)
        {
            self.heard();
        }
    }

    /// The leader has been heard after that moment.
    pub fn heard_since(&self, then: Instant) -> bool {
        let heard = Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
        self.started + heard > then
    }

    fn heard(&self) {
        let now_ms = self.started.elapsed().as_millis() as u64;
        self.heard_ms.store(now_ms, Ordering::Relaxed);
    }

    /// A vote outlives its leader, and a leader cut off from its quorum does not step down by itself.
    /// So besides the vote there is contact: a leader without it for an election timeout does not
    /// count as one.
    async fn watch_contact(
        self: Arc<Self>,
        raft: Raft,
        member_id: MemberId,
        election_timeout: Duration,
    ) {
        let data = raft.data_metrics();
        loop {
            tokio::time::sleep(election_timeout / 10).await;
            let view = self.view();
            let silence = match view.leader {
                None => continue,
                Some(leader) if leader.member_id != member_id => {
                    let heard = Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
                    self.started.elapsed().saturating_sub(heard)
                }
                Some(_) if view.membership.voter_ids().eq([member_id]) => Duration::ZERO,
                Some(_) => {
                    // A new leader has an election timeout to hear from its quorum.
                    let led = Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
                    let led = self.started.elapsed().saturating_sub(led);
                    let acked = &data.borrow_watched().last_quorum_acked;
                    acked.as_ref().map_or(led, |acked| acked.elapsed().min(led))
                }
            };
            let leader = view.leader.map(|leader| leader.member_id);
            self.show_leader(leader.filter(|_| silence <= election_timeout));
        }
    }

    fn show_leader(&self, leader: Option<MemberId>) {
        let shown = leader.unwrap_or(0);
        self.glance.leader.store(shown, Ordering::Relaxed);
        self.has_leader.send_if_modified(|present| {
            let changed = *present != leader.is_some();
            *present = leader.is_some();
            changed
        });
    }

    fn update(&self, view: View, member_id: MemberId) {
        let leader = view.leader;
        let changed = self.leadership.send_if_modified(|present| {
            let changed = *present != leader;
            *present = leader;
            changed
        });
        if changed {
            match leader {
                Some(leader) => {
                    self.metrics.leader_changes.inc();
                    tracing::info!(
                        term = leader.term,
                        leader = format!("{:x}", leader.member_id),
                        is_leader = leader.member_id == member_id,
                        "the group has a leader"
                    );
                }
                None => tracing::info!(term = view.term, "the group has no leader"),
            }
        }
        if changed {
            self.heard();
            self.show_leader(leader.map(|leader| leader.member_id));
        }
        let glance = &self.glance;
        glance.term.store(view.term, Ordering::Relaxed);
        let node = view.membership.get_node(&member_id);
        let is_learner = !view.votes(member_id) && node.is_some_and(|node| !node.wants_vote);
        glance.is_learner.store(is_learner, Ordering::Relaxed);
        self.view.send_replace(view);
    }

    /// Term, leader and whether this member votes. For every request: costs three loads.
    pub fn glance(&self) -> Glance {
        let leader = self.glance.leader.load(Ordering::Relaxed);
        Glance {
            term: self.glance.term.load(Ordering::Relaxed),
            leader: (leader != 0).then_some(leader),
            is_learner: self.glance.is_learner.load(Ordering::Relaxed),
        }
    }

    /// Follows whether there is a leader.
    pub fn has_leader(&self) -> watch::Receiver<bool> {
        self.has_leader.subscribe()
    }

    /// The group now.
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// Follows every change.
    pub fn watch(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// Whom this member follows, and in which term.
    pub fn leader(&self) -> Option<Leadership> {
        *self.leadership.borrow()
    }

    /// Lets everybody here believe in a leader that there is not.
    #[cfg(test)]
    pub(super) fn pretend(&self, leader: Leadership) {
        self.leadership.send_replace(Some(leader));
    }

    /// Follows who leads.
    pub fn leadership(&self) -> watch::Receiver<Option<Leadership>> {
        self.leadership.subscribe()
    }

    /// This member's place among all of the group, in the order of ids, and how many they are. The first
    /// of one, as long as it does not know its group.
    pub fn turn(&self) -> (u64, u64) {
        let view = self.view.borrow();
        let ids: Vec<MemberId> = view.membership.nodes().map(|(id, _)| *id).collect();
        match ids.binary_search(&self.member_id) {
            Ok(place) => (place as u64, ids.len() as u64),
            Err(_) => (0, 1),
        }
    }

    /// Where members are.
    pub fn directory(&self) -> Directory {
        Directory::new(self.view.subscribe())
    }
}
