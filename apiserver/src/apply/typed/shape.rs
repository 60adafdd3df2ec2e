//! How a part of an object is owned, and into which parts it falls.

use crate::apply::path::{Element, MAX_DEPTH};
use crate::schema::{List, ListTopology, Node, Table, Type};
use serde_json::{Map, Value};
use std::fmt;

/// How a value is owned.
#[derive(Clone, Copy)]
pub(super) enum Shape<'t> {
    /// As a whole.
    Whole,
    /// By its fields.
    Struct(&'t Type),
    /// By its keys; each is owned itself, too.
    Map(&'t Node),
    /// By its elements, which keys or their values tell apart.
    List(&'t List),
    /// Undeclared and kept: objects by their keys, all else as a whole.
    Free,
}

/// The parts into which a value of some shape falls.
pub(super) enum Parts<'v> {
    /// None: it is owned as a whole.
    Whole,
    /// By name.
    Map(&'v Map<String, Value>),
    /// Elements in their order, each with what tells it apart.
    List(Vec<(Element, &'v Value)>),
}

/// Where a name in an object leads.
pub(super) struct Child<'t> {
    pub element: Element,
    pub shape: Shape<'t>,
    /// A field that its structure declares; it is not owned itself if its parts are.
    pub is_named: bool,
}

/// Why an element of a list has no name.
#[derive(Debug)]
pub(super) enum NoElement<'t> {
    NullItem,
    NoMap,
    NoKey(&'t str),
    MapInSet,
    ListInSet,
    NullInSet,
}

impl fmt::Display for NoElement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NullItem => f.write_str("associative list with keys may not have a null element"),
            Self::NoMap => f.write_str("associative list with keys may not have non-map elements"),
            Self::NoKey(name) => write!(
                f,
                "associative list with keys has an element that omits key field \"{name}\" (and doesn't have default value)"
            ),
            Self::MapInSet => {
                f.write_str("associative list without keys has an element that's a map type")
            }
            Self::ListInSet => {
                f.write_str("not supported: associative list with lists as elements")
            }
            Self::NullInSet => {
                f.write_str("associative list without keys has an element that's an explicit null")
            }
        }
    }
}

impl<'t> Shape<'t> {
    /// The shape of what the schema says of a value.
    pub fn of(table: &'t Table, node: &'t Node) -> Self {
        match node {
            Node::Scalar(_) | Node::Any => Self::Whole,
            Node::Struct(id) => match table.get(*id) {
                atomic if atomic.is_atomic => Self::Whole,
                granular => Self::Struct(granular),
            },
            Node::List(list) if list.topology == ListTopology::Atomic => Self::Whole,
            Node::List(list) => Self::List(list),
            Node::Map(map) if map.is_atomic => Self::Whole,
            Node::Map(map) => Self::Map(&map.value),
        }
    }

    /// Where a name leads from here; none if it is not declared.
    pub fn child(self, table: &'t Table, name: &str) -> Option<Child<'t>> {
        let free = || Child {
            element: Element::field(name),
            shape: Self::Free,
            is_named: false,
        };
        match self {
            Self::Struct(of) => match of.field(name) {
                Some(field) => Some(Child {
                    element: Element::Field(field.name.clone()),
                    shape: Self::of(table, &field.node),
                    is_named: true,
                }),
                None => (of.unknown == crate::schema::Unknown::Kept).then(free),
            },
            Self::Map(value) => Some(Child {
                shape: Self::of(table, value),
                ..free()
            }),
            Self::Free => Some(free()),
            Self::Whole | Self::List(_) => None,
        }
    }

    /// The shape of the part that an element leads to; whole if it leads nowhere.
    pub fn below(self, table: &'t Table, element: &Element) -> Self {
        match (self, element) {
            (Self::List(list), _) => Self::of(table, &list.element),
            (_, Element::Field(name)) => self
                .child(table, name)
                .map_or(Self::Whole, |child| child.shape),
            _ => Self::Whole,
        }
    }

    /// The parts of a value at this depth (steps from the object).
    pub fn parts<'v>(self, table: &'t Table, value: &'v Value, depth: usize) -> Parts<'v> {
        if depth >= MAX_DEPTH {
            return Parts::Whole;
        }
        match (self, value) {
            (Self::Struct(_) | Self::Map(_) | Self::Free, Value::Object(map)) => Parts::Map(map),
            (Self::List(list), Value::Array(items)) => {
                let named = items
                    .iter()
                    .map(|item| Some((element(table, list, item).ok()?, item)));
                named
                    .collect::<Option<Vec<_>>>()
                    .map_or(Parts::Whole, Parts::List)
            }
            _ => Parts::Whole,
        }
    }
}

/// What tells an element of a keyed list or a set apart. Absent key fields have their defaults.
pub(super) fn element<'t>(
    table: &'t Table,
    list: &'t List,
    item: &Value,
) -> Result<Element, NoElement<'t>> {
    let ListTopology::Map(keys) = &list.topology else {
        return match item {
            Value::Object(_) => Err(NoElement::MapInSet),
            Value::Array(_) => Err(NoElement::ListInSet),
            Value::Null => Err(NoElement::NullInSet),
            scalar => Ok(Element::value(scalar.clone())),
        };
    };
    let fields = match item {
        Value::Object(fields) => fields,
        Value::Null => return Err(NoElement::NullItem),
        _ => return Err(NoElement::NoMap),
    };
    let default = |name: &str| match &list.element {
        Node::Struct(id) => table.get(*id).field(name)?.default.as_ref(),
        _ => None,
    };
    let key = keys.iter().map(|name| {
        let value = fields.get(&**name).or_else(|| default(name));
        let value = value.ok_or(NoElement::NoKey(name))?;
        Ok((name.clone(), value.clone()))
    });
    Ok(Element::key(key.collect::<Result<Vec<_>, _>>()?))
}

/// Elements sorted by what tells them apart; those with the same stay in their order.
pub(super) fn sorted(mut items: Vec<(Element, &Value)>) -> Vec<(Element, &Value)> {
    if !items.windows(2).all(|pair| pair[0].0 <= pair[1].0) {
        items.sort_by(|a, b| a.0.cmp(&b.0));
    }
    items
}
