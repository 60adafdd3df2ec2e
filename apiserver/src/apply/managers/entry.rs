//! One manager of an object's fields.

use crate::apply::path::{Set, fields_v1, quote};
use serde_json::{Map, Value, json};
use std::fmt;

/// How a manager came to its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// By server-side apply: it owns what its last configuration named.
    Apply,
    /// By create, update or another patch: it owns what it changed.
    Update,
}

impl Operation {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What tells entries apart. Two entries of an object never have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The name that the client gave.
    pub manager: String,
    /// How it came to its fields.
    pub operation: Operation,
    /// Such as `apps/v1`; empty for apply: whoever applies is the same manager in every version.
    pub api_version: String,
    /// Such as `status`; empty for the resource itself.
    pub subresource: String,
}

impl Identity {
    /// Somebody who applies.
    pub fn applier(manager: &str, subresource: &str) -> Self {
        let (manager, subresource) = (manager.to_owned(), subresource.to_owned());
        Self {
            manager,
            operation: Operation::Apply,
            api_version: String::new(),
            subresource,
        }
    }

    /// Somebody who updates in an API version.
    pub fn updater(manager: &str, api_version: &str, subresource: &str) -> Self {
        Self {
            operation: Operation::Update,
            api_version: api_version.to_owned(),
            ..Self::applier(manager, subresource)
        }
    }
}

/// As conflicts name it: `"m"`, `"m" using apps/v1`, `"m" with subresource "status" using apps/v1`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(&self.manager))?;
        if !self.subresource.is_empty() {
            write!(f, " with subresource {}", quote(&self.subresource))?;
        }
        match self.operation {
            Operation::Apply => Ok(()),
            Operation::Update => write!(f, " using {}", self.api_version),
        }
    }
}

/// What a manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The API version in which `fields` are named.
    pub api_version: String,
    /// RFC 3339, UTC, whole seconds: when the manager last changed something.
    pub time: Option<String>,
    /// What it owns. Never empty.
    pub fields: Set,
}

impl Entry {
    /// The entry as it is stored.
    pub fn encode(&self, identity: &Identity) -> Value {
        let mut stored = Map::new();
        let mut text = |name: &str, value: &str| {
            if !value.is_empty() {
                stored.insert(name.to_owned(), json!(value));
            }
        };
        text("manager", &identity.manager);
        text("operation", identity.operation.as_str());
        text("apiVersion", &self.api_version);
        text("time", self.time.as_deref().unwrap_or_default());
        text("fieldsType", "FieldsV1");
        text("subresource", &identity.subresource);
        stored.insert("fieldsV1".to_owned(), fields_v1::encode(&self.fields));
        Value::Object(stored)
    }

    /// Reads a stored entry; `at` is its place in the list, for the error.
    pub(super) fn decode(stored: &Value, at: usize) -> Result<(Identity, Self), String> {
        let Value::Object(stored) = stored else {
            return Err(format!("managed fields entry {at} must be an object"));
        };
        let text = |name: &str| match stored.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(format!(
                "{name} must be a string in managed fields entry {at}"
            )),
        };
        let operation = match text("operation")? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err("operation must be `Apply` or `Update`".to_owned()),
        };
        let api_version = text("apiVersion")?.to_owned();
        if api_version.is_empty() {
            return Err("apiVersion must not be empty".to_owned());
        }
        match text("fieldsType")? {
            "FieldsV1" => {}
            "" => return Err(format!("missing fieldsType in managed fields entry {at}")),
            other => {
                let other = quote(other);
                return Err(format!(
                    "invalid fieldsType {other} in managed fields entry {at}"
                ));
            }
        }
        let fields = match stored.get("fieldsV1") {
            None | Some(Value::Null) => Set::default(),
            Some(fields) => fields_v1::decode(fields).map_err(|error| {
                format!("error decoding set in managed fields entry {at}: {error}")
            })?,
        };
        let (manager, subresource) = (text("manager")?, text("subresource")?);
        let identity = match operation {
            Operation::Apply => Identity::applier(manager, subresource),
            Operation::Update => Identity::updater(manager, &api_version, subresource),
        };
        let time = Some(text("time")?)
            .filter(|time| !time.is_empty())
            .map(str::to_owned);
        Ok((
            identity,
            Self {
                api_version,
                time,
                fields,
            },
        ))
    }
}
