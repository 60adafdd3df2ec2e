//! How many Pods there should be: the sum of what the owners of the Pods want, each once.
//!
//! The owner of a Pod that a ReplicaSet of a Deployment manages is the Deployment: while it replaces Pods,
//! the sets want more than there should be.

use crate::objects::{Key, OwnerReference, Pod};
use crate::runtime::{Client, Problem, World};
use keelson_apiserver::registry::Target;
use keelson_apiserver::schema::Gvk;
use keelson_apiserver::status::GroupResource;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An owner, as far as it can be told without asking.
enum Owner {
    /// It has this uid, and wants so many.
    Known(String, i32),
    /// It must be asked.
    Asked,
    /// It is not there.
    Gone,
}

/// How many Pods the owners of these want, or why that cannot be told. Pods that nobody manages do not
/// count.
///
/// # Errors
/// The store's.
pub(super) async fn of_owners(
    client: &Client,
    pods: &[Arc<Pod>],
) -> Result<Result<i32, String>, Problem> {
    let mut wanted: BTreeMap<String, i32> = BTreeMap::new();
    // Owners are asked once, however many Pods they have.
    let mut seen: Vec<&str> = Vec::new();
    for pod in pods {
        let Some(reference) = pod.metadata.controller() else {
            continue;
        };
        if seen.contains(&reference.uid.as_str()) {
            continue;
        }
        seen.push(&reference.uid);
        let namespace = &pod.metadata.namespace;
        let known = owner(&client.world(), namespace, reference);
        let found = match known {
            Owner::Known(uid, number) => Some((uid, number)),
            Owner::Gone => None,
            Owner::Asked => match ask(client, namespace, reference).await? {
                Ok(found) => found,
                Err(why) => return Ok(Err(why)),
            },
        };
        match found {
            Some((uid, number)) => drop(wanted.insert(uid, number)),
            None => {
                let name = &pod.metadata.name;
                return Ok(Err(format!("found no controllers for pod {name:?}")));
            }
        }
    }
    let sum = wanted
        .values()
        .map(|number| i64::from(*number))
        .sum::<i64>();
    Ok(Ok(i32::try_from(sum).unwrap_or(i32::MAX)))
}

fn owner(world: &World, namespace: &str, reference: &OwnerReference) -> Owner {
    let key = Key::new(namespace, &reference.name);
    let group = group(&reference.api_version);
    let set = match (group, reference.kind.as_str()) {
        ("", "ReplicationController") => world.replication_controllers.get(&key),
        ("apps", "ReplicaSet") => world.replica_sets.get(&key),
        _ => return Owner::Asked,
    };
    let Some(set) = set.filter(|set| set.metadata.uid == reference.uid) else {
        return Owner::Gone;
    };
    let own = Owner::Known(reference.uid.clone(), set.spec.replicas.unwrap_or(1));
    let above = set.metadata.controller();
    let above = above.filter(|above| (group, above.kind.as_str()) == ("apps", "Deployment"));
    let Some(above) = above else {
        return own;
    };
    let deployment = world.deployments.get(&Key::new(namespace, &above.name));
    match deployment.filter(|deployment| deployment.metadata.uid == above.uid) {
        Some(deployment) => Owner::Known(above.uid.clone(), deployment.spec.replicas.unwrap_or(1)),
        None => own,
    }
}

/// What the `scale` of an owner says: its uid and its number. `None`: it is not there.
async fn ask(
    client: &Client,
    namespace: &str,
    reference: &OwnerReference,
) -> Result<Result<Option<(String, i32)>, String>, Problem> {
    let catalog = client.ground().served();
    let gvk = Gvk {
        group: group(&reference.api_version).to_owned(),
        version: reference
            .api_version
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned(),
        kind: reference.kind.clone(),
    };
    let Some(row) = catalog.of_kind(&gvk) else {
        let (kind, version) = (&reference.kind, &reference.api_version);
        return Ok(Err(format!(
            "no matches for kind {kind:?} in version {version:?}"
        )));
    };
    if row.subresource("scale").is_none() {
        let named = GroupResource::new(&row.gvk.group, &row.plural);
        return Ok(Err(format!(
            "{named} does not implement the scale subresource"
        )));
    }
    let target = Target {
        resource: Arc::new(row.clone()),
        namespace: namespace.to_owned(),
        name: reference.name.clone(),
        subresource: "scale".to_owned(),
    };
    let scale = match client.get_at(&target).await {
        Ok(scale) if scale["metadata"]["uid"] == reference.uid.as_str() => scale,
        Ok(_) | Err(Problem::Absent) => return Ok(Ok(None)),
        Err(problem) => return Err(problem),
    };
    let number = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    Ok(Ok(Some((reference.uid.clone(), number))))
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
