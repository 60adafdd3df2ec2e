//! Namespaces that go, over a store in memory.

use super::conditions::{Report, conditions};
use super::*;
use crate::objects::condition;
use crate::testing::{Cluster, START_US};
use keelson_apiserver::identity::{MASTERS, User};
use keelson_apiserver::registry::{Body, Caller, Target};
use keelson_apiserver::request::{Encoding, FieldValidation, WriteOptions};
use keelson_apiserver::storage::{At, Kv, Range};

/// How many events a namespace has.
async fn events_of(cluster: &Cluster, namespace: &str) -> u64 {
    let range = Range {
        key: format!("/registry/events/{namespace}/").into(),
        end: Some(format!("/registry/events/{namespace}0").into()),
        at: At::Latest,
        limit: 1,
        keys_only: true,
    };
    cluster.kv.range(range).await.expect("events").count
}

async fn emptying() -> Cluster {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(Namespaces));
    cluster.namespace("ns").await;
    cluster
}

async fn map(cluster: &Cluster, name: &str, finalizers: &[&str]) {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "finalizers": finalizers},
    });
    cluster.create(Kind::ConfigMap, "ns", map).await;
}

async fn pod(cluster: &Cluster, name: &str) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]},
    });
    cluster.create(Kind::Pod, "ns", pod).await;
}

async fn event(cluster: &Cluster, name: &str) {
    let row = cluster.ground.catalog.find("", "v1", "events");
    let target = Target {
        resource: Arc::new(row.expect("events").clone()),
        namespace: "ns".to_owned(),
        name: String::new(),
        subresource: String::new(),
    };
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": name},
        "involvedObject": {"namespace": "ns"},
    });
    let body = Body {
        bytes: event.to_string().into(),
        encoding: Encoding::Json,
    };
    let options = WriteOptions {
        is_dry_run: false,
        field_manager: "test".to_owned(),
        field_validation: FieldValidation::Strict,
    };
    let caller = Caller::new(User::new("tester", [MASTERS]), "test");
    let registry = &cluster.ground.registry;
    let created = registry.create(&caller, &target, &body, &options).await;
    created.expect("an event");
}

fn is_there(world: &World) -> bool {
    world.namespaces.get(&Key::cluster("ns")).is_some()
}

/// The world of the test shows what has been done to it.
async fn until_seen(cluster: &Cluster) {
    let revision = cluster.kv.revision();
    cluster
        .until("all is seen", |world| world.revision() >= revision)
        .await;
}

async fn until_gone(cluster: &Cluster) {
    until_seen(cluster).await;
    cluster
        .until("the namespace is gone", |world| !is_there(world))
        .await;
}

fn said(world: &World, name: &str) -> (String, String, String) {
    let namespace = world.namespaces.get(&Key::cluster("ns"));
    let conditions = &namespace.expect("it is there").status.conditions;
    let found = condition(conditions, name).cloned().unwrap_or_default();
    (found.status, found.reason, found.message)
}

fn all(status: &str, reason: &str, message: &str) -> (String, String, String) {
    (status.to_owned(), reason.to_owned(), message.to_owned())
}

#[tokio::test(start_paused = true)]
async fn n1_everything_goes_events_too_and_then_the_namespace() {
    let cluster = emptying().await;
    map(&cluster, "m", &[]).await;
    // More than are deleted at once.
    for number in 0..70 {
        event(&cluster, &format!("e{number}")).await;
    }
    assert_eq!(events_of(&cluster, "ns").await, 70);
    cluster.delete(Kind::Namespace, "ns", None, None).await;
    until_gone(&cluster).await;
    assert_eq!(events_of(&cluster, "ns").await, 0);
    let world = cluster.ground.shared.read();
    assert_eq!(world.graph.in_namespace("ns").count(), 0);
    assert!(world.graph.in_namespace("default").count() > 0);
}

#[tokio::test(start_paused = true)]
async fn n1_pods_are_gone_before_anything_else_goes() {
    let cluster = emptying().await;
    pod(&cluster, "p").await;
    map(&cluster, "m", &[]).await;
    cluster.delete(Kind::Namespace, "ns", None, None).await;
    until_seen(&cluster).await;
    cluster
        .until("the pod is going", |world| {
            let pod = world.pods.get(&Key::new("ns", "p"));
            pod.is_some_and(|pod| pod.metadata.is_deleting())
        })
        .await;
    cluster.settle().await;
    {
        let world = cluster.ground.shared.read();
        let map = world.config_maps.get(&Key::new("ns", "m"));
        assert!(!map.expect("it is there").metadata.is_deleting());
        assert_eq!(
            said(&world, "NamespaceContentRemaining"),
            all(
                "True",
                "SomeResourcesRemain",
                "Some resources are remaining: pods. has 1 resource instances"
            )
        );
    }
    cluster.delete(Kind::Pod, "ns/p", None, Some(0)).await;
    until_gone(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn n2_finalizers_of_others_keep_it_and_it_says_so() {
    let cluster = emptying().await;
    map(&cluster, "m", &["example.com/hold"]).await;
    map(&cluster, "free", &[]).await;
    cluster.delete(Kind::Namespace, "ns", None, None).await;
    until_seen(&cluster).await;
    cluster
        .until("it says what is left", |world| {
            said(world, "NamespaceFinalizersRemaining").0 == "True"
        })
        .await;
    cluster.settle().await;
    {
        let world = cluster.ground.shared.read();
        assert_eq!(
            said(&world, "NamespaceFinalizersRemaining"),
            all(
                "True",
                "SomeFinalizerRemain",
                "Some finalizers are remaining: example.com/hold in 1 resource instances"
            )
        );
        assert_eq!(
            said(&world, "NamespaceContentRemaining"),
            all(
                "True",
                "SomeResourcesRemain",
                "Some resources are remaining: configmaps. has 1 resource instances"
            )
        );
        assert_eq!(
            said(&world, "NamespaceDeletionContentFailure"),
            all(
                "False",
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization"
            )
        );
    }
    let revision = cluster.kv.revision();
    cluster.advance(LEFT * 2).await;
    cluster.settle().await;
    assert_eq!(cluster.kv.revision(), revision, "nothing new is to be said");
    let free = json!({"metadata": {"finalizers": null}});
    cluster.patch(Kind::ConfigMap, "ns/m", "", free).await;
    until_gone(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn n1_a_namespace_that_others_hold_is_empty_and_stays() {
    let cluster = emptying().await;
    let held = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    cluster.patch(Kind::Namespace, "ns", "", held).await;
    cluster.delete(Kind::Namespace, "ns", None, None).await;
    until_seen(&cluster).await;
    cluster
        .until("we have let go of it", |world| {
            let namespace = world.namespaces.get(&Key::cluster("ns"));
            namespace.is_some_and(|namespace| namespace.spec.finalizers.is_empty())
        })
        .await;
    cluster.settle().await;
    assert!(is_there(&cluster.ground.shared.read()));
    let free = json!({"metadata": {"finalizers": null}});
    cluster.patch(Kind::Namespace, "ns", "", free).await;
    until_gone(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn n1_a_namespace_that_was_going_before_somebody_led_goes_and_others_stay() {
    let cluster = Cluster::new().await;
    cluster.namespace("ns").await;
    cluster.namespace("other").await;
    cluster.delete(Kind::Namespace, "ns", None, None).await;
    cluster.lead(|manager| manager.with(Namespaces));
    until_gone(&cluster).await;
    cluster.settle().await;
    let account = cluster.get(Kind::ServiceAccount, "other/default").await;
    assert!(account.is_some());
}

#[test]
fn n2_conditions_keep_their_time_until_their_status_changes() {
    let bad = Report {
        failed: vec!["b is bad".to_owned(), "a is bad".to_owned()],
        ..Report::default()
    };
    let first = conditions(&[], &Report::default(), START_US);
    let types: Vec<&str> = first.iter().map(|one| one.r#type.as_str()).collect();
    assert_eq!(
        types,
        [
            "NamespaceDeletionDiscoveryFailure",
            "NamespaceDeletionGroupVersionParsingFailure",
            "NamespaceDeletionContentFailure",
            "NamespaceContentRemaining",
            "NamespaceFinalizersRemaining",
        ]
    );
    assert!(first.iter().all(|one| one.status == "False"));
    let second = conditions(&first, &bad, START_US + 5_000_000);
    let of = |all: &[Condition]| condition(all, "NamespaceDeletionContentFailure").cloned();
    let failed = of(&second).expect("it is there");
    assert_eq!(failed.reason, "ContentDeletionFailed");
    assert_eq!(
        failed.message,
        "Failed to delete all resource types, 2 remaining: a is bad, b is bad"
    );
    let time = |all: &[Condition], at: usize| all[at].last_transition_time.clone();
    assert_eq!(time(&second, 2).as_deref(), Some("2026-01-01T00:00:05Z"));
    assert_eq!(time(&second, 3), time(&first, 3));
    let third = conditions(&second, &bad, START_US + 9_000_000);
    assert_eq!(third, second, "nothing new is to be said");
}
