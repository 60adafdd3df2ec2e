//! Pods that must wait until somebody lets them go.

use crate::scheduler::framework::{Event, Plugin};
use crate::scheduler::pod::PodInfo;

/// See the module.
pub struct SchedulingGates;

impl Plugin for SchedulingGates {
    fn name(&self) -> &'static str {
        "SchedulingGates"
    }

    fn pre_enqueue(&self, pod: &PodInfo) -> bool {
        !pod.is_gated()
    }

    fn is_helped(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        matches!(event, Event::Itself { before } if before.is_gated() && !pod.is_gated())
    }
}
