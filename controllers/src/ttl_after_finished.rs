//! Jobs that are over go by themselves, with their Pods, when they say so.
//!
//! Watches Jobs. Owns nothing. Deletes a Job that has `ttlSecondsAfterFinished`, so long after it was over,
//! in the foreground: it is gone when its Pods are. It is settled when no Job is there that should have
//! gone. Keys are Jobs.
//!
//! Rule J7. A Job whose time is raised before it has passed stays: the deletion rests on the Job as it was
//! looked at.

use crate::objects::{Condition, Job, Key};
use crate::runtime::{
    Change, Client, Controller, Deletion, Future, Kind, Next, Problem, Wanted, World,
};
use keelson_apiserver::canonical::Instant;
use keelson_apiserver::request::Propagation;
use std::time::Duration;

/// See the module.
pub struct TtlAfterFinished;

impl Controller for TtlAfterFinished {
    fn name(&self) -> &'static str {
        "ttl-after-finished-controller"
    }

    fn reports_as(&self) -> &'static str {
        "ttl-after-finished-controller"
    }

    fn concerns(&self, _: &World, change: &Change, wanted: &mut Wanted) {
        if let Some(job) = change.after.as_ref().and_then(|after| after.jobs())
            && ends_us(job).is_some()
        {
            wanted.add(change.reference.key.clone());
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for job in world.jobs.all() {
            if ends_us(job).is_some() {
                wanted.add(job.metadata.key());
            }
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let job = client.world().jobs.get(key).cloned();
            let Some((job, ends_us)) = job.and_then(|job| Some((job.clone(), ends_us(&job)?)))
            else {
                return Ok(Next::Settled);
            };
            let left_us = ends_us.saturating_sub(client.now_us());
            if let Ok(left_us @ 1..) = u64::try_from(left_us) {
                return Ok(Next::After(Duration::from_micros(left_us)));
            }
            let deletion = Deletion {
                uid: Some(&job.metadata.uid),
                revision: Some(job.metadata.revision),
                propagation: Some(Propagation::Foreground),
                grace_s: None,
            };
            client.delete(Kind::Job, key, &deletion).await?;
            Ok(Next::Settled)
        })
    }
}

/// When the Job has to go, in microseconds since 1970; `None`: it has not.
fn ends_us(job: &Job) -> Option<i64> {
    if job.metadata.is_deleting() {
        return None;
    }
    let ttl_s = job.spec.ttl_seconds_after_finished?;
    let is_end = |condition: &&Condition| {
        matches!(condition.r#type.as_str(), "Complete" | "Failed") && condition.status == "True"
    };
    let end = job.status.conditions.iter().find(is_end)?;
    let since = Instant::parse(end.last_transition_time.as_deref()?).ok()?;
    let ends_s = since.seconds.saturating_add(i64::from(ttl_s));
    Some(ends_s.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Cluster;
    use serde_json::{Value, json};

    const JOB: &str = "default/j";

    async fn finished(cluster: &Cluster, ttl_s: Value) {
        let job = json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
            "spec": {
                "ttlSecondsAfterFinished": ttl_s,
                "template": {"spec": {
                    "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}],
                }},
            },
        });
        cluster.create(Kind::Job, "default", job).await;
        let at = "2026-01-01T00:00:00Z";
        let since = |name: &str| json!({"type": name, "status": "True", "lastTransitionTime": at, "lastProbeTime": at});
        let status = json!({"status": {
            "startTime": at, "completionTime": at,
            "conditions": [since("SuccessCriteriaMet"), since("Complete")],
        }});
        cluster.patch(Kind::Job, JOB, "status", status).await;
    }

    async fn is_deleting(cluster: &Cluster) -> bool {
        let job = cluster.get(Kind::Job, JOB).await.expect("it is there");
        job["metadata"]["deletionTimestamp"].is_string()
    }

    #[tokio::test(start_paused = true)]
    async fn j7_a_job_goes_in_the_foreground_when_its_time_has_passed_and_not_before() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(TtlAfterFinished));
        finished(&cluster, json!(100)).await;
        cluster.settle().await;
        cluster.advance(Duration::from_secs(98)).await;
        cluster.settle().await;
        assert!(!is_deleting(&cluster).await, "two seconds are left");
        cluster.advance(Duration::from_secs(3)).await;
        cluster
            .until("the job is going", |world| {
                let job = world.jobs.get(&Key::new("default", "j"));
                job.is_some_and(|job| job.metadata.is_deleting())
            })
            .await;
        let job = cluster.get(Kind::Job, JOB).await.expect("it is there");
        assert_eq!(job["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    }

    #[tokio::test(start_paused = true)]
    async fn j7_a_job_whose_time_is_raised_stays_and_one_without_any_stays_for_ever() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(TtlAfterFinished));
        finished(&cluster, json!(100)).await;
        cluster.settle().await;
        cluster.advance(Duration::from_secs(90)).await;
        let longer = json!({"spec": {"ttlSecondsAfterFinished": 1000}});
        cluster.patch(Kind::Job, JOB, "", longer).await;
        cluster.settle().await;
        cluster.advance(Duration::from_secs(100)).await;
        cluster.settle().await;
        assert!(!is_deleting(&cluster).await, "its time is longer now");
        let never = json!({"spec": {"ttlSecondsAfterFinished": null}});
        cluster.patch(Kind::Job, JOB, "", never).await;
        cluster.settle().await;
        cluster.advance(Duration::from_secs(10_000)).await;
        cluster.settle().await;
        assert!(!is_deleting(&cluster).await, "it has no time any more");
    }
}
