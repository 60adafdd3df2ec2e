//! Statements about parts of objects: status, scale, approval.

use super::world::{World, at, deployment, pod, seen, some_deployment, some_pod, sub, version};
use crate::request::PatchType;
use crate::status::Reason;
use serde_json::{Value, json};

#[tokio::test]
async fn statement_36_the_status_and_the_rest_are_written_apart() {
    let world = World::new();
    let mut web = some_deployment("web");
    web["status"] = json!({"replicas": 9});
    let made = world.create(&deployment(""), &web).await;
    assert_eq!(made["status"], json!({}));
    let mut both = made.clone();
    both["status"] = json!({"replicas": 3, "observedGeneration": 1});
    both["spec"]["replicas"] = 7.into();
    both["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
    let world = world.manager("controller");
    let after = world.put(&sub(deployment("web"), "status"), &both).await;
    assert_eq!(after["status"]["replicas"], 3);
    assert_eq!(after["spec"]["replicas"], 1);
    assert_eq!(
        after["metadata"]["annotations"],
        both["metadata"]["annotations"]
    );
    assert_eq!(after["metadata"]["generation"], 1);
    let managers = after["metadata"]["managedFields"].as_array().unwrap();
    let own = managers
        .iter()
        .find(|one| one["manager"] == "controller")
        .unwrap();
    assert_eq!(own["subresource"], "status");
    assert_eq!(own["fieldsV1"].get("f:spec"), None);

    // The same version locks both.
    let failure = world.try_put(&deployment("web"), &both).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    both["metadata"]["resourceVersion"] = after["metadata"]["resourceVersion"].clone();
    both["status"] = json!({"replicas": 5});
    let after = world.put(&deployment("web"), &both).await;
    assert_eq!(after["status"]["replicas"], 3);
    assert_eq!(after["spec"]["replicas"], 7);
    assert_eq!(after["metadata"]["generation"], 2);
}

#[tokio::test]
async fn statement_37_what_a_status_write_may_change_of_the_metadata_is_the_kinds() {
    let world = World::new();
    let patch = json!({"metadata": {
        "labels": {"new": "x"}, "annotations": {"new": "x"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}],
    }});
    let changed = async |target: crate::registry::Target, object: &Value| {
        let made = world.create(&target, object).await;
        let after = world.merge(&sub(target, "status"), patch.clone()).await;
        let names = ["labels", "annotations", "ownerReferences"];
        let differs = |name: &&str| made["metadata"].get(*name) != after["metadata"].get(*name);
        names.into_iter().filter(differs).collect::<Vec<_>>()
    };
    let web = changed(deployment("web"), &some_deployment("web")).await;
    assert_eq!(web, ["annotations", "ownerReferences"]);
    let p = changed(pod("p"), &some_pod("p")).await;
    assert_eq!(p, ["labels", "annotations"]);
    let attachment = json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment",
        "metadata": {"name": "v"},
        "spec": {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "pv"}}});
    let target = at("storage.k8s.io/v1", "volumeattachments", "", "v");
    assert_eq!(changed(target, &attachment).await, [""; 0]);
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
    let n = changed(at("v1", "nodes", "", "n"), &node).await;
    assert_eq!(n, ["labels", "annotations", "ownerReferences"]);
}

#[tokio::test]
async fn statement_70_a_patch_of_the_status_touches_nothing_else() {
    let world = World::new();
    world.create(&deployment(""), &some_deployment("web")).await;
    let patch = json!({"spec": {"replicas": 4}, "status": {"replicas": 4}});
    let after = world.merge(&sub(deployment("web"), "status"), patch).await;
    assert_eq!(after["spec"]["replicas"], 1);
    assert_eq!(after["status"]["replicas"], 4);
}

#[tokio::test]
async fn statement_38_the_scale_is_an_object_that_can_be_written() {
    let world = World::new();
    let made = world.create(&deployment(""), &some_deployment("web")).await;
    let target = sub(deployment("web"), "scale");
    let world = world.manager("scaler");
    let scaled = world.merge(&target, json!({"spec": {"replicas": 3}})).await;
    assert_eq!(scaled["kind"], "Scale");
    assert_eq!(scaled["apiVersion"], "autoscaling/v1");
    assert_eq!(scaled["spec"]["replicas"], 3);
    assert_eq!(
        scaled["status"],
        json!({"replicas": 0, "selector": "app=web"})
    );
    assert_eq!(scaled["metadata"]["uid"], made["metadata"]["uid"]);
    let stored = world.get(&deployment("web")).await.unwrap();
    assert_eq!(stored["spec"]["replicas"], 3);
    assert_eq!(stored["metadata"]["generation"], 2);
    assert_eq!(version(&stored), version(&scaled));
    let read = crate::request::GetOptions {
        read: crate::request::GetRead::Latest,
    };
    let read = world.registry.get(&target, &read).await.unwrap();
    assert_eq!(read.value(), Some(scaled.clone()));
    let managers = stored["metadata"]["managedFields"].as_array().unwrap();
    let scaler = managers
        .iter()
        .find(|one| one["manager"] == "scaler")
        .unwrap();
    assert_eq!(scaler["subresource"], "scale");
    assert_eq!(scaler["apiVersion"], "apps/v1");
    assert_eq!(scaler["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));

    let mut late = scaled.clone();
    late["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
    let failure = world.try_put(&target, &late).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    late["metadata"]["resourceVersion"] = scaled["metadata"]["resourceVersion"].clone();
    late["spec"] = json!({});
    let none = world.put(&target, &late).await;
    assert_eq!(none["spec"], json!({}));
    let stored = world.get(&deployment("web")).await.unwrap();
    assert_eq!(stored["spec"]["replicas"], 0);
    let below = json!({"spec": {"replicas": -1}});
    let failure = world
        .try_patch(&target, PatchType::Merge, &below)
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "Scale.autoscaling \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    );
    let missing = sub(deployment("none"), "scale");
    let failure = world
        .try_patch(&missing, PatchType::Merge, &below)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), 404);
}

#[tokio::test]
async fn statement_38_controllers_with_plain_selectors_have_a_scale_too() {
    let world = World::new();
    let target = at("v1", "replicationcontrollers", "ns", "rc");
    let mut object = some_deployment("rc");
    object["apiVersion"] = "v1".into();
    object["kind"] = "ReplicationController".into();
    object["spec"]["selector"] = json!({"app": "rc", "tier": "x"});
    object["spec"]["template"]["metadata"]["labels"] = json!({"app": "rc", "tier": "x"});
    world.create(&target, &object).await;
    let scaled = world
        .merge(&sub(target, "scale"), json!({"spec": {"replicas": 2}}))
        .await;
    assert_eq!(scaled["status"]["selector"], "app=rc,tier=x");
}

#[tokio::test]
async fn a_scale_that_stays_as_it_is_writes_nothing() {
    let world = World::new();
    world.create(&deployment(""), &some_deployment("web")).await;
    let revision = world.kv.revision();
    let target = sub(deployment("web"), "scale");
    let scaled = world.merge(&target, json!({"spec": {"replicas": 1}})).await;
    assert_eq!(world.put(&target, &scaled).await, scaled);
    assert_eq!(world.kv.revision(), revision);
}

#[tokio::test]
async fn an_approval_decides_and_a_status_does_not() {
    let world = World::new();
    let target = at(
        "certificates.k8s.io/v1",
        "certificatesigningrequests",
        "",
        "csr",
    );
    let request = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "csr"},
        "spec": {"request": "eA==", "signerName": "a.io/b", "usages": ["client auth"], "username": "root"}});
    let made = world.create(&target, &request).await;
    assert_eq!(made["spec"]["username"], "anna");
    assert_eq!(made["spec"]["groups"], json!(["people"]));
    let approved = json!({"status": {"conditions": [{"type": "Approved", "status": "True"}]}});
    let after = world
        .merge(&sub(target.clone(), "status"), approved.clone())
        .await;
    assert_eq!(after["status"].get("conditions"), None);
    let after = world
        .merge(&sub(target.clone(), "approval"), approved)
        .await;
    let condition = &after["status"]["conditions"][0];
    assert_eq!(condition["type"], "Approved");
    assert_eq!(condition["lastUpdateTime"], "2026-01-01T00:00:00Z");
    let issued = json!({"status": {"certificate": "eA==", "conditions": []}});
    let after = world
        .try_patch(&sub(target, "status"), PatchType::Merge, &issued)
        .await
        .unwrap();
    let after = seen(after);
    assert_eq!(after["status"]["certificate"], "eA==");
    assert_eq!(after["status"]["conditions"][0]["type"], "Approved");
}
