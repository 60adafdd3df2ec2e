//! Which objects have to do with which node, as an index that is fed object by object.

use super::needs::{MIRROR, of_persistent_volume, of_pod};
use super::{NodeGraph, Related};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thing {
    what: Related,
    namespace: Arc<str>,
    name: Box<str>,
}

/// A Pod that has a node.
struct Pod {
    node: Arc<str>,
    /// Of its uid.
    hash: u64,
    needs: Box<[Arc<Thing>]>,
    round: u32,
}

/// A PersistentVolume that is bound.
struct Volume {
    claim: Thing,
    secrets: Box<[Thing]>,
    round: u32,
}

/// Something that names its node itself.
struct Attached {
    node: Arc<str>,
    round: u32,
}

/// Pods, PersistentVolumes, VolumeAttachments and ResourceSlices, by what nodes have to do with them.
///
/// A question is a few look-ups, however many Pods there are. It takes a few hundred bytes per Pod: what a
/// Pod refers to is kept once for all Pods, with the nodes on which it is needed, and how often. The order
/// in which objects of different kinds come does not matter.
#[derive(Default)]
pub struct Graph {
    pods: HashMap<Thing, Pod>,
    /// On which nodes something is needed, and by how many Pods there.
    needed: HashMap<Arc<Thing>, HashMap<Arc<str>, u32>>,
    volumes: HashMap<Box<str>, Volume>,
    /// Volumes by their Secrets.
    behind: HashMap<Thing, HashSet<Box<str>>>,
    attached: HashMap<Thing, Attached>,
    /// Names of nodes and namespaces, each kept once.
    names: HashSet<Arc<str>>,
    round: u32,
}

impl Graph {
    /// All objects of a kind are about to be told. Answers with what [`complete`](Graph::complete) wants.
    pub fn begin(&mut self) -> u32 {
        self.round = self.round.wrapping_add(1);
        self.round
    }

    /// All objects of a kind have been told since `round` began: what was not among them is gone.
    pub fn complete(&mut self, what: Related, round: u32) {
        // Numbers come round after four thousand million lists.
        let is_old = |of: u32| of.wrapping_sub(round) > u32::MAX / 2;
        let mut old: Vec<(String, String)> = Vec::new();
        let place = |thing: &Thing| (thing.namespace.to_string(), thing.name.to_string());
        match what {
            Related::Pod => {
                let gone = self.pods.iter().filter(|(_, pod)| is_old(pod.round));
                old.extend(gone.map(|(thing, _)| place(thing)));
            }
            Related::PersistentVolume => {
                let gone = self.volumes.iter();
                let gone = gone.filter(|(_, volume)| is_old(volume.round));
                old.extend(gone.map(|(name, _)| (String::new(), name.to_string())));
            }
            _ => {
                let gone = self.attached.iter();
                let gone = gone.filter(|(thing, one)| thing.what == what && is_old(one.round));
                old.extend(gone.map(|(thing, _)| place(thing)));
            }
        }
        for (namespace, name) in old {
            self.remove(what, &namespace, &name);
        }
    }

    /// Whether this Pod is known already, on this node. What it needs does not change then, unless it has
    /// resource claims or containers that were put in later. Counts as having been told of it.
    pub fn is_known(&mut self, namespace: &str, name: &str, uid: &str, node: &str) -> bool {
        let round = self.round;
        let known = self.pods.get_mut(&thing(Related::Pod, namespace, name));
        known.is_some_and(|pod| {
            let is_same = &*pod.node == node && pod.hash == hash(uid);
            pod.round = if is_same { round } else { pod.round };
            is_same
        })
    }

    /// Takes in an object of a kind, new or changed. Other kinds than the four are nobody's.
    pub fn put(&mut self, what: Related, object: &Value) {
        let metadata = &object["metadata"];
        let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
        self.remove(what, namespace, name);
        let node = text(&object["spec"]["nodeName"]);
        match what {
            Related::PersistentVolume => self.put_volume(name, object),
            // It is nobody's yet.
            _ if node.is_empty() => {}
            Related::Pod => self.put_pod(namespace, name, object),
            Related::VolumeAttachment | Related::ResourceSlice => {
                let (node, round) = (self.name(node), self.round);
                let thing = self.thing(what, namespace, name);
                self.attached.insert(thing, Attached { node, round });
            }
            _ => {}
        }
    }

    /// It is gone.
    pub fn remove(&mut self, what: Related, namespace: &str, name: &str) {
        match what {
            Related::Pod => self.remove_pod(namespace, name),
            Related::PersistentVolume => self.remove_volume(name),
            _ => {
                let gone = self.attached.remove_entry(&thing(what, namespace, name));
                if let Some((place, gone)) = gone {
                    self.release(gone.node);
                    self.release(place.namespace);
                }
            }
        }
    }

    fn put_pod(&mut self, namespace: &str, name: &str, object: &Value) {
        let node = self.name(text(&object["spec"]["nodeName"]));
        // What a node says by itself gives it no rights.
        let is_mirror = object["metadata"]["annotations"].get(MIRROR).is_some();
        let named = match is_mirror {
            true => Default::default(),
            false => of_pod(object),
        };
        let mut needs = Vec::with_capacity(named.len());
        for (what, name) in named {
            let thing = self.thing(what, namespace, &name);
            let thing = match self.needed.get_key_value(&thing) {
                Some((known, _)) => known.clone(),
                None => Arc::new(thing),
            };
            let nodes = self.needed.entry(thing.clone()).or_default();
            *nodes.entry(node.clone()).or_default() += 1;
            needs.push(thing);
        }
        let pod = Pod {
            node,
            hash: hash(text(&object["metadata"]["uid"])),
            needs: needs.into(),
            round: self.round,
        };
        let thing = self.thing(Related::Pod, namespace, name);
        self.pods.insert(thing, pod);
    }

    fn remove_pod(&mut self, namespace: &str, name: &str) {
        let place = thing(Related::Pod, namespace, name);
        let Some((place, pod)) = self.pods.remove_entry(&place) else {
            return;
        };
        for need in &pod.needs {
            let Some(nodes) = self.needed.get_mut(need) else {
                continue;
            };
            if let Some(count) = nodes.get_mut(&pod.node) {
                *count -= 1;
                if *count == 0 {
                    nodes.remove(&pod.node);
                }
            }
            if nodes.is_empty() {
                self.needed.remove(need);
            }
        }
        drop(pod.needs);
        self.release(pod.node);
        self.release(place.namespace);
    }

    fn put_volume(&mut self, name: &str, object: &Value) {
        let Some(of) = of_persistent_volume(object) else {
            return;
        };
        let (namespace, claim) = &of.claim;
        let claim = self.thing(Related::PersistentVolumeClaim, namespace, claim);
        let secrets: Vec<Thing> = of
            .secrets
            .iter()
            .map(|(namespace, name)| self.thing(Related::Secret, namespace, name))
            .collect();
        for secret in &secrets {
            let volumes = self.behind.entry(secret.clone()).or_default();
            volumes.insert(name.into());
        }
        let volume = Volume {
            claim,
            secrets: secrets.into(),
            round: self.round,
        };
        self.volumes.insert(name.into(), volume);
    }

    fn remove_volume(&mut self, name: &str) {
        let Some(volume) = self.volumes.remove(name) else {
            return;
        };
        for secret in volume.secrets {
            if let Some(volumes) = self.behind.get_mut(&secret) {
                volumes.remove(name);
                if volumes.is_empty() {
                    self.behind.remove(&secret);
                }
            }
            self.release(secret.namespace);
        }
        self.release(volume.claim.namespace);
    }

    fn is_needed(&self, thing: &Thing, node: &str) -> bool {
        let nodes = self.needed.get(thing);
        nodes.is_some_and(|nodes| nodes.contains_key(node))
    }

    fn thing(&mut self, what: Related, namespace: &str, name: &str) -> Thing {
        Thing {
            what,
            namespace: self.name(namespace),
            name: name.into(),
        }
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let new: Arc<str> = name.into();
        self.names.insert(new.clone());
        new
    }

    /// Forgets a name that nobody else has.
    fn release(&mut self, name: Arc<str>) {
        if Arc::strong_count(&name) == 2 {
            self.names.remove(&name);
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.pods.is_empty()
            && self.needed.is_empty()
            && self.volumes.is_empty()
            && self.behind.is_empty()
            && self.attached.is_empty()
            && self.names.is_empty()
    }
}

impl NodeGraph for Graph {
    fn is_related(&self, node: &str, what: Related, namespace: &str, name: &str) -> bool {
        let asked = thing(what, namespace, name);
        let reads = |volume: &str| {
            let volume = self.volumes.get(volume);
            volume.is_some_and(|volume| self.is_needed(&volume.claim, node))
        };
        match what {
            Related::Pod => self.pods.get(&asked).is_some_and(|pod| &*pod.node == node),
            Related::VolumeAttachment | Related::ResourceSlice => {
                let one = self.attached.get(&asked);
                one.is_some_and(|one| &*one.node == node)
            }
            Related::PersistentVolume => reads(name),
            Related::Secret => {
                let mut volumes = self.behind.get(&asked).into_iter().flatten();
                self.is_needed(&asked, node) || volumes.any(|volume| reads(volume))
            }
            Related::ConfigMap
            | Related::ServiceAccount
            | Related::PersistentVolumeClaim
            | Related::ResourceClaim => self.is_needed(&asked, node),
        }
    }
}

fn thing(what: Related, namespace: &str, name: &str) -> Thing {
    Thing {
        what,
        namespace: namespace.into(),
        name: name.into(),
    }
}

fn hash(uid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    hasher.finish()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
