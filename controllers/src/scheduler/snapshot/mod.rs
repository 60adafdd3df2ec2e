//! The nodes and what is on them, as columns: what filters and scores read.
//!
//! A node has a row for as long as it is there, or a Pod is on it. Whole columns of numbers lie one behind
//! the other, so a filter that compares two of them goes through memory and branches once. The table is
//! kept by single changes: a node that comes, changes or goes; a Pod that is placed or taken away. A Pod
//! for which a node has been chosen is placed at once, as *assumed*, and counts until it is seen on a
//! node, its binding failed, or it is gone.
//!
//! | file | what |
//! |---|---|
//! | `node` | a Node as the scheduler sees it |
//! | `columns` | numbers per row |
//! | `change` | what comes, changes and goes |
//! | `order` | in which order nodes are tried |
//! | `count` | Pods of a selector per row; domains of a label per row |
//! | `image` | which rows have which image |
//!
//! What may enter: facts about nodes and placed Pods. What never happens here: a decision, a wait.

mod change;
mod columns;
mod count;
mod image;
mod node;
mod order;
#[cfg(test)]
mod tests;

pub use change::Placed;
pub use columns::Columns;
pub use count::Domains;
pub use image::Image;
pub use node::{HOSTNAME, NodeInfo, ZONE};

use crate::objects::Key;
use crate::scheduler::pod::HostPort;
use count::{Counter, Counters, Topologies};
use keelson_apiserver::selector::LabelSelector;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The number of a node's row.
pub type Row = usize;

/// See the module.
#[derive(Debug, Default)]
pub struct Table {
    rows: HashMap<Arc<str>, Row>,
    names: Vec<Arc<str>>,
    unused: Vec<Row>,
    nodes: Vec<Option<Arc<NodeInfo>>>,
    /// Numbers per row.
    pub columns: Columns,
    /// Whether no new Pods may come, per row.
    pub unschedulable: Vec<bool>,
    /// Whether there are taints that keep Pods away, per row.
    pub hard_tainted: Vec<bool>,
    /// Whether there are taints that Pods would rather avoid, per row.
    pub soft_tainted: Vec<bool>,
    ports: Vec<Vec<HostPort>>,
    on: Vec<BTreeSet<Key>>,
    placed: HashMap<Key, Placed>,
    /// Pods that say something of others.
    saying: BTreeSet<Key>,
    namespaces: HashMap<String, BTreeMap<String, String>>,
    unlabelled: BTreeMap<String, String>,
    priorities: BTreeMap<i32, usize>,
    images: HashMap<String, Image>,
    order: Vec<Row>,
    is_moved: bool,
    counters: Counters,
    topologies: Topologies,
}

impl Table {
    /// The rows of all nodes that are there, in the order in which they are tried, as of the last
    /// [`Table::arrange`].
    pub fn order(&self) -> &[Row] {
        &self.order
    }

    /// The node of a row, if it is there.
    pub fn node(&self, row: Row) -> Option<&Arc<NodeInfo>> {
        self.nodes[row].as_ref()
    }

    /// The row of a node that is there.
    pub fn row(&self, name: &str) -> Option<Row> {
        let row = *self.rows.get(name)?;
        self.nodes[row].is_some().then_some(row)
    }

    /// The name of the node of a row.
    pub fn name(&self, row: Row) -> &Arc<str> {
        &self.names[row]
    }

    /// The ports that are taken on a node.
    pub fn ports(&self, row: Row) -> &[HostPort] {
        &self.ports[row]
    }

    /// The Pods on a node.
    pub fn pods_on(&self, row: Row) -> impl Iterator<Item = &Placed> {
        self.on[row].iter().filter_map(|key| self.placed.get(key))
    }

    /// What is known about a Pod that has a node.
    pub fn placed(&self, key: &Key) -> Option<&Placed> {
        self.placed.get(key)
    }

    /// All Pods that have a node.
    pub fn all_placed(&self) -> impl Iterator<Item = &Placed> {
        self.placed.values()
    }

    /// The Pods that say something of others.
    pub fn pods_with_terms(&self) -> impl Iterator<Item = &Placed> {
        self.saying.iter().filter_map(|key| self.placed.get(key))
    }

    /// The labels of a namespace.
    pub fn namespace(&self, name: &str) -> &BTreeMap<String, String> {
        self.namespaces.get(name).unwrap_or(&self.unlabelled)
    }

    /// The image of a name, if a node has it.
    pub fn image(&self, name: &str) -> Option<&Image> {
        self.images.get(name)
    }

    /// Whether a Pod of a lower priority is on the node.
    pub fn has_lower(&self, row: Row, priority: i32) -> bool {
        let lowest = self.priorities.keys().next();
        lowest.is_some_and(|lowest| *lowest < priority)
            && self.pods_on(row).any(|pod| pod.info.priority < priority)
    }

    /// Counts the Pods of a selector, so that [`Table::counted`] is quick from now on.
    pub fn count(&mut self, namespace: &str, selector: &LabelSelector) {
        if self.counters.has(namespace, selector) {
            return;
        }
        let mut counter = Counter::new(namespace, selector, self.names.len());
        for placed in self.placed.values() {
            counter.see(&placed.info, placed.row, 1);
        }
        self.counters.add(counter);
    }

    /// The Pods of a selector per row, not counting those that are going.
    pub fn counted(&self, namespace: &str, selector: &LabelSelector) -> Option<&[i64]> {
        self.counters.get(namespace, selector)
    }

    /// Numbers the values of a label, so that [`Table::domains`] is quick from now on.
    pub fn divide(&mut self, label: &str) {
        if !self.topologies.has(label) {
            let domains = Domains::of(
                label,
                self.names.len(),
                self.nodes.iter().flatten(),
                |node| self.rows.get(&node.name).copied(),
            );
            self.topologies.add(label, domains);
        }
    }

    /// The domains of a label.
    pub fn domains(&self, label: &str) -> Option<&Domains> {
        self.topologies.get(label)
    }
}
