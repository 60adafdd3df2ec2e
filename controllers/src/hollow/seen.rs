//! Pods and Nodes as far as hollow nodes look at them. Both are parsed for every event, so they have no
//! field more than needed.

use keelson_apiserver::canonical::parse_duration;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// A Pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Who it is, and what is wished of hollow nodes.
    pub metadata: PodMeta,
    /// What is wanted.
    pub spec: PodSpec,
    /// What has been said about it.
    pub status: PodStatus,
}

/// Who a Pod is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodMeta {
    /// Where it is.
    pub namespace: String,
    /// Its name there.
    pub name: String,
    /// Which of all that ever had the name.
    pub uid: String,
    /// Its revision.
    pub resource_version: String,
    /// Which edition of the spec.
    pub generation: i64,
    /// It is to go.
    pub deletion_timestamp: Option<String>,
    /// What is wished of hollow nodes.
    #[serde(rename = "annotations")]
    pub wishes: Wishes,
}

/// Annotations by which a Pod decides what becomes of it on a hollow node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// How long its containers run if they run to an end, like `90s`; `forever`.
    #[serde(rename = "keelson.io/run-for")]
    pub run_for: Option<String>,
    /// The exit code of its containers when they have run to their end.
    #[serde(rename = "keelson.io/exit-code")]
    pub exit_code: Option<String>,
    /// `false`: it runs, but is not ready.
    #[serde(rename = "keelson.io/ready")]
    pub ready: Option<String>,
    /// `image-pull`: no image of it can be had.
    #[serde(rename = "keelson.io/fail")]
    pub fail: Option<String>,
}

/// What is wanted of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Its node.
    pub node_name: String,
    /// `Always`, `OnFailure` or `Never`.
    pub restart_policy: String,
    /// It has the addresses of its node.
    pub host_network: bool,
    /// What runs.
    pub containers: Vec<Container>,
    /// What runs before, or beside the others.
    pub init_containers: Vec<Container>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub image: String,
    /// Of an init container: `Always` makes it run beside the others.
    pub restart_policy: Option<String>,
}

/// What has been said about a Pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// Its phase.
    pub phase: String,
    /// Its address.
    #[serde(rename = "podIP")]
    pub pod_ip: String,
    /// Since when its node knows it.
    pub start_time: Option<String>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// How its containers are.
    pub container_statuses: Vec<ContainerStatus>,
}

/// A condition of a Pod or a Node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// Which.
    pub r#type: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Since when.
    pub last_transition_time: Option<String>,
}

/// How a container is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// Which run of it this is.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// How often it was started again.
    pub restart_count: i64,
    /// It serves.
    pub ready: bool,
    /// How it is.
    pub state: State,
    /// How it ended before, as it is stored.
    pub last_state: Option<Value>,
}

/// How a container is; at most one of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct State {
    /// It does not run yet.
    pub waiting: Option<Waiting>,
    /// It runs.
    pub running: Option<Running>,
    /// It has ended, as it is stored.
    pub terminated: Option<Value>,
}

/// Why a container does not run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// One word.
    pub reason: String,
}

/// A container that runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Running {
    /// Since when.
    pub started_at: Option<String>,
}

/// A Node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Who it is.
    pub metadata: NodeMeta,
    /// What is wanted.
    pub spec: NodeSpec,
    /// What is.
    pub status: NodeStatus,
}

/// Who a Node is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeMeta {
    /// Its name.
    pub name: String,
    /// Which of all that ever had the name.
    pub uid: String,
    /// Its revision.
    pub resource_version: String,
    /// What is wished of it.
    #[serde(rename = "annotations")]
    pub wishes: NodeWishes,
}

/// Annotations by which users make a hollow node fail.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NodeWishes {
    /// `true`: it is down.
    #[serde(rename = "keelson.io/fail")]
    pub fail: Option<String>,
}

/// What is wanted of a Node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// Addresses of its Pods.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: String,
}

/// What a Node is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

impl Node {
    /// It is said to be ready.
    pub fn is_ready(&self) -> bool {
        let ready = self
            .status
            .conditions
            .iter()
            .find(|one| one.r#type == "Ready");
        ready.is_some_and(|ready| ready.status == "True")
    }
}

/// A revision as a number; 0 for what is none.
pub(super) fn revision(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

/// Reads a time as Go writes it, like `500ms`, `1.5s`, `2m`, `1h30m`.
pub fn duration(text: &str) -> Option<Duration> {
    let nanos = parse_duration(text.trim()).ok()?;
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, ms) in [
            ("500ms", 500),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "7", "forever", "5 s", "-1s", "1d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
