//! Slices say where a Service leads: which addresses, at which ports, ready or not.
//!
//! Watches Services, Pods, Nodes and its own slices. Owns the slices of a Service that it manages (by label)
//! and that the Service owns (by reference). Writes nothing else. It is settled when, for each family of
//! addresses of the Service and each list of ports, the slices together hold exactly the Pods that stand
//! behind it, at most a hundred in each; and where there is none, one empty slice says so. Keys are
//! Services.
//!
//! Rules V3 (sizes, labels, few slices change), V4 (what is ready), V5 (headless Services, those that are
//! only a name, those without a selector), O15.
//!
//! | file | what |
//! |---|---|
//! | `wanted` | the endpoints of a Service, by family and ports |
//! | `plan` | which slices are made, changed, deleted, so that few are |
//! | `write` | slices as they are written |

mod plan;
mod wanted;
mod write;

#[cfg(test)]
mod tests;

use crate::backends::{Selectors, has_changed, selector};
use crate::objects::{EndpointSlice, Key, Node};
use crate::runtime::{
    Change, Client, Controller, Entry, Future, Kind, Next, Problem, Wanted, World,
};
use futures::stream::{StreamExt, iter};
use plan::{Plan, plan};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whose slices these are.
pub const MANAGER: &str = "endpointslice-controller.k8s.io";
/// The label that says who manages a slice.
pub const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// The label that says which Service a slice is of.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
const ZONE: &str = "topology.kubernetes.io/zone";
/// How many writes of one Service are on their way at the same time.
const WRITES: usize = 16;

/// See the module.
#[derive(Default)]
pub struct EndpointSlices {
    selectors: Selectors,
}

/// The name of the Service of a slice that is managed here.
fn name_of(slice: &EndpointSlice) -> Option<&str> {
    let labels = &slice.metadata.labels;
    let is_ours = labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER);
    let name = labels.get(SERVICE_NAME).filter(|_| is_ours);
    name.map(String::as_str)
}

/// The Service of a slice that is managed here.
fn service_of(slice: &EndpointSlice) -> Option<Key> {
    name_of(slice).map(|name| Key::new(&slice.metadata.namespace, name))
}

fn zone(node: &Node) -> Option<&String> {
    node.metadata
        .labels
        .get(ZONE)
        .filter(|zone| !zone.is_empty())
}

impl EndpointSlices {
    fn of_node(&self, world: &World, change: &Change, found: &mut BTreeSet<Key>) {
        let zone = |entry: &Option<Entry>| {
            let node = entry.as_ref().and_then(Entry::nodes);
            node.map(|node| zone(node).cloned())
        };
        if zone(&change.before) == zone(&change.after) {
            return;
        }
        for pod in world.pods_on(&change.reference.key.name) {
            self.selectors.of(world, pod, found);
        }
    }
}

impl Controller for EndpointSlices {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn reports_as(&self) -> &'static str {
        "endpoint-slice-controller"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let mut found = BTreeSet::new();
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        match change.kind {
            Some(Kind::Service) => {
                let service = |entry: Option<&Entry>| entry.and_then(Entry::services).cloned();
                self.selectors
                    .see(service(before).as_deref(), service(after).as_deref());
                found.insert(change.reference.key.clone());
            }
            Some(Kind::Pod) => {
                let pod = |entry: Option<&Entry>| entry.and_then(Entry::pods).cloned();
                let (before, after) = (pod(before), pod(after));
                if has_changed(before.as_deref(), after.as_deref()) {
                    for pod in before.iter().chain(&after) {
                        self.selectors.of(world, pod, &mut found);
                    }
                }
            }
            Some(Kind::Node) => self.of_node(world, change, &mut found),
            Some(Kind::EndpointSlice) => {
                let slices = change.states().filter_map(Entry::endpoint_slices);
                found.extend(slices.filter_map(|slice| service_of(slice)));
            }
            _ => {}
        }
        found.into_iter().for_each(|key| wanted.add(key));
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        self.selectors.begin(world);
        let services = world.services.all().map(|service| service.metadata.key());
        let slices = world.endpoint_slices.all();
        let all: BTreeSet<Key> = services
            .chain(slices.filter_map(|slice| service_of(slice)))
            .collect();
        all.into_iter().for_each(|key| wanted.add(key));
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let Some((client, plan)) = decide(client, key) else {
                return Ok(Next::Settled);
            };
            let client = &client;
            let creates = plan.create.iter().map(|slice| {
                let write = client.create(Kind::EndpointSlice, &key.namespace, slice);
                Box::pin(async move { write.await.map(drop) }) as Future<'_, _>
            });
            let changes = plan.change.iter().map(|(name, patch)| {
                Box::pin(async move {
                    let written = client.patch(Kind::EndpointSlice, name, patch).await;
                    written.map(drop)
                }) as Future<'_, _>
            });
            let deletes = plan.delete.iter().map(|(name, deletion)| {
                let deletion = deletion.as_deletion();
                Box::pin(async move { client.delete(Kind::EndpointSlice, name, &deletion).await })
                    as Future<'_, _>
            });
            let writes: Vec<Future<'_, Result<(), Problem>>> =
                creates.chain(changes).chain(deletes).collect();
            let done: Vec<_> = iter(writes).buffer_unordered(WRITES).collect().await;
            done.into_iter()
                .collect::<Result<(), Problem>>()
                .map(|()| Next::Settled)
        })
    }
}

/// What is to be done about a Service, and a client that rests on it. `None`: nothing.
fn decide(client: &Client, key: &Key) -> Option<(Client, Plan)> {
    let world = client.world();
    let slices = world.endpoint_slices.in_namespace(&key.namespace);
    let own: Vec<&Arc<EndpointSlice>> = slices
        .filter(|slice| name_of(slice) == Some(&*key.name))
        .filter(|slice| !slice.metadata.is_deleting())
        .collect();
    let service = world.services.get(key);
    let rests = (
        Kind::Service,
        key,
        service.map_or(0, |found| found.metadata.revision),
    );
    let plan = match service {
        Some(service) if service.metadata.is_deleting() => return None,
        Some(service) if selector(service).is_some() => {
            plan(service, &wanted::of(&world, service), &own)
        }
        // Somebody else says where it leads, and may keep what is there.
        Some(service) if service.spec.r#type != "ExternalName" => return None,
        _ => Plan::nothing_left(&own),
    };
    (!plan.is_empty()).then(|| (client.resting_on([rests]), plan))
}
