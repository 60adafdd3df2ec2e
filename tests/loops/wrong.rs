//! Histories that are wrong: the judge finds each.

use super::judge::judge;
use super::record::Change;
use serde_json::{Value, json};
use std::time::Instant;

fn history(objects: Vec<(&str, Value)>) -> Vec<Change> {
    let changes = objects
        .into_iter()
        .zip(1..)
        .map(|((key, object), revision)| Change {
            revision,
            key: key.to_owned(),
            object: Some(object),
            at: Instant::now(),
        });
    changes.collect()
}

fn pod(uid: &str, owner: &str, node: &str, ip: &str) -> Value {
    json!({
        "kind": "Pod",
        "metadata": {"uid": uid, "ownerReferences": [{"uid": owner, "controller": true}]},
        "spec": {
            "nodeName": node,
            "containers": [{"resources": {"requests": {"cpu": "600m"}}}],
        },
        "status": {"podIP": ip},
    })
}

fn set(replicas: i64) -> Value {
    json!({
        "kind": "ReplicaSet",
        "metadata": {"uid": "set", "name": "r", "ownerReferences": [{"uid": "d", "controller": true}]},
        "spec": {"replicas": replicas},
    })
}

fn node(cpu: &str) -> Value {
    json!({"status": {"allocatable": {"cpu": cpu, "pods": "10"}}})
}

fn found(objects: Vec<(&str, Value)>) -> Vec<String> {
    let (_, violations) = judge(&history(objects));
    violations
        .into_iter()
        .map(|violation| violation.what)
        .collect()
}

#[test]
fn a_second_pod_in_one_slot_is_found() {
    let objects = vec![
        ("/registry/replicasets/n/r", set(1)),
        ("/registry/pods/n/a", pod("a", "set", "", "")),
        ("/registry/pods/n/b", pod("b", "set", "", "")),
    ];
    assert_eq!(found(objects), ["r has 2 Pods and wants 1"]);
}

#[test]
fn too_much_surge_is_found() {
    let deployment = json!({
        "metadata": {"uid": "d"},
        "spec": {"replicas": 1, "strategy": {"rollingUpdate": {"maxSurge": "25%"}}},
    });
    let objects = vec![
        ("/registry/deployments/n/d", deployment),
        ("/registry/replicasets/n/r", set(3)),
        ("/registry/pods/n/a", pod("a", "set", "", "")),
        ("/registry/pods/n/b", pod("b", "set", "", "")),
        ("/registry/pods/n/c", pod("c", "set", "", "")),
    ];
    assert_eq!(found(objects), ["d has 3 Pods and may have 2"]);
}

#[test]
fn a_pod_that_moves_is_found() {
    let objects = vec![
        ("/registry/pods/n/a", pod("a", "x", "n1", "")),
        ("/registry/pods/n/a", pod("a", "x", "n2", "")),
    ];
    assert_eq!(found(objects), ["/registry/pods/n/a moves from n1 to n2"]);
}

#[test]
fn a_node_that_has_too_much_is_found() {
    let objects = vec![
        ("/registry/minions/n1", node("1")),
        ("/registry/pods/n/a", pod("a", "x", "n1", "")),
        ("/registry/pods/n/b", pod("b", "x", "n1", "")),
    ];
    assert_eq!(found(objects), ["n1: 2 Pods on 10, 1200m CPU on 1000m"]);
}

#[test]
fn an_address_that_is_given_twice_is_found() {
    let objects = vec![
        ("/registry/pods/n/a", pod("a", "x", "", "10.0.0.1")),
        ("/registry/pods/n/b", pod("b", "x", "", "10.0.0.1")),
        (
            "/registry/services/specs/n/a",
            json!({"spec": {"clusterIP": "10.96.0.9"}}),
        ),
        (
            "/registry/services/specs/n/b",
            json!({"spec": {"clusterIP": "10.96.0.9"}}),
        ),
    ];
    assert_eq!(found(objects).len(), 2);
}

#[test]
fn a_claim_of_a_term_that_has_ended_is_found() {
    let claim = |fence: u64| ("/keelson/kubernetes/claims/job", json!({"fence": fence}));
    assert_eq!(
        found(vec![claim(3), claim(4), claim(3)]),
        ["/keelson/kubernetes/claims/job under 3 after 4"]
    );
    assert!(found(vec![claim(3), claim(3), claim(4)]).is_empty());
}
