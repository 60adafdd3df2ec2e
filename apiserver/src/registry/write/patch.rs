//! Patches: reading them, and what they make of an object.

use super::body::{check_kind, invalid_patch, unreadable, validation};
use super::change::Source;
use super::job::Job;
use crate::decode::{self, Strict};
use crate::patch::{json, merge, strategic};
use crate::registry::Body;
use crate::registry::strategy::Part;
use crate::registry::strategy::fields::text;
use crate::request::{FieldValidation, PatchType};
use crate::schema::Gvk;
use crate::status::Failure;
use serde_json::{Map, Value};

/// A patch that changes an object without owning its fields.
pub(super) enum Patch {
    Json(json::Patch),
    Merge(Value),
    Strategic(Value),
}

impl Patch {
    /// The members of the object that it changes, if it says so.
    fn members(&self) -> Option<&Map<String, Value>> {
        let members = match self {
            Patch::Json(_) => None,
            Patch::Merge(patch) | Patch::Strategic(patch) => patch.as_object(),
        };
        // Directives are about the object as a whole.
        members.filter(|members| !members.keys().any(|name| name.starts_with('$')))
    }
}

impl Job<'_> {
    /// Reads a patch. Warnings are added to `warnings`.
    ///
    /// # Errors
    /// 400 if it is none, 413 if it is too large, 415 for an apply of a part that knows none, 422 for
    /// doubled fields if the client wants it so.
    pub(super) fn read_patch(
        &self,
        body: &Body,
        kind: PatchType,
        force: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Source, Failure> {
        if kind == PatchType::Apply {
            return self.read_config(body, force, warnings);
        }
        let (value, strict) = decode::json_any(&body.bytes)
            .map_err(|error| prefixed("error decoding patch", error))?;
        self.tolerate(&strict, &value, warnings)?;
        Ok(Source::Patch(match kind {
            PatchType::Json => Patch::Json(self.read_operations(value, warnings)?),
            PatchType::Merge => Patch::Merge(value),
            PatchType::Strategic | PatchType::Apply => Patch::Strategic(value),
        }))
    }

    fn read_operations(
        &self,
        value: Value,
        warnings: &mut Vec<String>,
    ) -> Result<json::Patch, Failure> {
        let sent = (self.validation == FieldValidation::Strict).then(|| value.clone());
        let patch = json::Patch::parse(value)?;
        let unknown = patch.unknown_members();
        match self.validation {
            FieldValidation::Strict if !unknown.is_empty() => {
                let text = format!("strict decoding error: {}", unknown.join(", "));
                return Err(invalid_patch(&sent.unwrap_or_default(), &text));
            }
            FieldValidation::Warn => warnings.extend_from_slice(unknown),
            _ => {}
        }
        Ok(patch)
    }

    /// Reads what somebody applies.
    fn read_config(
        &self,
        body: &Body,
        force: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Source, Failure> {
        if self.part == Part::Scale {
            let known = [PatchType::Json, PatchType::Merge, PatchType::Strategic];
            let known = known.map(PatchType::media_type);
            return Err(Failure::unsupported_media_type(&known));
        }
        let (config, strict) = decode::yaml_any(&body.bytes)
            .map_err(|error| prefixed("error decoding YAML", error))?;
        let more = validation(self.validation).warnings(&strict);
        warnings.extend(more.map_err(|error| prefixed("error strict decoding YAML", error))?);
        if !config.is_object() {
            return Err(Failure::bad_request(
                "error decoding YAML: the configuration is no object",
            ));
        }
        Ok(Source::Apply { config, force })
    }

    /// What a patch makes of an object.
    ///
    /// # Errors
    /// Whatever is wrong with the patch, or with what it makes.
    pub(super) fn patched(
        &self,
        patch: &Patch,
        current: &Value,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Failure> {
        let current = current.clone();
        let mut value = match patch {
            Patch::Json(patch) => patch.clone().apply(current)?,
            Patch::Merge(patch) => merge::apply(current, patch.clone())?,
            Patch::Strategic(patch) => {
                strategic::apply(self.table, self.shape, current, patch.clone())?
            }
        };
        self.check_stated(&value)?;
        let formed = match patch.members() {
            Some(members) if self.sees_stored() => {
                self.form_members(&mut value, |name| members.contains_key(name))
            }
            _ => self.form(&mut value),
        };
        match formed {
            Ok(strict) => self.tolerate(&strict, &value, warnings)?,
            Err(error @ decode::Error::TooLarge { .. }) => return Err(unreadable(error)),
            Err(error) => return Err(invalid_patch(&value, &error.to_string())),
        }
        Ok(value)
    }

    /// What somebody's configuration makes of an object, or of nothing.
    ///
    /// # Errors
    /// Whatever is wrong with the configuration, or with what it makes.
    pub(super) fn configured(
        &self,
        live: Option<&Value>,
        config: &Value,
        force: bool,
    ) -> Result<Value, Failure> {
        let mut value = self.applied(live, config, force)?;
        let strict: Result<Strict, _> = self.form(&mut value);
        strict.map_err(|error| invalid_patch(&value, &error.to_string()))?;
        Ok(value)
    }

    /// Refuses a patch that makes an object one of another kind.
    fn check_stated(&self, value: &Value) -> Result<(), Failure> {
        let version = text(value, "/apiVersion");
        let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
        let stated = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: text(value, "/kind").to_owned(),
        };
        check_kind(&stated, &self.gvk)
    }
}

fn prefixed(what: &str, error: decode::Error) -> Failure {
    match error {
        decode::Error::TooLarge { limit } => Failure::body_too_large(limit),
        error => Failure::bad_request(format!("{what}: {error}")),
    }
}
