//! Reading the tree: one key, a range in order, a count.

use super::entry::{Entry, Seen};
use super::leaf::Leaf;
use super::tree::{Inner, Node, Tree};
use crate::Revision;
use bytes::Bytes;
use std::ops::ControlFlow;

/// One key as a reader finds it.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    leaf: &'a Leaf,
    at: usize,
}

impl<'a> Slot<'a> {
    pub fn entry(&self) -> &'a Entry {
        &self.leaf.entries[self.at]
    }

    /// The newest version's record if it is cached. Reading it keeps it in the cache for longer.
    pub fn record(&self) -> Option<&'a Bytes> {
        let record = self.leaf.record(self.at)?;
        self.leaf.touch(self.at);
        Some(record)
    }
}

impl Tree {
    /// The key's place, tombstones included.
    pub fn get(&self, key: &[u8]) -> Option<Slot<'_>> {
        let mut node = &self.root;
        loop {
            match node {
                Node::Inner(inner) => node = &inner.children[inner.child_of(key)],
                Node::Leaf(leaf) => {
                    let at = leaf.find(key).ok()?;
                    return Some(Slot { leaf, at });
                }
            }
        }
    }

    /// Visits keys in `[from, to)` in order (`None`: to the end), tombstones included.
    pub fn visit<'a>(
        &'a self,
        from: &[u8],
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(Slot<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        visit_node(&self.root, from, to, visit)
    }

    /// Keys in `[from, to)` that a reader at `revision` sees. Takes logarithmic time, plus a step
    /// for every leaf with a key changed since `revision`.
    pub fn count(&self, from: &[u8], to: Option<&[u8]>, revision: Revision) -> u64 {
        if to.is_some_and(|to| to <= from) {
            return 0;
        }
        count_node(&self.root, from, to, revision)
    }
}

fn visit_node<'a>(
    node: &'a Node,
    from: &[u8],
    to: Option<&[u8]>,
    visit: &mut dyn FnMut(Slot<'a>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match node {
        Node::Leaf(leaf) => {
            let first = leaf.find(from).unwrap_or_else(|at| at);
            let end = end_in(leaf, to);
            for at in first..end {
                visit(Slot { leaf, at })?;
            }
            if end < leaf.entries.len() {
                return ControlFlow::Break(());
            }
        }
        Node::Inner(inner) => {
            let first = inner.child_of(from);
            for at in first..inner.children.len() {
                if at > first && to.is_some_and(|to| inner.separators.key(at - 1) >= to) {
                    return ControlFlow::Break(());
                }
                let from = if at == first { from } else { &[] };
                visit_node(&inner.children[at], from, to, visit)?;
            }
        }
    }
    ControlFlow::Continue(())
}

/// Where `to` cuts a leaf. Most leaves of a range lie before it: one comparison, not one per key.
fn end_in(leaf: &Leaf, to: Option<&[u8]>) -> usize {
    let all = leaf.entries.len();
    match (to, leaf.entries.last()) {
        (Some(to), Some(last)) if *last.key >= *to => leaf.find(to).unwrap_or_else(|at| at),
        _ => all,
    }
}

fn count_node(node: &Node, from: &[u8], to: Option<&[u8]>, revision: Revision) -> u64 {
    match node {
        Node::Leaf(leaf) => {
            let first = leaf.find(from).unwrap_or_else(|at| at);
            leaf.entries[first..end_in(leaf, to).max(first)]
                .iter()
                .filter(|entry| entry.at(revision) != Seen::Nothing)
                .count() as u64
        }
        Node::Inner(inner) => count_inner(inner, from, to, revision),
    }
}

fn count_inner(inner: &Inner, from: &[u8], to: Option<&[u8]>, revision: Revision) -> u64 {
    let first = inner.child_of(from);
    let last = to.map_or(inner.children.len() - 1, |to| inner.child_of(to));
    let mut count = 0;
    for at in first..=last {
        // Only the outermost children can be cut by the range's ends.
        let from = if at == first { from } else { &[] };
        let to = if at == last { to } else { None };
        let whole = from.is_empty() && to.is_none();
        count += match whole && inner.sums[at].newest <= revision {
            true => inner.sums[at].live,
            false => count_node(&inner.children[at], from, to, revision),
        };
    }
    count
}
