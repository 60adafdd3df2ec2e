//! The directives of one object in a patch, told apart from its members.

use super::PatchError;
use crate::status::text;
use serde_json::{Map, Value};

const PATCH: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const DELETE_VALUES: &str = "$deleteFromPrimitiveList";
const ORDER: &str = "$setElementOrder";

/// What an object in a patch says of its counterpart.
pub(super) enum Directed {
    /// Change it.
    Merge(Changes),
    /// Use these members, and no others.
    Replace(Map<String, Value>),
    /// Remove all members.
    Delete,
}

/// How to change an object.
#[derive(Default)]
pub(super) struct Changes {
    /// All members but these go away.
    retained: Option<Vec<Value>>,
    /// Values to remove from the sets of these names.
    pub(super) deletions: Vec<(String, Vec<Value>)>,
    /// The order of the elements of the lists of these names.
    pub(super) orders: Vec<(String, Vec<Value>)>,
    /// Everything else.
    pub(super) fields: Map<String, Value>,
}

/// What an element of a merged list says.
pub(super) enum ElementDirective {
    Delete,
    Replace,
}

fn malformed(text: impl Into<String>) -> PatchError {
    PatchError::Malformed(text.into())
}

fn unknown_type(directive: &Value, fields: &Map<String, Value>) -> PatchError {
    malformed(format!(
        "unknown patch type: {} in map: {}",
        text::plain(directive),
        text::plain(&Value::Object(fields.clone()))
    ))
}

/// Tells directives from members.
pub(super) fn read(patch: Map<String, Value>) -> Result<Directed, PatchError> {
    if let Some(directive) = patch.get(PATCH) {
        return match directive.as_str() {
            Some("replace") => {
                let mut fields = patch;
                fields.remove(PATCH);
                Ok(Directed::Replace(fields))
            }
            Some("delete") => Ok(Directed::Delete),
            _ => Err(unknown_type(directive, &patch)),
        };
    }
    let mut changes = Changes::default();
    for (name, value) in patch {
        if name == RETAIN {
            changes.retained = Some(list(value, "invalid patch format of retainKeys")?);
        } else if name.starts_with(DELETE_VALUES) {
            let wrong = "invalid patch format of primitive list";
            let target = target(&name, DELETE_VALUES, wrong)?;
            changes.deletions.push((target, list(value, wrong)?));
        } else if name.starts_with(ORDER) {
            let wrong = "invalid patch format of setElementOrder list";
            let target = target(&name, ORDER, wrong)?;
            changes.orders.push((target, list(value, wrong)?));
        } else {
            changes.fields.insert(name, value);
        }
    }
    Ok(Directed::Merge(changes))
}

/// The field that `directive/field` is about.
fn target(name: &str, directive: &str, wrong: &str) -> Result<String, PatchError> {
    match name.split_once('/') {
        Some((found, target)) if found == directive => Ok(target.to_owned()),
        _ => Err(malformed(wrong)),
    }
}

fn list(value: Value, wrong: &str) -> Result<Vec<Value>, PatchError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(malformed(wrong)),
    }
}

impl Changes {
    /// Members, in which everything is to be taken at its word. What looks like a directive beside
    /// `$patch: replace` is left out.
    pub(super) fn plain(mut fields: Map<String, Value>) -> Changes {
        fields.retain(|name, _| {
            name != RETAIN && !name.starts_with(DELETE_VALUES) && !name.starts_with(ORDER)
        });
        Changes {
            fields,
            ..Changes::default()
        }
    }

    /// Removes what is not to be retained.
    ///
    /// # Errors
    /// If the patch sets a member that it does not retain.
    pub(super) fn retain(&self, fields: &mut Map<String, Value>) -> Result<(), PatchError> {
        let Some(retained) = &self.retained else {
            return Ok(());
        };
        let retained: std::collections::BTreeSet<&str> =
            retained.iter().filter_map(Value::as_str).collect();
        let forgotten = self
            .fields
            .iter()
            .any(|(name, value)| !value.is_null() && !retained.contains(name.as_str()));
        if forgotten {
            return Err(malformed("invalid patch format of retainKeys"));
        }
        fields.retain(|name, _| retained.contains(name.as_str()));
        Ok(())
    }
}

/// Whether an element of a list carries a directive.
pub(super) fn marks(item: &Value) -> bool {
    item.get(PATCH).is_some()
}

/// What an element of a merged list says, if it is no value.
pub(super) fn of_element(
    fields: &Map<String, Value>,
) -> Result<Option<ElementDirective>, PatchError> {
    let Some(directive) = fields.get(PATCH) else {
        return Ok(None);
    };
    match directive.as_str() {
        Some("delete") => Ok(Some(ElementDirective::Delete)),
        Some("replace") => Ok(Some(ElementDirective::Replace)),
        Some("merge") => Err(malformed(
            "merging lists cannot yet be specified in the patch",
        )),
        _ => Err(unknown_type(directive, fields)),
    }
}
