//! What there is in the namespace of a quota, and how much of it the quota counts.

use crate::objects::{Container, Key, Pod, ResourceQuota, Resources, Service};
use crate::runtime::{Client, Problem, World};
use futures::StreamExt;
use keelson_apiserver::admission::QuotaCount;
use keelson_apiserver::registry::Target;
use keelson_apiserver::request::{ListOptions, ListRead};
use keelson_apiserver::resource::{Catalog, Resource, Scope, Verb};
use keelson_apiserver::selector::{FieldSelector, LabelSelector};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// What there is in the namespace of a quota as of one revision.
pub(super) struct Snapshot {
    pub(super) revision: u64,
    pub(super) quota: Arc<ResourceQuota>,
    pods: Vec<Arc<Pod>>,
    services: Vec<Arc<Service>>,
    /// How many objects there are, by place in the store.
    counts: HashMap<String, u64>,
}

/// What there is in the namespace of this quota; `None`: the quota is gone.
pub(super) fn snapshot(world: &World, key: &Key) -> Option<Snapshot> {
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
///
/// # Errors
/// The store's.
pub(super) async fn count(client: &Client, seen: &Snapshot) -> Result<Map<String, Value>, Problem> {
    let mut count = QuotaCount::new(&seen.quota.spec);
    // A resource counts once, in however many versions it is served.
    let mut done: Vec<(&str, &str)> = Vec::new();
    let catalog = client.ground().served();
    for row in countable(&catalog) {
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
    let resources =
        |resources: &Resources| json!({"requests": resources.requests, "limits": resources.limits});
    let containers = |containers: &[Container]| -> Vec<Value> {
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
