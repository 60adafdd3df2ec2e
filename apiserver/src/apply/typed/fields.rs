//! The fields of one object.

use super::Typed;
use super::shape::{Parts, Shape, sorted};
use crate::apply::path::{Element, Node, Set};
use crate::schema::Table;
use serde_json::{Map, Value};

/// The fields that whoever applies this object owns: leaves, wholes, keys of maps and elements of lists,
/// but no structures, except empty ones.
pub fn owned(typed: Typed<'_>, object: &Value) -> Set {
    let walk = Walk {
        table: typed.table,
        takes_all: false,
    };
    walk.parts(typed.shape(), object, 0)
}

/// Every field of the object, structures, too: what is added if there was nothing before.
pub fn everything(typed: Typed<'_>, object: &Value) -> Set {
    let walk = Walk {
        table: typed.table,
        takes_all: true,
    };
    walk.parts(typed.shape(), object, 0)
}

pub(super) struct Walk<'t> {
    pub table: &'t Table,
    /// Structures are members like everything else.
    pub takes_all: bool,
}

impl<'t> Walk<'t> {
    /// What is in the set of a value's parts.
    pub fn parts(&self, shape: Shape<'t>, value: &Value, depth: usize) -> Set {
        match shape.parts(self.table, value, depth) {
            Parts::Whole => Set::default(),
            Parts::Map(map) => self.fields(shape, map, depth),
            Parts::List(items) => self.items(shape, items, depth),
        }
    }

    fn fields(&self, shape: Shape<'t>, map: &Map<String, Value>, depth: usize) -> Set {
        let children = map.iter().filter_map(|(name, value)| {
            let child = shape.child(self.table, name)?;
            let node = self.node(child.element, child.shape, value, depth + 1);
            let is_member = node.is_member || !child.is_named;
            Some(Node { is_member, ..node })
        });
        Set::from_nodes(children.filter(Node::is_needed).collect())
    }

    fn items(&self, shape: Shape<'t>, items: Vec<(Element, &Value)>, depth: usize) -> Set {
        let items = sorted(items);
        let groups = items.chunk_by(|a, b| a.0 == b.0);
        let nodes = groups.map(|group| match group {
            [(element, value)] => {
                let below = shape.below(self.table, element);
                let node = self.node(element.clone(), below, value, depth + 1);
                Node {
                    is_member: true,
                    ..node
                }
            }
            // Which of them a part belongs to cannot be said: they are owned together.
            several => Node::member(several[0].0.clone()),
        });
        Set::from_nodes(nodes.collect())
    }

    /// A field and its parts, as if a structure declared it.
    pub fn node(&self, element: Element, shape: Shape<'t>, value: &Value, depth: usize) -> Node {
        let (is_member, children) = match shape.parts(self.table, value, depth) {
            Parts::Whole => (true, Set::default()),
            Parts::Map(map) => (map.is_empty(), self.fields(shape, map, depth)),
            Parts::List(items) => (false, self.items(shape, items, depth)),
        };
        Node {
            element,
            is_member: is_member || self.takes_all,
            children,
        }
    }
}

/// The set, and every declared field that has parts in it. [`owned`] leaves structures out; where it
/// matters whether one may go as a whole, they have to be in.
#[must_use]
pub fn with_named(typed: Typed<'_>, mut set: Set) -> Set {
    add_named(typed.table, typed.shape(), &mut set);
    set
}

fn add_named(table: &Table, shape: Shape<'_>, set: &mut Set) {
    for node in set.nodes_mut() {
        if node.children.is_empty() {
            continue;
        }
        if let (Shape::Struct(of), Element::Field(name)) = (&shape, &node.element) {
            node.is_member |= of.field(name).is_some();
        }
        add_named(table, shape.below(table, &node.element), &mut node.children);
    }
}
