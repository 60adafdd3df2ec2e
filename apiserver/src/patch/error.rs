//! Why a patch was refused.

use crate::status::Failure;
use serde_json::Value;
use std::fmt;

/// Why a patch was refused, by what the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// The patch is no patch, or its directives make no sense. The client sees the text (400).
    Malformed(String),
    /// More operations than are carried out in one request (413).
    TooManyOperations {
        /// How many there are.
        count: usize,
        /// How many may be.
        most: usize,
    },
    /// A sound patch that cannot be applied to this object. The client sees only that (422); the text is
    /// for the log.
    DoesNotApply(String),
}

impl PatchError {
    /// The patch, or what it would make of the object, is nested too deep.
    pub(super) fn too_deep() -> PatchError {
        PatchError::Malformed("exceeded max depth".to_owned())
    }

    /// A part of the patch is of another type than it must be.
    pub(super) fn wrong_type(value: &Value, wanted: &str) -> PatchError {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        PatchError::Malformed(format!(
            "error decoding patch: json: cannot unmarshal {found} into Go value of type {wanted}"
        ))
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatchError::Malformed(text) | PatchError::DoesNotApply(text) => f.write_str(text),
            PatchError::TooManyOperations { count, most } => write!(
                f,
                "The allowed maximum operations in a JSON patch is {most}, got {count}"
            ),
        }
    }
}

impl std::error::Error for PatchError {}

impl From<PatchError> for Failure {
    fn from(error: PatchError) -> Failure {
        match error {
            PatchError::Malformed(text) => Failure::bad_request(text),
            PatchError::TooManyOperations { .. } => Failure::too_large(&error.to_string()),
            PatchError::DoesNotApply(_) => Failure::patch_does_not_apply(),
        }
    }
}
