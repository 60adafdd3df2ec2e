//! What a cluster knows of its own API: aggregated services, versions in the store, migrations, and
//! workloads as the scheduler sees them.

use super::Kind;
use super::config::{NAME_AND_AGE, name_and_age};
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::value::{at, condition, some_of, text};
use serde_json::Value;

pub(super) const KINDS: &[Kind] = &[
    Kind::new("apiregistration.k8s.io", "APIService", SERVICE, service),
    Kind::new(
        "internal.apiserver.k8s.io",
        "StorageVersion",
        VERSION,
        version,
    ),
    Kind::new(
        "storagemigration.k8s.io",
        "StorageVersionMigration",
        MIGRATION,
        migration,
    ),
    Kind::new("scheduling.k8s.io", "Workload", NAME_AND_AGE, name_and_age),
];

/// So many servers are shown.
const SHOWN: usize = 3;

const SERVICE: &[Column] = &[
    NAME,
    Column::text("Service", "Who serves this group and version"),
    Column::text("Available", "Whether it can be used, and why not"),
    AGE,
];

const VERSION: &[Column] = &[
    NAME,
    Column::text(
        "CommonEncodingVersion",
        "What all servers store, if they agree",
    ),
    Column::text("StorageVersions", "What each server stores"),
    AGE,
];

const MIGRATION: &[Column] = &[
    Column::text("Name", "What the migration is called"),
    Column::text("Resource", "What is stored anew"),
    Column::text("Status", "How far it has got"),
];

fn service(object: &Object<'_>) -> Vec<Value> {
    let service = at(object.value, "spec.service");
    let service = service.map(|one| format!("{}/{}", text(one, "namespace"), text(one, "name")));
    let available = condition(object.list("status.conditions"), "Available");
    let available = available.map(|one| match (text(one, "status"), text(one, "reason")) {
        (status @ "True", _) | (status, "") => status.to_owned(),
        (status, reason) => format!("{status} ({reason})"),
    });
    vec![
        object.name(),
        service.unwrap_or_else(|| "Local".to_owned()).into(),
        available.unwrap_or_else(|| "Unknown".to_owned()).into(),
        object.age(),
    ]
}

fn version(object: &Object<'_>) -> Vec<Value> {
    let common = at(object.value, "status.commonEncodingVersion").and_then(Value::as_str);
    let servers = object.list("status.storageVersions").iter();
    let servers = servers.map(|one| {
        let (server, version) = (text(one, "apiServerID"), text(one, "encodingVersion"));
        format!("{server}={version}")
    });
    let servers = some_of(&servers.collect::<Vec<_>>(), SHOWN);
    vec![
        object.name(),
        common.unwrap_or("<unset>").into(),
        match servers.is_empty() {
            true => "<unset>".into(),
            false => servers.into(),
        },
        object.age(),
    ]
}

fn migration(object: &Object<'_>) -> Vec<Value> {
    let resource = at(object.value, "spec.resource").unwrap_or(&Value::Null);
    let resource = match (text(resource, "resource"), text(resource, "group")) {
        (resource, "") => resource.to_owned(),
        (resource, group) => format!("{resource}.{group}"),
    };
    let conditions = object.list("status.conditions").iter().rev();
    let mut holding = conditions
        .filter(|one| text(one, "status") == "True")
        .map(|one| text(one, "type"));
    let state = holding.find(|kind| ["Running", "Failed", "Succeeded"].contains(kind));
    vec![
        object.name(),
        resource.into(),
        state.unwrap_or("Unknown").into(),
    ]
}
