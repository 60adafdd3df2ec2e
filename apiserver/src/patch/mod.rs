//! The three patches that change an object without owning its fields.
//!
//! | type | file | what it knows |
//! |---|---|---|
//! | JSON patch (RFC 6902) | `json` | a list of operations on paths |
//! | merge patch (RFC 7396) | `merge` | null deletes, everything else replaces; lists as a whole |
//! | strategic merge patch | `strategic` | the same, but the schema table tells which lists are merged, by which key; directives (`$patch`, `$setElementOrder/x`, ...) say the rest |
//!
//! Each takes an object and a patch and gives a new object or a [`PatchError`]; the object that it was
//! given is then as if nothing had happened. What comes out is not yet an object of its kind: unknown
//! fields, wrong types and changed names are found by whoever decodes and validates it next.
//!
//! What may enter: values that were parsed already, and facts of the table. What never happens here: a
//! look at what a field means, defaults, a clock, recursion deeper than [`MAX_DEPTH`], work that grows
//! faster than the patch and the object are long (but for a logarithm).

mod error;
pub mod json;
pub mod merge;
pub mod strategic;
#[cfg(test)]
mod tests;

pub use error::PatchError;

use serde_json::Value;

/// How deep patches and patched objects may be nested. Deeper ones would exhaust the stack of whoever
/// walks over them. Real kinds stay below 40.
pub const MAX_DEPTH: usize = 128;

/// Whether a value is nested no deeper than `most`. Looks no deeper either.
fn is_shallow(value: &Value, most: usize) -> bool {
    match value {
        Value::Array(items) => most > 0 && items.iter().all(|item| is_shallow(item, most - 1)),
        Value::Object(fields) => most > 0 && fields.values().all(|v| is_shallow(v, most - 1)),
        _ => true,
    }
}

/// Refuses a patch that is nested too deep.
fn check_depth(patch: &Value) -> Result<(), PatchError> {
    match is_shallow(patch, MAX_DEPTH) {
        true => Ok(()),
        false => Err(PatchError::too_deep()),
    }
}
