//! The objects of one kind, found by name, by namespace and by the owner that manages them.

use crate::objects::{Key, Meta};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Stands for the manager of what nobody manages: no object has this uid.
const NOBODY: &str = "";

/// What a [`Store`] holds.
pub trait Kept {
    /// Its metadata.
    fn meta(&self) -> &Meta;
}

/// See the module.
#[derive(Debug)]
pub struct Store<T> {
    objects: BTreeMap<Key, Arc<T>>,
    controlled: HashMap<Box<str>, BTreeSet<Key>>,
}

impl<T> Default for Store<T> {
    fn default() -> Store<T> {
        Store {
            objects: BTreeMap::new(),
            controlled: HashMap::new(),
        }
    }
}

impl<T: Kept> Store<T> {
    /// The object of this key.
    pub fn get(&self, key: &Key) -> Option<&Arc<T>> {
        self.objects.get(key)
    }

    /// All, in the order of keys.
    pub fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.objects.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Those of a namespace, in the order of names.
    pub fn in_namespace<'s>(&'s self, namespace: &'s str) -> impl Iterator<Item = &'s Arc<T>> {
        let first = Key::new(namespace, "");
        let of_it = self.objects.range(first..);
        of_it
            .take_while(move |(key, _)| &*key.namespace == namespace)
            .map(|(_, object)| object)
    }

    /// Those that the object of this uid manages, in the order of keys.
    pub fn controlled_by<'s>(&'s self, uid: &str) -> impl Iterator<Item = &'s Arc<T>> {
        let keys = self.controlled.get(uid).into_iter().flatten();
        keys.filter_map(|key| self.objects.get(key))
    }

    /// Those of a namespace that nobody manages, in the order of names.
    pub fn orphans<'s>(&'s self, namespace: &'s str) -> impl Iterator<Item = &'s Arc<T>> {
        let first = Key::new(namespace, "");
        let keys = self.controlled.get(NOBODY).map(|keys| keys.range(first..));
        let of_it = keys.into_iter().flatten();
        of_it
            .take_while(move |key| &*key.namespace == namespace)
            .filter_map(|key| self.objects.get(key))
    }

    /// Puts an object in its place. Returns what was there.
    pub(super) fn put(&mut self, key: &Key, object: Arc<T>) -> Option<Arc<T>> {
        let before = self.objects.insert(key.clone(), object.clone());
        let earlier = before.as_deref().map(manager);
        let now = manager(&*object);
        if earlier != Some(now) {
            if let Some(earlier) = earlier {
                self.release(earlier, key);
            }
            let owned = self.controlled.entry(now.into()).or_default();
            owned.insert(key.clone());
        }
        before
    }

    /// Takes an object away.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<T>> {
        let before = self.objects.remove(key)?;
        self.release(manager(&*before), key);
        Some(before)
    }

    fn release(&mut self, uid: &str, key: &Key) {
        if let Some(owned) = self.controlled.get_mut(uid) {
            owned.remove(key);
            if owned.is_empty() {
                self.controlled.remove(uid);
            }
        }
    }
}

/// The uid of the object that manages this one.
fn manager<T: Kept>(object: &T) -> &str {
    let owner = object.meta().controller();
    owner.map_or(NOBODY, |owner| &owner.uid)
}
