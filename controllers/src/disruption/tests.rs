//! Budgets, on a cluster in memory.

use super::plan::{Counted, Plan, plan};
use super::*;
use crate::replicas;
use crate::testing::{Cluster, Pause, START_US};
use keelson_apiserver::status::Reason;

fn budget(spec: Value) -> Value {
    let mut budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    });
    for (name, value) in spec.as_object().expect("fields") {
        budget["spec"][name] = value.clone();
    }
    budget
}

fn set(replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": "i"}]},
            },
        },
    })
}

fn status(world: &World) -> PodDisruptionBudgetStatus {
    let budget = world.pod_disruption_budgets.get(&Key::new("default", "b"));
    budget
        .map(|budget| budget.status.clone())
        .unwrap_or_default()
}

/// Expected, wanted, healthy, allowed.
fn numbers(status: &PodDisruptionBudgetStatus) -> [i32; 4] {
    [
        status.expected_pods,
        status.desired_healthy,
        status.current_healthy,
        status.disruptions_allowed,
    ]
}

async fn until(cluster: &Cluster, wanted: [i32; 4]) {
    let what = format!("the budget says {wanted:?}");
    let is = |world: &World| numbers(&status(world)) == wanted;
    cluster.until(&what, is).await;
}

/// A cluster with a set of so many Pods that run, and one budget.
async fn start(replicas: i32, spec: Value) -> Cluster {
    started(replicas, spec).await.0
}

/// The same, and how to stop what happens to Pods by itself.
async fn started(replicas: i32, spec: Value) -> (Cluster, Pause) {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(Disruption).with(replicas::sets()));
    let pause = cluster.run_pods();
    cluster
        .create(Kind::ReplicaSet, "default", set(replicas))
        .await;
    cluster
        .create(Kind::PodDisruptionBudget, "default", budget(spec))
        .await;
    (cluster, pause)
}

fn pods(cluster: &Cluster) -> Vec<String> {
    let world = cluster.ground.shared.read();
    let pods = world.pods.all().filter(|pod| pod.is_active());
    pods.map(|pod| pod.metadata.key().to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn b1_what_is_allowed_follows_the_pods_and_what_is_wanted_of_them() {
    let (cluster, pause) = started(4, json!({"maxUnavailable": "25%"})).await;
    until(&cluster, [4, 3, 4, 1]).await;
    let said = status(&cluster.ground.shared.read());
    let condition = &said.conditions[0];
    assert_eq!(
        (condition.status.as_str(), condition.reason.as_str()),
        ("True", "SufficientPods")
    );
    assert_eq!(
        (said.observed_generation, condition.observed_generation),
        (1, Some(1))
    );
    let stored = cluster.get(Kind::PodDisruptionBudget, "default/b").await;
    let stored = stored.expect("a budget");
    assert_eq!(stored["status"]["conditions"][0]["message"], "");
    let scaled = json!({"spec": {"replicas": 9}});
    cluster
        .patch(Kind::ReplicaSet, "default/web", "", scaled)
        .await;
    until(&cluster, [9, 6, 9, 3]).await;
    let other = json!({"spec": {"maxUnavailable": null, "minAvailable": 8}});
    cluster
        .patch(Kind::PodDisruptionBudget, "default/b", "", other)
        .await;
    until(&cluster, [9, 8, 9, 1]).await;
    assert_eq!(status(&cluster.ground.shared.read()).observed_generation, 2);
    pause.set(true);
    cluster.mark_pod(&pods(&cluster)[0], false).await;
    cluster
        .until("a Pod that does not serve is not spared", |world| {
            status(world).disruptions_allowed == 0
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn b1_of_all_pods_that_are_evicted_at_once_as_many_go_as_may() {
    let cluster = start(6, json!({"minAvailable": 4})).await;
    until(&cluster, [6, 4, 6, 2]).await;
    let pods = pods(&cluster);
    let evicted = pods.iter().map(|pod| cluster.evict(pod));
    let evicted = futures::future::join_all(evicted).await;
    let refused: Vec<_> = evicted.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 4);
    for refused in refused {
        assert_eq!(refused.reason, Reason::TooManyRequests);
        let cause = &refused.details.expect("details").causes[0];
        assert_eq!(cause.reason, "DisruptionBudget");
    }
    // They are replaced, and as many may go again.
    until(&cluster, [6, 4, 6, 2]).await;
    assert!(
        status(&cluster.ground.shared.read())
            .disrupted_pods
            .is_empty()
    );
    let pod = self::pods(&cluster).remove(0);
    cluster.evict(&pod).await.expect("it may go");
}

#[tokio::test(start_paused = true)]
async fn b1_a_leader_that_is_replaced_changes_nothing() {
    let cluster = start(3, json!({"minAvailable": 2})).await;
    until(&cluster, [3, 2, 3, 1]).await;
    cluster.succeed(2, |manager| manager.with(Disruption).with(replicas::sets()));
    cluster.evict(&pods(&cluster)[0]).await.expect("it may go");
    until(&cluster, [3, 2, 3, 1]).await;
    // Two run at one time.
    cluster.succeed(3, |manager| manager.with(Disruption).with(replicas::sets()));
    cluster.succeed(3, |manager| manager.with(Disruption).with(replicas::sets()));
    cluster.evict(&pods(&cluster)[0]).await.expect("it may go");
    until(&cluster, [3, 2, 3, 1]).await;
}

#[tokio::test(start_paused = true)]
async fn b1_without_an_owner_that_says_how_many_nothing_is_allowed_and_the_budget_says_why() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(Disruption));
    cluster.run_pods();
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gone", "uid": "u",
        "controller": true}]);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "labels": {"app": "web"}, "ownerReferences": owner},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    cluster.create(Kind::Pod, "default", pod).await;
    let part = budget(json!({"maxUnavailable": 1}));
    cluster
        .create(Kind::PodDisruptionBudget, "default", part)
        .await;
    cluster
        .until("it is told", |world| !status(world).conditions.is_empty())
        .await;
    let said = status(&cluster.ground.shared.read());
    assert_eq!(said.conditions[0].reason, "SyncFailed");
    assert_eq!(
        said.conditions[0].message,
        "found no controllers for pod \"p\""
    );
    cluster.settle().await;
    let events = cluster.events().await;
    let told = "Warning CalculateExpectedPodCountFailed: Failed to calculate the number of expected \
                pods: found no controllers for pod \"p\"";
    assert!(events.iter().any(|event| event == told), "{events:?}");
    // A number needs no owner.
    let number = json!({"spec": {"maxUnavailable": null, "minAvailable": 1}});
    cluster
        .patch(Kind::PodDisruptionBudget, "default/b", "", number)
        .await;
    until(&cluster, [1, 1, 1, 0]).await;
}

#[tokio::test(start_paused = true)]
async fn b1_owners_that_the_world_does_not_keep_are_asked_for_their_scale() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(Disruption));
    cluster.run_pods();
    let row = cluster.ground.catalog.find("apps", "v1", "statefulsets");
    let target = keelson_apiserver::registry::Target {
        resource: Arc::new(row.expect("a row").clone()),
        namespace: "default".to_owned(),
        name: String::new(),
        subresource: String::new(),
    };
    let mut stateful = set(5);
    stateful["kind"] = "StatefulSet".into();
    stateful["spec"]["serviceName"] = "web".into();
    let stateful = cluster.create_at(&target, stateful).await;
    let owner = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web",
        "uid": stateful["metadata"]["uid"], "controller": true}]);
    for name in ["web-0", "web-1", "web-2"] {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "web"}, "ownerReferences": owner},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        });
        cluster.create(Kind::Pod, "default", pod).await;
    }
    let part = budget(json!({"minAvailable": "50%"}));
    cluster
        .create(Kind::PodDisruptionBudget, "default", part)
        .await;
    until(&cluster, [5, 3, 3, 0]).await;
}

#[tokio::test(start_paused = true)]
async fn b1_while_a_deployment_replaces_its_pods_there_should_be_as_many_as_it_wants() {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(Disruption).with(replicas::sets()));
    cluster.run_pods();
    let mut deployment = set(3);
    deployment["kind"] = "Deployment".into();
    let deployment = cluster
        .create(Kind::Deployment, "default", deployment)
        .await;
    for (name, replicas) in [("old", 3), ("new", 1)] {
        let mut set = set(replicas);
        let labels = json!({"app": "web", "pod-template-hash": name});
        set["metadata"] = json!({"name": name, "ownerReferences": [{"apiVersion": "apps/v1",
            "kind": "Deployment", "name": "web", "uid": deployment["metadata"]["uid"],
            "controller": true}]});
        set["spec"]["selector"]["matchLabels"] = labels.clone();
        set["spec"]["template"]["metadata"]["labels"] = labels;
        cluster.create(Kind::ReplicaSet, "default", set).await;
    }
    let part = budget(json!({"maxUnavailable": 1}));
    cluster
        .create(Kind::PodDisruptionBudget, "default", part)
        .await;
    until(&cluster, [3, 2, 4, 2]).await;
}

fn pod(name: &str, is_ready: bool) -> Arc<Pod> {
    let ready = if is_ready { "True" } else { "False" };
    let pod = json!({
        "metadata": {"name": name, "namespace": "default"},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    });
    Arc::new(serde_json::from_value(pod).expect("a Pod"))
}

fn planned(spec: Value, status: Value, ready: usize, of: usize, expected: i32) -> Plan {
    let mut budget = budget(spec);
    budget["status"] = status;
    budget["metadata"]["generation"] = 3.into();
    let budget: PodDisruptionBudget = serde_json::from_value(budget).expect("a budget");
    let pods: Vec<_> = (0..of)
        .map(|at| pod(&format!("p{at}"), at < ready))
        .collect();
    plan(&Counted {
        budget: &budget,
        pods: &pods,
        expected: Ok(expected),
        now_us: START_US,
    })
}

#[test]
fn b1_numbers_and_parts_are_rounded_for_those_who_serve() {
    for (spec, ready, expected, wanted) in [
        (json!({"minAvailable": 2}), 3, 3, [3, 2, 3, 1]),
        (json!({"minAvailable": 5}), 3, 3, [3, 5, 3, 0]),
        (json!({"minAvailable": 0}), 3, 3, [3, 0, 3, 3]),
        (json!({"minAvailable": "50%"}), 7, 7, [7, 4, 7, 3]),
        (json!({"minAvailable": "100%"}), 7, 7, [7, 7, 7, 0]),
        (json!({"maxUnavailable": 2}), 5, 5, [5, 3, 5, 2]),
        (json!({"maxUnavailable": 9}), 5, 5, [5, 0, 5, 5]),
        (json!({"maxUnavailable": "30%"}), 5, 5, [5, 3, 5, 2]),
        (json!({"maxUnavailable": "0%"}), 5, 5, [5, 5, 5, 0]),
        (json!({"maxUnavailable": 1}), 0, 0, [0, 0, 0, 0]),
        (json!({"minAvailable": 1}), 2, 4, [4, 1, 2, 1]),
    ] {
        let of = usize::try_from(expected).expect("a number");
        let plan = planned(spec.clone(), json!({}), ready, of, expected);
        assert_eq!(numbers(&plan.status), wanted, "{spec}");
        let allowed = if wanted[3] > 0 { "True" } else { "False" };
        assert_eq!(plan.status.conditions[0].status, allowed, "{spec}");
        assert_eq!(plan.status.observed_generation, 3);
        assert_eq!(plan.told.is_empty(), of > 0);
    }
}

#[test]
fn b1_an_evicted_pod_does_not_count_for_two_minutes_however_well_it_looks() {
    for (since, still, healthy) in [
        ("2025-12-31T23:59:00Z", true, 2),
        ("2025-12-31T23:58:00Z", true, 2),
        ("2025-12-31T23:57:59Z", false, 3),
    ] {
        let noted = json!({"disruptedPods": {"p1": since, "other": since}});
        let plan = planned(json!({"minAvailable": 1}), noted, 3, 3, 3);
        let disrupted = &plan.status.disrupted_pods;
        assert_eq!(disrupted.contains_key("p1"), still, "{since}");
        assert!(!disrupted.contains_key("other"), "it is gone");
        assert_eq!(plan.status.current_healthy, healthy, "{since}");
        assert_eq!(plan.again.is_some(), still);
    }
}

#[test]
fn b1_a_condition_changes_its_time_only_with_its_state() {
    let before = |state: &str| {
        json!({"conditions": [{"type": "DisruptionAllowed", "status": state,
            "lastTransitionTime": "2025-01-01T00:00:00Z"}]})
    };
    for (state, since) in [
        ("True", "2025-01-01T00:00:00Z"),
        ("False", "2026-01-01T00:00:00Z"),
    ] {
        let plan = planned(json!({"minAvailable": 1}), before(state), 3, 3, 3);
        let said = &plan.status.conditions;
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].last_transition_time.as_deref(), Some(since));
    }
}
