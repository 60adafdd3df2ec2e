//! When each node was last heard, by a clock that only runs forward.

use super::plan::POSTED;
use crate::objects::{Node, condition};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// See the module. One that was never heard counts as heard when it was first seen.
#[derive(Debug, Default)]
pub(super) struct Health {
    heard: HashMap<Box<str>, Instant>,
}

impl Health {
    /// A node is there.
    pub(super) fn beat(&mut self, node: &str, now: Instant) {
        self.heard.insert(node.into(), now);
    }

    /// A node that is known is there. A Lease may come before its node.
    pub(super) fn renew(&mut self, node: &str, now: Instant) {
        if let Some(heard) = self.heard.get_mut(node) {
            *heard = now;
        }
    }

    /// All nodes count as heard now.
    pub(super) fn beat_all(&mut self, now: Instant) {
        self.heard.values_mut().for_each(|heard| *heard = now);
    }

    /// A node is gone.
    pub(super) fn forget(&mut self, node: &str) {
        self.heard.remove(node);
    }

    /// For how long a node has not been heard.
    pub(super) fn silence(&mut self, node: &str, now: Instant) -> Duration {
        let heard = self.heard.entry(node.into()).or_insert(now);
        now.saturating_duration_since(*heard)
    }
}

/// Whether the kubelet has posted between two states of a node. What this controller says in its stead
/// does not count, and neither does what others say.
pub(super) fn is_heartbeat(before: &Node, after: &Node) -> bool {
    POSTED.iter().any(|kind| {
        let now = condition(&after.status.conditions, kind);
        let is_posted = now.is_some_and(|now| !super::plan::is_ours(now));
        is_posted && now != condition(&before.status.conditions, kind)
    })
}
