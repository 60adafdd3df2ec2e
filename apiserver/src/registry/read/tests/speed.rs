//! How fast a large list leaves, and what memory it takes: see the essay of `registry/read` for what came
//! out. `cargo test --release -p keelson-apiserver registry::read::tests::speed -- --ignored --nocapture`

use super::world::{World, target};
use crate::request::{ListOptions, Query};
use bytes::BytesMut;
use futures::StreamExt;
use serde_json::json;
use std::time::{Duration, Instant};

const OBJECTS: usize = 50_000;
const OBJECT_BYTES: usize = 4096;

/// A figure of this process in KiB, by its name in the kernel's account.
fn memory_kib(name: &str) -> u64 {
    let account = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = account.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn filled() -> World {
    let world = World::new();
    let text = "x".repeat(100);
    let container = |index: usize| json!({"name": format!("c{index}"), "image": text});
    let spec: Vec<_> = (0..30).map(container).collect();
    for index in 0..OBJECTS {
        let name = format!("frontend-{index:05}");
        let metadata = json!({"name": name, "namespace": "a", "labels": {"app": "web"}, "uid": "0c3bf7a2-6b1d-4a1c-9b69-0d8a3f1f4d55"});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": spec, "nodeName": "n"}});
        world.put("pods", pod).await;
    }
    world
}

/// Lists once, and returns how many objects and bytes left and how long it took.
async fn run(world: &World, query: &str) -> (usize, usize, Duration) {
    let began = Instant::now();
    let options = ListOptions::parse(&Query::parse(query), "").unwrap();
    let pods = target("pods", "a", "");
    let mut list = world.registry.list(&pods, &options).await.unwrap();
    let (mut objects, mut bytes, mut out) = (0, 0, BytesMut::new());
    while let Some(piece) = list.pieces.next().await {
        for object in piece.unwrap() {
            object.write_json(&mut out);
            objects += 1;
        }
        bytes += out.len();
        out.clear();
    }
    (objects, bytes, began.elapsed())
}

#[tokio::test]
#[ignore = "measures; wants a release build"]
async fn fifty_thousand_objects_are_listed() {
    let world = filled().await;
    for query in [
        "",
        "labelSelector=app%3Dweb",
        "fieldSelector=spec.nodeName%3Dn",
    ] {
        // The kernel forgets the peak of before.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = memory_kib("VmRSS");
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let (objects, bytes, took) = run(&world, query).await;
            assert_eq!(objects, OBJECTS);
            assert!(
                bytes / objects > OBJECT_BYTES * 9 / 10,
                "{}",
                bytes / objects
            );
            best = best.min(took);
        }
        let extra = memory_kib("VmHWM").saturating_sub(before);
        let rate = OBJECTS as f64 / best.as_secs_f64();
        println!("{query:40} {best:?}, {rate:.0} objects/s, peak {extra} KiB more than before");
    }
}
