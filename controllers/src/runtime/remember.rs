//! A map of bounded size that keeps what was used last.

use std::collections::HashMap;
use std::hash::Hash;

/// Remembers at most so many keys. What is forgotten is what was not used for longest, about: at least half
/// of what fits was used later. A burst of new keys does not wipe out what is in use all the time.
pub(super) struct Remembered<K, V> {
    /// Used since the halves last changed places, and before.
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash, V> Remembered<K, V> {
    /// Remembers nothing yet.
    pub(super) fn new(keys_max: usize) -> Remembered<K, V> {
        Remembered {
            young: HashMap::new(),
            old: HashMap::new(),
            half: (keys_max / 2).max(1),
        }
    }

    /// What is remembered of a key.
    pub(super) fn get(&mut self, key: &K) -> Option<&mut V> {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.put(key, value);
        }
        self.young.get_mut(key)
    }

    /// What is remembered of a key; if that is nothing, what is made.
    pub(super) fn get_or(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let old = self.old.remove(&key);
        if !self.young.contains_key(&key) {
            self.make_room();
        }
        self.young
            .entry(key)
            .or_insert_with(|| old.unwrap_or_else(make))
    }

    /// Remembers this of a key.
    pub(super) fn put(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if !self.young.contains_key(&key) {
            self.make_room();
        }
        self.young.insert(key, value);
    }

    /// Forgets what was known of a key.
    pub(super) fn forget(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    fn make_room(&mut self) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_size_is_bounded() {
        let mut remembered = Remembered::new(8);
        remembered.put(1000, "used");
        for key in 0..500 {
            remembered.put(key, "once");
            assert_eq!(remembered.get(&1000), Some(&mut "used"), "after {key}");
            assert!(remembered.young.len() + remembered.old.len() <= 8);
        }
        assert_eq!(remembered.get(&3), None);
        assert_eq!(remembered.get(&499), Some(&mut "once"));
        assert_eq!(remembered.get_or(499, || "made"), &mut "once");
        assert_eq!(remembered.get_or(3, || "made"), &mut "made");
        remembered.forget(&499);
        assert_eq!(remembered.get(&499), None);
    }
}
