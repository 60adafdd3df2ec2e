//! Objects without their contents.

use super::build::{MetaVersion, list_metadata};
use super::value::list;
use serde_json::{Map, Value, json};

/// The metadata of an object as a `PartialObjectMetadata`. Nothing else of it is in the answer.
pub fn partial(object: &Value, version: MetaVersion) -> Value {
    let metadata = object.get("metadata").filter(|found| found.is_object());
    let metadata = metadata.cloned().unwrap_or(Value::Object(Map::new()));
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": version.api_version(),
        "metadata": metadata,
    })
}

/// A list as a `PartialObjectMetadataList`, with the list's own metadata.
pub fn partial_list(objects: &Value, version: MetaVersion) -> Value {
    let items = list(objects, "items").iter();
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": version.api_version(),
        "metadata": list_metadata(objects),
        "items": items.map(|item| partial(item, version)).collect::<Vec<_>>(),
    })
}
