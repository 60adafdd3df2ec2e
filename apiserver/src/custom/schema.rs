//! A structural schema.

use super::limits::Limits;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a value of a custom resource may be. Also what stands below `allOf` and its like, of which only
/// the checks count.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Schema {
    pub(super) kind: Option<Kind>,
    pub(super) is_nullable: bool,
    pub(super) is_int_or_string: bool,
    /// Fields that are not named stay.
    pub(super) keeps_unknown: bool,
    /// It is an object with a kind and metadata of its own.
    pub(super) is_embedded: bool,
    pub(super) properties: BTreeMap<String, Schema>,
    /// What is below any other name.
    pub(super) additional: Option<Box<Schema>>,
    pub(super) items: Option<Box<Schema>>,
    pub(super) default: Option<Value>,
    /// How long the default is as text.
    pub(super) default_bytes: usize,
    pub(super) required: Vec<String>,
    pub(super) list: ListType,
    pub(super) is_map_atomic: bool,
    pub(super) limits: Limits,
    pub(super) all_of: Vec<Schema>,
    pub(super) any_of: Vec<Schema>,
    pub(super) one_of: Vec<Schema>,
    pub(super) not: Option<Box<Schema>>,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    pub(super) fn of(name: &str) -> Option<Kind> {
        Some(match name {
            "object" => Kind::Object,
            "array" => Kind::Array,
            "string" => Kind::String,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Object => "object",
            Kind::Array => "array",
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
        }
    }
}

/// What tells the elements of a list apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

impl Schema {
    /// Anything, as it is.
    pub(super) fn anything() -> Schema {
        Schema {
            keeps_unknown: true,
            is_nullable: true,
            ..Schema::default()
        }
    }

    /// What is below this name, if anything is said of it.
    pub(super) fn below(&self, name: &str) -> Option<&Schema> {
        self.properties.get(name).or(self.additional.as_deref())
    }
}
