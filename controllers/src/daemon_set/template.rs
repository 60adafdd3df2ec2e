//! The Pods of a DaemonSet, as they are made: each for one node.

use crate::objects::{DaemonSet, Pod};
use crate::pods::from_template;
use serde_json::{Value, json};

/// Label of Pods and of old templates: the hash of the template.
pub const HASH: &str = "controller-revision-hash";
/// Label of Pods: how many templates there had been, by which programs know them that are older than the hash.
const GENERATION: &str = "pod-template-generation";
/// Where the DaemonSet says that.
const GENERATIONS: &str = "deprecated.daemonset.template.generation";
const NAME: &str = "metadata.name";

/// What every Pod of a DaemonSet tolerates: it is there to look after the node, however that is.
const TOLERATED: &[(&str, &str)] = &[
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
];
/// What it tolerates, too, if it has the network of the node.
const TOLERATED_BY_HOST: (&str, &str) = ("network-unavailable", "NoSchedule");

/// A new Pod for a node, with the hash of the present template.
pub fn pod(set: &DaemonSet, node: &str, hash: &str) -> Value {
    let owner = set.metadata.owner_reference("apps/v1", "DaemonSet");
    let mut pod = from_template(&set.spec.template, &set.metadata, owner);
    pod["metadata"]["labels"][HASH] = hash.into();
    if let Some(generation) = set.metadata.annotations.get(GENERATIONS) {
        pod["metadata"]["labels"][GENERATION] = generation.as_str().into();
    }
    let spec = &mut pod["spec"];
    tolerate(spec);
    spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = json!({
        "nodeSelectorTerms": [
            {"matchFields": [{"key": NAME, "operator": "In", "values": [node]}]},
        ],
    });
    pod
}

/// Adds what every Pod of a DaemonSet tolerates to a specification.
pub fn tolerate(spec: &mut Value) {
    let is_on_host = spec["hostNetwork"] == true;
    let more = is_on_host.then_some(&TOLERATED_BY_HOST);
    let wanted: Vec<Value> = TOLERATED
        .iter()
        .chain(more)
        .map(|(key, effect)| {
            let key = format!("node.kubernetes.io/{key}");
            json!({"key": key, "operator": "Exists", "effect": effect})
        })
        .collect();
    let known = spec["tolerations"].as_array().cloned().unwrap_or_default();
    let others = known.into_iter().filter(|known| {
        let is_same = |wanted: &Value| {
            let mut fields = ["key", "operator", "effect"].into_iter();
            fields.all(|field| known.get(field) == wanted.get(field))
        };
        !wanted.iter().any(is_same)
    });
    spec["tolerations"] = others.chain(wanted.clone()).collect();
}

/// The node that a Pod is for: the one it is bound to, or else the one its affinity names.
pub fn node_of(pod: &Pod) -> Option<&str> {
    if pod.is_bound() {
        return Some(&pod.spec.node_name);
    }
    let required = "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = pod.spec.affinity.as_ref()?.pointer(required)?.as_array()?;
    terms.iter().find_map(|term| {
        let fields = term.get("matchFields")?.as_array()?;
        let field = fields
            .iter()
            .find(|field| field["key"] == NAME && field["operator"] == "In")?;
        match field["values"].as_array()?.as_slice() {
            [name] => name.as_str(),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(spec: Value) -> DaemonSet {
        let set = json!({
            "metadata": {"name": "d", "namespace": "n", "uid": "u"},
            "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}},
        });
        serde_json::from_value(set).expect("a DaemonSet")
    }

    #[test]
    fn ds1_a_pod_is_for_one_node_and_keeps_what_else_it_wants() {
        let spec = json!({"affinity": {
            "podAffinity": {"x": 1},
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [],
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]},
            },
        }});
        let made = pod(&set(spec), "node-7", "hash");
        assert_eq!(made["metadata"]["labels"], json!({"a": "b", HASH: "hash"}));
        let affinity = &made["spec"]["affinity"];
        assert_eq!(affinity["podAffinity"], json!({"x": 1}));
        assert!(
            affinity["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"].is_array()
        );
        let mut made: Pod = serde_json::from_value(made).expect("a Pod");
        assert_eq!(node_of(&made), Some("node-7"));
        made.spec.node_name = "other".to_owned();
        assert_eq!(node_of(&made), Some("other"));
    }

    #[test]
    fn ds1_a_pod_is_labelled_with_the_number_of_its_template() {
        let mut set = set(json!({}));
        set.metadata
            .annotations
            .insert(GENERATIONS.to_owned(), "3".to_owned());
        let made = pod(&set, "node-7", "hash");
        let labels = json!({"a": "b", HASH: "hash", GENERATION: "3"});
        assert_eq!(made["metadata"]["labels"], labels);
    }

    #[test]
    fn ds2_what_is_wrong_with_its_node_is_tolerated() {
        let mut spec = json!({"tolerations": [
            {"key": "mine", "operator": "Exists"},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
        ]});
        let keys = |spec: &Value| -> Vec<String> {
            let tolerations = spec["tolerations"].as_array().expect("tolerations");
            let keys = tolerations
                .iter()
                .map(|one| one["key"].as_str().unwrap_or_default());
            keys.map(str::to_owned).collect()
        };
        tolerate(&mut spec);
        let wanted = [
            "mine",
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable",
            "node.kubernetes.io/disk-pressure",
            "node.kubernetes.io/memory-pressure",
            "node.kubernetes.io/pid-pressure",
            "node.kubernetes.io/unschedulable",
        ];
        assert_eq!(keys(&spec), wanted);
        let mut spec = json!({"hostNetwork": true});
        tolerate(&mut spec);
        assert_eq!(
            keys(&spec).last().map(String::as_str),
            Some("node.kubernetes.io/network-unavailable")
        );
    }
}
