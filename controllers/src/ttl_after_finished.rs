//! Jobs that are over go after a while, if they say so.
//!
//! Watches Jobs. Owns nothing. Deletes a Job when `ttlSecondsAfterFinished` have passed since it was over,
//! in the foreground, so that its Pods go first. It is settled when no such Job is left. Keys are Jobs. A
//! deletion takes effect only on the Job as it was seen: a ttl that was prolonged a moment ago holds.
//!
//! Rule J7.

use crate::objects::{Job, Key};
use crate::pods::micros;
use crate::runtime::{
    Change, Client, Controller, Deletion, Future, Kind, Next, Problem, Wanted, World,
};
use keelson_apiserver::request::Propagation;
use std::time::Duration;

/// See the module.
pub struct TtlAfterFinished;

impl Controller for TtlAfterFinished {
    fn name(&self) -> &'static str {
        "ttl-after-finished"
    }

    fn concerns(&self, _: &World, change: &Change, wanted: &mut Wanted) {
        let after = change.after.as_ref().and_then(|after| after.jobs());
        if after.is_some_and(|job| due_us(job).is_some()) {
            wanted.add(change.reference.key.clone());
        }
    }

    fn all(&self, world: &World, wanted: &mut Wanted) {
        for job in world.jobs.all().filter(|job| due_us(job).is_some()) {
            wanted.add(job.metadata.key());
        }
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        key: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let Some(job) = client.world().jobs.get(key).cloned() else {
                return Ok(Next::Settled);
            };
            let Some(due_us) = due_us(&job) else {
                return Ok(Next::Settled);
            };
            if let Ok(left_us @ 1..) = u64::try_from(due_us - client.now_us()) {
                return Ok(Next::After(Duration::from_micros(left_us)));
            }
            let deletion = Deletion {
                uid: Some(&job.metadata.uid),
                revision: Some(job.metadata.revision),
                propagation: Some(Propagation::Foreground),
                ..Deletion::default()
            };
            client.delete(Kind::Job, key, &deletion).await?;
            Ok(Next::Settled)
        })
    }
}

/// When the Job goes. `None`: not by itself, or it is going.
fn due_us(job: &Job) -> Option<i64> {
    let ttl_s = job.spec.ttl_seconds_after_finished?;
    let over = job.status.conditions.iter().find(|condition| {
        matches!(condition.r#type.as_str(), "Complete" | "Failed") && condition.status == "True"
    })?;
    let since_us = micros(over.last_transition_time.as_deref()?)?;
    (!job.metadata.is_deleting()).then(|| since_us.saturating_add(i64::from(ttl_s) * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::seconds;
    use crate::testing::{Cluster, START_US};
    use serde_json::json;

    /// A Job that has just failed.
    async fn failed(cluster: &Cluster, name: &str, ttl_s: Option<i32>) {
        let job = json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"ttlSecondsAfterFinished": ttl_s, "template": {"spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "main", "image": "i"}],
            }}},
        });
        cluster.create(Kind::Job, "default", job).await;
        let over =
            json!({"type": "Failed", "status": "True", "lastTransitionTime": seconds(START_US)});
        let status = json!({"status": {"conditions": [over]}});
        let key = format!("default/{name}");
        cluster.patch(Kind::Job, &key, "status", status).await;
    }

    async fn is_going(cluster: &Cluster, name: &str) -> bool {
        let job = cluster.get(Kind::Job, &format!("default/{name}")).await;
        job.is_none_or(|job| job["metadata"]["deletionTimestamp"].is_string())
    }

    #[tokio::test(start_paused = true)]
    async fn j7_a_job_that_is_over_goes_when_its_time_has_passed() {
        let cluster = Cluster::new().await;
        cluster.lead(|manager| manager.with(TtlAfterFinished));
        for (name, ttl_s) in [("at-once", Some(0)), ("later", Some(60)), ("never", None)] {
            failed(&cluster, name, ttl_s).await;
        }
        cluster.settle().await;
        assert!(is_going(&cluster, "at-once").await);
        assert!(!is_going(&cluster, "later").await);
        cluster.advance(Duration::from_secs(55)).await;
        let longer = json!({"spec": {"ttlSecondsAfterFinished": 100}});
        cluster.patch(Kind::Job, "default/later", "", longer).await;
        cluster.advance(Duration::from_secs(40)).await;
        cluster.settle().await;
        assert!(!is_going(&cluster, "later").await);
        cluster.advance(Duration::from_secs(10)).await;
        cluster.settle().await;
        assert!(is_going(&cluster, "later").await);
        assert!(!is_going(&cluster, "never").await);
        // Its Pods go first.
        let job = cluster
            .get(Kind::Job, "default/later")
            .await
            .expect("it waits");
        assert_eq!(job["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    }
}
