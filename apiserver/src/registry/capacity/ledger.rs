//! The ledgers of nodes, and whether there is room.

use super::share::{PODS, add};
use crate::admission::demand::{Amounts, amounts};
use crate::canonical::{Format, Quantity};
use crate::storage::{Guard, KeyValue, Object, Write};
use bytes::Bytes;
use serde_json::{Map, Value};

/// Below this lie the ledgers, each under the name of its node.
pub const LEDGERS: &str = "/keelson/kubernetes/nodes/";
/// Is there once a missing ledger means that a node has no Pod.
pub const COUNTED: &str = "/keelson/kubernetes/counted";

/// The key of a node's ledger.
pub(in crate::registry) fn key(node: &str) -> Bytes {
    [LEDGERS, node].concat().into()
}

/// What is taken of a node, as it was read or counted.
#[derive(Clone, Debug, Default)]
pub(in crate::registry) struct Ledger {
    /// What is taken: what Pods ask for, and how many there are.
    pub(in crate::registry) taken: Amounts,
    /// As of which revision it lies in the store; 0: it does not.
    pub(in crate::registry) revision: u64,
}

impl Ledger {
    /// The ledger that was read.
    pub(in crate::registry) fn of(found: Option<&KeyValue>) -> Ledger {
        found.map_or_else(Ledger::default, |found| Ledger {
            taken: read(&found.value),
            revision: found.mod_revision,
        })
    }

    /// Holds as long as the ledger is as it was read.
    pub(in crate::registry) fn unchanged(&self, node: &str) -> Guard {
        Guard {
            key: key(node),
            mod_revision: self.revision,
        }
    }

    /// Takes in a change.
    pub(in crate::registry) fn change(&mut self, by: &Amounts) {
        add(&mut self.taken, by);
    }

    /// Puts the ledger into the store. One without any Pod goes, unless it has to be `kept`.
    pub(in crate::registry) fn write(&self, node: &str, kept: bool) -> Write {
        let key = key(node);
        if self.taken.is_empty() && !kept {
            return Write::Delete { key };
        }
        let taken = self.taken.iter();
        let taken: Map<String, Value> = taken
            .map(|(name, amount)| (name.clone(), amount.to_string().into()))
            .collect();
        Write::Put {
            key,
            value: Value::from(taken).to_string().into(),
            lease: 0,
        }
    }
}

/// The amounts in a ledger.
pub(super) fn read(value: &[u8]) -> Amounts {
    let value: Value = serde_json::from_slice(value).unwrap_or_default();
    amounts(Some(&value))
}

/// What of a node Pods can have. `None`: it has not said.
pub(super) fn allocatable(node: &Object) -> Option<Amounts> {
    // A node is large, and this is read for each Pod that gets one: the rest of it is not looked at.
    let stated = node.find(&["status", "allocatable"])?;
    let is_said = stated.as_object().is_some_and(|stated| !stated.is_empty());
    is_said.then(|| amounts(Some(&stated)))
}

/// What a node lacks for a Pod, in the scheduler's words. A node that has not said what it has lacks
/// nothing; one that has, has nothing of what it did not name.
pub(in crate::registry) fn lacking(node: &Object, taken: &Amounts, asked: &Amounts) -> Vec<String> {
    let Some(allocatable) = allocatable(node) else {
        return Vec::new();
    };
    let none = Quantity::of(0, Format::DecimalSi);
    let lacks = |name: &String, amount: &Quantity| {
        let taken = taken.get(name).copied().unwrap_or(none);
        amount.sign() > 0 && taken + *amount > allocatable.get(name).copied().unwrap_or(none)
    };
    let mut lacking = Vec::new();
    for (name, _) in asked.iter().filter(|(name, amount)| lacks(name, amount)) {
        match name.as_str() {
            PODS => lacking.insert(0, "Too many pods".to_owned()),
            name => lacking.push(format!("Insufficient {name}")),
        }
    }
    lacking
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_lacks_what_it_has_not_or_has_given_away() {
        let node = json!({"status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "3"}}});
        let node = Object::of(node, 1);
        let of = |value: Value| amounts(Some(&value));
        for (taken, asked, expected) in [
            (json!({}), json!({"pods": "1"}), ""),
            (
                json!({"cpu": "1500m", "pods": "1"}),
                json!({"cpu": "500m", "pods": "1"}),
                "",
            ),
            (
                json!({"cpu": "1501m", "pods": "1"}),
                json!({"cpu": "500m", "pods": "1"}),
                "Insufficient cpu",
            ),
            // What is not asked for does not matter, though there is too little of it.
            (
                json!({"cpu": "9", "pods": "1"}),
                json!({"memory": "1Mi", "pods": "1"}),
                "",
            ),
            (
                json!({"memory": "1Gi", "pods": "3"}),
                json!({"a.io/x": "1", "memory": "1", "pods": "1"}),
                "Too many pods, Insufficient a.io/x, Insufficient memory",
            ),
        ] {
            let lacking = lacking(&node, &of(taken.clone()), &of(asked)).join(", ");
            assert_eq!(lacking, expected, "{taken}");
        }
        let asked = of(json!({"cpu": "1", "pods": "1"}));
        for silent in [json!({}), json!({"status": {"allocatable": {}}})] {
            let silent = Object::of(silent, 1);
            assert_eq!(
                lacking(&silent, &Amounts::new(), &asked),
                Vec::<String>::new()
            );
        }
    }

    #[test]
    fn a_ledger_comes_back_as_it_was_written() {
        let mut ledger = Ledger::default();
        let by = amounts(Some(&json!({"cpu": "1500m", "memory": "3Gi", "pods": "2"})));
        ledger.change(&by);
        let Write::Put { key, value, .. } = ledger.write("n", false) else {
            panic!("it is not empty");
        };
        assert_eq!(key, "/keelson/kubernetes/nodes/n");
        assert_eq!(read(&value), by);
        ledger.change(
            &by.into_iter()
                .map(|(name, amount)| (name, amount.negated()))
                .collect(),
        );
        assert!(matches!(ledger.write("n", false), Write::Delete { .. }));
        assert!(matches!(ledger.write("n", true), Write::Put { .. }));
    }
}
