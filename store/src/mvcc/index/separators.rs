//! The keys that stand between the children of an inner node. They change seldom and are searched by
//! every request, so every change pays for the search.

use super::heads::{Ascending, Heads};

type Key = Box<[u8]>;

impl Ascending for Vec<Key> {
    fn len(&self) -> usize {
        self.len()
    }

    fn key(&self, at: usize) -> &[u8] {
        &self[at]
    }
}

/// See the module's essay. Separator i is above every key of child i and not above any of i + 1.
#[derive(Debug, Default)]
pub(super) struct Separators {
    keys: Vec<Key>,
    heads: Heads,
}

impl From<Vec<Key>> for Separators {
    fn from(keys: Vec<Key>) -> Separators {
        let heads = Heads::of(&keys);
        Separators { keys, heads }
    }
}

impl Separators {
    /// The child whose keys `key` belongs among.
    pub fn child_of(&self, key: &[u8]) -> usize {
        match self.heads.find(key, &self.keys) {
            Ok(at) => at + 1,
            Err(at) => at,
        }
    }

    /// Separator `at`.
    pub fn key(&self, at: usize) -> &[u8] {
        &self.keys[at]
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn insert(&mut self, at: usize, key: Key) {
        self.keys.insert(at, key);
        self.heads.renew(&self.keys);
    }

    pub fn remove(&mut self, at: usize) -> Key {
        let key = self.keys.remove(at);
        self.heads.renew(&self.keys);
        key
    }

    /// Cuts into what stands before child `half`, the separator right before it, and the rest.
    pub fn split(&mut self, half: usize) -> (Key, Separators) {
        let right = self.keys.split_off(half);
        let between = self
            .keys
            .pop()
            .expect("a separator stands before every child but the first");
        self.heads.renew(&self.keys);
        (between, right.into())
    }

    /// Takes over the separators of the next node; `between` stands before its first child.
    pub fn append(&mut self, between: Key, mut next: Separators) {
        self.keys.push(between);
        self.keys.append(&mut next.keys);
        self.heads.renew(&self.keys);
    }
}
