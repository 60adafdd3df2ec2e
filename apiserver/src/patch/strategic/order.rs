//! In which order the elements of a merged list stand.

use super::PatchError;
use super::list::{identity, no_merge_key};
use crate::status::text;
use serde_json::Value;
use std::collections::HashMap;

/// Places of elements in a list, by what identifies them. The first of equal ones counts.
pub(super) type Places = HashMap<String, usize>;

/// Places of elements. Those without a merge key have none.
pub(super) fn places<'v>(items: impl IntoIterator<Item = &'v Value>, key: Option<&str>) -> Places {
    let mut places = Places::new();
    for (place, item) in items.into_iter().enumerate() {
        if let Some(identity) = identity(item, key) {
            places.entry(identity).or_insert(place);
        }
    }
    places
}

/// Puts elements into order. Those in `wanted` stand as there, the others as in `before`. The two are
/// then mixed: an element of the others goes first if `before` has both, and has it first. An element
/// without a merge key, which only a server can have, goes to the end.
pub(super) fn arrange(
    items: Vec<Value>,
    wanted: &Places,
    before: &Places,
    key: Option<&str>,
) -> Vec<Value> {
    let count = items.len();
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for item in items {
        let identity = identity(&item, key).unwrap_or_default();
        let place_before = before.get(&identity).copied();
        match wanted.get(&identity) {
            Some(place) => ours.push((*place, place_before, item)),
            None => others.push((place_before.unwrap_or(usize::MAX), place_before, item)),
        }
    }
    ours.sort_by_key(|(place, ..)| *place);
    others.sort_by_key(|(place, ..)| *place);
    let mut arranged = Vec::with_capacity(count);
    let mut others = others.into_iter().peekable();
    for (_, place, item) in ours {
        let goes_first = |other: &(usize, Option<usize>, Value)| matches!((other.1, place), (Some(other), Some(place)) if other < place);
        while let Some((_, _, other)) = others.next_if(goes_first) {
            arranged.push(other);
        }
        arranged.push(item);
    }
    arranged.extend(others.map(|(_, _, item)| item));
    arranged
}

/// Checks that the values of a patch stand in the order that it asks for.
///
/// # Errors
/// If one is not in the order, or stands elsewhere there; if an element lacks the merge key.
pub(super) fn check(
    values: &[&Value],
    wanted: &[Value],
    key: Option<&str>,
) -> Result<(), PatchError> {
    if values.is_empty() || wanted.is_empty() {
        return Ok(());
    }
    let name = |item: &Value| identity(item, key).ok_or_else(|| no_merge_key(item, key));
    let mut rest = wanted.iter();
    for value in values {
        let value = name(value)?;
        let mut is_there = false;
        for item in rest.by_ref() {
            if name(item)? == value {
                is_there = true;
                break;
            }
        }
        if !is_there {
            return Err(PatchError::Malformed(format!(
                "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                text::plain_list(values.iter().copied()),
                text::plain_list(wanted)
            )));
        }
    }
    Ok(())
}
