//! Pods, as far as loops look at them.

use super::meta::{Condition, Meta, is_true};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A Pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Its metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: PodSpec,
    /// What is.
    pub status: PodStatus,
}

/// What is wanted of a Pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The node it is bound to; empty: none yet.
    pub node_name: String,
    /// Who binds it.
    pub scheduler_name: String,
    /// `Always`, `OnFailure` or `Never`.
    pub restart_policy: String,
    /// Labels its node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Where it may and wants to be.
    pub affinity: Option<Value>,
    /// Taints it bears.
    pub tolerations: Vec<Toleration>,
    /// Over which domains it is spread.
    pub topology_spread_constraints: Vec<Value>,
    /// What must happen before it is scheduled.
    pub scheduling_gates: Vec<Value>,
    /// What runs.
    pub containers: Vec<Container>,
    /// What runs before.
    pub init_containers: Vec<Container>,
    /// What it needs beside its containers.
    pub overhead: BTreeMap<String, Value>,
    /// Needs of the Pod as a whole.
    pub resources: Option<Resources>,
    /// Higher ones go first.
    pub priority: Option<i32>,
    /// The name of its class.
    pub priority_class_name: String,
    /// `Never` or `PreemptLowerPriority`.
    pub preemption_policy: Option<String>,
    /// It has the addresses of its node.
    pub host_network: bool,
    /// How long it may take to stop.
    pub termination_grace_period_seconds: Option<i64>,
    /// How long it may run.
    pub active_deadline_seconds: Option<i64>,
    /// Its host name.
    pub hostname: String,
    /// The domain its host name is in.
    pub subdomain: String,
    /// Its volumes, as they are stored.
    pub volumes: Vec<Value>,
}

/// A taint that a Pod bears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Toleration {
    /// Empty with `Exists`: all.
    pub key: String,
    /// `Exists` or `Equal`, which is meant if it is empty.
    pub operator: String,
    /// Compared by `Equal`.
    pub value: String,
    /// Empty: all effects.
    pub effect: String,
    /// How long it bears `NoExecute`; `None`: for ever.
    pub toleration_seconds: Option<i64>,
}

/// A container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub image: String,
    /// What it needs and may take.
    pub resources: Resources,
    /// Where it listens.
    pub ports: Vec<ContainerPort>,
    /// Of an init container: `Always` makes it run beside the others.
    pub restart_policy: Option<String>,
    /// Its readiness probe, as it is stored.
    pub readiness_probe: Option<Value>,
}

/// Needs and limits, as quantities.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// What is set aside for it.
    pub requests: BTreeMap<String, Value>,
    /// What it may take.
    pub limits: BTreeMap<String, Value>,
}

/// A port of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// Its name.
    pub name: String,
    /// The number inside.
    pub container_port: i32,
    /// The number on the node; 0: none.
    pub host_port: i32,
    /// The address on the node.
    #[serde(rename = "hostIP")]
    pub host_ip: String,
    /// `TCP`, which is meant if it is empty, `UDP` or `SCTP`.
    pub protocol: String,
}

/// What a Pod is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// One word about the phase.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// Its address.
    #[serde(rename = "podIP")]
    pub pod_ip: String,
    /// Its addresses.
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<PodIp>,
    /// The address of its node.
    #[serde(rename = "hostIP")]
    pub host_ip: String,
    /// Since when its node knows it: RFC 3339.
    pub start_time: Option<String>,
    /// How its containers are.
    pub container_statuses: Vec<ContainerStatus>,
    /// How its init containers are.
    pub init_container_statuses: Vec<ContainerStatus>,
    /// The node where room is being made for it.
    pub nominated_node_name: String,
}

/// One address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PodIp {
    /// The address.
    pub ip: String,
}

/// How a container is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// How often it was started again.
    pub restart_count: i32,
    /// It serves.
    pub ready: bool,
    /// `waiting`, `running` or `terminated`, as it is stored.
    pub state: Option<Value>,
    /// How it last ended, as it is stored.
    pub last_state: Option<Value>,
}

impl Pod {
    /// It has ended for good.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// It has neither ended nor is it going.
    pub fn is_active(&self) -> bool {
        !self.is_finished() && !self.metadata.is_deleting()
    }

    /// It serves.
    pub fn is_ready(&self) -> bool {
        is_true(&self.status.conditions, "Ready")
    }

    /// It has a node.
    pub fn is_bound(&self) -> bool {
        !self.spec.node_name.is_empty()
    }
}
