//! Reading a table from its text.
//!
//! One line each, words separated by single spaces; a line that begins with `#` and an empty line say
//! nothing:
//!
//! ```text
//! package io.k8s.api.core.v1      the types that follow are of this package
//! type Container [atomic]         the kinds and fields that follow are of this type
//! kind apps/v1 Deployment         group and version (the core group is left out), kind
//!  name TAGS NODE FLAG...         a field, behind a space; fields come sorted
//! ```
//!
//! TAGS are the protobuf tags joined by dots, or `-`. NODE is a word for a scalar (`int32`, `time`,
//! `string`, `string(Always|Never)` with `%20` for a space), `any`, `[NODE]`, `{NODE}` or the name of a
//! type, without its package if that is the same. FLAGs: `pointer`, `always` (printed though empty),
//! `required`, `atomic`, `granular`, `set`, `keys:a,b`, `patch:merge,retainKeys`, `merge-key:a`,
//! `default:JSON`.

mod field;

use super::{Gvk, Table, Type, TypeId, Unknown};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A text that is no table. There is nothing to do but to mend the text.
#[derive(Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for LoadError {}

/// Types by their full names, which fields refer to.
type Names = HashMap<String, TypeId>;

/// Reads a table from its text.
///
/// # Errors
/// With the first line that is not as the format wants it.
pub fn load(text: &str) -> Result<Table, LoadError> {
    let names = names(text)?;
    let mut reader = Reader {
        names: &names,
        package: "",
        table: Table::default(),
        separable: HashMap::new(),
    };
    for (index, line) in text.lines().enumerate() {
        reader.line(line).map_err(|what| LoadError {
            line: index + 1,
            what,
        })?;
    }
    reader.add_separable();
    Ok(reader.table)
}

/// First pass: a field may refer to a type that stands below it.
fn names(text: &str) -> Result<Names, LoadError> {
    let (mut names, mut package, mut next) = (Names::new(), "", 0);
    for (index, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("package ") {
            package = name;
        } else if let Some(words) = line.strip_prefix("type ") {
            let name = words.split(' ').next().unwrap_or_default();
            let previous = names.insert(format!("{package}.{name}"), TypeId(next));
            if previous.is_some() {
                let what = format!("{name} is there twice");
                return Err(LoadError {
                    line: index + 1,
                    what,
                });
            }
            next += 1;
        }
    }
    Ok(names)
}

struct Reader<'a> {
    names: &'a Names,
    package: &'a str,
    table: Table,
    /// Types of which a field wants a copy that is not owned as a whole, and the id of the copy.
    separable: HashMap<TypeId, TypeId>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str) -> Result<(), String> {
        if let Some(words) = line.strip_prefix(' ') {
            let field = self.field(words)?;
            let last = self.last_type()?;
            if last.fields.last().is_some_and(|f| f.name >= field.name) {
                return Err(format!("{} is not in order", field.name));
            }
            last.fields.push(field);
        } else if let Some(words) = line.strip_prefix("type ") {
            self.begin_type(words)?;
        } else if let Some(words) = line.strip_prefix("kind ") {
            self.add_kind(words)?;
        } else if let Some(name) = line.strip_prefix("package ") {
            self.package = name;
        } else if !line.is_empty() && !line.starts_with('#') {
            return Err("neither a package, a type, a kind nor a field".to_owned());
        }
        Ok(())
    }

    fn begin_type(&mut self, words: &str) -> Result<(), String> {
        let (name, is_atomic) = match words.split_once(' ') {
            None => (words, false),
            Some((name, "atomic")) => (name, true),
            Some((_, other)) => return Err(format!("a type has no {other}")),
        };
        self.table.types.push(Type {
            name: format!("{}.{name}", self.package).into(),
            description: Cow::Borrowed(""),
            fields: Vec::new(),
            unknown: Unknown::Pruned,
            is_atomic,
        });
        Ok(())
    }

    fn add_kind(&mut self, words: &str) -> Result<(), String> {
        let (version, kind) = words.split_once(' ').ok_or("a kind has two words")?;
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        self.last_type()?;
        let id = TypeId(u32::try_from(self.table.types.len() - 1).map_err(|e| e.to_string())?);
        let gvk = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        match self.table.kinds.insert(gvk, id) {
            None => Ok(()),
            Some(_) => Err(format!("{kind} is a kind twice")),
        }
    }

    fn last_type(&mut self) -> Result<&mut Type, String> {
        let last = self.table.types.last_mut();
        last.ok_or_else(|| "stands before the first type".to_owned())
    }

    /// The id that the copy of a type will have, which is not owned as a whole.
    fn separable(&mut self, id: TypeId) -> TypeId {
        let next = TypeId((self.names.len() + self.separable.len()) as u32);
        *self.separable.entry(id).or_insert(next)
    }

    /// Copies come behind the types, so that ids of types do not depend on who refers to them.
    fn add_separable(&mut self) {
        let mut copies: Vec<_> = self.separable.drain().collect();
        copies.sort_by_key(|(_, copy)| *copy);
        for (original, _) in copies {
            let original = self.table.get(original);
            let copy = Type {
                name: Arc::clone(&original.name),
                description: original.description.clone(),
                fields: original.fields.clone(),
                unknown: original.unknown,
                is_atomic: false,
            };
            self.table.types.push(copy);
        }
    }
}

#[cfg(test)]
mod tests;
