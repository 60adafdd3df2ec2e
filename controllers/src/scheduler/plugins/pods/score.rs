//! What would be better beside each other.

use super::PodTerm;
use crate::scheduler::framework::{Round, SCORE_MAX, Score};
use crate::scheduler::snapshot::{NodeInfo, Row};
use std::collections::{BTreeSet, HashMap};

/// How much a Pod that must be beside others draws them to itself.
const REQUIRED_WEIGHT: i64 = 1;

/// What speaks for and against each place.
pub struct Sums<'r> {
    round: &'r Round<'r>,
    sums: HashMap<(&'r str, &'r str), i64>,
    keys: BTreeSet<&'r str>,
}

impl<'r> Sums<'r> {
    /// The sums as of now; `None`: nothing speaks for or against any place.
    pub fn of(round: &'r Round<'r>) -> Option<Sums<'r>> {
        let (pod, table) = (round.pod, round.table);
        let mut sums = Sums {
            round,
            sums: HashMap::new(),
            keys: BTreeSet::new(),
        };
        for other in table.pods_with_terms() {
            let Some(node) = table.node(other.row) else {
                continue;
            };
            let said = &other.info.affinities;
            let required = said.required.iter().map(|term| (REQUIRED_WEIGHT, term));
            let preferred = said.preferred.iter().map(|(weight, term)| (*weight, term));
            for (weight, term) in required.chain(preferred) {
                if term.matches(pod, table) {
                    sums.add(term, node, weight);
                }
            }
        }
        if !pod.affinities.preferred.is_empty() {
            for other in table.all_placed() {
                let Some(node) = table.node(other.row) else {
                    continue;
                };
                for (weight, term) in &pod.affinities.preferred {
                    if term.matches(&other.info, table) {
                        sums.add(term, node, *weight);
                    }
                }
            }
        }
        (!sums.sums.is_empty()).then_some(sums)
    }

    fn add(&mut self, term: &'r PodTerm, node: &'r NodeInfo, weight: i64) {
        if let Some(value) = node.labels.get(&term.key) {
            *self.sums.entry((&term.key, value)).or_default() += weight;
            self.keys.insert(&term.key);
        }
    }
}

impl Score for Sums<'_> {
    fn score(&self, rows: &[Row], scores: &mut Vec<i64>) {
        scores.extend(rows.iter().map(|&row| {
            let labels = &self.round.node(row).labels;
            let sums = self.keys.iter().filter_map(|key| {
                let value = labels.get(*key)?;
                self.sums.get(&(*key, value.as_str()))
            });
            sums.sum::<i64>()
        }));
    }

    fn normalize(&self, _: &[Row], scores: &mut [i64]) {
        let min = scores.iter().copied().min().unwrap_or_default();
        let max = scores.iter().copied().max().unwrap_or_default();
        for score in scores {
            *score = match max - min {
                0 => 0,
                range => (SCORE_MAX as f64 * ((*score - min) as f64 / range as f64)) as i64,
            };
        }
    }
}
