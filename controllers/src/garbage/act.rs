//! What the collector writes. All of it rests on the uid and the revision that were looked at.

use super::plan::{Hold, Step};
use crate::objects::{Meta, OwnerReference};
use crate::runtime::{About, Client, Deletion, GraphNode, Problem};
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};

/// Writes of one look that are under way at the same time. The store commits them in groups.
const WRITES_MAX: usize = 64;

/// Takes all steps, even if some do not succeed. Returns the problem that matters most.
///
/// # Errors
/// See [`Problem`].
pub(super) async fn carry_out(
    client: &Client,
    steps: Vec<(GraphNode, Step)>,
) -> Result<(), Problem> {
    let mut writes = stream::iter(steps)
        .map(|(node, step)| take(client.clone(), node, step))
        .buffer_unordered(WRITES_MAX);
    let mut worst = None;
    while let Some(done) = writes.next().await {
        match (done, &worst) {
            (Err(Problem::Fenced), _) => return Err(Problem::Fenced),
            // The runtime has to hear of it: it claims anew.
            (Err(problem @ Problem::Unknown(_)), _) => worst = Some(problem),
            (Err(problem), None) => worst = Some(problem),
            _ => {}
        }
    }
    worst.map_or(Ok(()), Err)
}

async fn take(client: Client, node: GraphNode, step: Step) -> Result<(), Problem> {
    match step {
        Step::Delete(propagation) => {
            let deletion = Deletion {
                uid: Some(&node.uid),
                revision: Some(node.revision),
                propagation: Some(propagation),
                grace_s: None,
            };
            let target = client.target_of(&node.reference);
            client.delete_at(&target, &deletion).await
        }
        Step::Drop(uids) => {
            let owners = node.owners.iter();
            let kept = owners.filter(|owner| !uids.contains(&owner.uid));
            let kept = kept.map(value).collect();
            change(&client, &node, "ownerReferences", kept).await
        }
        Step::Unblock => {
            let owners = node.owners.iter().map(|owner| {
                value(&OwnerReference {
                    block_owner_deletion: Some(false),
                    ..owner.clone()
                })
            });
            let owners = owners.collect();
            change(&client, &node, "ownerReferences", owners).await
        }
    }
}

/// Lets an owner go that has held on to its dependents.
///
/// # Errors
/// See [`Problem`].
pub(super) async fn release(client: &Client, owner: &GraphNode, hold: Hold) -> Result<(), Problem> {
    let finalizers = owner.finalizers.iter();
    let others = finalizers.filter(|finalizer| *finalizer != hold.finalizer());
    let others = others.map(|finalizer| finalizer.as_str().into()).collect();
    change(client, owner, "finalizers", others).await
}

/// Makes a list of the metadata another one.
async fn change(
    client: &Client,
    node: &GraphNode,
    field: &str,
    list: Vec<Value>,
) -> Result<(), Problem> {
    let mut patch = json!({
        "metadata": {"uid": *node.uid, "resourceVersion": node.revision.to_string()},
    });
    patch["metadata"][field] = match list.is_empty() {
        true => Value::Null,
        false => list.into(),
    };
    let target = client.target_of(&node.reference);
    match client.patch_at(&target, &patch).await {
        Ok(_) | Err(Problem::Absent) => Ok(()),
        Err(problem) => Err(problem),
    }
}

fn value(owner: &OwnerReference) -> Value {
    let mut value = json!({
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
    });
    for (field, truth) in [
        ("controller", owner.controller),
        ("blockOwnerDeletion", owner.block_owner_deletion),
    ] {
        if let Some(truth) = truth {
            value[field] = truth.into();
        }
    }
    value
}

/// Says that a dependent names an owner that is in another namespace.
pub(super) fn tell_of_namespace(client: &Client, dependent: &GraphNode, owner: &str) {
    let Some(owner) = dependent.owner(owner) else {
        return;
    };
    let key = &dependent.reference.key;
    let meta = Meta {
        name: key.name.to_string(),
        namespace: key.namespace.to_string(),
        uid: dependent.uid.to_string(),
        ..Meta::default()
    };
    let about = About::of(&dependent.reference.resource, &meta);
    let namespace = &*key.namespace;
    let OwnerReference {
        api_version,
        kind,
        name,
        uid,
        ..
    } = owner;
    let owner = format!("[{api_version}/{kind}, namespace: {namespace}, name: {name}, uid: {uid}]");
    let message = format!("ownerRef {owner} does not exist in namespace {namespace:?}");
    client.event(about, true, "OwnerRefInvalidNamespace", message);
}
