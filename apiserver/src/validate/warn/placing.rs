//! Where a Pod wants to be.

use crate::validate::at::At;

/// Labels of nodes that have other names now.
const OLD_LABELS: [(&str, &str, &str); 5] = [
    ("beta.kubernetes.io/arch", "1.14", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "1.14", "kubernetes.io/os"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "1.17",
        "topology.kubernetes.io/region",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "1.17",
        "topology.kubernetes.io/zone",
    ),
    (
        "beta.kubernetes.io/instance-type",
        "1.17",
        "node.kubernetes.io/instance-type",
    ),
];
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// What is told about a label, if it is an old one.
fn old_label(label: &str) -> Option<String> {
    let mut known = OLD_LABELS.iter();
    let (_, since, now) = known.find(|(old, ..)| *old == label)?;
    Some(format!("deprecated since v{since}; use \"{now}\" instead"))
}

/// Nodes that a Pod wants, and how it wants to be spread. `spec` is the Pod's.
pub(super) fn nodes(spec: &At<'_>, warnings: &mut Vec<String>) {
    for (label, at) in spec.get("nodeSelector").entries() {
        if let Some(told) = old_label(label) {
            warnings.push(format!("{}: {told}", at.path()));
        }
    }
    let affinity = spec.dig(&["affinity", "nodeAffinity"]);
    for term in affinity.dig(&[REQUIRED, "nodeSelectorTerms"]).items() {
        node_term(&term, warnings);
    }
    for term in affinity.get(PREFERRED).items() {
        node_term(&term.get("preference"), warnings);
    }
    for spread in spec.get("topologySpreadConstraints").items() {
        label_at(&spread.get("topologyKey"), warnings);
        selector(&spread.get("labelSelector"), warnings);
    }
}

fn node_term(term: &At<'_>, warnings: &mut Vec<String>) {
    for expression in term.get("matchExpressions").items() {
        label_at(&expression.get("key"), warnings);
    }
}

fn label_at(at: &At<'_>, warnings: &mut Vec<String>) {
    if let Some(told) = old_label(at.text()) {
        warnings.push(format!("{}: {} is {told}", at.path(), at.text()));
    }
}

/// Pods that a Pod wants to be near to, or not.
pub(super) fn pods(spec: &At<'_>, warnings: &mut Vec<String>) {
    for side in ["podAffinity", "podAntiAffinity"] {
        let affinity = spec.dig(&["affinity", side]);
        for term in affinity.get(REQUIRED).items() {
            selector(&term.get("labelSelector"), warnings);
        }
        for term in affinity.get(PREFERRED).items() {
            selector(&term.dig(&["podAffinityTerm", "labelSelector"]), warnings);
        }
    }
}

fn selector(at: &At<'_>, warnings: &mut Vec<String>) {
    if !at.is_set() {
        let told = "a null labelSelector results in matching no pod";
        warnings.push(format!("{}: {told}", at.path()));
    }
}
