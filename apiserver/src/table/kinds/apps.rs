//! Workloads that keep pods running: the group `apps`, and replication controllers.

use super::Kind;
use super::template::containers;
use crate::table::column::{AGE, CONTAINERS, Column, IMAGES, NAME, SELECTOR};
use crate::table::object::Object;
use crate::table::selector::{expression, labels, selector};
use crate::table::value::{at, flag, text};
use serde_json::Value;

pub(super) const KINDS: &[Kind] = &[
    Kind::new("apps", "Deployment", DEPLOYMENT, deployment),
    Kind::new("apps", "ReplicaSet", REPLICAS, replica_set),
    Kind::new("apps", "StatefulSet", STATEFUL_SET, stateful_set),
    Kind::new("apps", "DaemonSet", DAEMON_SET, daemon_set),
    Kind::new("apps", "ControllerRevision", REVISION, revision),
    Kind::new(
        "",
        "ReplicationController",
        REPLICAS,
        replication_controller,
    ),
];

const DEPLOYMENT: &[Column] = &[
    NAME,
    Column::text("Ready", "Pods that are ready, of those wanted"),
    Column::text("Up-to-date", "Pods of the newest template"),
    Column::text("Available", "Pods that have been ready for long enough"),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const REPLICAS: &[Column] = &[
    NAME,
    Column::integer("Desired", "Pods that are wanted"),
    Column::integer("Current", "Pods that there are"),
    Column::integer("Ready", "Pods that are ready"),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const STATEFUL_SET: &[Column] = &[
    NAME,
    Column::text("Ready", "Pods that are ready, of those wanted"),
    AGE,
    CONTAINERS,
    IMAGES,
];

const DAEMON_SET: &[Column] = &[
    NAME,
    Column::integer("Desired", "Nodes that should run its pod"),
    Column::integer("Current", "Nodes that should and do"),
    Column::integer("Ready", "Nodes whose pod is ready"),
    Column::integer("Up-to-date", "Nodes whose pod is of the newest template"),
    Column::integer(
        "Available",
        "Nodes whose pod has been ready for long enough",
    ),
    Column::text("Node Selector", "Labels of the nodes that its pods are for"),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const REVISION: &[Column] = &[
    NAME,
    Column::text("Controller", "Whose history it is part of"),
    Column::text("Revision", "The greater, the newer"),
    AGE,
];

/// How many pods are wanted: one, if nothing is said.
fn wanted(object: &Object<'_>) -> i64 {
    let wanted = at(object.value, "spec.replicas");
    wanted.and_then(Value::as_i64).unwrap_or(1)
}

fn deployment(object: &Object<'_>) -> Vec<Value> {
    let [names, images] = containers(object, "spec.template.spec.containers");
    let selector = at(object.value, "spec.selector").unwrap_or(&Value::Null);
    let selector = expression(selector).unwrap_or_else(|| "<invalid>".to_owned());
    vec![
        object.name(),
        format!("{}/{}", object.int("status.readyReplicas"), wanted(object)).into(),
        object.int("status.updatedReplicas").into(),
        object.int("status.availableReplicas").into(),
        object.age(),
        names,
        images,
        selector.into(),
    ]
}

fn replicas(object: &Object<'_>, selector: String) -> Vec<Value> {
    let [names, images] = containers(object, "spec.template.spec.containers");
    vec![
        object.name(),
        wanted(object).into(),
        object.int("status.replicas").into(),
        object.int("status.readyReplicas").into(),
        object.age(),
        names,
        images,
        selector.into(),
    ]
}

fn replica_set(object: &Object<'_>) -> Vec<Value> {
    replicas(object, selector(object.value, "spec.selector"))
}

fn replication_controller(object: &Object<'_>) -> Vec<Value> {
    replicas(object, labels(object.value, "spec.selector"))
}

fn stateful_set(object: &Object<'_>) -> Vec<Value> {
    let [names, images] = containers(object, "spec.template.spec.containers");
    vec![
        object.name(),
        format!("{}/{}", object.int("status.readyReplicas"), wanted(object)).into(),
        object.age(),
        names,
        images,
    ]
}

fn daemon_set(object: &Object<'_>) -> Vec<Value> {
    let [names, images] = containers(object, "spec.template.spec.containers");
    let node_selector = labels(object.value, "spec.template.spec.nodeSelector");
    vec![
        object.name(),
        object.int("status.desiredNumberScheduled").into(),
        object.int("status.currentNumberScheduled").into(),
        object.int("status.numberReady").into(),
        object.int("status.updatedNumberScheduled").into(),
        object.int("status.numberAvailable").into(),
        node_selector.into(),
        object.age(),
        names,
        images,
        selector(object.value, "spec.selector").into(),
    ]
}

fn revision(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        controller(object).into(),
        object.int("revision").into(),
        object.age(),
    ]
}

/// Kind, group and name of what controls the object, such as `daemonset.apps/proxy`.
fn controller(object: &Object<'_>) -> String {
    let owners = object.list("metadata.ownerReferences");
    let Some(owner) = owners.iter().find(|owner| flag(owner, "controller")) else {
        return "<none>".to_owned();
    };
    let kind = text(owner, "kind").to_lowercase();
    let name = text(owner, "name");
    match text(owner, "apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{}/{name}", group.to_lowercase()),
        None => format!("{kind}/{name}"),
    }
}
