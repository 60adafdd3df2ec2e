//! Sets of completion indexes, as intervals: a Job may have hundreds of thousands.

use std::fmt;

/// Indexes in intervals that are in order and do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexes(Vec<(i32, i32)>);

impl Indexes {
    /// Reads `0-3,7`, and leaves out what is not below `limit`. What makes no sense is left out.
    pub fn parse(text: &str, limit: i32) -> Indexes {
        let mut found = Indexes::default();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (Ok(first), Ok(last)) = (first.parse::<i32>(), last.parse::<i32>()) else {
                continue;
            };
            let last = last.min(limit.saturating_sub(1));
            let follows = found.0.last().is_none_or(|(_, end)| *end < first);
            if first >= 0 && first <= last && follows {
                found.append(first, last);
            }
        }
        found
    }

    /// Whether it is one of them.
    pub fn has(&self, index: i32) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= index);
        after > 0 && self.0[after - 1].1 >= index
    }

    /// How many.
    pub fn total(&self) -> i32 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// These and more.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = i32>) -> Indexes {
        let mut all = self.0.clone();
        all.extend(more.into_iter().map(|index| (index, index)));
        all.sort_unstable();
        let mut merged = Indexes::default();
        for (first, last) in all {
            merged.append(first, last);
        }
        merged
    }

    /// Those that are in both.
    #[must_use]
    pub fn common(&self, other: &Indexes) -> i32 {
        let mut total = 0;
        for (first, last) in &self.0 {
            let from = other.0.partition_point(|(_, end)| end < first);
            let touching = other.0[from..]
                .iter()
                .take_while(|(start, _)| start <= last);
            total += touching
                .map(|(start, end)| end.min(last) - start.max(first) + 1)
                .sum::<i32>();
        }
        total
    }

    /// The lowest that are missing, up to `limit`.
    pub fn missing(&self, limit: i32) -> impl Iterator<Item = i32> + '_ {
        let starts = std::iter::once(0).chain(self.0.iter().map(|(_, last)| last + 1));
        let ends = self.0.iter().map(|(first, _)| *first).chain([limit]);
        starts
            .zip(ends)
            .flat_map(move |(start, end)| start..end.min(limit))
    }

    /// Takes in an interval that begins nowhere before the last one.
    fn append(&mut self, first: i32, last: i32) {
        match self.0.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => self.0.push((first, last)),
        }
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (first, last)) in self.0.iter().enumerate() {
            if number > 0 {
                out.write_str(",")?;
            }
            match last - first {
                0 => write!(out, "{first}")?,
                1 => write!(out, "{first},{last}")?,
                _ => write!(out, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn j2_indexes_are_written_as_intervals() {
        for (indexes, text) in [
            (&[][..], ""),
            (&[3], "3"),
            (&[0, 1], "0,1"),
            (&[0, 1, 2, 3, 7], "0-3,7"),
            (&[5, 1, 3, 4], "1,3-5"),
        ] {
            let set = Indexes::default().with(indexes.iter().copied());
            assert_eq!(set.to_string(), text);
            assert_eq!(Indexes::parse(text, 100), set);
        }
        assert_eq!(Indexes::parse("0-9,12", 4).to_string(), "0-3");
        assert_eq!(Indexes::parse("what,1", 4).to_string(), "1");
    }

    proptest! {
        #[test]
        fn j2_intervals_are_the_set_that_they_stand_for(
            one in prop::collection::btree_set(0..60, 0..40),
            two in prop::collection::btree_set(0..60, 0..40),
        ) {
            let (left, right): (BTreeSet<i32>, BTreeSet<i32>) = (one, two);
            let (a, b) = (
                Indexes::default().with(left.iter().copied()),
                Indexes::default().with(right.iter().copied()),
            );
            prop_assert_eq!(a.total() as usize, left.len());
            prop_assert_eq!(a.common(&b) as usize, left.intersection(&right).count());
            let both = a.with(right.iter().copied());
            for index in 0..60 {
                prop_assert_eq!(a.has(index), left.contains(&index));
                prop_assert_eq!(both.has(index), left.contains(&index) || right.contains(&index));
            }
            let missing: Vec<i32> = a.missing(50).collect();
            let wanted: Vec<i32> = (0..50).filter(|index| !left.contains(index)).collect();
            prop_assert_eq!(missing, wanted);
            prop_assert_eq!(Indexes::parse(&a.to_string(), 60), a);
        }
    }
}
