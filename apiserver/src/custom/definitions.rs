//! All definitions there are, and what is served because of them.

use super::definition::resources;
use crate::resource::{Catalog, Resource};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// A definition as it was last seen.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The object.
    pub value: Arc<Value>,
    /// Its revision.
    pub revision: u64,
    /// What is served of it: one row for each version, none if it is not established.
    pub rows: Vec<Resource>,
    /// The version in which its objects lie in the store, whether that is served or not.
    pub stored: Option<Resource>,
}

/// The definitions, by name, over what is built in.
#[derive(Clone, Debug)]
pub struct Definitions {
    builtin: Arc<Catalog>,
    known: BTreeMap<String, Definition>,
}

impl Definitions {
    /// None yet.
    pub fn new(builtin: Arc<Catalog>) -> Definitions {
        Definitions {
            builtin,
            known: BTreeMap::new(),
        }
    }

    /// What is built in.
    pub fn builtin(&self) -> &Arc<Catalog> {
        &self.builtin
    }

    /// All, by name.
    pub fn all(&self) -> impl Iterator<Item = &Definition> {
        self.known.values()
    }

    /// The definition of this name.
    pub fn get(&self, name: &str) -> Option<&Definition> {
        self.known.get(name)
    }

    /// Takes in a definition. What has not changed but for its metadata keeps its rows.
    pub fn put(&mut self, name: &str, value: Value, revision: u64) {
        let same = self.known.get(name).filter(|known| {
            let parts = ["spec", "status"];
            parts.iter().all(|part| known.value[*part] == value[*part])
        });
        let (rows, stored) = match same {
            Some(known) => (known.rows.clone(), known.stored.clone()),
            None => {
                let (rows, stored) = resources(&value);
                (self.told_apart(rows), stored.filter(|row| self.is_new(row)))
            }
        };
        let definition = Definition {
            value: Arc::new(value),
            revision,
            rows,
            stored,
        };
        self.known.insert(name.to_owned(), definition);
    }

    /// Forgets a definition.
    pub fn remove(&mut self, name: &str) {
        self.known.remove(name);
    }

    /// Forgets all definitions but these.
    pub fn retain(&mut self, names: &HashSet<String>) {
        self.known.retain(|name, _| names.contains(name));
    }

    /// What is served: the built-in resources, in their order, and behind them the others. Names are told
    /// apart before a definition is established; if two had got the same nevertheless, the first in the
    /// order of names is served.
    pub fn catalog(&self) -> Catalog {
        let versions = self.builtin.groups().iter().flat_map(|group| {
            let versions = group.versions.iter();
            versions.flat_map(|version| self.builtin.of_version(&group.name, version))
        });
        let mut all: Vec<Resource> = versions.cloned().collect();
        let mut seen = HashSet::new();
        for row in self.known.values().flat_map(|one| one.rows.iter()) {
            let gvk = &row.gvk;
            let plural = (&gvk.group, &gvk.version, &row.plural, true);
            let kind = (&gvk.group, &gvk.version, &gvk.kind, false);
            if seen.insert(plural) && seen.insert(kind) {
                all.push(row.clone());
            }
        }
        Catalog::new(all).unwrap_or_else(|error| {
            tracing::error!(%error, "custom resources are not served");
            (*self.builtin).clone()
        })
    }

    fn told_apart(&self, mut rows: Vec<Resource>) -> Vec<Resource> {
        rows.retain(|row| self.is_new(row));
        rows
    }

    /// Whether nothing that is built in has its place: a group and version is served by one of both.
    fn is_new(&self, row: &Resource) -> bool {
        let of_version = self.builtin.of_version(&row.gvk.group, &row.gvk.version);
        of_version.is_empty() && self.builtin.all().iter().all(|one| one.key != row.key)
    }
}
