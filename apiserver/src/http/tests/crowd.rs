//! What an event costs that many watch: `cargo test --release -p keelson-apiserver crowd -- --ignored --nocapture`

use super::registry_over;
use super::world::{LONG, Plan, World};
use crate::resource::builtin;
use crate::storage::{Keys, Kv, MemoryKv, Object, Txn, Write};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const WATCHES: usize = 250;
const EVENTS: usize = 400;

/// Nanoseconds that this thread has run.
fn ran_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Opens all watches on one connection, from a thread of its own, and counts what they are told.
fn watch(client: super::world::Client, opened: Arc<AtomicUsize>, told: Arc<AtomicUsize>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let io = TokioIo::new(client.connect("h2").await);
        let mut handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        handshake.initial_connection_window_size(64 << 20);
        let (sender, connection) = handshake.handshake(io).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..WATCHES {
            let (mut sender, opened, told) = (sender.clone(), opened.clone(), told.clone());
            tokio::spawn(async move {
                let uri = "https://kubernetes/api/v1/namespaces/default/configmaps?watch=1";
                let request = Request::get(uri)
                    .body(Empty::<bytes::Bytes>::new())
                    .unwrap();
                let mut body = sender.send_request(request).await.unwrap().into_body();
                opened.fetch_add(1, Ordering::Relaxed);
                while let Some(Ok(frame)) = body.frame().await {
                    let lines = frame
                        .data_ref()
                        .map_or(0, |data| data.iter().filter(|byte| **byte == b'\n').count());
                    told.fetch_add(lines, Ordering::Relaxed);
                }
            });
        }
        while told.load(Ordering::Relaxed) < WATCHES * EVENTS {
            sleep(Duration::from_millis(20)).await;
        }
    });
}

/// Waits until so many have come.
async fn reached(count: &AtomicUsize, wanted: usize) {
    let waiting = async {
        while count.load(Ordering::Relaxed) < wanted {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG * 4, waiting).await.unwrap();
}

#[tokio::test]
#[ignore = "measures"]
async fn what_an_event_costs_that_many_watch() {
    let store = Arc::new(MemoryKv::new());
    let world = World::new(Plan {
        registry: registry_over(store.clone()),
        ..Plan::default()
    })
    .await;
    let (opened, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let reader = std::thread::spawn({
        let (client, opened, told) = (world.admin(), opened.clone(), told.clone());
        move || watch(client, opened, told)
    });
    reached(&opened, WATCHES).await;
    let resource = builtin().find("", "v1", "configmaps").unwrap();
    let began = ran_ns();
    for at in 0..EVENTS {
        let name = format!("m{at}");
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default"}, "data": {"k": "x".repeat(1_500)}});
        let write = Write::Put {
            key: Keys::one(resource, "default", &name),
            value: Object::of(object, 0).stored().clone(),
            lease: 0,
        };
        let txn = Txn {
            writes: vec![write],
            ..Txn::default()
        };
        store.txn(txn).await.unwrap();
        reached(&told, WATCHES * (at + 1)).await;
    }
    let us = (ran_ns() - began) as f64 / 1_000.0;
    let each = us / (WATCHES * EVENTS) as f64;
    println!("{each:.2} us of the server's thread per event");
    reader.join().unwrap();
}
