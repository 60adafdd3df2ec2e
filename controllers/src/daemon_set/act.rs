//! Carries out what was decided about a DaemonSet. Each write rests on it as it was observed.

use super::failures::Failures;
use super::history::{History, revision};
use super::observe::Observed;
use super::plan::{Cause, Plan, Removal};
use super::status::patch;
use super::template;
use crate::bulk::{both, bulk, growing};
use crate::objects::{ControllerRevision, DaemonSetStatus, Key, Meta};
use crate::pods::{adoption, release};
use crate::runtime::{Client, Deletion, Future, Kind, Problem};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;

type Writes<'a> = Vec<Future<'a, Result<(), Problem>>>;

fn resting(client: &Client, observed: &Observed) -> Client {
    let meta = &observed.set.metadata;
    client.resting_on([(Kind::DaemonSet, &meta.key(), meta.revision)])
}

fn tell(client: &Client, observed: &Observed, is_warning: bool, reason: &str, message: String) {
    let about = client.about(Kind::DaemonSet, &observed.set.metadata);
    client.event(about, is_warning, reason, message);
}

/// Takes in what nobody manages, and lets go what is not selected any more (M4). Returns whether there was
/// anything.
///
/// # Errors
/// See [`Problem`].
pub async fn take_in_and_let_go(
    client: &Client,
    observed: &Observed,
    history: &History,
) -> Result<bool, Problem> {
    let client = resting(client, observed);
    let meta = &observed.set.metadata;
    let owner = meta.owner_reference("apps/v1", "DaemonSet");
    let mut writes: Writes<'_> = Vec::new();
    for pod in &observed.orphans {
        let patch = adoption(&pod.metadata, &owner);
        writes.push(Box::pin(change(&client, Kind::Pod, &pod.metadata, patch)));
    }
    for pod in &observed.strays {
        let patch = release(&pod.metadata, &meta.uid);
        writes.push(Box::pin(change(&client, Kind::Pod, &pod.metadata, patch)));
    }
    for (orphan, patch) in &history.orphans {
        let kind = Kind::ControllerRevision;
        writes.push(Box::pin(change(&client, kind, orphan, patch.clone())));
    }
    let has_any = !writes.is_empty();
    bulk(writes).await?;
    Ok(has_any)
}

async fn change(client: &Client, kind: Kind, meta: &Meta, patch: Value) -> Result<(), Problem> {
    client.patch(kind, &meta.key(), &patch).await.map(drop)
}

/// Notes the present template under this number. Returns whether it was noted already.
///
/// # Errors
/// See [`Problem`].
pub async fn note(
    client: &Client,
    observed: &Observed,
    present: Option<&ControllerRevision>,
    number: i64,
) -> Result<bool, Problem> {
    let (set, key) = (&observed.set, observed.set.metadata.key());
    let kind = Kind::ControllerRevision;
    let writer = resting(client, observed);
    if let Some(present) = present {
        if present.revision == number {
            return Ok(true);
        }
        let meta = &present.metadata;
        let patch = json!({
            "metadata": {"uid": meta.uid, "resourceVersion": meta.revision.to_string()},
            "revision": number,
        });
        change(&writer, kind, meta, patch).await?;
        return Ok(false);
    }
    let wanted = revision(set, number);
    match writer.create(kind, &key.namespace, &wanted).await {
        Ok(_) => Ok(false),
        Err(Problem::Exists) => {
            // Somebody else's template has the same hash: the next one is made with another.
            let mut status = set.status.clone();
            *status.collision_count.get_or_insert_default() += 1;
            write(client, observed, &status).await?;
            Ok(false)
        }
        Err(problem) => Err(problem),
    }
}

/// Removes and makes Pods, and forgets templates.
///
/// # Errors
/// See [`Problem`].
pub async fn act(
    client: &Client,
    observed: &Observed,
    plan: &Plan,
    hash: &str,
    forgotten: &[&Arc<ControllerRevision>],
    failures: &Mutex<Failures>,
) -> Result<(), Problem> {
    let client = resting(client, observed);
    let (mut removals, mut creations): (Writes<'_>, Writes<'_>) = (Vec::new(), Vec::new());
    for removal in &plan.removed {
        removals.push(Box::pin(remove(&client, observed, removal, failures)));
    }
    for node in &plan.made {
        creations.push(Box::pin(make(&client, observed, node, hash)));
    }
    for one in forgotten {
        removals.push(Box::pin(forget(&client, &one.metadata)));
    }
    let (removed, made) = tokio::join!(bulk(removals), growing(creations));
    let outcome = both(removed, made);
    if let Err(Problem::Refused(failure)) = &outcome {
        let message = format!("Error creating: {failure}");
        tell(&client, observed, true, "FailedCreate", message);
    }
    outcome
}

async fn make(client: &Client, observed: &Observed, node: &str, hash: &str) -> Result<(), Problem> {
    let pod = template::pod(&observed.set, node, hash);
    let namespace = &observed.set.metadata.namespace;
    let made = client.create(Kind::Pod, namespace, &pod).await?;
    let name = made["metadata"]["name"].as_str().unwrap_or_default();
    let message = format!("Created pod: {name}");
    tell(client, observed, false, "SuccessfulCreate", message);
    Ok(())
}

async fn remove(
    client: &Client,
    observed: &Observed,
    removal: &Removal,
    failures: &Mutex<Failures>,
) -> Result<(), Problem> {
    let meta = &removal.pod.metadata;
    let deletion = Deletion {
        uid: Some(&meta.uid),
        revision: Some(meta.revision),
        ..Deletion::default()
    };
    client.delete(Kind::Pod, &meta.key(), &deletion).await?;
    let (key, node) = (meta.key(), &removal.node);
    match removal.cause {
        Cause::Failed => {
            let uid = &observed.set.metadata.uid;
            failures.lock().note(uid, node, observed.now_us);
            let message =
                format!("Found failed daemon pod {key} on node {node}, will try to kill it");
            tell(client, observed, true, "FailedDaemonPod", message);
        }
        Cause::Succeeded => {
            let message =
                format!("Found succeeded daemon pod {key} on node {node}, will try to delete it");
            tell(client, observed, false, "SucceededDaemonPod", message);
        }
        Cause::Surplus | Cause::Old => {}
    }
    let message = format!("Deleted pod: {}", meta.name);
    tell(client, observed, false, "SuccessfulDelete", message);
    Ok(())
}

async fn forget(client: &Client, meta: &Meta) -> Result<(), Problem> {
    let deletion = Deletion {
        uid: Some(&meta.uid),
        revision: Some(meta.revision),
        ..Deletion::default()
    };
    let kind = Kind::ControllerRevision;
    client.delete(kind, &meta.key(), &deletion).await
}

/// Writes the status, if it is not what there is.
///
/// # Errors
/// See [`Problem`].
pub async fn write(
    client: &Client,
    observed: &Observed,
    status: &DaemonSetStatus,
) -> Result<(), Problem> {
    if observed.set.status == *status {
        return Ok(());
    }
    let meta = &observed.set.metadata;
    let key: Key = meta.key();
    let patch = patch(status, meta.revision);
    client
        .patch_status(Kind::DaemonSet, &key, &patch)
        .await
        .map(drop)
}
