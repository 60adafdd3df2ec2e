//! `scale`: the number of replicas of a workload, shown as an object that is the same for all kinds.

use super::strategy::fields::{member, members, set, text};
use crate::resource::Resource;
use crate::selector::from_structure;
use crate::storage::Object;
use serde_json::{Map, Value, json};

/// The API version of what is shown.
pub(super) const API_VERSION: &str = "autoscaling/v1";
/// Its kind.
pub(super) const KIND: &str = "Scale";
/// Metadata that is shown.
const SHOWN: [&str; 5] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
];

/// The scale of a workload: Deployment, ReplicaSet, StatefulSet, ReplicationController, or whatever else
/// has its replicas where they have them.
pub(super) fn of(resource: &Resource, workload: &Value) -> Value {
    let paths = paths(resource);
    let metadata = workload.get("metadata").and_then(Value::as_object);
    let shown = SHOWN.iter().filter_map(|name| {
        let value = metadata?.get(*name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    let replicas = |pointer| {
        workload
            .pointer(pointer)
            .and_then(Value::as_i64)
            .unwrap_or(0)
    };
    let mut scale = json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": shown.collect::<Map<_, _>>(),
        "spec": {},
        "status": {"replicas": replicas(paths.status)},
    });
    let wanted = replicas(paths.spec);
    if wanted != 0 {
        scale["spec"]["replicas"] = wanted.into();
    }
    let selector = match paths.selector {
        Some(pointer) => text(workload, pointer).to_owned(),
        None => selector(workload),
    };
    if !selector.is_empty() {
        scale["status"]["selector"] = selector.into();
    }
    scale
}

/// The scale of a stored workload. What is no workload stays what it is.
pub(super) fn shown(resource: &Resource, workload: Object) -> Object {
    match workload.value() {
        Some(value) => Object::of(of(resource, &value), workload.revision()),
        None => workload,
    }
}

/// As the text of a query.
fn selector(workload: &Value) -> String {
    let selector = workload.pointer("/spec/selector");
    let is_plain = text(workload, "/kind") == "ReplicationController";
    let plain = selector.filter(|_| is_plain);
    let plain = plain.map(|labels| json!({"matchLabels": labels}));
    // What is stored has been checked; what could not be read would select nothing.
    let found = from_structure(plain.as_ref().or(selector));
    found.map(|found| found.to_string()).unwrap_or_default()
}

/// The number of replicas that a scale asks for.
pub(super) fn replicas(scale: &Value) -> i64 {
    scale
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(0)
}

/// Makes the workload have the replicas, and be for the revision and uid, of a scale.
pub(super) fn onto(resource: &Resource, scale: &Value, workload: &mut Value) {
    let metadata = member(workload, "metadata");
    for name in ["uid", "resourceVersion"] {
        let given = scale.pointer(&format!("/metadata/{name}")).cloned();
        set(members(metadata), name, given);
    }
    let names = paths(resource).spec.split('/').skip(1);
    let place = names.fold(workload, |value, name| member(value, name));
    *place = replicas(scale).into();
}

/// Where a workload has its replicas, as JSON pointers.
struct Paths<'r> {
    spec: &'r str,
    status: &'r str,
    /// `None`: its selector is a structure, where workloads have it.
    selector: Option<&'r str>,
}

fn paths(resource: &Resource) -> Paths<'_> {
    let custom = resource.custom.as_deref();
    match custom.and_then(|custom| custom.scale(&resource.gvk.version)) {
        Some(scale) => Paths {
            spec: &scale.spec,
            status: &scale.status,
            selector: Some(&scale.selector),
        },
        None => Paths {
            spec: "/spec/replicas",
            status: "/status/replicas",
            selector: None,
        },
    }
}
