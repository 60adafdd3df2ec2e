//! Options of an answer as a table.

use super::Query;
use crate::status::{Failure, FieldError, Path};

/// What a row of a table has of its object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl IncludeObject {
    /// Reads the query.
    ///
    /// # Errors
    /// 422 for a value that means nothing.
    pub fn parse(query: &Query) -> Result<IncludeObject, Failure> {
        match query.text("includeObject") {
            "" | "Metadata" => Ok(IncludeObject::Metadata),
            "None" => Ok(IncludeObject::None),
            "Object" => Ok(IncludeObject::Object),
            other => {
                let detail = "must be 'Metadata', 'Object', 'None', or empty";
                let error = FieldError::invalid(&Path::new("includeObject"), other, detail);
                Err(Failure::invalid_options("TableOptions", &[error]))
            }
        }
    }
}
