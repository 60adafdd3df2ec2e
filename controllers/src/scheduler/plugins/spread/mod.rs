//! Pods of one kind are spread over domains: zones, nodes, whatever a label tells apart.
//!
//! | file | what |
//! |---|---|
//! | `constraint` | what a Pod wants |
//! | `filter` | domains that would have too many |
//! | `score` | domains with fewer are better |
//!
//! Pods that say nothing of their own and stand beside others (of a Service, of an owner) are spread over
//! zones and nodes, if that costs nothing else.
//!
//! What may enter: the rules of `topologySpreadConstraints`. What never happens here: counting one by one
//! what the table has counted.

mod constraint;
mod filter;
mod score;
#[cfg(test)]
mod tests;

pub use constraint::Constraint;

use crate::scheduler::framework::{Event, Plugin, PreFilter, Round, Score};
use crate::scheduler::pod::PodInfo;
use crate::scheduler::snapshot::{Domains, NodeInfo, Row, Table};
use keelson_apiserver::selector::LabelSelector;

/// See the module.
pub struct PodTopologySpread;

impl PodTopologySpread {
    /// Has the table count what this Pod will ask for.
    pub fn prepare(pod: &PodInfo, group: Option<&LabelSelector>, table: &mut Table) {
        let namespace = &pod.key.namespace;
        for constraint in &pod.spread {
            table.count(namespace, &constraint.selector);
            table.divide(&constraint.key);
        }
        if let (true, Some(group)) = (pod.spread.is_empty(), group) {
            table.count(namespace, group);
            for (key, _) in constraint::DEFAULTS {
                table.divide(key);
            }
        }
    }
}

/// Whether a node is in a domain of each label.
fn has_all(all: &[Option<&Domains>], row: Row) -> bool {
    all.iter()
        .all(|domains| domains.is_some_and(|domains| domains.of_row[row].is_some()))
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn pre_filter<'r>(&self, round: &'r Round<'r>) -> PreFilter<'r> {
        let constraints = round.pod.spread.iter().filter(|one| one.is_hard);
        let limits: Vec<_> = constraints
            .map(|constraint| filter::Limit::of(constraint, round))
            .collect();
        match limits.is_empty() {
            true => PreFilter::Skip,
            false => PreFilter::by(move |row| filter::judge(&limits, row)),
        }
    }

    fn pre_score<'r>(&self, round: &'r Round<'r>, rows: &[Row]) -> Option<Box<dyn Score + 'r>> {
        let spreading = score::Spreading::of(round, rows)?;
        Some(Box::new(spreading))
    }

    fn heeds_placing(&self) -> bool {
        true
    }

    fn is_helped(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        let hard = || pod.spread.iter().filter(|one| one.is_hard);
        let counts = |other: &PodInfo| {
            other.key.namespace == pod.key.namespace
                && hard().any(|one| one.selector.matches(&other.pod.metadata.labels))
        };
        let is_in = |node: &NodeInfo| hard().all(|one| node.labels.contains_key(&one.key));
        match event {
            Event::PodPlaced(other) | Event::PodGone(other) => counts(other),
            Event::PodChanged { before, after } => counts(before) != counts(after),
            Event::NodeAdded(node) | Event::NodeRemoved(node) => is_in(node),
            Event::NodeChanged { before, after } => {
                (is_in(before) || is_in(after))
                    && (before.labels != after.labels || before.taints != after.taints)
            }
            Event::Itself { before } => before.pod.metadata.labels != pod.pod.metadata.labels,
        }
    }
}
