//! What was heard and not yet looked at: whoever tells must not wait for a decision.

use crate::objects::{Node, Pod};
use crate::runtime::{Change, Kind};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// A change of a Pod or a Node.
#[derive(Debug)]
pub enum Heard {
    /// A Pod: as it was, as it is.
    Pod(Option<Arc<Pod>>, Option<Arc<Pod>>),
    /// A Node: as it was, as it is.
    Node(Option<Arc<Node>>, Option<Arc<Node>>),
    /// The labels of a namespace; `None`: it is gone.
    Namespace(String, Option<BTreeMap<String, String>>),
}

impl Heard {
    /// What is of interest in a change.
    pub fn of(change: &Change) -> Option<Heard> {
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        if change.kind == Some(Kind::Namespace) {
            let name = change.reference.key.name.to_string();
            let labels = after.map(|after| after.meta().labels.clone());
            return Some(Heard::Namespace(name, labels));
        }
        let pods = (
            before.and_then(|entry| entry.pods().cloned()),
            after.and_then(|entry| entry.pods().cloned()),
        );
        let nodes = (
            before.and_then(|entry| entry.nodes().cloned()),
            after.and_then(|entry| entry.nodes().cloned()),
        );
        match (pods, nodes) {
            ((None, None), (None, None)) => None,
            ((None, None), (before, after)) => Some(Heard::Node(before, after)),
            ((before, after), _) => Some(Heard::Pod(before, after)),
        }
    }
}

/// See the module. It is emptied before every decision, so it holds what changed during one.
#[derive(Debug, Default)]
pub struct Inbox {
    heard: Mutex<Vec<Heard>>,
    wake: Notify,
}

impl Inbox {
    /// Something was heard.
    pub fn push(&self, heard: Heard) {
        self.heard.lock().push(heard);
        self.wake.notify_one();
    }

    /// Everything that was heard since the last time, in order.
    pub fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock())
    }

    /// Returns when something has been heard since the last time.
    pub async fn wait(&self) {
        self.wake.notified().await;
    }
}
