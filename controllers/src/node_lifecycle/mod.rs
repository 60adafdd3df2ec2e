//! Nodes that are silent are found out, and what is wrong with a node becomes its taints.
//!
//! Watches Nodes, their Leases (namespace `kube-node-lease`) and Pods. Owns, of each Node: the conditions
//! that its kubelet has stopped posting, the taints that stand for conditions, `unschedulable` as a taint.
//! Writes, of Pods on a node that is not ready: the condition `Ready`. It is settled when every node that
//! was silent for the grace period says `Unknown`, taints are what conditions say, and no Pod on a node
//! that is not ready says that it serves. Keys are nodes.
//!
//! L2: a heartbeat is a change of the Lease or of what the kubelet posts, as it is *seen here*, by a clock
//! that only runs forward. The time in the Lease does not matter, so the clocks of nodes do not; whoever
//! comes to lead grants every node a full grace period (L7). The write rests on the node and on the Lease
//! as they were seen: a heartbeat that is in the store and not yet here is not overlooked.
//!
//! L3: a node that is not ready is tainted `NoSchedule` at once; `NoExecute`, which drives its Pods away,
//! comes at a bounded rate per zone, slower or never if much of a zone is down, and never, and back again,
//! if everything is down: then it is probably us.
//!
//! L5: conditions of pressure, a missing network and `spec.unschedulable` are taints, too.
//!
//! | file | what |
//! |---|---|
//! | `memory` | what is known beside the world, and what it means for a node |
//! | `health` | when each node was last heard |
//! | `zone` | how much of each zone is down, and how fast Pods are driven away there |
//! | `plan` | the conditions and taints that a node should have |
//! | `patch` | how they are written |
//!
//! What never happens here: a Pod is deleted (that is `taint_eviction`).

mod health;
mod memory;
pub(crate) mod patch;
mod plan;
mod zone;

use crate::objects::{Key, Node, Pod};
use crate::runtime::{Change, Client, Controller, Entry, Future, Kind, Next, Problem};
use crate::runtime::{Wanted, World, seconds};
use futures::stream::{self, StreamExt};
use memory::Memory;
use parking_lot::Mutex;
use patch::{conditions_patch, pod_patch, taints_patch};
use plan::Step;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Where nodes keep their Leases.
const LEASES: &str = "kube-node-lease";
/// Status writes of Pods that are under way at the same time.
const PODS_AT_ONCE: usize = 64;

/// How patient the controller is. The default is upstream's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timings {
    /// A node that was not heard for so long is not there.
    pub grace: Duration,
    /// The same for a node that has never said anything.
    pub startup_grace: Duration,
    /// Pause between two nodes of a zone whose Pods are driven away.
    pub eviction_pause: Duration,
    /// The same in a large zone of which much is down.
    pub slow_eviction_pause: Duration,
    /// So much of a zone, in percent, is much.
    pub unhealthy_percent: usize,
    /// A zone of more nodes is large. Of a smaller one of which much is down, no Pod is driven away.
    pub large_zone: usize,
}

impl Default for Timings {
    fn default() -> Timings {
        Timings {
            grace: Duration::from_secs(50),
            startup_grace: Duration::from_secs(60),
            eviction_pause: Duration::from_secs(10),
            slow_eviction_pause: Duration::from_secs(100),
            unhealthy_percent: 55,
            large_zone: 50,
        }
    }
}

/// See the module.
pub struct NodeLifecycle {
    timings: Timings,
    memory: Mutex<Memory>,
}

impl NodeLifecycle {
    /// A controller of this patience.
    pub fn new(timings: Timings) -> NodeLifecycle {
        NodeLifecycle {
            timings,
            memory: Mutex::default(),
        }
    }

    /// Tells the users of nodes that one has come or gone.
    fn announce(&self, client: &Client, key: &Key) {
        let Some((meta, has_come)) = self.memory.lock().news(key) else {
            return;
        };
        let name = &meta.name;
        let (reason, what) = match has_come {
            true => (
                "RegisteredNode",
                format!("Registered Node {name} in Controller"),
            ),
            false => (
                "RemovingNode",
                format!("Removing Node {name} from Controller"),
            ),
        };
        let about = client.about(Kind::Node, &meta);
        client.event(about, false, reason, format!("Node {name} event: {what}"));
    }
}

impl Controller for NodeLifecycle {
    fn name(&self) -> &'static str {
        "node-lifecycle-controller"
    }

    fn reports_as(&self) -> &'static str {
        "node-controller"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let key = &change.reference.key;
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        match change.kind {
            Some(Kind::Lease) if &*key.namespace == LEASES => {
                let spec = |entry: Option<&Entry>| {
                    let lease = entry.and_then(Entry::leases)?;
                    Some(lease.spec.clone())
                };
                if after.is_some() && spec(before) != spec(after) {
                    self.memory.lock().health.renew(&key.name, Instant::now());
                }
            }
            Some(Kind::Node) => {
                let node = |entry: Option<&Entry>| entry.and_then(Entry::nodes).cloned();
                let (before, after) = (node(before), node(after));
                wanted.add(key.clone());
                let mut memory = self.memory.lock();
                if memory.see(key, before.as_ref(), after.as_ref()) {
                    let nodes = world.nodes.all();
                    nodes.for_each(|node| wanted.add(node.metadata.key()));
                }
            }
            Some(Kind::Pod) => {
                let pod = after.and_then(Entry::pods).filter(|pod| pod.is_ready());
                let node = pod.map(|pod| Key::cluster(&pod.spec.node_name));
                let found = node.and_then(|node| world.nodes.get(&node));
                if let Some(node) = found.filter(|node| !plan::is_ready(node)) {
                    wanted.add(node.metadata.key());
                }
            }
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        *self.memory.lock() = Memory::of(world);
        let nodes = world.nodes.all();
        nodes.for_each(|node| wanted.add(node.metadata.key()));
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            self.announce(client, key);
            let lease = Key::new(LEASES, &key.name);
            let (node, lease_revision, pods) = {
                let world = client.world();
                let Some(node) = world.nodes.get(key).cloned() else {
                    return Ok(Next::Settled);
                };
                let pods = match plan::is_unready(&node) {
                    true => ready_pods(&world, &key.name),
                    false => Vec::new(),
                };
                let lease = world.leases.get(&lease);
                (node, lease.map_or(0, |lease| lease.metadata.revision), pods)
            };
            let (step, next) = {
                let mut memory = self.memory.lock();
                memory.look(&self.timings, &node, pods, client.now_us())
            };
            match step {
                Step::None => {}
                Step::Conditions(conditions) => {
                    // Not if it has been heard and we have not heard of it.
                    let client = client.resting_on([(Kind::Lease, &lease, lease_revision)]);
                    let patch = conditions_patch(&node.metadata, &conditions);
                    client.patch_status(Kind::Node, key, &patch).await?;
                    if plan::is_ready(&node) {
                        tell_not_ready(&client, &node);
                    }
                }
                Step::Taints(taints) => {
                    let patch = taints_patch(&node.metadata, &taints);
                    client.patch(Kind::Node, key, &patch).await?;
                }
                Step::Pods(pods) => mark_not_ready(client, &node, pods).await?,
            }
            Ok(next)
        })
    }
}

/// Pods on a node that say they serve.
fn ready_pods(world: &World, node: &str) -> Vec<Arc<Pod>> {
    let pods = world.pods_on(node).filter(|pod| pod.is_ready());
    pods.cloned().collect()
}

fn tell_not_ready(client: &Client, node: &Node) {
    let about = client.about(Kind::Node, &node.metadata);
    let name = &node.metadata.name;
    let message = format!("Node {name} status is now: NodeNotReady");
    client.event(about, false, "NodeNotReady", message);
}

/// Pods on a node that is not ready do not serve.
async fn mark_not_ready(client: &Client, node: &Node, pods: Vec<Arc<Pod>>) -> Result<(), Problem> {
    let key = node.metadata.key();
    let client = &client.resting_on([(Kind::Node, &key, node.metadata.revision)]);
    let at = &seconds(client.now_us());
    let marks = pods.into_iter().map(|pod| async move {
        let conditions = plan::unready(&pod.status.conditions, at);
        let patch = pod_patch(&pod.metadata, &conditions);
        let key = pod.metadata.key();
        match client.patch_status(Kind::Pod, &key, &patch).await {
            Ok(_) => {
                let about = client.about(Kind::Pod, &pod.metadata);
                client.event(about, true, "NodeNotReady", "Node is not ready");
                Ok(())
            }
            Err(Problem::Absent) => Ok(()),
            Err(problem) => Err(problem),
        }
    });
    let marked = stream::iter(marks).buffer_unordered(PODS_AT_ONCE);
    let marked: Vec<Result<(), Problem>> = marked.collect().await;
    marked.into_iter().collect()
}

#[cfg(test)]
mod tests;
