//! Who owns whom, over all kinds: what the garbage collector asks.

use super::world::Reference;
use crate::objects::{Key, Meta, OwnerReference};
use keelson_apiserver::resource::Resource;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// An object in the graph: the place of its resource in the store, and its key.
type Place = (Box<str>, Key);

/// What the graph knows of an object.
#[derive(Clone, Debug)]
pub struct Node {
    /// Which object.
    pub reference: Reference,
    /// Its uid.
    pub uid: Box<str>,
    /// Its revision.
    pub revision: u64,
    /// Its owners.
    pub owners: Vec<OwnerReference>,
    /// What must happen before it goes.
    pub finalizers: Vec<String>,
    /// Whether it is going.
    pub is_deleting: bool,
}

/// Objects by uid, and dependents by the uids of their owners.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: HashMap<Place, Node>,
    by_uid: HashMap<Box<str>, Place>,
    dependents: HashMap<Box<str>, BTreeMap<Place, ()>>,
    namespaces: HashMap<Arc<str>, BTreeSet<Place>>,
    /// How many objects each resource has, by its place in the store.
    counts: BTreeMap<Box<str>, (Arc<Resource>, usize)>,
}

impl Node {
    /// The owner of this uid, as it names it.
    pub fn owner(&self, uid: &str) -> Option<&OwnerReference> {
        self.owners.iter().find(|owner| owner.uid == uid)
    }

    /// Whether it has this finalizer.
    pub fn is_held_by(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|held| held == finalizer)
    }
}

impl Graph {
    /// The object of this uid.
    pub fn by_uid(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(self.by_uid.get(uid)?)
    }

    /// The object at this place.
    pub fn at(&self, reference: &Reference) -> Option<&Node> {
        self.nodes.get(&place(reference))
    }

    /// Those that name this uid as an owner.
    pub fn dependents<'g>(&'g self, uid: &str) -> impl Iterator<Item = &'g Node> {
        let places = self.dependents.get(uid).into_iter().flatten();
        places.filter_map(|(place, ())| self.nodes.get(place))
    }

    /// Whether any object names this uid as an owner.
    pub fn has_dependents(&self, uid: &str) -> bool {
        self.dependents.contains_key(uid)
    }

    /// Everything in a namespace, in the order of resources and names.
    pub fn in_namespace<'g>(&'g self, namespace: &str) -> impl Iterator<Item = &'g Node> {
        let places = self.namespaces.get(namespace).into_iter().flatten();
        places.filter_map(|place| self.nodes.get(place))
    }

    /// How many objects there are of each resource of which there was ever one.
    pub fn counts(&self) -> impl Iterator<Item = (&Resource, usize)> {
        let counts = self.counts.values();
        counts.map(|(resource, count)| (&**resource, *count))
    }

    /// All.
    pub fn all(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    fn count(&mut self, reference: &Reference, was_there: bool, is_there: bool) {
        if was_there == is_there {
            return;
        }
        let resource = &reference.resource;
        match self.counts.get_mut(resource.key.as_str()) {
            Some((_, count)) if is_there => *count += 1,
            Some((_, count)) => *count = count.saturating_sub(1),
            None => {
                let count = (resource.clone(), usize::from(is_there));
                self.counts.insert(resource.key.as_str().into(), count);
            }
        }
    }

    /// Takes in an object as it is (`None`: it is gone). Returns what was known of it.
    pub(super) fn see(&mut self, reference: &Reference, meta: Option<&Meta>) -> Option<Node> {
        let place = place(reference);
        let before = self.nodes.remove(&place);
        if let Some(before) = &before {
            self.by_uid.remove(&before.uid);
            for owner in &before.owners {
                if let Some(places) = self.dependents.get_mut(owner.uid.as_str()) {
                    places.remove(&place);
                    if places.is_empty() {
                        self.dependents.remove(owner.uid.as_str());
                    }
                }
            }
        }
        self.count(reference, before.is_some(), meta.is_some());
        let Some(meta) = meta else {
            self.leave(&place);
            return before;
        };
        if before.is_none() && !place.1.namespace.is_empty() {
            let places = self.namespaces.entry(place.1.namespace.clone());
            places.or_default().insert(place.clone());
        }
        let node = Node {
            reference: reference.clone(),
            uid: meta.uid.as_str().into(),
            revision: meta.revision,
            owners: meta.owner_references.clone(),
            finalizers: meta.finalizers.clone(),
            is_deleting: meta.is_deleting(),
        };
        for owner in &node.owners {
            let places = self.dependents.entry(owner.uid.as_str().into());
            places.or_default().insert(place.clone(), ());
        }
        self.by_uid.insert(node.uid.clone(), place.clone());
        self.nodes.insert(place, node);
        before
    }

    fn leave(&mut self, place: &Place) {
        let namespace = &place.1.namespace;
        if let Some(places) = self.namespaces.get_mut(namespace) {
            places.remove(place);
            if places.is_empty() {
                self.namespaces.remove(namespace);
            }
        }
    }
}

fn place(reference: &Reference) -> Place {
    (
        reference.resource.key.as_str().into(),
        reference.key.clone(),
    )
}
