//! A document and the index of all documents.

use super::custom;
use super::paths::paths;
use super::schemas::Schemas;
use crate::resource::{Catalog, Resource, Verb};
use crate::schema::{Gvk, Table, TypeId};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A document as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where it is, below `/openapi/v3/`: `api/v1`, `apis/apps/v1`.
    pub path: String,
    /// Its JSON.
    pub text: String,
    /// Changes when the text does. Upper-case hexadecimal.
    pub hash: String,
}

/// The document of a group and version, or `None` if the catalog does not have it. `release` is the
/// server's version, such as `v1.35.0`.
pub fn document(
    table: &Table,
    catalog: &Catalog,
    (group, version): (&str, &str),
    release: &str,
) -> Option<Document> {
    let text = value(table, catalog, (group, version), release)?.to_string();
    Some(Document {
        path: root(group, version).trim_start_matches('/').to_owned(),
        hash: hash(&text),
        text,
    })
}

/// What a document says.
pub(super) fn value(
    table: &Table,
    catalog: &Catalog,
    (group, version): (&str, &str),
    release: &str,
) -> Option<Value> {
    let resources = catalog.of_version(group, version);
    if resources.is_empty() {
        return None;
    }
    let mut schemas = Schemas::new(table);
    for gvk in bodies(resources) {
        if let Some(id) = table.kind(&gvk) {
            schemas.need(id);
        }
    }
    if resources.iter().any(|resource| resource.custom.is_some()) {
        for name in custom::METADATA {
            let found = table.types.iter().position(|one| &*one.name == name);
            if let Some(at) = found {
                schemas.need(TypeId(at as u32));
            }
        }
    }
    let mut schemas = schemas.finish();
    if let Some(schemas) = schemas.as_object_mut() {
        for resource in resources {
            custom::add(resource, schemas);
        }
    }
    let by_kind = |gvk: &Gvk| {
        let found = table.kind(gvk).map(|id| table.get(id).name.to_string());
        found.or_else(|| custom::name(resources, gvk))
    };
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": release},
        "paths": paths(resources, &by_kind),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "BearerToken": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "authorization",
                    "description": "Bearer Token authentication",
                },
            },
        },
    }))
}

/// `/openapi/v3`: where the documents are.
pub fn index<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Value {
    let entry = |document: &Document| {
        let url = format!("/openapi/v3/{}?hash={}", document.path, document.hash);
        (document.path.clone(), json!({"serverRelativeURL": url}))
    };
    let paths: Map<String, Value> = documents.into_iter().map(entry).collect();
    json!({"paths": paths})
}

/// Where a group and version is served.
pub(super) fn root(group: &str, version: &str) -> String {
    match group {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    }
}

/// The kinds that the operations of these resources send or answer.
fn bodies(resources: &[Resource]) -> Vec<Gvk> {
    let mut bodies = Vec::new();
    if resources.iter().any(|resource| resource.can(Verb::Delete)) {
        bodies.extend([meta("Status"), meta("DeleteOptions")]);
    }
    for resource in resources {
        bodies.push(resource.gvk.clone());
        if resource.can(Verb::List) {
            bodies.push(list(&resource.gvk));
        }
        bodies.extend(resource.subresources.iter().map(|sub| sub.gvk.clone()));
    }
    bodies
}

/// A kind of the machinery, which is registered in the core group.
pub(super) fn meta(kind: &str) -> Gvk {
    Gvk {
        group: String::new(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
    }
}

/// The kind of lists of a kind.
pub(super) fn list(gvk: &Gvk) -> Gvk {
    Gvk {
        kind: format!("{}List", gvk.kind),
        ..gvk.clone()
    }
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The kinds of each type, in order.
pub(super) fn kinds_of_types(table: &Table) -> BTreeMap<TypeId, Vec<&Gvk>> {
    let mut kinds: BTreeMap<TypeId, Vec<&Gvk>> = BTreeMap::new();
    for (gvk, id) in &table.kinds {
        kinds.entry(*id).or_default().push(gvk);
    }
    kinds.values_mut().for_each(|kinds| kinds.sort());
    kinds
}

/// How documents name a kind in an extension.
pub(super) fn gvk_value(gvk: &Gvk) -> Value {
    json!({"group": gvk.group, "kind": gvk.kind, "version": gvk.version})
}
