//! JSON of a kind that the table knows: read once, and in form when it has been read.

use super::any::{any, skip};
use super::lexer::Lexer;
use crate::decode::error::Error;
use crate::decode::path::{Budget, Path};
use crate::decode::scalar::{self, Mismatch, Token, mismatch};
use crate::decode::shape::{complete, instead_of_null, is_kept};
use crate::decode::strict::Strict;
use crate::schema::{List, Map as MapNode, Node, Table, Type, TypeId, Unknown};
use serde_json::{Map, Value};

/// Reads a whole text as this type. Unknown fields are dropped and listed; of a field that stands there
/// twice, the last counts, and it is listed, too. The list is in the order of the text.
///
/// # Errors
/// If it is no JSON, a value has the wrong type or no canonical form, or it nests too deeply.
pub(crate) fn read(table: &Table, id: TypeId, text: &[u8]) -> Result<(Value, Strict), Error> {
    let mut reader = Reader {
        table,
        lexer: Lexer::new(text),
        strict: Strict::default(),
    };
    let budget = Budget::new();
    let path = Path::root(&budget);
    let value = match reader.node(&Node::Struct(id), &path)? {
        Value::Null => {
            return Err(mismatch(&Token::Null).at(table, &Node::Struct(id), &path));
        }
        value => value,
    };
    reader.lexer.end()?;
    Ok((value, reader.strict))
}

struct Reader<'a> {
    table: &'a Table,
    lexer: Lexer<'a>,
    strict: Strict,
}

impl Reader<'_> {
    /// A value in form. Null stands for absent.
    fn node(&mut self, node: &Node, path: &Path<'_>) -> Result<Value, Error> {
        if let Node::Any = node {
            return any(&mut self.lexer, None, path);
        }
        let refused = |found: Mismatch, table| Err(found.at(table, node, path));
        match (node, self.lexer.token()?) {
            (_, Token::Null) => Ok(Value::Null),
            (Node::Scalar(crate::schema::Scalar::Fields), Token::Object) => self.raw_object(path),
            (Node::Scalar(scalar), token) => match scalar::read(scalar, token) {
                Ok(value) => Ok(value),
                Err(found) => refused(found, self.table),
            },
            (Node::Struct(id), Token::Object) => self.structure(*id, path),
            (Node::List(list), Token::Array) => self.list(list, path),
            (Node::Map(map), Token::Object) => self.map(map, path),
            (_, token) => refused(mismatch(&token), self.table),
        }
    }

    /// The fields of an object that is not looked into; its bracket has been read.
    fn raw_object(&mut self, path: &Path<'_>) -> Result<Value, Error> {
        path.enter()?;
        let (mut fields, mut is_first) = (Map::new(), true);
        while self.lexer.next_field(is_first)? {
            is_first = false;
            let name = self.lexer.name()?;
            let value = any(&mut self.lexer, None, &path.key(&name))?;
            fields.insert(name.into_owned(), value);
        }
        Ok(Value::Object(fields))
    }

    fn structure(&mut self, id: TypeId, path: &Path<'_>) -> Result<Value, Error> {
        path.enter()?;
        let table = self.table;
        let of = table.get(id);
        let (mut fields, mut seen, mut is_first) = (Map::new(), Seen::default(), true);
        while self.lexer.next_field(is_first)? {
            is_first = false;
            let name = self.lexer.name()?;
            let below = path.field(of, &name);
            let Some(at) = of.position(&name) else {
                if let Some(value) = self.unknown(of, &below)? {
                    fields.insert(name.into_owned(), value);
                }
                continue;
            };
            let field = &of.fields[at];
            if !seen.insert(at) {
                self.strict.duplicate(&below);
            }
            let value = self.node(&field.node, &below)?;
            if is_kept(field, &value) {
                fields.insert(name.into_owned(), value);
            } else if !value.is_null() {
                // Nothing, unless an earlier one of the same name said something.
                fields.remove(&*name);
            }
        }
        complete(table, of, &mut fields, path)?;
        Ok(Value::Object(fields))
    }

    /// A field that the type does not have: its value, if it is kept.
    fn unknown(&mut self, of: &Type, path: &Path<'_>) -> Result<Option<Value>, Error> {
        match of.unknown {
            Unknown::Kept => any(&mut self.lexer, Some(&mut self.strict), path).map(Some),
            Unknown::Pruned => {
                self.strict.unknown(path);
                skip(&mut self.lexer, path)?;
                Ok(None)
            }
        }
    }

    fn list(&mut self, list: &List, path: &Path<'_>) -> Result<Value, Error> {
        path.enter()?;
        let mut elements = Vec::new();
        while self.lexer.next_element(elements.is_empty())? {
            let below = path.index(elements.len());
            elements.push(self.part(&list.element, &below)?);
        }
        Ok(Value::Array(elements))
    }

    fn map(&mut self, map: &MapNode, path: &Path<'_>) -> Result<Value, Error> {
        path.enter()?;
        let (mut entries, mut is_first) = (Map::new(), true);
        while self.lexer.next_field(is_first)? {
            is_first = false;
            let key = self.lexer.name()?;
            let below = path.key(&key);
            let value = self.part(&map.value, &below)?;
            if entries.contains_key(&*key) {
                self.strict.duplicate(&below);
            }
            entries.insert(key.into_owned(), value);
        }
        Ok(Value::Object(entries))
    }

    /// An element or entry, which stays even if it is null.
    fn part(&mut self, node: &Node, path: &Path<'_>) -> Result<Value, Error> {
        match self.node(node, path)? {
            Value::Null => instead_of_null(self.table, node, path),
            value => Ok(value),
        }
    }
}

/// Fields of a structure that have been met. Most types have fewer than a word has bits.
#[derive(Default)]
struct Seen {
    first: u128,
    rest: Vec<usize>,
}

impl Seen {
    /// Whether it is the first time.
    fn insert(&mut self, field: usize) -> bool {
        if field < 128 {
            let bit = 1 << field;
            let is_new = self.first & bit == 0;
            self.first |= bit;
            return is_new;
        }
        let is_new = !self.rest.contains(&field);
        if is_new {
            self.rest.push(field);
        }
        is_new
    }
}
