//! What is served, kept current: the built-in resources, and those of CustomResourceDefinitions.

use super::follow::{Told, follow};
use crate::custom::{Definitions, rows};
use crate::registry::{Registry, Target};
use crate::request::{GetOptions, GetRead};
use crate::resource::{Catalog, Resource};
use crate::status::{Failure, Reason};
use crate::storage::Object;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::watch;

const GROUP: &str = "apiextensions.k8s.io";
const PLURAL: &str = "customresourcedefinitions";
/// A catalog that follows the definitions in the registry. Copies are the same catalog.
#[derive(Clone)]
pub struct KeptCatalog {
    builtin: Arc<Catalog>,
    shown: Arc<watch::Sender<Arc<Catalog>>>,
    pub(super) known: Arc<Mutex<Definitions>>,
    /// Counts changes of any definition.
    pub(super) changes: Arc<watch::Sender<u64>>,
}

impl KeptCatalog {
    /// Begins with what is built in, and has nothing else until it is kept.
    pub fn new(builtin: Arc<Catalog>) -> KeptCatalog {
        KeptCatalog {
            shown: Arc::new(watch::Sender::new(builtin.clone())),
            known: Arc::new(Mutex::new(Definitions::new(builtin.clone()))),
            builtin,
            changes: Arc::new(watch::Sender::new(0)),
        }
    }

    /// What is served, and whatever it becomes.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Catalog>> {
        self.shown.subscribe()
    }

    /// Follows the definitions for as long as it is polled, and calls with every catalog that is new.
    /// Failures are tried again without end; meanwhile the last state counts.
    pub async fn keep(&self, registry: &Registry, serve: impl Fn(Arc<Catalog>)) {
        let Some(target) = self.target("", "") else {
            return;
        };
        // The names of those that are there, while all are told.
        let mut named: Option<HashSet<String>> = None;
        let take = |told: Told<'_>| {
            let is_news = match told {
                Told::Began => {
                    named = Some(HashSet::new());
                    false
                }
                Told::Here(object) => match (self.put(object), &mut named) {
                    (name, Some(named)) => {
                        named.extend(name);
                        false
                    }
                    (name, None) => name.is_some(),
                },
                Told::Gone(object) => self.remove(object),
                Told::Complete => {
                    if let Some(named) = named.take() {
                        self.known.lock().retain(&named);
                    }
                    true
                }
                Told::Lost => {
                    named = None;
                    false
                }
            };
            if is_news {
                self.show(&serve);
            }
        };
        follow(registry, target.resource, take).await;
    }

    /// A definition, or all of them.
    pub(super) fn target(&self, name: &str, subresource: &str) -> Option<Target> {
        let row = self.builtin.find(GROUP, "v1", PLURAL)?;
        Some(Target {
            resource: Arc::new(row.clone()),
            namespace: String::new(),
            name: name.to_owned(),
            subresource: subresource.to_owned(),
        })
    }

    /// Takes in a definition. Returns its name, if it is one.
    fn put(&self, object: &Object) -> Option<String> {
        let value = object.value()?;
        let name = name(&value)?;
        self.known.lock().put(&name, value, object.revision());
        Some(name)
    }

    /// Forgets a definition. Whether it was one.
    fn remove(&self, object: &Object) -> bool {
        let name = object.value().as_ref().and_then(name);
        name.map(|name| self.known.lock().remove(&name)).is_some()
    }

    /// Shows what is known, if that is served otherwise than what was shown.
    fn show(&self, serve: &impl Fn(Arc<Catalog>)) {
        let catalog = self.known.lock().catalog();
        let is_new = self.shown.borrow().all() != catalog.all();
        if is_new {
            let catalog = Arc::new(catalog);
            self.shown.send_replace(catalog.clone());
            serve(catalog);
        }
        self.changes.send_modify(|count| *count += 1);
    }
}

fn name(definition: &Value) -> Option<String> {
    let name = definition["metadata"]["name"].as_str();
    name.map(str::to_owned)
}

/// The row of a resource whose definition was established a moment ago, so that it is not known here yet.
///
/// # Errors
/// The store's.
pub(super) async fn look_up(
    registry: &Registry,
    catalog: &Catalog,
    (group, version, plural): (&str, &str, &str),
) -> Result<Option<Resource>, Failure> {
    let row = catalog.find(GROUP, "v1", PLURAL);
    let Some(row) = row.filter(|_| {
        group.contains('.')
            && catalog
                .of_version(group, version)
                .iter()
                .all(|row| row.custom.is_some())
    }) else {
        return Ok(None);
    };
    let target = Target {
        resource: Arc::new(row.clone()),
        namespace: String::new(),
        name: format!("{plural}.{group}"),
        subresource: String::new(),
    };
    let options = GetOptions {
        read: GetRead::Latest,
    };
    let found = match registry.get(&target, &options).await {
        Ok(found) => found.value(),
        Err(failure) if failure.reason == Reason::NotFound => None,
        Err(failure) => return Err(failure),
    };
    let rows = found.as_ref().map(rows).unwrap_or_default();
    Ok(rows.into_iter().find(|row| row.gvk.version == version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::registry_over;
    use crate::resource::builtin;
    use crate::storage::{Keys, Kv, MemoryKv, Txn, Write};
    use serde_json::json;

    fn definition(plural: &str) -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.z.io")},
            "spec": {
                "group": "z.io", "scope": "Namespaced",
                "names": {"plural": plural, "singular": plural, "kind": plural, "listKind": format!("{plural}List")},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object"}}}],
            },
            "status": {
                "acceptedNames": {"plural": plural, "singular": plural, "kind": plural, "listKind": format!("{plural}List")},
                "conditions": [{"type": "Established", "status": "True"}],
                "storedVersions": ["v1"],
            },
        })
    }

    async fn write(kv: &MemoryKv, plural: &str, object: Option<Value>) {
        let row = builtin().find(GROUP, "v1", PLURAL).expect("a row");
        let key = Keys::one(row, "", &format!("{plural}.z.io"));
        let write = match object {
            Some(object) => Write::Put {
                key,
                value: Object::of(object, 0).stored().clone(),
                lease: 0,
            },
            None => Write::Delete { key },
        };
        let txn = Txn {
            writes: vec![write],
            ..Txn::default()
        };
        kv.txn(txn).await.expect("it is written");
    }

    fn served(catalog: &Catalog) -> Vec<&str> {
        let own = catalog.all().iter().filter(|row| row.gvk.group == "z.io");
        own.map(|row| row.plural.as_str()).collect()
    }

    #[tokio::test]
    async fn what_was_defined_while_nobody_followed_is_served_and_what_went_is_not() {
        let kv = Arc::new(MemoryKv::new());
        let registry = registry_over(kv.clone());
        let kept = KeptCatalog::new(Arc::new(builtin().clone()));
        let mut shown = kept.subscribe();
        for (before, wanted) in [
            (vec![("apes", true), ("bees", true)], vec!["apes", "bees"]),
            (vec![("apes", false), ("cats", true)], vec!["bees", "cats"]),
        ] {
            for (plural, is_there) in before {
                write(&kv, plural, is_there.then(|| definition(plural))).await;
            }
            let long = std::time::Duration::from_secs(30);
            let is_right = shown.wait_for(|catalog| served(catalog) == wanted);
            tokio::select! {
                () = kept.keep(&registry, |_| {}) => unreachable!(),
                seen = tokio::time::timeout(long, is_right) => {
                    seen.expect("it is served in time").expect("somebody shows it");
                }
            }
        }
        // And while somebody does.
        let is_right = shown.wait_for(|catalog| served(catalog) == ["cats", "dogs"]);
        let changing = async {
            write(&kv, "dogs", Some(definition("dogs"))).await;
            write(&kv, "bees", None).await;
            is_right.await.expect("somebody shows it");
        };
        tokio::select! {
            () = kept.keep(&registry, |_| {}) => unreachable!(),
            () = changing => {}
        }
    }
}
