//! The plan by itself, for any state of nodes.

use super::*;
use crate::daemon_set::failures::Failures;
use crate::daemon_set::observe::{Fit, Observed, is_updated};
use crate::daemon_set::plan::plan;
use crate::daemon_set::template::HASH;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What there is on a node: for an old and a new Pod, whether it serves.
type OnNode = (Option<bool>, Option<bool>);

fn pod(name: &str, hash: &str, is_ready: bool) -> Arc<Pod> {
    let status = if is_ready { "True" } else { "False" };
    let pod = json!({
        "metadata": {"name": name, "uid": name, "labels": {HASH: hash}},
        "spec": {"nodeName": "n"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]},
    });
    Arc::new(serde_json::from_value(pod).expect("a Pod"))
}

fn observed(nodes: &[OnNode], rolling: Value) -> Observed {
    let set = json!({
        "metadata": {"name": "agent", "uid": "set"},
        "spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}},
    });
    let name = |number: usize| format!("node-{number:02}");
    let pods = nodes.iter().enumerate().map(|(number, (old, new))| {
        let old = old.map(|is_ready| pod(&format!("old-{number}"), "old", is_ready));
        let new = new.map(|is_ready| pod(&format!("new-{number}"), "new", is_ready));
        (name(number), old.into_iter().chain(new).collect())
    });
    Observed {
        nodes: (0..nodes.len())
            .map(|number| (name(number), Fit::Runs))
            .collect(),
        pods: pods.collect::<BTreeMap<_, _>>(),
        orphans: Vec::new(),
        strays: Vec::new(),
        set: Arc::new(serde_json::from_value(set).expect("a DaemonSet")),
        now_us: 0,
    }
}

/// Nodes on which a Pod serves that is not removed.
fn up(observed: &Observed, removed: &BTreeSet<&str>) -> usize {
    let serves = |pod: &&Arc<Pod>| pod.is_ready() && !removed.contains(&*pod.metadata.name);
    let nodes = observed.pods.values();
    nodes
        .filter(|pods| pods.iter().any(|pod| serves(&pod)))
        .count()
}

proptest! {
    #[test]
    fn ds4_a_plan_takes_no_more_nodes_down_than_it_may(
        nodes in prop::collection::vec((any::<Option<bool>>(), any::<Option<bool>>()), 1..12),
        limit in 1_usize..5,
        is_surge in any::<bool>(),
    ) {
        let rolling = match is_surge {
            true => json!({"maxSurge": limit, "maxUnavailable": 0}),
            false => json!({"maxSurge": 0, "maxUnavailable": limit}),
        };
        // Two at once are too many without surge: that is put in order first.
        let nodes: Vec<OnNode> = nodes
            .into_iter()
            .map(|(old, new)| (old.filter(|_| is_surge || new.is_none()), new))
            .collect();
        let observed = observed(&nodes, rolling);
        let plan = plan(&observed, "new", &Failures::default());
        let removed = plan.removed.iter().map(|removal| &*removal.pod.metadata.name).collect();
        let (before, after) = (up(&observed, &BTreeSet::new()), up(&observed, &removed));
        let allowed = if is_surge { 0 } else { limit };
        prop_assert!(after >= before.min(nodes.len() - allowed.min(nodes.len())), "{plan:?}");
        // Nothing new goes, and nothing is made where a new one is.
        for removal in &plan.removed {
            prop_assert!(!is_updated(&removal.pod, "new"));
        }
        for node in &plan.made {
            let mut there = observed.on(node).iter();
            prop_assert!(!there.any(|pod| is_updated(pod, "new")));
        }
    }

    #[test]
    fn ds4_a_rollout_whose_pods_serve_comes_to_an_end(
        start in prop::collection::vec((any::<Option<bool>>(), any::<Option<bool>>()), 1..12),
        limit in 1_usize..5,
        is_surge in any::<bool>(),
    ) {
        let rolling = match is_surge {
            true => json!({"maxSurge": limit, "maxUnavailable": 0}),
            false => json!({"maxSurge": 0, "maxUnavailable": limit}),
        };
        let mut nodes = start;
        for _ in 0..60 {
            let observed = observed(&nodes, rolling.clone());
            let plan = plan(&observed, "new", &Failures::default());
            for (number, (old, new)) in nodes.iter_mut().enumerate() {
                let gone = |name: String| {
                    plan.removed.iter().any(|removal| removal.pod.metadata.name == name)
                };
                if gone(format!("old-{number}")) {
                    *old = None;
                }
                if gone(format!("new-{number}")) {
                    *new = None;
                }
                *new = new.map(|_| true);
                if plan.made.contains(&format!("node-{number:02}")) {
                    *new = Some(false);
                }
            }
        }
        prop_assert!(nodes.iter().all(|node| *node == (None, Some(true))), "{nodes:?}");
    }
}
