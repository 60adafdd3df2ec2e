//! Each workload against API servers in memory.

use super::PODS;
use crate::bench::Options;
use crate::bench::pods::run;
use crate::bench::report::Report;
use crate::kube::client::tests::world::{LONG, World};
use crate::kube::client::{Client, Resource};
use clap::Parser;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn parse(words: &str) -> Options {
    let words = std::iter::once("bench").chain(words.split(' '));
    Line::try_parse_from(words).unwrap().options
}

fn bench(world: &World, words: &str) -> Report {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), world.kubeconfig()).unwrap();
    let mut options = parse(words);
    options.pods.kubeconfig = Some(file.path().to_owned());
    options.check().unwrap();
    run(options).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Runs this with a client, on a runtime of its own.
fn with<T>(world: &World, what: impl AsyncFnOnce(&Client) -> T) -> T {
    let client = world.client(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(what(&client))
}

async fn items(client: &Client, path: &str) -> Vec<Value> {
    let listed: Value = serde_json::from_slice(&client.get(path).await.unwrap()).unwrap();
    listed["items"].as_array().unwrap().clone()
}

#[test]
fn the_workloads_of_kubernetes_have_defaults_of_their_own() {
    let all = [
        "put",
        "pods-create",
        "pods-list",
        "pods-watch",
        "pods-schedule",
    ];
    let defaults = all.map(|workload| {
        let options = parse(workload);
        let (clients, size) = (options.clients, options.value_size);
        (
            clients,
            options.connections,
            size,
            options.rate,
            options.pods.objects,
        )
    });
    let expected = [
        (100, 10, 1024, None, 1_000),
        (64, 6, 4096, None, 1_000),
        (1, 6, 4096, None, 50_000),
        (16, 12, 1024, Some(200.0), 1_000),
        (64, 6, 1024, None, 10_000),
    ];
    assert_eq!(defaults, expected);
    assert_eq!(parse("pods-watch --rate 7 --clients 3").rate, Some(7.0));
    assert!(parse("pods-schedule --warmup 1s").check().is_err());
    assert!(parse("pods-watch --objects 15").check().is_err());
}

#[test]
fn pods_are_created_in_both_encodings_and_only_those_of_the_run_are_deleted() {
    let world = World::new(2);
    for encoding in ["json", "protobuf"] {
        let words = format!("pods-create --total 40 --keep --encoding {encoding}");
        let report = bench(&world, &words);
        assert_eq!((report.tally.operations, report.tally.failed()), (40, 0));
        assert!(report.revisions >= 40, "{}", report.revisions);
    }
    let path = PODS.path("keelson-bench-create", "", "");
    let before = with(&world, async |client| items(client, &path).await);
    assert_eq!(before.len(), 80);
    let is_large = |pod: &Value| {
        let text = &pod["metadata"]["annotations"]["bench.keelson.io/text"];
        text.as_str().unwrap().len() > 3_000 && !text.as_str().unwrap().contains('~')
    };
    assert!(before.iter().all(is_large));
    let report = bench(&world, "pods-create --total 40");
    assert_eq!(report.tally.failed(), 0);
    let after = with(&world, async |client| items(client, &path).await);
    assert!(after == before, "{} Pods are left", after.len());
}

#[test]
fn a_list_is_counted_in_whole_and_what_was_filled_is_used_again() {
    let world = World::new(1);
    let words = "pods-list --objects 100 --total 3 --clients 2";
    let first = bench(&world, words);
    assert_eq!((first.tally.operations, first.tally.failed()), (3, 0));
    assert!(first.tally.bytes > 3 * 100 * 4096, "{}", first.tally.bytes);
    let path = PODS.path("keelson-bench-list", "", "");
    let made = with(&world, async |client| items(client, &path).await);
    let again = bench(&world, words);
    assert_eq!((again.tally.bytes, again.revisions), (first.tally.bytes, 0));
    let still = with(&world, async |client| items(client, &path).await);
    assert!(made == still, "Pods were made or changed again");
    let written = bench(&world, &format!("{words} --encoding protobuf"));
    assert_eq!(written.tally.failed(), 0);
    assert!(written.tally.bytes < first.tally.bytes);
}

#[test]
fn every_watch_is_told_of_every_update() {
    let world = World::new(2);
    let words = "pods-watch --objects 20 --clients 4 --connections 3 --watchers 50 --total 60";
    let report = bench(&world, &format!("{words} --warmup 200ms"));
    let watched = report.watched.as_ref().unwrap();
    assert_eq!((report.tally.failed(), watched.expected), (0, 3_000));
    assert_eq!((watched.delivered, watched.latency.len()), (3_000, 3_000));
    assert_eq!(report.json()["watch"]["delivered"], 3_000);
}

const NODES: Resource = Resource {
    group: "",
    version: "v1",
    plural: "nodes",
};

/// A scheduler that has one node.
async fn schedule(client: &Client, is_over: &AtomicBool) {
    let namespace = "keelson-bench-schedule";
    let waiting = PODS.path(namespace, "", "") + "?fieldSelector=spec.nodeName%3D";
    let began = Instant::now();
    // A test that fails must end, too.
    while !is_over.load(Ordering::Relaxed) && began.elapsed() < LONG {
        for pod in items(client, &waiting).await {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let binding = json!({
                "apiVersion": "v1", "kind": "Binding",
                "metadata": {"name": name},
                "target": {"apiVersion": "v1", "kind": "Node", "name": "a"},
            });
            let path = PODS.path(namespace, name, "binding");
            client
                .create(&path, binding.to_string().into())
                .await
                .unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn all_pods_that_are_made_are_seen_bound() {
    let world = World::new(1);
    with(&world, async |client| {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}});
        let nodes = NODES.path("", "", "");
        client
            .create(&nodes, node.to_string().into())
            .await
            .unwrap();
    });
    let is_over = AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        scope.spawn(|| with(&world, async |client| schedule(client, &is_over).await));
        let report = bench(&world, "pods-schedule --objects 30 --clients 4 --keep");
        is_over.store(true, Ordering::Relaxed);
        report
    });
    let watched = report.watched.as_ref().unwrap();
    assert_eq!((watched.expected, watched.delivered), (30, 30));
    assert!(watched.latency.min() > 0 && watched.took.unwrap() > Duration::ZERO);
    assert_eq!(report.json()["schedule"]["bound"], 30);
    assert!(report.json()["watch"].is_null());
    let pods = PODS.path("keelson-bench-schedule", "", "");
    let pods = with(&world, async |client| items(client, &pods).await);
    assert!(pods.iter().all(|pod| pod["spec"]["nodeName"] == "a"));
}
