//! What a Job reads off one of its Pods.

use crate::objects::{ContainerStatus, Pod, condition};
use crate::pods::micros;
use serde_json::Value;

/// A Pod that has it is not counted yet, and stays until it is.
pub const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// Annotation and label: the completion index.
pub const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// Annotation: how often the Pods before this one failed at its index, and it counted.
pub const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// Annotation: how often they failed and it did not count.
pub const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// It is not counted yet.
pub fn is_tracked(pod: &Pod) -> bool {
    let finalizers = &pod.metadata.finalizers;
    finalizers.iter().any(|finalizer| finalizer == FINALIZER)
}

/// It is going, and has not ended yet.
pub fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.is_deleting() && !pod.is_finished()
}

/// Its completion index.
pub fn index(pod: &Pod) -> Option<i32> {
    let index = number(pod, INDEX)?;
    (index >= 0).then_some(index)
}

/// How often the Pods before it failed at its index: those that count, and those that do not.
pub fn failures(pod: &Pod) -> (i32, i32) {
    (
        number(pod, FAILURES).unwrap_or_default(),
        number(pod, IGNORED).unwrap_or_default(),
    )
}

fn number(pod: &Pod, annotation: &str) -> Option<i32> {
    pod.metadata.annotations.get(annotation)?.parse().ok()
}

/// How often its containers were started again.
pub fn restarts(pod: &Pod) -> i32 {
    statuses(pod).map(|status| status.restart_count).sum()
}

/// Its containers, those that run first last.
pub fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = &pod.status;
    let all = status.container_statuses.iter();
    all.chain(&status.init_container_statuses)
}

/// How a container has ended.
pub fn terminated(status: &ContainerStatus) -> Option<&Value> {
    status.state.as_ref()?.get("terminated")
}

/// When it ended, as well as can be told, in microseconds since 1970.
pub fn finished_us(pod: &Pod) -> i64 {
    let ended = || {
        let mut latest = None;
        for status in &pod.status.container_statuses {
            let at = terminated(status)?.get("finishedAt")?.as_str()?;
            latest = latest.max(Some(micros(at)?));
        }
        latest
    };
    let unready = || {
        let ready = condition(&pod.status.conditions, "Ready")?;
        let at = ready.last_transition_time.as_deref()?;
        (ready.status == "False").then(|| micros(at)).flatten()
    };
    let deleted = || {
        let at = micros(pod.metadata.deletion_timestamp.as_deref()?)?;
        let grace_s = pod.metadata.deletion_grace_period_seconds;
        Some(at - grace_s.unwrap_or_default().saturating_mul(1_000_000))
    };
    let created = || micros(pod.metadata.creation_timestamp.as_deref()?);
    let at = ended().or_else(unready).or_else(deleted);
    at.or_else(created).unwrap_or_default()
}
