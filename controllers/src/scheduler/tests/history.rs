//! I1, I2: at no revision is more set aside on a node than it has, and no Pod changes its node.

use super::end_to_end::{add, run};
use super::{node, pod};
use crate::objects::{Key, Pod};
use crate::runtime::{Change, Client, Ended, Entry, Future, Kind, Listener, Loop, World};
use crate::scheduler::Scheduler;
use crate::scheduler::amount::{Amounts, requests};
use crate::scheduler::pod::NAME;
use crate::testing::Cluster;
use keelson_apiserver::identity::{MASTERS, User};
use keelson_apiserver::registry::Caller;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;

/// Sees every change in order, and notes what must not be.
#[derive(Default)]
struct Watchman(Mutex<Vec<String>>);

impl Watchman {
    fn look(&self, world: &World, name: &str) {
        let Some(node) = world.nodes.get(&Key::cluster(name)) else {
            return;
        };
        let all = Amounts::of(&node.status.allocatable);
        let mut used = Amounts::default();
        for pod in world.pods_on(name).filter(|pod| !pod.is_finished()) {
            used.add(&requests(&pod.spec));
        }
        if used.is_more_than(&all) {
            let text = format!("{name} at {}: {used:?} of {all:?}", world.revision());
            self.0.lock().push(text);
        }
    }
}

impl Listener for Watchman {
    fn hear(&self, world: &World, change: &Change) {
        let pod = |entry: &Option<Entry>| -> Option<Arc<Pod>> { entry.as_ref()?.pods().cloned() };
        let (before, after) = (pod(&change.before), pod(&change.after));
        let Some(after) = after else { return };
        if let Some(before) = before
            && before.is_bound()
            && before.metadata.uid == after.metadata.uid
            && before.spec.node_name != after.spec.node_name
        {
            let text = format!("{} has moved", after.metadata.name);
            self.0.lock().push(text);
        }
        self.look(world, &after.spec.node_name);
    }
}

impl Loop for Watchman {
    fn name(&self) -> &'static str {
        "watchman"
    }

    fn begin(&self, _: &World) {}

    fn run(&self, _: Client) -> Future<'_, Ended> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn i1_two_schedulers_at_once_do_not_overcommit() {
    let cluster = Cluster::new().await;
    let watchman = Arc::new(Watchman::default());
    for at in 0..6 {
        add(&cluster, node(&format!("n{at}"), "2", "4Gi")).await;
    }
    for at in 0..30 {
        run(&cluster, pod(&format!("p{at}"), "500m", "256Mi")).await;
    }
    for _ in 0..2 {
        let watching = watchman.clone();
        cluster.lead(move |manager| {
            let manager = manager.with_loop(|| Arc::new(Scheduler::default()));
            manager.with_loop(move || watching.clone())
        });
    }
    cluster
        .until("there is no room left", |world| {
            world.pods.all().filter(|pod| pod.is_bound()).count() == 24
        })
        .await;
    cluster.settle().await;
    let found = watchman.0.lock();
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_has_nothing_to_decide_leaves_the_claim_to_others() {
    let cluster = Cluster::new().await;
    add(&cluster, node("n", "2", "4Gi")).await;
    cluster.lead(|manager| manager.with_loop(|| Arc::new(Scheduler::default())));
    let is_bound = |world: &World, name: &str| {
        let pod = world.pods.get(&Key::new("default", name));
        pod.is_some_and(|pod| pod.is_bound())
    };
    run(&cluster, pod("a", "500m", "256Mi")).await;
    cluster
        .until("a is bound", |world| is_bound(world, "a"))
        .await;
    let registry = &cluster.ground.registry;
    let other = Caller::new(User::new("other", [MASTERS]), "other");
    let claim = registry.claim(&other, NAME).await.expect("a claim");
    run(&cluster, pod("b", "500m", "256Mi")).await;
    // Its binding is refused, and it rests for a second.
    cluster.settle().await;
    assert!(!is_bound(&cluster.ground.shared.read(), "b"));
    let holds = registry.claim_holds(&claim).await;
    assert!(holds.expect("an answer"), "the other one could not write");
    cluster
        .until("b is bound", |world| is_bound(world, "b"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn i1_i2_nothing_is_overcommitted_and_nothing_moves_while_pods_come_and_go() {
    let cluster = Cluster::new().await;
    let watchman = Arc::new(Watchman::default());
    let watching = watchman.clone();
    cluster.lead(move |manager| {
        let manager = manager.with_loop(|| Arc::new(Scheduler::default()));
        manager.with_loop(move || watching.clone())
    });
    let mut chance = StdRng::seed_from_u64(7);
    for at in 0..8 {
        add(&cluster, node(&format!("n{at}"), "2", "4Gi")).await;
    }
    let mut live = Vec::new();
    for at in 0..120 {
        let name = format!("p{at}");
        let cpu = ["250m", "500m", "1"][chance.random_range(0..3)];
        run(&cluster, pod(&name, cpu, "256Mi")).await;
        live.push(name);
        if chance.random_bool(0.4) {
            let name = live.swap_remove(chance.random_range(0..live.len()));
            let key = format!("default/{name}");
            cluster.delete(Kind::Pod, &key, None, Some(0)).await;
        }
    }
    while live.len() > 15 {
        let key = format!("default/{}", live.swap_remove(0));
        cluster.delete(Kind::Pod, &key, None, Some(0)).await;
    }
    cluster
        .until("everything that is left is bound", |world| {
            world.pods.len() == 15 && world.pods.all().all(|pod| pod.is_bound())
        })
        .await;
    let found = watchman.0.lock();
    assert!(found.is_empty(), "{found:#?}");
}
