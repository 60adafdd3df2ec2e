//! Options of creating, replacing and patching.

use super::{PatchType, Query};
use crate::status::text::is_printable;
use crate::status::{Failure, FieldError, Path};

const FIELD_MANAGER_MAX: usize = 128;

/// What becomes of fields that the kind does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped, and the client is warned.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// Options of creating and replacing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Do everything but store it.
    pub is_dry_run: bool,
    /// Who owns the fields that are written.
    pub field_manager: String,
    /// What becomes of unknown fields.
    pub field_validation: FieldValidation,
}

/// Options of patching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchOptions {
    /// What all writes have.
    pub write: WriteOptions,
    /// Take fields over from other owners.
    pub force: bool,
}

impl WriteOptions {
    /// Reads the query of a create. The field manager is made from the `User-Agent` header if it is not
    /// given.
    ///
    /// # Errors
    /// 422 for values that mean nothing.
    pub fn create(query: &Query, user_agent: &str) -> Result<WriteOptions, Failure> {
        WriteOptions::parse(query, user_agent, "CreateOptions", Vec::new())
    }

    /// Reads the query of an update; see [`WriteOptions::create`].
    ///
    /// # Errors
    /// 422 for values that mean nothing.
    pub fn update(query: &Query, user_agent: &str) -> Result<WriteOptions, Failure> {
        WriteOptions::parse(query, user_agent, "UpdateOptions", Vec::new())
    }

    fn parse(
        query: &Query,
        user_agent: &str,
        options: &str,
        mut errors: Vec<FieldError>,
    ) -> Result<WriteOptions, Failure> {
        let manager = query.text("fieldManager");
        validate_field_manager(manager, &mut errors);
        let is_dry_run = dry_run(query.all("dryRun"), &mut errors);
        let validation = match query.text("fieldValidation") {
            "" => FieldValidation::default(),
            "Ignore" => FieldValidation::Ignore,
            "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            other => {
                let at = Path::new("fieldValidation");
                let supported = ["", "Ignore", "Strict", "Warn"];
                errors.push(FieldError::not_supported(&at, other, &supported));
                FieldValidation::default()
            }
        };
        if !errors.is_empty() {
            return Err(Failure::invalid_options(options, &errors));
        }
        Ok(WriteOptions {
            is_dry_run,
            field_manager: match manager.is_empty() {
                true => manager_of(user_agent),
                false => manager.to_owned(),
            },
            field_validation: validation,
        })
    }
}

impl PatchOptions {
    /// Reads the query of a patch; see [`WriteOptions::create`].
    ///
    /// # Errors
    /// 422 for values that mean nothing, for `force` without apply, and for apply without a manager.
    pub fn parse(
        query: &Query,
        user_agent: &str,
        patch: PatchType,
    ) -> Result<PatchOptions, Failure> {
        let mut errors = Vec::new();
        let force = query.flag("force");
        if patch != PatchType::Apply && force.is_some() {
            let detail = "may not be specified for non-apply patch";
            errors.push(FieldError::forbidden(&Path::new("force"), detail));
        }
        if patch == PatchType::Apply && query.text("fieldManager").is_empty() {
            let detail = "is required for apply patch";
            errors.push(FieldError::required(&Path::new("fieldManager"), detail));
        }
        Ok(PatchOptions {
            write: WriteOptions::parse(query, user_agent, "PatchOptions", errors)?,
            force: force.unwrap_or_default(),
        })
    }
}

fn validate_field_manager(manager: &str, errors: &mut Vec<FieldError>) {
    let at = Path::new("fieldManager");
    if manager.len() > FIELD_MANAGER_MAX {
        errors.push(FieldError::too_long(&at, FIELD_MANAGER_MAX));
    }
    // One is enough to tell: a text of nothing else would make thousands of errors.
    let odd = manager.char_indices().find(|(_, c)| !is_printable(*c));
    if let Some((position, c)) = odd {
        let code = u32::from(c);
        let detail = format!("invalid character U+{code:04X} (at position {position})");
        errors.push(FieldError::invalid(&at, manager, detail));
    }
}

/// Whether nothing shall be stored. The only value that is known is `All`.
pub(super) fn dry_run<'q>(
    values: impl Iterator<Item = &'q str>,
    errors: &mut Vec<FieldError>,
) -> bool {
    let values: Vec<&str> = values.collect();
    if values.iter().any(|value| *value != "All") {
        let at = Path::new("dryRun");
        errors.push(FieldError::not_supported(&at, values.clone(), &["All"]));
    }
    !values.is_empty()
}

/// The name of a client that gives none: what its `User-Agent` begins with.
fn manager_of(user_agent: &str) -> String {
    let name = user_agent.split('/').next().unwrap_or_default();
    let mut manager = String::new();
    for c in name.chars().filter(|c| is_printable(*c)) {
        if manager.len() + c.len_utf8() > FIELD_MANAGER_MAX {
            break;
        }
        manager.push(c);
    }
    manager
}
