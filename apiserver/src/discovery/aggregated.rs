//! Everything in one document.

use super::legacy::names;
use crate::resource::{Catalog, Group, Resource, Scope, Subresource};
use crate::schema::Gvk;
use serde_json::{Value, json};

/// The versions of the document. They differ in name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `apidiscovery.k8s.io/v2`.
    V2,
    /// `apidiscovery.k8s.io/v2beta1`, for clients before 1.30.
    V2Beta1,
}

/// `/api`, asked for an `APIGroupDiscoveryList`: the core group.
pub fn api_aggregated(catalog: &Catalog, form: Form) -> Value {
    let core = catalog
        .groups()
        .iter()
        .filter(|group| group.name.is_empty());
    list(catalog, core, form)
}

/// `/apis`, asked for an `APIGroupDiscoveryList`: all other groups.
pub fn apis_aggregated(catalog: &Catalog, form: Form) -> Value {
    let named = catalog
        .groups()
        .iter()
        .filter(|group| !group.name.is_empty());
    list(catalog, named, form)
}

fn list<'a>(catalog: &Catalog, groups: impl Iterator<Item = &'a Group>, form: Form) -> Value {
    let items: Vec<Value> = groups.map(|group| item(catalog, group)).collect();
    let api_version = match form {
        Form::V2 => "apidiscovery.k8s.io/v2",
        Form::V2Beta1 => "apidiscovery.k8s.io/v2beta1",
    };
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": api_version,
        "metadata": {},
        "items": items,
    })
}

fn item(catalog: &Catalog, group: &Group) -> Value {
    let version = |version: &String| {
        let served = catalog.of_version(&group.name, version).iter();
        json!({
            "version": version,
            "resources": served.map(resource).collect::<Vec<_>>(),
            "freshness": "Current",
        })
    };
    let metadata = match group.name.as_str() {
        "" => json!({}),
        name => json!({"name": name}),
    };
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    json!({"metadata": metadata, "versions": versions})
}

fn resource(resource: &Resource) -> Value {
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": kind(&resource.gvk),
        "scope": match resource.scope {
            Scope::Cluster => "Cluster",
            Scope::Namespaced => "Namespaced",
        },
        "singularResource": resource.singular,
        "verbs": names(&resource.verbs),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if !resource.subresources.is_empty() {
        entry["subresources"] = resource.subresources.iter().map(subresource).collect();
    }
    entry
}

fn subresource(sub: &Subresource) -> Value {
    json!({
        "subresource": sub.name,
        "responseKind": kind(&sub.gvk),
        "verbs": names(&sub.verbs),
    })
}

fn kind(gvk: &Gvk) -> Value {
    json!({"group": gvk.group, "version": gvk.version, "kind": gvk.kind})
}
