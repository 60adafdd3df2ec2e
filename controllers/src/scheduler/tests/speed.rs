//! How fast it is. Run alone and optimised:
//! `cargo test -p keelson-controllers --config 'profile.dev.package.keelson-controllers.opt-level=3'
//! -- --ignored --nocapture speed`.

use super::end_to_end::{add, run};
use super::{node, pod, seen, seen_node};
use crate::runtime::World;
use crate::scheduler::Scheduler;
use crate::scheduler::state::{State, Verdict};
use crate::testing::Cluster;
use keelson_apiserver::selector::from_structure;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const NODES: usize = 1000;
const PODS: usize = 20_000;

fn state() -> State {
    let mut state = State::new(
        Box::new(|bound| rand::random_range(0..bound)),
        Instant::now(),
    );
    for at in 0..NODES {
        let mut node = node(&format!("n{at}"), "32", "64Gi");
        node["metadata"]["labels"]["topology.kubernetes.io/zone"] = json!(format!("z{}", at % 3));
        state.table.put_node(seen_node(&node));
    }
    state
}

fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Decides on all, for Pods that stand beside others or not. Returns the slowest decision, too.
fn measure(is_group: bool) -> (f64, Duration) {
    let mut state = state();
    let selector = json!({"matchLabels": {"app": "web"}});
    let group = from_structure(Some(&selector)).unwrap();
    let pods: Vec<_> = (0..PODS)
        .map(|at| {
            let mut pod = pod(&format!("p{at}"), "100m", "128Mi");
            pod["metadata"]["labels"] = json!({"app": "web"});
            seen(&pod)
        })
        .collect();
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    for pod in &pods {
        let one = Instant::now();
        let verdict = state.decide(pod, is_group.then_some(&group), one);
        assert!(matches!(verdict, Verdict::Bind(_)));
        slowest = slowest.max(one.elapsed());
    }
    (rate(PODS, began.elapsed()), slowest)
}

#[test]
#[ignore = "measures"]
fn speed_of_decisions() {
    for (what, is_group) in [("plain", false), ("spread over nodes and zones", true)] {
        let (rate, slowest) = measure(is_group);
        println!("{NODES} nodes, {what}: {rate:.0} pods/s, slowest {slowest:?}");
        assert!(rate > 1000.0);
    }
}

/// Bindings through the registry into the store in memory, on one thread, in real time. Says more about those than about
/// the scheduler.
#[tokio::test]
#[ignore = "measures"]
async fn speed_of_bindings() {
    const NODES: usize = 200;
    const PODS: usize = 2000;
    let cluster = Cluster::new().await;
    for at in 0..NODES {
        add(&cluster, node(&format!("n{at}"), "32", "64Gi")).await;
    }
    for at in 0..PODS {
        run(&cluster, pod(&format!("p{at}"), "100m", "128Mi")).await;
    }
    let seen = |world: &World| world.pods.len() == PODS;
    cluster.until("all pods are seen", seen).await;
    let began = Instant::now();
    cluster.lead(|manager| manager.with_loop(|| Arc::new(Scheduler::default())));
    cluster
        .until("all are bound", |world| {
            world.pods.all().all(|pod| pod.is_bound())
        })
        .await;
    println!(
        "{NODES} nodes, bound: {:.0} pods/s",
        rate(PODS, began.elapsed())
    );
}
