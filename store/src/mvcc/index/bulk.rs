//! Building a tree from keys that are already in order: linear time, leaves almost full.

use super::entry::Entry;
use super::leaf::{LEAF_KEYS, Leaf};
use super::tree::{FANOUT, Inner, Node, Tree};

/// Some room is left so that the first inserts after a start do not split every leaf.
const FILL_KEYS: usize = LEAF_KEYS * 7 / 8;
const FILL_CHILDREN: usize = FANOUT * 7 / 8;

/// Takes entries in ascending order of their keys and makes a tree of them.
#[derive(Default)]
pub(crate) struct Builder {
    leaf: Vec<Entry>,
    leaves: Vec<(Box<[u8]>, Node)>,
}

impl Builder {
    /// Adds the next entry. Its key is above all before.
    pub fn push(&mut self, entry: Entry) {
        debug_assert!(self.leaf.last().is_none_or(|last| last.key < entry.key));
        if self.leaf.len() == FILL_KEYS {
            self.close_leaf();
        }
        if self.leaf.is_empty() {
            self.leaf.reserve_exact(FILL_KEYS);
        }
        self.leaf.push(entry);
    }

    fn close_leaf(&mut self) {
        let entries = std::mem::take(&mut self.leaf);
        let Some(first) = entries.first() else {
            return;
        };
        let first_key = first.key.clone();
        let leaf = Node::Leaf(Box::new(Leaf::from_entries(entries)));
        self.leaves.push((first_key, leaf));
    }

    /// The tree of everything pushed.
    pub fn finish(mut self) -> Tree {
        self.close_leaf();
        let mut level = self.leaves;
        while level.len() > 1 {
            let mut above = Vec::with_capacity(level.len().div_ceil(FILL_CHILDREN));
            let mut nodes = level.into_iter().peekable();
            while let Some((first_key, node)) = nodes.next() {
                let mut inner = Inner::default();
                let mut separators = Vec::with_capacity(FILL_CHILDREN - 1);
                inner.sums.push(node.sum());
                inner.children.push(node);
                for (separator, node) in nodes.by_ref().take(FILL_CHILDREN - 1) {
                    separators.push(separator);
                    inner.sums.push(node.sum());
                    inner.children.push(node);
                }
                inner.separators = separators.into();
                above.push((first_key, Node::Inner(Box::new(inner))));
            }
            level = above;
        }
        match level.pop() {
            Some((_, root)) => Tree {
                sum: root.sum(),
                root,
            },
            None => Tree::default(),
        }
    }
}
