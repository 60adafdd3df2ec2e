//! Brings a value of a built-in kind into the form in which it is stored.
//!
//! For values that have no text any more: YAML documents, objects that were patched. What comes as JSON
//! or protobuf is read into this form at once. The one thing that gets lost on the way is how a number
//! was written: `cpu: 1e3` is `1e3` in JSON, and `1k` once it has been through YAML.

use super::error::Error;
use super::path::{Budget, Path};
use super::scalar::{self, Mismatch, Token, mismatch};
use super::shape::{complete, instead_of_null, is_kept};
use super::strict::Strict;
use crate::schema::{List, Map as MapNode, Node, Scalar, Table, TypeId, Unknown};
use serde_json::{Map, Value};

/// Conforms a whole object to its type, in place. Unknown fields are dropped and listed.
///
/// # Errors
/// If a value has the wrong type or no canonical form, or nests too deeply. The object is of no use then.
pub fn conform(table: &Table, id: TypeId, value: &mut Value) -> Result<Strict, Error> {
    let mut conform = Conform {
        table,
        strict: Strict::default(),
    };
    let budget = Budget::new();
    let path = Path::root(&budget);
    match value {
        Value::Object(_) => conform.node(&Node::Struct(id), value, &path)?,
        other => {
            let found = mismatch(&Token::from(&*other));
            return Err(found.at(table, &Node::Struct(id), &path));
        }
    }
    Ok(conform.strict)
}

/// Conforms those members of an object that are named; the others are known to be in form.
///
/// # Errors
/// As for [`conform`].
pub fn conform_members(
    table: &Table,
    id: TypeId,
    value: &mut Value,
    is_named: impl Fn(&str) -> bool,
) -> Result<Strict, Error> {
    let Value::Object(members) = value else {
        return conform(table, id, value);
    };
    let all = std::mem::take(members);
    let (named, others): (Map<_, _>, Map<_, _>) =
        all.into_iter().partition(|(name, _)| is_named(name));
    *members = named;
    let strict = conform(table, id, value)?;
    if let Value::Object(members) = value {
        members.extend(others);
    }
    Ok(strict)
}

struct Conform<'t> {
    table: &'t Table,
    strict: Strict,
}

impl Conform<'_> {
    fn node(&mut self, node: &Node, value: &mut Value, path: &Path<'_>) -> Result<(), Error> {
        if value.is_null() {
            return Ok(());
        }
        match (node, &mut *value) {
            (Node::Scalar(scalar), value) => {
                in_place(scalar, value).map_err(|found| found.at(self.table, node, path))
            }
            (Node::Struct(id), Value::Object(fields)) => self.structure(*id, fields, path),
            (Node::List(list), Value::Array(elements)) => self.list(list, elements, path),
            (Node::Map(map), Value::Object(entries)) => self.map(map, entries, path),
            (Node::Any, value) => within_depth(value, path.depth()),
            (node, value) => {
                let found = mismatch(&Token::from(&*value));
                Err(found.at(self.table, node, path))
            }
        }
    }

    fn structure(
        &mut self,
        id: TypeId,
        fields: &mut Map<String, Value>,
        path: &Path<'_>,
    ) -> Result<(), Error> {
        path.enter()?;
        let of = self.table.get(id);
        let mut failed = None;
        // Both are sorted by name, so one walk over the type's fields finds all of them.
        let mut rest = of.fields.iter().peekable();
        fields.retain(|name, value| {
            if failed.is_some() {
                return true;
            }
            while rest.next_if(|field| *field.name < **name).is_some() {}
            let below = path.field(of, name);
            let Some(field) = rest.next_if(|field| *field.name == **name) else {
                return match of.unknown {
                    Unknown::Kept => {
                        failed = within_depth(value, below.depth()).err();
                        true
                    }
                    Unknown::Pruned => {
                        self.strict.unknown(&below);
                        false
                    }
                };
            };
            match self.node(&field.node, value, &below) {
                Ok(()) => is_kept(field, value),
                Err(error) => {
                    failed = Some(error);
                    true
                }
            }
        });
        match failed {
            Some(error) => Err(error),
            None => complete(self.table, of, fields, path),
        }
    }

    fn list(&mut self, list: &List, elements: &mut [Value], path: &Path<'_>) -> Result<(), Error> {
        path.enter()?;
        for (index, element) in elements.iter_mut().enumerate() {
            self.part(&list.element, element, &path.index(index))?;
        }
        Ok(())
    }

    fn map(
        &mut self,
        map: &MapNode,
        entries: &mut Map<String, Value>,
        path: &Path<'_>,
    ) -> Result<(), Error> {
        path.enter()?;
        for (key, value) in entries.iter_mut() {
            self.part(&map.value, value, &path.key(key))?;
        }
        Ok(())
    }

    /// An element or entry, which stays even if it is null.
    fn part(&mut self, node: &Node, value: &mut Value, path: &Path<'_>) -> Result<(), Error> {
        self.node(node, value, path)?;
        if value.is_null() {
            *value = instead_of_null(self.table, node, path)?;
        }
        Ok(())
    }
}

/// Conforms a value without parts. What most values are is left as it is.
fn in_place(scalar: &Scalar, value: &mut Value) -> Result<(), Mismatch> {
    match (scalar, &*value) {
        (Scalar::String(_) | Scalar::IntOrString, Value::String(_)) => return Ok(()),
        (Scalar::Bool, Value::Bool(_)) => return Ok(()),
        (Scalar::Fields, _) => return Ok(()),
        (Scalar::Float, Value::Number(_)) => return Ok(()),
        (Scalar::Int(bits), Value::Number(number)) => {
            let number = number.as_i64();
            if number.is_some_and(|number| *bits == 64 || i32::try_from(number).is_ok()) {
                return Ok(());
            }
        }
        _ => {}
    }
    *value = scalar::read(scalar, Token::from(&*value))?;
    Ok(())
}

/// Refuses a value that nests too deeply, being this deep already.
pub(crate) fn within_depth(value: &Value, depth: usize) -> Result<(), Error> {
    // Ends before the stack does: every step down is one level, and the levels are counted.
    let step = |value| within_depth(value, depth + 1);
    match value {
        Value::Array(_) | Value::Object(_) if depth >= super::limits::MAX_DEPTH => {
            Err(Error::too_deep())
        }
        Value::Array(elements) => elements.iter().try_for_each(step),
        Value::Object(fields) => fields.values().try_for_each(step),
        _ => Ok(()),
    }
}
