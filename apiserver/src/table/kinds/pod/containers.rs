//! What the containers of a pod add up to.

use crate::table::duration::human_duration;
use crate::table::object::Object;
use crate::table::time;
use crate::table::value::{at, flag, int, is_true, text};
use serde_json::Value;

/// What the containers of a pod add up to.
pub(super) struct State {
    /// What the pod is doing, as far as its containers and conditions tell.
    pub reason: String,
    /// Ready containers: ordinary ones and sidecars.
    pub ready: usize,
    /// Containers that could be ready.
    pub total: usize,
    /// How often containers were started again.
    pub restarts: i64,
    /// How long ago a container ended that was started again.
    pub last_restart: Option<String>,
}

/// Restarts, and when the last container ended that was started again.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    /// The end of the last one, in microseconds since 1970.
    last_us: Option<i64>,
}

impl Restarts {
    fn add(&mut self, container: &Value) {
        self.count = self.count.saturating_add(int(container, "restartCount"));
        let ended = time::parse(text(container, "lastState.terminated.finishedAt"));
        self.last_us = self.last_us.max(ended);
    }
}

/// Where the init containers have got to.
struct Init {
    /// Something keeps the pod from being initialized, and this says what.
    reason: Option<String>,
    ready: usize,
    all: Restarts,
    sidecars: Restarts,
}

impl State {
    /// Adds up.
    pub(super) fn of(object: &Object<'_>) -> State {
        let conditions = object.list("status.conditions");
        let mut reason = object
            .text_or("status.reason", object.text("status.phase"))
            .to_owned();
        let is_gated = |one: &Value| {
            text(one, "type") == "PodScheduled" && text(one, "reason") == "SchedulingGated"
        };
        if conditions.iter().any(is_gated) {
            reason = "SchedulingGated".to_owned();
        }
        let sidecars = object
            .list("spec.initContainers")
            .iter()
            .filter(|one| is_sidecar(one));
        let total = object.list("spec.containers").len() + sidecars.count();

        let init = init(object);
        let is_initialized = init.reason.is_none() || is_true(conditions, "Initialized");
        let (mut ready, mut restarts) = (init.ready, init.all);
        reason = init.reason.unwrap_or(reason);
        if is_initialized {
            restarts = init.sidecars;
            let statuses = object.list("status.containerStatuses");
            statuses.iter().for_each(|one| restarts.add(one));
            ready += statuses.iter().filter(|one| is_up(one)).count();
            reason = running(statuses, conditions, reason);
        }
        State {
            reason,
            ready,
            total,
            restarts: restarts.count,
            last_restart: restarts
                .last_us
                .map(|last_us| human_duration(object.now_us.saturating_sub(last_us))),
        }
    }
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}

/// A container that runs and neither waits for something nor has ended.
fn is_up(status: &Value) -> bool {
    let is_waiting = !text(status, "state.waiting.reason").is_empty();
    let has_ended = at(status, "state.terminated").is_some();
    !is_waiting && !has_ended && flag(status, "ready") && at(status, "state.running").is_some()
}

/// Goes through the init containers in their order, up to the first that is not through.
fn init(object: &Object<'_>) -> Init {
    let specs = object.list("spec.initContainers");
    let mut init = Init {
        reason: None,
        ready: 0,
        all: Restarts::default(),
        sidecars: Restarts::default(),
    };
    for (index, status) in object
        .list("status.initContainerStatuses")
        .iter()
        .enumerate()
    {
        let name = text(status, "name");
        let is_sidecar = specs
            .iter()
            .any(|one| text(one, "name") == name && is_sidecar(one));
        init.all.add(status);
        if is_sidecar {
            init.sidecars.add(status);
        }
        let ended = at(status, "state.terminated");
        let is_through = ended.is_some_and(|ended| int(ended, "exitCode") == 0);
        let is_started = is_sidecar && flag(status, "started");
        if is_started && !is_through {
            init.ready += usize::from(flag(status, "ready"));
        }
        if !is_through && !is_started {
            let waiting = text(status, "state.waiting.reason");
            let reason = match ended {
                Some(ended) => end_of(ended),
                None if !["", "PodInitializing"].contains(&waiting) => waiting.to_owned(),
                None => format!("{index}/{}", specs.len()),
            };
            init.reason = Some(format!("Init:{reason}"));
            break;
        }
    }
    init
}

/// How a container ended.
fn end_of(terminated: &Value) -> String {
    match (text(terminated, "reason"), int(terminated, "signal")) {
        ("", 0) => format!("ExitCode:{}", int(terminated, "exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// What the ordinary containers say; what the first of them say wins.
fn running(statuses: &[Value], conditions: &[Value], otherwise: String) -> String {
    let (mut reason, mut failure) = (otherwise, None);
    for status in statuses.iter().rev() {
        let waiting = text(status, "state.waiting.reason");
        if !waiting.is_empty() {
            reason = waiting.to_owned();
        } else if let Some(ended) = at(status, "state.terminated") {
            reason = end_of(ended);
            if int(ended, "exitCode") != 0 {
                failure = Some(reason.clone());
            }
        }
    }
    let is_anything_up = statuses.iter().any(is_up);
    // One that is done does not speak for those that are not.
    match reason.as_str() {
        "Completed" if is_anything_up && is_true_anywhere(conditions, "Ready") => "Running".into(),
        "Completed" if failure.is_some() => failure.unwrap_or_default(),
        "Completed" if is_anything_up => "NotReady".to_owned(),
        _ => reason,
    }
}

fn is_true_anywhere(conditions: &[Value], kind: &str) -> bool {
    let is_it = |one: &Value| text(one, "type") == kind && text(one, "status") == "True";
    conditions.iter().any(is_it)
}
