//! Pods that were told of and not looked into yet.
//!
//! A Pod that is new changes several times within seconds, on every member, and few of its states are ever
//! asked about. Only the last one is read: when a node asks for something, or when enough has come together.

use crate::storage::Object;
use std::collections::HashMap;

/// Pods at most. To read so many takes some 20 ms, which is what a node that asks then waits longer.
const PODS_MAX: usize = 2048;
/// Bytes of all states that came since the last time. States that were overtaken count as well: they may lie
/// in one buffer with some that were not.
const BYTES_MAX: usize = 8 << 20;

/// See the module.
#[derive(Default)]
pub(super) struct Unread {
    pods: HashMap<(String, String), Object>,
    bytes: usize,
}

impl Unread {
    /// Keeps a Pod in place of what it was before.
    pub(super) fn note(&mut self, pod: &Object) {
        self.bytes += pod.stored().len();
        self.pods.insert(place(pod), pod.clone());
    }

    /// The Pod is gone: nobody has to read what it was.
    pub(super) fn forget(&mut self, place: &(String, String)) {
        self.pods.remove(place);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// Whether it is time to read.
    pub(super) fn is_much(&self) -> bool {
        self.pods.len() >= PODS_MAX || self.bytes >= BYTES_MAX
    }

    /// All of them; one state of each. Nothing is left.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Object> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.pods).into_values()
    }
}

/// Namespace and name.
pub(super) fn place(object: &Object) -> (String, String) {
    let text = |field| object.text(&["metadata", field]).unwrap_or_default();
    (text("namespace"), text("name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, node: &str) -> Object {
        Object::of(
            json!({"metadata": {"name": name, "namespace": "ns"}, "spec": {"nodeName": node}}),
            1,
        )
    }

    #[test]
    fn the_last_state_of_each_is_kept_and_none_of_those_that_went() {
        let mut unread = Unread::default();
        for (name, node) in [("a", ""), ("b", ""), ("a", "n"), ("b", "m")] {
            unread.note(&pod(name, node));
        }
        unread.forget(&place(&pod("b", "m")));
        let all: Vec<Object> = unread.take().collect();
        assert_eq!(all, [pod("a", "n")]);
        assert!(unread.is_empty());
    }

    #[test]
    fn many_pods_and_many_states_of_one_are_much() {
        let mut unread = Unread::default();
        for number in 0..PODS_MAX {
            assert!(!unread.is_much());
            unread.note(&pod(&number.to_string(), ""));
        }
        assert!(unread.is_much());
        drop(unread.take());
        for _ in 0..8 {
            assert!(!unread.is_much());
            unread.note(&pod("one", &"n".repeat(BYTES_MAX / 8)));
        }
        assert!(unread.is_much());
    }
}
