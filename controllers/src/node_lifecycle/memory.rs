//! What is known beside the world: who was heard when, how zones are, what users have not been told.

use super::Timings;
use super::health::{Health, is_heartbeat};
use super::plan::{READY, Step, silenced, taints};
use super::zone::Zones;
use crate::objects::{Key, Meta, Node, Pod, condition};
use crate::runtime::{Next, World, seconds};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// When to look again at a node whose Pods stay because too much is down. Changes come by themselves.
const HELD: Duration = Duration::from_secs(5);

/// What is known beside the world. It is made anew for every term.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) health: Health,
    zones: Zones,
    /// Nodes that have come or gone and whose users have not been told.
    news: HashMap<Key, (Meta, bool)>,
}

impl Memory {
    /// The memory of a term that begins: every node has just been heard.
    pub(super) fn of(world: &World) -> Memory {
        let mut memory = Memory::default();
        let now = Instant::now();
        for node in world.nodes.all() {
            memory.health.beat(&node.metadata.name, now);
            memory.zones.add(node);
        }
        memory
    }

    /// The news about a node: its metadata, and whether it has come.
    pub(super) fn news(&mut self, key: &Key) -> Option<(Meta, bool)> {
        self.news.remove(key)
    }

    /// Takes in a change of a node. True: whether everything is down has changed.
    pub(super) fn see(
        &mut self,
        key: &Key,
        before: Option<&Arc<Node>>,
        after: Option<&Arc<Node>>,
    ) -> bool {
        let now = Instant::now();
        match (before, after) {
            (None, Some(after)) => {
                let meta = after.metadata.clone();
                self.news.insert(key.clone(), (meta, true));
                self.health.beat(&key.name, now);
            }
            (Some(before), Some(after)) => {
                let is_another = before.metadata.uid != after.metadata.uid;
                if is_another || is_heartbeat(before, after) {
                    self.health.beat(&key.name, now);
                }
            }
            (Some(before), None) => {
                let meta = before.metadata.clone();
                self.news.insert(key.clone(), (meta, false));
                self.health.forget(&key.name);
            }
            (None, None) => {}
        }
        let was_down = self.zones.is_all_down();
        if let Some(before) = before {
            self.zones.remove(before);
        }
        if let Some(after) = after {
            self.zones.add(after);
        }
        let is_down = self.zones.is_all_down();
        if was_down && !is_down {
            // It may have been us: everybody gets another chance to be heard.
            self.health.beat_all(now);
        }
        was_down != is_down
    }

    /// What is to be done about a node, and when to look again.
    pub(super) fn look(
        &mut self,
        timings: &Timings,
        node: &Node,
        ready_pods: Vec<Arc<Pod>>,
        now_us: i64,
    ) -> (Step, Next) {
        let name = &node.metadata.name;
        let grace = match condition(&node.status.conditions, READY) {
            Some(_) => timings.grace,
            None => timings.startup_grace,
        };
        let (now, at) = (Instant::now(), seconds(now_us));
        let silent = self.health.silence(name, now);
        if silent >= grace
            && let Some(conditions) = silenced(node, &at)
        {
            return (Step::Conditions(conditions), Next::Settled);
        }
        let next = match grace.checked_sub(silent) {
            Some(rest) if !rest.is_zero() => Next::After(rest),
            _ => Next::Settled,
        };
        let is_all_down = self.zones.is_all_down();
        let mut wait = None;
        let taints = taints(node, is_all_down, &at, || {
            match self.zones.permit(node, now, timings) {
                Ok(()) => true,
                Err(pause) => {
                    wait = Some(pause.unwrap_or(HELD));
                    false
                }
            }
        });
        if let Some(taints) = taints {
            return (Step::Taints(taints), next);
        }
        let next = match (wait, next) {
            (Some(wait), Next::After(rest)) => Next::After(wait.min(rest)),
            (Some(wait), Next::Settled) => Next::After(wait),
            (None, next) => next,
        };
        match ready_pods.is_empty() {
            true => (Step::None, next),
            false => (Step::Pods(ready_pods), next),
        }
    }
}
