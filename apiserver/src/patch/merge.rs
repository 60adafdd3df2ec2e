//! Merge patch, RFC 7396: null deletes, objects are merged, everything else replaces.

use super::{PatchError, check_depth};
use serde_json::{Map, Value};

/// Applies a merge patch to an object.
///
/// # Errors
/// [`PatchError::Malformed`] if the patch is no object or nested too deep.
pub fn apply(mut object: Value, patch: Value) -> Result<Value, PatchError> {
    if !patch.is_object() {
        return Err(PatchError::Malformed("Invalid JSON Patch".to_owned()));
    }
    check_depth(&patch)?;
    merge(&mut object, patch);
    Ok(object)
}

/// As deep as the patch, which has been checked.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(&name);
        } else {
            // What is not there is merged into nothing, so that nulls inside it vanish.
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}
