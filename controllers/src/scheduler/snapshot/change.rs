//! What comes, changes and goes.

use super::{NodeInfo, Row, Table};
use crate::objects::Key;
use crate::scheduler::pod::PodInfo;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A Pod that has a node.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The Pod.
    pub info: Arc<PodInfo>,
    /// The row of its node.
    pub row: Row,
    /// Its node has been chosen, and nobody has seen it there yet.
    pub is_assumed: bool,
}

impl Table {
    /// A node is there, or has changed. Returns what it was.
    pub fn put_node(&mut self, node: Arc<NodeInfo>) -> Option<Arc<NodeInfo>> {
        let row = self.row_for(&node.name);
        let before = self.nodes[row].take();
        let is_same_place = before
            .as_ref()
            .is_some_and(|before| before.labels == node.labels);
        self.columns
            .set_allocatable(row, &node.allocatable, node.pods_max);
        self.unschedulable[row] = node.is_unschedulable;
        self.hard_tainted[row] = node.hard_taints().next().is_some();
        self.soft_tainted[row] = node.soft_taints().next().is_some();
        let old = before.as_ref().map_or(&[][..], |before| &before.images);
        if old != node.images {
            let old = old.to_vec();
            self.forget_images(row, &old);
            self.learn_images(row, &node.images);
        }
        self.nodes[row] = Some(node);
        if !is_same_place {
            self.moved();
        }
        before
    }

    /// A node is gone. The Pods on it stay known for when it comes back.
    pub fn remove_node(&mut self, name: &str) -> Option<Arc<NodeInfo>> {
        let row = self.row(name)?;
        let before = self.nodes[row].take()?;
        self.forget_images(row, &before.images);
        self.moved();
        self.leave(row);
        Some(before)
    }

    /// A Pod is on a node: seen there, or (`is_assumed`) about to be. Returns where it was.
    pub fn place(&mut self, info: Arc<PodInfo>, node: &str, is_assumed: bool) -> Option<Placed> {
        let before = self.remove(&info.key);
        let row = self.row_for(node);
        self.see(&info, row, 1);
        self.on[row].insert(info.key.clone());
        let key = info.key.clone();
        let placed = Placed {
            info,
            row,
            is_assumed,
        };
        self.placed.insert(key, placed);
        before
    }

    /// A Pod is on no node any more. Returns where it was.
    pub fn remove(&mut self, key: &Key) -> Option<Placed> {
        let placed = self.placed.remove(key)?;
        self.see(&placed.info, placed.row, -1);
        self.on[placed.row].remove(key);
        self.leave(placed.row);
        Some(placed)
    }

    /// A namespace has these labels; `None`: it is gone.
    pub fn put_namespace(&mut self, name: &str, labels: Option<BTreeMap<String, String>>) {
        match labels {
            Some(labels) => self.namespaces.insert(name.to_owned(), labels),
            None => self.namespaces.remove(name),
        };
    }

    fn see(&mut self, info: &PodInfo, row: Row, sign: i64) {
        match sign > 0 && !info.affinities.is_empty() {
            true => self.saying.insert(info.key.clone()),
            false => self.saying.remove(&info.key),
        };
        self.columns.see(row, info, sign);
        self.counters.see(info, row, sign);
        let ports = &mut self.ports[row];
        let count = self.priorities.entry(info.priority).or_default();
        if sign > 0 {
            ports.extend(info.ports.iter().cloned());
            *count += 1;
            return;
        }
        for port in &info.ports {
            if let Some(at) = ports.iter().position(|one| one == port) {
                ports.swap_remove(at);
            }
        }
        *count -= 1;
        if *count == 0 {
            self.priorities.remove(&info.priority);
        }
    }

    /// The row of a name, which gets one if it has none.
    fn row_for(&mut self, name: &str) -> Row {
        if let Some(row) = self.rows.get(name) {
            return *row;
        }
        let name: Arc<str> = name.into();
        let row = match self.unused.pop() {
            Some(row) => row,
            None => self.add_row(),
        };
        self.names[row] = name.clone();
        self.rows.insert(name, row);
        row
    }

    fn add_row(&mut self) -> Row {
        let row = self.names.len();
        self.names.push("".into());
        self.nodes.push(None);
        self.columns.grow(row + 1);
        self.unschedulable.push(false);
        self.hard_tainted.push(false);
        self.soft_tainted.push(false);
        self.ports.push(Vec::new());
        self.on.push(BTreeSet::new());
        self.counters.grow(row + 1);
        row
    }

    /// Gives the row back if neither a node nor a Pod is in it.
    fn leave(&mut self, row: Row) {
        if self.nodes[row].is_none() && self.on[row].is_empty() {
            self.rows.remove(&self.names[row]);
            self.unused.push(row);
        }
    }
}
