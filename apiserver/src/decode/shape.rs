//! What a Go server keeps of a structure, and what it prints although nobody gave it.

use super::error::Error;
use super::path::Path;
use crate::schema::{Field, Node, Scalar, Table, Type};
use serde_json::{Map, Value};

/// Whether a field is kept with this value. Null stands for absent; what is empty is only kept if Go
/// could tell it from absent, or prints it anyway.
pub(crate) fn is_kept(field: &Field, value: &Value) -> bool {
    if value.is_null() {
        return false;
    }
    if field.is_pointer || field.is_always_present {
        return true;
    }
    match (&field.node, value) {
        // Structures in Go: never empty.
        (Node::Scalar(Scalar::Quantity | Scalar::IntOrString | Scalar::Duration), _) => true,
        // Raw JSON is kept as it is: `default: false` says something.
        (Node::Any | Node::Scalar(Scalar::Fields), _) => true,
        (_, Value::Bool(value)) => *value,
        (_, Value::Number(number)) => number.as_f64() != Some(0.0),
        (_, Value::String(text)) => !text.is_empty(),
        (_, Value::Array(elements)) => !elements.is_empty(),
        (_, Value::Object(fields)) => !fields.is_empty(),
        (_, Value::Null) => false,
    }
}

/// Adds the fields that Go always prints.
///
/// # Errors
/// If structures that are always there nest too deeply.
pub(crate) fn complete(
    table: &Table,
    of: &Type,
    fields: &mut Map<String, Value>,
    path: &Path<'_>,
) -> Result<(), Error> {
    for field in of.fields.iter().filter(|field| field.is_always_present) {
        if !fields.contains_key(&*field.name) {
            let path = path.field(of, &field.name);
            let value = match field.is_pointer {
                true => Value::Null,
                false => zero(table, &field.node, &path)?,
            };
            fields.insert(field.name.to_string(), value);
        }
    }
    Ok(())
}

/// How Go prints what was not given, where it prints it at all.
///
/// # Errors
/// If structures that are always there nest too deeply.
pub(crate) fn zero(table: &Table, node: &Node, path: &Path<'_>) -> Result<Value, Error> {
    Ok(match node {
        Node::Scalar(scalar) => match scalar {
            Scalar::Bool => Value::Bool(false),
            Scalar::Int(_) | Scalar::Float | Scalar::IntOrString => Value::from(0),
            Scalar::String(_) => Value::from(""),
            Scalar::Quantity => Value::from("0"),
            Scalar::Duration => Value::from("0s"),
            Scalar::Bytes | Scalar::Time | Scalar::MicroTime | Scalar::Fields => Value::Null,
        },
        Node::Struct(id) => {
            path.enter()?;
            let mut fields = Map::new();
            complete(table, table.get(*id), &mut fields, path)?;
            Value::Object(fields)
        }
        Node::List(_) | Node::Map(_) | Node::Any => Value::Null,
    })
}

/// What an element of a list or an entry of a map becomes that was given as null.
///
/// # Errors
/// If structures that are always there nest too deeply.
pub(crate) fn instead_of_null(table: &Table, node: &Node, path: &Path<'_>) -> Result<Value, Error> {
    match node {
        // An empty text and no text are the same at rest.
        Node::Scalar(Scalar::Bytes) => Ok(Value::from("")),
        node => zero(table, node, path),
    }
}

/// The name that Go has for what a node holds.
pub(crate) fn go_name(table: &Table, node: &Node) -> String {
    match node {
        Node::Scalar(scalar) => match scalar {
            Scalar::Bool => "bool".to_owned(),
            Scalar::Int(bits) => format!("int{bits}"),
            Scalar::Float => "float64".to_owned(),
            Scalar::String(_) => "string".to_owned(),
            Scalar::Bytes => "[]uint8".to_owned(),
            Scalar::Time => "v1.Time".to_owned(),
            Scalar::MicroTime => "v1.MicroTime".to_owned(),
            Scalar::Quantity => "resource.Quantity".to_owned(),
            Scalar::IntOrString => "intstr.IntOrString".to_owned(),
            Scalar::Duration => "v1.Duration".to_owned(),
            Scalar::Fields => "v1.FieldsV1".to_owned(),
        },
        Node::Struct(id) => type_name(table.get(*id)),
        Node::List(list) => format!("[]{}", go_name(table, &list.element)),
        Node::Map(map) => format!("map[string]{}", go_name(table, &map.value)),
        Node::Any => "interface {}".to_owned(),
    }
}

/// Package and name, such as `v1.Container`.
fn type_name(of: &Type) -> String {
    let mut parts = of.name.rsplitn(3, '.');
    match (parts.next(), parts.next()) {
        (Some(name), Some(package)) => format!("{package}.{name}"),
        _ => of.name.to_string(),
    }
}
