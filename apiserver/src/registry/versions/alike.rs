//! Whether two versions of a kind have the same fields.

use crate::schema::{Node, Table, TypeId};
use std::collections::HashSet;

/// Whether two types have the same fields, all the way down.
pub(super) fn is_alike(table: &Table, a: TypeId, b: TypeId) -> bool {
    let (mut known, mut open) = (HashSet::new(), vec![(a, b)]);
    while let Some((a, b)) = open.pop() {
        if a == b || !known.insert((a, b)) {
            continue;
        }
        let (a, b) = (&table.get(a).fields, &table.get(b).fields);
        let mut pairs = a.iter().zip(b.iter());
        let all = pairs.all(|(a, b)| a.name == b.name && pair(&a.node, &b.node, &mut open));
        if a.len() != b.len() || !all {
            return false;
        }
    }
    true
}

/// Whether two values are of one sort; what is inside them is left to be looked at.
fn pair(a: &Node, b: &Node, open: &mut Vec<(TypeId, TypeId)>) -> bool {
    match (a, b) {
        (Node::Scalar(a), Node::Scalar(b)) => {
            std::mem::discriminant(a) == std::mem::discriminant(b)
        }
        (Node::Struct(a), Node::Struct(b)) => {
            open.push((*a, *b));
            true
        }
        (Node::List(a), Node::List(b)) => pair(&a.element, &b.element, open),
        (Node::Map(a), Node::Map(b)) => pair(&a.value, &b.value, open),
        (Node::Any, Node::Any) => true,
        _ => false,
    }
}
