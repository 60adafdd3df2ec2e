//! The Pods that a Pod stands beside: those of its Services and of its owner. They are spread even if
//! nobody said so.

use crate::objects::{Key, Pod};
use crate::runtime::World;
use keelson_apiserver::selector::{LabelSelector, Labels, Operator, Requirement, from_structure};
use keelson_apiserver::status::Path;
use serde_json::Value;
use std::collections::BTreeMap;

/// What selects them; `None`: it stands alone.
pub fn of(world: &World, pod: &Pod) -> Option<LabelSelector> {
    let meta = &pod.metadata;
    let mut wanted: BTreeMap<&str, &str> = BTreeMap::new();
    for service in world.services.in_namespace(&meta.namespace) {
        let selector = service.spec.selector.iter().flatten();
        let mut all = selector.clone();
        let has_some = all.clone().next().is_some();
        if has_some && all.all(|(key, value)| meta.labels.label(key) == Some(value)) {
            wanted.extend(selector.map(|(key, value)| (key.as_str(), value.as_str())));
        }
    }
    let mut requirements = Vec::new();
    if let Some(owner) = meta.controller() {
        let key = Key::new(&meta.namespace, &owner.name);
        match owner.kind.as_str() {
            "ReplicationController" => {
                let owner = world.replication_controllers.get(&key);
                let selector = owner.and_then(|owner| owner.spec.selector.as_object());
                for (key, value) in selector.into_iter().flatten() {
                    requirements.extend(equals(key, value.as_str().unwrap_or_default()));
                }
            }
            "ReplicaSet" => {
                let owner = world.replica_sets.get(&key);
                let own = owner.and_then(|owner| structure(&owner.spec.selector));
                requirements.extend(own.into_iter().flatten());
            }
            _ => {}
        }
    }
    requirements.extend(wanted.iter().filter_map(|(key, value)| equals(key, value)));
    (!requirements.is_empty()).then(|| LabelSelector::new(requirements))
}

fn structure(selector: &Value) -> Option<Vec<Requirement>> {
    let selector = from_structure(Some(selector)).ok()?;
    selector.requirements().map(<[Requirement]>::to_vec)
}

fn equals(key: &str, value: &str) -> Option<Requirement> {
    Requirement::new(key, Operator::Equals, vec![value.to_owned()], &Path::none()).ok()
}
