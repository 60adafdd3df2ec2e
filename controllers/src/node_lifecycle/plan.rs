//! The conditions and taints that a node should have. Pure.

use crate::objects::{Condition, Node, Pod, Taint, condition};
use std::sync::Arc;

pub(super) const READY: &str = "Ready";
/// Conditions that a kubelet posts, all of them with every heartbeat.
pub(super) const POSTED: [&str; 4] = [READY, "MemoryPressure", "DiskPressure", "PIDPressure"];

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const NO_SCHEDULE: &str = "NoSchedule";
const NO_EXECUTE: &str = "NoExecute";

/// Condition, the status that is bad, and the taint that stands for it.
const TAINTS: [(&str, &str, &str); 6] = [
    (READY, "False", NOT_READY),
    (READY, "Unknown", UNREACHABLE),
    (
        "MemoryPressure",
        "True",
        "node.kubernetes.io/memory-pressure",
    ),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    (
        "NetworkUnavailable",
        "True",
        "node.kubernetes.io/network-unavailable",
    ),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

/// What is to be done about a node: the first thing that is not as it should be.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing.
    None,
    /// It gets these conditions: it has not been heard.
    Conditions(Vec<Condition>),
    /// It gets these taints.
    Taints(Vec<Taint>),
    /// These Pods on it do not serve.
    Pods(Vec<Arc<Pod>>),
}

fn status<'n>(node: &'n Node, kind: &str) -> Option<&'n str> {
    let found = condition(&node.status.conditions, kind)?;
    Some(found.status.as_str())
}

/// Whether a node says that it is ready.
pub(super) fn is_ready(node: &Node) -> bool {
    status(node, READY) == Some("True")
}

/// Whether something says of a node that it is not ready.
pub(super) fn is_unready(node: &Node) -> bool {
    status(node, READY).is_some_and(|status| status != "True")
}

/// Whether a condition is what this controller says of a silent node.
pub(super) fn is_ours(condition: &Condition) -> bool {
    condition.status == "Unknown"
        && matches!(
            condition.reason.as_str(),
            "NodeStatusUnknown" | "NodeStatusNeverUpdated"
        )
}

/// The conditions of a node that is silent. `None`: they say so already.
pub(super) fn silenced(node: &Node, now: &str) -> Option<Vec<Condition>> {
    let mut conditions = node.status.conditions.clone();
    for kind in POSTED {
        match conditions.iter_mut().find(|one| one.r#type == kind) {
            Some(found) if found.status == "Unknown" => {}
            Some(found) => {
                "Unknown".clone_into(&mut found.status);
                "NodeStatusUnknown".clone_into(&mut found.reason);
                "Kubelet stopped posting node status.".clone_into(&mut found.message);
                found.last_transition_time = Some(now.to_owned());
            }
            None => conditions.push(Condition {
                r#type: kind.to_owned(),
                status: "Unknown".to_owned(),
                reason: "NodeStatusNeverUpdated".to_owned(),
                message: "Kubelet never posted node status.".to_owned(),
                last_heartbeat_time: node.metadata.creation_timestamp.clone(),
                last_transition_time: Some(now.to_owned()),
                ..Condition::default()
            }),
        }
    }
    (conditions != node.status.conditions).then_some(conditions)
}

/// The conditions of a Pod that does not serve.
pub(super) fn unready(conditions: &[Condition], now: &str) -> Vec<Condition> {
    let mut conditions = conditions.to_vec();
    for ready in conditions.iter_mut().filter(|one| one.r#type == READY) {
        "False".clone_into(&mut ready.status);
        ready.last_transition_time = Some(now.to_owned());
    }
    conditions
}

/// The taints of a node. `None`: it has them. `permit` is asked if its Pods are to be driven away, and
/// they stay if it says no; they stay in any case if everything is down.
pub(super) fn taints(
    node: &Node,
    is_all_down: bool,
    now: &str,
    permit: impl FnOnce() -> bool,
) -> Option<Vec<Taint>> {
    let present = &node.spec.taints;
    let has = |key: &str, effect: &str| {
        let is_it = |taint: &Taint| taint.key == key && taint.effect == effect;
        present.iter().any(is_it)
    };
    let mut wanted: Vec<(&str, &str)> = TAINTS
        .iter()
        .filter(|(kind, bad, _)| status(node, kind) == Some(*bad))
        .map(|(_, _, key)| (*key, NO_SCHEDULE))
        .collect();
    if node.spec.unschedulable {
        wanted.push((UNSCHEDULABLE, NO_SCHEDULE));
    }
    // Nobody has said yet whether it is ready: it keeps what it was created with.
    let is_silent = status(node, READY).is_none();
    if is_silent && has(NOT_READY, NO_SCHEDULE) {
        wanted.push((NOT_READY, NO_SCHEDULE));
    }
    let drives = [NOT_READY, UNREACHABLE].into_iter();
    let is_driving = drives.clone().any(|key| has(key, NO_EXECUTE));
    match status(node, READY) {
        None => wanted.extend(
            drives
                .filter(|key| has(key, NO_EXECUTE))
                .map(|key| (key, NO_EXECUTE)),
        ),
        Some("True") => {}
        Some(_) if is_all_down => {}
        // One taint becomes the other at once: its Pods are on their way already.
        Some(status) if is_driving || permit() => {
            let key = if status == "False" {
                NOT_READY
            } else {
                UNREACHABLE
            };
            wanted.push((key, NO_EXECUTE));
        }
        Some(_) => {}
    }
    let mut taints: Vec<Taint> = present
        .iter()
        .filter(|one| !is_owned(one) || wanted.contains(&(one.key.as_str(), one.effect.as_str())))
        .cloned()
        .collect();
    for (key, effect) in wanted {
        if !has(key, effect) {
            taints.push(Taint {
                key: key.to_owned(),
                value: String::new(),
                effect: effect.to_owned(),
                time_added: Some(now.to_owned()),
            });
        }
    }
    (taints != *present).then_some(taints)
}

/// Whether a taint is this controller's to add and to take away.
fn is_owned(taint: &Taint) -> bool {
    let key = taint.key.as_str();
    match taint.effect.as_str() {
        NO_SCHEDULE => key == UNSCHEDULABLE || TAINTS.iter().any(|(_, _, owned)| key == *owned),
        NO_EXECUTE => key == NOT_READY || key == UNREACHABLE,
        _ => false,
    }
}
