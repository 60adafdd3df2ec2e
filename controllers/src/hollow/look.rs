//! What a Pod looks like, as far as the stages ask.

use super::seen::{Pod, State, duration};
use std::time::Duration;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// It is to go.
    pub is_going: bool,
    /// How far it is.
    pub phase: Phase,
    /// Its node has said that it knows it.
    pub is_accepted: bool,
    /// What it waits for.
    pub waits: Waits,
    /// It is said to serve.
    pub is_ready: bool,
    /// It is wished that it serves.
    pub wants_ready: bool,
    /// One of its images cannot be had.
    pub lacks_image: bool,
    /// How it ends is of interest to others.
    pub may_end: bool,
    /// It will end by itself.
    pub runs_to_end: bool,
    /// Its containers are started again when they have failed.
    pub retries: bool,
    /// Its containers will fail.
    pub fails: bool,
}

/// How far a Pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not all of its containers have been started.
    Pending,
    /// They have.
    Running,
    /// They have ended for good.
    Ended,
}

/// What a Pod waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Nothing in particular.
    Nothing,
    /// An image could not be had just now.
    PullError,
    /// An image could not be had several times.
    PullBackOff,
    /// A container has failed and waits for its next start.
    CrashLoop,
}

impl Look {
    /// What this Pod looks like.
    pub fn of(pod: &Pod) -> Look {
        let wishes = &pod.metadata.wishes;
        let ready = pod
            .status
            .conditions
            .iter()
            .find(|one| one.r#type == "Ready");
        let policy = pod.spec.restart_policy.as_str();
        let may_end = matches!(policy, "Never" | "OnFailure");
        Look {
            is_going: pod.metadata.deletion_timestamp.is_some(),
            phase: match pod.status.phase.as_str() {
                "Succeeded" | "Failed" => Phase::Ended,
                "" | "Pending" => Phase::Pending,
                _ => Phase::Running,
            },
            is_accepted: pod.status.start_time.is_some(),
            waits: waits(pod),
            is_ready: ready.is_some_and(|ready| ready.status == "True"),
            wants_ready: wishes.ready.as_deref() != Some("false"),
            lacks_image: pod.spec.containers.iter().any(|one| lacks(pod, &one.image)),
            may_end,
            runs_to_end: may_end && wishes.run_for.as_deref() != Some("forever"),
            retries: policy == "OnFailure",
            fails: exit_code(pod) != 0,
        }
    }
}

fn waits(pod: &Pod) -> Waits {
    let reason = |state: &State| match state.waiting.as_ref()?.reason.as_str() {
        "ErrImagePull" => Some(Waits::PullError),
        "ImagePullBackOff" => Some(Waits::PullBackOff),
        "CrashLoopBackOff" => Some(Waits::CrashLoop),
        _ => None,
    };
    let mut found = pod
        .status
        .container_statuses
        .iter()
        .filter_map(|one| reason(&one.state));
    found.next().unwrap_or(Waits::Nothing)
}

/// The image cannot be had.
pub(super) fn lacks(pod: &Pod, image: &str) -> bool {
    pod.metadata.wishes.fail.as_deref() == Some("image-pull") || image.contains("does-not-exist")
}

/// What its containers will end with.
pub(super) fn exit_code(pod: &Pod) -> i32 {
    let wished = pod.metadata.wishes.exit_code.as_deref();
    wished
        .and_then(|code| code.trim().parse().ok())
        .unwrap_or(0)
}

/// How long its containers run. `None`: it does not say.
pub(super) fn run_for(pod: &Pod) -> Option<Duration> {
    duration(pod.metadata.wishes.run_for.as_deref()?)
}

/// How often its containers were started again.
pub(super) fn restarts(pod: &Pod) -> i64 {
    let all = pod.status.container_statuses.iter();
    all.map(|one| one.restart_count).max().unwrap_or(0)
}

/// Since when its containers run: RFC 3339.
pub(super) fn started_at(pod: &Pod) -> Option<&str> {
    let all = pod.status.container_statuses.iter();
    all.filter_map(|one| one.state.running.as_ref()?.started_at.as_deref())
        .max()
}
