//! The body of a request that writes: which kind it is, and what it holds.

use super::conform::conform;
use super::error::Error;
use super::limits::MAX_BODY;
use super::protobuf::{self, Wire};
use super::strict::Strict;
use super::{json, yaml};
use crate::canonical::quote;
use crate::schema::{Gvk, Table, TypeId};
use serde_json::Value;

/// In which encoding a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`
    Json,
    /// `application/yaml`, and server-side apply's own.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`
    Protobuf,
}

impl MediaType {
    /// By the value of `Content-Type`, whose parameters do not matter. Nothing is JSON.
    pub fn of(content_type: &str) -> Option<MediaType> {
        let name = content_type.split(';').next().unwrap_or("").trim();
        match name.to_ascii_lowercase().as_str() {
            "" | "application/json" => Some(MediaType::Json),
            "application/yaml" | "application/apply-patch+yaml" => Some(MediaType::Yaml),
            "application/vnd.kubernetes.protobuf" => Some(MediaType::Protobuf),
            _ => None,
        }
    }
}

/// What becomes of complaints about unknown and duplicate fields (`fieldValidation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Nobody hears of them.
    Ignore,
    /// They are returned as warnings.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

impl FieldValidation {
    /// By the value of the parameter; empty is `Warn`.
    pub fn of(parameter: &str) -> Option<FieldValidation> {
        match parameter {
            "Ignore" => Some(FieldValidation::Ignore),
            "" | "Warn" => Some(FieldValidation::Warn),
            "Strict" => Some(FieldValidation::Strict),
            _ => None,
        }
    }

    /// The warnings that complaints become.
    ///
    /// # Errors
    /// If this is `Strict` and there are any.
    pub fn warnings(self, strict: &Strict) -> Result<Vec<String>, Error> {
        match self {
            FieldValidation::Strict if !strict.is_empty() => Err(Error::Bad(strict.message())),
            FieldValidation::Warn => Ok(strict.warnings()),
            _ => Ok(Vec::new()),
        }
    }
}

/// A body that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// What it says it is; what it leaves out is taken from the request.
    pub gvk: Gvk,
    /// The object, in the form in which it is stored.
    pub value: Value,
    /// For the headers of the answer.
    pub warnings: Vec<String>,
}

/// Reads bodies of the kinds of one table.
pub struct Decoder<'a> {
    table: &'a Table,
    wire: &'a Wire,
}

impl<'a> Decoder<'a> {
    /// A reader for this table; `wire` must have been made of it.
    pub fn new(table: &'a Table, wire: &'a Wire) -> Decoder<'a> {
        Decoder { table, wire }
    }

    /// Reads a body. `expected` is what the request's path says: it fills in what the body does not say
    /// of its kind. Whether the body says something else is for the caller to look at.
    ///
    /// # Errors
    /// If the body is too large, malformed, of an unknown kind, has values of the wrong type, or has
    /// fields that `validation` does not let pass.
    pub fn decode(
        &self,
        media: MediaType,
        body: &[u8],
        expected: &Gvk,
        validation: FieldValidation,
    ) -> Result<Decoded, Error> {
        if body.len() > MAX_BODY {
            return Err(Error::TooLarge { limit: MAX_BODY });
        }
        let (gvk, mut value, strict) = match media {
            MediaType::Json => self.json(body, expected)?,
            MediaType::Yaml => self.yaml(body, expected)?,
            MediaType::Protobuf => self.protobuf(body, expected)?,
        };
        let warnings = validation
            .warnings(&strict)
            .map_err(|error| error.of_kind(&gvk))?;
        if let Value::Object(fields) = &mut value {
            fields.insert("apiVersion".to_owned(), Value::String(api_version(&gvk)));
            fields.insert("kind".to_owned(), Value::String(gvk.kind.clone()));
        }
        Ok(Decoded {
            gvk,
            value,
            warnings,
        })
    }

    fn json(&self, body: &[u8], expected: &Gvk) -> Result<(Gvk, Value, Strict), Error> {
        let head = json::head(body)?;
        let (gvk, id) = self.kind(&head.api_version, &head.kind, expected)?;
        match json::read(self.table, id, body) {
            Ok((value, strict)) => Ok((gvk, value, strict)),
            Err(error) => Err(error.of_kind(&gvk)),
        }
    }

    fn yaml(&self, body: &[u8], expected: &Gvk) -> Result<(Gvk, Value, Strict), Error> {
        let (mut value, mut strict) = yaml::read(body)?;
        let said = |name| value.get(name).and_then(Value::as_str).unwrap_or("");
        let (gvk, id) = self.kind(said("apiVersion"), said("kind"), expected)?;
        match conform(self.table, id, &mut value) {
            Ok(more) => strict.append(more),
            Err(error) => return Err(error.of_kind(&gvk)),
        }
        Ok((gvk, value, strict))
    }

    fn protobuf(&self, body: &[u8], expected: &Gvk) -> Result<(Gvk, Value, Strict), Error> {
        let envelope = protobuf::open(body)?;
        let (gvk, id) = self.kind(&envelope.api_version, &envelope.kind, expected)?;
        match protobuf::read(self.table, self.wire, id, envelope.raw) {
            Ok(value) => Ok((gvk, value, Strict::default())),
            Err(error) => Err(error.of_kind(&gvk)),
        }
    }

    /// The kind that a body means, and its type.
    fn kind(&self, api_version: &str, kind: &str, expected: &Gvk) -> Result<(Gvk, TypeId), Error> {
        let (group, version) = match api_version.split_once('/') {
            _ if api_version.is_empty() => (expected.group.as_str(), expected.version.as_str()),
            Some((_, rest)) if rest.contains('/') => {
                let text = quote(api_version);
                return Err(Error::bad(format!(
                    "unexpected GroupVersion string: {text}"
                )));
            }
            Some((group, version)) => (group, version),
            None => ("", api_version),
        };
        let kind = if kind.is_empty() {
            &expected.kind
        } else {
            kind
        };
        let gvk = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        match self.table.kind(&gvk) {
            Some(id) => Ok((gvk, id)),
            None => Err(Error::UnknownKind(gvk)),
        }
    }
}

/// Group and version in one text.
pub(crate) fn api_version(gvk: &Gvk) -> String {
    match gvk.group.as_str() {
        "" => gvk.version.clone(),
        group => format!("{group}/{}", gvk.version),
    }
}
