//! Why no node will do, in upstream's words.

use super::cycle::{Rejected, set_of};
use super::pod::PodInfo;
use super::queue::PluginSet;
use super::snapshot::Table;
use std::collections::BTreeMap;

const NO_NODES: &str = "no nodes available to schedule pods";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NEVER: &str = "not eligible due to preemptionPolicy=Never.";

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

    /// The text of the condition and of the event.
    pub fn text(&self, pod: &PodInfo, table: &Table) -> String {
        if self.nodes == 0 {
            return NO_NODES.to_owned();
        }
        let reasons = self.rejected.iter();
        let reasons =
            reasons.flat_map(|(_, rejection)| rejection.reasons.iter().map(AsRef::as_ref));
        let own = self.unavailable(reasons, self.aside, &self.aside_reason);
        match self.preemption(pod, table) {
            Some(preemption) => format!("{own} preemption: {preemption}"),
            None => own,
        }
    }

    /// Reasons counted, sorted as texts.
    fn unavailable<'s>(
        &'s self,
        reasons: impl Iterator<Item = &'s str>,
        others: usize,
        other_reason: &'s str,
    ) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in reasons {
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

    /// Why nobody is pushed out for the Pod. `None`: on some node there is somebody who could be.
    fn preemption(&self, pod: &PodInfo, table: &Table) -> Option<String> {
        if pod.pod.spec.preemption_policy.as_deref() == Some("Never") {
            return Some(NEVER.to_owned());
        }
        let resolvable = self.rejected.iter();
        let resolvable = resolvable.filter(|(_, rejection)| rejection.is_resolvable);
        let mut count = 0;
        for (row, _) in resolvable {
            if table.has_lower(*row, pod.priority) {
                return None;
            }
            count += 1;
        }
        let victims = std::iter::repeat_n(NO_VICTIMS, count);
        Some(self.unavailable(victims, self.nodes - count, NOT_HELPFUL))
    }
}
