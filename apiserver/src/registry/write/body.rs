//! What was sent, in the form in which it is stored, and whether it is meant for this path.

use super::job::Job;
use crate::canonical::encode_base64;
use crate::custom::Custom;
use crate::decode::conform::{conform, conform_members};
use crate::decode::{self, Decoder, MediaType, Strict, api_version};
use crate::defaults;
use crate::registry::strategy::Part;
use crate::registry::strategy::fields::{member, members, metadata, text};
use crate::registry::{Body, Target};
use crate::request::{Encoding, FieldValidation};
use crate::resource::Scope;
use crate::schema::Gvk;
use crate::status::{Failure, FieldError, GroupKind, Path};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// What a body that cannot be read is answered with.
pub(super) fn unreadable(error: decode::Error) -> Failure {
    match error {
        decode::Error::TooLarge { limit } => Failure::body_too_large(limit),
        error => Failure::bad_request(error.to_string()),
    }
}

pub(super) fn validation(given: FieldValidation) -> decode::FieldValidation {
    match given {
        FieldValidation::Ignore => decode::FieldValidation::Ignore,
        FieldValidation::Warn => decode::FieldValidation::Warn,
        FieldValidation::Strict => decode::FieldValidation::Strict,
    }
}

impl Job<'_> {
    /// Reads an object of the kind of this part. Warnings are added to `warnings`.
    ///
    /// # Errors
    /// 400 if it cannot be read, or is of another kind; 413 if it is too large.
    pub(super) fn read_body(
        &self,
        body: &Body,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Failure> {
        self.read_kind(body, &self.gvk, warnings)
    }

    /// Reads an object of this kind.
    ///
    /// # Errors
    /// 400 if it cannot be read, or is of another kind; 413 if it is too large.
    pub(super) fn read_kind(
        &self,
        body: &Body,
        expected: &Gvk,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Failure> {
        let media = match body.encoding {
            Encoding::Json => MediaType::Json,
            Encoding::Yaml => MediaType::Yaml,
            Encoding::Protobuf => MediaType::Protobuf,
        };
        if let Some(custom) = self.custom().filter(|_| *expected == self.gvk) {
            return self.read_custom(custom, media, body, warnings);
        }
        let decoder = Decoder::new(self.table, self.wire);
        let decoded = decoder.decode(media, &body.bytes, expected, validation(self.validation));
        let decoded = decoded.map_err(unreadable)?;
        check_kind(&decoded.gvk, expected)?;
        warnings.extend(decoded.warnings);
        let mut value = decoded.value;
        self.complete(expected, &mut value);
        Ok(value)
    }

    /// What the objects of this part look like, if no built-in shape says so.
    fn custom(&self) -> Option<&Custom> {
        let custom = self.resource().custom.as_deref();
        custom.filter(|_| self.part != Part::Scale)
    }

    /// Reads a custom resource.
    fn read_custom(
        &self,
        custom: &Custom,
        media: MediaType,
        body: &Body,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Failure> {
        let read = match media {
            MediaType::Json => decode::json_any(&body.bytes),
            MediaType::Yaml => decode::yaml_any(&body.bytes),
            MediaType::Protobuf => {
                let known = ["application/json", "application/yaml"];
                return Err(Failure::unsupported_media_type(&known));
            }
        };
        let (mut value, mut strict) = read.map_err(unreadable)?;
        if !value.is_object() {
            return Err(Failure::bad_request("the body of the request is no object"));
        }
        let (api_version, kind) = (text(&value, "/apiVersion"), text(&value, "/kind"));
        if api_version.is_empty() || kind.is_empty() {
            let missing = match kind.is_empty() {
                true => "kind",
                false => "apiVersion",
            };
            let text = format!("Object '{missing}' is missing in '{value}'");
            return Err(Failure::bad_request(text));
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let found = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        check_kind(&found, &self.gvk)?;
        strict.append(
            custom
                .form(&self.gvk.version, &mut value)
                .map_err(unreadable)?,
        );
        let more = validation(self.validation).warnings(&strict);
        warnings.extend(more.map_err(unreadable)?);
        Ok(value)
    }

    /// Brings an object that was changed into form again. Returns what is unknown or doubled in it.
    ///
    /// # Errors
    /// If a value has the wrong type.
    pub(super) fn form(&self, value: &mut Value) -> Result<Strict, decode::Error> {
        if let Some(custom) = self.custom() {
            return custom.form(&self.gvk.version, value);
        }
        let strict = conform(self.table, self.shape, value)?;
        self.complete(&self.gvk, value);
        Ok(strict)
    }

    /// The same after a patch of a built-in object that was in form: only what the patch names can be out of it.
    ///
    /// # Errors
    /// If a value has the wrong type.
    pub(super) fn form_members(
        &self,
        value: &mut Value,
        is_named: impl Fn(&str) -> bool,
    ) -> Result<Strict, decode::Error> {
        let strict = conform_members(self.table, self.shape, value, is_named)?;
        self.complete(&self.gvk, value);
        Ok(strict)
    }

    /// Sets what its author left out.
    fn complete(&self, gvk: &Gvk, value: &mut Value) {
        if self.part == Part::Scale {
            return;
        }
        if (gvk.group.as_str(), gvk.kind.as_str()) == ("", "Secret") {
            merge_string_data(value);
        }
        defaults::apply(gvk, value);
    }

    /// Brings an object that admission may have changed into form, in silence.
    ///
    /// # Errors
    /// 500 if it was changed into something else.
    pub(super) fn reform(&self, value: &mut Value) -> Result<(), Failure> {
        let formed = self.form(value).map(drop);
        formed.map_err(|error| Failure::internal(&format!("admission left no object: {error}")))
    }

    /// Brings an object of the kind that is stored into form, in silence.
    ///
    /// # Errors
    /// 500 if it is no such object.
    pub(super) fn form_stored(&self, value: &mut Value) -> Result<(), Failure> {
        let resource = self.resource();
        let formed = match &resource.custom {
            Some(custom) => custom.form(&resource.stored.version, value).map(drop),
            None => conform(self.table, self.stored_shape, value).map(drop),
        };
        formed.map_err(|error| Failure::internal(&format!("an object out of form: {error}")))
    }

    /// Complaints about a patch become warnings, or refuse it.
    ///
    /// # Errors
    /// 422 if the client wants it so.
    pub(super) fn tolerate(
        &self,
        strict: &Strict,
        patched: &Value,
        warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        match validation(self.validation).warnings(strict) {
            Ok(more) => {
                warnings.extend(more);
                Ok(())
            }
            Err(error) => Err(invalid_patch(patched, &error.to_string())),
        }
    }
}

/// 422: the patch makes of the object what it may not be.
pub(super) fn invalid_patch(patched: &Value, why: &str) -> Failure {
    let error = FieldError::invalid(&Path::new("patch"), patched.to_string(), why);
    Failure::invalid(&GroupKind::default(), "", &[error])
}

/// Refuses an object of another kind than the path's.
pub(super) fn check_kind(found: &Gvk, expected: &Gvk) -> Result<(), Failure> {
    let versions = (api_version(found), api_version(expected));
    if versions.0 != versions.1 {
        return Err(Failure::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({})",
            versions.0, versions.1
        )));
    }
    if found.kind != expected.kind {
        let (kind, version) = (&found.kind, crate::status::text::quote(&found.version));
        return Err(Failure::bad_request(format!(
            "{kind} in version {version} cannot be handled as a {}: the kind in the data does not match the expected kind",
            expected.kind
        )));
    }
    Ok(())
}

/// Makes the namespace of an object that of the path.
///
/// # Errors
/// 400 if it names another one.
pub(super) fn place(target: &Target, object: &mut Value) -> Result<(), Failure> {
    let wanted = match target.resource.scope {
        Scope::Namespaced => target.namespace.as_str(),
        Scope::Cluster => "",
    };
    let given = text(object, "/metadata/namespace");
    match (wanted, given) {
        (wanted, given) if wanted == given => {}
        // Objects that are in no namespace may say so in any way.
        ("", _) => drop(metadata(object).remove("namespace")),
        (wanted, "") => {
            metadata(object).insert("namespace".to_owned(), wanted.into());
        }
        _ => return Err(Failure::namespace_mismatch()),
    }
    Ok(())
}

/// Refuses an object that is called otherwise than the path says.
pub(super) fn check_name(target: &Target, object: &Value) -> Result<(), Failure> {
    let wanted = &target.name;
    match text(object, "/metadata/name") {
        "" => Err(Failure::bad_request(format!(
            "the name of the object ({wanted} based on URL) was undeterminable: name must be provided"
        ))),
        name if name == wanted => Ok(()),
        name => Err(Failure::name_mismatch(name, wanted)),
    }
}

/// What a Secret says in words is stored in Base64, and goes before what it says otherwise.
fn merge_string_data(secret: &mut Value) {
    let Some(Value::Object(words)) = members(secret).remove("stringData") else {
        return;
    };
    if words.is_empty() {
        return;
    }
    let encoded: Map<String, Value> = words
        .into_iter()
        .map(|(key, word)| {
            let word = word.as_str().unwrap_or_default();
            (key, encode_base64(word.as_bytes()).into())
        })
        .collect();
    members(member(secret, "data")).extend(encoded);
}

/// Drops owners that stand there twice, and says so: `when` is empty for what was sent.
pub(super) fn single_owners(object: &mut Value, when: &str, warnings: &mut Vec<String>) {
    let owners = object.pointer_mut("/metadata/ownerReferences");
    let Some(owners) = owners.and_then(Value::as_array_mut) else {
        return;
    };
    let mut doubled: Vec<String> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    let mut kept: Vec<Value> = Vec::with_capacity(owners.len());
    for owner in owners.drain(..) {
        let uid = text(&owner, "/uid").to_owned();
        match seen.contains(&uid) && kept.contains(&owner) {
            true => doubled.push(uid),
            false => {
                seen.insert(uid);
                kept.push(owner);
            }
        }
    }
    *owners = kept;
    if !doubled.is_empty() {
        doubled.dedup();
        let uids = doubled.join(", ");
        warnings.push(format!(
            ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {uids}"
        ));
    }
}
