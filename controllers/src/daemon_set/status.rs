//! The status of a DaemonSet (DS5).

use super::observe::{Fit, Observed, is_updated};
use crate::objects::DaemonSetStatus;
use serde_json::{Value, json};

/// What is, in nodes.
pub fn status(observed: &Observed, hash: &str) -> DaemonSetStatus {
    let mut status = DaemonSetStatus {
        observed_generation: observed.set.metadata.generation,
        collision_count: observed.set.status.collision_count,
        ..DaemonSetStatus::default()
    };
    for (node, fit) in &observed.nodes {
        // That one serves longest.
        let pod = observed.on(node).first();
        if *fit != Fit::Runs {
            status.number_misscheduled += i32::from(pod.is_some());
            continue;
        }
        status.desired_number_scheduled += 1;
        let Some(pod) = pod else { continue };
        status.current_number_scheduled += 1;
        status.number_ready += i32::from(pod.is_ready());
        status.number_available += i32::from(observed.is_available(pod));
        status.updated_number_scheduled += i32::from(is_updated(pod, hash));
    }
    status.number_unavailable = status.desired_number_scheduled - status.number_available;
    status
}

/// The patch that writes a status, if the DaemonSet still has this revision.
pub fn patch(status: &DaemonSetStatus, revision: u64) -> Value {
    let optional = |number: i32| match number {
        0 => Value::Null,
        number => number.into(),
    };
    json!({
        "metadata": {"resourceVersion": revision.to_string()},
        "status": {
            "observedGeneration": status.observed_generation,
            "desiredNumberScheduled": status.desired_number_scheduled,
            "currentNumberScheduled": status.current_number_scheduled,
            "numberMisscheduled": status.number_misscheduled,
            "numberReady": status.number_ready,
            "updatedNumberScheduled": optional(status.updated_number_scheduled),
            "numberAvailable": optional(status.number_available),
            "numberUnavailable": optional(status.number_unavailable),
            "collisionCount": status.collision_count,
        },
    })
}
