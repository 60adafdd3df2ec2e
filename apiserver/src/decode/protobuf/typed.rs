//! Messages of types that the table knows: read once, and in form when they have been read.

use super::reader::{Raw, Reader, text};
use super::special::{self, AnyForm};
use super::wire::{Slot, Target, Wire, slot};
use crate::decode::error::Error;
use crate::decode::path::{Budget, Path};
use crate::decode::shape::{complete, instead_of_null, is_kept};
use crate::schema::{Field, List, Map as MapNode, Node, Scalar, Table, TypeId};
use serde_json::{Map, Value};

/// Reads a message as this type.
///
/// # Errors
/// If it is no protobuf, a value has no canonical form, or it nests too deeply.
pub(crate) fn read(table: &Table, wire: &Wire, id: TypeId, message: &[u8]) -> Result<Value, Error> {
    let budget = Budget::new();
    Messages { table, wire }.structure(id, message, &Path::root(&budget))
}

struct Messages<'a> {
    table: &'a Table,
    wire: &'a Wire,
}

impl Messages<'_> {
    fn structure(&self, id: TypeId, message: &[u8], path: &Path<'_>) -> Result<Value, Error> {
        path.enter()?;
        let of = self.table.get(id);
        let mut fields = Map::new();
        self.fields(id, self.wire.slots(id), message, &mut fields, path)?;
        complete(self.table, of, &mut fields, path)?;
        Ok(Value::Object(fields))
    }

    /// Reads a message's fields, and those of structures that are inlined in it. Inlined ones nest as
    /// deeply as the table says, which is two or three times.
    fn fields(
        &self,
        id: TypeId,
        slots: &[Slot],
        message: &[u8],
        into: &mut Map<String, Value>,
        path: &Path<'_>,
    ) -> Result<(), Error> {
        let of = self.table.get(id);
        let mut reader = Reader::new(message);
        while let Some((tag, raw)) = reader.next()? {
            match slot(slots, tag).map(|slot| &slot.target) {
                None => {}
                Some(Target::Inlined(slots)) => {
                    self.fields(id, slots, raw.bytes()?, into, path)?;
                }
                Some(Target::Field(at, form)) => {
                    let field = &of.fields[*at];
                    self.field((id, *form), field, raw, into, &path.field(of, &field.name))?;
                }
            }
        }
        Ok(())
    }

    /// One occurrence of a field. Elements of lists and entries of maps come one by one.
    fn field(
        &self,
        owner: (TypeId, AnyForm),
        field: &Field,
        raw: Raw<'_>,
        into: &mut Map<String, Value>,
        path: &Path<'_>,
    ) -> Result<(), Error> {
        let value = match (&field.node, into.get_mut(&*field.name)) {
            (Node::List(list), Some(Value::Array(elements))) => {
                return self.elements(owner, list, raw, elements, path);
            }
            (Node::Map(map), Some(Value::Object(entries))) => {
                return self.entry(owner, map, raw, entries, path);
            }
            (Node::List(list), _) => {
                let mut elements = Vec::new();
                self.elements(owner, list, raw, &mut elements, path)?;
                Value::Array(elements)
            }
            (Node::Map(map), _) => {
                let mut entries = Map::new();
                self.entry(owner, map, raw, &mut entries, path)?;
                Value::Object(entries)
            }
            (node, _) => self.value(owner, node, raw, path)?,
        };
        if is_kept(field, &value) {
            into.insert(field.name.to_string(), value);
        } else if !into.is_empty() {
            // The last occurrence counts, and it says nothing.
            into.remove(&*field.name);
        }
        Ok(())
    }

    /// One value of this node. `owner` is the type whose field it is in, and how that field is written if
    /// it holds any JSON.
    fn value(
        &self,
        owner: (TypeId, AnyForm),
        node: &Node,
        raw: Raw<'_>,
        path: &Path<'_>,
    ) -> Result<Value, Error> {
        match node {
            Node::Scalar(scalar) => special::scalar(scalar, raw, path),
            Node::Struct(id) => self.structure(*id, raw.bytes()?, path),
            Node::Any => self.any(owner, raw, path),
            // Within lists and maps, these are in a message of their own.
            Node::List(list) => {
                path.enter()?;
                let (mut reader, mut elements) = (Reader::new(raw.bytes()?), Vec::new());
                while let Some((tag, raw)) = reader.next()? {
                    if tag == 1 {
                        self.elements(owner, list, raw, &mut elements, path)?;
                    }
                }
                Ok(Value::Array(elements))
            }
            Node::Map(map) => {
                path.enter()?;
                let (mut reader, mut entries) = (Reader::new(raw.bytes()?), Map::new());
                while let Some((tag, raw)) = reader.next()? {
                    if tag == 1 {
                        self.entry(owner, map, raw, &mut entries, path)?;
                    }
                }
                Ok(Value::Object(entries))
            }
        }
    }

    /// One element of a list, or several numbers in one piece.
    fn elements(
        &self,
        owner: (TypeId, AnyForm),
        list: &List,
        raw: Raw<'_>,
        into: &mut Vec<Value>,
        path: &Path<'_>,
    ) -> Result<(), Error> {
        path.within()?;
        if let (Node::Scalar(scalar @ (Scalar::Bool | Scalar::Int(_))), Raw::Bytes(packed)) =
            (&list.element, raw)
        {
            let mut reader = Reader::new(packed);
            while !reader.is_empty() {
                let raw = Raw::Varint(reader.varint()?);
                into.push(special::scalar(scalar, raw, path)?);
            }
            return Ok(());
        }
        if let (Node::Scalar(Scalar::Float), Raw::Bytes(packed)) = (&list.element, raw) {
            let numbers = packed.chunks_exact(8);
            if !numbers.remainder().is_empty() {
                return Err(Error::bad("unexpected EOF"));
            }
            for number in numbers {
                let bits = number
                    .iter()
                    .rev()
                    .fold(0, |bits, byte| bits << 8 | u64::from(*byte));
                into.push(special::scalar(&Scalar::Float, Raw::Fixed64(bits), path)?);
            }
            return Ok(());
        }
        let below = path.index(into.len());
        let value = match self.value(owner, &list.element, raw, &below)? {
            Value::Null => instead_of_null(self.table, &list.element, &below)?,
            value => value,
        };
        into.push(value);
        Ok(())
    }

    /// One entry of a map: a message of key and value, either of which may be missing.
    fn entry(
        &self,
        owner: (TypeId, AnyForm),
        map: &MapNode,
        raw: Raw<'_>,
        into: &mut Map<String, Value>,
        path: &Path<'_>,
    ) -> Result<(), Error> {
        path.within()?;
        let (mut reader, mut key, mut value) = (Reader::new(raw.bytes()?), String::new(), None);
        while let Some((tag, raw)) = reader.next()? {
            match tag {
                1 => key = text(raw.bytes()?),
                2 => value = Some(raw),
                _ => {}
            }
        }
        let below = path.key(&key);
        let value = match value {
            Some(raw) => self.value(owner, &map.value, raw, &below)?,
            None => Value::Null,
        };
        let value = match value {
            Value::Null => instead_of_null(self.table, &map.value, &below)?,
            value => value,
        };
        into.insert(key, value);
        Ok(())
    }

    /// Any JSON value. The owner is the type of schemas, if the form has schemas in it.
    fn any(
        &self,
        (owner, form): (TypeId, AnyForm),
        raw: Raw<'_>,
        path: &Path<'_>,
    ) -> Result<Value, Error> {
        if form == AnyForm::Raw {
            return special::json(raw, path);
        }
        path.enter()?;
        let mut reader = Reader::new(raw.bytes()?);
        let (mut allows, mut schema, mut list) = (false, None, Vec::new());
        while let Some((tag, raw)) = reader.next()? {
            match (form, tag) {
                (AnyForm::SchemaOrBool, 1) => allows = raw.varint()? != 0,
                (AnyForm::SchemaOrBool, 2) | (_, 1) => {
                    schema = Some(self.structure(owner, raw.bytes()?, path)?);
                }
                (AnyForm::SchemaOrList, 2) => {
                    let below = path.index(list.len());
                    list.push(self.structure(owner, raw.bytes()?, &below)?);
                }
                (AnyForm::SchemaOrTexts, 2) => list.push(Value::String(text(raw.bytes()?))),
                _ => {}
            }
        }
        Ok(match (form, schema) {
            (_, None) if !list.is_empty() => Value::Array(list),
            (AnyForm::SchemaOrList, Some(_)) if !list.is_empty() => Value::Array(list),
            (_, Some(schema)) => schema,
            (AnyForm::SchemaOrBool, None) => Value::Bool(allows),
            (_, None) => Value::Null,
        })
    }
}
