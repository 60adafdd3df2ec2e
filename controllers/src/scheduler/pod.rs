//! A Pod as the scheduler sees it: everything that decisions rest on, read once.

use super::amount::{self, Amounts};
use super::plugins::pods::Affinities;
use super::plugins::spread::Constraint;
use super::selector::{Required, Term, preferred};
use crate::objects::{Key, Pod};
use std::sync::Arc;

/// The scheduler that Pods ask for when they mean this one.
pub const NAME: &str = "default-scheduler";

/// See the module.
#[derive(Clone, Debug)]
pub struct PodInfo {
    /// Which Pod.
    pub key: Key,
    /// The object.
    pub pod: Arc<Pod>,
    /// What is set aside for it.
    pub requests: Amounts,
    /// The CPU, in thousandths, that it counts as in scores.
    pub scored_cpu_m: i64,
    /// The memory, in bytes, that it counts as in scores.
    pub scored_memory: i64,
    /// Higher ones go first.
    pub priority: i32,
    /// The ports of its node that it takes.
    pub ports: Vec<HostPort>,
    /// Where it must be.
    pub required: Required,
    /// Where it would rather be.
    pub preferred: Vec<(i64, Term)>,
    /// The images of its containers, with tags, one for each container.
    pub images: Vec<String>,
    /// Over which domains it is spread.
    pub spread: Vec<Constraint>,
    /// What it says of other Pods.
    pub affinities: Affinities,
}

impl PodInfo {
    /// Reads a Pod.
    pub fn of(pod: &Arc<Pod>) -> PodInfo {
        let spec = &pod.spec;
        let affinity = spec.affinity.as_ref();
        let (scored_cpu_m, scored_memory) = amount::scored(spec);
        let containers = || spec.init_containers.iter().chain(&spec.containers);
        PodInfo {
            key: pod.metadata.key(),
            requests: amount::requests(spec),
            scored_cpu_m,
            scored_memory,
            priority: spec.priority.unwrap_or_default(),
            ports: HostPort::all(pod),
            required: Required::of(&spec.node_selector, affinity),
            preferred: preferred(affinity),
            images: containers().map(|one| tagged(&one.image)).collect(),
            spread: Constraint::all(pod),
            affinities: Affinities::of(pod),
            pod: pod.clone(),
        }
    }

    /// Whether it is the same Pod, and not another one of its name.
    pub fn is_same(&self, other: &Pod) -> bool {
        self.pod.metadata.uid == other.metadata.uid
    }

    /// Whether a change of the Pod itself is one that scheduling it could notice.
    pub fn differs(&self, other: &PodInfo) -> bool {
        let (own, new) = (&self.pod, &other.pod);
        own.metadata.uid != new.metadata.uid
            || own.metadata.labels != new.metadata.labels
            || own.spec.tolerations != new.spec.tolerations
            || own.spec.scheduling_gates != new.spec.scheduling_gates
            || self.requests != other.requests
            || self.required != other.required
    }

    /// Whether something must happen before it may be scheduled.
    pub fn is_gated(&self) -> bool {
        !self.pod.spec.scheduling_gates.is_empty()
    }

    /// Whether this scheduler is to find a node for it.
    pub fn is_ours(pod: &Pod) -> bool {
        pod.spec.scheduler_name == NAME && !pod.is_bound() && pod.is_active()
    }
}

/// A port of the node that a Pod takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The address; `0.0.0.0`: all of them.
    pub ip: String,
    /// The number.
    pub port: i32,
}

impl HostPort {
    fn all(pod: &Pod) -> Vec<HostPort> {
        let or = |text: &str, other: &str| match text {
            "" => other.to_owned(),
            text => text.to_owned(),
        };
        let spec = &pod.spec;
        // Of the init containers, those that stay.
        let staying = spec.init_containers.iter();
        let staying = staying.filter(|one| one.restart_policy.as_deref() == Some("Always"));
        let ports = staying.chain(&spec.containers).flat_map(|one| &one.ports);
        let ports = ports.filter(|port| port.host_port > 0);
        ports
            .map(|port| HostPort {
                protocol: or(&port.protocol, "TCP"),
                ip: or(&port.host_ip, "0.0.0.0"),
                port: port.host_port,
            })
            .collect()
    }

    /// Whether both cannot be taken on the same node.
    pub fn conflicts(&self, other: &HostPort) -> bool {
        const ANY: &str = "0.0.0.0";
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || self.ip == ANY || other.ip == ANY)
    }
}

/// The name of an image with its tag, which is `latest` if it has none.
pub fn tagged(image: &str) -> String {
    match image.rfind(':') > image.rfind('/') {
        true => image.to_owned(),
        false => format!("{image}:latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_is_the_latest_and_the_port_of_a_registry_is_no_tag() {
        assert_eq!(tagged("nginx"), "nginx:latest");
        assert_eq!(
            tagged("localhost:5000/nginx"),
            "localhost:5000/nginx:latest"
        );
        assert_eq!(tagged("localhost:5000/nginx:1"), "localhost:5000/nginx:1");
    }
}
