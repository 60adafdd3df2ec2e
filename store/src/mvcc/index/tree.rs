//! The tree itself: finding, inserting, splitting, merging. All leaves are equally deep.

use super::entry::Entry;
use super::leaf::{LEAF_KEYS, Leaf, Sum};
use super::separators::Separators;
use bytes::Bytes;
use std::ops::ControlFlow;

/// Most children of an inner node.
pub(super) const FANOUT: usize = 64;

#[derive(Debug)]
pub(super) enum Node {
    Leaf(Box<Leaf>),
    Inner(Box<Inner>),
}

/// A node with children.
#[derive(Debug, Default)]
pub(super) struct Inner {
    pub separators: Separators,
    pub children: Vec<Node>,
    pub sums: Vec<Sum>,
}

/// The ordered, counted index of keys.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(super) root: Node,
    pub(super) sum: Sum,
}

/// The right half of a node that grew too large.
struct Split {
    separator: Box<[u8]>,
    right: Node,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree {
            root: Node::Leaf(Box::default()),
            sum: Sum::default(),
        }
    }
}

impl Tree {
    /// What the whole tree holds.
    pub fn sum(&self) -> Sum {
        self.sum
    }

    /// Changes the entry of `key`, and its cached record; a vacant entry is made if there is none,
    /// and `change` must then give it a version.
    pub fn upsert<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Entry, &mut Option<Bytes>) -> T,
    ) -> T {
        let (answer, before, after, split) = self.root.upsert(key, change);
        self.sum.exchange(before, after);
        if let Some(split) = split {
            let left = std::mem::replace(&mut self.root, Node::Leaf(Box::default()));
            self.root = Node::Inner(Box::new(Inner {
                separators: vec![split.separator].into(),
                sums: vec![left.sum(), split.right.sum()],
                children: vec![left, split.right],
            }));
        }
        answer
    }

    /// Changes the entry of `key`, and its cached record, if there is one.
    pub fn modify<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Entry, &mut Option<Bytes>) -> T,
    ) -> Option<T> {
        let (answer, before, after) = self.root.modify(key, change)?;
        self.sum.exchange(before, after);
        Some(answer)
    }

    /// Visits, in order from `from` on, the leaves that `wanted` accepts by their sum (subtrees are
    /// passed over whole). The visitor may change, drop and uncache keys, not add any.
    pub fn walk_leaves(
        &mut self,
        from: &[u8],
        wanted: &dyn Fn(&Sum) -> bool,
        visit: &mut dyn FnMut(&mut Leaf) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if !wanted(&self.sum) {
            return ControlFlow::Continue(());
        }
        let flow = self.root.walk_leaves(from, wanted, visit);
        loop {
            match &mut self.root {
                Node::Inner(inner) if inner.children.is_empty() => {
                    self.root = Node::Leaf(Box::default());
                }
                Node::Inner(inner) if inner.children.len() == 1 => {
                    self.root = inner.children.pop().expect("it has exactly one child");
                }
                _ => break,
            }
        }
        self.sum = self.root.sum();
        flow
    }
}

impl Node {
    pub(super) fn sum(&self) -> Sum {
        match self {
            Node::Leaf(leaf) => leaf.sum(),
            Node::Inner(inner) => {
                let mut total = Sum::default();
                inner.sums.iter().for_each(|sum| total.add(*sum));
                total
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.entries.len(),
            Node::Inner(inner) => inner.children.len(),
        }
    }

    fn upsert<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Entry, &mut Option<Bytes>) -> T,
    ) -> (T, Sum, Sum, Option<Split>) {
        match self {
            Node::Leaf(leaf) => leaf.upsert(key, change),
            Node::Inner(inner) => inner.upsert(key, change),
        }
    }

    fn modify<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Entry, &mut Option<Bytes>) -> T,
    ) -> Option<(T, Sum, Sum)> {
        match self {
            Node::Leaf(leaf) => {
                let at = leaf.find(key).ok()?;
                let before = Sum::of(&leaf.entries[at], leaf.record(at).is_some());
                let (answer, after) = leaf.change(at, change);
                Some((answer, before, after))
            }
            Node::Inner(inner) => {
                let at = inner.child_of(key);
                let (answer, before, after) = inner.children[at].modify(key, change)?;
                inner.sums[at].exchange(before, after);
                Some((answer, before, after))
            }
        }
    }

    fn walk_leaves(
        &mut self,
        from: &[u8],
        wanted: &dyn Fn(&Sum) -> bool,
        visit: &mut dyn FnMut(&mut Leaf) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self {
            Node::Leaf(leaf) => visit(leaf),
            Node::Inner(inner) => inner.walk_leaves(from, wanted, visit),
        }
    }
}

impl Leaf {
    fn upsert<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Entry, &mut Option<Bytes>) -> T,
    ) -> (T, Sum, Sum, Option<Split>) {
        let at = match self.find(key) {
            Ok(at) => {
                let before = Sum::of(&self.entries[at], self.record(at).is_some());
                let (answer, after) = self.change(at, change);
                return (answer, before, after, None);
            }
            Err(at) => at,
        };
        if self.entries.len() < LEAF_KEYS {
            self.insert(at, Entry::vacant(key));
            let (answer, after) = self.change(at, change);
            return (answer, Sum::default(), after, None);
        }
        // Keys that come in order leave full leaves behind, others half-full ones.
        let half = if at == LEAF_KEYS {
            LEAF_KEYS
        } else {
            LEAF_KEYS / 2
        };
        let mut right = self.split_off(half);
        let (leaf, at) = match at >= half {
            true => (&mut right, at - half),
            false => (&mut *self, at),
        };
        leaf.insert(at, Entry::vacant(key));
        let (answer, after) = leaf.change(at, change);
        let split = Split {
            separator: right.entries[0].key.clone(),
            right: Node::Leaf(Box::new(right)),
        };
        (answer, Sum::default(), after, Some(split))
    }
}

impl Inner {
    /// The child whose keys `key` belongs among.
    pub(super) fn child_of(&self, key: &[u8]) -> usize {
        self.separators.child_of(key)
    }

    fn upsert<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Entry, &mut Option<Bytes>) -> T,
    ) -> (T, Sum, Sum, Option<Split>) {
        let at = self.child_of(key);
        let (answer, before, after, split) = self.children[at].upsert(key, change);
        let Some(split) = split else {
            self.sums[at].exchange(before, after);
            return (answer, before, after, None);
        };
        self.sums[at] = self.children[at].sum();
        self.separators.insert(at, split.separator);
        self.sums.insert(at + 1, split.right.sum());
        self.children.insert(at + 1, split.right);
        let split =
            (self.children.len() > FANOUT).then(|| self.split(at + 2 == self.children.len()));
        (answer, before, after, split)
    }

    fn split(&mut self, at_the_end: bool) -> Split {
        let half = if at_the_end { FANOUT - 1 } else { FANOUT / 2 };
        let (separator, separators) = self.separators.split(half);
        let right = Inner {
            separators,
            children: self.children.split_off(half),
            sums: self.sums.split_off(half),
        };
        Split {
            separator,
            right: Node::Inner(Box::new(right)),
        }
    }

    fn walk_leaves(
        &mut self,
        from: &[u8],
        wanted: &dyn Fn(&Sum) -> bool,
        visit: &mut dyn FnMut(&mut Leaf) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let first = self.child_of(from);
        let mut flow = ControlFlow::Continue(());
        for at in first..self.children.len() {
            if !wanted(&self.sums[at]) {
                continue;
            }
            let from = if at == first { from } else { &[] };
            flow = self.children[at].walk_leaves(from, wanted, visit);
            self.sums[at] = self.children[at].sum();
            if flow.is_break() {
                break;
            }
        }
        self.tidy();
        flow
    }

    /// Removes children that became empty and merges neighbours that became small.
    fn tidy(&mut self) {
        let mut at = 0;
        while at < self.children.len() {
            if self.children[at].len() == 0 {
                self.children.remove(at);
                self.sums.remove(at);
                if !self.separators.is_empty() {
                    self.separators.remove(at.saturating_sub(1));
                }
            } else if at + 1 < self.children.len()
                && self.children[at].len() + self.children[at + 1].len() <= FANOUT / 2
            {
                self.merge_with_next(at);
            } else {
                at += 1;
            }
        }
    }

    fn merge_with_next(&mut self, at: usize) {
        let separator = self.separators.remove(at);
        let next = self.children.remove(at + 1);
        self.sums.remove(at + 1);
        match (&mut self.children[at], next) {
            (Node::Leaf(leaf), Node::Leaf(next)) => leaf.append(*next),
            (Node::Inner(inner), Node::Inner(mut next)) => {
                inner.separators.append(separator, next.separators);
                inner.children.append(&mut next.children);
                inner.sums.append(&mut next.sums);
            }
            _ => unreachable!("all leaves are equally deep"),
        }
        self.sums[at] = self.children[at].sum();
    }
}
