//! Who owns whom, over all kinds: what the garbage collector asks.

use super::world::Reference;
use crate::objects::{Key, Meta, OwnerReference};
use std::collections::{BTreeMap, HashMap};

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

    /// All.
    pub fn all(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    pub(super) fn see(&mut self, reference: &Reference, meta: Option<&Meta>) {
        let place = place(reference);
        if let Some(before) = self.nodes.remove(&place) {
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
        let Some(meta) = meta else { return };
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
    }
}

fn place(reference: &Reference) -> Place {
    (
        reference.resource.key.as_str().into(),
        reference.key.clone(),
    )
}
