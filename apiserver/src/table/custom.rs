//! Columns of custom resources.

use super::column::{Column, NAME};
use super::jsonpath::Path;
use super::object::{Object, since};
use super::time;
use super::value::text;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Columns for these `additionalPrinterColumns`, and the path of each but the first, which is the name.
/// A path that cannot be understood is nothing, and its cells are null.
pub(super) fn columns(additional: &[Value]) -> (Vec<Column>, Vec<Option<Path>>) {
    let age = [json!({
        "name": "Age",
        "type": "date",
        "description": "How long ago the object was created",
        "jsonPath": ".metadata.creationTimestamp",
    })];
    let additional = match additional.is_empty() {
        true => &age,
        false => additional,
    };
    let mut columns = vec![NAME];
    columns.extend(additional.iter().map(column));
    let paths = additional
        .iter()
        .map(|one| Path::parse(text(one, "jsonPath")));
    (columns, paths.collect())
}

fn column(definition: &Value) -> Column {
    let owned = |field| Cow::Owned(text(definition, field).to_owned());
    let described = match text(definition, "description") {
        "" => {
            let path = text(definition, "jsonPath");
            format!("Custom resource definition column (in JSONPath format): {path}")
        }
        description => description.to_owned(),
    };
    let priority = definition.get("priority").and_then(Value::as_i64);
    Column {
        name: owned("name"),
        kind: owned("type"),
        format: owned("format"),
        description: Cow::Owned(described),
        priority: priority.and_then(|it| it.try_into().ok()).unwrap_or(0),
    }
}

/// The cells of a custom resource.
pub(super) fn cells(object: &Object<'_>, columns: &[Column], paths: &[Option<Path>]) -> Vec<Value> {
    let mut cells = vec![object.name()];
    for (column, path) in columns.iter().skip(1).zip(paths) {
        let found = path.as_ref().and_then(|path| path.first(object.value));
        let cell = found.map(|value| cell(&column.kind, value, object.now_us));
        cells.push(cell.unwrap_or(Value::Null));
    }
    cells
}

/// A value as a column of a type shows it; null if it does not fit.
fn cell(kind: &str, value: &Value, now_us: i64) -> Value {
    match (kind, value) {
        ("string", _) => as_text(value).into(),
        ("integer", Value::Number(number)) => {
            let whole = number.as_i64();
            // As Go converts: towards zero.
            let whole = whole.or(number.as_f64().map(|float| float as i64));
            whole.into()
        }
        // A whole number is sent as one, as Go writes it.
        ("number", Value::Number(number)) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 1e15 => (float as i64).into(),
            float => float.into(),
        },
        ("boolean", Value::Bool(value)) => (*value).into(),
        ("date", Value::String(text)) => match text.as_str() {
            "" | "null" => since("", now_us).into(),
            text if time::parse(text).is_none() => "<invalid>".into(),
            text => since(text, now_us).into(),
        },
        _ => Value::Null,
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<no value>".to_owned(),
        Value::Number(number) if number.is_f64() => go_float(number.as_f64().unwrap_or(0.0)),
        other => other.to_string(),
    }
}

/// A number as Go prints one: an exponent of two digits if it is very great or very small.
fn go_float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}
