//! Who leads writes; who led does not; and of two who lead at once each sees what the other wrote.

use crate::objects::Key;
use crate::runtime::{
    Change, Client, Controller, Future, Kind, Manager, Next, Problem, Wanted, World,
};
use crate::testing::Cluster;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Keeps exactly three ConfigMaps named by chance in each namespace that is labelled so: the hardest thing
/// to do without guards, since each look that sees too few makes more.
struct Threes {
    stale: Arc<AtomicU64>,
}

const WANTED: usize = 3;

impl Controller for Threes {
    fn name(&self) -> &'static str {
        "threes"
    }

    fn concerns(&self, _: &World, change: &Change, wanted: &mut Wanted) {
        match change.kind {
            Some(Kind::Namespace) => wanted.add(change.reference.key.clone()),
            Some(Kind::ConfigMap) => {
                wanted.add(Key::cluster(&change.reference.key.namespace));
            }
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for namespace in world.namespaces.all() {
            wanted.add(namespace.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let missing = {
                let world = client.world();
                let namespace = world.namespaces.get(key);
                match namespace.is_some_and(|found| found.metadata.labels.contains_key("threes")) {
                    false => 0,
                    true => {
                        WANTED.saturating_sub(world.config_maps.in_namespace(&key.name).count())
                    }
                }
            };
            let map = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "m-"},
            });
            let made = (0..missing).map(|_| client.create(Kind::ConfigMap, &key.name, &map));
            for made in futures::future::join_all(made).await {
                if made == Err(Problem::Stale) {
                    self.stale.fetch_add(1, Ordering::Relaxed);
                }
                made?;
            }
            Ok(Next::Settled)
        })
    }
}

fn threes() -> (Threes, Arc<AtomicU64>) {
    let stale = Arc::new(AtomicU64::new(0));
    let controller = Threes {
        stale: stale.clone(),
    };
    (controller, stale)
}

fn namespace(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {"threes": ""}},
    })
}

fn maps(world: &World, namespace: &str) -> usize {
    world.config_maps.in_namespace(namespace).count()
}

#[tokio::test]
async fn two_who_lead_at_once_make_nothing_twice() {
    let cluster = Cluster::new().await;
    let (first, stale_first) = threes();
    let (second, stale_second) = threes();
    let first = cluster.lead(|manager| manager.with(first));
    let second = cluster.lead(|manager| manager.with(second));
    for round in 0..30 {
        let name = format!("n{round}");
        cluster.create(Kind::Namespace, "", namespace(&name)).await;
        cluster
            .until("three are there", |world| maps(world, &name) >= WANTED)
            .await;
    }
    cluster.settle().await;
    let world = cluster.ground.shared.read();
    for round in 0..30 {
        assert_eq!(maps(&world, &format!("n{round}")), WANTED, "in n{round}");
    }
    let stale = stale_first.load(Ordering::Relaxed) + stale_second.load(Ordering::Relaxed);
    assert!(
        stale > 0,
        "nothing was ever refused: the guards were not tried"
    );
    let refused = [first, second].map(|manager| manager.ground().refused.stale());
    assert!(refused.iter().sum::<u64>() >= stale, "it is counted");
}

#[tokio::test]
async fn who_has_been_replaced_writes_nothing_any_more_and_ends() {
    let cluster = Cluster::new().await;
    let (old, _) = threes();
    let manager = Arc::new(Manager::new(cluster.ground.clone()).with(old));
    let leading = manager.clone();
    let led = tokio::spawn(async move { leading.lead(1).await });
    cluster.create(Kind::Namespace, "", namespace("a")).await;
    cluster
        .until("three are there", |world| maps(world, "a") == WANTED)
        .await;
    cluster.kv.set_leadership(2);
    let before = cluster.kv.revision();
    cluster.create(Kind::Namespace, "", namespace("b")).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), led).await;
    ended.expect("it ends").expect("no panic");
    assert_eq!(
        cluster.kv.revision(),
        before + 1,
        "only the namespace was written"
    );
    assert!(cluster.ground.refused.fenced() > 0, "it is counted");
    let (new, _) = threes();
    let manager = Arc::new(Manager::new(cluster.ground.clone()).with(new));
    tokio::spawn(async move { manager.lead(2).await });
    cluster
        .until("the new one makes them", |world| maps(world, "b") == WANTED)
        .await;
}

#[tokio::test]
async fn a_write_whose_outcome_is_unknown_is_not_made_twice() {
    use keelson_apiserver::storage::{Call, Fault, KvError};
    let cluster = Cluster::new().await;
    let (controller, _) = threes();
    cluster.lead(|manager| manager.with(controller));
    cluster
        .create(Kind::Namespace, "", namespace("first"))
        .await;
    cluster
        .until("it leads", |world| maps(world, "first") == WANTED)
        .await;
    for round in 0..20 {
        let name = format!("n{round}");
        cluster.create(Kind::Namespace, "", namespace(&name)).await;
        let lost = KvError::Unknown("the answer got lost".into());
        let fault = match round % 2 {
            0 => Fault::After(lost),
            _ => Fault::Before(lost),
        };
        cluster.kv.fail_next(Call::Txn, fault);
        cluster
            .until("three are there", |world| maps(world, &name) >= WANTED)
            .await;
    }
    cluster.settle().await;
    let world = cluster.ground.shared.read();
    for round in 0..20 {
        assert_eq!(maps(&world, &format!("n{round}")), WANTED, "in n{round}");
    }
}
