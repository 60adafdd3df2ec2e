//! Nodes.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::value::{entries, text};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const KINDS: &[Kind] = &[Kind::new("", "Node", NODE, node)];

const NODE: &[Column] = &[
    NAME,
    Column::text("Status", "Whether the node is ready, and takes new pods"),
    Column::text("Roles", "What the node is labelled to be for"),
    AGE,
    Column::text("Version", "Version of its kubelet"),
    Column::wide("Internal-IP", "Its first address inside the cluster"),
    Column::wide("External-IP", "Its first address outside the cluster"),
    Column::wide("OS-Image", "Its operating system"),
    Column::wide("Kernel-Version", "Version of its kernel"),
    Column::wide(
        "Container-Runtime",
        "What runs its containers, with version",
    ),
];

fn node(object: &Object<'_>) -> Vec<Value> {
    let info = |field: &str| {
        let path = format!("status.nodeInfo.{field}");
        Value::from(object.text_or(&path, "<unknown>"))
    };
    vec![
        object.name(),
        status(object).into(),
        roles(object).into(),
        object.age(),
        object.text("status.nodeInfo.kubeletVersion").into(),
        address(object, "InternalIP").into(),
        address(object, "ExternalIP").into(),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

fn status(object: &Object<'_>) -> String {
    let conditions = object.list("status.conditions").iter().rev();
    // Should there be two of a type, the last one counts.
    let ready = conditions.map(|one| (text(one, "type"), text(one, "status")));
    let ready = match ready.into_iter().find(|(kind, _)| *kind == "Ready") {
        Some((_, "True")) => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    match object.flag("spec.unschedulable") {
        true => format!("{ready},SchedulingDisabled"),
        false => ready.to_owned(),
    }
}

fn roles(object: &Object<'_>) -> String {
    let labels = entries(object.value, "metadata.labels")
        .into_iter()
        .flatten();
    let roles: BTreeSet<&str> = labels
        .filter_map(|(key, value)| match key.as_str() {
            "kubernetes.io/role" => value.as_str(),
            key => key.strip_prefix("node-role.kubernetes.io/"),
        })
        .filter(|role| !role.is_empty())
        .collect();
    match roles.is_empty() {
        true => "<none>".to_owned(),
        false => roles.into_iter().collect::<Vec<_>>().join(","),
    }
}

fn address<'a>(object: &Object<'a>, kind: &str) -> &'a str {
    let mut all = object.list("status.addresses").iter();
    let found = all.find(|one| text(one, "type") == kind);
    found.map_or("<none>", |one| text(one, "address"))
}
