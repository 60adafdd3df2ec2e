//! Where a Pod must be and would rather be, by labels and names of nodes.

use crate::scheduler::framework::{Event, Plugin, PreFilter, Rejection, Round, Scaled, Score};
use crate::scheduler::pod::PodInfo;
use crate::scheduler::snapshot::{NodeInfo, Row};

/// See the module.
pub struct NodeAffinity;

const REASON: &str = "node(s) didn't match Pod's node affinity/selector";

/// Whether a node is one of those that the Pod must be on.
pub fn is_wanted(pod: &PodInfo, node: &NodeInfo) -> bool {
    pod.required.matches(&node.name, &node.labels)
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn pre_filter<'r>(&self, round: &'r Round<'r>) -> PreFilter<'r> {
        let required = &round.pod.required;
        if required.is_any() {
            return PreFilter::Skip;
        }
        let judge = move |row| {
            let is_wanted = is_wanted(round.pod, round.node(row));
            (!is_wanted).then(|| Rejection::unresolvable(REASON))
        };
        match required.names() {
            Some(names) => PreFilter::Among(names, Box::new(judge)),
            None => PreFilter::by(judge),
        }
    }

    fn pre_score<'r>(&self, round: &'r Round<'r>, _: &[Row]) -> Option<Box<dyn Score + 'r>> {
        let preferred = &round.pod.preferred;
        if preferred.is_empty() {
            return None;
        }
        let each = move |row| {
            let node = round.node(row);
            let met = preferred.iter();
            let met = met.filter(|(_, term)| term.matches(&node.name, &node.labels));
            met.map(|(weight, _)| weight).sum()
        };
        Some(Box::new(Scaled {
            each,
            is_reversed: false,
        }))
    }

    fn is_helped(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        match event {
            Event::NodeAdded(node) => is_wanted(pod, node),
            Event::NodeChanged { before, after } => {
                !is_wanted(pod, before) && is_wanted(pod, after)
            }
            Event::Itself { before } => before.required != pod.required,
            _ => false,
        }
    }
}
