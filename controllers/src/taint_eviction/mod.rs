//! Pods that do not bear the taints of their node have to go.
//!
//! Watches Pods and the `NoExecute` taints of Nodes. Owns nothing. Writes the condition
//! `DisruptionTarget` of a Pod, and deletes it. It is settled when no Pod is on a node whose taints it
//! does not bear, or not for so long. Keys are Pods.
//!
//! L4: a Pod that does not tolerate some taint goes at once; one that tolerates all of them, some for a
//! time only, goes after the shortest of those times; if the taints go before, it stays. The condition
//! comes first, so whoever manages the Pod knows why it went.
//!
//! The time runs from the moment when taint and Pod met: when the taint was added, as it says itself, or
//! when the Pod got its node, if that was later. So another leader does not begin anew. A taint that
//! becomes another one while the time runs does not begin it anew either. The deletion rests on the node
//! as it was seen: a taint that is gone by then saves the Pod.
//!
//! | file | what |
//! |---|---|
//! | `plan` | whether and when a Pod has to go |
//!
//! What never happens here: a taint is set (that is `node_lifecycle`).

mod plan;

use crate::node_lifecycle::patch::pod_patch;
use crate::objects::{Key, Node, Pod};
use crate::runtime::{Change, Client, Controller, Deletion, Entry, Future, Kind, Next, Problem};
use crate::runtime::{Wanted, World, seconds};
use parking_lot::Mutex;
use plan::Fate;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Pods that are deleted at the same time.
const WORKERS: usize = 32;
const REASON: &str = "TaintManagerEviction";

/// See the module.
#[derive(Default)]
pub struct TaintEviction {
    /// Since when the time of a Pod runs, by its uid.
    running: Mutex<HashMap<String, i64>>,
}

impl TaintEviction {
    /// A controller that knows of no Pod.
    pub fn new() -> TaintEviction {
        TaintEviction::default()
    }

    /// Since when the time of a Pod runs; from now on if it did not.
    fn since(&self, pod: &Pod, met_us: i64) -> i64 {
        let mut running = self.running.lock();
        *running.entry(pod.metadata.uid.clone()).or_insert(met_us)
    }

    /// The Pod stays. Tells its users if it was to go.
    fn spare(&self, client: &Client, pod: &Pod) {
        let was_running = self.running.lock().remove(&pod.metadata.uid);
        if was_running.is_some() {
            let about = client.about(Kind::Pod, &pod.metadata);
            let message = format!("Cancelling deletion of Pod {}", pod.metadata.key());
            client.event(about, false, REASON, message);
        }
    }

    /// The Pod goes, if node and Pod are as they were seen.
    async fn evict(&self, client: &Client, node: &Node, pod: &Pod) -> Result<(), Problem> {
        let key = pod.metadata.key();
        let node_key = node.metadata.key();
        let client = client.resting_on([(Kind::Node, &node_key, node.metadata.revision)]);
        let mut revision = pod.metadata.revision;
        if let Some(conditions) = plan::disrupted(pod, &seconds(client.now_us())) {
            let patch = pod_patch(&pod.metadata, &conditions);
            let written = client.patch_status(Kind::Pod, &key, &patch).await?;
            let version = written.pointer("/metadata/resourceVersion");
            let version = version.and_then(|version| version.as_str()?.parse().ok());
            revision = version.unwrap_or(revision);
        }
        let deletion = Deletion {
            uid: Some(&pod.metadata.uid),
            revision: Some(revision),
            ..Deletion::default()
        };
        client.delete(Kind::Pod, &key, &deletion).await?;
        let about = client.about(Kind::Pod, &pod.metadata);
        client.event(
            about,
            false,
            REASON,
            format!("Marking for deletion Pod {key}"),
        );
        Ok(())
    }
}

impl Controller for TaintEviction {
    fn name(&self) -> &'static str {
        "taint-eviction-controller"
    }

    fn reports_as(&self) -> &'static str {
        "taint-eviction-controller"
    }

    fn workers(&self) -> usize {
        WORKERS
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        match change.kind {
            Some(Kind::Node) => {
                let of = |entry: Option<&Entry>| {
                    let node = entry.and_then(Entry::nodes);
                    node.map(|node| plan::driving(node).cloned().collect::<Vec<_>>())
                };
                if of(before).unwrap_or_default() != of(after).unwrap_or_default() {
                    let pods = world.pods_on(&change.reference.key.name);
                    pods.for_each(|pod| wanted.add(pod.metadata.key()));
                }
            }
            Some(Kind::Pod) => {
                let before = before.and_then(Entry::pods);
                let after = after.and_then(Entry::pods);
                let gone = before.filter(|before| {
                    after.is_none_or(|after| after.metadata.uid != before.metadata.uid)
                });
                if let Some(gone) = gone {
                    self.running.lock().remove(&gone.metadata.uid);
                }
                if let Some(after) = after.filter(|after| is_driven(world, after)) {
                    wanted.add(after.metadata.key());
                }
            }
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        self.running.lock().clear();
        for node in world.nodes.all() {
            if plan::driving(node).next().is_some() {
                let pods = world.pods_on(&node.metadata.name);
                pods.for_each(|pod| wanted.add(pod.metadata.key()));
            }
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let found = {
                let world = client.world();
                let pod = world.pods.get(key).cloned();
                pod.map(|pod| (node_of(&world, &pod).cloned(), pod))
            };
            let Some((node, pod)) = found.filter(|(_, pod)| !pod.metadata.is_deleting()) else {
                return Ok(Next::Settled);
            };
            let Some(node) = node else {
                self.spare(client, &pod);
                return Ok(Next::Settled);
            };
            let now_us = client.now_us();
            let wait_us = match plan::fate(&pod, &node) {
                Fate::Stays => {
                    self.spare(client, &pod);
                    return Ok(Next::Settled);
                }
                Fate::Goes => 0,
                Fate::After(seconds) => {
                    let since = self.since(
                        &pod,
                        plan::met_us(&pod, &node).unwrap_or(now_us).min(now_us),
                    );
                    since.saturating_add(seconds.saturating_mul(1_000_000)) - now_us
                }
            };
            if let Ok(wait_us @ 1..) = u64::try_from(wait_us) {
                return Ok(Next::After(Duration::from_micros(wait_us)));
            }
            self.evict(client, &node, &pod).await?;
            Ok(Next::Settled)
        })
    }
}

fn node_of<'w>(world: &'w World, pod: &Pod) -> Option<&'w Arc<Node>> {
    let name = Some(&pod.spec.node_name).filter(|name| !name.is_empty())?;
    world.nodes.get(&Key::cluster(name))
}

/// Whether the node of a Pod drives any Pods away.
fn is_driven(world: &World, pod: &Pod) -> bool {
    node_of(world, pod).is_some_and(|node| plan::driving(node).next().is_some())
}

#[cfg(test)]
mod tests;
