//! What nobody owns, and when nothing has changed.

use super::Managers;
use crate::apply::path::{Element, Node, Path, Set};
use crate::schema::Type;
use serde_json::Value;
use std::sync::LazyLock;

/// Fields that the server sets or that name the object: no entry ever lists them.
pub fn never_owned() -> &'static Set {
    static SET: LazyLock<Set> = LazyLock::new(|| {
        let metadata = [
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
        ];
        let metadata = metadata.map(|name| Path::fields(&["metadata", name]));
        let whole = ["apiVersion", "kind", "metadata"].map(|name| Path::fields(&[name]));
        Set::of(whole.iter().chain(&metadata))
    });
    &SET
}

/// What the main resource of a kind with a status does not let its clients set: they cannot own it.
pub fn ignored_by_main() -> Set {
    Set::of(&[Path::fields(&["status"])])
}

/// What the `status` subresource of a kind does not let its clients set: all but the status. Kinds that
/// let some metadata through have a set of their own.
pub fn ignored_by_status(of: &Type) -> Set {
    let others = of.fields.iter().filter(|field| &*field.name != "status");
    Set::from_nodes(
        others
            .map(|field| Node::member(Element::Field(field.name.clone())))
            .collect(),
    )
}

/// Whether an update asks to forget all managers: its list is empty, or holds one entry without
/// content. No list at all asks for nothing.
pub fn is_reset(object: &Value) -> bool {
    let is_blank = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    match object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
    {
        None => false,
        Some(entries) => match &entries[..] {
            [] => true,
            [Value::Object(entry)] => entry.values().all(is_blank),
            _ => false,
        },
    }
}

/// Takes back new times of managed fields if nothing else changed, so that the write is none. Returns
/// whether `after` is the same as `before` now.
pub fn settle_times(before: &Value, after: &mut Value) -> bool {
    if before == after {
        return true;
    }
    if !same_but_managers(before, after) {
        return false;
    }
    let (Ok(old), Ok(new)) = (Managers::of(before), Managers::of(after)) else {
        return false;
    };
    let is_same_but_time = old.entries.len() == new.entries.len()
        && old
            .entries
            .iter()
            .zip(&new.entries)
            .all(|((old_id, old), (new_id, new))| {
                old_id == new_id && old.api_version == new.api_version && old.fields == new.fields
            });
    if !is_same_but_time {
        return false;
    }
    let stored = before.pointer("/metadata/managedFields").cloned();
    if let (Some(stored), Some(place)) = (stored, after.pointer_mut("/metadata/managedFields")) {
        *place = stored;
    }
    before == after
}

/// Whether two objects are the same except for their managed fields.
pub(in crate::apply) fn same_but_managers(before: &Value, after: &Value) -> bool {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        return false;
    };
    let others = |object: &serde_json::Map<String, Value>| {
        object.len() - usize::from(object.contains_key("managedFields"))
    };
    before.len() == after.len()
        && before
            .iter()
            .all(|(name, old)| match (old, after.get(name)) {
                (Value::Object(old), Some(Value::Object(new))) if name == "metadata" => {
                    others(old) == others(new)
                        && old
                            .iter()
                            .all(|(k, v)| k == "managedFields" || new.get(k) == Some(v))
                }
                (old, new) => new == Some(old),
            })
}
