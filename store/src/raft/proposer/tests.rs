//! A proposer against a log that is played here: leaders come and go, answers get lost.

use super::super::appender::Waiting;
use super::super::applier::Position;
use super::super::connection::Caller;
use super::super::group::View;
use super::super::members::Directory;
use super::super::met::Met;
use super::*;
use crate::metrics::Metrics;
use crate::reply::Reply;
use crate::wal;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::HashMap;
use std::time::Instant;

const MEMBER: MemberId = 7;

/// The group, as far as the proposer can tell: this member leads in every term.
struct Group {
    fronts: Arc<Fronts>,
    progress: Arc<Progress>,
    leadership: watch::Sender<Option<Leadership>>,
    random: StdRng,
    term: u64,
    index: u64,
    /// Appended in the present term, fate unknown; in the order of the log.
    hanging: Vec<Waiting>,
    /// How often each request was applied.
    applied: HashMap<u64, u32>,
}

impl Group {
    fn lead(&mut self, leader: bool) {
        let leadership = leader.then_some(Leadership {
            term: self.term,
            member_id: MEMBER,
        });
        self.leadership.send_replace(leadership);
    }

    /// Applies one entry of `term`: answers first, then shows the position, as the applier does.
    fn apply(&mut self, batch: Option<&Bytes>, term: u64) {
        self.index += 1;
        if let Some(batch) = batch {
            let batch = log::Batch::decode(batch.clone()).expect("the proposer's own encoding");
            for request in &batch.requests {
                *self.applied.entry(*request).or_default() += 1;
            }
            let replies = batch.requests.iter().map(|id| (*id, Ok(Reply::Done(1))));
            self.fronts.deliver(replies.collect());
        }
        self.progress.publish(Position {
            applied: Some(wal::LogId {
                term,
                node_id: MEMBER,
                index: self.index,
            }),
            membership: None,
        });
    }

    /// A batch arrives at the leader.
    fn take(&mut self, waiting: Waiting) {
        let refused = waiting.term != self.term || self.random.random_ratio(1, 5);
        if refused {
            let _ = waiting.done.send(Outcome::NotAppended);
        } else if !self.hanging.is_empty() || self.random.random_ratio(1, 3) {
            // Nothing behind an entry that hangs is committed before it.
            self.hanging.push(waiting);
        } else {
            let told_early = self.random.random();
            if told_early {
                self.apply(Some(&waiting.batch), waiting.term);
                let _ = waiting.done.send(Outcome::Committed);
            } else {
                let _ = waiting.done.send(Outcome::Committed);
                self.apply(Some(&waiting.batch), waiting.term);
            }
        }
    }

    /// The leader is lost, and a new one decides what becomes of the entries that hang: the log keeps
    /// some from the front and loses the rest.
    async fn elect(&mut self) {
        self.lead(false);
        let kept = self.random.random_range(0..=self.hanging.len());
        let hanging = std::mem::take(&mut self.hanging);
        let mut batches = Vec::new();
        for waiting in hanging {
            batches.push((waiting.batch, waiting.term));
            // The answer is lost, at once or never: then only the change of leader tells.
            if self.random.random() {
                let _ = waiting.done.send(Outcome::Unknown);
            } else {
                drop(waiting.done);
            }
            tokio::task::yield_now().await;
        }
        self.term += 1;
        if self.random.random() {
            self.lead(true);
            tokio::task::yield_now().await;
        }
        for (batch, term) in batches.into_iter().take(kept) {
            self.apply(Some(&batch), term);
            tokio::task::yield_now().await;
        }
        self.lead(true);
        tokio::task::yield_now().await;
        let term = self.term;
        self.apply(None, term);
    }
}

fn start(seed: u64) -> (Group, Queue, mpsc::Receiver<Waiting>) {
    let fronts = Arc::new(Fronts::new(1));
    let progress = Arc::new(Progress::new(Position::default()));
    let (leadership, follow) = watch::channel(None);
    let (appender, batches) = Appender::fake();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let caller = Caller {
        cluster_id: 1,
        member_id: MEMBER,
        metrics: Metrics::new(),
        way: crate::world::Network::Tcp,
        lanes: crate::world::Lanes::default(),
        removed: Arc::new(watch::Sender::new(false)),
        met: Arc::new(Met::open(directory.path()).expect("nobody met")),
        reach: Arc::default(),
    };
    let (_, view) = watch::channel(View {
        term: 0,
        leader: None,
        membership: Arc::default(),
        membership_log_id: None,
        membership_committed: false,
    });
    let (queue, queue_end) = queue();
    Proposer::start(
        Parts {
            origin: MEMBER,
            incarnation: 1,
            fronts: Arc::clone(&fronts),
            appender,
            forwarder: Forwarder::new(caller, Directory::new(view)),
            progress: Arc::clone(&progress),
            leadership: follow,
        },
        queue_end,
    );
    let group = Group {
        fronts,
        progress,
        leadership,
        random: StdRng::seed_from_u64(seed),
        term: 1,
        index: 0,
        hanging: Vec::new(),
        applied: HashMap::new(),
    };
    (group, queue, batches)
}

/// Every request is applied, and none twice, however leaders come and go.
async fn storm(seed: u64) {
    const REQUESTS: usize = 200;
    let (mut group, queue, mut batches) = start(seed);
    let front = Arc::clone(group.fronts.get(0));
    let mut registered = Vec::new();
    group.lead(true);
    let mut quiet = 0;
    while group.applied.len() < REQUESTS || quiet < 100 {
        if registered.len() < REQUESTS && group.random.random() {
            let request = front.register();
            queue
                .push(request.id, Bytes::from_static(b"c"))
                .expect("room");
            registered.push(request);
        }
        // Few steps at a time, so that batches stay small and many.
        match tokio::time::timeout(Duration::from_micros(300), batches.recv()).await {
            Ok(Some(waiting)) => {
                quiet = 0;
                group.take(waiting);
            }
            _ => quiet += 1,
        }
        if group.random.random_ratio(1, 10) {
            group.elect().await;
        }
        assert!(quiet < 20_000, "seed {seed}: the proposer is stuck");
    }
    let twice: Vec<_> = group
        .applied
        .iter()
        .filter(|(_, times)| **times > 1)
        .collect();
    assert!(twice.is_empty(), "seed {seed}: applied twice: {twice:?}");
}

#[tokio::test]
async fn no_command_is_applied_twice_or_forgotten_however_leaders_change() {
    for seed in 0..20 {
        storm(seed).await;
    }
}

#[tokio::test]
async fn a_batch_whose_fate_is_unknown_waits_for_an_entry_of_a_later_leader() {
    let (mut group, queue, mut batches) = start(0);
    group.lead(true);
    let front = Arc::clone(group.fronts.get(0));
    let request = front.register();
    queue
        .push(request.id, Bytes::from_static(b"c"))
        .expect("room");
    let first = batches.recv().await.expect("a batch");
    let _ = first.done.send(Outcome::Unknown);
    let soon = Duration::from_millis(50);
    // An entry of the same leader says nothing.
    group.apply(None, 1);
    let again = tokio::time::timeout(soon, batches.recv()).await;
    assert!(
        again.is_err(),
        "proposed again while it may still be committed"
    );
    // A new leader alone says nothing either: its log may contain the batch.
    group.term = 2;
    group.lead(true);
    let again = tokio::time::timeout(soon, batches.recv()).await;
    assert!(
        again.is_err(),
        "proposed again before the new leader's log is known"
    );
    group.apply(None, 2);
    let again = batches.recv().await.expect("proposed again");
    assert_eq!((again.batch, again.term), (first.batch, 2));
}

#[tokio::test]
async fn a_silent_leader_holds_nothing_up_once_it_is_replaced() {
    let (mut group, queue, mut batches) = start(0);
    group.lead(true);
    let front = Arc::clone(group.fronts.get(0));
    let mut silent = Vec::new();
    let mut requests = Vec::new();
    for _ in 0..BATCHES_UNDER_WAY {
        let request = front.register();
        queue
            .push(request.id, Bytes::from_static(b"c"))
            .expect("room");
        requests.push(request);
        silent.push(batches.recv().await.expect("a batch"));
    }
    group.term = 2;
    group.lead(true);
    let request = front.register();
    queue
        .push(request.id, Bytes::from_static(b"c"))
        .expect("room");
    let next = tokio::time::timeout(Duration::from_secs(5), batches.recv()).await;
    let next = next
        .expect("does not wait for the silent leader")
        .expect("a batch");
    assert_eq!(next.term, 2);
}

#[tokio::test]
async fn a_leader_that_refuses_is_not_asked_without_end_while_other_batches_hang() {
    const TIMES: u32 = 10;
    let (mut group, queue, mut batches) = start(0);
    group.lead(true);
    let front = Arc::clone(group.fronts.get(0));
    let mut requests = Vec::new();
    let mut hanging = Vec::new();
    let mut propose = || {
        let request = front.register();
        let pushed = queue.push(request.id, Bytes::from_static(b"c"));
        pushed.expect("room");
        requests.push(request);
    };
    // All but one are in the log, and the last one gets the only place that is left.
    for _ in 1..BATCHES_UNDER_WAY {
        propose();
        hanging.push(batches.recv().await.expect("a batch"));
    }
    propose();
    let began = Instant::now();
    for _ in 0..=TIMES {
        let refused = batches.recv().await.expect("a batch");
        let _ = refused.done.send(Outcome::NotAppended);
    }
    let took = began.elapsed();
    assert!(took >= TIMES * REFUSED_PAUSE, "{took:?}");
}
