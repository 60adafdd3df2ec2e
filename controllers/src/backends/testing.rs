//! Pods, Nodes and Services for tests.

use crate::runtime::Kind;
use crate::testing::Cluster;
use serde_json::{Value, json};

impl Cluster {
    /// Makes a node in a zone.
    pub async fn node_in(&self, name: &str, zone: &str) {
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}},
        });
        self.create(Kind::Node, "", node).await;
    }

    /// Makes a Pod of an app, on a node (or on none).
    pub async fn pod_of(&self, app: &str, name: &str, node: &str, more: Value) {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": app}},
            "spec": {
                "nodeName": node,
                "containers": [{
                    "name": "c", "image": "i",
                    "ports": [{"name": "web", "containerPort": 8080}],
                }],
            },
        });
        if let (Some(spec), Some(more)) = (pod["spec"].as_object_mut(), more.as_object()) {
            spec.extend(more.clone());
        }
        self.create(Kind::Pod, "default", pod).await;
    }

    /// Gives a Pod an address and readiness.
    pub async fn run_pod(&self, name: &str, ip: &str, is_ready: bool) {
        let status = json!({"status": {
            "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
            "conditions": [{
                "type": "Ready", "status": if is_ready { "True" } else { "False" },
                "lastTransitionTime": "2026-01-01T00:00:01Z",
            }],
        }});
        let key = format!("default/{name}");
        self.patch(Kind::Pod, &key, "status", status).await;
    }

    /// Makes a Service of an app, with these members of its spec.
    pub async fn service_of(&self, app: &str, name: &str, spec: Value) -> Value {
        let mut service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "labels": {"team": "x"}},
            "spec": {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": "web"}]},
        });
        if let (Some(all), Some(more)) = (service["spec"].as_object_mut(), spec.as_object()) {
            all.extend(more.clone());
        }
        self.create(Kind::Service, "default", service).await
    }
}
