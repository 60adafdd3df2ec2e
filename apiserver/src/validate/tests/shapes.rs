//! Whatever the shape of an object is, checking it ends with a list and not with a panic.

use super::*;

const KINDS: &[&str] = &[
    "v1/Pod",
    "v1/PodTemplate",
    "v1/ReplicationController",
    "v1/Service",
    "v1/Endpoints",
    "v1/ConfigMap",
    "v1/Secret",
    "v1/ServiceAccount",
    "v1/Namespace",
    "v1/Node",
    "v1/LimitRange",
    "v1/ResourceQuota",
    "v1/PersistentVolumeClaim",
    "v1/PersistentVolume",
    "v1/Event",
    "apps/v1/Deployment",
    "apps/v1/ReplicaSet",
    "apps/v1/DaemonSet",
    "apps/v1/StatefulSet",
    "apps/v1/ControllerRevision",
    "batch/v1/Job",
    "batch/v1/CronJob",
    "autoscaling/v2/HorizontalPodAutoscaler",
    "policy/v1/PodDisruptionBudget",
    "networking.k8s.io/v1/Ingress",
    "networking.k8s.io/v1/IngressClass",
    "networking.k8s.io/v1/NetworkPolicy",
    "discovery.k8s.io/v1/EndpointSlice",
    "rbac.authorization.k8s.io/v1/Role",
    "rbac.authorization.k8s.io/v1/ClusterRole",
    "rbac.authorization.k8s.io/v1/RoleBinding",
    "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
    "scheduling.k8s.io/v1/PriorityClass",
    "coordination.k8s.io/v1/Lease",
    "node.k8s.io/v1/RuntimeClass",
    "storage.k8s.io/v1/StorageClass",
    "example.com/v1/Whatever",
];

#[test]
fn odd_shapes_are_refused_and_nothing_panics() {
    let values = [
        json!(null),
        json!(-1),
        json!(9e99),
        json!("é"),
        json!([]),
        json!([null, 1, "x", {}]),
        json!({"": null, "x": [], "spec": {}}),
    ];
    for id in KINDS {
        let gvk = gvk(id);
        for value in &values {
            let objects = [
                value.clone(),
                json!({"metadata": value, "spec": value, "status": value, "data": value}),
                json!({"spec": {
                    "containers": [value], "volumes": [value], "ports": [value], "template": value,
                    "selector": value, "schedule": value, "jobTemplate": value, "limits": [value],
                    "hard": value, "rules": [value], "taints": [value], "metrics": [value],
                }}),
                json!({"spec": {"template": {"spec": {"containers": [{
                    "env": value, "ports": value, "resources": value, "livenessProbe": value,
                    "volumeMounts": [value], "securityContext": value,
                }], "affinity": value, "tolerations": [value]}}}}),
            ];
            for object in &objects {
                assert!(!create(&gvk, object).is_empty(), "{id} {object}");
                for old in &objects {
                    let _ = update(&gvk, object, old);
                    let _ = update_status(&gvk, object, old);
                }
            }
        }
    }
}
