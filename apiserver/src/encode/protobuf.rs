//! Objects and messages along the table.

use super::message::Message;
use super::part::{Look, Part};
use super::special;
use super::text::Marks;
use crate::decode::limits::MAX_DEPTH;
use crate::decode::protobuf::{AnyForm, MAGIC, Slot, Target};
use crate::decode::{Wire, api_version};
use crate::schema::{Field, Gvk, List, Map as MapNode, Node, Scalar, Table, Type, TypeId};
use serde_json::Value;
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
    let mut envelope = Envelope::begin(gvk);
    envelope.message(2, |raw| {
        Messages::new(table, wire).structure(id, object, raw, 0)
    })?;
    Ok(Envelope::end(envelope))
}

/// The same for an object in its text, which need not be parsed if it is written as this server writes.
///
/// # Errors
/// As [`protobuf`].
pub(crate) fn protobuf_of_text(
    table: &Table,
    wire: &Wire,
    gvk: &Gvk,
    text: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    let id = table.kind(gvk).ok_or(EncodeError::Kind)?;
    let mut envelope = Envelope::begin(gvk);
    envelope.reserve(text.len());
    envelope.message(2, |raw| {
        structure_of_text(table, wire, id, text, &mut Marks::default(), raw)
    })?;
    Ok(Envelope::end(envelope))
}

/// Writes what a text says as the message of a type. `marks` is room.
pub(super) fn structure_of_text(
    table: &Table,
    wire: &Wire,
    id: TypeId,
    text: &[u8],
    marks: &mut Marks,
    into: &mut Message,
) -> Result<(), EncodeError> {
    match marks.of(text) {
        Some(place) => Messages::new(table, wire).structure(id, place, into, 0),
        None => {
            // What is no JSON at all is nothing, as everywhere.
            let value: Value = serde_json::from_slice(text).unwrap_or_default();
            Messages::new(table, wire).structure(id, &value, into, 0)
        }
    }
}

/// Where the field with this name is. Members mostly stand in the order of fields, both by name, so it is looked for
/// from the one behind the last: that is a few lengths and one comparison.
fn position(of: &Type, name: &str, from: usize) -> Option<usize> {
    let mut order = (from..of.fields.len()).chain(0..from);
    order.find(|at| *of.fields[*at].name == *name)
}

/// What stands around the message of an object: what kind it is, and in which encoding.
pub(super) struct Envelope;

impl Envelope {
    /// The beginning, up to the tag of the message.
    pub(super) fn begin(gvk: &Gvk) -> Message {
        let mut envelope = Message::default();
        let mut kind = Message::default();
        kind.bytes(1, api_version(gvk).as_bytes());
        kind.bytes(2, gvk.kind.as_bytes());
        envelope.raw(MAGIC);
        envelope.bytes(1, &kind.into_bytes());
        envelope
    }

    /// All of it, once the message is written.
    pub(super) fn end(mut envelope: Message) -> Vec<u8> {
        envelope.bytes(3, b"");
        envelope.bytes(4, b"");
        envelope.into_bytes()
    }
}

/// Writes messages of one object.
pub(super) struct Messages<'a, P> {
    table: &'a Table,
    wire: &'a Wire,
    /// The fields of the structures that are being written, by their positions in their types: those of the
    /// innermost one last.
    found: Vec<Option<P>>,
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

impl<'a, 't, P: Part<'t>> Messages<'a, P> {
    pub(super) fn new(table: &'a Table, wire: &'a Wire) -> Messages<'a, P> {
        Messages {
            table,
            wire,
            found: Vec::new(),
        }
    }

    pub(super) fn structure(
        &mut self,
        id: TypeId,
        value: P,
        into: &mut Message,
        depth: usize,
    ) -> Result<(), EncodeError> {
        if depth > MAX_DEPTH {
            return Err(EncodeError::Depth);
        }
        let of = self.table.get(id);
        let base = self.found.len();
        self.found.resize(base + of.fields.len(), None);
        match value.look() {
            Look::Object(members) => {
                let mut next = 0;
                for (name, value) in members {
                    if let Some(at) = position(of, &name, next) {
                        self.found[base + at] = Some(value);
                        next = at + 1;
                    }
                }
            }
            Look::Null => {}
            _ => return Err(EncodeError::Type),
        }
        self.fields(id, self.wire.slots(id), base, into, depth)?;
        self.found.truncate(base);
        Ok(())
    }

    /// Writes the fields that were found from `base` on.
    fn fields(
        &mut self,
        owner: TypeId,
        slots: &[Slot],
        base: usize,
        into: &mut Message,
        depth: usize,
    ) -> Result<(), EncodeError> {
        let of = self.table.get(owner);
        for slot in slots {
            match &slot.target {
                Target::Inlined(slots) => into.message(slot.tag, |message| {
                    self.fields(owner, slots, base, message, depth)
                })?,
                Target::Field(at, form) => {
                    let field = &of.fields[*at];
                    let place = Place {
                        tag: slot.tag,
                        owner,
                        form: *form,
                        depth: depth + 1,
                    };
                    let found = self.found[base + at];
                    match found.filter(|value| !value.is_null()) {
                        None => self.absent(field, place, into)?,
                        Some(value) => self.field(&field.node, value, place, into)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// What is written for a field that is not there.
    fn absent(
        &mut self,
        field: &Field,
        place: Place,
        into: &mut Message,
    ) -> Result<(), EncodeError> {
        if field.is_pointer {
            return Ok(());
        }
        match &field.node {
            Node::Scalar(Scalar::Bool | Scalar::Int(_)) => into.number(place.tag, 0),
            Node::Scalar(Scalar::Float) => into.float(place.tag, 0.0),
            Node::Scalar(Scalar::String(_)) => into.bytes(place.tag, b""),
            Node::Scalar(Scalar::Time | Scalar::MicroTime) if field.is_always_present => {
                into.bytes(place.tag, b"");
            }
            Node::Struct(id) if field.is_always_present => self.nothing(*id, place, into)?,
            _ => {}
        }
        Ok(())
    }

    /// A structure without fields, which is not always without bytes.
    fn nothing(&mut self, id: TypeId, place: Place, into: &mut Message) -> Result<(), EncodeError> {
        if place.depth > MAX_DEPTH {
            return Err(EncodeError::Depth);
        }
        into.message(place.tag, |message| {
            let base = self.found.len();
            let fields = self.table.get(id).fields.len();
            self.found.resize(base + fields, None);
            self.fields(id, self.wire.slots(id), base, message, place.depth)?;
            self.found.truncate(base);
            Ok(())
        })
    }

    fn field(
        &mut self,
        node: &Node,
        value: P,
        place: Place,
        into: &mut Message,
    ) -> Result<(), EncodeError> {
        match node {
            Node::List(list) => self.elements(list, value, place, into),
            Node::Map(map) => self.entries(map, value, place, into),
            node => self.one(node, value, place, into),
        }
    }

    fn elements(
        &mut self,
        list: &List,
        value: P,
        place: Place,
        into: &mut Message,
    ) -> Result<(), EncodeError> {
        let Look::List(elements) = value.look() else {
            return Err(EncodeError::Type);
        };
        for element in elements {
            self.one(&list.element, element, place.below(place.tag), into)?;
        }
        Ok(())
    }

    fn entries(
        &mut self,
        map: &MapNode,
        value: P,
        place: Place,
        into: &mut Message,
    ) -> Result<(), EncodeError> {
        let Look::Object(entries) = value.look() else {
            return Err(EncodeError::Type);
        };
        let mut entries: Vec<_> = entries.collect();
        // As stored they are in order, and this is a look at each.
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
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
        &mut self,
        node: &Node,
        value: P,
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
    fn any(&mut self, value: P, place: Place, into: &mut Message) -> Result<(), EncodeError> {
        let tag = place.tag;
        match (place.form, value.look()) {
            (AnyForm::Raw, _) => special::json(tag, value, into),
            (AnyForm::SchemaOrBool, Look::Bool(allows)) => into.message(tag, |message| {
                message.number(1, allows.into());
                Ok(())
            }),
            // A schema allows what it describes.
            (AnyForm::SchemaOrBool, _) => into.message(tag, |message| {
                message.number(1, 1);
                self.schema(2, value, place, message)
            }),
            (AnyForm::SchemaOrList, Look::List(mut schemas)) => into.message(tag, |message| {
                schemas.try_for_each(|value| self.schema(2, value, place, message))
            }),
            (AnyForm::SchemaOrTexts, Look::List(mut texts)) => into.message(tag, |message| {
                texts.try_for_each(|text| match text.look() {
                    Look::Text(text) => {
                        message.bytes(2, text.as_bytes());
                        Ok(())
                    }
                    _ => Err(EncodeError::Type),
                })
            }),
            _ => into.message(tag, |message| self.schema(1, value, place, message)),
        }
    }

    fn schema(
        &mut self,
        tag: u32,
        value: P,
        place: Place,
        into: &mut Message,
    ) -> Result<(), EncodeError> {
        into.message(tag, |message| {
            self.structure(place.owner, value, message, place.depth + 1)
        })
    }
}
