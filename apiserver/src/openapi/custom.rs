//! The shapes of custom resources, as their definitions say.

use super::document::{gvk_value, list};
use super::schemas::reference;
use crate::resource::Resource;
use crate::schema::Gvk;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// The types that the shapes refer to.
pub(super) const METADATA: [&str; 2] = [
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
];

/// The name of the type of a custom kind, or of its lists. `None`: no such kind is among these.
pub(super) fn name(resources: &[Resource], gvk: &Gvk) -> Option<String> {
    let mut custom = resources
        .iter()
        .filter(|resource| resource.custom.is_some());
    let is_one = custom.any(|resource| resource.gvk == *gvk || list(&resource.gvk) == *gvk);
    is_one.then(|| type_name(gvk))
}

/// The names of all types that are made here.
pub(super) fn names(resources: &[Resource]) -> HashSet<String> {
    let custom = resources
        .iter()
        .filter(|resource| resource.custom.is_some());
    let both = custom.flat_map(|one| [type_name(&one.gvk), type_name(&list(&one.gvk))]);
    both.collect()
}

fn type_name(gvk: &Gvk) -> String {
    let mut parts: Vec<&str> = gvk.group.split('.').rev().collect();
    parts.extend([gvk.version.as_str(), gvk.kind.as_str()]);
    parts.join(".")
}

/// Adds the types of a resource, if it is a custom one.
pub(super) fn add(resource: &Resource, schemas: &mut Map<String, Value>) {
    let Some(custom) = &resource.custom else {
        return;
    };
    let mut schema = custom.schema_text(&resource.gvk.version).clone();
    let head = |metadata: &str| {
        json!({
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": reference(metadata),
        })
    };
    if !schema.is_object() {
        schema = json!({"type": "object"});
    }
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    for (name, value) in head(METADATA[0]).as_object().into_iter().flatten() {
        schema["properties"][name] = value.clone();
    }
    schema["x-kubernetes-group-version-kind"] = json!([gvk_value(&resource.gvk)]);
    let name = type_name(&resource.gvk);
    let lists = list(&resource.gvk);
    let mut properties = head(METADATA[1]);
    properties["items"] = json!({"type": "array", "items": reference(&name)});
    let of_lists = json!({
        "type": "object",
        "required": ["items"],
        "properties": properties,
        "x-kubernetes-group-version-kind": [gvk_value(&lists)],
    });
    schemas.insert(name, schema);
    schemas.insert(type_name(&lists), of_lists);
}
