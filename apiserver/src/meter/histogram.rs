//! Values by size.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many values were at most so large, for some bounds, and their sum. One that is read while it counts
/// may show a value that is not in the sum yet.
#[derive(Debug)]
pub struct Histogram {
    bounds: Box<[f64]>,
    /// One for each bound, and one for what is larger; each counts only its own.
    counts: Box<[AtomicU64]>,
    /// The bits of a float.
    sum: AtomicU64,
}

impl Histogram {
    /// One with these upper bounds, which ascend.
    pub fn new(bounds: impl IntoIterator<Item = f64>) -> Histogram {
        let bounds: Box<[f64]> = bounds.into_iter().collect();
        Histogram {
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            bounds,
            sum: AtomicU64::new(0f64.to_bits()),
        }
    }

    /// One with `count` upper bounds, each `factor` times the one before.
    pub fn exponential(first: f64, factor: f64, count: usize) -> Histogram {
        let bounds = std::iter::successors(Some(first), |bound| Some(bound * factor));
        Histogram::new(bounds.take(count))
    }

    /// Counts a value.
    pub fn observe(&self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        // It does not fail: `add` always has an answer.
        let _ = self
            .sum
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        let counts = self.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// All values together.
    pub fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Ordering::Relaxed))
    }

    /// Each bound, infinity as the last one, with how many values were not larger.
    pub(super) fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let mut below = 0;
        bounds.zip(self.counts.iter()).map(move |(bound, count)| {
            below += count.load(Ordering::Relaxed);
            (bound, below)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_for_its_bound_and_all_larger_ones() {
        let sizes = Histogram::exponential(1.0, 10.0, 3);
        for value in [0.5, 1.0, 1.5, 100.0, 1000.0] {
            sizes.observe(value);
        }
        let shown: Vec<_> = sizes.cumulated().collect();
        let expected = [(1.0, 2), (10.0, 3), (100.0, 4), (f64::INFINITY, 5)];
        assert_eq!(shown, expected);
        assert_eq!((sizes.count(), sizes.sum()), (5, 1103.0));
    }
}
