//! Which ranges contain a key? A treap ordered by (start, end), each node knowing the largest end
//! below it.

use super::slots::Slots;
use bytes::Bytes;

/// The end of a range, exclusive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum End {
    /// Up to this key.
    Key(Bytes),
    /// To the end of the key space. Above every key in the derived order.
    Unbounded,
}

impl End {
    fn is_after(&self, key: &[u8]) -> bool {
        match self {
            End::Key(end) => &end[..] > key,
            End::Unbounded => true,
        }
    }
}

type Link = Option<u32>;

#[derive(Debug)]
struct Node {
    start: Bytes,
    end: End,
    /// The largest end in this node's subtree.
    last_end: End,
    priority: u32,
    left: Link,
    right: Link,
    value: u32,
}

/// Distinct ranges, each with a number.
#[derive(Debug)]
pub(crate) struct Intervals {
    nodes: Slots<Node>,
    root: Link,
    /// State of the xorshift that draws priorities: balance needs no more than that.
    seed: u32,
}

impl Default for Intervals {
    fn default() -> Intervals {
        Intervals {
            nodes: Slots::default(),
            root: None,
            seed: 0x9e37_79b9,
        }
    }
}

impl Intervals {
    /// Adds a range that is not there yet.
    pub fn insert(&mut self, start: Bytes, end: End, value: u32) {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        let (left, right) = self.split(self.root, &start, &end);
        let node = self.nodes.insert(Node {
            start,
            last_end: end.clone(),
            end,
            priority: self.seed,
            left: None,
            right: None,
            value,
        });
        let joined = self.merge(left, Some(node));
        self.root = self.merge(joined, right);
    }

    /// Removes a range, if it is there.
    pub fn remove(&mut self, start: &[u8], end: &End) {
        self.root = self.without(self.root, start, end);
    }

    /// Visits the number of every range that contains `key`.
    pub fn containing(&self, key: &[u8], visit: &mut dyn FnMut(u32)) {
        self.descend(self.root, key, visit);
    }

    fn descend(&self, link: Link, key: &[u8], visit: &mut dyn FnMut(u32)) {
        let Some(number) = link else { return };
        let node = &self.nodes[number];
        if !node.last_end.is_after(key) {
            return;
        }
        self.descend(node.left, key, visit);
        if node.start <= key {
            if node.end.is_after(key) {
                visit(node.value);
            }
            self.descend(node.right, key, visit);
        }
    }

    /// Parts a subtree into what is before (`start`, `end`) and what is not.
    fn split(&mut self, link: Link, start: &[u8], end: &End) -> (Link, Link) {
        let Some(number) = link else {
            return (None, None);
        };
        let node = &self.nodes[number];
        if (&node.start[..], &node.end) < (start, end) {
            let (before, after) = self.split(node.right, start, end);
            self.nodes[number].right = before;
            self.refresh(number);
            (link, after)
        } else {
            let (before, after) = self.split(node.left, start, end);
            self.nodes[number].left = after;
            self.refresh(number);
            (before, link)
        }
    }

    /// Joins two subtrees, everything in `left` being before everything in `right`.
    fn merge(&mut self, left: Link, right: Link) -> Link {
        let (Some(a), Some(b)) = (left, right) else {
            return left.or(right);
        };
        if self.nodes[a].priority > self.nodes[b].priority {
            let joined = self.merge(self.nodes[a].right, right);
            self.nodes[a].right = joined;
            self.refresh(a);
            left
        } else {
            let joined = self.merge(left, self.nodes[b].left);
            self.nodes[b].left = joined;
            self.refresh(b);
            right
        }
    }

    fn without(&mut self, link: Link, start: &[u8], end: &End) -> Link {
        let number = link?;
        let node = &self.nodes[number];
        match (start, end).cmp(&(&node.start[..], &node.end)) {
            std::cmp::Ordering::Equal => {
                let node = self.nodes.remove(number)?;
                return self.merge(node.left, node.right);
            }
            std::cmp::Ordering::Less => {
                let left = self.without(node.left, start, end);
                self.nodes[number].left = left;
            }
            std::cmp::Ordering::Greater => {
                let right = self.without(node.right, start, end);
                self.nodes[number].right = right;
            }
        }
        self.refresh(number);
        link
    }

    fn refresh(&mut self, number: u32) {
        let node = &self.nodes[number];
        let children = [node.left, node.right].into_iter().flatten();
        let last_end = children
            .map(|child| &self.nodes[child].last_end)
            .chain([&node.end])
            .max()
            .expect("the node itself")
            .clone();
        self.nodes[number].last_end = last_end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    #[test]
    fn finds_what_a_scan_over_all_ranges_finds() {
        let mut random = StdRng::seed_from_u64(1);
        let mut intervals = Intervals::default();
        let mut ranges: Vec<(Bytes, End, u32)> = Vec::new();
        for value in 0..3000 {
            let start: u8 = random.random_range(0..100);
            let end = match random.random_range(0..5) {
                0 => End::Unbounded,
                _ => End::Key(vec![random.random_range(start + 1..=110)].into()),
            };
            let start = Bytes::from(vec![start]);
            let same = |range: &(Bytes, End, u32)| range.0 == start && range.1 == end;
            if let Some(place) = ranges.iter().position(same) {
                intervals.remove(&start, &end);
                ranges.swap_remove(place);
            } else {
                intervals.insert(start.clone(), end.clone(), value);
                ranges.push((start, end, value));
            }
            let key = [random.random_range(0..120)];
            let contains =
                |range: &&(Bytes, End, u32)| range.0[..] <= key[..] && range.1.is_after(&key);
            let mut expected: Vec<_> = ranges
                .iter()
                .filter(contains)
                .map(|range| range.2)
                .collect();
            let mut found = Vec::new();
            intervals.containing(&key, &mut |value| found.push(value));
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected);
        }
        assert!(ranges.len() > 500, "the tree was never large");
    }
}
