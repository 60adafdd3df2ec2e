//! The collector over a store in memory.

mod decisions;

use super::*;
use crate::runtime::Kind;
use crate::testing::Cluster;
use keelson_apiserver::request::Propagation;
use keelson_apiserver::storage::{At, Kv, Range};
use serde_json::{Value, json};

const BACKGROUND: Option<Propagation> = Some(Propagation::Background);
const FOREGROUND: Option<Propagation> = Some(Propagation::Foreground);
const ORPHAN: Option<Propagation> = Some(Propagation::Orphan);

/// A reference to an object, which it blocks or does not.
fn to(owner: &Value, blocks: bool) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"],
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": blocks,
    })
}

async fn map(cluster: &Cluster, name: &str, owners: Vec<Value>) -> Value {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "ownerReferences": owners},
    });
    cluster.create(Kind::ConfigMap, "default", map).await
}

async fn own(cluster: &Cluster, name: &str, owners: Vec<Value>) {
    let patch = json!({"metadata": {"ownerReferences": owners}});
    let key = format!("default/{name}");
    cluster.patch(Kind::ConfigMap, &key, "", patch).await;
}

async fn hold(cluster: &Cluster, name: &str, finalizers: Value) {
    let patch = json!({"metadata": {"finalizers": finalizers}});
    let key = format!("default/{name}");
    cluster.patch(Kind::ConfigMap, &key, "", patch).await;
}

async fn delete(cluster: &Cluster, name: &str, propagation: Option<Propagation>) {
    let key = format!("default/{name}");
    cluster
        .delete(Kind::ConfigMap, &key, propagation, None)
        .await;
}

fn is_there(world: &World, name: &str) -> bool {
    let key = Key::new("default", name);
    world.config_maps.get(&key).is_some()
}

fn are_gone(world: &World, names: &[&str]) -> bool {
    names.iter().all(|name| !is_there(world, name))
}

async fn until_gone(cluster: &Cluster, names: &[&str]) {
    let what = format!("{names:?} are gone");
    // The world of the test may not yet show that they have come.
    let revision = cluster.kv.revision();
    cluster
        .until(&what, |world| {
            world.revision() >= revision && are_gone(world, names)
        })
        .await;
}

async fn owners(cluster: &Cluster, name: &str) -> Vec<String> {
    let key = format!("default/{name}");
    let found = cluster.get(Kind::ConfigMap, &key).await;
    let found = found.expect("it is there");
    let owners = found["metadata"]["ownerReferences"].as_array();
    let names = owners.into_iter().flatten();
    names
        .map(|owner| owner["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn collecting() -> Cluster {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(GarbageCollector));
    cluster
}

#[tokio::test(start_paused = true)]
async fn g1_what_is_owned_follows_its_owner_down_to_the_last() {
    let cluster = collecting().await;
    let a = map(&cluster, "a", vec![]).await;
    let b = map(&cluster, "b", vec![to(&a, true)]).await;
    map(&cluster, "c", vec![to(&b, false)]).await;
    map(&cluster, "free", vec![]).await;
    delete(&cluster, "a", BACKGROUND).await;
    until_gone(&cluster, &["a", "b", "c"]).await;
    assert!(is_there(&cluster.ground.shared.read(), "free"));
}

#[tokio::test(start_paused = true)]
async fn g1_an_owner_is_another_one_if_only_its_name_is_the_same() {
    let cluster = Cluster::new().await;
    let a = map(&cluster, "a", vec![]).await;
    map(&cluster, "b", vec![to(&a, false)]).await;
    delete(&cluster, "a", BACKGROUND).await;
    let again = map(&cluster, "a", vec![]).await;
    map(&cluster, "c", vec![to(&again, false)]).await;
    cluster.lead(|manager| manager.with(GarbageCollector));
    until_gone(&cluster, &["b"]).await;
    cluster.settle().await;
    let world = cluster.ground.shared.read();
    assert!(is_there(&world, "a") && is_there(&world, "c"));
}

async fn events(cluster: &Cluster) -> Vec<Value> {
    let range = Range {
        key: "/registry/events/".into(),
        end: Some("/registry/events0".into()),
        at: At::Latest,
        limit: 0,
        keys_only: false,
    };
    let found = cluster.kv.range(range).await.expect("events");
    let parsed = found.keys.iter();
    parsed
        .map(|found| serde_json::from_slice(&found.value).expect("an event"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn g1_an_owner_in_another_namespace_counts_as_absent_and_the_user_is_told() {
    let cluster = collecting().await;
    let far = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "far"}});
    let far = cluster.create(Kind::ConfigMap, "kube-system", far).await;
    map(&cluster, "a", vec![to(&far, false)]).await;
    until_gone(&cluster, &["a"]).await;
    cluster.settle().await;
    let told = events(&cluster).await;
    let told = told.first().expect("an event");
    let uid = far["metadata"]["uid"].as_str().expect("a uid");
    assert_eq!(told["reason"], "OwnerRefInvalidNamespace");
    assert_eq!(told["type"], "Warning");
    assert_eq!(told["involvedObject"]["name"], "a");
    assert_eq!(
        told["message"],
        format!(
            "ownerRef [v1/ConfigMap, namespace: default, name: far, uid: {uid}] does not exist in \
             namespace \"default\""
        )
    );
}

#[tokio::test(start_paused = true)]
async fn g1_nothing_goes_whose_owner_nobody_can_look_for() {
    let cluster = collecting().await;
    let ape =
        json!({"apiVersion": "z.io/v1", "kind": "Ape", "metadata": {"name": "x", "uid": "u"}});
    let gone = map(&cluster, "gone", vec![]).await;
    map(&cluster, "a", vec![to(&ape, false), to(&gone, false)]).await;
    delete(&cluster, "gone", BACKGROUND).await;
    let owner = map(&cluster, "owner", vec![]).await;
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "n", "ownerReferences": [to(&owner, false)]},
    });
    cluster.create(Kind::Node, "", node).await;
    cluster.settle().await;
    delete(&cluster, "owner", BACKGROUND).await;
    cluster.settle().await;
    let world = cluster.ground.shared.read();
    assert!(is_there(&world, "a"), "its kind may be served tomorrow");
    assert!(world.nodes.get(&Key::cluster("n")).is_some());
}

#[tokio::test(start_paused = true)]
async fn g2_an_owner_in_the_foreground_waits_for_those_that_block_it() {
    let cluster = collecting().await;
    let a = map(&cluster, "a", vec![]).await;
    map(&cluster, "held", vec![to(&a, true)]).await;
    map(&cluster, "blocks", vec![to(&a, true)]).await;
    map(&cluster, "free", vec![to(&a, false)]).await;
    hold(&cluster, "held", json!(["example.com/hold"])).await;
    delete(&cluster, "a", FOREGROUND).await;
    until_gone(&cluster, &["blocks", "free"]).await;
    cluster.settle().await;
    assert!(is_there(&cluster.ground.shared.read(), "a"));
    hold(&cluster, "held", json!(null)).await;
    until_gone(&cluster, &["held", "a"]).await;
}

#[tokio::test(start_paused = true)]
async fn g2_an_owner_waits_for_what_its_dependents_own() {
    let cluster = collecting().await;
    let a = map(&cluster, "a", vec![]).await;
    let b = map(&cluster, "b", vec![to(&a, true)]).await;
    map(&cluster, "c", vec![to(&b, true)]).await;
    hold(&cluster, "c", json!(["example.com/hold"])).await;
    delete(&cluster, "a", FOREGROUND).await;
    cluster
        .until("the last of the chain is going", |world| {
            let c = world.config_maps.get(&Key::new("default", "c"));
            c.is_some_and(|c| c.metadata.is_deleting())
        })
        .await;
    cluster.settle().await;
    let b = cluster.get(Kind::ConfigMap, "default/b").await.expect("b");
    assert_eq!(b["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    hold(&cluster, "c", json!(null)).await;
    until_gone(&cluster, &["a", "b", "c"]).await;
}

#[tokio::test(start_paused = true)]
async fn g3_orphans_stay_and_lose_only_the_owner_that_let_go_of_them() {
    let cluster = collecting().await;
    let a = map(&cluster, "a", vec![]).await;
    let other = map(&cluster, "other", vec![]).await;
    map(&cluster, "b", vec![to(&a, true)]).await;
    map(&cluster, "c", vec![to(&a, true), to(&other, true)]).await;
    delete(&cluster, "a", ORPHAN).await;
    until_gone(&cluster, &["a"]).await;
    cluster.settle().await;
    assert_eq!(owners(&cluster, "b").await, [""; 0]);
    assert_eq!(owners(&cluster, "c").await, ["other"]);
}

#[tokio::test(start_paused = true)]
async fn g4_with_one_owner_alive_only_the_dead_reference_goes() {
    let cluster = collecting().await;
    let [a, b, c] = ["a", "b", "c"].map(|name| map(&cluster, name, vec![]));
    let (a, b, c) = (a.await, b.await, c.await);
    let all = vec![to(&a, true), to(&b, true), to(&c, true)];
    map(&cluster, "x", all.clone()).await;
    delete(&cluster, "a", BACKGROUND).await;
    cluster
        .until("one reference is gone", |world| {
            let x = world.config_maps.get(&Key::new("default", "x"));
            x.is_some_and(|x| x.metadata.owner_references.len() == 2)
        })
        .await;
    assert_eq!(owners(&cluster, "x").await, ["b", "c"]);
    // One that only waits is as good as dead, and is not kept waiting.
    delete(&cluster, "b", FOREGROUND).await;
    until_gone(&cluster, &["b"]).await;
    assert_eq!(owners(&cluster, "x").await, ["c"]);
    let kept = cluster.get(Kind::ConfigMap, "default/x").await.expect("x");
    assert_eq!(kept["metadata"]["ownerReferences"], json!([all[2]]));
    delete(&cluster, "c", BACKGROUND).await;
    until_gone(&cluster, &["x"]).await;
}

#[tokio::test(start_paused = true)]
async fn g4_circles_come_undone() {
    for (what, deleted) in [
        ("one in the foreground", vec![("a", FOREGROUND)]),
        ("one in the background", vec![("a", BACKGROUND)]),
        (
            "all in the foreground",
            vec![("a", FOREGROUND), ("b", FOREGROUND), ("c", FOREGROUND)],
        ),
    ] {
        for size in 1..=3 {
            let names = &["a", "b", "c"][..size];
            let cluster = Cluster::new().await;
            let mut made = Vec::new();
            for name in names {
                made.push(map(&cluster, name, vec![]).await);
            }
            for (place, name) in names.iter().enumerate() {
                own(&cluster, name, vec![to(&made[(place + 1) % size], true)]).await;
            }
            for (name, propagation) in deleted.iter().filter(|(name, _)| names.contains(name)) {
                delete(&cluster, name, *propagation).await;
            }
            cluster.lead(|manager| manager.with(GarbageCollector));
            until_gone(&cluster, names).await;
            println!("{what}, {size}: gone");
        }
    }
}
