//! Laying an applied configuration over an object.

use super::Typed;
use super::shape::{Parts, Shape};
use crate::apply::path::Element;
use crate::schema::Table;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Lays `config` over `object`: what it names gets its values, what it does not name stays.
///
/// Elements of keyed lists and sets that the configuration names stand in its order; others keep their
/// place relative to those around them; new ones come where the configuration has them. Several live
/// elements with one key become the configured one. A null takes the place of a single value, but not
/// that of the parts of a structure, map or list.
pub fn merge(typed: Typed<'_>, object: &mut Value, config: &Value) {
    merge_into(typed.table, typed.shape(), object, config, 0);
}

fn merge_into(table: &Table, shape: Shape<'_>, live: &mut Value, config: &Value, depth: usize) {
    if keeps_parts(shape, live, config) {
        return;
    }
    match shape.parts(table, config, depth) {
        Parts::Map(new) => {
            if let Value::Object(old) = live {
                return maps(table, shape, old, new, depth);
            }
        }
        Parts::List(new) => {
            let parts = shape.parts(table, live, depth);
            if let (Parts::List(old), false) = (parts, new.is_empty()) {
                let old = old.into_iter().map(|(element, _)| element).collect();
                return lists(table, shape, live, old, &new, depth);
            }
            if live.as_array().is_some_and(|old| !old.is_empty()) && new.is_empty() {
                return;
            }
        }
        Parts::Whole => {}
    }
    *live = config.clone();
}

/// Whether the configuration is null where parts are owned one by one: they stay.
fn keeps_parts(shape: Shape<'_>, live: &Value, config: &Value) -> bool {
    let has_parts = match (shape, live) {
        (Shape::Struct(_) | Shape::Map(_) | Shape::Free, Value::Object(map)) => !map.is_empty(),
        (Shape::List(_), Value::Array(items)) => !items.is_empty(),
        _ => false,
    };
    config.is_null() && has_parts
}

fn maps(
    table: &Table,
    shape: Shape<'_>,
    live: &mut Map<String, Value>,
    config: &Map<String, Value>,
    depth: usize,
) {
    for (name, new) in config {
        let below = shape
            .child(table, name)
            .map_or(Shape::Whole, |child| child.shape);
        match live.get_mut(name) {
            Some(old) => merge_into(table, below, old, new, depth + 1),
            None => {
                live.insert(name.clone(), new.clone());
            }
        }
    }
}

/// Merges a list; `elements` tells those of the live one apart.
fn lists(
    table: &Table,
    shape: Shape<'_>,
    live: &mut Value,
    elements: Vec<Element>,
    config: &[(Element, &Value)],
    depth: usize,
) {
    let Value::Array(items) = live else { return };
    // Where an element stands in the live list; none if several have its key.
    let mut places: BTreeMap<&Element, Option<usize>> = BTreeMap::new();
    for (at, element) in elements.iter().enumerate() {
        places
            .entry(element)
            .and_modify(|place| *place = None)
            .or_insert(Some(at));
    }
    let wanted = config
        .iter()
        .enumerate()
        .map(|(at, (element, _))| (element, at));
    let wanted: BTreeMap<&Element, usize> = wanted.collect();
    let shared = config
        .iter()
        .enumerate()
        .filter(|(_, (element, _))| places.contains_key(element));
    let mut shared = shared.map(|(at, _)| at).peekable();
    // First the order, as places in one of the lists.
    let mut order = Vec::with_capacity(elements.len() + config.len());
    let mut next = 0;
    for (place, element) in elements.iter().enumerate() {
        match wanted.get(element) {
            None => order.push(Place::Live(place)),
            // Only the next element that both have brings the configuration's up to it.
            Some(at) if shared.next_if_eq(at).is_some() => {
                order.extend((next..=*at).map(Place::Config));
                next = *at + 1;
            }
            Some(_) => {}
        }
    }
    order.extend((next..config.len()).map(Place::Config));
    let mut old = std::mem::take(items);
    items.extend(order.into_iter().map(|place| {
        let at = match place {
            Place::Live(at) => return old[at].take(),
            Place::Config(at) => at,
        };
        let (element, new) = &config[at];
        let Some(Some(at)) = places.get(element) else {
            return (*new).clone();
        };
        let mut item = old[*at].take();
        merge_into(
            table,
            shape.below(table, element),
            &mut item,
            new,
            depth + 1,
        );
        item
    }));
}

/// Where an element of the result comes from.
enum Place {
    Live(usize),
    Config(usize),
}
