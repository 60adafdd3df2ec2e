//! A DaemonSet, its Pods by node, and the nodes: everything that is decided on.

use super::template::{HASH, node_of, tolerate};
use crate::objects::{DaemonSet, Key, Node, Pod, PodSpec};
use crate::placement::{selects, untolerated};
use crate::pods::{Availability, Belonging, availability, belonging};
use crate::runtime::World;
use keelson_apiserver::selector::{LabelSelector, from_structure};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether a node is one for the DaemonSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It shall run a Pod.
    Runs,
    /// It gets none, but one that is there may stay.
    Keeps,
    /// It shall run none.
    Unfit,
}

/// See the module.
#[derive(Debug)]
pub struct Observed {
    /// The DaemonSet.
    pub set: Arc<DaemonSet>,
    /// All nodes, and how they fit.
    pub nodes: BTreeMap<String, Fit>,
    /// Its Pods by node, those that serve longest first. Not those that have ended and are going.
    pub pods: BTreeMap<String, Vec<Arc<Pod>>>,
    /// Pods that it selects and nobody manages.
    pub orphans: Vec<Arc<Pod>>,
    /// Pods that it manages and selects no more.
    pub strays: Vec<Arc<Pod>>,
    /// Microseconds since 1970.
    pub now_us: i64,
}

/// What a DaemonSet selects. `None`: it says nothing that can be followed.
pub fn selector(set: &DaemonSet) -> Option<LabelSelector> {
    let selector = from_structure(Some(&set.spec.selector)).ok()?;
    let selects = !selector.is_everything() && selector.requirements().is_some();
    selects.then_some(selector)
}

impl Observed {
    /// The DaemonSet of this key. `None`: there is none, or it selects nothing.
    pub fn of(world: &World, key: &Key, now_us: i64) -> Option<Observed> {
        let set = world.daemon_sets.get(key)?.clone();
        let selector = selector(&set)?;
        let spec = pod_spec(&set);
        let nodes = world.nodes.all();
        let nodes = nodes.map(|node| (node.metadata.name.clone(), fit(&spec, node)));
        let mut observed = Observed {
            nodes: nodes.collect(),
            pods: BTreeMap::new(),
            orphans: Vec::new(),
            strays: Vec::new(),
            set,
            now_us,
        };
        let meta = &observed.set.metadata;
        let owned = world.pods.controlled_by(&meta.uid);
        for pod in owned.chain(world.pods.orphans(&key.namespace)) {
            let matches = selector.matches(&pod.metadata.labels);
            match belonging(meta, matches, &pod.metadata) {
                Belonging::Owned if pod.is_finished() && pod.metadata.is_deleting() => {}
                Belonging::Owned => {
                    let node = node_of(pod).unwrap_or_default().to_owned();
                    observed.pods.entry(node).or_default().push(pod.clone());
                }
                Belonging::Strayed => observed.strays.push(pod.clone()),
                Belonging::Orphaned if pod.is_active() => observed.orphans.push(pod.clone()),
                Belonging::Orphaned | Belonging::Foreign => {}
            }
        }
        for pods in observed.pods.values_mut() {
            pods.sort_by_cached_key(|pod| {
                let created = pod.metadata.creation_timestamp.clone();
                (!pod.is_bound(), created, pod.metadata.name.clone())
            });
        }
        Some(observed)
    }

    /// Its Pods on a node.
    pub fn on(&self, node: &str) -> &[Arc<Pod>] {
        self.pods.get(node).map_or(&[], Vec::as_slice)
    }

    /// Nodes that shall run a Pod.
    pub fn wanted(&self) -> impl Iterator<Item = &str> {
        let nodes = self.nodes.iter().filter(|(_, fit)| **fit == Fit::Runs);
        nodes.map(|(name, _)| name.as_str())
    }

    /// The Pod has served long enough.
    pub fn is_available(&self, pod: &Pod) -> bool {
        self.availability(pod) == Availability::Available
    }

    /// Whether a Pod has served long enough.
    pub fn availability(&self, pod: &Pod) -> Availability {
        availability(pod, self.set.spec.min_ready_seconds, self.now_us)
    }
}

/// The Pod is of the template with this hash.
pub fn is_updated(pod: &Pod, hash: &str) -> bool {
    pod.metadata
        .labels
        .get(HASH)
        .is_some_and(|known| known == hash)
}

/// What a Pod of the set wants of its node.
fn pod_spec(set: &DaemonSet) -> PodSpec {
    let mut spec = set.spec.template.get("spec").cloned().unwrap_or_default();
    tolerate(&mut spec);
    // Validation has looked at it.
    serde_json::from_value(spec).unwrap_or_default()
}

fn fit(spec: &PodSpec, node: &Node) -> Fit {
    let is_named = spec.node_name.is_empty() || spec.node_name == node.metadata.name;
    if !is_named || !selects(spec, node) {
        return Fit::Unfit;
    }
    let bears =
        |effects: &[&str]| untolerated(&node.spec.taints, &spec.tolerations, effects).is_none();
    match (bears(&["NoExecute"]), bears(&["NoSchedule"])) {
        (true, true) => Fit::Runs,
        (true, false) => Fit::Keeps,
        (false, _) => Fit::Unfit,
    }
}
