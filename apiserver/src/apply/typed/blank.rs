//! An object in which nobody has set anything yet.

use super::Typed;
use crate::apply::path::MAX_DEPTH;
use crate::schema::{Node, Scalar, Table, Type};
use serde_json::{Map, Value, json};

/// The object as Go has it before anything is set: structures that are always there, and fields that are
/// printed even when they are empty. What a creation adds is told from this, so that its creator does
/// not own `spec` or `metadata` themselves.
pub fn blank(typed: Typed<'_>) -> Value {
    structure(typed.table, typed.table.get(typed.id), 0)
}

fn structure(table: &Table, of: &Type, depth: usize) -> Value {
    let mut fields = Map::new();
    let present = of.fields.iter().filter(|field| field.is_always_present);
    for field in present.take_while(|_| depth < MAX_DEPTH) {
        let value = match &field.node {
            _ if field.is_pointer => Value::Null,
            Node::Struct(id) => structure(table, table.get(*id), depth + 1),
            Node::Scalar(scalar) => zero(scalar),
            Node::List(_) | Node::Map(_) | Node::Any => Value::Null,
        };
        fields.insert(field.name.to_string(), value);
    }
    Value::Object(fields)
}

fn zero(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Bool => json!(false),
        Scalar::Int(_) | Scalar::Float | Scalar::IntOrString => json!(0),
        Scalar::String(_) => json!(""),
        Scalar::Quantity => json!("0"),
        Scalar::Duration => json!("0s"),
        Scalar::Bytes | Scalar::Time | Scalar::MicroTime | Scalar::Fields => Value::Null,
    }
}
