//! How long writes stood still around each fault of the leader.

use crate::history::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// An outage that began later than this after a fault has another cause.
const AFTER_NS: u64 = 15_000_000_000;

/// Outages of one kind of fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outages {
    /// From the last acknowledged write to the next, in milliseconds, ascending.
    pub milliseconds: Vec<u64>,
}

impl Outages {
    /// The outage that this share of faults (0 to 100) did not exceed.
    pub fn percentile(&self, percent: usize) -> u64 {
        let last = self.milliseconds.len().saturating_sub(1);
        let place = (last * percent).div_ceil(100);
        self.milliseconds.get(place).copied().unwrap_or_default()
    }
}

/// The longest time without an acknowledged write around each effective fault, by kind. Of faults that hit the
/// leader alone; a fault that another one overlaps does not count.
pub fn outages(history: &History) -> BTreeMap<String, Outages> {
    let mut acknowledged: Vec<Nanos> = history
        .operations
        .iter()
        .filter(|operation| operation.is_ok() && writes(&operation.call))
        .filter_map(|operation| operation.complete)
        .collect();
    acknowledged.sort_unstable();
    let spans: Vec<_> = history.faults.iter().filter_map(span).collect();
    let mut found: BTreeMap<String, Outages> = BTreeMap::new();
    for (i, (kind, start, end, is_leader)) in spans.iter().enumerate() {
        let overlaps = |(j, other): (usize, &(String, Nanos, Nanos, bool))| {
            j != i && other.1 < *end && *start < other.2
        };
        if !is_leader || spans.iter().enumerate().any(overlaps) {
            continue;
        }
        let until = (*end).max(start + AFTER_NS);
        if let Some(longest) = longest_gap(&acknowledged, *start, until) {
            found
                .entry(kind.clone())
                .or_default()
                .milliseconds
                .push(longest / 1_000_000);
        }
    }
    for outages in found.values_mut() {
        outages.milliseconds.sort_unstable();
    }
    found
}

fn writes(call: &Call) -> bool {
    matches!(call, Call::Kv(KvCall::Put(_) | KvCall::Delete(_)))
}

/// Kind, start and end of an effective fault, and whether it hit the leader alone.
fn span(fault: &Fault) -> Option<(String, Nanos, Nanos, bool)> {
    let (start, first) = fault.steps.first()?;
    let (end, _) = fault.steps.last()?;
    let is_effective = fault
        .steps
        .iter()
        .any(|(_, step)| matches!(step.phase, FaultPhase::Effective { .. }));
    let FaultPhase::Start { detail } = &first.phase else {
        return None;
    };
    let is_leader = detail.starts_with("leader");
    is_effective.then(|| (first.kind.clone(), *start, *end, is_leader))
}

/// The longest gap between two acknowledgements that overlaps a time. `None` if the last one never came.
fn longest_gap(acknowledged: &[Nanos], start: Nanos, until: Nanos) -> Option<Nanos> {
    let pairs = acknowledged.windows(2);
    let overlapping = pairs.filter(|pair| pair[1] > start && pair[0] < until);
    overlapping.map(|pair| pair[1] - pair[0]).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_that_the_fault_made_is_measured() {
        let acknowledged = [0, 10, 20, 500, 510, 2000];
        assert_eq!(longest_gap(&acknowledged, 15, 100), Some(480));
        assert_eq!(longest_gap(&acknowledged, 505, 508), Some(10));
        assert_eq!(longest_gap(&acknowledged, 3000, 4000), None);
    }

    #[test]
    fn percentiles_are_of_what_was_seen() {
        let outages = Outages {
            milliseconds: vec![1, 2, 3, 4, 100],
        };
        assert_eq!((outages.percentile(50), outages.percentile(99)), (3, 100));
    }
}
