//! What is said about a Pod: a strategic merge patch, in the shape in which a kubelet says it.

use super::container_status::{self, Mode, STOPPED};
use super::look;
use super::seen::{Container, Pod};
use super::stage::Saying;
use serde_json::{Value, json};

/// What only the node knows.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// RFC 3339.
    pub now: &'a str,
    /// The address of the node.
    pub host_ip: &'a str,
    /// The address of the Pod, if it has one.
    pub pod_ip: Option<&'a str>,
}

/// The patch. It takes effect on this very Pod, and on no later one of its name.
pub fn patch(pod: &Pod, saying: Saying, facts: &Facts<'_>) -> Value {
    let ends = Ending::of(pod, saying);
    let mut status = json!({
        "phase": ends.phase(saying),
        "startTime": pod.status.start_time.as_deref().unwrap_or(facts.now),
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
        "conditions": conditions(pod, saying, ends, facts),
        "containerStatuses": containers(pod, saying, facts),
    });
    if !pod.spec.init_containers.is_empty() {
        status["initContainerStatuses"] = init_containers(pod, saying, facts);
    }
    if let Some(ip) = facts.pod_ip {
        status["podIP"] = ip.into();
        status["podIPs"] = json!([{"ip": ip}]);
    }
    if pod.metadata.generation > 0 {
        status["observedGeneration"] = pod.metadata.generation.into();
    }
    json!({"metadata": {"uid": pod.metadata.uid}, "status": status})
}

/// How a Pod ends by what is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Not,
    Succeeded,
    Failed,
}

impl Ending {
    fn of(pod: &Pod, saying: Saying) -> Ending {
        match saying {
            Saying::Finished if look::exit_code(pod) == 0 => Ending::Succeeded,
            Saying::Finished | Saying::Stopped => Ending::Failed,
            _ => Ending::Not,
        }
    }

    fn phase(self, saying: Saying) -> &'static str {
        match (self, saying) {
            (Ending::Succeeded, _) => "Succeeded",
            (Ending::Failed, _) => "Failed",
            (Ending::Not, Saying::Running | Saying::Crashed) => "Running",
            (Ending::Not, _) => "Pending",
        }
    }
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn mode(pod: &Pod, container: &Container, saying: Saying) -> Mode {
    let is_ready = pod.metadata.wishes.ready.as_deref() != Some("false");
    let lacks_image = look::lacks(pod, &container.image);
    match saying {
        Saying::Creating if pod.spec.init_containers.is_empty() => Mode::Creating,
        Saying::Creating => Mode::Initializing,
        Saying::PullError if lacks_image => Mode::PullError,
        Saying::PullBackOff if lacks_image => Mode::PullBackOff,
        Saying::PullError | Saying::PullBackOff => Mode::Running { is_ready: true },
        Saying::Running => Mode::Running { is_ready },
        Saying::Finished => Mode::Ended {
            code: look::exit_code(pod),
        },
        Saying::Crashed => Mode::Crashed {
            code: look::exit_code(pod),
        },
        Saying::Stopped => Mode::Ended { code: STOPPED },
    }
}

fn containers(pod: &Pod, saying: Saying, facts: &Facts<'_>) -> Value {
    let all = pod.spec.containers.iter().map(|container| {
        let mut before = pod.status.container_statuses.iter();
        let before = before.find(|before| before.name == container.name);
        container_status::status(pod, container, before, mode(pod, container, saying), facts)
    });
    all.collect()
}

fn init_containers(pod: &Pod, saying: Saying, facts: &Facts<'_>) -> Value {
    // They come first, and nothing is said about them again later.
    let began = pod.status.start_time.as_deref().unwrap_or(facts.now);
    let early = Facts {
        now: began,
        ..*facts
    };
    let all = pod.spec.init_containers.iter().map(|container| {
        let mode = match saying {
            Saying::Creating => Mode::Initializing,
            Saying::Finished | Saying::Stopped => Mode::Ended { code: 0 },
            _ => Mode::Running { is_ready: true },
        };
        match is_sidecar(container) || saying == Saying::Creating {
            true => container_status::status(pod, container, None, mode, &early),
            false => container_status::initialized(pod, container, &early),
        }
    });
    all.collect()
}

/// One condition: type, status, reason and message.
type Said = (&'static str, bool, &'static str, String);

fn conditions(pod: &Pod, saying: Saying, ends: Ending, facts: &Facts<'_>) -> Value {
    let has_sandbox = saying != Saying::Creating && ends == Ending::Not;
    let ready = ready(pod, saying, ends);
    let all: [Said; 4] = [
        ("PodReadyToStartContainers", has_sandbox, "", String::new()),
        initialized(pod, saying, ends),
        ("Ready", ready.0, ready.1, ready.2.clone()),
        ("ContainersReady", ready.0, ready.1, ready.2),
    ];
    all.into_iter()
        .map(|said| condition(pod, said, facts))
        .collect()
}

fn initialized(pod: &Pod, saying: Saying, ends: Ending) -> Said {
    let waits = pod.spec.init_containers.iter();
    let waits: Vec<&str> = waits.map(|container| container.name.as_str()).collect();
    match (saying, ends) {
        (Saying::Creating, _) if !waits.is_empty() => {
            let message = format!("containers with incomplete status: [{}]", waits.join(" "));
            ("Initialized", false, "ContainersNotInitialized", message)
        }
        (_, Ending::Succeeded) => ("Initialized", true, "PodCompleted", String::new()),
        _ => ("Initialized", true, "", String::new()),
    }
}

fn ready(pod: &Pod, saying: Saying, ends: Ending) -> (bool, &'static str, String) {
    match ends {
        Ending::Succeeded => return (false, "PodCompleted", String::new()),
        Ending::Failed => return (false, "PodFailed", String::new()),
        Ending::Not => {}
    }
    let serves = Mode::Running { is_ready: true };
    let all = pod.spec.containers.iter();
    let unready = all.filter(|container| mode(pod, container, saying) != serves);
    let unready: Vec<&str> = unready.map(|container| container.name.as_str()).collect();
    match unready.is_empty() {
        true => (true, "", String::new()),
        false => {
            let message = format!("containers with unready status: [{}]", unready.join(" "));
            (false, "ContainersNotReady", message)
        }
    }
}

fn condition(pod: &Pod, said: Said, facts: &Facts<'_>) -> Value {
    let (name, is_true, reason, message) = said;
    let status = if is_true { "True" } else { "False" };
    let before = pod.status.conditions.iter().find(|one| one.r#type == name);
    let since = before.filter(|before| before.status == status);
    let since = since.and_then(|before| before.last_transition_time.as_deref());
    let mut condition = json!({
        "type": name,
        "status": status,
        "lastTransitionTime": since.unwrap_or(facts.now),
    });
    for (field, text) in [("reason", reason), ("message", &message)] {
        match (text.is_empty(), before.is_some()) {
            (false, _) => condition[field] = text.into(),
            // What was said before would stay.
            (true, true) => condition[field] = Value::Null,
            (true, false) => {}
        }
    }
    if pod.metadata.generation > 0 {
        condition["observedGeneration"] = pod.metadata.generation.into();
    }
    condition
}
