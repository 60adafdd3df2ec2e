//! A namespace that goes takes everything with it, and goes last.
//!
//! Watches Namespaces, and everything in those that are going. Owns nothing. Deletes all that is in such a
//! namespace, says in the namespace's conditions what is left, and takes the finalizer `kubernetes` off it
//! once nothing is. It is settled when no namespace that is going has that finalizer. Keys are namespaces.
//!
//! Nothing is made in a namespace from the revision on at which it began to go: that is a condition of
//! every create. So when the world, which shows that revision, shows nothing in it, nothing it knows of is
//! there and nothing will come. What it does not know of (events, which nobody follows, and what cannot be
//! parsed) the store is asked for, once, at the end.
//!
//! | rule | |
//! |---|---|
//! | N1 | Pods go first and are gone before the rest goes; the finalizer goes when the store has nothing left |
//! | N2 | five conditions say why it takes so long |
//!
//! | file | what |
//! |---|---|
//! | `content` | what is in a namespace, and its deletion |
//! | `conditions` | what is said of it |
//!
//! What may enter: metadata. What never happens here: a list of kinds.

mod conditions;
mod content;
#[cfg(test)]
mod tests;

use crate::objects::{Condition, Key, Namespace};
use crate::runtime::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};
use conditions::Report;
use content::Content;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const FINALIZER: &str = "kubernetes";
/// When what is left is looked at again, unless it changes: mostly it does.
const LEFT: Duration = Duration::from_secs(15);

/// See the module.
pub struct Namespaces;

impl Controller for Namespaces {
    fn name(&self) -> &'static str {
        "namespace"
    }

    fn concerns(&self, world: &World, change: &Change, wanted: &mut Wanted) {
        let key = &change.reference.key;
        let namespace = match (change.kind, key.namespace.is_empty()) {
            (Some(Kind::Namespace), _) => key.clone(),
            (_, false) => Key::cluster(&key.namespace),
            (_, true) => return,
        };
        if going(world, &namespace).is_some() {
            wanted.add(namespace);
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for namespace in world.namespaces.all() {
            let key = namespace.metadata.key();
            if going(world, &key).is_some() {
                wanted.add(key);
            }
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(empty(client, key))
    }
}

/// The namespace, if it is going and we hold it.
fn going<'w>(world: &'w World, key: &Key) -> Option<&'w Arc<Namespace>> {
    world.namespaces.get(key).filter(|namespace| {
        let mut finalizers = namespace.spec.finalizers.iter();
        namespace.metadata.is_deleting() && finalizers.any(|held| held == FINALIZER)
    })
}

async fn empty(client: &Client, key: &Key) -> Result<Next, Problem> {
    let (namespace, content) = {
        let world = client.world();
        let Some(namespace) = going(&world, key) else {
            return Ok(Next::Settled);
        };
        let content = Content::of(&world.graph, &key.name);
        (namespace.clone(), content)
    };
    let mut report = Report::default();
    let is_last = content.is_empty();
    match is_last {
        false => content::delete(client, content.told.clone(), &mut report).await?,
        true => content::delete_unseen(client, &key.name, &mut report).await?,
    }
    if is_last && report.is_empty() {
        finalize(client, &namespace).await?;
        return Ok(Next::Settled);
    }
    if content.told.is_empty() || !report.is_empty() {
        // What has just been told to go is looked at again before it counts as left.
        report.take_in(&content);
        say(client, &namespace, &report).await?;
    }
    Ok(match content.has_more {
        true => Next::After(Duration::ZERO),
        false => Next::After(LEFT),
    })
}

/// Writes the conditions, if they are others than before.
async fn say(client: &Client, namespace: &Namespace, report: &Report) -> Result<(), Problem> {
    let before = &namespace.status.conditions;
    let now = conditions::conditions(before, report, client.now_us());
    if now == *before {
        return Ok(());
    }
    let meta = &namespace.metadata;
    let patch = json!({
        "metadata": {"resourceVersion": meta.revision.to_string()},
        "status": {"conditions": now.iter().map(value).collect::<Vec<Value>>()},
    });
    let key = meta.key();
    let patched = client.patch_status(Kind::Namespace, &key, &patch).await;
    match patched {
        Ok(_) | Err(Problem::Absent) => Ok(()),
        Err(problem) => Err(problem),
    }
}

fn value(condition: &Condition) -> Value {
    json!({
        "type": condition.r#type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": condition.last_transition_time,
    })
}

/// Lets the namespace go, as far as it is ours to do so. Rests on the namespace as it was looked at.
async fn finalize(client: &Client, namespace: &Namespace) -> Result<(), Problem> {
    let key = namespace.metadata.key();
    let mut target = client.target(Kind::Namespace, &key);
    let mut object = match client.get_at(&target).await {
        Ok(object) => object,
        Err(Problem::Absent) => return Ok(()),
        Err(problem) => return Err(problem),
    };
    let revision = namespace.metadata.revision.to_string();
    if object["metadata"]["resourceVersion"] != revision.as_str() {
        return Err(Problem::Stale);
    }
    let finalizers = namespace.spec.finalizers.iter();
    let others: Vec<&String> = finalizers.filter(|held| *held != FINALIZER).collect();
    object["spec"]["finalizers"] = json!(others);
    target.subresource = "finalize".to_owned();
    match client.update_at(&target, &object).await {
        Ok(_) | Err(Problem::Absent) => Ok(()),
        Err(problem) => Err(problem),
    }
}
