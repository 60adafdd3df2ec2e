//! What a Pod wants of the domains of a label.

use crate::objects::Pod;
use crate::scheduler::framework::Round;
use crate::scheduler::plugins::{affinity, taints};
use crate::scheduler::snapshot::{HOSTNAME, NodeInfo, ZONE};
use keelson_apiserver::selector::{LabelSelector, Operator, Requirement, from_structure};
use keelson_apiserver::status::Path;
use serde_json::Value;
use std::collections::BTreeMap;

/// What holds for Pods that say nothing and stand beside others: label and skew.
pub const DEFAULTS: [(&str, i64); 2] = [(HOSTNAME, 3), (ZONE, 5)];

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The label that tells domains apart.
    pub key: String,
    /// How many more Pods than the emptiest domain one may have.
    pub max_skew: i64,
    /// With fewer domains than this, the emptiest counts as empty.
    pub min_domains: usize,
    /// Nodes that break it will not do; else they are only worse.
    pub is_hard: bool,
    /// Which Pods are counted.
    pub selector: LabelSelector,
    /// Only nodes that the Pod's affinity allows are counted.
    pub honors_affinity: bool,
    /// Only nodes whose taints the Pod bears are counted.
    pub honors_taints: bool,
}

impl Constraint {
    /// The constraints that a Pod has of its own.
    pub fn all(pod: &Pod) -> Vec<Constraint> {
        let constraints = pod.spec.topology_spread_constraints.iter();
        constraints
            .map(|one| Constraint::of(one, &pod.metadata.labels))
            .collect()
    }

    fn of(structure: &Value, labels: &BTreeMap<String, String>) -> Constraint {
        let text = |name: &str| structure.get(name).and_then(Value::as_str);
        let number = |name: &str| structure.get(name).and_then(Value::as_i64);
        let selector = from_structure(structure.get("labelSelector"));
        // Validation let no other through.
        let selector = selector.unwrap_or_else(|_| LabelSelector::nothing());
        Constraint {
            key: text("topologyKey").unwrap_or_default().to_owned(),
            max_skew: number("maxSkew").unwrap_or(1),
            min_domains: number("minDomains")
                .and_then(|number| usize::try_from(number).ok())
                .unwrap_or(1),
            is_hard: text("whenUnsatisfiable") != Some("ScheduleAnyway"),
            selector: with_labels(selector, structure.get("matchLabelKeys"), labels),
            honors_affinity: text("nodeAffinityPolicy") != Some("Ignore"),
            honors_taints: text("nodeTaintsPolicy") == Some("Honor"),
        }
    }

    /// The default constraints, over the Pods beside this one.
    pub fn defaults(group: &LabelSelector) -> Vec<Constraint> {
        let defaults = DEFAULTS.iter();
        defaults
            .map(|&(key, max_skew)| Constraint {
                key: key.to_owned(),
                max_skew,
                min_domains: 1,
                is_hard: false,
                selector: group.clone(),
                honors_affinity: true,
                honors_taints: false,
            })
            .collect()
    }

    /// Whether Pods on a node are counted.
    pub fn counts(&self, round: &Round<'_>, node: &NodeInfo) -> bool {
        (!self.honors_affinity
            || round.pod.required.is_any()
            || affinity::is_wanted(round.pod, node))
            && (!self.honors_taints || taints::untolerated(round.pod, node).is_none())
    }
}

/// The selector, which also wants the Pod's own values of these labels. One that selects nothing then
/// selects by those alone, as upstream's does.
fn with_labels(
    selector: LabelSelector,
    keys: Option<&Value>,
    labels: &BTreeMap<String, String>,
) -> LabelSelector {
    let keys = keys.and_then(Value::as_array).into_iter().flatten();
    let own = keys.filter_map(|key| {
        let (key, value) = labels.get_key_value(key.as_str()?)?;
        Requirement::new(key, Operator::Equals, vec![value.clone()], &Path::none()).ok()
    });
    let own: Vec<Requirement> = own.collect();
    if own.is_empty() {
        return selector;
    }
    let given = selector.requirements().unwrap_or_default();
    LabelSelector::new(given.iter().cloned().chain(own).collect())
}
