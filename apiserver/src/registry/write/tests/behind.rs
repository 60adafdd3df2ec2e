//! Bindings on a member that lies behind: what is at hand there is enough to bind, and never to refuse.

use super::room::{asking, audited, bind_by, node, some_node};
use super::world::{Loaded, World, pod, sub};
use crate::registry::Registry;
use crate::request::PatchType;
use crate::storage::{
    At, Changes, Committed, Future, Kv, KvError, MemoryKv, Range, Ranged, Stream, Txn, Watch,
};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store at which an old state is at hand, of this revision; 0: the newest.
#[derive(Clone)]
pub(super) struct Behind {
    kv: MemoryKv,
    at: Arc<AtomicU64>,
    /// Reads that had to be of the newest state.
    pub(super) latest: Arc<AtomicU64>,
}

impl Kv for Behind {
    fn range(&self, mut range: Range) -> Future<'_, Result<Ranged, KvError>> {
        let at = self.at.load(Ordering::Relaxed);
        match range.at {
            At::Any if at > 0 => range.at = At::Exactly(at),
            At::Latest => drop(self.latest.fetch_add(1, Ordering::Relaxed)),
            _ => {}
        }
        self.kv.range(range)
    }

    fn txn(&self, txn: Txn) -> Future<'_, Result<Committed, KvError>> {
        self.kv.txn(txn)
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

/// A world with a node that has room for two Pods, where `a` is bound; and a registry at such a store.
async fn behind() -> (World, Registry, Behind) {
    let world = World::new();
    some_node(&world, "n", json!({"cpu": "1", "pods": "2"})).await;
    for name in ["a", "b", "c", "far"] {
        world.create(&pod(""), &asking(name, 400, "")).await;
    }
    let kv = Behind::of(&world.kv);
    let clock = Arc::new(world.clock.clone());
    let registry = Registry::new(Arc::new(kv.clone()), clock, Arc::new(Loaded));
    // With the first binding everything is counted, and the second sees that it is. That stays so.
    for (name, to) in [("a", "n"), ("far", "elsewhere")] {
        bind_by(&registry, &world, name, to).await.unwrap();
    }
    kv.latest.store(0, Ordering::Relaxed);
    (world, registry, kv)
}

impl Behind {
    pub(super) fn of(kv: &MemoryKv) -> Behind {
        Behind {
            kv: kv.clone(),
            at: Arc::default(),
            latest: Arc::default(),
        }
    }

    /// From now on nothing that happens is at hand.
    pub(super) fn stop(&self) {
        self.at.store(self.kv.revision(), Ordering::Relaxed);
    }
}

#[tokio::test]
async fn what_is_at_hand_is_enough_to_bind() {
    let (world, registry, kv) = behind().await;
    bind_by(&registry, &world, "b", "n").await.unwrap();
    assert_eq!(kv.latest.load(Ordering::Relaxed), 0);
    let failure = bind_by(&registry, &world, "c", "n").await.unwrap_err();
    assert!(failure.message.contains("has no room"), "{failure}");
    assert_eq!(audited(&world).await.faults, vec![]);
}

#[tokio::test]
async fn room_that_is_gone_is_not_given_away() {
    let (world, registry, kv) = behind().await;
    kv.stop();
    bind_by(&world.registry, &world, "b", "n").await.unwrap();
    // Pod and node are as they were, and the ledger that is at hand has room.
    let failure = bind_by(&registry, &world, "c", "n").await.unwrap_err();
    assert!(failure.message.contains("has no room"), "{failure}");
    let failure = bind_by(&registry, &world, "b", "n").await.unwrap_err();
    assert!(failure.message.contains("already assigned"), "{failure}");
    assert_eq!(audited(&world).await.faults, vec![]);
}

#[tokio::test]
async fn a_node_that_shrank_is_not_taken_for_as_large_as_it_was() {
    let (world, registry, kv) = behind().await;
    kv.stop();
    let patch = json!({"status": {"allocatable": {"pods": "1"}}});
    let target = sub(node("n"), "status");
    let patched = world.try_patch(&target, PatchType::Merge, &patch).await;
    patched.expect("a node can shrink");
    let failure = bind_by(&registry, &world, "b", "n").await.unwrap_err();
    assert!(failure.message.contains("has no room"), "{failure}");
    assert_eq!(audited(&world).await.faults, vec![]);
}

#[tokio::test]
async fn nothing_is_refused_for_what_is_no_longer_so() {
    let (world, registry, kv) = behind().await;
    bind_by(&world.registry, &world, "b", "n").await.unwrap();
    kv.stop();
    // Room that was made, and a Pod that was made, meanwhile.
    world
        .delete(&pod("a"), json!({"gracePeriodSeconds": 0}))
        .await;
    bind_by(&registry, &world, "c", "n").await.unwrap();
    world
        .delete(&pod("b"), json!({"gracePeriodSeconds": 0}))
        .await;
    world.create(&pod(""), &asking("d", 400, "")).await;
    bind_by(&registry, &world, "d", "n").await.unwrap();
    let failure = bind_by(&registry, &world, "a", "n").await.unwrap_err();
    assert_eq!(failure.code(), 404);
    assert_eq!(audited(&world).await.faults, vec![]);
}
