//! Nodes that take no new Pods.

use crate::objects::Taint;
use crate::scheduler::framework::{Event, Plugin, PreFilter, Rejection, Round};
use crate::scheduler::plugins::taints::tolerates;
use crate::scheduler::pod::PodInfo;

/// See the module.
pub struct NodeUnschedulable;

const REASON: &str = "node(s) were unschedulable";

fn is_tolerated(pod: &PodInfo) -> bool {
    let taint = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    tolerates(&pod.pod.spec.tolerations, &taint)
}

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn pre_filter<'r>(&self, round: &'r Round<'r>) -> PreFilter<'r> {
        let is_tolerated = is_tolerated(round.pod);
        PreFilter::by(move |row| {
            let is_kept_off = round.table.unschedulable[row] && !is_tolerated;
            is_kept_off.then(|| Rejection::unresolvable(REASON))
        })
    }

    fn is_helped(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        match event {
            Event::NodeAdded(node) => !node.is_unschedulable,
            Event::NodeChanged { before, after } => {
                before.is_unschedulable && !after.is_unschedulable
            }
            Event::Itself { .. } => is_tolerated(pod),
            _ => false,
        }
    }
}
