//! Domains that would have too many.

use super::{Constraint, has_all};
use crate::scheduler::framework::{Rejection, Round};
use crate::scheduler::snapshot::{Domains, Row};

const REASON: &str = "node(s) didn't match pod topology spread constraints";
const NO_LABEL: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";

/// How many Pods the domains of one constraint may have.
pub struct Limit<'r> {
    domains: Option<&'r Domains>,
    counts: Vec<i64>,
    /// A domain that has this many is full.
    most: i64,
}

impl<'r> Limit<'r> {
    /// The limit as of now.
    pub fn of(constraint: &'r Constraint, round: &'r Round<'r>) -> Limit<'r> {
        let domains = round.table.domains(&constraint.key);
        let pods = round
            .table
            .counted(&round.pod.key.namespace, &constraint.selector)
            .unwrap_or_default();
        let hard = round.pod.spread.iter().filter(|one| one.is_hard);
        let all: Vec<_> = hard.map(|one| round.table.domains(&one.key)).collect();
        let mut counts = vec![None; domains.map_or(0, |domains| domains.count)];
        for &row in round.table.order() {
            let node = round.node(row);
            let domain = domains.and_then(|domains| domains.of_row[row]);
            if let Some(domain) = domain
                && has_all(&all, row)
                && constraint.counts(round, node)
            {
                *counts[domain as usize].get_or_insert(0) +=
                    pods.get(row).copied().unwrap_or_default();
            }
        }
        let there = counts.iter().flatten();
        let least = match there.clone().count() < constraint.min_domains {
            true => 0,
            // Without any domain nothing is too many.
            false => there.min().copied().unwrap_or(i64::from(i32::MAX)),
        };
        let labels = &round.pod.pod.metadata.labels;
        let own = i64::from(constraint.selector.matches(labels));
        Limit {
            domains,
            counts: counts.into_iter().map(Option::unwrap_or_default).collect(),
            most: constraint.max_skew + least - own,
        }
    }
}

/// Judges a node by all constraints, in the Pod's order.
pub fn judge(limits: &[Limit<'_>], row: Row) -> Option<Rejection> {
    limits.iter().find_map(|limit| {
        let domain = limit.domains.and_then(|domains| domains.of_row[row]);
        match domain {
            None => Some(Rejection::unresolvable(NO_LABEL)),
            Some(domain) if limit.counts[domain as usize] > limit.most => {
                Some(Rejection::resolvable(REASON))
            }
            Some(_) => None,
        }
    })
}
