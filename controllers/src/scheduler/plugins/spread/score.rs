//! Domains with fewer Pods are better.

use super::Constraint;
use crate::scheduler::framework::{Round, SCORE_MAX, Score};
use crate::scheduler::snapshot::{HOSTNAME, Row};
use std::borrow::Cow;

/// What a node that is not compared has instead of a score.
const IGNORED: i64 = -1;

/// What each soft constraint costs on each node.
pub struct Spreading<'r> {
    costs: Vec<Cost>,
    round: &'r Round<'r>,
    constraints: Cow<'r, [Constraint]>,
    wants_all_labels: bool,
}

struct Cost {
    /// Pods in each domain; `None`: each node is a domain.
    counts: Option<Vec<i64>>,
    weight: f64,
}

impl<'r> Spreading<'r> {
    /// What there is to compare for nodes that will do; `None`: nothing.
    pub fn of(round: &'r Round<'r>, rows: &[Row]) -> Option<Spreading<'r>> {
        let own = !round.pod.spread.is_empty();
        let constraints: Vec<Constraint> = match (own, round.group) {
            (true, _) => {
                let soft = round.pod.spread.iter().filter(|one| !one.is_hard);
                soft.cloned().collect()
            }
            (false, Some(group)) => Constraint::defaults(group),
            (false, None) => Vec::new(),
        };
        if constraints.is_empty() {
            return None;
        }
        let mut spreading = Spreading {
            costs: Vec::new(),
            round,
            constraints: constraints.into(),
            // By default a node without a zone is still spread over as a node.
            wants_all_labels: own,
        };
        let compared = rows.iter().copied();
        let compared: Vec<Row> = compared.filter(|&row| spreading.is_compared(row)).collect();
        let costs = spreading.constraints.iter();
        let costs = costs.map(|constraint| spreading.cost(constraint, &compared));
        spreading.costs = costs.collect();
        Some(spreading)
    }

    fn domain(&self, constraint: &Constraint, row: Row) -> Option<usize> {
        let domains = self.round.table.domains(&constraint.key)?;
        domains.of_row[row].map(|domain| domain as usize)
    }

    fn is_compared(&self, row: Row) -> bool {
        let mut constraints = self.constraints.iter();
        !self.wants_all_labels || constraints.all(|one| self.domain(one, row).is_some())
    }

    fn pods(&self, constraint: &Constraint) -> &'r [i64] {
        let namespace = &self.round.pod.key.namespace;
        let pods = self.round.table.counted(namespace, &constraint.selector);
        pods.unwrap_or_default()
    }

    fn cost(&self, constraint: &Constraint, compared: &[Row]) -> Cost {
        let weight = |domains: usize| ((domains + 2) as f64).ln();
        if constraint.key == HOSTNAME {
            return Cost {
                counts: None,
                weight: weight(compared.len()),
            };
        }
        let table = self.round.table;
        let count = table
            .domains(&constraint.key)
            .map_or(0, |domains| domains.count);
        // Nodes without the label are one domain more.
        let place = |row| self.domain(constraint, row).unwrap_or(count);
        let mut counts = vec![None; count + 1];
        for &row in compared {
            counts[place(row)] = Some(0);
        }
        let sizes = counts.iter().flatten().count();
        let pods = self.pods(constraint);
        for &row in table.order() {
            if let Some(sum) = &mut counts[place(row)]
                && self.is_compared(row)
                && constraint.counts(self.round, self.round.node(row))
            {
                *sum += pods.get(row).copied().unwrap_or_default();
            }
        }
        Cost {
            counts: Some(counts.into_iter().map(Option::unwrap_or_default).collect()),
            weight: weight(sizes),
        }
    }
}

impl Score for Spreading<'_> {
    fn score(&self, rows: &[Row], scores: &mut Vec<i64>) {
        let pods: Vec<_> = self.constraints.iter().map(|one| self.pods(one)).collect();
        scores.extend(rows.iter().map(|&row| {
            if !self.is_compared(row) {
                return IGNORED;
            }
            let mut score = 0.0;
            for ((constraint, cost), pods) in self.constraints.iter().zip(&self.costs).zip(&pods) {
                let Some(domain) = self.domain(constraint, row) else {
                    continue;
                };
                let count = match &cost.counts {
                    Some(counts) => counts[domain],
                    None => pods.get(row).copied().unwrap_or_default(),
                };
                score += count as f64 * cost.weight + (constraint.max_skew - 1) as f64;
            }
            score.round() as i64
        }));
    }

    fn normalize(&self, _: &[Row], scores: &mut [i64]) {
        let compared = || scores.iter().copied().filter(|score| *score != IGNORED);
        let (min, max) = (compared().min(), compared().max());
        let (min, max) = (min.unwrap_or_default(), max.unwrap_or_default());
        for score in scores {
            *score = match (*score, max) {
                (IGNORED, _) => 0,
                (_, 0) => SCORE_MAX,
                (score, max) => SCORE_MAX * (max + min - score) / max,
            };
        }
    }
}
