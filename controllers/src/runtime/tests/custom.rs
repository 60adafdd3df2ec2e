//! Kinds that users define are in the world, from the moment at which there can be objects of them.

use crate::garbage::GarbageCollector;
use crate::namespace::Namespaces;
use crate::objects::Key;
use crate::runtime::{Kind, Shared, World};
use crate::testing::Cluster;
use keelson_apiserver::http::KeptCatalog;
use keelson_apiserver::registry::{Body, Caller, Target};
use keelson_apiserver::request::{DeleteOptions, Encoding, FieldValidation, WriteOptions};
use keelson_apiserver::resource::Resource;
use serde_json::{Value, json};
use std::sync::Arc;

const DEFINITION: &str = "customresourcedefinitions";
const GROUP: &str = "apiextensions.k8s.io";

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        // Before the definitions in the order of keys.
        "metadata": {"name": "apes.a.io"},
        "spec": {
            "group": "a.io", "scope": "Namespaced", "names": {"plural": "apes", "kind": "Ape"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object"}}}],
        },
    })
}

/// A cluster in which definitions are established, and what is served there.
async fn cluster() -> (Cluster, KeptCatalog) {
    let cluster = Cluster::new().await;
    let kept = KeptCatalog::new(cluster.ground.catalog.clone());
    let (keeping, ground) = (kept.clone(), cluster.ground.clone());
    tokio::spawn(async move {
        tokio::join!(
            keeping.keep(&ground.registry, |_| ()),
            keeping.establish(&ground.registry, &*ground.clock),
        );
    });
    (cluster, kept)
}

async fn define(cluster: &Cluster, kept: &KeptCatalog) -> Arc<Resource> {
    cluster.create_in(GROUP, DEFINITION, definition()).await;
    let mut served = kept.subscribe();
    let served = served.wait_for(|now| now.find("a.io", "v1", "apes").is_some());
    let served = served.await.expect("it is kept");
    let row = served.find("a.io", "v1", "apes").expect("a row");
    Arc::new(row.clone())
}

fn target(row: &Arc<Resource>, namespace: &str, name: &str) -> Target {
    Target {
        resource: row.clone(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: String::new(),
    }
}

fn caller() -> Caller {
    let user = keelson_apiserver::identity::User::new("tester", ["system:masters"]);
    Caller::new(user, "test")
}

fn body(value: &Value) -> Body {
    Body {
        bytes: value.to_string().into(),
        encoding: Encoding::Json,
    }
}

fn options() -> WriteOptions {
    WriteOptions {
        is_dry_run: false,
        field_manager: "test".to_owned(),
        field_validation: FieldValidation::Strict,
    }
}

async fn ape(cluster: &Cluster, row: &Arc<Resource>, name: &str, owners: Value) -> Value {
    let ape = json!({"apiVersion": "a.io/v1", "kind": "Ape",
        "metadata": {"name": name, "ownerReferences": owners}});
    let target = target(row, "default", "");
    let (registry, caller) = (&cluster.ground.registry, caller());
    let (body, options) = (body(&ape), options());
    let written = registry.create(&caller, &target, &body, &options).await;
    let written = written.expect("it is created");
    written.object.value().expect("an object")
}

fn apes(world: &World) -> Vec<String> {
    let all = world.graph.in_namespace("default");
    let apes = all.filter(|node| node.reference.resource.gvk.kind == "Ape");
    apes.map(|node| node.reference.key.name.to_string())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_defined_later_is_seen_and_what_was_there_before_is_seen_by_others() {
    let (cluster, kept) = cluster().await;
    let row = define(&cluster, &kept).await;
    for name in ["a", "b"] {
        ape(&cluster, &row, name, json!([])).await;
    }
    cluster
        .until("apes are seen", |world| apes(world) == ["a", "b"])
        .await;
    let served = cluster.ground.served();
    assert!(served.find("a.io", "v1", "apes").is_some());
    // Another member, which begins now, reads the definition before what lies in front of it.
    let other = Shared::new(&cluster.ground.catalog);
    let revision = cluster.kv.revision();
    tokio::select! {
        () = other.follow(&cluster.ground.registry, &cluster.ground.catalog) => {}
        () = other.reached(revision) => {}
    }
    assert_eq!(apes(&other.read()), ["a", "b"]);
    assert!(other.catalog().find("a.io", "v1", "apes").is_some());
}

#[tokio::test(start_paused = true)]
async fn what_goes_with_its_definition_is_not_seen_any_more() {
    let (cluster, kept) = cluster().await;
    let row = define(&cluster, &kept).await;
    ape(&cluster, &row, "a", json!([])).await;
    cluster
        .until("it is seen", |world| apes(world) == ["a"])
        .await;
    let definitions = cluster.ground.catalog.find(GROUP, "v1", DEFINITION);
    let definitions = Arc::new(definitions.expect("a resource").clone());
    let (registry, caller) = (&cluster.ground.registry, caller());
    let gone = target(&definitions, "", "apes.a.io");
    let now = DeleteOptions::default();
    let deleted = registry.delete(&caller, &gone, &now).await;
    deleted.expect("it may go");
    let mut served = kept.subscribe();
    let served = served.wait_for(|now| now.find("a.io", "v1", "apes").is_none());
    served.await.expect("it is kept");
    let revision = cluster.kv.revision();
    cluster
        .until("nothing is left", |world| {
            world.revision() >= revision && apes(world).is_empty()
        })
        .await;
    assert!(cluster.ground.served().find("a.io", "v1", "apes").is_none());
    // Whoever still has the row makes nothing of it.
    let late = json!({"apiVersion": "a.io/v1", "kind": "Ape", "metadata": {"name": "late"}});
    let (place, body, options) = (target(&row, "default", ""), body(&late), options());
    let written = registry.create(&caller, &place, &body, &options).await;
    assert!(written.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_collector_and_namespaces_take_custom_resources_along() {
    let (cluster, kept) = cluster().await;
    cluster.lead(|manager| manager.with(GarbageCollector).with(Namespaces));
    let row = define(&cluster, &kept).await;
    let owner = ape(&cluster, &row, "owner", json!([])).await;
    let reference = json!([{"apiVersion": "a.io/v1", "kind": "Ape", "name": "owner",
        "uid": owner["metadata"]["uid"]}]);
    ape(&cluster, &row, "child", reference.clone()).await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "child", "ownerReferences": reference}});
    cluster.create(Kind::ConfigMap, "default", map).await;
    ape(&cluster, &row, "other", json!([])).await;
    let (registry, caller) = (&cluster.ground.registry, caller());
    let (owner, now) = (target(&row, "default", "owner"), DeleteOptions::default());
    let deleted = registry.delete(&caller, &owner, &now).await;
    deleted.expect("it may go");
    cluster
        .until("its dependents go", |world| {
            apes(world) == ["other"]
                && world
                    .config_maps
                    .get(&Key::new("default", "child"))
                    .is_none()
        })
        .await;
    cluster.namespace("going").await;
    let going = json!({"apiVersion": "a.io/v1", "kind": "Ape", "metadata": {"name": "x"}});
    let (place, body, options) = (target(&row, "going", ""), body(&going), options());
    let written = registry.create(&caller, &place, &body, &options).await;
    written.expect("it is created");
    cluster.delete(Kind::Namespace, "going", None, None).await;
    cluster
        .until("the namespace is gone", |world| {
            world.namespaces.get(&Key::cluster("going")).is_none()
        })
        .await;
    assert_eq!(
        cluster
            .ground
            .shared
            .read()
            .graph
            .in_namespace("going")
            .count(),
        0
    );
}
