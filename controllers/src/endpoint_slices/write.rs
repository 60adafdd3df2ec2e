//! Slices as they are written.

use super::{MANAGED_BY, MANAGER, SERVICE_NAME};
use crate::backends::{Family, LAST_CHANGE, is_headless};
use crate::objects::{EndpointSlice, Service};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const HEADLESS: &str = "service.kubernetes.io/headless";

/// What all slices of a Service have.
pub(super) struct Shape {
    namespace: String,
    base: String,
    labels: BTreeMap<String, String>,
    owner: Value,
    since: Option<String>,
}

impl Shape {
    /// `since`: the first change that slices which are written now have, and had not before.
    pub(super) fn of(service: &Service, since: Option<String>) -> Shape {
        let mut labels = service.metadata.labels.clone();
        labels.remove(HEADLESS);
        let own = [
            (SERVICE_NAME, service.metadata.name.as_str()),
            (MANAGED_BY, MANAGER),
        ];
        let headless = is_headless(service).then_some((HEADLESS, ""));
        for (label, value) in own.into_iter().chain(headless) {
            labels.insert(label.to_owned(), value.to_owned());
        }
        Shape {
            namespace: service.metadata.namespace.clone(),
            base: format!("{}-", service.metadata.name),
            labels,
            owner: service.metadata.owner_reference("v1", "Service"),
            since,
        }
    }
}

/// A new slice.
pub(super) fn new(shape: &Shape, family: Family, ports: &[Value], endpoints: Vec<Value>) -> Value {
    let mut slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": shape.namespace,
            "generateName": shape.base,
            "labels": shape.labels,
            "ownerReferences": [shape.owner],
        },
        "addressType": family.name(),
        "endpoints": endpoints,
        "ports": ports,
    });
    if let Some(since) = &shape.since {
        slice["metadata"]["annotations"] = json!({LAST_CHANGE: since});
    }
    slice
}

/// What a slice has to change. `None`: nothing.
pub(super) fn patch(
    shape: &Shape,
    slice: &EndpointSlice,
    endpoints: Vec<Value>,
    has_changed: bool,
) -> Option<Value> {
    let labels = labels(&slice.metadata.labels, &shape.labels);
    if labels.is_empty() && !has_changed {
        return None;
    }
    let mut metadata = json!({"resourceVersion": slice.metadata.revision.to_string()});
    if !labels.is_empty() {
        metadata["labels"] = labels.into();
    }
    metadata["annotations"] = json!({LAST_CHANGE: shape.since});
    let mut patch = json!({"metadata": metadata});
    if has_changed {
        patch["endpoints"] = endpoints.into();
    }
    Some(patch)
}

/// The labels that differ; those that go are null.
fn labels(now: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Map<String, Value> {
    let gone = now.keys().filter(|label| !wanted.contains_key(*label));
    let gone = gone.map(|label| (label.clone(), Value::Null));
    let new = wanted
        .iter()
        .filter(|(label, value)| now.get(*label) != Some(value));
    let new = new.map(|(label, value)| (label.clone(), value.as_str().into()));
    gone.chain(new).collect()
}
