//! Ports of the node: each can be taken once.

use crate::scheduler::framework::{Event, Plugin, PreFilter, Rejection, Round};
use crate::scheduler::pod::PodInfo;

/// See the module.
pub struct NodePorts;

const REASON: &str = "node(s) didn't have free ports for the requested pod ports";

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn pre_filter<'r>(&self, round: &'r Round<'r>) -> PreFilter<'r> {
        let wanted = &round.pod.ports;
        if wanted.is_empty() {
            return PreFilter::Skip;
        }
        PreFilter::by(move |row| {
            let taken = round.table.ports(row);
            let is_taken = wanted
                .iter()
                .any(|port| taken.iter().any(|other| port.conflicts(other)));
            is_taken.then(|| Rejection::resolvable(REASON))
        })
    }

    fn is_helped(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        match event {
            Event::NodeAdded(_) => true,
            Event::PodGone(gone) => pod
                .ports
                .iter()
                .any(|port| gone.ports.iter().any(|other| port.conflicts(other))),
            _ => false,
        }
    }
}
