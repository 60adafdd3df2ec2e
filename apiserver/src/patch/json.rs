//! JSON patch, RFC 6902: operations on paths, carried out one after the other, all or none.
//!
//! Two things go beyond the RFC, because other servers do them and clients rely on it: an index may be
//! negative and then counts from the end, and `test` with null passes for a member that is absent.
//!
//! Bounds: [`MAX_OPERATIONS`]; all `copy` operations together may copy [`MAX_COPIED_BYTES`]; all together
//! may touch [`MAX_WORK`] values; what an operation puts in place may not lie deeper than
//! [`super::MAX_DEPTH`].

mod document;

use super::{PatchError, check_depth};
use document::Document;
use serde_json::{Map, Value};

/// How many operations one patch may have.
pub const MAX_OPERATIONS: usize = 10_000;

/// How much text all `copy` operations of one patch may add: as much as a request may bring.
pub const MAX_COPIED_BYTES: usize = 3 * 1024 * 1024;

/// How many values all operations of one patch may touch: elements that move up or down in a list, parts
/// of values that are put in place. Ten thousand removals from the front of a list of a million would be
/// minutes of work; this is about a second.
pub const MAX_WORK: usize = 50_000_000;

/// One operation.
#[derive(Clone, Debug, PartialEq)]
struct Operation {
    /// What to do; it may be something that does not exist.
    op: String,
    path: Option<String>,
    from: Option<String>,
    value: Option<Value>,
}

/// A JSON patch whose form is sound. Whether its operations exist and apply shows when it is applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    operations: Vec<Operation>,
    unknown: Vec<String>,
}

impl Patch {
    /// Reads a patch.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] if it is no list of objects, or if a member has the wrong type;
    /// [`PatchError::TooManyOperations`].
    pub fn parse(patch: Value) -> Result<Patch, PatchError> {
        check_depth(&patch)?;
        let Value::Array(items) = patch else {
            return Err(PatchError::wrong_type(&patch, "[]handlers.jsonPatchOp"));
        };
        if items.len() > MAX_OPERATIONS {
            return Err(PatchError::TooManyOperations {
                count: items.len(),
                most: MAX_OPERATIONS,
            });
        }
        let mut unknown = Vec::new();
        let mut operations = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let Value::Object(members) = item else {
                return Err(PatchError::wrong_type(&item, "handlers.jsonPatchOp"));
            };
            operations.push(Operation::parse(members, index, &mut unknown)?);
        }
        Ok(Patch {
            operations,
            unknown,
        })
    }

    /// Members of operations that mean nothing, as field validation reports them.
    pub fn unknown_members(&self) -> &[String] {
        &self.unknown
    }

    /// Applies all operations to an object.
    ///
    /// # Errors
    /// [`PatchError::DoesNotApply`] if one of them fails; [`PatchError::Malformed`] if the result would
    /// be nested too deep.
    pub fn apply(self, object: Value) -> Result<Value, PatchError> {
        let mut document = Document::new(object);
        for operation in self.operations {
            operation.apply(&mut document)?;
        }
        Ok(document.into_value())
    }
}

impl Operation {
    fn parse(
        members: Map<String, Value>,
        index: usize,
        unknown: &mut Vec<String>,
    ) -> Result<Operation, PatchError> {
        let (mut op, mut path, mut from, mut value) = (None, None, None, None);
        for (name, member) in members {
            let text = match name.as_str() {
                "op" => &mut op,
                "path" => &mut path,
                "from" => &mut from,
                "value" => {
                    value = Some(member);
                    continue;
                }
                name => {
                    unknown.push(format!("json patch unknown field \"[{index}].{name}\""));
                    continue;
                }
            };
            *text = match member {
                Value::Null => None,
                Value::String(member) => Some(member),
                member => return Err(PatchError::wrong_type(&member, "string")),
            };
        }
        Ok(Operation {
            op: op.unwrap_or_else(|| "unknown".to_owned()),
            path,
            from,
            value,
        })
    }

    fn apply(self, document: &mut Document) -> Result<(), PatchError> {
        let Operation {
            op,
            path,
            from,
            value,
        } = self;
        let missing = |what: &str| {
            PatchError::DoesNotApply(format!("{op} operation has no {what}: missing value"))
        };
        if !["add", "remove", "replace", "move", "copy", "test"].contains(&op.as_str()) {
            return Err(PatchError::DoesNotApply(format!("Unexpected kind: {op}")));
        }
        let path = path.ok_or_else(|| missing("path"))?;
        match op.as_str() {
            "test" => document.test(&path, &value.unwrap_or(Value::Null)),
            "remove" => document.remove(&path).map(drop),
            "add" => document.add(&path, value.unwrap_or(Value::Null)),
            "replace" => document.replace(&path, value.unwrap_or(Value::Null)),
            "copy" => {
                let from = from.ok_or_else(|| missing("from"))?;
                let value = document.copy(&from)?;
                document.add(&path, value)
            }
            _ => {
                let from = from.ok_or_else(|| missing("from"))?;
                if is_inside(&path, &from) {
                    let text = format!("move operation does not apply: {path} is inside {from}");
                    return Err(PatchError::DoesNotApply(text));
                }
                let value = document.remove(&from)?;
                document.add(&path, value)
            }
        }
    }
}

/// Whether `path` names something inside what `outer` names.
fn is_inside(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with('/'))
}
