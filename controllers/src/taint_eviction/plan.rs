//! Whether and when a Pod has to go. Pure.

use crate::objects::{Condition, Node, Pod, Taint, Toleration, condition};
use keelson_apiserver::canonical::Instant;

/// What becomes of a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays.
    Stays,
    /// It goes now.
    Goes,
    /// It goes so many seconds after taint and Pod met.
    After(i64),
}

/// The taints of a node that drive Pods away.
pub(super) fn driving(node: &Node) -> impl Iterator<Item = &Taint> {
    let taints = node.spec.taints.iter();
    taints.filter(|taint| taint.effect == "NoExecute")
}

/// What the taints of its node mean for a Pod. As in upstream, of the tolerations that match a taint the
/// first counts.
pub(super) fn fate(pod: &Pod, node: &Node) -> Fate {
    let mut shortest: Option<i64> = None;
    for taint in driving(node) {
        let mut tolerations = pod.spec.tolerations.iter();
        let Some(toleration) = tolerations.find(|one| tolerates(one, taint)) else {
            return Fate::Goes;
        };
        if let Some(seconds) = toleration.toleration_seconds {
            shortest = Some(shortest.map_or(seconds, |shortest| shortest.min(seconds)));
        }
    }
    match shortest {
        None => Fate::Stays,
        Some(..=0) => Fate::Goes,
        Some(seconds) => Fate::After(seconds),
    }
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let is_of_effect = toleration.effect.is_empty() || toleration.effect == taint.effect;
    let is_of_key = toleration.key.is_empty() || toleration.key == taint.key;
    is_of_effect
        && is_of_key
        && match toleration.operator.as_str() {
            "Exists" => true,
            "" | "Equal" => toleration.value == taint.value,
            _ => false,
        }
}

/// When taint and Pod met, in microseconds since 1970: since both the first of the taints and the Pod are
/// on the node. `None`: a taint does not say since when it is there.
pub(super) fn met_us(pod: &Pod, node: &Node) -> Option<i64> {
    let added = driving(node).map(|taint| taint.time_added.as_deref().and_then(us));
    let added = added.collect::<Option<Vec<i64>>>()?.into_iter().min()?;
    let scheduled = condition(&pod.status.conditions, "PodScheduled");
    let scheduled = scheduled.and_then(|scheduled| scheduled.last_transition_time.as_deref());
    let arrived = scheduled.or(pod.metadata.creation_timestamp.as_deref());
    Some(added.max(arrived.and_then(us).unwrap_or(added)))
}

fn us(text: &str) -> Option<i64> {
    let instant = Instant::parse(text).ok()?;
    let us = instant.seconds.checked_mul(1_000_000)?;
    us.checked_add(i64::from(instant.nanos / 1000))
}

/// The conditions of a Pod that has to go. `None`: they say so already.
pub(super) fn disrupted(pod: &Pod, now: &str) -> Option<Vec<Condition>> {
    let mut conditions = pod.status.conditions.clone();
    let present = condition(&conditions, "DisruptionTarget");
    let is_true = present.is_some_and(|present| present.status == "True");
    let mut wanted = Condition {
        r#type: "DisruptionTarget".to_owned(),
        status: "True".to_owned(),
        reason: "DeletionByTaintManager".to_owned(),
        message: "Taint manager: deleting due to NoExecute taint".to_owned(),
        last_transition_time: Some(now.to_owned()),
        ..Condition::default()
    };
    if let Some(present) = present {
        if is_true {
            wanted
                .last_transition_time
                .clone_from(&present.last_transition_time);
        }
        wanted.last_probe_time.clone_from(&present.last_probe_time);
        wanted.observed_generation = present.observed_generation;
    }
    match conditions
        .iter_mut()
        .find(|one| one.r#type == wanted.r#type)
    {
        Some(found) => *found = wanted,
        None => conditions.push(wanted),
    }
    (conditions != pod.status.conditions).then_some(conditions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(key: &str, value: &str, effect: &str) -> Taint {
        Taint {
            key: key.to_owned(),
            value: value.to_owned(),
            effect: effect.to_owned(),
            time_added: None,
        }
    }

    fn toleration(text: &str) -> Toleration {
        // Key, operator, value, effect, seconds.
        let parts: Vec<&str> = text.split(' ').map(|part| part.trim_matches('-')).collect();
        Toleration {
            key: parts[0].to_owned(),
            operator: parts[1].to_owned(),
            value: parts[2].to_owned(),
            effect: parts[3].to_owned(),
            toleration_seconds: parts.get(4).and_then(|seconds| seconds.parse().ok()),
        }
    }

    #[test]
    fn l4_a_pod_goes_at_once_or_after_the_shortest_time_or_never() {
        let a = || taint("a", "1", "NoExecute");
        let b = || taint("b", "", "NoExecute");
        for (taints, tolerations, expected) in [
            (vec![], vec![], Fate::Stays),
            (vec![taint("a", "1", "NoSchedule")], vec![], Fate::Stays),
            (vec![a()], vec![], Fate::Goes),
            (vec![a()], vec!["a Exists - NoExecute"], Fate::Stays),
            (vec![a()], vec!["a Exists - -"], Fate::Stays),
            (vec![a()], vec!["- Exists - -"], Fate::Stays),
            (vec![a()], vec!["a Equal 1 NoExecute"], Fate::Stays),
            (vec![a()], vec!["a - 1 NoExecute"], Fate::Stays),
            (vec![a()], vec!["a Equal 2 NoExecute"], Fate::Goes),
            (vec![a()], vec!["a Exists - NoSchedule"], Fate::Goes),
            (vec![a()], vec!["a Exists - NoExecute 30"], Fate::After(30)),
            (vec![a()], vec!["a Exists - NoExecute 0"], Fate::Goes),
            (vec![a(), b()], vec!["a Exists - NoExecute 30"], Fate::Goes),
            (
                vec![a(), b()],
                vec!["a Exists - NoExecute 30", "b Exists - NoExecute 20"],
                Fate::After(20),
            ),
            (
                vec![a(), b()],
                vec!["a Exists - NoExecute", "b Exists - NoExecute 20"],
                Fate::After(20),
            ),
            // Of two that match one taint, the first.
            (
                vec![a()],
                vec!["a Exists - NoExecute 30", "- Exists - - 20"],
                Fate::After(30),
            ),
        ] {
            let (mut pod, mut node) = (Pod::default(), Node::default());
            node.spec.taints = taints;
            pod.spec.tolerations = tolerations.iter().map(|text| toleration(text)).collect();
            assert_eq!(
                fate(&pod, &node),
                expected,
                "{:?} {tolerations:?}",
                node.spec.taints
            );
        }
    }

    #[test]
    fn l4_the_time_runs_from_when_taint_and_pod_met() {
        let (mut pod, mut node) = (Pod::default(), Node::default());
        node.spec.taints = vec![taint("a", "", "NoExecute"), taint("b", "", "NoExecute")];
        pod.metadata.creation_timestamp = Some("2026-01-01T00:00:10Z".to_owned());
        assert_eq!(met_us(&pod, &node), None);
        for (taint, second) in node.spec.taints.iter_mut().zip([20, 30]) {
            taint.time_added = Some(format!("2026-01-01T00:00:{second}Z"));
        }
        let at = |second| us(&format!("2026-01-01T00:00:{second}Z"));
        assert_eq!(met_us(&pod, &node), at(20));
        pod.status.conditions.push(Condition {
            r#type: "PodScheduled".to_owned(),
            status: "True".to_owned(),
            last_transition_time: Some("2026-01-01T00:00:40Z".to_owned()),
            ..Condition::default()
        });
        assert_eq!(met_us(&pod, &node), at(40));
    }
}
