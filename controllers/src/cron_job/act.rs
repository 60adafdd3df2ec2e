//! Carries out what was decided about a CronJob. Each write rests on it as it was observed.

use super::calendar::shown;
use super::plan::{Observed, Plan, name, reference, zone};
use crate::bulk::bulk;
use crate::objects::{CronJob, CronJobStatus, Job};
use crate::runtime::{Client, Deletion, Future, Kind, Problem, seconds};
use keelson_apiserver::canonical::Zone;
use keelson_apiserver::request::Propagation;
use serde_json::{Value, json};

/// Annotation: the time for which a Job was started.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// Removes and starts Jobs, tells users, and writes the status.
///
/// # Errors
/// See [`Problem`].
pub async fn act(client: &Client, observed: &Observed, plan: Plan) -> Result<(), Problem> {
    let (cron, meta) = (&observed.cron, &observed.cron.metadata);
    let key = meta.key();
    let about = client.about(Kind::CronJob, meta);
    let client = client.resting_on([(Kind::CronJob, &key, meta.revision)]);
    let mut writes: Vec<Future<'_, Result<(), Problem>>> = Vec::with_capacity(plan.removed.len());
    for job in &plan.removed {
        writes.push(Box::pin(remove(&client, cron, job)));
    }
    bulk(writes).await?;
    let mut status = plan.status;
    if let Some(time) = plan.started {
        let wanted = job(cron, time);
        match client.create(Kind::Job, &key.namespace, &wanted).await {
            Ok(made) => {
                let text = |field: &str| made["metadata"][field].as_str().unwrap_or_default();
                let (name, uid) = (text("name"), text("uid"));
                let started = reference(&key.namespace, name, uid, text("resourceVersion"));
                status.active.push(started);
                status.last_schedule_time = Some(seconds(time * 1_000_000));
                let message = format!("Created job {name}");
                client.event(about.clone(), false, "SuccessfulCreate", message);
            }
            Err(Problem::Exists) => {
                // Somebody else's, of the same name: that time is lost.
                status.last_schedule_time = Some(seconds(time * 1_000_000));
                let message = format!(
                    "Job with the same name already exists: {}",
                    name(cron, time)
                );
                client.event(about.clone(), true, "JobAlreadyExists", message);
            }
            Err(problem) => {
                if let Problem::Refused(failure) = &problem {
                    let message = format!("Error creating job: {failure}");
                    client.event(about, true, "FailedCreate", message);
                }
                return Err(problem);
            }
        }
    }
    if cron.status != status {
        let patch = patch(&status, meta.revision);
        client.patch_status(Kind::CronJob, &key, &patch).await?;
    }
    for (is_warning, reason, message) in plan.told {
        client.event(about.clone(), is_warning, reason, message);
    }
    Ok(())
}

async fn remove(client: &Client, cron: &CronJob, job: &Job) -> Result<(), Problem> {
    let meta = &job.metadata;
    let deletion = Deletion {
        uid: Some(&meta.uid),
        propagation: Some(Propagation::Background),
        ..Deletion::default()
    };
    client.delete(Kind::Job, &meta.key(), &deletion).await?;
    let about = client.about(Kind::CronJob, &cron.metadata);
    let message = format!("Deleted job {}", meta.name);
    client.event(about, false, "SuccessfulDelete", message);
    Ok(())
}

/// The Job for a time.
fn job(cron: &CronJob, time: i64) -> Value {
    let (meta, template) = (&cron.metadata, &cron.spec.job_template);
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name(cron, time),
            "namespace": meta.namespace,
            "ownerReferences": [meta.owner_reference("batch/v1", "CronJob")],
        },
        "spec": template.get("spec").cloned().unwrap_or_default(),
    });
    for field in ["labels", "annotations"] {
        let copied = template.pointer(&format!("/metadata/{field}"));
        if let Some(copied) = copied.filter(|copied| !copied.is_null()) {
            job["metadata"][field] = copied.clone();
        }
    }
    let zone = zone(cron).unwrap_or(Zone::UTC);
    job["metadata"]["annotations"][SCHEDULED] = shown(time, zone.offset_s(time)).into();
    job
}

/// The patch that writes a status, if the CronJob still has this revision.
fn patch(status: &CronJobStatus, revision: u64) -> Value {
    let active = match status.active.as_slice() {
        [] => Value::Null,
        active => json!(active),
    };
    json!({
        "metadata": {"resourceVersion": revision.to_string()},
        "status": {
            "active": active,
            "lastScheduleTime": status.last_schedule_time,
            "lastSuccessfulTime": status.last_successful_time,
        },
    })
}
