//! Lists that are merged.

use super::directive::{self, ElementDirective};
use super::{Merge, PatchError, Slot, order};
use crate::status::text;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::mem::discriminant;

/// What a patch says of a merged list.
#[derive(Default)]
pub(super) struct ListChanges {
    /// What was there goes away.
    is_replaced: bool,
    /// Elements to remove, by what identifies them.
    deleted: HashSet<String>,
    /// Values: to be merged, or added.
    pub(super) others: Vec<Value>,
}

/// What tells an element from others: the value of its merge key, or itself. `None`: it has no such key.
pub(super) fn identity(item: &Value, key: Option<&str>) -> Option<String> {
    match key {
        Some(key) => item.get(key).map(Value::to_string),
        None => Some(item.to_string()),
    }
}

/// The error for an element without the merge key.
pub(super) fn no_merge_key(item: &Value, key: Option<&str>) -> PatchError {
    PatchError::Malformed(format!(
        "map: {} does not contain declared merge key: {}",
        text::plain(item),
        key.unwrap_or_default()
    ))
}

/// Tells directives from values. Only objects can carry directives.
pub(super) fn read(items: Vec<Value>, key: Option<&str>) -> Result<ListChanges, PatchError> {
    let mut changes = ListChanges::default();
    for item in items {
        let directive = match &item {
            Value::Object(fields) => directive::of_element(fields)?,
            _ => None,
        };
        match directive {
            None => changes.others.push(item),
            Some(ElementDirective::Replace) => changes.is_replaced = true,
            Some(ElementDirective::Delete) => {
                let identity = identity(&item, key).ok_or_else(|| no_merge_key(&item, key))?;
                changes.deleted.insert(identity);
            }
        }
    }
    Ok(changes)
}

/// Removes values from a set.
///
/// # Errors
/// If the list is no set of values without parts.
pub(super) fn delete_values(items: &mut Vec<Value>, values: &[Value]) -> Result<(), PatchError> {
    let has_parts = |value: &Value| value.is_object() || value.is_array();
    if items.iter().chain(values).any(has_parts) {
        let wrong = "invalid patch format of primitive list".to_owned();
        return Err(PatchError::Malformed(wrong));
    }
    let deleted: HashSet<String> = values.iter().map(Value::to_string).collect();
    items.retain(|item| !deleted.contains(&item.to_string()));
    Ok(())
}

/// Whether the elements are objects. They are all of one type.
fn are_objects(old: &[Value], changes: &[Value]) -> Result<bool, PatchError> {
    let mut all = old.iter().chain(changes);
    let Some(first) = all.next() else {
        return Ok(false);
    };
    if first.is_array() {
        let text = "lists of lists are not supported".to_owned();
        return Err(PatchError::DoesNotApply(text));
    }
    if all.any(|item| discriminant(item) != discriminant(first)) {
        return Err(PatchError::Malformed(format!(
            "list element types are not identical: [{} {}]",
            text::plain_list(old),
            text::plain_list(changes)
        )));
    }
    Ok(first.is_object())
}

/// The elements of a patch that are values.
fn values(changes: &[Value]) -> impl Iterator<Item = &Value> {
    changes.iter().filter(|item| !directive::marks(item))
}

/// The key by which elements are told apart; `None`: they are values of a set.
fn key<'a>(
    old: &[Value],
    changes: &[Value],
    slot: Slot<'a>,
) -> Result<Option<&'a str>, PatchError> {
    if !are_objects(old, changes)? {
        return Ok(None);
    }
    let key = slot.patch.merge_key.as_deref().ok_or_else(|| {
        let text = "cannot merge lists without merge key for type struct".to_owned();
        PatchError::Malformed(text)
    })?;
    Ok(Some(key))
}

impl<'a> Merge<'a> {
    /// Merges the elements of a patch into a list, in the order of the patch.
    pub(super) fn list(
        self,
        old: Vec<Value>,
        changes: Vec<Value>,
        slot: Slot<'a>,
    ) -> Result<Vec<Value>, PatchError> {
        let key = key(&old, &changes, slot)?;
        let wanted = order::places(values(&changes), key);
        let before = order::places(&old, key);
        let merged = self.unordered(old, changes, key, slot)?;
        Ok(order::arrange(merged, &wanted, &before, key))
    }

    /// Merges and puts into the order that the patch names. `None`: there is no list at all.
    pub(super) fn ordered(
        self,
        old: Option<Value>,
        change: Option<Value>,
        wanted: &[Value],
        slot: Slot<'a>,
    ) -> Result<Option<Value>, PatchError> {
        let items = |value| match value {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(PatchError::Malformed(
                "invalid patch format of setElementOrder list".to_owned(),
            )),
        };
        let (old, change) = (items(old)?, items(change)?);
        if old.is_none() && change.is_none() {
            return Ok(None);
        }
        let is_new = old.is_none();
        let (old, changes) = (old.unwrap_or_default(), change.unwrap_or_default());
        let key = key(&old, &changes, slot)?;
        order::check(&values(&changes).collect::<Vec<_>>(), wanted, key)?;
        let (before, places) = (order::places(&old, key), order::places(wanted, key));
        let merged = match is_new {
            // Elements of a new list are not merged with each other.
            true => self.new_list(read(changes, key)?.others, slot)?,
            false => self.unordered(old, changes, key, slot)?,
        };
        let arranged = order::arrange(merged, &places, &before, key);
        Ok(Some(Value::Array(arranged)))
    }

    /// The elements of a list that was not there.
    pub(super) fn new_list(
        self,
        items: Vec<Value>,
        slot: Slot<'a>,
    ) -> Result<Vec<Value>, PatchError> {
        let new = self.new_value(Value::Array(items), slot.node)?;
        match new {
            Value::Array(items) => Ok(items),
            other => Ok(vec![other]),
        }
    }

    fn unordered(
        self,
        old: Vec<Value>,
        changes: Vec<Value>,
        key: Option<&str>,
        slot: Slot<'a>,
    ) -> Result<Vec<Value>, PatchError> {
        let Some(key) = key else {
            let mut seen = HashSet::new();
            let all = old.into_iter().chain(changes);
            return Ok(all.filter(|item| seen.insert(item.to_string())).collect());
        };
        let changes = read(changes, Some(key))?;
        match changes.is_replaced {
            true => self.new_list(changes.others, slot),
            false => self.keyed(old, changes, key, slot),
        }
    }

    fn keyed(
        self,
        mut items: Vec<Value>,
        changes: ListChanges,
        key: &str,
        slot: Slot<'a>,
    ) -> Result<Vec<Value>, PatchError> {
        let name = |item: &Value| identity(item, Some(key));
        items.retain(|item| !name(item).is_some_and(|name| changes.deleted.contains(&name)));
        let mut places = HashMap::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            if let Some(name) = name(item) {
                places.entry(name).or_insert(place);
            }
        }
        let shape = self.shape(slot.element());
        for change in changes.others {
            let name = name(&change).ok_or_else(|| no_merge_key(&change, Some(key)))?;
            let place = *places.entry(name).or_insert(items.len());
            if place == items.len() {
                items.push(Value::Object(Map::new()));
            }
            let old = items[place].as_object_mut().map(std::mem::take);
            let Value::Object(change) = change else {
                continue;
            };
            items[place] = Value::Object(self.object(old.unwrap_or_default(), change, shape)?);
        }
        Ok(items)
    }
}
