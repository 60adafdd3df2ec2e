//! Small objects that statements are about.

use serde_json::{Value, json};

pub(super) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

pub(super) fn map(name: &str, value: &str) -> Value {
    let data = json!({"key": value});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// With the label `app`.
pub(super) fn labelled(name: &str, app: &str) -> Value {
    let mut object = map(name, "1");
    object["metadata"]["labels"] = json!({"app": app});
    object
}

/// Stays where it is: no scheduler is called so.
pub(super) fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "schedulerName": "nobody",
        "containers": [{"name": "main", "image": "app:1"}],
    }})
}

/// Without replicas, so that the loops make nothing but an empty ReplicaSet.
pub(super) fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": "app:1"}]},
        },
    }})
}

/// A StatefulSet without replicas.
pub(super) fn stateful_set(name: &str) -> Value {
    let mut set = deployment(name);
    set["kind"] = "StatefulSet".into();
    set["spec"]["serviceName"] = name.into();
    set
}

pub(super) fn with_finalizers(name: &str, finalizers: &[&str]) -> Value {
    let mut object = map(name, "1");
    object["metadata"]["finalizers"] = json!(finalizers);
    object
}

/// A merge patch that annotates.
pub(super) fn with_annotation(name: &str, value: &str) -> Value {
    json!({"metadata": {"annotations": {name: value}}})
}

/// An empty Secret with the label `app`: a kind that nothing in a cluster makes by itself.
pub(super) fn secret(name: &str, app: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "labels": {"app": app}}})
}

/// A PodTemplate, which no loop touches, with these containers.
pub(super) fn template(name: &str, containers: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": name},
        "template": {"spec": {"containers": containers}}})
}
