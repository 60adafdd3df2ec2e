//! A stand-in for scheduler and kubelets: binds every Pod, says that it runs and serves, and lets Pods go
//! that are to go.

use super::{Cluster, body, options};
use crate::objects::{Key, Pod};
use crate::runtime::{Ground, Kind, seconds};
use keelson_apiserver::registry::{Caller, Target};
use keelson_apiserver::request::{DeleteOptions, PatchOptions, PatchType, Preconditions};
use keelson_apiserver::status::Failure;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The nodes that Pods are bound to, in turn, unless a Pod has one already. There need not be such Nodes.
pub const NODES: [&str; 3] = ["node-0", "node-1", "node-2"];

/// Stops what it stands for when it is told to; forgetting it changes nothing.
#[derive(Clone, Default)]
pub struct Pause(Arc<AtomicBool>);

impl Pause {
    /// From now on nothing happens to Pods by itself, or everything again with the next change.
    pub fn set(&self, is_paused: bool) {
        self.0.store(is_paused, Ordering::SeqCst);
    }
}

impl Cluster {
    /// From now on, in the background: every Pod gets a node, runs, serves, and goes when it is deleted.
    pub fn run_pods(&self) -> Pause {
        let pause = Pause::default();
        let kubelet = Kubelet {
            ground: self.ground.clone(),
            caller: self.caller.clone(),
            pause: pause.clone(),
        };
        tokio::spawn(async move { kubelet.run().await });
        pause
    }

    /// Says, as its kubelet would, that a Pod that has a node runs and whether it serves.
    pub async fn mark_pod(&self, key: &str, is_ready: bool) {
        let status = running(is_ready, self.ground.clock.now_us());
        self.patch(Kind::Pod, key, "status", status).await;
    }

    /// Binds a Pod to a node, as a scheduler would.
    pub async fn bind_pod(&self, key: &str, node: &str) {
        let bound = bind(&self.ground, &self.caller, &super::named(key), node).await;
        bound.unwrap_or_else(|failure| panic!("{key}: not bound: {failure}"));
    }
}

struct Kubelet {
    ground: Arc<Ground>,
    caller: Caller,
    pause: Pause,
}

impl Kubelet {
    async fn run(&self) {
        let mut turn = 0;
        loop {
            let (revision, pods) = {
                let world = self.ground.shared.read();
                let pods = world.pods.all().filter(|pod| !is_settled(pod));
                (world.revision(), pods.cloned().collect::<Vec<_>>())
            };
            for pod in pods {
                if self.pause.0.load(Ordering::SeqCst) {
                    break;
                }
                turn += 1;
                // What fails was changed meanwhile, and is seen again.
                let _ = self.step(&pod, NODES[turn % NODES.len()]).await;
            }
            self.ground.shared.reached(revision + 1).await;
        }
    }

    /// The next thing that happens to a Pod.
    async fn step(&self, pod: &Pod, node: &str) -> Result<(), Failure> {
        let key = pod.metadata.key();
        let (ground, caller) = (&self.ground, &self.caller);
        if pod.metadata.is_deleting() {
            return remove(ground, caller, pod).await;
        }
        if !pod.is_bound() {
            return bind(ground, caller, &key, node).await;
        }
        let mut target = target(ground, &key);
        target.subresource = "status".to_owned();
        let mut status = running(true, ground.clock.now_us());
        status["metadata"] = json!({"uid": pod.metadata.uid});
        let write = PatchOptions {
            write: options(),
            force: false,
        };
        let kind = PatchType::Merge;
        let status = body(&status);
        let patched = ground
            .registry
            .patch(caller, &target, &status, kind, &write);
        patched.await.map(drop)
    }
}

/// Nothing happens to it by itself.
fn is_settled(pod: &Pod) -> bool {
    match pod.metadata.is_deleting() {
        true => !pod.metadata.finalizers.is_empty(),
        false => pod.is_finished() || pod.is_ready() || !pod.spec.scheduling_gates.is_empty(),
    }
}

fn target(ground: &Ground, key: &Key) -> Target {
    Target {
        resource: ground.row(Kind::Pod).clone(),
        namespace: key.namespace.to_string(),
        name: key.name.to_string(),
        subresource: String::new(),
    }
}

async fn bind(ground: &Ground, caller: &Caller, key: &Key, node: &str) -> Result<(), Failure> {
    let mut target = target(ground, key);
    target.subresource = "binding".to_owned();
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": *key.name, "namespace": *key.namespace},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    });
    let (registry, binding, options) = (&ground.registry, body(&binding), options());
    let bound = registry.create(caller, &target, &binding, &options);
    bound.await.map(drop)
}

async fn remove(ground: &Ground, caller: &Caller, pod: &Pod) -> Result<(), Failure> {
    let options = DeleteOptions {
        grace_period_seconds: Some(0),
        preconditions: Preconditions {
            uid: Some(pod.metadata.uid.clone()),
            resource_version: None,
        },
        ..DeleteOptions::default()
    };
    let target = target(ground, &pod.metadata.key());
    let removed = ground.registry.delete(caller, &target, &options).await;
    removed.map(drop)
}

fn running(is_ready: bool, now_us: i64) -> Value {
    let now = seconds(now_us);
    let ready = if is_ready { "True" } else { "False" };
    let condition = |name: &str, status: &str| json!({"type": name, "status": status, "lastTransitionTime": now});
    json!({"status": {
        "phase": "Running",
        "startTime": now,
        "hostIP": "10.0.0.1",
        "podIP": "10.244.0.1",
        "podIPs": [{"ip": "10.244.0.1"}],
        "conditions": [
            condition("PodScheduled", "True"),
            condition("Initialized", "True"),
            condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
    }})
}
