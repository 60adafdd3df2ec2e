//! What decides on nodes, each with upstream's arithmetic, weight and words.
//!
//! | file | filters | scores |
//! |---|---|---|
//! | `gates` | Pods that must wait are not looked at | |
//! | `unschedulable`, `name` | nodes that take no Pods; a Pod that names its node | |
//! | `taints` | taints that the Pod does not bear | fewer taints that it would rather avoid |
//! | `affinity` | node selectors, required terms | preferred terms |
//! | `ports` | ports of the node | |
//! | `fit` | what is set aside | more left over |
//! | `pods` | Pods that must or must not be beside it | Pods that it would rather be beside |
//! | `spread` | domains that would have too many | domains with fewer |
//! | `balance` | | CPU and memory used alike |
//! | `images` | | images that are there |
//!
//! What may enter: a rule about one Pod and one node. What never happens here: a write, a clock, chance.

mod affinity;
mod balance;
mod fit;
mod gates;
mod images;
mod name;
pub mod pods;
mod ports;
pub mod spread;
mod taints;
#[cfg(test)]
mod tests;
mod unschedulable;

use super::framework::Plugin;

/// All of them, in the order in which upstream asks.
pub fn standard() -> Vec<Box<dyn Plugin>> {
    vec![
        Box::new(gates::SchedulingGates),
        Box::new(unschedulable::NodeUnschedulable),
        Box::new(name::NodeName),
        Box::new(taints::TaintToleration),
        Box::new(affinity::NodeAffinity),
        Box::new(ports::NodePorts),
        Box::new(fit::NodeResourcesFit),
        Box::new(spread::PodTopologySpread),
        Box::new(pods::InterPodAffinity),
        Box::new(balance::BalancedAllocation),
        Box::new(images::ImageLocality),
    ]
}
