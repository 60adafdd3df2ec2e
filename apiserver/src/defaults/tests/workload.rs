//! Kinds that make Pods.

use super::{defaulted, with_pod_defaults};
use serde_json::{Value, json};

fn spec(id: &str, spec: Value) -> Value {
    defaulted(id, json!({"metadata": {"name": "x"}, "spec": spec}))["spec"].clone()
}

fn template() -> Value {
    json!({"spec": with_pod_defaults(json!({}))})
}

#[test]
fn deployments() {
    assert_eq!(
        spec(
            "apps/v1/Deployment",
            json!({"strategy": {}, "template": {"spec": {}}})
        ),
        json!({
            "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}
            },
            "template": template()
        })
    );
    let chosen = json!({
        "replicas": 0, "revisionHistoryLimit": 0, "progressDeadlineSeconds": 1,
        "strategy": {"type": "Recreate"}, "template": template()
    });
    assert_eq!(spec("apps/v1/Deployment", chosen.clone()), chosen);
    let rolling = json!({"strategy": {"rollingUpdate": {"maxSurge": 0}}});
    let expected = json!({"maxUnavailable": "25%", "maxSurge": 0});
    let spec = spec("apps/v1/Deployment", rolling);
    assert_eq!(spec["strategy"]["rollingUpdate"], expected);
}

#[test]
fn replica_sets_and_replication_controllers() {
    let given = json!({"template": {"spec": {}}});
    let expected = json!({"replicas": 1, "template": template()});
    assert_eq!(spec("apps/v1/ReplicaSet", given), expected);

    let given = json!({"metadata": {"name": "x"}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}}}});
    let controller = defaulted("v1/ReplicationController", given);
    assert_eq!(controller["metadata"]["labels"], json!({"a": "b"}));
    assert_eq!(controller["spec"]["selector"], json!({"a": "b"}));
    let given = json!({
        "metadata": {"name": "x", "labels": {"c": "d"}},
        "spec": {"selector": {"e": "f"}, "template": {"metadata": {"labels": {"a": "b"}}}}
    });
    let controller = defaulted("v1/ReplicationController", given);
    assert_eq!(controller["metadata"]["labels"], json!({"c": "d"}));
    assert_eq!(controller["spec"]["selector"], json!({"e": "f"}));
}

#[test]
fn daemon_sets() {
    assert_eq!(
        spec(
            "apps/v1/DaemonSet",
            json!({"updateStrategy": {}, "template": {"spec": {}}})
        ),
        json!({
            "revisionHistoryLimit": 10, "template": template(),
            "updateStrategy": {
                "type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}
            }
        })
    );
    let chosen = spec(
        "apps/v1/DaemonSet",
        json!({"updateStrategy": {"type": "OnDelete"}}),
    );
    assert_eq!(chosen["updateStrategy"], json!({"type": "OnDelete"}));
}

#[test]
fn stateful_sets() {
    assert_eq!(
        spec(
            "apps/v1/StatefulSet",
            json!({
                "updateStrategy": {}, "template": {"spec": {}},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}, "status": {}}]
            })
        ),
        json!({
            "replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady",
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "template": template(),
            "volumeClaimTemplates": [{
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                "spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}
            }]
        })
    );
    // Who names the strategy gets no parameters, but parameters are filled in.
    for (given, expected) in [
        (
            json!({"type": "RollingUpdate"}),
            json!({"type": "RollingUpdate"}),
        ),
        (json!({"type": "OnDelete"}), json!({"type": "OnDelete"})),
        (
            json!({"type": "RollingUpdate", "rollingUpdate": {}}),
            json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
        ),
    ] {
        let spec = spec("apps/v1/StatefulSet", json!({"updateStrategy": given}));
        assert_eq!(spec["updateStrategy"], expected);
    }
}

#[test]
fn jobs() {
    let common = |mut spec: Value| {
        spec["completionMode"] = json!("NonIndexed");
        spec["suspend"] = json!(false);
        spec["manualSelector"] = json!(false);
        spec
    };
    for (given, expected) in [
        (
            json!({}),
            json!({"completions": 1, "parallelism": 1, "backoffLimit": 6, "podReplacementPolicy": "TerminatingOrFailed"}),
        ),
        (
            json!({"parallelism": 3, "backoffLimit": 0}),
            json!({"parallelism": 3, "backoffLimit": 0, "podReplacementPolicy": "TerminatingOrFailed"}),
        ),
        (
            json!({"completions": 3, "backoffLimitPerIndex": 1}),
            json!({
                "completions": 3, "parallelism": 1, "backoffLimitPerIndex": 1,
                "backoffLimit": 2147483647, "podReplacementPolicy": "TerminatingOrFailed"
            }),
        ),
        (
            json!({"podFailurePolicy": {"rules": [{"onPodConditions": [{"type": "x"}]}]}}),
            json!({
                "completions": 1, "parallelism": 1, "backoffLimit": 6,
                "podReplacementPolicy": "Failed",
                "podFailurePolicy": {"rules": [{"onPodConditions": [{"type": "x", "status": "True"}]}]}
            }),
        ),
    ] {
        assert_eq!(spec("batch/v1/Job", given), common(expected));
    }
    let labelled = json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}});
    let job = defaulted("batch/v1/Job", labelled);
    assert_eq!(job["metadata"]["labels"], json!({"a": "b"}));
}

#[test]
fn cron_jobs_leave_their_jobs_alone_but_not_their_pods() {
    let given = json!({"jobTemplate": {"spec": {"template": {"spec": {}}}}});
    assert_eq!(
        spec("batch/v1/CronJob", given),
        json!({
            "concurrencyPolicy": "Allow", "suspend": false,
            "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"spec": {"template": template()}}
        })
    );
}

#[test]
fn autoscalers() {
    let id = "autoscaling/v2/HorizontalPodAutoscaler";
    let spec_of = |given| spec(id, given);
    assert_eq!(
        spec_of(json!({})),
        json!({
            "minReplicas": 1,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}
            }}]
        })
    );
    let given = json!({
        "metrics": [{"type": "x"}], "minReplicas": 0,
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5, "selectPolicy": "Min"}}
    });
    assert_eq!(
        spec_of(given),
        json!({
            "metrics": [{"type": "x"}], "minReplicas": 0,
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0, "selectPolicy": "Max",
                    "policies": [
                        {"type": "Pods", "value": 4, "periodSeconds": 15},
                        {"type": "Percent", "value": 100, "periodSeconds": 15}
                    ]
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": 5, "selectPolicy": "Min",
                    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]
                }
            }
        })
    );
    let v1 = spec("autoscaling/v1/HorizontalPodAutoscaler", json!({}));
    assert_eq!(v1, json!({"minReplicas": 1}));
}
