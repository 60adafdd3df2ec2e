//! Endpoints say where a Service leads, in one object: the older form of slices, which many still read.
//!
//! Watches Services and Pods. Owns the Endpoints that have the name of a Service with a selector. Writes
//! nothing else. It is settled when those hold the Pods that stand behind the Service: the ready ones, and
//! beside them those that are not; a thousand at most. Keys are Services.
//!
//! Rules V4, V5, O15. That Endpoints without a Service go is left to the end of the Service, so that those
//! which have another use stay.
//!
//! | file | what |
//! |---|---|
//! | `subsets` | addresses and ports, packed as clients expect them |

mod subsets;

#[cfg(test)]
mod tests;

use crate::backends::{LAST_CHANGE, Selectors, has_changed, is_headless, selector, selects, since};
use crate::objects::{Endpoints, Key, Pod, Service};
use crate::runtime::{
    Change, Client, Controller, Deletion, Entry, Future, Kind, Next, Problem, Wanted, World,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";
const HEADLESS: &str = "service.kubernetes.io/headless";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
/// Who is elected by means of Endpoints: those are of no Service.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";

/// See the module.
#[derive(Default)]
pub struct EndpointsController {
    selectors: Selectors,
}

impl Controller for EndpointsController {
    fn name(&self) -> &'static str {
        "endpoint-controller"
    }

    fn reports_as(&self) -> &'static str {
        "endpoint-controller"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        match change.kind {
            Some(Kind::Service) => {
                let service = |entry: Option<&Entry>| entry.and_then(Entry::services).cloned();
                self.selectors
                    .see(service(before).as_deref(), service(after).as_deref());
                wanted.add(change.reference.key.clone());
            }
            Some(Kind::Pod) => {
                let pod = |entry: Option<&Entry>| entry.and_then(Entry::pods).cloned();
                let (before, after) = (pod(before), pod(after));
                let mut found = BTreeSet::new();
                if has_changed(before.as_deref(), after.as_deref()) {
                    for pod in before.iter().chain(&after) {
                        self.selectors.of(world, pod, &mut found);
                    }
                }
                found.into_iter().for_each(|key| wanted.add(key));
            }
            Some(Kind::Endpoints) => {
                let key = &change.reference.key;
                if world.services.get(key).is_some() {
                    wanted.add(key.clone());
                }
            }
            _ => {}
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        self.selectors.begin(world);
        let services = world.services.all().map(|service| service.metadata.key());
        let left = world.endpoints.all().filter(|endpoints| {
            let labels = &endpoints.metadata.labels;
            labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER)
        });
        let all: BTreeSet<Key> = services
            .chain(left.map(|endpoints| endpoints.metadata.key()))
            .collect();
        all.into_iter().for_each(|key| wanted.add(key));
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let (client, step) = {
                let world = client.world();
                let service = world.services.get(key);
                let revision = service.map_or(0, |service| service.metadata.revision);
                let client = client.resting_on([(Kind::Service, key, revision)]);
                (client, plan(&world, key, service.map(|service| &**service)))
            };
            match step {
                Step::Nothing => {}
                Step::Create(object) => {
                    let created = client.create(Kind::Endpoints, &key.namespace, &object);
                    created.await?;
                }
                Step::Change(patch) => drop(client.patch(Kind::Endpoints, key, &patch).await?),
                Step::Delete { uid, revision } => {
                    let deletion = Deletion {
                        uid: Some(&uid),
                        revision: Some(revision),
                        ..Deletion::default()
                    };
                    client.delete(Kind::Endpoints, key, &deletion).await?;
                }
            }
            Ok(Next::Settled)
        })
    }
}

/// What is to be done about the Endpoints of a Service.
#[derive(Debug, PartialEq)]
enum Step {
    Nothing,
    Create(Value),
    Change(Value),
    Delete { uid: String, revision: u64 },
}

fn plan(world: &World, key: &Key, service: Option<&Service>) -> Step {
    let now = world.endpoints.get(key);
    let now = now.filter(|now| !now.metadata.is_deleting());
    let Some(service) = service else {
        return match now {
            Some(now) if !now.metadata.annotations.contains_key(LEADER) => Step::Delete {
                uid: now.metadata.uid.clone(),
                revision: now.metadata.revision,
            },
            _ => Step::Nothing,
        };
    };
    if selector(service).is_none() || service.metadata.is_deleting() {
        return Step::Nothing;
    }
    let pods = world.pods.in_namespace(&key.namespace);
    let pods: Vec<&Arc<Pod>> = pods.filter(|pod| selects(service, pod)).collect();
    let packed = subsets::of(service, &pods);
    let known = now.and_then(|now| now.metadata.annotations.get(LAST_CHANGE));
    let mut wanted = service.metadata.labels.clone();
    wanted.remove(HEADLESS);
    wanted.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    if is_headless(service) {
        wanted.insert(HEADLESS.to_owned(), String::new());
    }
    let since = since(service, &pods, known.map(String::as_str));
    let annotations = json!({
        LAST_CHANGE: since,
        OVER_CAPACITY: packed.is_truncated.then_some("truncated"),
    });
    match now {
        None => Step::Create(json!({
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {
                "name": *key.name,
                "namespace": *key.namespace,
                "labels": wanted,
                "annotations": without_nulls(annotations),
            },
            "subsets": packed.subsets,
        })),
        Some(now) if is_settled(now, &packed) && now.metadata.labels == wanted => Step::Nothing,
        Some(now) => {
            let labels = &now.metadata.labels;
            let gone = labels.keys().filter(|label| !wanted.contains_key(*label));
            let gone: Vec<(String, Value)> =
                gone.map(|label| (label.clone(), Value::Null)).collect();
            let mut labels: Map<String, Value> = wanted
                .into_iter()
                .map(|(label, value)| (label, value.into()))
                .collect();
            labels.extend(gone);
            Step::Change(json!({
                "metadata": {
                    "resourceVersion": now.metadata.revision.to_string(),
                    "labels": labels,
                    "annotations": annotations,
                },
                "subsets": packed.subsets,
            }))
        }
    }
}

fn is_settled(now: &Endpoints, packed: &subsets::Packed) -> bool {
    let is_marked = now.metadata.annotations.contains_key(OVER_CAPACITY);
    now.subsets == packed.subsets && is_marked == packed.is_truncated
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}
