//! What is said about one container.

use super::pod_status::Facts;
use super::seen::{Container, ContainerStatus, Pod};
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

/// How a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is being made.
    Creating,
    /// It waits for the containers before it.
    Initializing,
    /// Its image could not be had.
    PullError,
    /// Its image will be asked for again later.
    PullBackOff,
    /// It runs.
    Running {
        /// And serves.
        is_ready: bool,
    },
    /// It has ended.
    Ended {
        /// Its exit code.
        code: i32,
    },
    /// It has failed, and is started again later.
    Crashed {
        /// Its exit code.
        code: i32,
    },
}

/// Exit code of a container that was asked to stop: 128 and SIGTERM.
pub const STOPPED: i32 = 143;

/// Says how a container is; `before` is what was said before.
pub fn status(
    pod: &Pod,
    container: &Container,
    before: Option<&ContainerStatus>,
    mode: Mode,
    facts: &Facts<'_>,
) -> Value {
    let restarts = before.map_or(0, |before| before.restart_count + restarted(before, mode));
    let mut status = json!({
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "lastState": before.and_then(|before| before.last_state.clone()).unwrap_or_else(|| json!({})),
        "ready": false,
        "started": false,
        "restartCount": restarts,
        "state": state(pod, container, before, mode, facts),
    });
    let was_made = match mode {
        Mode::Creating | Mode::Initializing | Mode::PullError | Mode::PullBackOff => false,
        Mode::Running { is_ready } => {
            status["started"] = true.into();
            status["ready"] = is_ready.into();
            true
        }
        Mode::Ended { .. } => true,
        Mode::Crashed { code } => {
            status["lastState"] = json!({"terminated": ended(pod, container, before, code, facts)});
            true
        }
    };
    if was_made {
        status["imageID"] = image_id(&container.image).into();
        status["containerID"] = container_id(pod, container, restarts).into();
    }
    status
}

/// An init container that ends has been ready and is no longer started.
pub fn initialized(pod: &Pod, container: &Container, facts: &Facts<'_>) -> Value {
    let mut status = status(pod, container, None, Mode::Ended { code: 0 }, facts);
    status["ready"] = true.into();
    status
}

fn state(
    pod: &Pod,
    container: &Container,
    before: Option<&ContainerStatus>,
    mode: Mode,
    facts: &Facts<'_>,
) -> Value {
    let image = &container.image;
    let waiting = |reason: &str, message: Option<String>| {
        let mut waiting = json!({"reason": reason});
        if let Some(message) = message {
            waiting["message"] = message.into();
        }
        json!({"waiting": waiting})
    };
    match mode {
        Mode::Creating => waiting("ContainerCreating", None),
        Mode::Initializing => waiting("PodInitializing", None),
        Mode::PullError => {
            let message = format!(
                "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": \
                 {image}: not found"
            );
            waiting("ErrImagePull", Some(message))
        }
        Mode::PullBackOff => {
            let message =
                format!("Back-off pulling image \"{image}\": ErrImagePull: {image}: not found");
            waiting("ImagePullBackOff", Some(message))
        }
        Mode::Running { .. } => {
            let since =
                before.and_then(|before| before.state.running.as_ref()?.started_at.as_deref());
            json!({"running": {"startedAt": since.unwrap_or(facts.now)}})
        }
        Mode::Ended { code } => json!({"terminated": ended(pod, container, before, code, facts)}),
        Mode::Crashed { .. } => {
            let restarts = before.map_or(0, |before| before.restart_count);
            let message = format!(
                "back-off {} restarting failed container={} pod={}_{}({})",
                spelled(back_off_s(restarts)),
                container.name,
                pod.metadata.name,
                pod.metadata.namespace,
                pod.metadata.uid,
            );
            waiting("CrashLoopBackOff", Some(message))
        }
    }
}

fn ended(
    pod: &Pod,
    container: &Container,
    before: Option<&ContainerStatus>,
    code: i32,
    facts: &Facts<'_>,
) -> Value {
    if let Some(ended) = before.and_then(|before| before.state.terminated.clone()) {
        return ended;
    }
    let since = before.and_then(|before| before.state.running.as_ref()?.started_at.as_deref());
    let restarts = before.map_or(0, |before| before.restart_count);
    json!({
        "exitCode": code,
        "reason": if code == 0 { "Completed" } else { "Error" },
        "startedAt": since.unwrap_or(facts.now),
        "finishedAt": facts.now,
        "containerID": container_id(pod, container, restarts),
    })
}

/// One more start, if it runs now and had failed before.
fn restarted(before: &ContainerStatus, mode: Mode) -> i64 {
    let had_failed = before.state.waiting.as_ref();
    let had_failed = had_failed.is_some_and(|waiting| waiting.reason == "CrashLoopBackOff");
    i64::from(had_failed && matches!(mode, Mode::Running { .. }))
}

/// How long a container waits after its failure: ten seconds, then twice as long each time, five minutes at
/// most.
pub fn back_off_s(restarts: i64) -> u64 {
    let doublings = restarts.clamp(0, 5);
    (10 << doublings).min(300)
}

/// As Go writes durations.
fn spelled(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

/// The same for the same run of a container, and for no other.
fn container_id(pod: &Pod, container: &Container, restarts: i64) -> String {
    format!(
        "hollow://{}",
        hex(&(&pod.metadata.uid, &container.name, restarts))
    )
}

fn image_id(image: &str) -> String {
    match image.contains('@') {
        true => image.to_owned(),
        false => format!("{image}@sha256:{}", hex(&image)),
    }
}

/// 64 digits that look like a hash and are of no use as one.
fn hex(of: &impl Hash) -> String {
    let part = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        (salt, of).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    };
    (0..4).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_wait_longer_each_time_and_five_minutes_at_most() {
        let waits: Vec<u64> = (0..8).map(back_off_s).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(
            (spelled(40), spelled(80), spelled(300)),
            ("40s".into(), "1m20s".into(), "5m0s".into())
        );
    }

    #[test]
    fn each_run_of_a_container_has_a_name_of_its_own() {
        let (pod, container) = (Pod::default(), Container::default());
        let id = container_id(&pod, &container, 0);
        assert_eq!(id.len(), "hollow://".len() + 64);
        assert_eq!(id, container_id(&pod, &container, 0));
        assert_ne!(id, container_id(&pod, &container, 1));
    }
}
