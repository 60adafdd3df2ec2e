//! What a node says about itself: the Node, its status, its Lease.

use super::plan::Plan;
use crate::runtime::{micros, seconds};
use serde_json::{Map, Value, json};

/// Where leases of nodes are.
pub const LEASES: &str = "kube-node-lease";
/// Upstream's kubelets renew it each quarter of this.
pub const LEASE_S: i64 = 40;
const VERSION: &str = "v1.35.0";
/// All hollow nodes have it, so that they can be selected.
const LABEL: &str = "keelson.io/hollow";

/// The Node as it registers.
pub fn node(plan: &Plan, position: u32, now_us: i64) -> Value {
    let name = plan.name(position);
    let mut labels = Map::new();
    let usual = [
        ("kubernetes.io/hostname", name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
        ("node.kubernetes.io/instance-type", "hollow"),
        (LABEL, "true"),
    ];
    for (label, value) in usual {
        labels.insert(label.to_owned(), value.into());
    }
    if plan.zones > 0 {
        let zone = format!("zone-{}", (plan.first + position) % plan.zones);
        labels.insert("topology.kubernetes.io/zone".to_owned(), zone.into());
        labels.insert("topology.kubernetes.io/region".to_owned(), "hollow".into());
    }
    for (label, value) in &plan.labels {
        labels.insert(label.clone(), value.as_str().into());
    }
    let mut node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
    });
    node["status"] = status(plan, position, now_us, now_us);
    node
}

/// A patch of the status. `since_us`: since when it is up.
pub fn status_patch(plan: &Plan, position: u32, since_us: i64, now_us: i64) -> Value {
    json!({"status": status(plan, position, since_us, now_us)})
}

fn status(plan: &Plan, position: u32, since_us: i64, now_us: i64) -> Value {
    let name = plan.name(position);
    let hex = |salt: u32| format!("{salt:08x}{:024x}", plan.first + position);
    json!({
        "capacity": plan.capacity,
        "allocatable": plan.capacity,
        "conditions": conditions(since_us, now_us),
        "addresses": [
            {"type": "InternalIP", "address": plan.node_ip(position).to_string()},
            {"type": "Hostname", "address": name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": hex(1),
            "containerRuntimeVersion": "hollow://1",
            "kernelVersion": "hollow",
            "kubeProxyVersion": "",
            "kubeletVersion": VERSION,
            "machineID": hex(2),
            "operatingSystem": "linux",
            "osImage": "Keelson hollow node",
            "systemUUID": hex(3),
        },
        "images": [{"names": ["registry.k8s.io/pause:3.10"], "sizeBytes": 320_000}],
    })
}

fn conditions(since_us: i64, now_us: i64) -> Value {
    let (since, now) = (seconds(since_us), seconds(now_us));
    let all = [
        (
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        (
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        ),
        (
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        (
            "Ready",
            "True",
            "KubeletReady",
            "kubelet is posting ready status",
        ),
    ];
    let condition = |(name, status, reason, message): (&str, &str, &str, &str)| {
        json!({
            "type": name,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": since,
        })
    };
    all.map(condition).into_iter().collect()
}

/// The Lease of a node that has this uid.
pub fn lease(name: &str, uid: &str, now_us: i64) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": name,
            "namespace": LEASES,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}],
        },
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_S,
            "renewTime": micros(now_us),
        },
    })
}

/// A patch that renews it.
pub fn renewal(name: &str, now_us: i64) -> Value {
    json!({"spec": {
        "holderIdentity": name,
        "leaseDurationSeconds": LEASE_S,
        "renewTime": micros(now_us),
    }})
}
