//! Taints of nodes, and what Pods bear.

use crate::objects::{Taint, Toleration};
use crate::scheduler::framework::{Event, Plugin, PreFilter, Rejection, Round, Scaled, Score};
use crate::scheduler::pod::PodInfo;
use crate::scheduler::snapshot::{NodeInfo, Row};

/// See the module.
pub struct TaintToleration;

/// Whether a Pod with these tolerations bears a taint.
pub fn tolerates(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|one| bears(one, taint))
}

fn bears(toleration: &Toleration, taint: &Taint) -> bool {
    let is_effect = toleration.effect.is_empty() || toleration.effect == taint.effect;
    let is_key = toleration.key.is_empty() || toleration.key == taint.key;
    is_effect
        && is_key
        && match toleration.operator.as_str() {
            "" | "Equal" => toleration.value == taint.value,
            "Exists" => true,
            _ => false,
        }
}

/// The first taint that keeps the Pod off.
pub fn untolerated<'n>(pod: &PodInfo, node: &'n NodeInfo) -> Option<&'n Taint> {
    let tolerations = &pod.pod.spec.tolerations;
    node.hard_taints()
        .find(|taint| !tolerates(tolerations, taint))
}

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn weight(&self) -> i64 {
        3
    }

    fn pre_filter<'r>(&self, round: &'r Round<'r>) -> PreFilter<'r> {
        PreFilter::by(move |row| {
            if !round.table.hard_tainted[row] {
                return None;
            }
            let taint = untolerated(round.pod, round.node(row))?;
            let Taint { key, value, .. } = taint;
            Some(Rejection::unresolvable(format!(
                "node(s) had untolerated taint {{{key}: {value}}}"
            )))
        })
    }

    fn pre_score<'r>(&self, round: &'r Round<'r>, rows: &[Row]) -> Option<Box<dyn Score + 'r>> {
        let is_all_the_same = rows.iter().all(|&row| !round.table.soft_tainted[row]);
        if is_all_the_same {
            return None;
        }
        let tolerations = round.pod.pod.spec.tolerations.iter();
        let tolerations: Vec<Toleration> = tolerations
            .filter(|one| matches!(one.effect.as_str(), "" | "PreferNoSchedule"))
            .cloned()
            .collect();
        let each = move |row| {
            let taints = round.node(row).soft_taints();
            taints
                .filter(|taint| !tolerates(&tolerations, taint))
                .count() as i64
        };
        Some(Box::new(Scaled {
            each,
            is_reversed: true,
        }))
    }

    fn is_helped(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        match event {
            Event::NodeAdded(node) => untolerated(pod, node).is_none(),
            Event::NodeChanged { before, after } => {
                untolerated(pod, before).is_some() && untolerated(pod, after).is_none()
            }
            Event::Itself { before } => before.pod.spec.tolerations != pod.pod.spec.tolerations,
            _ => false,
        }
    }
}
