//! Taking fields out of an object.

use super::Typed;
use super::shape::{Parts, Shape};
use crate::apply::path::{Element, Set};
use crate::schema::Table;
use serde_json::Value;

/// Takes the fields of the set out of the object, members with all their parts. A map or list that
/// loses its last part stays, empty, unless it is in the set itself.
pub fn remove(typed: Typed<'_>, object: &mut Value, set: &Set) {
    take(typed.table, typed.shape(), object, set, 0);
}

fn take(table: &Table, shape: Shape<'_>, value: &mut Value, set: &Set, depth: usize) {
    let keeps: Vec<bool> = match shape.parts(table, value, depth) {
        Parts::Whole => return,
        Parts::Map(_) => return fields(table, shape, value, set, depth),
        Parts::List(items) => {
            let kept = |element: &Element| !set.get(element).is_some_and(|node| node.is_member);
            items.iter().map(|(element, _)| kept(element)).collect()
        }
    };
    let Value::Array(items) = value else { return };
    let Shape::List(list) = shape else { return };
    let mut at = 0;
    items.retain(|_| {
        at += 1;
        keeps[at - 1]
    });
    for item in items {
        let Ok(element) = super::shape::element(table, list, item) else {
            continue;
        };
        if let Some(node) = set.get(&element) {
            take(
                table,
                Shape::of(table, &list.element),
                item,
                &node.children,
                depth + 1,
            );
        }
    }
}

fn fields(table: &Table, shape: Shape<'_>, value: &mut Value, set: &Set, depth: usize) {
    let Value::Object(map) = value else { return };
    for node in set.nodes() {
        let Element::Field(name) = &node.element else {
            continue;
        };
        if node.is_member {
            map.remove(&**name);
        } else if let Some(part) = map.get_mut(&**name) {
            let below = shape.below(table, &node.element);
            take(table, below, part, &node.children, depth + 1);
        }
    }
}
