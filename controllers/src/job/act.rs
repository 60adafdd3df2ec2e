//! Carries out what was decided about a Job.

use super::observe::Observed;
use super::plan::{Plan, Wanted};
use super::pod::{FINALIZER, is_tracked};
use super::status::{Done, patch};
use super::template;
use crate::bulk::{both, bulk, growing};
use crate::objects::{JobStatus, Pod};
use crate::runtime::{Client, Deletion, Future, Kind, Problem};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

type Writes<'a> = Vec<Future<'a, Result<(), Problem>>>;

/// Makes and removes Pods. Each of these writes rests on the Job as it was observed.
pub async fn act(client: &Client, observed: &Observed, plan: &Plan) -> (Done, Result<(), Problem>) {
    let meta = &observed.job.metadata;
    let key = meta.key();
    let resting = client.resting_on([(Kind::Job, &key, meta.revision)]);
    let counts = Counts::default();
    let (mut removals, mut creations): (Writes<'_>, Writes<'_>) = (Vec::new(), Vec::new());
    for pod in &plan.removed {
        removals.push(Box::pin(remove(&resting, observed, pod, plan, &counts)));
    }
    for wanted in &plan.made {
        creations.push(Box::pin(make(&resting, observed, *wanted, &counts)));
    }
    let (removed, made) = tokio::join!(bulk(removals), growing(creations));
    let outcome = both(removed, made);
    if let Err(Problem::Refused(failure)) = &outcome {
        let message = format!("Error creating: {failure}");
        client.event(about(client, observed), true, "FailedCreate", message);
    }
    (counts.done(), outcome)
}

/// What has been done so far.
#[derive(Default)]
struct Counts {
    made: AtomicI32,
    removed: AtomicI32,
    removed_ready: AtomicI32,
}

impl Counts {
    fn done(&self) -> Done {
        let [made, removed, removed_ready] = [&self.made, &self.removed, &self.removed_ready]
            .map(|count| count.load(Ordering::Relaxed));
        Done {
            made,
            removed,
            removed_ready,
        }
    }
}

async fn make(
    client: &Client,
    observed: &Observed,
    wanted: Wanted,
    counts: &Counts,
) -> Result<(), Problem> {
    let pod = template::pod(&observed.job, wanted);
    let namespace = &observed.job.metadata.namespace;
    let made = client.create(Kind::Pod, namespace, &pod).await?;
    counts.made.fetch_add(1, Ordering::Relaxed);
    let name = made["metadata"]["name"].as_str().unwrap_or_default();
    let message = format!("Created pod: {name}");
    client.event(about(client, observed), false, "SuccessfulCreate", message);
    Ok(())
}

/// What events about a Job are about.
pub fn about(client: &Client, observed: &Observed) -> crate::runtime::About {
    client.about(Kind::Job, &observed.job.metadata)
}

/// Removes a Pod. If it is let go first it never counts, so it must be as it was observed.
async fn remove(
    client: &Client,
    observed: &Observed,
    pod: &Pod,
    plan: &Plan,
    counts: &Counts,
) -> Result<(), Problem> {
    let key = pod.metadata.key();
    let mut revision = pod.metadata.revision;
    if plan.lets_go && is_tracked(pod) {
        let left = client.patch(Kind::Pod, &key, &untracked(pod)).await?;
        revision = revision_of(&left).unwrap_or(revision);
    }
    let deletion = Deletion {
        uid: Some(&pod.metadata.uid),
        revision: plan.lets_go.then_some(revision),
        ..Deletion::default()
    };
    client.delete(Kind::Pod, &key, &deletion).await?;
    counts.removed.fetch_add(1, Ordering::Relaxed);
    let ready = i32::from(pod.is_ready());
    counts.removed_ready.fetch_add(ready, Ordering::Relaxed);
    let message = format!("Deleted pod: {}", pod.metadata.name);
    client.event(about(client, observed), false, "SuccessfulDelete", message);
    Ok(())
}

/// Takes the finalizers off Pods that are noted.
///
/// # Errors
/// See [`Problem`].
pub async fn release(client: &Client, pods: &[Arc<Pod>]) -> Result<(), Problem> {
    let mut writes: Writes<'_> = Vec::with_capacity(pods.len());
    for pod in pods {
        writes.push(Box::pin(release_one(client, pod)));
    }
    bulk(writes).await
}

/// Takes the finalizer off a Pod. One that is gone has none.
///
/// # Errors
/// See [`Problem`].
pub async fn release_one(client: &Client, pod: &Pod) -> Result<(), Problem> {
    let key = pod.metadata.key();
    match client.patch(Kind::Pod, &key, &untracked(pod)).await {
        Ok(_) | Err(Problem::Absent) => Ok(()),
        Err(problem) => Err(problem),
    }
}

/// The patch that takes the finalizer off a Pod in this state.
fn untracked(pod: &Pod) -> Value {
    let meta = &pod.metadata;
    let left = meta.finalizers.iter().filter(|left| *left != FINALIZER);
    json!({"metadata": {
        "uid": meta.uid,
        "resourceVersion": meta.revision.to_string(),
        "finalizers": left.collect::<Vec<_>>(),
    }})
}

/// Writes the status of a Job, if it is not what it has. `revision` is that of the Job, before and after.
///
/// # Errors
/// See [`Problem`].
pub async fn write(
    client: &Client,
    observed: &Observed,
    known: &JobStatus,
    status: &JobStatus,
    revision: &mut u64,
) -> Result<(), Problem> {
    if known == status {
        return Ok(());
    }
    let key = observed.job.metadata.key();
    let patch = patch(status, *revision);
    let written = client.patch_status(Kind::Job, &key, &patch).await?;
    *revision = revision_of(&written).unwrap_or(*revision);
    Ok(())
}

fn revision_of(object: &Value) -> Option<u64> {
    object["metadata"]["resourceVersion"].as_str()?.parse().ok()
}

/// Tells the users of a Job what the new status says.
pub fn announce(client: &Client, observed: &Observed, status: &JobStatus) {
    let known = &observed.job.status.conditions;
    let news = status.conditions.iter().filter(|new| {
        let known = known.iter().find(|known| known.r#type == new.r#type);
        known.is_none_or(|known| known.status != new.status)
    });
    for new in news {
        let (is_warning, reason, message) = match (new.r#type.as_str(), new.status.as_str()) {
            ("Suspended", "True") => (false, "Suspended", "Job suspended"),
            ("Suspended", _) => (false, "Resumed", "Job resumed"),
            ("Complete", "True") => (false, "Completed", "Job completed"),
            ("Failed", "True") => (true, new.reason.as_str(), new.message.as_str()),
            _ => continue,
        };
        client.event(about(client, observed), is_warning, reason, message);
    }
    let wanted = observed.job.spec.completions;
    let is_complete = crate::objects::is_true(&status.conditions, "Complete");
    if is_complete && wanted.is_some_and(|wanted| status.succeeded > wanted) {
        let message = "Too many succeeded pods running after completion count reached";
        client.event(
            about(client, observed),
            true,
            "TooManySucceededPods",
            message,
        );
    }
}
