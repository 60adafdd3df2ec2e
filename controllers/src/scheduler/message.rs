//! Why no node will do, in upstream's words.

use super::cycle::{Rejected, set_of};
use super::framework::Rejection;
use super::queue::PluginSet;
use super::snapshot::Row;
use std::collections::BTreeMap;

const NO_NODES: &str = "no nodes available to schedule pods";
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";

/// Who rejected which node.
#[derive(Debug)]
pub struct Diagnosis {
    nodes: usize,
    rejected: Vec<Rejected>,
    /// Nodes that were not tried, and why.
    aside: usize,
    aside_reason: String,
    /// Who rejected a node.
    pub plugins: PluginSet,
}

impl Diagnosis {
    /// Of this many nodes none has been rejected yet.
    pub(super) fn new(nodes: usize) -> Diagnosis {
        Diagnosis {
            nodes,
            rejected: Vec::new(),
            aside: 0,
            aside_reason: String::new(),
            plugins: 0,
        }
    }

    /// The plug-in in this place rejects nodes.
    pub(super) fn add(&mut self, plugin: usize, mut rejected: Vec<Rejected>) {
        if !rejected.is_empty() {
            self.plugins |= set_of(plugin);
            self.rejected.append(&mut rejected);
        }
    }

    /// The plug-in in this place named nodes, of which these are none.
    pub(super) fn set_aside(&mut self, nodes: usize, plugin: usize, name: &str) {
        self.plugins |= set_of(plugin);
        self.aside = nodes;
        self.aside_reason = format!("node(s) didn't satisfy plugin(s) [{name}]");
    }

    /// The nodes that would do if some Pods were not there.
    pub fn resolvable(&self) -> impl Iterator<Item = Row> {
        let resolvable = self.rejected.iter();
        let resolvable = resolvable.filter(|(_, rejection)| rejection.is_resolvable);
        resolvable.map(|(row, _)| *row)
    }

    /// The text of the condition and of the event. `preemption`: why nobody is pushed out.
    pub fn text(&self, preemption: Option<&str>) -> String {
        if self.nodes == 0 {
            return NO_NODES.to_owned();
        }
        let reasons = self.rejected.iter().map(|(_, rejection)| rejection);
        let own = self.unavailable(reasons, self.aside, &self.aside_reason);
        match preemption {
            Some(preemption) => format!("{own} preemption: {preemption}"),
            None => own,
        }
    }

    /// Why nobody is pushed out, if that is what some nodes say. On the others it would not help.
    pub fn preemption(&self, said: &[Rejection]) -> String {
        self.unavailable(said.iter(), self.nodes - said.len(), NOT_HELPFUL)
    }

    /// Reasons counted, sorted as texts.
    fn unavailable<'s>(
        &'s self,
        rejections: impl Iterator<Item = &'s Rejection>,
        others: usize,
        other_reason: &'s str,
    ) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in rejections.flat_map(|rejection| &rejection.reasons) {
            *counts.entry(reason).or_default() += 1;
        }
        if others > 0 {
            *counts.entry(other_reason).or_default() += others;
        }
        let texts = counts.iter();
        let mut texts: Vec<String> = texts
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        texts.sort();
        let texts = texts.join(", ");
        format!("0/{} nodes are available: {texts}.", self.nodes)
    }
}
