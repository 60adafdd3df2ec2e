//! What differs between two objects.

use super::Typed;
use super::fields::Walk;
use super::shape::{Parts, Shape, sorted};
use crate::apply::path::{Element, Node, Set, order};
use crate::schema::Table;
use serde_json::{Map, Value};

/// The fields in which a later object differs from an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Not there before; structures around them count if they were not there either.
    pub added: Set,
    /// There before and after, with another value.
    pub modified: Set,
    /// Not there any more; structures around them count if they are gone, too.
    pub removed: Set,
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Without these fields and their parts.
    #[must_use]
    pub fn without(self, ignored: &Set) -> Self {
        if ignored.is_empty() || self.is_empty() {
            return self;
        }
        Self {
            added: self.added.recursive_difference(ignored),
            modified: self.modified.recursive_difference(ignored),
            removed: self.removed.recursive_difference(ignored),
        }
    }
}

/// What became of `before`. Null and empty count as a value, absent does not.
pub fn compare(typed: Typed<'_>, before: &Value, after: &Value) -> Comparison {
    let walk = Compare {
        table: typed.table,
        all: Walk {
            table: typed.table,
            takes_all: true,
        },
    };
    let mut found = Found::default();
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        walk.maps(typed.shape(), before, after, 0, &mut found);
    }
    Comparison {
        added: Set::from_nodes(found.added),
        modified: Set::from_nodes(found.modified),
        removed: Set::from_nodes(found.removed),
    }
}

/// Differences at one level.
#[derive(Default)]
struct Found {
    added: Vec<Node>,
    modified: Vec<Node>,
    removed: Vec<Node>,
}

/// Some elements of a list.
type Items<'a, 'v> = &'a [(Element, &'v Value)];

struct Compare<'t> {
    table: &'t Table,
    all: Walk<'t>,
}

impl<'t> Compare<'t> {
    fn maps(
        &self,
        shape: Shape<'t>,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        depth: usize,
        found: &mut Found,
    ) {
        for (name, old) in before {
            let new = after.get(name);
            if new == Some(old) {
                continue;
            }
            if let Some(child) = shape.child(self.table, name) {
                self.pair(
                    child.element,
                    child.shape,
                    (Some(old), new),
                    depth + 1,
                    found,
                );
            }
        }
        for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
            if let Some(child) = shape.child(self.table, name) {
                self.pair(
                    child.element,
                    child.shape,
                    (None, Some(new)),
                    depth + 1,
                    found,
                );
            }
        }
    }

    /// Finds the differences of one field, of which at least one side is there.
    fn pair(
        &self,
        element: Element,
        shape: Shape<'t>,
        sides: (Option<&Value>, Option<&Value>),
        depth: usize,
        found: &mut Found,
    ) {
        let (old, new) = match sides {
            (Some(old), Some(new)) => (old, new),
            (None, Some(new)) => {
                return found.added.push(self.all.node(element, shape, new, depth));
            }
            (Some(old), None) => {
                return found
                    .removed
                    .push(self.all.node(element, shape, old, depth));
            }
            (None, None) => return,
        };
        if old == new {
            return;
        }
        let mut below = Found::default();
        let none = Map::new();
        // Null stands for a structure, map or list without parts if the other side has some.
        match (
            shape.parts(self.table, old, depth),
            shape.parts(self.table, new, depth),
        ) {
            (Parts::Map(a), Parts::Map(b)) if !a.is_empty() || !b.is_empty() => {
                self.maps(shape, a, b, depth, &mut below);
            }
            (Parts::Map(a), Parts::Whole) if new.is_null() && !a.is_empty() => {
                self.maps(shape, a, &none, depth, &mut below);
            }
            (Parts::Whole, Parts::Map(b)) if old.is_null() && !b.is_empty() => {
                self.maps(shape, &none, b, depth, &mut below);
            }
            (Parts::List(a), Parts::List(b)) if !a.is_empty() || !b.is_empty() => {
                self.lists(shape, a, b, depth, &mut below);
            }
            (Parts::List(a), Parts::Whole) if new.is_null() && !a.is_empty() => {
                self.lists(shape, a, Vec::new(), depth, &mut below);
            }
            (Parts::Whole, Parts::List(b)) if old.is_null() && !b.is_empty() => {
                self.lists(shape, Vec::new(), b, depth, &mut below);
            }
            _ if order::equal(old, new) => {}
            _ => {
                // If one has parts and the other has none, or others: they come and go.
                below.removed = self.all.parts(shape, old, depth).into_nodes();
                below.added = self.all.parts(shape, new, depth).into_nodes();
                found.modified.push(Node::member(element.clone()));
            }
        }
        for (level, nodes) in [
            (&mut found.added, below.added),
            (&mut found.modified, below.modified),
            (&mut found.removed, below.removed),
        ] {
            if !nodes.is_empty() {
                let (element, children) = (element.clone(), Set::from_nodes(nodes));
                level.push(Node {
                    element,
                    is_member: false,
                    children,
                });
            }
        }
    }

    fn lists(
        &self,
        shape: Shape<'t>,
        before: Vec<(Element, &Value)>,
        after: Vec<(Element, &Value)>,
        depth: usize,
        found: &mut Found,
    ) {
        let (before, after) = (sorted(before), sorted(after));
        let (mut before, mut after) = (groups(&before).peekable(), groups(&after).peekable());
        loop {
            let element = match (before.peek(), after.peek()) {
                (None, None) => return,
                (Some(old), None) => old[0].0.clone(),
                (None, Some(new)) => new[0].0.clone(),
                (Some(old), Some(new)) => old[0].0.clone().min(new[0].0.clone()),
            };
            let old = before.next_if(|group| group[0].0 == element).unwrap_or(&[]);
            let new = after.next_if(|group| group[0].0 == element).unwrap_or(&[]);
            self.group(element, shape, (old, new), depth + 1, found);
        }
    }

    /// Finds the differences of the elements with one key. More than one is taken as a whole.
    fn group(
        &self,
        element: Element,
        shape: Shape<'t>,
        sides: (Items<'_, '_>, Items<'_, '_>),
        depth: usize,
        found: &mut Found,
    ) {
        let below = shape.below(self.table, &element);
        let first = |group: Items<'_, '_>| group.first().map(|item| item.1.clone());
        match (sides.0, sides.1) {
            ([] | [_], [] | [_]) => {
                let (old, new) = (sides.0.first(), sides.1.first());
                let sides = (old.map(|item| item.1), new.map(|item| item.1));
                self.pair(element, below, sides, depth, found);
            }
            ([_, _, ..], [_, _, ..]) => {
                let same = sides
                    .0
                    .iter()
                    .zip(sides.1)
                    .all(|(a, b)| order::equal(a.1, b.1));
                if sides.0.len() != sides.1.len() || !same {
                    found.modified.push(Node::member(element));
                }
            }
            ([_, _, ..], single) => {
                let new = first(single);
                self.pair(element.clone(), below, (None, new.as_ref()), depth, found);
                found.removed.push(Node::member(element));
            }
            (single, [_, _, ..]) => {
                let old = first(single);
                self.pair(element.clone(), below, (old.as_ref(), None), depth, found);
                found.added.push(Node::member(element));
            }
        }
    }
}

/// Runs of elements that are told apart by the same.
fn groups<'a, 'v>(items: Items<'a, 'v>) -> impl Iterator<Item = Items<'a, 'v>> {
    items.chunk_by(|a, b| a.0 == b.0)
}
