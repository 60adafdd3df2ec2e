//! A Pod that names its node. Such a Pod is bound from its birth and never gets here, unless somebody
//! asks whether it would fit.

use crate::scheduler::framework::{Event, Plugin, PreFilter, Rejection, Round};
use crate::scheduler::pod::PodInfo;

/// See the module.
pub struct NodeName;

const REASON: &str = "node(s) didn't match the requested node name";

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn pre_filter<'r>(&self, round: &'r Round<'r>) -> PreFilter<'r> {
        let wanted = round.pod.pod.spec.node_name.as_str();
        match wanted {
            "" => PreFilter::Skip,
            wanted => PreFilter::by(move |row| {
                let is_other = **round.table.name(row) != *wanted;
                is_other.then(|| Rejection::unresolvable(REASON))
            }),
        }
    }

    fn is_helped(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        matches!(event, Event::NodeAdded(node) if *node.name == *pod.pod.spec.node_name)
    }
}
