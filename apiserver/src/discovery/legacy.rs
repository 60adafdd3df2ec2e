//! One document per step: versions, groups, resources of a version.

use crate::resource::{Catalog, Group, Resource, Scope, Subresource, Verb};
use crate::schema::Gvk;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// `/api`: the versions of the core group. `server_address` is where this server is reached, as
/// `host:port`.
pub fn api(catalog: &Catalog, server_address: &str) -> Value {
    let versions = catalog.group("").map_or(&[][..], |group| &group.versions);
    json!({
        "kind": "APIVersions",
        "versions": versions,
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}],
    })
}

/// `/apis`: all groups but the core group.
pub fn apis(catalog: &Catalog) -> Value {
    let named = catalog
        .groups()
        .iter()
        .filter(|group| !group.name.is_empty());
    let groups: Vec<Value> = named.map(versions).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`. `None`: there is no such group.
pub fn group(catalog: &Catalog, name: &str) -> Option<Value> {
    let group = catalog.group(name).filter(|group| !group.name.is_empty())?;
    let mut document = versions(group);
    document["kind"] = json!("APIGroup");
    document["apiVersion"] = json!("v1");
    Some(document)
}

fn versions(group: &Group) -> Value {
    let version = |version: &String| json!({"groupVersion": group_version(&group.name, version), "version": version});
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    json!({"name": group.name, "preferredVersion": versions.first(), "versions": versions})
}

/// `/api/VERSION` for the core group, `/apis/GROUP/VERSION` for others. `None`: it is not served.
pub fn resources(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    let served = catalog.of_version(group, version);
    if served.is_empty() {
        return None;
    }
    let mut entries = Vec::new();
    for resource in served {
        entries.push(entry(resource));
        let below = resource.subresources.iter();
        entries.extend(below.map(|sub| sub_entry(resource, sub)));
    }
    let mut document = json!({
        "kind": "APIResourceList",
        "groupVersion": group_version(group, version),
        "resources": entries,
    });
    if !group.is_empty() {
        document["apiVersion"] = json!("v1");
    }
    Some(document)
}

fn entry(resource: &Resource) -> Value {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.scope == Scope::Namespaced,
        "kind": resource.gvk.kind,
        "verbs": names(&resource.verbs),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if resource.can(Verb::Update) {
        entry["storageVersionHash"] = json!(storage_version_hash(&resource.stored));
    }
    entry
}

fn sub_entry(resource: &Resource, sub: &Subresource) -> Value {
    let mut entry = Map::new();
    let mut put = |name: &str, value: Value| entry.insert(name.to_owned(), value);
    put("name", json!(format!("{}/{}", resource.plural, sub.name)));
    put("singularName", json!(""));
    put("namespaced", json!(resource.scope == Scope::Namespaced));
    put("kind", json!(sub.gvk.kind));
    put("verbs", names(&sub.verbs));
    let is_elsewhere =
        sub.gvk.group != resource.gvk.group || sub.gvk.version != resource.gvk.version;
    if is_elsewhere {
        put("group", json!(sub.gvk.group));
        put("version", json!(sub.gvk.version));
    }
    Value::Object(entry)
}

pub(super) fn names(verbs: &[Verb]) -> Value {
    verbs.iter().map(|verb| verb.name()).collect()
}

fn group_version(group: &str, version: &str) -> String {
    match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    }
}

/// Tells clients whether two resources are the same objects, and whether a stored form has changed.
fn storage_version_hash(stored: &Gvk) -> String {
    let name = format!("{}/{}/{}", stored.group, stored.version, stored.kind);
    BASE64_STANDARD.encode(&Sha256::digest(name)[..8])
}
