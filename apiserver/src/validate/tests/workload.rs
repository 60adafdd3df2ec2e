//! Deployments, ReplicaSets, ReplicationControllers, DaemonSets, StatefulSets, ControllerRevisions.

use super::*;

const DEPLOYMENT: &str = "apps/v1/Deployment";
const REPLICA_SET: &str = "apps/v1/ReplicaSet";
const DAEMON_SET: &str = "apps/v1/DaemonSet";
const STATEFUL_SET: &str = "apps/v1/StatefulSet";
const CONTROLLER: &str = "v1/ReplicationController";
const REVISION: &str = "apps/v1/ControllerRevision";

/// As decoding leaves it: what is no pointer upstream is always there.
fn workload(id: &str) -> Value {
    let mut object = json!({
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": a_template(),
        },
    });
    match id {
        DEPLOYMENT => object["spec"]["strategy"] = json!({}),
        DAEMON_SET | STATEFUL_SET => object["spec"]["updateStrategy"] = json!({}),
        _ => {}
    }
    local(id, object)
}

#[test]
fn selectors_and_templates() {
    for (id, name) in [
        (DEPLOYMENT, "deployment"),
        (REPLICA_SET, "deployment"),
        (STATEFUL_SET, "statefulset"),
    ] {
        let empty =
            format!("spec.selector: Invalid value: {{}}: empty selector is invalid for {name}");
        creates(
            id,
            &workload(id),
            vec![
                (
                    vec![("/spec/selector", Value::Null)],
                    vec![
                        "spec.selector: Required value",
                        "spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` does not match template `labels`",
                    ],
                ),
                (vec![("/spec/selector", json!({}))], vec![&empty]),
                case(
                    "/spec/template/metadata/labels",
                    json!({"app": "y"}),
                    "spec.template.metadata.labels: Invalid value: {\"app\":\"y\"}: `selector` does not match template `labels`",
                ),
                case(
                    "/spec/template/spec/restartPolicy",
                    json!("Never"),
                    "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
                ),
                fine("/spec/replicas", json!(0)),
                case(
                    "/spec/replicas",
                    json!(-1),
                    "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
                ),
                case(
                    "/spec/minReadySeconds",
                    json!(-1),
                    "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
                ),
            ],
        );
    }
    creates(
        DEPLOYMENT,
        &workload(DEPLOYMENT),
        vec![
            case(
                "/spec/template/spec/containers",
                json!([]),
                "spec.template.spec.containers: Required value",
            ),
            case(
                "/spec/template/spec/activeDeadlineSeconds",
                json!(1),
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
            ),
        ],
    );
}

#[test]
fn strategies_of_deployments() {
    let rolling = |unavailable: Value, surge: Value| {
        let rolling = json!({"maxUnavailable": unavailable, "maxSurge": surge});
        vec![("/spec/strategy/rollingUpdate", rolling)]
    };
    let at = |rest: &str| format!("spec.strategy.rollingUpdate{rest}");
    creates(
        DEPLOYMENT,
        &workload(DEPLOYMENT),
        vec![
            (rolling(json!("100%"), json!("200%")), vec![]),
            (
                rolling(json!(0), json!("0%")),
                vec![&at(
                    ".maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
                )],
            ),
            (
                rolling(json!("101%"), json!(1)),
                vec![&at(
                    ".maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
                )],
            ),
            (
                rolling(json!(1), json!("x")),
                vec![&at(
                    ".maxSurge: Invalid value: \"x\": a valid percent string must be…",
                )],
            ),
            (
                vec![("/spec/strategy/type", json!("Recreate"))],
                vec![&at(
                    ": Forbidden: may not be specified when strategy `type` is 'Recreate'",
                )],
            ),
            (
                vec![("/spec/strategy/rollingUpdate", Value::Null)],
                vec![&at(
                    ": Required value: this should be defaulted and never be nil",
                )],
            ),
            case(
                "/spec/strategy",
                json!({"type": "x"}),
                "spec.strategy: Unsupported value: {\"type\":\"x\"}: supported values: \"Recreate\", \"RollingUpdate\"",
            ),
            case(
                "/spec/progressDeadlineSeconds",
                json!(0),
                "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds",
            ),
            case(
                "/spec/revisionHistoryLimit",
                json!(-1),
                "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
            ),
        ],
    );
}

#[test]
fn replication_controllers() {
    let base = local(
        CONTROLLER,
        json!({"spec": {"selector": {"app": "x"}, "template": a_template()}}),
    );
    creates(
        CONTROLLER,
        &base,
        vec![
            case("/spec/selector", json!({}), "spec.selector: Required value"),
            case(
                "/spec/template",
                Value::Null,
                "spec.template: Required value",
            ),
            case(
                "/spec/selector",
                json!({"app": "y"}),
                "spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` does not match template `labels`",
            ),
        ],
    );
}

#[test]
fn daemon_sets() {
    let rolling = |unavailable: i64, surge: i64| {
        let rolling = json!({"maxUnavailable": unavailable, "maxSurge": surge});
        vec![("/spec/updateStrategy/rollingUpdate", rolling)]
    };
    creates(
        DAEMON_SET,
        &workload(DAEMON_SET),
        vec![
            (
                vec![("/spec/selector", json!({}))],
                vec!["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"],
            ),
            (rolling(0, 1), vec![]),
            (
                rolling(1, 1),
                vec![
                    "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
                ],
            ),
            (
                rolling(0, 0),
                vec![
                    "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0",
                ],
            ),
            fine("/spec/updateStrategy", json!({"type": "OnDelete"})),
            case(
                "/spec/updateStrategy",
                json!({"type": "x"}),
                "spec.updateStrategy: Unsupported value: {\"type\":\"x\"}: supported values: \"RollingUpdate\", \"OnDelete\"",
            ),
        ],
    );
}

#[test]
fn stateful_sets() {
    creates(
        STATEFUL_SET,
        &workload(STATEFUL_SET),
        vec![
            case(
                "/metadata/name",
                json!("a.b"),
                "metadata.name: Invalid value: \"a.b\": must not contain dots",
            ),
            case(
                "/spec/podManagementPolicy",
                json!("x"),
                "spec.podManagementPolicy: Invalid value: \"x\": must be 'OrderedReady' or 'Parallel'",
            ),
            case(
                "/spec/updateStrategy/rollingUpdate/partition",
                json!(-1),
                "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
            ),
            (
                vec![("/spec/updateStrategy/type", json!("OnDelete"))],
                vec!["spec.updateStrategy.rollingUpdate: Invalid value: …"],
            ),
            case(
                "/spec/persistentVolumeClaimRetentionPolicy/whenScaled",
                json!("x"),
                "spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: \"x\": supported values: \"Retain\", \"Delete\"",
            ),
            case(
                "/spec/ordinals",
                json!({"start": -1}),
                "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0",
            ),
        ],
    );
    updates(
        STATEFUL_SET,
        &workload(STATEFUL_SET),
        vec![
            fine("/spec/replicas", json!(5)),
            fine("/spec/template/spec/containers/0/image", json!("j")),
            case(
                "/spec/serviceName",
                json!("s"),
                "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            ),
        ],
    );
}

#[test]
fn selectors_stay() {
    for id in [DEPLOYMENT, REPLICA_SET, DAEMON_SET] {
        updates(
            id,
            &workload(id),
            vec![
                fine("/spec/template/spec/containers/0/image", json!("j")),
                (
                    vec![
                        ("/spec/selector/matchLabels/a", json!("b")),
                        ("/spec/template/metadata/labels/a", json!("b")),
                    ],
                    vec![
                        "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"app\":\"x\"}}: field is immutable",
                    ],
                ),
            ],
        );
    }
}

#[test]
fn revisions() {
    let base = local(REVISION, json!({"data": {"a": 1}, "revision": 1}));
    creates(
        REVISION,
        &base,
        vec![
            case(
                "/data",
                Value::Null,
                "data: Required value: data is mandatory",
            ),
            case(
                "/revision",
                json!(-1),
                "revision: Invalid value: -1: must be greater than or equal to 0",
            ),
        ],
    );
    updates(
        REVISION,
        &base,
        vec![
            fine("/revision", json!(2)),
            case(
                "/data",
                json!({"a": 2}),
                "data: Invalid value: {\"a\":2}: field is immutable",
            ),
        ],
    );
}

#[test]
fn counters() {
    let mut base = workload(DEPLOYMENT);
    base["status"] =
        json!({"replicas": 2, "readyReplicas": 2, "availableReplicas": 1, "collisionCount": 1});
    statuses(
        DEPLOYMENT,
        &base,
        vec![
            fine("/status/availableReplicas", json!(2)),
            case(
                "/status/readyReplicas",
                json!(3),
                "status.readyReplicas: Invalid value: 3: cannot be greater than status.replicas",
            ),
            case(
                "/status/unavailableReplicas",
                json!(-1),
                "status.unavailableReplicas: Invalid value: -1: must be greater than or equal to 0",
            ),
            case(
                "/status/readyReplicas",
                json!(0),
                "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas",
            ),
            case(
                "/status/collisionCount",
                json!(0),
                "status.collisionCount: Invalid value: 0: cannot be decremented",
            ),
        ],
    );
}
