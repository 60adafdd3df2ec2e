//! Pods, read no further than the graph looks. It is told of every change of every Pod on every member.

use crate::storage::Object;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// What tells whether the graph knows a Pod: one pass over the text, which keeps nothing else.
#[derive(Deserialize)]
pub(super) struct Sketch<'t> {
    #[serde(borrow)]
    metadata: Metadata<'t>,
    #[serde(borrow, default)]
    spec: Spec<'t>,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Metadata<'t> {
    #[serde(borrow, default)]
    namespace: Cow<'t, str>,
    #[serde(borrow)]
    name: Cow<'t, str>,
    #[serde(borrow, default)]
    uid: Cow<'t, str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'t> {
    #[serde(borrow, default)]
    node_name: Cow<'t, str>,
    ephemeral_containers: Option<IgnoredAny>,
    resource_claims: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    extended_resource_claim_status: Option<IgnoredAny>,
}

impl Sketch<'_> {
    /// `None`: it is unlike any Pod, and has to be read as whatever it is.
    pub(super) fn of(pod: &Object) -> Option<Sketch<'_>> {
        serde_json::from_slice(pod.stored()).ok()
    }

    /// Namespace and name.
    pub(super) fn place(&self) -> (&str, &str) {
        (&self.metadata.namespace, &self.metadata.name)
    }

    pub(super) fn uid(&self) -> &str {
        &self.metadata.uid
    }

    /// Empty: it has none yet.
    pub(super) fn node(&self) -> &str {
        &self.spec.node_name
    }

    /// Containers can be put in later; the status may name claims that the spec does not.
    pub(super) fn may_need_more(&self) -> bool {
        self.spec.ephemeral_containers.is_some()
            || self.spec.resource_claims.is_some()
            || self.status.extended_resource_claim_status.is_some()
    }
}

/// Members of a Pod, at whatever depth, below which it refers to nothing that a node may read.
const BULK: [&str; 14] = [
    "affinity",
    "conditions",
    "containerStatuses",
    "initContainerStatuses",
    "labels",
    "livenessProbe",
    "managedFields",
    "ownerReferences",
    "ports",
    "readinessProbe",
    "resources",
    "startupProbe",
    "tolerations",
    "volumeMounts",
];

/// A Pod without what the graph never looks at, which is most of it. `None`: it is no JSON.
pub(super) fn without_bulk(pod: &Object) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_slice(pod.stored());
    Lean.deserialize(&mut reader).ok()
}

/// Makes a value, and leaves out members that are bulk.
struct Lean;

impl<'de> DeserializeSeed<'de> for Lean {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(Lean)
    }
}

impl<'de> Visitor<'de> for Lean {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(element) = elements.next_element_seed(Lean)? {
            all.push(element);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if BULK.contains(&&*name) {
                members.next_value::<IgnoredAny>()?;
            } else {
                all.insert(name, members.next_value_seed(Lean)?);
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_left_of_a_pod_is_as_it_was() {
        let pod = json!({
            "metadata": {"name": "p \u{1}", "labels": {"a": "b"}, "annotations": {"kubernetes.io/config.mirror": "x"},
                         "managedFields": [{"fieldsV1": {"f:spec": {}}}]},
            "spec": {
                "containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}, "ports": [{"containerPort": 1}],
                                "env": [{"name": "e", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}],
                "volumes": [{"name": "v", "secret": {"secretName": "t", "defaultMode": 420}}, {"ephemeral": {}}],
                "priority": -1, "hostNetwork": true, "n": null, "f": 0.5,
            },
            "status": {"conditions": [{"type": "Ready"}], "resourceClaimStatuses": [{"name": "r"}]},
        });
        let lean = json!({
            "metadata": {"name": "p \u{1}", "annotations": {"kubernetes.io/config.mirror": "x"}},
            "spec": {
                "containers": [{"name": "c",
                                "env": [{"name": "e", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}],
                "volumes": [{"name": "v", "secret": {"secretName": "t", "defaultMode": 420}}, {"ephemeral": {}}],
                "priority": -1, "hostNetwork": true, "n": null, "f": 0.5,
            },
            "status": {"resourceClaimStatuses": [{"name": "r"}]},
        });
        assert_eq!(without_bulk(&Object::of(pod, 3)), Some(lean));
        assert_eq!(without_bulk(&Object::new("{".into(), 3)), None);
    }
}
