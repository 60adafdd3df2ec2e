//! A node's own Node: it says what it is, and not what is scheduled to it.

use super::Asked;
use crate::admission::Operation;
use crate::status::Failure;
use crate::status::text::quote;
use serde_json::Value;
use std::collections::BTreeSet;

/// Labels with this prefix, or with something and a dot in front of it, are for operators alone.
const RESTRICTED: &str = "node-restriction.kubernetes.io";
/// Labels of Kubernetes that a kubelet sets.
const OWN_LABELS: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];
/// All labels with these prefixes, too.
const OWN_PREFIXES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

impl Asked<'_> {
    pub(super) fn own_node(&self) -> Result<(), Failure> {
        let name = self.request.shown_name();
        if name != self.node {
            let name = quote(name);
            return self.refuse_node(&format!("is not allowed to modify node {name}"));
        }
        let (new, old) = (self.object(), self.old());
        let config = &new["spec"]["configSource"];
        let forbidden = || {
            let labels = changed_labels(new, old).into_iter();
            let forbidden: Vec<&str> = labels.filter(|label| is_forbidden(label)).collect();
            (!forbidden.is_empty()).then(|| forbidden.join(", "))
        };
        match self.request.operation {
            Operation::Create => {
                if !config.is_null() {
                    // "Pods" is upstream's word.
                    return self
                        .refuse_node("is not allowed to create pods with a non-nil configSource");
                }
                match forbidden() {
                    Some(labels) => self.refuse_node(&format!(
                        "is not allowed to set the following labels: {labels}"
                    )),
                    None => Ok(()),
                }
            }
            Operation::Update => {
                if !config.is_null() && *config != old["spec"]["configSource"] {
                    return self.refuse_node(
                        "is not allowed to update configSource to a new non-nil configSource",
                    );
                }
                if taints(new) != taints(old) {
                    return self.refuse_node("is not allowed to modify taints");
                }
                match forbidden() {
                    Some(labels) => {
                        self.refuse(&format!("is not allowed to modify labels: {labels}"))
                    }
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

fn taints(node: &Value) -> &[Value] {
    let taints = node["spec"]["taints"].as_array();
    taints.map_or(&[], Vec::as_slice)
}

/// Those that are new, gone or have another value, in order.
fn changed_labels<'v>(new: &'v Value, old: &'v Value) -> BTreeSet<&'v str> {
    let labels = |node: &'v Value| node["metadata"]["labels"].as_object();
    let all = [labels(new), labels(old)].into_iter().flatten().flatten();
    let is_changed = |label: &str| {
        let value = |node: &'v Value| labels(node).and_then(|labels| labels.get(label));
        value(new) != value(old)
    };
    all.map(|(label, _)| label.as_str())
        .filter(|label| is_changed(label))
        .collect()
}

fn is_forbidden(label: &str) -> bool {
    let prefix = label.split_once('/').map_or("", |(prefix, _)| prefix);
    let is_below = |domain: &str| {
        let rest = prefix.strip_suffix(domain);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let is_kubernetes = is_below("kubernetes.io") || is_below("k8s.io");
    let is_own = OWN_LABELS.contains(&label) || OWN_PREFIXES.into_iter().any(is_below);
    is_below(RESTRICTED) || (is_kubernetes && !is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_kubernetes_are_not_the_nodes_unless_a_kubelet_sets_them() {
        for (label, expected) in [
            ("a", false),
            ("example.com/a", false),
            ("notkubernetes.io/a", false),
            ("kubernetes.io/hostname", false),
            ("topology.kubernetes.io/zone", false),
            ("node.kubernetes.io/anything", false),
            ("my.node.kubernetes.io/anything", false),
            ("kubelet.kubernetes.io/anything", false),
            ("kubernetes.io/role", true),
            ("node-role.kubernetes.io/control-plane", true),
            ("some.k8s.io/a", true),
            ("node-restriction.kubernetes.io/a", true),
            ("example.com.node-restriction.kubernetes.io/a", true),
            ("my-node.kubernetes.io/anything", true),
        ] {
            assert_eq!(is_forbidden(label), expected, "{label}");
        }
    }
}
