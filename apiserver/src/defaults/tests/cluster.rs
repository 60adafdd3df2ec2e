//! Services, storage, and what is about the cluster.

use super::defaulted;
use serde_json::{Value, json};

/// Kinds, what is given, and what becomes of it.
fn check(cases: Vec<(&str, Value, Value)>) {
    for (id, given, expected) in cases {
        assert_eq!(defaulted(id, given), expected, "{id}");
    }
}

#[test]
fn services() {
    let service = |spec: Value| defaulted("v1/Service", json!({"spec": spec}))["spec"].clone();
    assert_eq!(
        service(
            json!({"ports": [{"port": 80, "targetPort": 0}, {"port": 81, "targetPort": "http", "protocol": "UDP"}]})
        ),
        json!({
            "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            "ports": [
                {"port": 80, "targetPort": 80, "protocol": "TCP"},
                {"port": 81, "targetPort": "http", "protocol": "UDP"}
            ]
        })
    );
    for (given, field, expected) in [
        (
            json!({"type": "NodePort"}),
            "externalTrafficPolicy",
            json!("Cluster"),
        ),
        (
            json!({"type": "LoadBalancer"}),
            "externalTrafficPolicy",
            json!("Cluster"),
        ),
        (
            json!({"type": "LoadBalancer"}),
            "allocateLoadBalancerNodePorts",
            json!(true),
        ),
        (
            json!({"externalIPs": ["1.2.3.4"]}),
            "externalTrafficPolicy",
            json!("Cluster"),
        ),
        (json!({}), "externalTrafficPolicy", Value::Null),
        (
            json!({"type": "ExternalName"}),
            "internalTrafficPolicy",
            Value::Null,
        ),
        (
            json!({"type": "ExternalName", "externalIPs": ["1.2.3.4"]}),
            "externalTrafficPolicy",
            Value::Null,
        ),
        (
            json!({"sessionAffinity": "ClientIP"}),
            "sessionAffinityConfig",
            json!({"clientIP": {"timeoutSeconds": 10800}}),
        ),
        (
            json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 1}}}),
            "sessionAffinityConfig",
            json!({"clientIP": {"timeoutSeconds": 1}}),
        ),
        (
            json!({"sessionAffinityConfig": {"clientIP": {}}}),
            "sessionAffinityConfig",
            Value::Null,
        ),
    ] {
        let spec = service(given.clone());
        assert_eq!(
            spec.get(field).cloned().unwrap_or_default(),
            expected,
            "{given}"
        );
    }
    let ingress = json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "x"}]}});
    let given = json!({"spec": {"type": "LoadBalancer"}, "status": ingress});
    let expected = json!([{"ip": "1.2.3.4", "ipMode": "VIP"}, {"hostname": "x"}]);
    assert_eq!(
        defaulted("v1/Service", given)["status"]["loadBalancer"]["ingress"],
        expected
    );
}

#[test]
fn the_network() {
    check(vec![
        (
            "v1/Endpoints",
            json!({"subsets": [{"ports": [{"port": 1}]}]}),
            json!({"subsets": [{"ports": [{"port": 1, "protocol": "TCP"}]}]}),
        ),
        (
            "discovery.k8s.io/v1/EndpointSlice",
            json!({"ports": [{"port": 1}, {"name": "a", "protocol": "UDP"}]}),
            json!({"ports": [{"port": 1, "name": "", "protocol": "TCP"}, {"name": "a", "protocol": "UDP"}]}),
        ),
        (
            "networking.k8s.io/v1/NetworkPolicy",
            json!({"spec": {"ingress": [{"ports": [{"port": 1}]}]}}),
            json!({"spec": {"ingress": [{"ports": [{"port": 1, "protocol": "TCP"}]}], "policyTypes": ["Ingress"]}}),
        ),
        (
            "networking.k8s.io/v1/NetworkPolicy",
            json!({"spec": {"egress": [{}]}}),
            json!({"spec": {"egress": [{}], "policyTypes": ["Ingress", "Egress"]}}),
        ),
        (
            "networking.k8s.io/v1/IngressClass",
            json!({"spec": {"parameters": {"name": "x"}}}),
            json!({"spec": {"parameters": {"name": "x", "scope": "Cluster"}}}),
        ),
        (
            // A path must say how it is meant.
            "networking.k8s.io/v1/Ingress",
            json!({"spec": {"rules": [{"http": {"paths": [{"path": "/"}]}}]}}),
            json!({"spec": {"rules": [{"http": {"paths": [{"path": "/"}]}}]}}),
        ),
    ]);
}

#[test]
fn storage() {
    check(vec![
        (
            "v1/PersistentVolume",
            json!({"spec": {"hostPath": {"path": "/"}, "capacity": {"storage": "1u"}}, "status": {}}),
            json!({
                "spec": {
                    "hostPath": {"path": "/", "type": ""}, "capacity": {"storage": "1m"},
                    "persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"
                },
                "status": {"phase": "Pending"}
            }),
        ),
        (
            "v1/PersistentVolumeClaim",
            json!({"spec": {"volumeMode": "Block", "resources": {"requests": {"storage": "1n"}}}, "status": {}}),
            json!({
                "spec": {"volumeMode": "Block", "resources": {"requests": {"storage": "1m"}}},
                "status": {"phase": "Pending"}
            }),
        ),
        (
            "storage.k8s.io/v1/StorageClass",
            json!({"provisioner": "x"}),
            json!({"provisioner": "x", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}),
        ),
        (
            "storage.k8s.io/v1/CSIDriver",
            json!({"spec": {"attachRequired": false}}),
            json!({"spec": {
                "attachRequired": false, "podInfoOnMount": false, "storageCapacity": false,
                "fsGroupPolicy": "ReadWriteOnceWithFSType", "volumeLifecycleModes": ["Persistent"],
                "requiresRepublish": false, "seLinuxMount": false
            }}),
        ),
    ]);
}

#[test]
fn core_kinds() {
    check(vec![
        (
            "v1/Namespace",
            json!({"metadata": {"name": "x", "labels": {"kubernetes.io/metadata.name": "y"}}, "status": {}}),
            json!({"metadata": {"name": "x", "labels": {"kubernetes.io/metadata.name": "x"}}, "status": {"phase": "Active"}}),
        ),
        (
            "v1/Namespace",
            json!({"metadata": {"generateName": "x-"}, "status": {"phase": "Terminating"}}),
            json!({"metadata": {"generateName": "x-"}, "status": {"phase": "Terminating"}}),
        ),
        (
            "v1/Node",
            json!({"status": {"capacity": {"cpu": "4"}}}),
            json!({"status": {"capacity": {"cpu": "4"}, "allocatable": {"cpu": "4"}}}),
        ),
        (
            "v1/Node",
            json!({"status": {"capacity": {"cpu": "4", "x": "1"}, "allocatable": {"cpu": "3"}}}),
            json!({"status": {"capacity": {"cpu": "4", "x": "1"}, "allocatable": {"cpu": "3"}}}),
        ),
        ("v1/Secret", json!({}), json!({"type": "Opaque"})),
        ("v1/Secret", json!({"type": "x"}), json!({"type": "x"})),
        (
            "v1/ResourceQuota",
            json!({"spec": {"hard": {"cpu": "1500u"}}}),
            json!({"spec": {"hard": {"cpu": "2m"}}}),
        ),
        (
            "v1/LimitRange",
            json!({"spec": {"limits": [
                {"type": "Container", "max": {"cpu": "2", "memory": "1Gi"}, "min": {"cpu": "1", "x": "5"}, "default": {"cpu": "1"}},
                {"type": "Pod", "max": {"cpu": "2"}},
                {"type": "Container"}
            ]}}),
            json!({"spec": {"limits": [
                {
                    "type": "Container", "max": {"cpu": "2", "memory": "1Gi"}, "min": {"cpu": "1", "x": "5"},
                    "default": {"cpu": "1", "memory": "1Gi"},
                    "defaultRequest": {"cpu": "1", "memory": "1Gi", "x": "5"}
                },
                {"type": "Pod", "max": {"cpu": "2"}},
                {"type": "Container"}
            ]}}),
        ),
        (
            "scheduling.k8s.io/v1/PriorityClass",
            json!({"value": 1}),
            json!({"value": 1, "preemptionPolicy": "PreemptLowerPriority"}),
        ),
        (
            "rbac.authorization.k8s.io/v1/RoleBinding",
            json!({
                "roleRef": {"kind": "Role", "name": "x", "apiGroup": ""},
                "subjects": [{"kind": "User"}, {"kind": "Group", "apiGroup": ""}, {"kind": "ServiceAccount"}]
            }),
            json!({
                "roleRef": {"kind": "Role", "name": "x", "apiGroup": "rbac.authorization.k8s.io"},
                "subjects": [
                    {"kind": "User", "apiGroup": "rbac.authorization.k8s.io"},
                    {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io"},
                    {"kind": "ServiceAccount"}
                ]
            }),
        ),
    ]);
}

#[test]
fn what_extends_the_api() {
    let webhook = json!({
        "name": "x", "failurePolicy": "Fail", "matchPolicy": "Equivalent",
        "namespaceSelector": {}, "objectSelector": {}, "sideEffects": "Unknown",
        "timeoutSeconds": 10, "admissionReviewVersions": ["v1"],
        "rules": [{"scope": "*"}], "clientConfig": {"service": {"port": 443}}
    });
    let given =
        json!({"webhooks": [{"name": "x", "rules": [{}], "clientConfig": {"service": {}}}]});
    let mut mutating = webhook.clone();
    mutating["reinvocationPolicy"] = json!("Never");
    let matching = json!({
        "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
        "resourceRules": [{"scope": "*"}]
    });
    check(vec![
        (
            "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration",
            given.clone(),
            json!({"webhooks": [webhook]}),
        ),
        (
            "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration",
            given,
            json!({"webhooks": [mutating]}),
        ),
        (
            "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy",
            json!({"spec": {"matchConstraints": {"resourceRules": [{}]}}}),
            json!({"spec": {"failurePolicy": "Fail", "matchConstraints": matching}}),
        ),
        (
            "apiregistration.k8s.io/v1/APIService",
            json!({"spec": {"service": {"name": "x"}}}),
            json!({"spec": {"service": {"name": "x", "port": 443}}}),
        ),
        (
            "apiextensions.k8s.io/v1/CustomResourceDefinition",
            json!({"spec": {"names": {"kind": "CronTab"}}}),
            json!({"spec": {
                "names": {"kind": "CronTab", "singular": "crontab", "listKind": "CronTabList"},
                "conversion": {"strategy": "None"}
            }}),
        ),
        (
            "flowcontrol.apiserver.k8s.io/v1/FlowSchema",
            json!({"spec": {"matchingPrecedence": 0}}),
            json!({"spec": {"matchingPrecedence": 1000}}),
        ),
        (
            "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration",
            json!({"spec": {"limited": {"limitResponse": {"queuing": {}}}}}),
            json!({"spec": {"limited": {
                "nominalConcurrencyShares": 30, "lendablePercent": 0,
                "limitResponse": {"queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50}}
            }}}),
        ),
        (
            "authentication.k8s.io/v1/TokenRequest",
            json!({"spec": {}}),
            json!({"spec": {"expirationSeconds": 3600}}),
        ),
    ]);
}
