//! What users see of Jobs, on a cluster in memory; the plan by itself; and the count under every
//! interruption.

mod exactly_once;
mod failing;
mod plan;
mod running;

use super::{JobOrphans, Jobs};
use crate::objects::{Job, Pod};
use crate::runtime::{Kind, World, seconds};
use crate::testing::{Cluster, named};
use keelson_apiserver::storage::{At, Kv, Range};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub const JOB: &str = "default/work";

/// A cluster with the loops of Jobs.
pub async fn cluster() -> Cluster {
    let cluster = Cluster::new().await;
    cluster.lead(|manager| manager.with(Jobs).with(JobOrphans));
    cluster
}

/// A Job with these fields beside its template.
pub fn job(spec: Value) -> Value {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "i"}],
        }}},
    });
    for (name, value) in spec.as_object().expect("fields") {
        job["spec"][name] = value.clone();
    }
    job
}

pub async fn start(cluster: &Cluster, spec: Value) {
    cluster.create(Kind::Job, "default", job(spec)).await;
}

pub fn work(world: &World) -> Option<&Arc<Job>> {
    world.jobs.get(&named(JOB))
}

pub fn pods(world: &World) -> Vec<Arc<Pod>> {
    world.pods.in_namespace("default").cloned().collect()
}

pub fn active(world: &World) -> Vec<Arc<Pod>> {
    let pods = world.pods.in_namespace("default");
    pods.filter(|pod| pod.is_active()).cloned().collect()
}

/// How the container of a Pod ended, and so the Pod.
pub fn ended(code: i64, now_us: i64) -> Value {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    json!({"status": {"phase": phase, "containerStatuses": [{
        "name": "main", "image": "i", "imageID": "i", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": code, "finishedAt": seconds(now_us)}},
    }]}})
}

/// The Pod ends with this exit code.
pub async fn end(cluster: &Cluster, pod: &Pod, code: i64) {
    let ended = ended(code, cluster.ground.clock.now_us());
    let key = pod.metadata.key().to_string();
    cluster.patch(Kind::Pod, &key, "status", ended).await;
}

/// Waits until so many Pods are active, and returns them.
pub async fn running(cluster: &Cluster, number: usize) -> Vec<Arc<Pod>> {
    let what = format!("{number} Pods are active, and the status says so");
    cluster
        .until(&what, |world| {
            let said = work(world).map(|job| usize::try_from(job.status.active));
            active(world).len() == number && said == Some(Ok(number))
        })
        .await;
    active(&cluster.ground.shared.read())
}

/// The condition of this type, as `status reason message`.
pub fn condition(world: &World, wanted: &str) -> Option<String> {
    let conditions = &work(world)?.status.conditions;
    let found = crate::objects::condition(conditions, wanted)?;
    Some(format!(
        "{} {} {}",
        found.status, found.reason, found.message
    ))
}

/// Waits for a condition that is so.
pub async fn told(cluster: &Cluster, wanted: &str, is: &str) {
    let what = format!("{wanted} is {is}");
    cluster
        .until(&what, |world| {
            condition(world, wanted).as_deref() == Some(is)
        })
        .await;
}

/// All events: `type reason message`.
pub async fn events(cluster: &Cluster) -> Vec<String> {
    let range = Range {
        key: "/registry/events/".into(),
        end: Some("/registry/events0".into()),
        at: At::Latest,
        limit: 0,
        keys_only: false,
    };
    let found = cluster.kv.range(range).await.expect("events");
    let events = found.keys.iter().map(|found| {
        let event: Value = serde_json::from_slice(&found.value).expect("an event");
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", text("type"), text("reason"), text("message"))
    });
    events.collect()
}
