//! Domains with fewer Pods are better.

use super::{Constraint, has_all};
use crate::scheduler::framework::{Round, SCORE_MAX, Score};
use crate::scheduler::snapshot::{Domains, HOSTNAME, Row};

/// What a node that is not compared has instead of a score.
const IGNORED: i64 = -1;

/// What each soft constraint costs on each node.
pub struct Spreading<'r> {
    costs: Vec<Cost<'r>>,
    wants_all_labels: bool,
}

/// What one constraint costs.
struct Cost<'r> {
    constraint: Constraint,
    domains: Option<&'r Domains>,
    /// Pods per row.
    pods: &'r [i64],
    /// Pods in each domain; `None`: each node is a domain.
    counts: Option<Vec<i64>>,
    weight: f64,
}

impl<'r> Cost<'r> {
    fn of(constraint: Constraint, round: &Round<'r>) -> Cost<'r> {
        let table = round.table;
        let pods = table.counted(&round.pod.key.namespace, &constraint.selector);
        Cost {
            domains: table.domains(&constraint.key),
            pods: pods.unwrap_or_default(),
            constraint,
            counts: None,
            weight: 0.0,
        }
    }

    fn domain(&self, row: Row) -> Option<usize> {
        let domain = self.domains?.of_row[row];
        domain.map(|domain| domain as usize)
    }

    fn pods_on(&self, row: Row) -> i64 {
        self.pods.get(row).copied().unwrap_or_default()
    }

    /// Counts the Pods in the domains of the nodes that are compared.
    fn weigh(&mut self, round: &Round<'_>, compared: &[Row], is_compared: &dyn Fn(Row) -> bool) {
        let weight = |domains: usize| ((domains + 2) as f64).ln();
        if self.constraint.key == HOSTNAME {
            self.weight = weight(compared.len());
            return;
        }
        let count = self.domains.map_or(0, |domains| domains.count);
        // Nodes without the label are one domain more.
        let place = |row| self.domain(row).unwrap_or(count);
        let mut counts = vec![None; count + 1];
        for &row in compared {
            counts[place(row)] = Some(0);
        }
        let size = counts.iter().flatten().count();
        for &row in round.table.order() {
            if let Some(sum) = &mut counts[place(row)]
                && is_compared(row)
                && self.constraint.counts(round, round.node(row))
            {
                *sum += self.pods_on(row);
            }
        }
        self.counts = Some(counts.into_iter().map(Option::unwrap_or_default).collect());
        self.weight = weight(size);
    }

    fn score(&self, row: Row) -> f64 {
        let Some(domain) = self.domain(row) else {
            return 0.0;
        };
        let count = match &self.counts {
            Some(counts) => counts[domain],
            None => self.pods_on(row),
        };
        count as f64 * self.weight + (self.constraint.max_skew - 1) as f64
    }
}

impl<'r> Spreading<'r> {
    /// What there is to compare for nodes that will do; `None`: nothing.
    pub fn of(round: &Round<'r>, rows: &[Row]) -> Option<Spreading<'r>> {
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
        let costs = constraints.into_iter().map(|one| Cost::of(one, round));
        let mut spreading = Spreading {
            costs: costs.collect(),
            // By default a node without a zone is still spread over as a node.
            wants_all_labels: own,
        };
        let all_domains: Vec<_> = spreading.costs.iter().map(|cost| cost.domains).collect();
        let is_compared = |row| !own || has_all(&all_domains, row);
        let compared = rows.iter().copied().filter(|&row| is_compared(row));
        let compared: Vec<Row> = compared.collect();
        for cost in &mut spreading.costs {
            cost.weigh(round, &compared, &is_compared);
        }
        Some(spreading)
    }

    fn is_compared(&self, row: Row) -> bool {
        !self.wants_all_labels || self.costs.iter().all(|cost| cost.domain(row).is_some())
    }
}

impl Score for Spreading<'_> {
    fn score(&self, rows: &[Row], scores: &mut Vec<i64>) {
        scores.extend(rows.iter().map(|&row| {
            match self.is_compared(row) {
                true => self
                    .costs
                    .iter()
                    .map(|cost| cost.score(row))
                    .sum::<f64>()
                    .round() as i64,
                false => IGNORED,
            }
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
