//! What is special about Pods: their class, their node, evictions.

use super::world::{World, at, body, pod, some_pod, sub};
use crate::registry::{Target, Written};
use crate::request::PatchType;
use crate::status::{Failure, Reason};
use serde_json::{Value, json};

async fn bind(world: &World, to: &Target, node: &str) -> Result<Written, Failure> {
    let binding = json!({"apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": "p", "annotations": {"by": "me"}},
        "target": {"kind": "Node", "name": node}});
    world
        .registry
        .create(&world.caller, to, &body(&binding), &world.options)
        .await
}

async fn evict(world: &World, name: &str, options: Value) -> Result<Written, Failure> {
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": name}, "deleteOptions": options});
    let target = sub(pod(name), "eviction");
    world
        .registry
        .create(&world.caller, &target, &body(&eviction), &world.options)
        .await
}

#[tokio::test]
async fn a_new_pod_waits_and_has_a_class() {
    let world = World::new();
    let class = async |name: &str, resources: Value| {
        let mut object = some_pod(name);
        object["spec"]["containers"][0]["resources"] = resources;
        let made = world.create(&pod(""), &object).await;
        assert_eq!(made["status"]["phase"], "Pending");
        made["status"]["qosClass"].as_str().unwrap().to_owned()
    };
    assert_eq!(class("a", json!({})).await, "BestEffort");
    assert_eq!(
        class("b", json!({"requests": {"cpu": "1"}})).await,
        "Burstable"
    );
    assert_eq!(
        class("c", json!({"limits": {"cpu": "1", "memory": "1Gi"}})).await,
        "Guaranteed"
    );
    let uneven = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}});
    assert_eq!(class("d", uneven).await, "Burstable");
    assert_eq!(
        class("e", json!({"limits": {"other.io/x": "1"}})).await,
        "BestEffort"
    );
}

#[tokio::test]
async fn a_pod_with_gates_is_not_scheduled_and_says_why() {
    let world = World::new();
    let mut object = some_pod("p");
    object["spec"]["schedulingGates"] = json!([{"name": "a.io/wait"}]);
    let made = world.create(&pod(""), &object).await;
    assert_eq!(made["status"]["conditions"][0]["reason"], "SchedulingGated");
    let failure = bind(&world, &sub(pod("p"), "binding"), "n1")
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
}

#[tokio::test]
async fn a_pod_gets_its_node_once() {
    let world = World::new();
    world.create(&pod(""), &some_pod("p")).await;
    let written = bind(&world, &sub(pod("p"), "binding"), "n1").await.unwrap();
    assert!(written.created);
    let answer = written.object.value().unwrap();
    assert_eq!(
        (&answer["status"], &answer["code"]),
        (&json!("Success"), &json!(201))
    );
    let bound = world.get(&pod("p")).await.unwrap();
    assert_eq!(bound["spec"]["nodeName"], "n1");
    assert_eq!(bound["metadata"]["annotations"]["by"], "me");
    let condition = &bound["status"]["conditions"][0];
    assert_eq!(
        (&condition["type"], &condition["status"]),
        (&json!("PodScheduled"), &json!("True"))
    );
    assert_eq!(condition["lastTransitionTime"], "2026-01-01T00:00:00Z");
    let failure = bind(&world, &at("v1", "bindings", "ns", ""), "n2")
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n1\""
    );
    assert_eq!(world.get(&pod("p")).await, Some(bound));
}

#[tokio::test]
async fn of_many_bindings_at_once_one_succeeds() {
    let world = World::new();
    world.create(&pod(""), &some_pod("p")).await;
    let target = at("v1", "bindings", "ns", "");
    let nodes: Vec<String> = (0..10).map(|n| format!("n{n}")).collect();
    let bindings = nodes.iter().map(|node| bind(&world, &target, node));
    let done = futures::future::join_all(bindings).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1);
}

#[tokio::test]
async fn bindings_that_make_no_sense_are_refused() {
    let world = World::new();
    let target = sub(pod("p"), "binding");
    let failure = bind(&world, &target, "n1").await.unwrap_err();
    assert_eq!(failure.message, "pods \"p\" not found");
    world.create(&pod(""), &some_pod("p")).await;
    let failure = bind(&world, &target, "").await.unwrap_err();
    assert_eq!(
        failure.message,
        "Binding \"p\" is invalid: target.name: Required value"
    );
    let failure = bind(&world, &sub(pod("q"), "binding"), "n1")
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 400);
    let dry = world.dry();
    let binding = json!({"metadata": {"name": "p"}, "target": {"name": "n1"}});
    world
        .registry
        .create(&world.caller, &target, &body(&binding), &dry)
        .await
        .unwrap();
    assert_eq!(
        world.get(&pod("p")).await.unwrap()["spec"].get("nodeName"),
        None
    );
}

#[tokio::test]
async fn only_what_is_debugged_with_changes_in_ephemeral_containers() {
    let world = World::new();
    world.create(&pod(""), &some_pod("p")).await;
    let patch = json!({
        "metadata": {"labels": {"a": "b"}},
        "spec": {"nodeName": "n9", "ephemeralContainers": [{"name": "debug", "image": "busybox:1"}]},
    });
    let target = sub(pod("p"), "ephemeralcontainers");
    let written = world
        .try_patch(&target, PatchType::Strategic, &patch)
        .await
        .unwrap();
    let after = super::world::seen(written);
    assert_eq!(after["spec"]["ephemeralContainers"][0]["name"], "debug");
    assert_eq!(after["spec"].get("nodeName"), None);
    assert_eq!(after["metadata"].get("labels"), None);
    assert_eq!(after["metadata"]["generation"], 2);
}

#[tokio::test]
async fn only_resources_change_in_a_resize() {
    let world = World::new();
    world.create(&pod(""), &some_pod("p")).await;
    let patch = json!({"spec": {"containers": [
        {"name": "main", "image": "other:1", "resources": {"requests": {"cpu": "1"}}},
    ]}});
    let target = sub(pod("p"), "resize");
    let written = world
        .try_patch(&target, PatchType::Strategic, &patch)
        .await
        .unwrap();
    let main = &super::world::seen(written)["spec"]["containers"][0];
    assert_eq!(main["image"], "app:1");
    assert_eq!(main["resources"]["requests"]["cpu"], "1");
}

#[tokio::test]
async fn an_eviction_deletes_and_honours_options() {
    let world = World::new();
    let made = world.create(&pod(""), &some_pod("p")).await;
    let wanted = json!({"preconditions": {"uid": "other"}});
    let failure = evict(&world, "p", wanted).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    evict(&world, "p", json!({"dryRun": ["All"]}))
        .await
        .unwrap();
    assert_eq!(world.get(&pod("p")).await, Some(made));
    let written = evict(&world, "p", Value::Null).await.unwrap();
    assert_eq!(written.object.value().unwrap()["status"], "Success");
    assert_eq!(world.get(&pod("p")).await, None);
    let failure = evict(&world, "p", Value::Null).await.unwrap_err();
    assert_eq!(failure.code(), 404);
}

#[tokio::test]
async fn a_pod_that_is_evicted_says_that_it_was_made_to_go() {
    let world = World::new();
    guarded(&world, &["a", "b"], 1).await;
    let told = |pod: &Value| {
        let conditions = pod["status"]["conditions"].as_array().unwrap();
        let mut told = conditions.iter();
        told.find(|of| of["type"] == "DisruptionTarget").cloned()
    };
    evict(&world, "a", Value::Null).await.unwrap();
    let evicted = world.get(&pod("a")).await.expect("it has time to stop");
    let condition = told(&evicted).expect("it is told");
    assert_eq!(condition["status"], "True");
    assert_eq!(condition["reason"], "EvictionByEvictionAPI");
    let time = &evicted["metadata"]["creationTimestamp"];
    assert_eq!(&condition["lastTransitionTime"], time, "the clock stands");
    let deleted = world.delete(&pod("b"), json!({})).await;
    assert_eq!(told(&deleted), None);
}

#[tokio::test]
async fn no_room_is_made_for_a_pod_that_is_bound() {
    let world = World::new();
    world.create(&pod(""), &some_pod("p")).await;
    let nominated = json!({"status": {"nominatedNodeName": "n1"}});
    let waiting = world.merge(&sub(pod("p"), "status"), nominated).await;
    assert_eq!(waiting["status"]["nominatedNodeName"], "n1");
    bind(&world, &sub(pod("p"), "binding"), "n1").await.unwrap();
    let bound = world.get(&pod("p")).await.unwrap();
    assert_eq!(bound["status"].get("nominatedNodeName"), None);
}

/// A running Pod with a label, and a budget for it that allows so many disruptions.
async fn guarded(world: &World, names: &[&str], allowed: i64) -> Target {
    for name in names {
        let mut object = some_pod(name);
        object["metadata"]["labels"] = json!({"app": "db"});
        object["spec"]["nodeName"] = "n1".into();
        world.create(&pod(""), &object).await;
        let running = json!({"status": {"phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}]}});
        world.merge(&sub(pod(name), "status"), running).await;
    }
    let budget = at("policy/v1", "poddisruptionbudgets", "ns", "b");
    let object = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "db"}}}});
    world.create(&budget, &object).await;
    let computed = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": allowed,
        "currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 3}});
    world.merge(&sub(budget.clone(), "status"), computed).await;
    budget
}

#[tokio::test]
async fn a_budget_is_charged_for_each_pod_that_goes_and_then_refuses() {
    let world = World::new();
    let budget = guarded(&world, &["p", "q"], 1).await;
    evict(&world, "p", Value::Null).await.unwrap();
    let going = world.get(&pod("p")).await.unwrap();
    assert_ne!(going["metadata"]["deletionTimestamp"], Value::Null);
    let charged = world.get(&budget).await.unwrap();
    assert_eq!(charged["status"]["disruptionsAllowed"], 0);
    assert_eq!(
        charged["status"]["disruptedPods"]["p"],
        "2026-01-01T00:00:00Z"
    );
    let failure = evict(&world, "q", Value::Null).await.unwrap_err();
    assert_eq!(failure.reason, Reason::TooManyRequests);
    let cause = &failure.details.as_ref().unwrap().causes[0];
    assert_eq!(cause.reason, "DisruptionBudget");
    // Nobody has counted since.
    assert_eq!(
        cause.message,
        "The disruption budget b does not allow evicting pods currently"
    );
    assert_eq!(
        world.get(&pod("q")).await.unwrap()["metadata"].get("deletionTimestamp"),
        None
    );
    // What is going already costs nothing.
    evict(&world, "p", json!({"gracePeriodSeconds": 0}))
        .await
        .unwrap();
    assert_eq!(world.get(&pod("p")).await, None);
}

#[tokio::test]
async fn whoever_may_not_evict_is_told_what_the_budget_says() {
    let world = World::new();
    let budget = guarded(&world, &["p"], 0).await;
    let said = |reason: &str, message: &str| {
        json!([{"type": "DisruptionAllowed", "status": "False", "reason": reason,
            "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"}])
    };
    for (healthy, conditions, wanted) in [
        (2, json!([]), "b needs 2 healthy pods and has 2 currently"),
        (
            2,
            said("SyncFailed", "no owner"),
            "b does not allow evicting pods currently because it failed sync: no owner",
        ),
        (
            3,
            said("Other", "so"),
            "b does not allow evicting pods currently (Other): so",
        ),
        (3, json!([]), "b does not allow evicting pods currently"),
    ] {
        let status = json!({"status": {"currentHealthy": healthy, "conditions": conditions}});
        world.merge(&sub(budget.clone(), "status"), status).await;
        let failure = evict(&world, "p", Value::Null).await.unwrap_err();
        let cause = &failure.details.as_ref().unwrap().causes[0];
        assert_eq!(cause.message, format!("The disruption budget {wanted}"));
    }
}

#[tokio::test]
async fn a_budget_that_selects_everything_is_about_all_pods() {
    let world = World::new();
    let budget = guarded(&world, &["p"], 1).await;
    world
        .merge(
            &budget,
            json!({"spec": {"selector": {"matchLabels": null}}}),
        )
        .await;
    let status = json!({"status": {"observedGeneration": 2}});
    world.merge(&sub(budget.clone(), "status"), status).await;
    evict(&world, "p", Value::Null).await.unwrap();
    let charged = world.get(&budget).await.unwrap();
    assert_eq!(charged["status"]["disruptionsAllowed"], 0);
}

#[tokio::test]
async fn of_many_evictions_at_once_as_many_succeed_as_the_budget_allows() {
    let world = World::new();
    let names = ["a", "b", "c", "d", "e"];
    let budget = guarded(&world, &names, 2).await;
    let evictions = names.iter().map(|name| evict(&world, name, Value::Null));
    let done = futures::future::join_all(evictions).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 2);
    let charged = world.get(&budget).await.unwrap();
    assert_eq!(
        charged["status"]["disruptedPods"]
            .as_object()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_budget_that_is_not_computed_yet_asks_for_patience() {
    let world = World::new();
    let budget = guarded(&world, &["p"], 1).await;
    world
        .merge(&budget, json!({"spec": {"minAvailable": 1}}))
        .await;
    let failure = evict(&world, "p", Value::Null).await.unwrap_err();
    assert_eq!(failure.reason, Reason::TooManyRequests);
    assert_eq!(failure.retry_after_seconds(), Some(10));
}
