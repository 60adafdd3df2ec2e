//! The document, gathered from those of v3.

use super::messages::DOCUMENT;
use super::operations::path_item;
use super::protobuf::{NoPlace, protobuf};
use super::schemas::{custom, schema};
use crate::openapi::custom::names;
use crate::openapi::document::value;
use crate::resource::Catalog;
use crate::schema::Table;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};

/// The document in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// As text.
    pub json: String,
    /// A `Document` of gnostic's `openapi.v2`.
    pub protobuf: Vec<u8>,
    /// Changes when the content does. Upper-case hexadecimal.
    pub hash: String,
}

/// Everything that the catalog has. `release` is the server's version, such as `v1.35.0`.
///
/// # Errors
/// If something that is said has no protobuf form.
pub fn document(table: &Table, catalog: &Catalog, release: &str) -> Result<Document, NoPlace> {
    let content = content(table, catalog, release);
    let json = content.to_string();
    Ok(Document {
        protobuf: protobuf(&DOCUMENT, &content)?,
        hash: hash(&json),
        json,
    })
}

/// What the document says.
pub(super) fn content(table: &Table, catalog: &Catalog, release: &str) -> Value {
    let versions = catalog.groups().iter().flat_map(|group| {
        let versions = group.versions.iter();
        versions.map(|version| (group.name.as_str(), version.as_str()))
    });
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    let mut schemes = Map::new();
    for version in versions {
        let Some(mut newer) = value(table, catalog, version, release) else {
            continue;
        };
        for (path, item) in part(&mut newer["paths"]) {
            paths.insert(path, path_item(item));
        }
        let custom_names = names(catalog.of_version(version.0, version.1));
        // Many types are in several documents, and the same in each.
        for (name, one) in part(&mut newer["components"]["schemas"]) {
            let one = match custom_names.contains(&name) {
                true => custom(one),
                false => one,
            };
            definitions.entry(name).or_insert_with(|| schema(one));
        }
        schemes.append(&mut part(&mut newer["components"]["securitySchemes"]));
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": release},
        "paths": paths,
        "definitions": definitions,
        "securityDefinitions": schemes,
    })
}

/// The entries of a part of a document, taken out of it.
fn part(of: &mut Value) -> Map<String, Value> {
    match of.take() {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}

fn hash(text: &str) -> String {
    let digest = Sha512::digest(text);
    digest.iter().map(|byte| format!("{byte:02X}")).collect()
}
