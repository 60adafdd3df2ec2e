//! What is wrong with one field.

use super::bound::{ERRORS_BYTES, TEXT_BYTES, bounded};
use super::{Path, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// In which way a field is wrong. Clients see the name of the kind as the reason of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldErrorKind {
    /// A value is missing or empty.
    Required,
    /// The value is malformed or out of bounds.
    Invalid,
    /// The value must be unique and is not.
    Duplicate,
    /// The value is none of those that are known.
    NotSupported,
    /// The value may be well formed, but not here and now.
    Forbidden,
    /// The value has too many bytes. It is not shown.
    TooLong,
    /// The list has too many elements.
    TooMany,
    /// The value is of another type than the schema says.
    TypeInvalid,
    /// What the value names does not exist.
    NotFound,
    /// Not the client's fault.
    Internal,
}

impl FieldErrorKind {
    /// The reason of the cause in a Status.
    pub fn reason(self) -> &'static str {
        match self {
            FieldErrorKind::Required => "FieldValueRequired",
            FieldErrorKind::Invalid => "FieldValueInvalid",
            FieldErrorKind::Duplicate => "FieldValueDuplicate",
            FieldErrorKind::NotSupported => "FieldValueNotSupported",
            FieldErrorKind::Forbidden => "FieldValueForbidden",
            FieldErrorKind::TooLong => "FieldValueTooLong",
            FieldErrorKind::TooMany => "FieldValueTooMany",
            FieldErrorKind::TypeInvalid => "FieldValueTypeInvalid",
            FieldErrorKind::NotFound => "FieldValueNotFound",
            FieldErrorKind::Internal => "InternalError",
        }
    }

    /// What a message begins with.
    fn title(self) -> &'static str {
        match self {
            FieldErrorKind::Required => "Required value",
            FieldErrorKind::Invalid | FieldErrorKind::TypeInvalid => "Invalid value",
            FieldErrorKind::Duplicate => "Duplicate value",
            FieldErrorKind::NotSupported => "Unsupported value",
            FieldErrorKind::Forbidden => "Forbidden",
            FieldErrorKind::TooLong => "Too long",
            FieldErrorKind::TooMany => "Too many",
            FieldErrorKind::NotFound => "Not found",
            FieldErrorKind::Internal => "Internal error",
        }
    }
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// In which way it is wrong.
    pub kind: FieldErrorKind,
    /// Where the field is.
    pub field: Path,
    /// What it holds, if that is shown.
    pub value: Option<Value>,
    /// What the client should know; may be empty.
    pub detail: String,
}

impl FieldError {
    fn new(
        kind: FieldErrorKind,
        field: &Path,
        value: Option<Value>,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError {
            kind,
            field: field.clone(),
            value,
            detail: detail.into(),
        }
    }

    /// A value is missing or empty.
    pub fn required(field: &Path, detail: impl Into<String>) -> FieldError {
        FieldError::new(FieldErrorKind::Required, field, None, detail)
    }

    /// The value is malformed or out of bounds.
    pub fn invalid(field: &Path, value: impl Into<Value>, detail: impl Into<String>) -> FieldError {
        FieldError::new(FieldErrorKind::Invalid, field, Some(value.into()), detail)
    }

    /// The value must be unique and is not.
    pub fn duplicate(field: &Path, value: impl Into<Value>) -> FieldError {
        FieldError::new(FieldErrorKind::Duplicate, field, Some(value.into()), "")
    }

    /// The value is none of `supported`, which are named in this order.
    pub fn not_supported<S: AsRef<str>>(
        field: &Path,
        value: impl Into<Value>,
        supported: &[S],
    ) -> FieldError {
        let names: Vec<String> = supported.iter().map(|s| text::quote(s.as_ref())).collect();
        let detail = match names.is_empty() {
            true => String::new(),
            false => format!("supported values: {}", names.join(", ")),
        };
        FieldError::new(
            FieldErrorKind::NotSupported,
            field,
            Some(value.into()),
            detail,
        )
    }

    /// The value may be well formed, but not here and now.
    pub fn forbidden(field: &Path, detail: impl Into<String>) -> FieldError {
        FieldError::new(FieldErrorKind::Forbidden, field, None, detail)
    }

    /// The value has more than `most` bytes.
    pub fn too_long(field: &Path, most: usize) -> FieldError {
        let unit = if most == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {most} {unit}");
        FieldError::new(FieldErrorKind::TooLong, field, None, detail)
    }

    /// The list has `count` elements, more than `most`.
    pub fn too_many(field: &Path, count: usize, most: usize) -> FieldError {
        let unit = if most == 1 { "item" } else { "items" };
        let detail = format!("must have at most {most} {unit}");
        FieldError::new(FieldErrorKind::TooMany, field, Some(count.into()), detail)
    }

    /// The value is of another type than the schema says.
    pub fn type_invalid(
        field: &Path,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError::new(
            FieldErrorKind::TypeInvalid,
            field,
            Some(value.into()),
            detail,
        )
    }

    /// What the value names does not exist.
    pub fn not_found(field: &Path, value: impl Into<Value>) -> FieldError {
        FieldError::new(FieldErrorKind::NotFound, field, Some(value.into()), "")
    }

    /// Not the client's fault.
    pub fn internal(field: &Path, detail: impl Into<String>) -> FieldError {
        FieldError::new(FieldErrorKind::Internal, field, None, detail)
    }

    /// The message without the path: what a cause says.
    pub fn body(&self) -> String {
        let mut body = self.kind.title().to_owned();
        if let Some(value) = &self.value {
            body.push_str(": ");
            body.push_str(&text::in_field_error(value));
        }
        if !self.detail.is_empty() {
            body.push_str(": ");
            body.push_str(&self.detail);
        }
        body
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

/// Several errors in one line: the only one as it is, more of them as `[a, b]`, each text once. Of very many
/// the first are told, and how many there are.
pub fn aggregate(errors: &[FieldError]) -> String {
    let mut seen = BTreeSet::new();
    let mut left = ERRORS_BYTES;
    let mut texts = Vec::new();
    for error in errors {
        let text = bounded(&error.to_string(), TEXT_BYTES).into_owned();
        if !seen.insert(text.clone()) {
            continue;
        }
        let Some(rest) = left.checked_sub(text.len() + ", ".len()) else {
            texts.push(format!("... ({} errors)", errors.len()));
            break;
        };
        left = rest;
        texts.push(text);
    }
    match texts.as_slice() {
        [only] => only.clone(),
        texts => format!("[{}]", texts.join(", ")),
    }
}
