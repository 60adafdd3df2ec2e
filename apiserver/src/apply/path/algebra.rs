//! What is made of two sets, level by level in one pass.

use super::{Node, Set};
use std::cmp::Ordering;

/// Nodes of two levels side by side, those of the same field together.
struct Zip<'a> {
    left: &'a [Node],
    right: &'a [Node],
}

fn zip<'a>(left: &'a Set, right: &'a Set) -> Zip<'a> {
    Zip {
        left: &left.nodes,
        right: &right.nodes,
    }
}

impl<'a> Iterator for Zip<'a> {
    type Item = (Option<&'a Node>, Option<&'a Node>);

    fn next(&mut self) -> Option<Self::Item> {
        let order = match (self.left.first(), self.right.first()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.element.cmp(&right.element),
        };
        let left = match order {
            Ordering::Greater => None,
            _ => self.left.split_off_first(),
        };
        let right = match order {
            Ordering::Less => None,
            _ => self.right.split_off_first(),
        };
        Some((left, right))
    }
}

/// Builds a level from what becomes of each pair.
fn level(
    left: &Set,
    right: &Set,
    make: impl Fn(Option<&Node>, Option<&Node>) -> Option<Node>,
) -> Set {
    let nodes = zip(left, right).filter_map(|(left, right)| make(left, right));
    Set {
        nodes: nodes.filter(Node::is_needed).collect(),
    }
}

impl Set {
    /// Fields that are in one of the two, or in both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        level(self, other, |left, right| match (left, right) {
            (Some(left), Some(right)) => Some(Node {
                element: left.element.clone(),
                is_member: left.is_member || right.is_member,
                children: left.children.union(&right.children),
            }),
            (one, another) => one.or(another).cloned(),
        })
    }

    /// Fields that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        level(self, other, |left, right| {
            let (left, right) = (left?, right?);
            Some(Node {
                element: left.element.clone(),
                is_member: left.is_member && right.is_member,
                children: left.children.intersection(&right.children),
            })
        })
    }

    /// Fields that are in this set and not in the other. Parts of a field that is in the other stay.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        level(self, other, |left, right| {
            let Some(right) = right else {
                return left.cloned();
            };
            let left = left?;
            Some(Node {
                element: left.element.clone(),
                is_member: left.is_member && !right.is_member,
                children: left.children.difference(&right.children),
            })
        })
    }

    /// Fields that are in this set, without those in the other and without all their parts.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        level(self, other, |left, right| {
            let Some(right) = right else {
                return left.cloned();
            };
            let left = left.filter(|_| !right.is_member)?;
            Some(Node {
                element: left.element.clone(),
                is_member: left.is_member,
                children: left.children.recursive_difference(&right.children),
            })
        })
    }

    /// Whether every field of this set is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        zip(self, other).all(|(left, right)| match (left, right) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(left), Some(right)) => {
                left.is_member <= right.is_member && left.children.is_subset(&right.children)
            }
        })
    }

    /// Members that have no parts in the set.
    #[must_use]
    pub fn leaves(&self) -> Self {
        let nodes = self.nodes.iter().map(|node| Node {
            element: node.element.clone(),
            is_member: node.is_member && node.children.is_empty(),
            children: node.children.leaves(),
        });
        Self {
            nodes: nodes.collect(),
        }
    }
}
