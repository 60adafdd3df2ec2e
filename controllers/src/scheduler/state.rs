//! What the scheduler knows, and what follows from what it hears.

use super::cycle::{Chance, Cycle, set_of};
use super::decide::{Decision, Look, PushOut};
use super::framework::Event;
use super::inbox::Heard;
use super::nominations::Nominations;
use super::pod::PodInfo;
use super::queue::{PluginSet, Queue};
use super::snapshot::{NodeInfo, Table};
use crate::objects::{Key, Node, Pod};
use keelson_apiserver::selector::LabelSelector;
use std::sync::Arc;
use tokio::time::Instant;

/// What came out of a look.
#[derive(Debug)]
pub enum Verdict {
    /// The Pod counts as placed there: bind it.
    Bind(Arc<str>),
    /// No node will do: say why, and make room if there is a way.
    Wait(String, PushOut),
}

/// See the module.
pub struct State {
    /// The nodes.
    pub table: Table,
    /// The Pods that want one.
    pub queue: Queue,
    cycle: Cycle,
    nominations: Nominations,
    /// Plug-ins that a Pod that comes can help.
    helped_by_placing: PluginSet,
}

impl State {
    /// Nothing is known.
    pub fn new(chance: Chance, now: Instant) -> State {
        let cycle = Cycle::new(chance);
        let places = cycle.plugins().iter().enumerate();
        let helped = places.filter(|(_, plugin)| plugin.heeds_placing());
        State {
            table: Table::default(),
            queue: Queue::new(now),
            helped_by_placing: helped.map(|(at, _)| set_of(at)).sum(),
            nominations: Nominations::default(),
            cycle,
        }
    }

    /// Takes in a change.
    pub fn hear(&mut self, heard: Heard, now: Instant) {
        match heard {
            Heard::Pod(before, after) => self.hear_pod(before.as_ref(), after.as_ref(), now),
            Heard::Node(_, Some(after)) => self.see_node(&after, now),
            Heard::Node(Some(before), None) => self.lose_node(&before, now),
            Heard::Node(None, None) => {}
            Heard::Namespace(name, labels) => self.table.put_namespace(&name, labels),
        }
    }

    fn hear_pod(&mut self, before: Option<&Arc<Pod>>, after: Option<&Arc<Pod>>, now: Instant) {
        let Some(pod) = after else {
            if let Some(before) = before {
                let key = before.metadata.key();
                self.queue.remove(&key);
                self.nominations.remove(&key);
                self.lose(&key, now);
            }
            return;
        };
        let info = Arc::new(PodInfo::of(pod));
        if pod.is_bound() {
            self.queue.remove(&info.key);
            self.nominations.remove(&info.key);
            match pod.is_finished() {
                true => self.lose(&info.key, now),
                false => self.see(info, now),
            }
            return;
        }
        let placed = self.table.placed(&info.key);
        let is_assumed = placed.is_some_and(|placed| placed.is_assumed && placed.info.is_same(pod));
        if !is_assumed {
            self.lose(&info.key, now);
        }
        let nominated = |pod: &Arc<Pod>| pod.status.nominated_node_name.clone();
        let was_nominated = before.map(nominated).unwrap_or_default();
        match PodInfo::is_ours(pod) {
            true => {
                match (was_nominated.as_str(), nominated(pod).as_str()) {
                    ("", "") => {}
                    (_, "") => self.nominations.remove(&info.key),
                    (_, node) if !is_assumed => self.nominations.put(&info, node),
                    _ => {}
                }
                let is_gated = !self.may_enter(&info);
                self.queue.put(info, is_gated, self.cycle.plugins(), now);
            }
            // One that is on its way to a node counts there until its binding has failed.
            false => {
                self.queue.remove(&info.key);
                self.nominations.remove(&info.key);
            }
        }
    }

    fn may_enter(&self, info: &PodInfo) -> bool {
        let mut plugins = self.cycle.plugins().iter();
        plugins.all(|plugin| plugin.pre_enqueue(info))
    }

    /// A Pod is seen on its node.
    fn see(&mut self, info: Arc<PodInfo>, now: Instant) {
        let node = info.pod.spec.node_name.clone();
        let before = self.table.place(info.clone(), &node, false);
        let plugins = self.cycle.plugins();
        let before = before.filter(|before| before.info.is_same(&info.pod));
        match before {
            Some(before) if !before.is_assumed => {
                let (old, new) = (&before.info, &info);
                let has_changed = old.requests != new.requests
                    || old.pod.metadata.labels != new.pod.metadata.labels
                    || old.pod.metadata.is_deleting() != new.pod.metadata.is_deleting();
                if has_changed {
                    let event = Event::PodChanged {
                        before: old,
                        after: new,
                    };
                    self.queue.happened(&event, plugins, now);
                }
            }
            _ if self.queue.has_rejected_by(self.helped_by_placing) => {
                let event = Event::PodPlaced(&info);
                self.queue.happened(&event, plugins, now);
            }
            _ => {}
        }
    }

    /// A Pod is on a node no more.
    fn lose(&mut self, key: &Key, now: Instant) {
        if let Some(placed) = self.table.remove(key) {
            let event = Event::PodGone(&placed.info);
            self.queue.happened(&event, self.cycle.plugins(), now);
        }
    }

    fn see_node(&mut self, node: &Node, now: Instant) {
        let after = Arc::new(NodeInfo::of(node));
        let row = self.table.row(&after.name);
        let known = row.and_then(|row| self.table.node(row));
        if known.is_some_and(|known| **known == *after) {
            return;
        }
        let before = self.table.put_node(after.clone());
        let event = match &before {
            Some(before) => Event::NodeChanged {
                before,
                after: &after,
            },
            None => Event::NodeAdded(&after),
        };
        self.queue.happened(&event, self.cycle.plugins(), now);
    }

    fn lose_node(&mut self, node: &Node, now: Instant) {
        if let Some(before) = self.table.remove_node(&node.metadata.name) {
            let event = Event::NodeRemoved(&before);
            self.queue.happened(&event, self.cycle.plugins(), now);
        }
    }

    /// The Pod whose turn it is.
    pub fn next(&mut self, now: Instant) -> Option<Arc<PodInfo>> {
        self.queue.pop(now)
    }

    /// Looks for a node for a Pod whose turn it is. If there is one, the Pod counts as placed.
    pub fn decide(
        &mut self,
        pod: &Arc<PodInfo>,
        group: Option<&LabelSelector>,
        now: Instant,
    ) -> Verdict {
        let look = Look { pod, group };
        match look.decide(&mut self.cycle, &mut self.table, &self.nominations) {
            Decision::Node(row) => {
                let node = self.table.name(row).clone();
                self.nominations.remove(&pod.key);
                self.table.place(pod.clone(), &node, true);
                Verdict::Bind(node)
            }
            Decision::None {
                diagnosis,
                text,
                push_out,
            } => {
                match &push_out {
                    PushOut::Victims { node, .. } => self.nominations.put(pod, node),
                    PushOut::Nobody => self.nominations.remove(&pod.key),
                    PushOut::Wait => {}
                }
                // With no nodes at all, nobody rejected any: any event that brings one helps.
                let by = match diagnosis.plugins {
                    0 => PluginSet::MAX,
                    plugins => plugins,
                };
                self.queue.rejected(pod, by, now);
                Verdict::Wait(text, push_out)
            }
        }
    }

    /// A Pod that counts as placed has not been bound.
    pub fn take_back(&mut self, pod: &PodInfo, now: Instant) {
        let placed = self.table.placed(&pod.key);
        let is_assumed =
            placed.is_some_and(|placed| placed.is_assumed && placed.info.is_same(&pod.pod));
        if is_assumed {
            self.lose(&pod.key, now);
        }
        self.queue.broken(pod, now);
    }
}
