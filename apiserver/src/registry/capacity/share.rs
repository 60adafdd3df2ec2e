//! What one Pod takes of its node.

use crate::admission::demand::{Amounts, of_pod};
use crate::canonical::{Format, Quantity};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many Pods, among the amounts.
pub(super) const PODS: &str = "pods";

/// What a Pod takes of which node: what it asks for, and its place. `None`: it has no node, or has ended.
pub(in crate::registry) fn share(pod: &Value) -> Option<(&str, Amounts)> {
    let node = pod.pointer("/spec/nodeName")?.as_str()?;
    if node.is_empty() || is_finished(pod) {
        return None;
    }
    let mut amounts = pod
        .get("spec")
        .map(|spec| of_pod(spec, "requests"))
        .unwrap_or_default();
    amounts.retain(|_, amount| !amount.is_zero());
    amounts.insert(PODS.to_owned(), Quantity::of(1, Format::DecimalSi));
    Some((node, amounts))
}

fn is_finished(pod: &Value) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str);
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// What a write of a Pod changes: by how much more is taken, or less, of which nodes.
pub(in crate::registry) fn changes(
    old: Option<&Value>,
    new: Option<&Value>,
) -> BTreeMap<String, Amounts> {
    let mut changes: BTreeMap<String, Amounts> = BTreeMap::new();
    if let (Some(old), Some(new)) = (old, new)
        && old.get("spec") == new.get("spec")
        && is_finished(old) == is_finished(new)
    {
        return changes;
    }
    if let Some((node, amounts)) = new.and_then(share) {
        add(changes.entry(node.to_owned()).or_default(), &amounts);
    }
    if let Some((node, amounts)) = old.and_then(share) {
        subtract(changes.entry(node.to_owned()).or_default(), &amounts);
    }
    changes.retain(|_, amounts| !amounts.is_empty());
    changes
}

/// Adds amounts. What adds up to nothing is left out.
pub(super) fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = to.get(name).map_or(*amount, |sum| *sum + *amount);
        put(to, name, sum);
    }
}

/// Takes amounts away. What comes to nothing is left out.
pub(super) fn subtract(from: &mut Amounts, less: &Amounts) {
    for (name, amount) in less {
        let rest = from
            .get(name)
            .map_or(amount.negated(), |sum| *sum - *amount);
        put(from, name, rest);
    }
}

fn put(amounts: &mut Amounts, name: &str, amount: Quantity) {
    match amount.is_zero() {
        true => amounts.remove(name),
        false => amounts.insert(name.to_owned(), amount),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(node: &str, phase: &str, cpu: &str) -> Value {
        json!({
            "spec": {
                "nodeName": node,
                "containers": [{"resources": {"requests": {"cpu": cpu, "memory": "0"}}}],
            },
            "status": {"phase": phase},
        })
    }

    fn shown(changes: &BTreeMap<String, Amounts>) -> String {
        let one = |(node, amounts): (&String, &Amounts)| {
            let amounts = amounts.iter().map(|(name, by)| format!(" {name}={by}"));
            format!("{node}{}", amounts.collect::<String>())
        };
        changes.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_write_changes_what_its_pod_takes() {
        let (waiting, bound) = (pod("", "Pending", "1"), pod("n", "Pending", "1"));
        let (running, grown) = (pod("n", "Running", "1"), pod("n", "Running", "1500m"));
        let (done, failed) = (pod("n", "Succeeded", "1"), pod("n", "Failed", "1500m"));
        for (old, new, expected) in [
            (None, Some(&waiting), ""),
            (Some(&waiting), Some(&bound), "n cpu=1 pods=1"),
            (None, Some(&bound), "n cpu=1 pods=1"),
            (Some(&bound), Some(&running), ""),
            (Some(&running), Some(&grown), "n cpu=500m"),
            (Some(&grown), Some(&running), "n cpu=-500m"),
            (Some(&running), Some(&done), "n cpu=-1 pods=-1"),
            (Some(&grown), Some(&failed), "n cpu=-1500m pods=-1"),
            (Some(&done), Some(&failed), ""),
            (Some(&done), None, ""),
            (Some(&running), None, "n cpu=-1 pods=-1"),
            (
                Some(&running),
                Some(&pod("m", "Running", "1")),
                "m cpu=1 pods=1; n cpu=-1 pods=-1",
            ),
        ] {
            assert_eq!(shown(&changes(old, new)), expected, "{old:?} {new:?}");
        }
    }
}
