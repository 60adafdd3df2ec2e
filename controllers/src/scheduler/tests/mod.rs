//! Tests of the scheduler as a whole, and short ways to make nodes and Pods for tests of its parts.

mod differential;
mod end_to_end;
mod history;
mod model;
mod preemption;
mod speed;

use super::pod::PodInfo;
use super::snapshot::{NodeInfo, Table};
use crate::objects::{Node, Pod};
use serde_json::{Value, json};
use std::sync::Arc;

/// A node with this much CPU and memory, room for 110 Pods and its name as a label.
pub fn node(name: &str, cpu: &str, memory: &str) -> Value {
    let amounts = json!({"cpu": cpu, "memory": memory, "pods": "110"});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"capacity": amounts, "allocatable": amounts},
    })
}

/// A Pod that asks for this much; "" asks for nothing.
pub fn pod(name: &str, cpu: &str, memory: &str) -> Value {
    let mut requests = json!({});
    for (resource, amount) in [("cpu", cpu), ("memory", memory)] {
        if !amount.is_empty() {
            requests[resource] = json!(amount);
        }
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {}, "uid": name},
        "spec": {
            "schedulerName": "default-scheduler",
            "containers": [{"name": "c", "image": "i", "resources": {"requests": requests}}],
        },
    })
}

/// As the scheduler sees it.
pub fn seen(pod: &Value) -> Arc<PodInfo> {
    let pod: Pod = serde_json::from_value(pod.clone()).unwrap();
    Arc::new(PodInfo::of(&Arc::new(pod)))
}

/// As the scheduler sees it.
pub fn seen_node(node: &Value) -> Arc<NodeInfo> {
    let node: Node = serde_json::from_value(node.clone()).unwrap();
    Arc::new(NodeInfo::of(&node))
}

/// A table of these nodes, with these Pods on them.
pub fn table(nodes: &[Value], placed: &[(Value, &str)]) -> Table {
    let mut table = Table::default();
    for node in nodes {
        table.put_node(seen_node(node));
    }
    for (pod, node) in placed {
        table.place(seen(pod), node, false);
    }
    table.arrange();
    table
}

/// The object with another value at a pointer, whose last member may be missing.
pub fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name.replace("~1", "/")] = value,
    }
    object
}
