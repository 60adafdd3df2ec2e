//! Whether a Pod may be on a node: its node selector, its required node affinity, its tolerations. Pure.
//!
//! Rules L4 and DS1; the terms are upstream's. The scheduler has the same rules in another form, for
//! thousands of nodes at once.

use crate::objects::{Node, PodSpec, Taint, Toleration};
use serde_json::Value;
use std::collections::BTreeMap;

/// The node has the labels that the Pod selects, and its required affinity allows it.
pub fn selects(pod: &PodSpec, node: &Node) -> bool {
    let labels = &node.metadata.labels;
    let mut selected = pod.node_selector.iter();
    if !selected.all(|(name, value)| labels.get(name) == Some(value)) {
        return false;
    }
    let affinity = pod.affinity.as_ref();
    let required = affinity.and_then(|affinity| {
        affinity.pointer("/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution")
    });
    required.is_none_or(|required| matches_any(required, node))
}

/// One of the terms of a node selector means the node.
pub fn matches_any(selector: &Value, node: &Node) -> bool {
    list(selector, "nodeSelectorTerms")
        .iter()
        .any(|term| matches(term, node))
}

/// All requirements of a term are met. A term without any means no node.
fn matches(term: &Value, node: &Node) -> bool {
    let (labels, fields) = (list(term, "matchExpressions"), list(term, "matchFields"));
    let name = BTreeMap::from([("metadata.name".to_owned(), node.metadata.name.clone())]);
    let has_any = !labels.is_empty() || !fields.is_empty();
    let mut labels = labels.iter();
    let mut fields = fields.iter();
    has_any
        && labels.all(|requirement| is_met(requirement, &node.metadata.labels))
        && fields.all(|requirement| is_met(requirement, &name))
}

fn is_met(requirement: &Value, labels: &BTreeMap<String, String>) -> bool {
    let values = list(requirement, "values");
    let label = labels.get(text(requirement, "key"));
    let is_listed = label.is_some_and(|label| values.iter().any(|value| value == label.as_str()));
    // Both must be whole numbers, and there is one to compare with.
    let compared = || {
        let wanted = values.first()?.as_str()?.parse::<i64>().ok()?;
        let label = label?.parse::<i64>().ok()?;
        (values.len() == 1).then(|| label.cmp(&wanted))
    };
    match text(requirement, "operator") {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        "Gt" => compared().is_some_and(std::cmp::Ordering::is_gt),
        "Lt" => compared().is_some_and(std::cmp::Ordering::is_lt),
        _ => false,
    }
}

/// The toleration means the taint.
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    if !toleration.effect.is_empty() && toleration.effect != taint.effect {
        return false;
    }
    if !toleration.key.is_empty() && toleration.key != taint.key {
        return false;
    }
    match toleration.operator.as_str() {
        "Exists" => true,
        "" | "Equal" => !toleration.key.is_empty() && toleration.value == taint.value,
        _ => false,
    }
}

/// The first taint with one of these effects that nothing tolerates.
pub fn untolerated<'n>(
    taints: &'n [Taint],
    tolerations: &[Toleration],
    effects: &[&str],
) -> Option<&'n Taint> {
    taints.iter().find(|taint| {
        let mut tolerations = tolerations.iter();
        effects.contains(&taint.effect.as_str()) && !tolerations.any(|one| tolerates(one, taint))
    })
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let items = value.get(name).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node() -> Node {
        let node = json!({"metadata": {"name": "a", "labels": {"zone": "z1", "cores": "8"}}});
        serde_json::from_value(node).expect("a Node")
    }

    fn is_selected(spec: Value) -> bool {
        let spec = serde_json::from_value(spec).expect("a specification");
        selects(&spec, &node())
    }

    fn required(terms: Value) -> Value {
        json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
        }}})
    }

    #[test]
    fn ds1_a_node_selector_wants_all_its_labels() {
        assert!(is_selected(json!({})));
        assert!(is_selected(json!({"nodeSelector": {"zone": "z1"}})));
        assert!(!is_selected(
            json!({"nodeSelector": {"zone": "z1", "disk": "ssd"}})
        ));
    }

    #[test]
    fn ds1_each_operator_means_what_it_says() {
        for (key, operator, values, is_met) in [
            ("zone", "In", json!(["z0", "z1"]), true),
            ("zone", "In", json!(["z0"]), false),
            ("disk", "In", json!(["ssd"]), false),
            ("zone", "NotIn", json!(["z1"]), false),
            ("disk", "NotIn", json!(["ssd"]), true),
            ("zone", "Exists", json!([]), true),
            ("disk", "Exists", json!([]), false),
            ("zone", "DoesNotExist", json!([]), false),
            ("disk", "DoesNotExist", json!([]), true),
            ("cores", "Gt", json!(["4"]), true),
            ("cores", "Gt", json!(["8"]), false),
            ("cores", "Lt", json!(["10"]), true),
            ("zone", "Lt", json!(["10"]), false),
            ("zone", "Near", json!(["z1"]), false),
        ] {
            let term = json!({"key": key, "operator": operator, "values": values});
            let selected = is_selected(required(json!([{"matchExpressions": [term]}])));
            assert_eq!(selected, is_met, "{key} {operator} {values}");
        }
    }

    #[test]
    fn ds1_one_term_is_enough_and_an_empty_one_means_nothing() {
        let by_name = |name: &str| json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]});
        assert!(is_selected(required(json!([by_name("b"), by_name("a")]))));
        assert!(!is_selected(required(json!([by_name("b"), {}]))));
        assert!(!is_selected(required(json!([]))));
        let mut both = by_name("a");
        both["matchExpressions"] = json!([{"key": "disk", "operator": "Exists"}]);
        assert!(!is_selected(required(json!([both]))));
    }

    #[test]
    fn l4_a_toleration_means_a_taint_by_key_value_and_effect() {
        let taint: Taint =
            serde_json::from_value(json!({"key": "k", "value": "v", "effect": "NoExecute"}))
                .expect("a taint");
        for (toleration, is_tolerated) in [
            (json!({"operator": "Exists"}), true),
            (json!({"key": "k", "operator": "Exists"}), true),
            (json!({"key": "k", "value": "v"}), true),
            (
                json!({"key": "k", "operator": "Equal", "value": "w"}),
                false,
            ),
            (json!({"key": "l", "operator": "Exists"}), false),
            (
                json!({"key": "k", "operator": "Exists", "effect": "NoSchedule"}),
                false,
            ),
            (json!({"value": "v"}), false),
        ] {
            let one: Toleration = serde_json::from_value(toleration.clone()).expect("one");
            assert_eq!(tolerates(&one, &taint), is_tolerated, "{toleration}");
            let found = untolerated(std::slice::from_ref(&taint), &[one], &["NoExecute"]);
            assert_eq!(found.is_none(), is_tolerated);
        }
        assert!(untolerated(&[taint], &[], &["NoSchedule"]).is_none());
    }
}
