//! RS5 and RS6: status, conditions, events.

use super::*;
use keelson_apiserver::identity::{MASTERS, User};
use keelson_apiserver::registry::{Body, Caller, Target};
use keelson_apiserver::request::{
    Encoding, FieldValidation, PatchOptions, PatchType, WriteOptions,
};
use keelson_apiserver::storage::{At, Kv, Range};
use std::time::Duration;

/// The reasons and messages of all events.
async fn events(cluster: &Cluster) -> Vec<(String, String)> {
    let range = Range {
        key: "/registry/events/".into(),
        end: Some("/registry/events0".into()),
        at: At::Latest,
        limit: 0,
        keys_only: false,
    };
    let found = cluster.kv.range(range).await.expect("events");
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let events = found.keys.iter().map(|found| {
        let event: Value = serde_json::from_slice(&found.value).expect("an event");
        assert_eq!(event["reportingComponent"], "replicaset-controller");
        assert_eq!(event["source"]["component"], "replicaset-controller");
        (text(&event, "reason"), text(&event, "message"))
    });
    events.collect()
}

/// Makes a quota of so many Pods, or changes it.
async fn quota(cluster: &Cluster, pods: u32, used: u32) {
    let row = cluster.ground.catalog.find("", "v1", "resourcequotas");
    let mut target = Target {
        resource: Arc::new(row.expect("quotas").clone()),
        namespace: "default".to_owned(),
        name: String::new(),
        subresource: String::new(),
    };
    let caller = Caller::new(User::new("tester", [MASTERS]), "test");
    let write = WriteOptions {
        is_dry_run: false,
        field_manager: "test".to_owned(),
        field_validation: FieldValidation::Strict,
    };
    let body = |value: Value| Body {
        bytes: value.to_string().into(),
        encoding: Encoding::Json,
    };
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
        "spec": {"hard": {"pods": pods.to_string()}}});
    // It may be there already.
    let registry = &cluster.ground.registry;
    let _ = registry
        .create(&caller, &target, &body(quota), &write)
        .await;
    target.name = "q".to_owned();
    target.subresource = "status".to_owned();
    let status = json!({"status": {
        "hard": {"pods": pods.to_string()}, "used": {"pods": used.to_string()},
    }});
    let options = PatchOptions {
        write,
        force: false,
    };
    let kind = PatchType::Merge;
    let patched = registry
        .patch(&caller, &target, &body(status), kind, &options)
        .await;
    patched.expect("a quota");
}

#[tokio::test(start_paused = true)]
async fn rs5_a_quota_is_told_as_a_condition_that_goes_when_there_is_room() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(sets()));
    quota(&cluster, 2, 0).await;
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 4))
        .await;
    cluster
        .until("the failure is told", |world| {
            let set = of(world, "a");
            set.is_some_and(|set| !set.status.conditions.is_empty() && set.status.replicas == 2)
        })
        .await;
    let stored = cluster
        .get(Kind::ReplicaSet, "default/a")
        .await
        .expect("a set");
    let condition = &stored["status"]["conditions"][0];
    assert_eq!(condition["type"], "ReplicaFailure");
    assert_eq!(condition["status"], "True");
    assert_eq!(condition["reason"], "FailedCreate");
    assert_eq!(condition["lastTransitionTime"], "2026-01-01T00:00:00Z");
    let message = condition["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("pods \"a-") && message.contains("is forbidden: exceeded quota: q"),
        "{message}"
    );
    cluster
        .until("it is looked at again", |world| {
            active(world, "a").len() == 2
        })
        .await;
    quota(&cluster, 10, 2).await;
    settled(&cluster, "a", 4).await;
    cluster
        .until("the condition goes", |world| {
            of(world, "a").is_some_and(|set| set.status.conditions.is_empty())
        })
        .await;
    let told = events(&cluster).await;
    assert!(
        told.iter().any(|(reason, message)| reason == "FailedCreate"
            && message.starts_with("Error creating: pods \"a-")),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn rs5_conditions_of_others_stay() {
    let cluster = Cluster::new().await;
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 1))
        .await;
    let foreign = json!({"status": {"replicas": 0, "conditions": [
        {"type": "Mine", "status": "True", "reason": "Because", "message": "of me"},
    ]}});
    cluster
        .patch(Kind::ReplicaSet, "default/a", "status", foreign)
        .await;
    cluster.lead(|manager| manager.with(sets()));
    settled(&cluster, "a", 1).await;
    let stored = cluster
        .get(Kind::ReplicaSet, "default/a")
        .await
        .expect("a set");
    assert_eq!(stored["status"]["conditions"][0]["message"], "of me");
}

#[tokio::test(start_paused = true)]
async fn rs6_a_pod_is_available_when_it_has_served_long_enough() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(sets()));
    cluster.run_pods();
    let mut slow = set("a", 3);
    slow["spec"]["minReadySeconds"] = json!(10);
    cluster.create(Kind::ReplicaSet, "default", slow).await;
    ready(&cluster, "a", 3).await;
    let available = |world: &World| of(world, "a").map_or(0, |set| set.status.available_replicas);
    cluster.advance(Duration::from_secs(9)).await;
    cluster.settle().await;
    assert_eq!(available(&cluster.ground.shared.read()), 0);
    cluster.advance(Duration::from_secs(1)).await;
    cluster
        .until("they are available", |world| available(world) == 3)
        .await;
}

#[tokio::test(start_paused = true)]
async fn rs6_the_status_counts_labels_readiness_and_what_is_going() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(sets()));
    let pause = cluster.run_pods();
    cluster.create(Kind::Pod, "default", orphan("o", "a")).await;
    let mut labelled = set("a", 3);
    labelled["spec"]["template"]["metadata"]["labels"]["tier"] = json!("t");
    cluster.create(Kind::ReplicaSet, "default", labelled).await;
    ready(&cluster, "a", 3).await;
    pause.set(true);
    cluster.mark_pod("default/o", false).await;
    scale(&cluster, "a", 2).await;
    settled(&cluster, "a", 2).await;
    cluster
        .until("one is going", |world| {
            of(world, "a").is_some_and(|set| set.status.terminating_replicas == Some(1))
        })
        .await;
    let stored = cluster
        .get(Kind::ReplicaSet, "default/a")
        .await
        .expect("a set");
    let expected = json!({
        "replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
        "terminatingReplicas": 1, "observedGeneration": 2,
    });
    assert_eq!(stored["status"], expected);
}

#[tokio::test(start_paused = true)]
async fn m5_a_settled_set_is_not_written() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(sets()));
    cluster.run_pods();
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 2))
        .await;
    ready(&cluster, "a", 2).await;
    cluster.settle().await;
    let before = cluster.kv.revision();
    // A new leader looks at everything.
    cluster.lead(|manager| manager.with(sets()));
    cluster.settle().await;
    // Its claim, and nothing else.
    assert_eq!(cluster.kv.revision(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn m7_what_is_made_and_deleted_is_told() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(sets()));
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 1))
        .await;
    let pods = settled(&cluster, "a", 1).await;
    scale(&cluster, "a", 0).await;
    settled(&cluster, "a", 0).await;
    cluster.settle().await;
    let name = &pods[0].metadata.name;
    let mut told = events(&cluster).await;
    told.sort();
    let expected = [
        ("SuccessfulCreate", format!("Created pod: {name}")),
        ("SuccessfulDelete", format!("Deleted pod: {name}")),
    ];
    let expected = expected.map(|(reason, message)| (reason.to_owned(), message));
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn m7_many_pods_are_told_as_few_events() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(sets()));
    cluster
        .create(Kind::ReplicaSet, "default", set("a", 100))
        .await;
    settled(&cluster, "a", 100).await;
    cluster.settle().await;
    let told = events(&cluster).await;
    assert_eq!(told.len(), 10, "{told:?}");
    let combined = told
        .iter()
        .filter(|(_, message)| message.starts_with("(combined from"));
    assert_eq!(combined.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_going_gets_no_pods_and_nobody_is_told() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(sets()));
    cluster.namespace("n").await;
    cluster.create(Kind::ReplicaSet, "n", set("a", 0)).await;
    cluster.delete(Kind::Namespace, "n", None, None).await;
    let wanted = json!({"spec": {"replicas": 2}});
    cluster.patch(Kind::ReplicaSet, "n/a", "", wanted).await;
    let key = Key::new("n", "a");
    cluster
        .until("it is looked at", |world| {
            let set = world.replica_sets.get(&key);
            set.is_some_and(|set| set.status.observed_generation == 2)
        })
        .await;
    cluster.settle().await;
    let (pods, status) = {
        let world = cluster.ground.shared.read();
        let set = world.replica_sets.get(&key).expect("it is there");
        (world.pods.len(), set.status.clone())
    };
    assert_eq!((pods, status.conditions), (0, Vec::new()));
    assert_eq!(events(&cluster).await, []);
}
