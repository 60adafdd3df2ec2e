//! Whether the schema of a custom resource is structural: every value has one type, and what is said
//! beside that decides nothing about which fields there are.

use super::at::{At, Errors};
use crate::custom::{fits_schema, pattern_fault};

const KINDS: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// What a structural schema does not have.
const FORBIDDEN: [(&str, &str); 6] = [
    ("$ref", "$ref is not supported"),
    ("definitions", "definitions is not supported"),
    ("dependencies", "dependencies is not supported"),
    ("patternProperties", "patternProperties is not supported"),
    ("additionalItems", "additionalItems is not supported"),
    ("id", "id is not supported"),
];
/// What decides about fields, and so must not depend on other fields.
const STRUCTURE: [&str; 9] = [
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
];

/// The schema of a version.
pub(super) fn check(schema: &At<'_>, errors: &mut Errors) {
    if !schema.is_set() {
        errors.push(schema.required("schemas are required"));
        return;
    }
    let kind = schema.get("type");
    match kind.text() {
        "" => errors.push(kind.required("must not be empty at the root")),
        "object" => {}
        _ => errors.push(kind.invalid("must be object at the root")),
    }
    structural(schema, "", errors);
}

/// `empty`: what is said if the type is missing; empty where that has been said.
fn structural(schema: &At<'_>, empty: &str, errors: &mut Errors) {
    if !schema.value().is_object() {
        return;
    }
    let kind = schema.get("type");
    let is_free = schema.get("x-kubernetes-int-or-string").flag()
        || schema.get("x-kubernetes-preserve-unknown-fields").flag();
    match kind.text() {
        "" if empty.is_empty() || is_free => {}
        "" => errors.push(kind.required(empty)),
        _ => kind.choice(&KINDS, errors),
    }
    for (name, what) in FORBIDDEN {
        let at = schema.get(name);
        if at.is_set() {
            errors.push(at.forbidden(what));
        }
    }
    if schema.get("uniqueItems").flag() {
        let what =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(schema.get("uniqueItems").forbidden(what));
    }
    let rules = schema.get("x-kubernetes-validations");
    if rules.len() > 0 {
        errors.push(rules.forbidden("validation rules in CEL are not supported yet"));
    }
    let pattern = schema.get("pattern");
    if let Some(why) = pattern_fault(pattern.text()) {
        let what = format!("must be a valid regular expression, but isn't: {why}");
        errors.push(pattern.invalid(what));
    }
    fields(schema, errors);
    elements(schema, errors);
    let is_either = schema.get("x-kubernetes-int-or-string").flag();
    for name in ["allOf", "anyOf", "oneOf"] {
        for one in schema.get(name).items() {
            logic(&one, is_either, errors);
        }
    }
    logic(&schema.get("not"), false, errors);
    default(schema, errors);
}

fn fields(schema: &At<'_>, errors: &mut Errors) {
    let (properties, additional) = (schema.get("properties"), schema.get("additionalProperties"));
    if additional.is_set() && properties.len() > 0 {
        let what = "additionalProperties and properties are mutual exclusive";
        errors.push(additional.forbidden(what));
    }
    if additional.value().as_bool() == Some(false) {
        errors.push(additional.forbidden("additionalProperties cannot be set to false"));
    }
    structural(
        &additional,
        "must not be empty for specified object fields",
        errors,
    );
    for (_, property) in properties.entries() {
        structural(
            &property,
            "must not be empty for specified object fields",
            errors,
        );
    }
}

fn elements(schema: &At<'_>, errors: &mut Errors) {
    let items = schema.get("items");
    if items.value().is_array() {
        errors.push(items.forbidden("items must be a schema object and not an array"));
    }
    let is_array = schema.get("type").text() == "array";
    if is_array && !items.is_set() {
        errors.push(items.required("must be specified"));
    }
    structural(
        &items,
        "must not be empty for specified array items",
        errors,
    );
    let list = schema.get("x-kubernetes-list-type");
    if list.is_set() {
        list.choice(&["atomic", "set", "map"], errors);
    }
    if !list.text().is_empty() && !is_array {
        errors.push(
            schema
                .get("type")
                .invalid("must be array if x-kubernetes-list-type is specified"),
        );
    }
    let keys = schema.get("x-kubernetes-list-map-keys");
    match (list.text(), keys.len()) {
        ("map", 0) => {
            errors.push(keys.required("must not be empty if x-kubernetes-list-type is map"))
        }
        ("map", _) => {
            for key in keys.items() {
                if !items.dig(&["properties"]).get(key.text()).is_set() {
                    let what = "entries must all be names of item properties";
                    errors.push(key.invalid(what));
                }
            }
        }
        (_, 0) => {}
        _ => errors.push(keys.forbidden("must be empty if x-kubernetes-list-type is not map")),
    }
}

/// Below `allOf` and its like, and all the way down.
fn logic(schema: &At<'_>, is_either: bool, errors: &mut Errors) {
    if !schema.value().is_object() {
        return;
    }
    let kind = schema.get("type");
    let is_allowed = is_either && matches!(kind.text(), "integer" | "string");
    if !kind.text().is_empty() && !is_allowed {
        errors.push(kind.forbidden("must be empty to be structural"));
    }
    for name in STRUCTURE {
        let at = schema.get(name);
        let is_said =
            at.is_set() && at.value().as_bool() != Some(false) && at.value().as_str() != Some("");
        if is_said {
            errors.push(at.forbidden("must be undefined to be structural"));
        }
    }
    let rules = schema.get("x-kubernetes-validations");
    if rules.len() > 0 {
        errors.push(rules.forbidden("must be empty to be structural"));
    }
    for (_, property) in schema.get("properties").entries() {
        logic(&property, false, errors);
    }
    logic(&schema.get("items"), false, errors);
    for name in ["allOf", "anyOf", "oneOf"] {
        for one in schema.get(name).items() {
            logic(&one, is_either, errors);
        }
    }
    logic(&schema.get("not"), false, errors);
}

fn default(schema: &At<'_>, errors: &mut Errors) {
    let default = schema.get("default");
    if default.is_set() && !fits_schema(schema.value(), default.value()) {
        errors.push(default.invalid("must validate, and have no unknown fields"));
    }
}
