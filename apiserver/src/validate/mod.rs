//! What is wrong with an object that has the right shape: rules of its kind, and what an update may not
//! change.
//!
//! Texts and field paths are upstream's. Metadata is checked the same way for all kinds.
//!
//! What may enter: objects in stored form, with defaults. What never happens here: IO, a clock, a look at
//! other objects.

use crate::schema::Gvk;
use crate::status::FieldError;
use serde_json::Value;

/// What is wrong with a new object.
pub fn create(_gvk: &Gvk, _object: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// What is wrong with an update of `old` to `new`.
pub fn update(_gvk: &Gvk, _new: &Value, _old: &Value) -> Vec<FieldError> {
    Vec::new()
}
