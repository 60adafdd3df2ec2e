//! The parts of the control plane, which are looked up and not stored.

use super::world::{World, at};
use crate::request::{GetOptions, GetRead, ListOptions, Query};
use futures::StreamExt;
use serde_json::{Value, json};

fn lease(renewed: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "kube-scheduler", "namespace": "kube-system"},
        "spec": {"holderIdentity": "m1", "leaseDurationSeconds": 15, "renewTime": renewed},
    })
}

async fn health(world: &World) -> Vec<String> {
    let all = at("v1", "componentstatuses", "", "");
    let options = ListOptions::parse(&Query::parse(""), "").expect("options");
    let mut list = world.registry.list(&all, &options).await.expect("a list");
    let mut health = Vec::new();
    while let Some(piece) = list.pieces.next().await {
        for object in piece.expect("a piece") {
            let object = object.value().expect("an object");
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
            let (name, status) = (text("/metadata/name"), text("/conditions/0/status"));
            health.push(format!(
                "{} {}",
                name.expect("a name"),
                status.expect("a status")
            ));
        }
    }
    health
}

#[tokio::test]
async fn parts_are_healthy_while_somebody_shows_that_they_run() {
    let world = World::new();
    let unseen = ["controller-manager False", "etcd-0 True", "scheduler False"];
    assert_eq!(health(&world).await, unseen);
    let leases = at("coordination.k8s.io/v1", "leases", "kube-system", "");
    world
        .create(&leases, &lease("2026-01-01T00:00:00.000000Z"))
        .await;
    let seen = ["controller-manager False", "etcd-0 True", "scheduler True"];
    assert_eq!(health(&world).await, seen);
    world.pass_s(16);
    assert_eq!(health(&world).await, unseen);
    let options = GetOptions {
        read: GetRead::Latest,
    };
    let one = at("v1", "componentstatuses", "", "etcd-0");
    let found = world
        .registry
        .get(&one, &options)
        .await
        .expect("it is there");
    assert_eq!(found.text(&["metadata", "name"]).as_deref(), Some("etcd-0"));
    let nobody = at("v1", "componentstatuses", "", "nobody");
    assert_eq!(
        world
            .registry
            .get(&nobody, &options)
            .await
            .expect_err("404")
            .code(),
        404
    );
}
