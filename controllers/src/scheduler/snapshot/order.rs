//! The order in which nodes are tried: one of each zone in turn, so that those that are found first are
//! not all in one.

use super::{Row, Table};
use std::collections::BTreeMap;

impl Table {
    /// Nodes have come, gone or moved.
    pub(super) fn moved(&mut self) {
        self.topologies.clear();
        self.is_moved = true;
    }

    /// Puts the nodes in order, if they are not. Many that come at once are put in order once.
    pub fn arrange(&mut self) {
        if !std::mem::take(&mut self.is_moved) {
            return;
        }
        let mut zones: BTreeMap<(&str, &str), Vec<(&str, Row)>> = BTreeMap::new();
        for (row, node) in self.nodes.iter().enumerate() {
            if let Some(node) = node {
                zones
                    .entry(node.zone())
                    .or_default()
                    .push((&node.name, row));
            }
        }
        let mut zones: Vec<_> = zones.into_values().collect();
        for zone in &mut zones {
            zone.sort_unstable();
        }
        let longest = zones.iter().map(Vec::len).max().unwrap_or_default();
        let order = (0..longest).flat_map(|at| zones.iter().filter_map(move |zone| zone.get(at)));
        self.order = order.map(|(_, row)| *row).collect();
    }
}
