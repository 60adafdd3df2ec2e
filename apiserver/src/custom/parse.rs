//! Reading a structural schema from the `openAPIV3Schema` of a definition.
//!
//! Whether the schema is one has been looked at when the definition was written. What is not understood is
//! left out here.

use super::limits::{Limits, Range};
use super::pattern::Pattern;
use super::schema::{Kind, ListType, Schema};
use serde_json::{Number, Value};

impl Schema {
    /// Reads a schema. Its depth is bounded: it is part of an object that was stored.
    pub(super) fn parse(value: &Value) -> Schema {
        let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let default = value.get("default").filter(|value| !value.is_null());
        let keeps_unknown = flag("x-kubernetes-preserve-unknown-fields");
        let properties = value.get("properties").and_then(Value::as_object);
        let properties = properties.into_iter().flatten();
        Schema {
            kind: Kind::of(text("type")),
            is_nullable: flag("nullable"),
            is_int_or_string: flag("x-kubernetes-int-or-string"),
            keeps_unknown,
            is_embedded: flag("x-kubernetes-embedded-resource"),
            properties: properties
                .map(|(name, below)| (name.clone(), Schema::parse(below)))
                .collect(),
            additional: match value.get("additionalProperties") {
                Some(Value::Bool(true)) => Some(Box::new(Schema::anything())),
                Some(below @ Value::Object(_)) => Some(Box::new(Schema::parse(below))),
                _ => None,
            },
            items: match value.get("items") {
                Some(below @ Value::Object(_)) => Some(Box::new(Schema::parse(below))),
                _ => None,
            },
            default_bytes: default.map_or(0, |value| value.to_string().len()),
            default: default.cloned(),
            required: texts(value, "required"),
            list: match text("x-kubernetes-list-type") {
                "set" => ListType::Set,
                "map" => ListType::Map(texts(value, "x-kubernetes-list-map-keys")),
                _ => ListType::Atomic,
            },
            is_map_atomic: text("x-kubernetes-map-type") == "atomic",
            limits: limits(value),
            all_of: several(value, "allOf"),
            any_of: several(value, "anyOf"),
            one_of: several(value, "oneOf"),
            not: value.get("not").map(|not| Box::new(Schema::parse(not))),
        }
    }
}

fn limits(value: &Value) -> Limits {
    let number = |name: &str| -> Option<Number> { value.get(name)?.as_number().cloned() };
    let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let count = |name: &str| value.get(name).and_then(Value::as_u64);
    let range = |least, most| Range {
        least: count(least),
        most: count(most),
    };
    Limits {
        options: list(value, "enum").to_vec(),
        minimum: number("minimum"),
        is_above_minimum: flag("exclusiveMinimum"),
        maximum: number("maximum"),
        is_below_maximum: flag("exclusiveMaximum"),
        multiple_of: number("multipleOf"),
        length: range("minLength", "maxLength"),
        pattern: text("pattern").and_then(|text| Pattern::parse(text).ok()),
        format: text("format").unwrap_or_default().to_owned(),
        items: range("minItems", "maxItems"),
        properties: range("minProperties", "maxProperties"),
    }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let list = value.get(name).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let texts = list(value, name).iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn several(value: &Value, name: &str) -> Vec<Schema> {
    list(value, name).iter().map(Schema::parse).collect()
}
