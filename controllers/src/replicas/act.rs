//! Carrying out what was decided: many writes at once, each of which takes effect only if the set is still
//! as it was seen.

use super::owner_reference;
use super::plan::Step;
use super::seen::Seen;
use crate::bulk::{bulk, growing};
use crate::objects::Pod;
use crate::pods::{adoption, from_template, release};
use crate::runtime::{Client, Deletion, Future, Kind, Problem};
use keelson_apiserver::status::Failure;
use serde_json::Value;
use std::sync::Arc;

/// The API server does not let us.
pub(super) struct Refusal {
    /// In one word, for the condition.
    pub(super) reason: &'static str,
    /// Why.
    pub(super) failure: Box<Failure>,
}

/// How often a Pod that changes while it is to be deleted is looked at before the whole set is.
const TRIES: usize = 4;

/// Adopts what nobody manages and lets go what is selected no more. Returns whether there was anything.
pub(super) async fn take_in_and_let_go(client: &Client, seen: &Seen) -> Result<bool, Problem> {
    if seen.orphaned.is_empty() && seen.strayed.is_empty() {
        return Ok(false);
    }
    let owner = owner_reference(seen.kind, &seen.set);
    let mut writes = Vec::new();
    for pod in &seen.orphaned {
        writes.push(change(client, pod, adoption(&pod.metadata, &owner)));
    }
    for pod in &seen.strayed {
        let patch = release(&pod.metadata, &seen.set.metadata.uid);
        writes.push(change(client, pod, patch));
    }
    bulk(writes).await?;
    Ok(true)
}

fn change<'a>(client: &'a Client, pod: &'a Pod, patch: Value) -> Future<'a, Result<(), Problem>> {
    Box::pin(async move {
        match client.patch(Kind::Pod, &pod.metadata.key(), &patch).await {
            // What is gone has no manager any more.
            Err(Problem::Absent) => Ok(()),
            other => other.map(drop),
        }
    })
}

/// Does what is to be done, and tells. Returns the refusal if there is one.
pub(super) async fn carry_out(
    client: &Client,
    seen: &Seen,
    step: Step,
) -> Result<Option<Refusal>, Problem> {
    let (outcome, reason, doing) = match step {
        Step::Nothing => return Ok(None),
        Step::Create(count) => (
            create(client, seen, count).await,
            "FailedCreate",
            "creating",
        ),
        Step::Delete(pods) => (
            delete(client, seen, &pods).await,
            "FailedDelete",
            "deleting",
        ),
    };
    match outcome {
        Ok(()) => Ok(None),
        Err(Problem::Refused(failure)) if is_namespace_going(&failure) => Ok(None),
        Err(Problem::Refused(failure)) => {
            let message = format!("Error {doing}: {}", failure.message);
            seen.tell(client, true, reason, message);
            Ok(Some(Refusal { reason, failure }))
        }
        Err(problem) => Err(problem),
    }
}

/// Nothing new enters the namespace, and the set goes with it: nobody needs to be told.
fn is_namespace_going(failure: &Failure) -> bool {
    let causes = failure.details.iter().flat_map(|details| &details.causes);
    causes
        .into_iter()
        .any(|cause| cause.reason == "NamespaceTerminating")
}

async fn create(client: &Client, seen: &Seen, count: usize) -> Result<(), Problem> {
    let set = &seen.set;
    let reference = owner_reference(seen.kind, set);
    let pod = from_template(&set.spec.template, &set.metadata, reference);
    let mut writes: Vec<Future<'_, Result<(), Problem>>> = Vec::with_capacity(count);
    for _ in 0..count {
        writes.push(Box::pin(create_one(client, seen, &pod)));
    }
    match seen.was_refused() {
        true => growing(writes).await,
        false => bulk(writes).await,
    }
}

async fn create_one(client: &Client, seen: &Seen, pod: &Value) -> Result<(), Problem> {
    let namespace = &seen.set.metadata.namespace;
    let made = client.create(Kind::Pod, namespace, pod).await?;
    let name = made.pointer("/metadata/name").and_then(Value::as_str);
    let message = format!("Created pod: {}", name.unwrap_or_default());
    seen.tell(client, false, "SuccessfulCreate", message);
    Ok(())
}

async fn delete(client: &Client, seen: &Seen, pods: &[Arc<Pod>]) -> Result<(), Problem> {
    let mut writes: Vec<Future<'_, Result<(), Problem>>> = Vec::with_capacity(pods.len());
    for pod in pods {
        writes.push(Box::pin(delete_one(client, seen, pod)));
    }
    bulk(writes).await
}

/// Deletes a Pod that is as it was ranked. One of which something else has changed meanwhile goes all the
/// same: on a busy node something always does.
async fn delete_one(client: &Client, seen: &Seen, pod: &Pod) -> Result<(), Problem> {
    let key = pod.metadata.key();
    let target = client.target(Kind::Pod, &key);
    let mut revision = pod.metadata.revision;
    for _ in 0..TRIES {
        let deletion = Deletion {
            uid: Some(&pod.metadata.uid),
            revision: Some(revision),
            ..Deletion::default()
        };
        match client.delete(Kind::Pod, &key, &deletion).await {
            Err(Problem::Stale) => {}
            Ok(()) => {
                let message = format!("Deleted pod: {}", pod.metadata.name);
                seen.tell(client, false, "SuccessfulDelete", message);
                return Ok(());
            }
            Err(problem) => return Err(problem),
        }
        let now = match client.get_at(&target).await {
            Err(Problem::Absent) => return Ok(()),
            now => parsed(now?)?,
        };
        if now.metadata.revision == revision || !seen.ranks_alike(pod, &now) {
            // It is the set that has changed, or the claim; or there may be a better choice now.
            return Err(Problem::Stale);
        }
        revision = now.metadata.revision;
    }
    Err(Problem::Stale)
}

fn parsed(object: Value) -> Result<Pod, Problem> {
    let revision = object.pointer("/metadata/resourceVersion");
    let revision = revision.and_then(Value::as_str).map(str::parse);
    let pod = serde_json::from_value::<Pod>(object);
    match (pod, revision) {
        (Ok(mut pod), Some(Ok(revision))) => {
            pod.metadata.revision = revision;
            Ok(pod)
        }
        _ => Err(Problem::Stale),
    }
}

impl Seen {
    fn tell(&self, client: &Client, is_warning: bool, reason: &str, message: String) {
        let about = client.about(self.kind, &self.set.metadata);
        client.event(about, is_warning, reason, message);
    }

    /// The last attempt was refused, as far as the status knows.
    fn was_refused(&self) -> bool {
        super::status::failure(&self.set.status.conditions).is_some()
    }

    /// Whether a Pod is still one of the set, and no worse to lose than when it was ranked.
    fn ranks_alike(&self, before: &Pod, now: &Pod) -> bool {
        let is_same = before.metadata.uid == now.metadata.uid;
        let is_owned = now.metadata.is_controlled_by(&self.set.metadata.uid)
            && self.selector.matches(&now.metadata.labels);
        let is_alike = before.is_ready() == now.is_ready()
            && before.status.phase == now.status.phase
            && before.is_bound() == now.is_bound();
        is_same && is_owned && is_alike && now.is_active()
    }
}
