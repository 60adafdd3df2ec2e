//! Searching a node without touching its keys.
//!
//! Keys lie all over the heap, and a binary search that looks at six of them waits for six cache misses:
//! that was a sixth of what a member did under a load of puts. The keys of one node mostly begin alike. So
//! beside them stand, in one piece, the eight bytes of each that follow what they have in common, as
//! numbers of the same order. The search goes over those; a key itself is looked at where numbers are
//! equal, and once more where the common part must be told from another.

use std::cmp::Ordering;

/// Keys in ascending order.
pub(super) trait Ascending {
    fn len(&self) -> usize;
    fn key(&self, at: usize) -> &[u8];
}

/// See the module's essay. Belongs to one list of keys and must be told of every change there.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// All keys have this many first bytes in common, or more.
    common: usize,
    heads: Vec<u64>,
}

impl Heads {
    /// The heads of `keys`.
    pub fn of(keys: &impl Ascending) -> Heads {
        let mut heads = Heads::default();
        heads.renew(keys);
        heads
    }

    /// `keys` have changed.
    pub fn renew(&mut self, keys: &impl Ascending) {
        self.common = match keys.len() {
            0 => 0,
            len => common(keys.key(0), keys.key(len - 1)),
        };
        self.heads.clear();
        self.heads.reserve_exact(keys.len());
        let all = (0..keys.len()).map(|at| head(keys.key(at), self.common));
        self.heads.extend(all);
    }

    /// Key `at` is new among `keys`; with `growth`, room is made for so many more at a time.
    pub fn insert(&mut self, at: usize, keys: &impl Ascending, growth: usize) {
        let neighbour = keys.key(if at == 0 { keys.len() - 1 } else { 0 });
        if common(keys.key(at), neighbour) < self.common || keys.len() == 1 {
            self.renew(keys);
            return;
        }
        if self.heads.len() == self.heads.capacity() {
            self.heads.reserve_exact(growth);
        }
        self.heads.insert(at, head(keys.key(at), self.common));
    }

    /// Where `key` is among `keys`, or where it belongs.
    pub fn find(&self, key: &[u8], keys: &impl Ascending) -> Result<usize, usize> {
        let wanted = head(key, self.common);
        let mut from = self.heads.partition_point(|head| *head < wanted);
        let alike = self.heads[from..].partition_point(|head| *head == wanted);
        let mut to = from + alike;
        // Mostly one or none: then a key that is there is the only one looked at.
        while from < to {
            let at = from + (to - from) / 2;
            match keys.key(at).cmp(key) {
                Ordering::Less => from = at + 1,
                Ordering::Equal => return Ok(at),
                Ordering::Greater => to = at,
            }
        }
        Err(self.place(from, key, keys))
    }

    /// The heads say `at`; that holds only for a `key` that begins as all others do.
    fn place(&self, at: usize, key: &[u8], keys: &impl Ascending) -> usize {
        if keys.len() == 0 {
            return 0;
        }
        let shared = &keys.key(0)[..self.common];
        let begin = &key[..self.common.min(key.len())];
        match begin.cmp(shared) {
            Ordering::Less => 0,
            Ordering::Equal => at,
            Ordering::Greater => keys.len(),
        }
    }
}

/// The eight bytes of `key` from `skip` on, as a number of the same order. Zero where there are none.
fn head(key: &[u8], skip: usize) -> u64 {
    let rest = key.get(skip..).unwrap_or_default();
    match rest.first_chunk() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(eight)
        }
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Ascending for Vec<Vec<u8>> {
        fn len(&self) -> usize {
            self.len()
        }

        fn key(&self, at: usize) -> &[u8] {
            &self[at]
        }
    }

    /// Keys that begin alike, end in zeros, are part of each other.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let alike = prop::sample::select(vec!["", "a", "tenants/", "tenants/first/x-"]);
        let rest = prop::collection::vec(prop::sample::select(vec![0_u8, 1, b'a', 0xff]), 0..12);
        (alike, rest).prop_map(|(alike, rest)| [alike.as_bytes(), &rest[..]].concat())
    }

    proptest! {
        #[test]
        fn heads_find_what_a_plain_search_finds(
            inserted in prop::collection::vec(key(), 0..80),
            wanted in prop::collection::vec(key(), 0..40),
        ) {
            let mut keys: Vec<Vec<u8>> = Vec::new();
            let mut heads = Heads::default();
            for key in inserted {
                let found = heads.find(&key, &keys);
                prop_assert_eq!(found, keys.binary_search(&key));
                if let Err(at) = found {
                    keys.insert(at, key);
                    heads.insert(at, &keys, 16);
                }
            }
            let fresh = Heads::of(&keys);
            for key in wanted.iter().chain(&keys) {
                let plain = keys.binary_search(key);
                prop_assert_eq!(heads.find(key, &keys), plain);
                prop_assert_eq!(fresh.find(key, &keys), plain);
            }
        }
    }
}
