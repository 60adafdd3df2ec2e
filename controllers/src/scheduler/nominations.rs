//! Pods for which room is being made, and where. Until they are there, Pods of no higher priority find
//! the room taken.

use super::pod::PodInfo;
use super::snapshot::Table;
use crate::objects::Key;
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub struct Nominations(BTreeMap<Key, (Arc<PodInfo>, Arc<str>)>);

impl Nominations {
    /// Room is made for a Pod on a node.
    pub fn put(&mut self, pod: &Arc<PodInfo>, node: &str) {
        self.0.insert(pod.key.clone(), (pod.clone(), node.into()));
    }

    /// No room is made for a Pod any more.
    pub fn remove(&mut self, key: &Key) {
        self.0.remove(key);
    }

    /// The node where room is made for a Pod.
    pub fn node(&self, key: &Key) -> Option<&str> {
        self.0.get(key).map(|(_, node)| &**node)
    }

    /// Counts those that a Pod must leave room for as placed. Returns them, to be removed again.
    pub fn place(&self, pod: &PodInfo, table: &mut Table) -> Vec<Key> {
        let mut placed = Vec::new();
        for (key, (other, node)) in &self.0 {
            let is_in_the_way = *key != pod.key && other.priority >= pod.priority;
            if is_in_the_way && table.row(node).is_some() && table.placed(key).is_none() {
                table.place(other.clone(), node, true);
                placed.push(key.clone());
            }
        }
        placed
    }
}
