//! What quotas count: how much there may be, and how much there is.
//!
//! Watches ResourceQuotas, and in their namespaces everything that goes, Pods that end, Services and claims.
//! Owns nothing. Writes the status of quotas. It is settled when `hard` is what the spec says and `used` is
//! what the objects use; since deletions are not charged, that is counted anew after each, and every five
//! minutes. Keys are quotas.
//!
//! Rule Q1: there is never more than is allowed. Whatever is created is charged by admission, in one
//! transaction with the quota. A count is as of one revision, and its write rests on the quota as of that
//! revision: had anything been charged since, the quota would be another, and it is counted anew. What a
//! quota has not counted before is not charged to it, and may be on its way while the first count is made.
//! So a quota first says what it is about, with nothing said to be used, which lets nothing in; and is
//! counted after that. Both together are a moment.
//!
//! In five parts: `snapshot` takes what is needed out of the world, `count` counts it, `plan` is the status.

use crate::objects::{Key, Pod, ResourceQuota, ResourceQuotaStatus, Service};
use crate::runtime::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};
use futures::StreamExt;
use keelson_apiserver::admission::QuotaCount;
use keelson_apiserver::registry::Target;
use keelson_apiserver::request::{ListOptions, ListRead};
use keelson_apiserver::resource::{Catalog, Resource, Scope, Verb};
use keelson_apiserver::selector::{FieldSelector, LabelSelector};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Everything is counted anew so often.
const EVERY: Duration = Duration::from_secs(300);
/// Between something that goes and the count: what goes with it is counted with it.
const SOON: Duration = Duration::from_millis(100);

/// See the module.
pub struct ResourceQuotas;

impl Controller for ResourceQuotas {
    fn name(&self) -> &'static str {
        "resourcequota"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let key = &change.reference.key;
        if change.kind == Some(Kind::ResourceQuota) && change.after.is_some() {
            wanted.add(key.clone());
        }
        if !key.namespace.is_empty() && may_use_less(change) {
            for quota in world.resource_quotas.in_namespace(&key.namespace) {
                wanted.add_after(quota.metadata.key(), SOON);
            }
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for quota in world.resource_quotas.all() {
            wanted.add(quota.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let Some(seen) = snapshot(&client.world(), key) else {
                return Ok(Next::Settled);
            };
            if seen.quota.metadata.revision > seen.revision {
                // The world is being read anew, and has not all that has been charged.
                return Ok(Next::After(SOON));
            }
            let used = count(client, &seen).await?;
            let status = plan(&seen.quota, used);
            if status != seen.quota.status {
                write(client, &seen.quota, &status).await?;
            }
            Ok(Next::After(EVERY))
        })
    }
}

/// Whether less may be used after a change, so that a count finds room.
fn may_use_less(change: &Change) -> bool {
    let resource = &change.reference.resource;
    let has_ended =
        |entry: &crate::runtime::Entry| entry.pods().is_some_and(|pod| pod.is_finished());
    match (&change.before, &change.after) {
        (_, None) => true,
        (Some(before), Some(after)) if change.kind == Some(Kind::Pod) => {
            has_ended(after) && !has_ended(before)
        }
        (_, Some(_)) => {
            resource.gvk.group.is_empty()
                && matches!(
                    resource.plural.as_str(),
                    "services" | "persistentvolumeclaims"
                )
                && change.was.is_some()
        }
    }
}

/// What there is in the namespace of a quota as of one revision.
struct Snapshot {
    revision: u64,
    quota: Arc<ResourceQuota>,
    pods: Vec<Arc<Pod>>,
    services: Vec<Arc<Service>>,
    /// How many objects there are, by place in the store.
    counts: HashMap<String, u64>,
}

fn snapshot(world: &World, key: &Key) -> Option<Snapshot> {
    let quota = world.resource_quotas.get(key)?.clone();
    let namespace = &key.namespace;
    let mut counts: HashMap<String, u64> = HashMap::new();
    for node in world.graph.in_namespace(namespace) {
        let place = node.reference.resource.key.as_str();
        match counts.get_mut(place) {
            Some(count) => *count += 1,
            None => drop(counts.insert(place.to_owned(), 1)),
        }
    }
    Some(Snapshot {
        revision: world.revision(),
        quota,
        pods: world.pods.in_namespace(namespace).cloned().collect(),
        services: world.services.in_namespace(namespace).cloned().collect(),
        counts,
    })
}

/// Resources that quotas can count. Events come and go too fast.
fn countable(catalog: &Catalog) -> impl Iterator<Item = &Resource> {
    catalog.all().iter().filter(|row| {
        row.scope == Scope::Namespaced && row.can(Verb::List) && row.plural != "events"
    })
}

/// What is used of all that the quota is about.
async fn count(client: &Client, seen: &Snapshot) -> Result<Map<String, Value>, Problem> {
    let mut count = QuotaCount::new(&seen.quota.spec);
    // A resource counts once, in however many versions it is served.
    let mut done: Vec<(&str, &str)> = Vec::new();
    for row in countable(&client.ground().catalog) {
        let (group, plural) = (row.gvk.group.as_str(), row.plural.as_str());
        if done.contains(&(group, plural)) || !count.begin(group, plural) {
            continue;
        }
        done.push((group, plural));
        match (group, plural) {
            ("", "pods") => {
                for pod in &seen.pods {
                    count.add(group, plural, &pod_as_stored(pod));
                }
            }
            ("", "services") => {
                for service in &seen.services {
                    count.add(group, plural, &service_as_stored(service));
                }
            }
            ("", "persistentvolumeclaims") => {
                let namespace = &seen.quota.metadata.namespace;
                for claim in list(client, row, namespace).await? {
                    count.add(group, plural, &claim);
                }
            }
            _ => {
                for _ in 0..seen.counts.get(&row.key).copied().unwrap_or(0) {
                    count.add(group, plural, &Value::Null);
                }
            }
        }
    }
    Ok(count.used())
}

/// All objects of a resource in a namespace, out of the store: the world does not keep their content.
async fn list(client: &Client, row: &Resource, namespace: &str) -> Result<Vec<Value>, Problem> {
    let target = Target {
        resource: Arc::new(row.clone()),
        namespace: namespace.to_owned(),
        name: String::new(),
        subresource: String::new(),
    };
    let options = ListOptions {
        labels: LabelSelector::everything(),
        fields: FieldSelector::everything(),
        limit: None,
        read: ListRead::Latest,
        timeout: None,
    };
    let mut list = client.ground().registry.list(&target, &options).await?;
    let mut found = Vec::new();
    while let Some(piece) = list.pieces.next().await {
        found.extend(piece?.iter().filter_map(|object| object.value()));
    }
    Ok(found)
}

/// What a count looks at in a Pod, where it looks for it.
fn pod_as_stored(pod: &Pod) -> Value {
    let resources = |resources: &crate::objects::Resources| json!({"requests": resources.requests, "limits": resources.limits});
    let containers = |containers: &[crate::objects::Container]| -> Vec<Value> {
        let each = containers.iter().map(|container| {
            json!({
                "name": container.name,
                "restartPolicy": container.restart_policy,
                "resources": resources(&container.resources),
            })
        });
        each.collect()
    };
    let spec = &pod.spec;
    json!({
        "spec": {
            "containers": containers(&spec.containers),
            "initContainers": containers(&spec.init_containers),
            "overhead": spec.overhead,
            "resources": spec.resources.as_ref().map(resources),
            "activeDeadlineSeconds": spec.active_deadline_seconds,
            "priorityClassName": spec.priority_class_name,
            "affinity": spec.affinity,
        },
        "status": {"phase": pod.status.phase},
    })
}

/// What a count looks at in a Service, where it looks for it.
fn service_as_stored(service: &Service) -> Value {
    let ports = service.spec.ports.iter();
    let ports: Vec<Value> = ports
        .map(|port| json!({"nodePort": port.node_port}))
        .collect();
    json!({"spec": {
        "type": service.spec.r#type,
        "ports": ports,
        "allocateLoadBalancerNodePorts": service.spec.allocate_load_balancer_node_ports,
    }})
}

/// The status that a quota gets: what it is about and, if it has been about it before, what is used.
fn plan(quota: &ResourceQuota, counted: Map<String, Value>) -> ResourceQuotaStatus {
    let hard = quota.spec.get("hard").and_then(Value::as_object);
    let hard = hard.cloned().unwrap_or_default();
    let before = &quota.status;
    let is_new = |name: &String| !before.hard.contains_key(name);
    let used = match counted.keys().any(is_new) {
        false => counted,
        true => {
            let known = before.used.clone().into_iter();
            known
                .filter(|(name, _)| !is_new(name) && counted.contains_key(name))
                .collect()
        }
    };
    ResourceQuotaStatus { hard, used }
}

async fn write(
    client: &Client,
    quota: &ResourceQuota,
    status: &ResourceQuotaStatus,
) -> Result<(), Problem> {
    let before = &quota.status;
    let patch = json!({
        "metadata": {
            "uid": quota.metadata.uid,
            "resourceVersion": quota.metadata.revision.to_string(),
        },
        "status": {
            "hard": replacing(&before.hard, &status.hard),
            "used": replacing(&before.used, &status.used),
        },
    });
    let key = quota.metadata.key();
    match client.patch_status(Kind::ResourceQuota, &key, &patch).await {
        Ok(_) | Err(Problem::Absent) => Ok(()),
        Err(problem) => Err(problem),
    }
}

/// A patch that makes one map another.
fn replacing(before: &Map<String, Value>, now: &Map<String, Value>) -> Map<String, Value> {
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    let gone = gone.map(|name| (name.clone(), Value::Null));
    gone.chain(now.clone()).collect()
}

#[cfg(test)]
mod tests;
