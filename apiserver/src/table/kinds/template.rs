//! What workloads say of their pod templates.

use crate::table::object::Object;
use crate::table::value::{list, text};
use serde_json::Value;

/// Names and images of the containers at a path, each with commas.
pub(super) fn containers(object: &Object<'_>, path: &str) -> [Value; 2] {
    let all = list(object.value, path).iter();
    let joined = |field| {
        let texts: Vec<&str> = all.clone().map(|one| text(one, field)).collect();
        Value::from(texts.join(","))
    };
    [joined("name"), joined("image")]
}
