//! Objects and messages along the table.

use super::message::Message;
use super::special;
use crate::decode::limits::MAX_DEPTH;
use crate::decode::protobuf::{AnyForm, MAGIC, Slot, Target};
use crate::decode::{Wire, api_version};
use crate::schema::{Field, Gvk, List, Map as MapNode, Node, Scalar, Table, TypeId};
use serde_json::{Map, Value};
use std::fmt;

/// Why an object cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The table does not have this kind.
    Kind,
    /// A value does not have the type that the table says.
    Type,
    /// It nests too deeply.
    Depth,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EncodeError::Kind => "the kind is not in the table",
            EncodeError::Type => "a value does not have the type that the table says",
            EncodeError::Depth => "the object nests too deeply",
        })
    }
}

impl std::error::Error for EncodeError {}

/// Writes an object with its envelope.
///
/// # Errors
/// If the table does not know the kind, or the object is not of that kind.
pub fn protobuf(
    table: &Table,
    wire: &Wire,
    gvk: &Gvk,
    object: &Value,
) -> Result<Vec<u8>, EncodeError> {
    let id = table.kind(gvk).ok_or(EncodeError::Kind)?;
    let messages = Messages { table, wire };
    let mut envelope = Message::default();
    envelope.raw(MAGIC);
    envelope.message(1, |meta| {
        meta.bytes(1, api_version(gvk).as_bytes());
        meta.bytes(2, gvk.kind.as_bytes());
        Ok(())
    })?;
    envelope.message(2, |raw| messages.structure(id, object, raw, 0))?;
    envelope.bytes(3, b"");
    envelope.bytes(4, b"");
    Ok(envelope.into_bytes())
}

struct Messages<'a> {
    table: &'a Table,
    wire: &'a Wire,
}

/// What stands in front of a part: its tag, and the type that schemas have there.
#[derive(Clone, Copy)]
struct Place {
    tag: u32,
    owner: TypeId,
    form: AnyForm,
    depth: usize,
}

impl Place {
    /// The same field, one level further down.
    fn below(self, tag: u32) -> Place {
        Place {
            tag,
            depth: self.depth + 1,
            ..self
        }
    }
}

impl Messages<'_> {
    fn structure(
        &self,
        id: TypeId,
        value: &Value,
        into: &mut Message,
        depth: usize,
    ) -> Result<(), EncodeError> {
        if depth > MAX_DEPTH {
            return Err(EncodeError::Depth);
        }
        let empty = Map::new();
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Null => &empty,
            _ => return Err(EncodeError::Type),
        };
        self.fields(id, self.wire.slots(id), fields, into, depth)
    }

    fn fields(
        &self,
        owner: TypeId,
        slots: &[Slot],
        fields: &Map<String, Value>,
        into: &mut Message,
        depth: usize,
    ) -> Result<(), EncodeError> {
        let of = self.table.get(owner);
        for slot in slots {
            match &slot.target {
                Target::Inlined(slots) => into.message(slot.tag, |message| {
                    self.fields(owner, slots, fields, message, depth)
                })?,
                Target::Field(at, form) => {
                    let field = &of.fields[*at];
                    let place = Place {
                        tag: slot.tag,
                        owner,
                        form: *form,
                        depth: depth + 1,
                    };
                    match fields.get(&*field.name) {
                        None | Some(Value::Null) => self.absent(field, place, into)?,
                        Some(value) => self.field(&field.node, value, place, into)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// What is written for a field that is not there.
    fn absent(&self, field: &Field, place: Place, into: &mut Message) -> Result<(), EncodeError> {
        if field.is_pointer {
            return Ok(());
        }
        match &field.node {
            Node::Scalar(Scalar::Bool | Scalar::Int(_)) => into.number(place.tag, 0),
            Node::Scalar(Scalar::Float) => into.float(place.tag, 0.0),
            Node::Scalar(Scalar::String(_)) => into.bytes(place.tag, b""),
            Node::Scalar(Scalar::Time | Scalar::MicroTime) | Node::Struct(_)
                if field.is_always_present =>
            {
                self.one(&field.node, &Value::Null, place, into)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn field(
        &self,
        node: &Node,
        value: &Value,
        place: Place,
        into: &mut Message,
    ) -> Result<(), EncodeError> {
        match (node, value) {
            (Node::List(list), value) => self.elements(list, value, place, into),
            (Node::Map(map), value) => self.entries(map, value, place, into),
            (node, value) => self.one(node, value, place, into),
        }
    }

    fn elements(
        &self,
        list: &List,
        value: &Value,
        place: Place,
        into: &mut Message,
    ) -> Result<(), EncodeError> {
        let elements = value.as_array().ok_or(EncodeError::Type)?;
        for element in elements {
            self.one(&list.element, element, place.below(place.tag), into)?;
        }
        Ok(())
    }

    fn entries(
        &self,
        map: &MapNode,
        value: &Value,
        place: Place,
        into: &mut Message,
    ) -> Result<(), EncodeError> {
        let entries = value.as_object().ok_or(EncodeError::Type)?;
        for (key, value) in entries {
            into.message(place.tag, |entry| {
                entry.bytes(1, key.as_bytes());
                self.one(&map.value, value, place.below(2), entry)
            })?;
        }
        Ok(())
    }

    /// One value, element or entry.
    fn one(
        &self,
        node: &Node,
        value: &Value,
        place: Place,
        into: &mut Message,
    ) -> Result<(), EncodeError> {
        if place.depth > MAX_DEPTH + 1 {
            return Err(EncodeError::Depth);
        }
        match node {
            Node::Scalar(scalar) => special::scalar(scalar, place.tag, value, into),
            Node::Struct(id) => into.message(place.tag, |message| {
                self.structure(*id, value, message, place.depth)
            }),
            Node::Any => self.any(value, place, into),
            // Within lists and maps, these are in a message of their own.
            Node::List(list) => into.message(place.tag, |message| {
                self.elements(list, value, place.below(1), message)
            }),
            Node::Map(map) => into.message(place.tag, |message| {
                self.entries(map, value, place.below(1), message)
            }),
        }
    }

    /// Any JSON value, or one of the unions of a custom resource's schema.
    fn any(&self, value: &Value, place: Place, into: &mut Message) -> Result<(), EncodeError> {
        let schema = |tag: u32, value: &Value, into: &mut Message| {
            into.message(tag, |message| {
                self.structure(place.owner, value, message, place.depth + 1)
            })
        };
        match (place.form, value) {
            (AnyForm::Raw, value) => special::json(place.tag, value, into),
            (AnyForm::SchemaOrBool, Value::Bool(allows)) => into.message(place.tag, |message| {
                message.number(1, (*allows).into());
                Ok(())
            }),
            // A schema allows what it describes.
            (AnyForm::SchemaOrBool, value) => into.message(place.tag, |message| {
                message.number(1, 1);
                schema(2, value, message)
            }),
            (AnyForm::SchemaOrList, Value::Array(schemas)) => into.message(place.tag, |message| {
                let mut each = schemas.iter();
                each.try_for_each(|value| schema(2, value, message))
            }),
            (AnyForm::SchemaOrTexts, Value::Array(texts)) => into.message(place.tag, |message| {
                for text in texts {
                    let text = text.as_str().ok_or(EncodeError::Type)?;
                    message.bytes(2, text.as_bytes());
                }
                Ok(())
            }),
            (_, value) => into.message(place.tag, |message| schema(1, value, message)),
        }
    }
}
