//! What single kinds get, lose and keep.

use super::world::{World, at};
use crate::registry::strategy;
use crate::resource::everything;
use serde_json::{Value, json};

#[tokio::test]
async fn statement_48_words_of_a_secret_become_data() {
    let world = World::new();
    let target = at("v1", "secrets", "ns", "s");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "data": {"a": "eA==", "b": "eA=="}, "stringData": {"b": "word"}});
    let made = world.create(&target, &secret).await;
    assert_eq!(made["data"], json!({"a": "eA==", "b": "d29yZA=="}));
    assert_eq!(made.get("stringData"), None);
    assert_eq!(made["type"], "Opaque");
    let owned = &made["metadata"]["managedFields"][0]["fieldsV1"];
    assert_eq!(owned.get("f:stringData"), None);
    let patched = world
        .merge(&target, json!({"stringData": {"c": "more"}}))
        .await;
    assert_eq!(patched["data"]["c"], "bW9yZQ==");
    assert_eq!(patched.get("stringData"), None);
}

#[tokio::test]
async fn a_job_selects_its_pods_by_its_uid() {
    let world = World::new();
    let target = at("batch/v1", "jobs", "ns", "j");
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
        "spec": {"template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "main", "image": "app:1"}]}}}});
    let made = world.create(&target, &job).await;
    let uid = &made["metadata"]["uid"];
    let selected = &made["spec"]["selector"]["matchLabels"];
    assert_eq!(
        selected,
        &json!({"batch.kubernetes.io/controller-uid": uid})
    );
    let labels = &made["spec"]["template"]["metadata"]["labels"];
    let expected = json!({
        "batch.kubernetes.io/controller-uid": uid, "controller-uid": uid,
        "batch.kubernetes.io/job-name": "j", "job-name": "j",
    });
    assert_eq!(labels, &expected);
    let going = world.delete(&target, json!({})).await;
    assert_eq!(going["metadata"]["finalizers"], json!(["orphan"]));
}

#[tokio::test]
async fn volumes_and_claims_wait_and_a_volume_says_since_when() {
    let world = World::new();
    let target = at("v1", "persistentvolumes", "", "v");
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/x"}}, "status": {"phase": "Bound"}});
    let made = world.create(&target, &volume).await;
    assert_eq!(made["status"]["phase"], "Pending");
    assert_eq!(
        made["status"]["lastPhaseTransitionTime"],
        "2026-01-01T00:00:00Z"
    );
    world.pass_s(60);
    let status = super::world::sub(target, "status");
    let after = world
        .merge(&status, json!({"status": {"phase": "Available"}}))
        .await;
    assert_eq!(
        after["status"]["lastPhaseTransitionTime"],
        "2026-01-01T00:01:00Z"
    );
    world.pass_s(60);
    let same = world
        .merge(&status, json!({"status": {"message": "x"}}))
        .await;
    assert_eq!(
        same["status"]["lastPhaseTransitionTime"],
        "2026-01-01T00:01:00Z"
    );
}

#[tokio::test]
async fn a_service_keeps_its_address_and_ports() {
    let world = World::new();
    let target = at("v1", "services", "ns", "web");
    let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"type": "NodePort", "clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"],
            "ports": [{"name": "a", "port": 80, "nodePort": 30001}, {"name": "b", "port": 81, "nodePort": 30002}]}});
    world.create(&target, &service).await;
    let spec = service["spec"].as_object_mut().unwrap();
    spec.remove("clusterIP");
    spec.remove("clusterIPs");
    spec["ports"] = json!([{"name": "b", "port": 81}, {"name": "c", "port": 82}]);
    let after = world.put(&target, &service).await;
    assert_eq!(after["spec"]["clusterIP"], "10.0.0.7");
    assert_eq!(after["spec"]["clusterIPs"], json!(["10.0.0.7"]));
    let ports = after["spec"]["ports"].as_array().unwrap();
    let numbers: Vec<Value> = ports.iter().map(|port| port["nodePort"].clone()).collect();
    assert_eq!(numbers, [json!(30002), Value::Null]);
}

#[tokio::test]
async fn a_definition_remembers_in_which_versions_it_was_stored() {
    let world = World::new();
    let target = at(
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        "",
        "apes.z.io",
    );
    let version = |name: &str, is_stored: bool| {
        json!({"name": name, "served": true, "storage": is_stored,
            "schema": {"openAPIV3Schema": {"type": "object"}}})
    };
    let mut definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "apes.z.io"},
        "spec": {"group": "z.io", "scope": "Cluster", "versions": [version("v1", true)],
            "names": {"plural": "apes", "singular": "ape", "kind": "Ape", "listKind": "ApeList"}}});
    let made = world.create(&target, &definition).await;
    assert_eq!(made["status"]["storedVersions"], json!(["v1"]));
    definition["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
    definition["spec"]["versions"] = json!([version("v1", false), version("v2", true)]);
    let after = world.put(&target, &definition).await;
    assert_eq!(after["status"]["storedVersions"], json!(["v1", "v2"]));
}

#[tokio::test]
async fn what_the_server_serves_itself_is_available() {
    let world = World::new();
    let target = at("apiregistration.k8s.io/v1", "apiservices", "", "v1.apps");
    let service = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": "v1.apps"},
        "spec": {"group": "apps", "version": "v1", "groupPriorityMinimum": 17800, "versionPriority": 15}});
    let made = world.create(&target, &service).await;
    assert_eq!(made["status"]["conditions"][0]["reason"], "Local");
}

#[tokio::test]
async fn templates_of_daemon_sets_are_counted_whatever_a_client_says() {
    let world = World::new();
    let target = at("apps/v1", "daemonsets", "ns", "d");
    let set = json!({"apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "d", "annotations": {"deprecated.daemonset.template.generation": "7"}},
        "spec": {"selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let count = |set: &serde_json::Value| {
        let annotations = &set["metadata"]["annotations"];
        annotations["deprecated.daemonset.template.generation"].clone()
    };
    assert_eq!(count(&world.create(&target, &set).await), "1");
    let other = json!({"spec": {"minReadySeconds": 5}, "metadata": {"annotations": null}});
    assert_eq!(count(&world.merge(&target, other).await), "1");
    let template = json!({"spec": {"template": {"metadata": {"labels": {"c": "d"}}}}});
    let written = world.merge(&target, template.clone()).await;
    assert_eq!(count(&written), "2");
    assert_eq!(world.merge(&target, template).await, written);
    let status = json!({"status": {"numberReady": 1}, "spec": {"template": null}});
    let written = world
        .merge(&super::world::sub(target, "status"), status)
        .await;
    assert_eq!(count(&written), "2");
}

#[tokio::test]
async fn autoscalers_are_written_in_either_version() {
    let world = World::new();
    let old = at("autoscaling/v1", "horizontalpodautoscalers", "ns", "h");
    let new = at("autoscaling/v2", "horizontalpodautoscalers", "ns", "h");
    let scaler = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 5, "targetCPUUtilizationPercentage": 70}});
    let made = world.create(&old, &scaler).await;
    assert_eq!(made["spec"]["targetCPUUtilizationPercentage"], 70);
    let memory = json!({"type": "Resource", "resource": {"name": "memory",
        "target": {"type": "AverageValue", "averageValue": "1Gi"}}});
    let stored = world.get(&new).await.unwrap();
    let cpu = stored["spec"]["metrics"][0].clone();
    assert_eq!(cpu["resource"]["target"]["averageUtilization"], 70);
    let both = json!({"spec": {"metrics": [cpu, memory]}});
    let stored = world.merge(&new, both.clone()).await;
    // A client of the first version loses nothing.
    let after = world.merge(&old, json!({"spec": {"maxReplicas": 6}})).await;
    assert_eq!(after["spec"]["targetCPUUtilizationPercentage"], 70);
    let again = world.get(&new).await.unwrap();
    assert_eq!(again["spec"]["metrics"], stored["spec"]["metrics"]);
    assert_eq!(again["spec"]["maxReplicas"], 6);
    assert_eq!(again["metadata"].get("annotations"), None);
}

#[test]
fn every_resource_that_can_be_created_has_shapes_and_a_strategy() {
    let table = crate::schema::builtin();
    let mut count = 0;
    for row in everything().all() {
        assert!(table.kind(&row.gvk).is_some(), "{:?}", row.gvk);
        assert!(table.kind(&row.stored).is_some(), "{:?}", row.stored);
        let strategy = strategy::of(&row.stored);
        if strategy.generation != strategy::Counts::Nothing {
            assert!(row.can(crate::resource::Verb::Update), "{:?}", row.gvk);
        }
        count += 1;
    }
    assert!(count > 60);
}
