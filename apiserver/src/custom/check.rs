//! What is wrong with an object, by its schema.
//!
//! What an update does not change is not looked at: an object that was stored under an earlier schema can
//! still be changed where it is sound.

use super::limits::body;
use super::schema::{Kind, ListType, Schema};
use crate::status::{FieldError, Path};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// No more is said of one object. Every error is some text, and an object may have very many values.
const ERRORS_MAX: usize = 100;

type Errors = Vec<FieldError>;

/// What is wrong with an object; `old` is what it was.
pub(super) fn check(schema: &Schema, object: &Value, old: Option<&Value>) -> Errors {
    let mut errors = Errors::new();
    value(schema, (object, old), &Path::none(), &mut errors);
    errors.truncate(ERRORS_MAX);
    errors
}

fn value(schema: &Schema, (new, old): (&Value, Option<&Value>), at: &Path, errors: &mut Errors) {
    let is_same = old == Some(new) || (new.is_null() && schema.is_nullable);
    if is_same || errors.len() >= ERRORS_MAX {
        return;
    }
    if !fits(schema, new) {
        let wanted = match (schema.is_int_or_string, schema.kind) {
            (true, _) => "integer,string",
            (false, kind) => kind.map_or("object", Kind::name),
        };
        let found = kind_name(new);
        let what = format!("{} in body must be of type {wanted}: \"{found}\"", body(at));
        errors.push(FieldError::type_invalid(at, found, what));
        return;
    }
    schema.limits.check(new, at, errors);
    match new {
        Value::Object(members) => object(schema, (members, old), at, errors),
        Value::Array(elements) => list(schema, elements, at, errors),
        _ => {}
    }
    junctions(schema, new, at, errors);
}

fn fits(schema: &Schema, value: &Value) -> bool {
    if schema.is_int_or_string {
        return value.is_string() || is_integer(value);
    }
    match (schema.kind, value) {
        (None, _) => true,
        (Some(Kind::Object), Value::Object(_))
        | (Some(Kind::Array), Value::Array(_))
        | (Some(Kind::String), Value::String(_))
        | (Some(Kind::Number), Value::Number(_))
        | (Some(Kind::Boolean), Value::Bool(_)) => true,
        (Some(Kind::Integer), value) => is_integer(value),
        _ => false,
    }
}

fn is_integer(value: &Value) -> bool {
    let is_whole = |float: f64| float.fract() == 0.0;
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(is_whole)
}

fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn object(
    schema: &Schema,
    (members, old): (&Map<String, Value>, Option<&Value>),
    at: &Path,
    errors: &mut Errors,
) {
    for name in &schema.required {
        if !members.contains_key(name) {
            errors.push(FieldError::required(&at.child(name), ""));
        }
    }
    for (name, new) in members {
        if let Some(below) = schema.below(name) {
            let old = old.and_then(|old| old.get(name));
            let is_named = schema.properties.contains_key(name);
            let at = match is_named {
                true => at.child(name),
                false => at.key(name),
            };
            value(below, (new, old), &at, errors);
        }
    }
    if schema.is_embedded {
        for name in ["apiVersion", "kind"] {
            let is_there = members
                .get(name)
                .and_then(Value::as_str)
                .is_some_and(|text| !text.is_empty());
            if !is_there {
                errors.push(FieldError::required(&at.child(name), "must not be empty"));
            }
        }
    }
}

fn list(schema: &Schema, elements: &[Value], at: &Path, errors: &mut Errors) {
    if let Some(items) = &schema.items {
        for (index, element) in elements.iter().enumerate() {
            value(items, (element, None), &at.index(index), errors);
        }
    }
    let mut seen: HashSet<String> = HashSet::new();
    for (index, element) in elements.iter().enumerate() {
        let identity = match &schema.list {
            ListType::Atomic => return,
            ListType::Set => element.clone(),
            ListType::Map(keys) => {
                let key = |key: &String| Some((key.clone(), element.get(key)?.clone()));
                Value::Object(keys.iter().filter_map(key).collect())
            }
        };
        if errors.len() < ERRORS_MAX && !seen.insert(text(&identity)) {
            errors.push(FieldError::duplicate(&at.index(index), identity));
        }
    }
}

/// A text that values have in common if they are the same; 1 and 1.0 are.
fn text(value: &Value) -> String {
    let whole = value.as_f64().filter(|float| float.fract() == 0.0);
    match whole {
        Some(whole) if value.is_f64() && whole.abs() < 1e15 => format!("{whole:.0}"),
        _ => value.to_string(),
    }
}

/// `allOf` and its like. What is wrong with a choice as a whole is said of no field, and names the place.
fn junctions(schema: &Schema, new: &Value, at: &Path, errors: &mut Errors) {
    let found = |schema: &Schema| {
        let mut errors = Errors::new();
        value(schema, (new, None), at, &mut errors);
        errors
    };
    let wrong = |errors: &mut Errors, what: &str| {
        let what = format!("{:?} {what}", body(at));
        errors.push(FieldError::invalid(&Path::none(), "", what));
    };
    let mut is_all = true;
    for one in &schema.all_of {
        let found = found(one);
        is_all &= found.is_empty();
        errors.extend(found);
    }
    if !is_all {
        wrong(errors, "must validate all the schemas (allOf)");
    }
    let is_sound = |one: &&Schema| found(one).is_empty();
    if !schema.any_of.is_empty() && !schema.any_of.iter().any(|one| is_sound(&one)) {
        wrong(errors, "must validate at least one schema (anyOf)");
    }
    if !schema.one_of.is_empty() {
        const ONE: &str = "must validate one and only one schema (oneOf). Found";
        match schema.one_of.iter().filter(is_sound).count() {
            1 => {}
            0 => wrong(errors, &format!("{ONE} none valid")),
            many => wrong(errors, &format!("{ONE} {many} valid alternatives")),
        }
    }
    let not = schema.not.as_deref();
    if not.is_some_and(|not| found(not).is_empty()) {
        wrong(errors, "must not validate the schema (not)");
    }
}
