//! J6 under interruption: the controller is stopped after any of its writes, and another one goes on.

use super::*;
use crate::runtime::{Ground, Manager};
use keelson_apiserver::admission::{Chain, Stored};
use keelson_apiserver::registry::{Random, Registry};
use keelson_apiserver::storage::{
    Changes, Committed, Future, Kv, KvError, MemoryKv, Range, Ranged, Stream, Txn, Watch,
};
use parking_lot::Mutex;
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A store that deposes the leader after so many of its writes, and now and then does not say what became
/// of one.
struct Fuse {
    kv: MemoryKv,
    left: AtomicI64,
    /// Of so many answers one gets lost.
    lost: i64,
    calls: AtomicI64,
    /// Pods that were made.
    made: AtomicI64,
    /// Happens just before the first Pod is made.
    before: Mutex<Option<Future<'static, ()>>>,
    term: AtomicU64,
}

impl Kv for Fuse {
    fn range(&self, range: Range) -> Future<'_, Result<Ranged, KvError>> {
        self.kv.range(range)
    }

    fn txn(&self, txn: Txn) -> Future<'_, Result<Committed, KvError>> {
        Box::pin(async move {
            let is_pod = makes_pod(&txn);
            let before = match is_pod {
                true => self.before.lock().take(),
                false => None,
            };
            if let Some(before) = before {
                before.await;
            }
            let done = self.kv.txn(txn).await?;
            let is_written = matches!(done, Committed::Written { .. });
            self.made
                .fetch_add(i64::from(is_written && is_pod), Ordering::SeqCst);
            if is_written && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
                let term = self.term.fetch_add(1, Ordering::SeqCst) + 1;
                self.kv.set_leadership(term);
            }
            let calls = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            if self.lost > 0 && calls % self.lost == 0 {
                return Err(KvError::Unknown("the answer is lost".to_owned()));
            }
            Ok(done)
        })
    }

    fn watch(&self, watch: Watch) -> Future<'_, Result<Stream<Result<Changes, KvError>>, KvError>> {
        self.kv.watch(watch)
    }

    fn grant(&self, ttl_s: i64) -> Future<'_, Result<i64, KvError>> {
        self.kv.grant(ttl_s)
    }

    fn compact(&self, revision: u64) -> Future<'_, Result<(), KvError>> {
        self.kv.compact(revision)
    }
}

fn makes_pod(txn: &Txn) -> bool {
    let mut guards = txn.guards.iter();
    guards.any(|guard| guard.mod_revision == 0 && guard.key.starts_with(b"/registry/pods/"))
}

struct Dice;

impl Random for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}

/// Leads again and again; each leader may write so often.
fn lead_in_turn(cluster: &Cluster, mut writes: Vec<i64>, lost: i64) -> Arc<Fuse> {
    writes.reverse();
    let fuse = Arc::new(Fuse {
        kv: cluster.kv.clone(),
        left: AtomicI64::new(0),
        lost,
        calls: AtomicI64::new(0),
        made: AtomicI64::new(0),
        before: Mutex::new(None),
        term: AtomicU64::new(1),
    });
    let store: Arc<dyn Kv> = fuse.clone();
    let chain = Chain::standard(Arc::new(Stored::new(store.clone())), Arc::new(rand::random));
    let Ground { catalog, clock, .. } = &*cluster.ground;
    let registry =
        Registry::new(store, clock.clone(), Arc::new(Dice)).with_admission(Arc::new(chain));
    let ground = Ground::new(Arc::new(registry), catalog.clone(), clock.clone());
    let manager = Arc::new(Manager::new(Arc::new(ground)).with(Jobs).with(JobOrphans));
    let following = manager.clone();
    tokio::spawn(async move { following.follow().await });
    let lit = fuse.clone();
    tokio::spawn(async move {
        loop {
            // Two claims are its first writes. The last leader stays.
            let may = writes.pop().map_or(i64::MAX, |writes| writes + 2);
            lit.left.store(may, Ordering::SeqCst);
            manager.lead(lit.term.load(Ordering::SeqCst)).await;
        }
    });
    fuse
}

/// Ends Pods as told, each once, until the Job is over. Returns how many succeeded and failed.
async fn end_all(cluster: &Cluster, outcomes: &[bool]) -> (i32, i32) {
    let (mut ended, mut told) = (HashSet::new(), (0, 0));
    for _ in 0..10_000 {
        let (pods, is_over) = {
            let world = cluster.ground.shared.read();
            let is_over =
                work(&world).is_some_and(|job| crate::job::status::is_finished(&job.status));
            (active(&world), is_over)
        };
        if is_over {
            return told;
        }
        let new: Vec<_> = pods
            .iter()
            .filter(|pod| ended.insert(pod.metadata.uid.clone()))
            .collect();
        for pod in &new {
            let is_success = outcomes.get(ended.len() % outcomes.len().max(1)) != Some(&false);
            end(cluster, pod, i64::from(!is_success)).await;
            match is_success {
                true => told.0 += 1,
                false => told.1 += 1,
            }
        }
        if new.is_empty() {
            cluster.advance(Duration::from_secs(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the Job does not end: {told:?}");
}

fn counted(cluster: &Cluster) -> (i32, i32) {
    let world = cluster.ground.shared.read();
    let status = &work(&world).expect("the Job").status;
    let notes = status.uncounted_terminated_pods.clone().unwrap_or_default();
    assert_eq!(notes, Default::default(), "something is not counted");
    let tracked = pods(&world)
        .into_iter()
        .filter(|pod| crate::job::pod::is_tracked(pod));
    assert_eq!(tracked.count(), 0, "something waits to be counted");
    (status.succeeded, status.failed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn j6_whoever_is_stopped_after_whichever_write_each_pod_is_counted_once(
        writes in prop::collection::vec(0_i64..6, 0..25),
        // Every write is one of three or more: with fewer nothing ever begins.
        lost in prop_oneof![Just(0), 3_i64..12],
        outcomes in prop::collection::vec(prop::bool::weighted(0.7), 1..9),
        mode in 0..3,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let cluster = Cluster::new().await;
            let fuse = lead_in_turn(&cluster, writes, lost);
            let mut spec = json!({"parallelism": 3, "completions": 6, "backoffLimit": 4});
            if mode > 0 {
                spec["completionMode"] = "Indexed".into();
            }
            if mode > 1 {
                spec["backoffLimitPerIndex"] = 1.into();
                spec["backoffLimit"] = 100.into();
            }
            start(&cluster, spec).await;
            let told = end_all(&cluster, &outcomes).await;
            let (succeeded, failed) = counted(&cluster);
            assert_eq!(succeeded, told.0);
            // Pods that were stopped because the Job fails have failed, too.
            let made = fuse.made.load(Ordering::SeqCst);
            assert_eq!(i64::from(succeeded + failed), made);
            if condition(&cluster.ground.shared.read(), "Complete").is_some() {
                assert_eq!(failed, told.1);
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn j5_no_pod_is_made_for_a_job_that_was_suspended_a_moment_ago() {
    let cluster = Arc::new(Cluster::new().await);
    let fuse = lead_in_turn(&cluster, Vec::new(), 0);
    let user = cluster.clone();
    *fuse.before.lock() = Some(Box::pin(async move {
        let suspended = json!({"spec": {"suspend": true}});
        user.patch(Kind::Job, JOB, "", suspended).await;
    }));
    start(&cluster, json!({"parallelism": 3, "completions": 3})).await;
    super::told(&cluster, "Suspended", "True JobSuspended Job suspended").await;
    cluster.settle().await;
    assert_eq!(fuse.made.load(Ordering::SeqCst), 0);
}
