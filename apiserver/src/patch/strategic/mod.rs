//! Strategic merge patch: a merge patch that knows from the schema table which lists are merged.
//!
//! Without directives: structures and maps are merged member by member, null removes, scalars replace. A
//! list is replaced, unless its field [`merges`](Patch::merges): then elements with the same merge key are
//! merged, and without a merge key the elements are values of a set. Merged lists keep the patch's order
//! among the patch's elements and the server's order among the others; where the two must be mixed, an
//! element that only the server has goes before an element of the patch that it preceded before, and
//! behind the new ones.
//!
//! Directives, as members of an object in the patch:
//!
//! * `$patch: replace` uses the object as it is, `$patch: delete` leaves an empty one. As an element of a
//!   merged list, `delete` removes the element with its key, and `replace` replaces the whole list.
//! * `$retainKeys: [a, b]` removes all other members.
//! * `$deleteFromPrimitiveList/x: [a]` removes values from the set `x`.
//! * `$setElementOrder/x: [...]` names the order of those elements of `x` that the patch knows.
//!
//! No directive ever ends up in an object. A field that the table does not know, or whose content it does
//! not know, is merged like a map; whether it may be there is for field validation to say.
//!
//! The order in which the parts of a patch apply is fixed: `$retainKeys`, deletions, everything else.

mod directive;
mod list;
mod order;
#[cfg(test)]
mod tests;

use super::{PatchError, check_depth};
use crate::schema::{Node, Patch, Table, Type, TypeId};
use directive::{Changes, Directed};
use serde_json::{Map, Value};

/// What fields without a strategy have.
static NO_STRATEGY: Patch = Patch {
    merges: false,
    retains_keys: false,
    replaces: false,
    merge_key: None,
};

/// What is known of an object.
#[derive(Clone, Copy)]
enum Shape<'a> {
    /// Its fields.
    Struct(&'a Type),
    /// What its values are.
    Map(&'a Node),
    /// Nothing.
    Unknown,
}

/// What is known of a member of an object.
#[derive(Clone, Copy)]
struct Slot<'a> {
    /// What it holds, if that is known.
    node: Option<&'a Node>,
    /// How it is patched.
    patch: &'a Patch,
}

/// Merges, with a table at hand.
#[derive(Clone, Copy)]
struct Merge<'a> {
    table: &'a Table,
}

/// Applies a strategic merge patch to an object of a type of the table.
///
/// # Errors
/// [`PatchError::Malformed`] if the patch is no object, is nested too deep, lacks a merge key or has a
/// directive that makes no sense; [`PatchError::DoesNotApply`] for lists of lists.
///
/// # Panics
/// If the type is of another table.
pub fn apply(
    table: &Table,
    kind: TypeId,
    object: Value,
    patch: Value,
) -> Result<Value, PatchError> {
    check_depth(&patch)?;
    let Value::Object(patch) = patch else {
        return Err(PatchError::wrong_type(&patch, "map[string]interface {}"));
    };
    let fields = match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let shape = Shape::Struct(table.get(kind));
    let merged = Merge { table }.object(fields, patch, shape)?;
    Ok(Value::Object(merged))
}

impl<'a> Shape<'a> {
    /// What is known of the member with this name.
    fn slot(self, name: &str) -> Slot<'a> {
        let known = match self {
            Shape::Struct(kind) => kind.field(name).map(|field| (&field.node, &field.patch)),
            Shape::Map(value) => Some((value, &NO_STRATEGY)),
            Shape::Unknown => None,
        };
        Slot {
            node: known.map(|(node, _)| node),
            patch: known.map_or(&NO_STRATEGY, |(_, patch)| patch),
        }
    }
}

impl<'a> Slot<'a> {
    /// What is known of an element of the list that it holds.
    fn element(self) -> Option<&'a Node> {
        match self.node {
            Some(Node::List(list)) => Some(&list.element),
            _ => None,
        }
    }
}

impl<'a> Merge<'a> {
    /// What is known of an object that this node holds.
    fn shape(self, node: Option<&'a Node>) -> Shape<'a> {
        match node {
            Some(Node::Struct(id)) => Shape::Struct(self.table.get(*id)),
            Some(Node::Map(map)) => Shape::Map(&map.value),
            _ => Shape::Unknown,
        }
    }

    /// Merges a patch into the members of an object. As deep as the patch, which has been checked.
    fn object(
        self,
        mut fields: Map<String, Value>,
        patch: Map<String, Value>,
        shape: Shape<'a>,
    ) -> Result<Map<String, Value>, PatchError> {
        let mut changes = match directive::read(patch)? {
            Directed::Merge(changes) => changes,
            Directed::Replace(only) => {
                fields.clear();
                Changes::plain(only)
            }
            Directed::Delete => return Ok(Map::new()),
        };
        changes.retain(&mut fields)?;
        for (name, values) in &changes.deletions {
            if let Some(Value::Array(items)) = fields.get_mut(name) {
                list::delete_values(items, values)?;
            }
        }
        for (name, wanted) in std::mem::take(&mut changes.orders) {
            let slot = shape.slot(&name);
            let change = changes.fields.get(&name);
            // An order of a list that is replaced as a whole has nothing to say.
            if !slot.patch.merges || change.is_some_and(Value::is_null) {
                continue;
            }
            let (old, change) = (fields.remove(&name), changes.fields.remove(&name));
            if let Some(items) = self.ordered(old, change, &wanted, slot)? {
                fields.insert(name, items);
            }
        }
        for (name, change) in changes.fields {
            if change.is_null() {
                fields.remove(&name);
                continue;
            }
            let merged = self.value(fields.remove(&name), change, shape.slot(&name))?;
            fields.insert(name, merged);
        }
        Ok(fields)
    }

    /// Merges a change that is not null into what was there.
    fn value(self, old: Option<Value>, change: Value, slot: Slot<'a>) -> Result<Value, PatchError> {
        match (old, change) {
            (Some(Value::Object(fields)), Value::Object(change)) if !slot.patch.replaces => {
                let merged = self.object(fields, change, self.shape(slot.node))?;
                Ok(Value::Object(merged))
            }
            (Some(Value::Array(items)), Value::Array(changes)) if slot.patch.merges => {
                self.list(items, changes, slot).map(Value::Array)
            }
            (_, Value::Array(changes)) if slot.patch.merges => {
                let only = list::read(changes, slot.patch.merge_key.as_deref())?.others;
                self.new_list(only, slot).map(Value::Array)
            }
            (_, change) => self.new_value(change, slot.node),
        }
    }

    /// What a patch means where nothing was before: itself without directives and nulls.
    fn new_value(self, change: Value, node: Option<&'a Node>) -> Result<Value, PatchError> {
        match (change, node) {
            (Value::Object(change), node) => {
                let new = self.object(Map::new(), change, self.shape(node))?;
                Ok(Value::Object(new))
            }
            (Value::Array(items), Some(Node::List(list))) => {
                // An element with a directive is an instruction, not a value.
                let values = items.into_iter().filter(|item| !directive::marks(item));
                let new = values.map(|item| self.new_value(item, Some(&list.element)));
                new.collect::<Result<_, _>>().map(Value::Array)
            }
            (change, _) => Ok(change),
        }
    }
}
