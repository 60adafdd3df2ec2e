//! HorizontalPodAutoscalers and PodDisruptionBudgets.

use super::*;

const SCALER: &str = "autoscaling/v2/HorizontalPodAutoscaler";
const BUDGET: &str = "policy/v1/PodDisruptionBudget";

fn an_autoscaler() -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": 80});
    let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
    local(
        SCALER,
        json!({
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
                "minReplicas": 1,
                "maxReplicas": 3,
                "metrics": [metric],
            },
        }),
    )
}

#[test]
fn bounds_and_targets() {
    creates(
        SCALER,
        &an_autoscaler(),
        vec![
            fine("/spec/maxReplicas", json!(1)),
            (
                vec![("/spec/minReplicas", json!(0))],
                vec![
                    "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
                    "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
                ],
            ),
            (
                vec![("/spec/maxReplicas", json!(0))],
                vec![
                    "spec.maxReplicas: Invalid value: 0: must be greater than 0",
                    "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
                ],
            ),
            case(
                "/spec/scaleTargetRef/kind",
                json!(""),
                "spec.scaleTargetRef.kind: Required value",
            ),
            case(
                "/spec/scaleTargetRef/name",
                json!(".."),
                "spec.scaleTargetRef.name: Invalid value: \"..\": may not be '..'",
            ),
        ],
    );
}

#[test]
fn metrics() {
    let at = |rest: &str| format!("spec.metrics[0]{rest}");
    let metric = |metric: Value| vec![("/spec/metrics/0", metric)];
    let value = json!({"type": "Value", "value": "1"});
    let average = json!({"type": "AverageValue", "averageValue": "1"});
    let object = json!({"kind": "K", "name": "n"});
    creates(
        SCALER,
        &an_autoscaler(),
        vec![
            (
                metric(
                    json!({"type": "Pods", "pods": {"metric": {"name": "m"}, "target": average}}),
                ),
                vec![],
            ),
            (
                metric(json!({"type": "Pods", "pods": {"metric": {"name": "m"}, "target": value}})),
                vec![&at(
                    ".pods.target.averageValue: Required value: must specify a positive target averageValue",
                )],
            ),
            (
                metric(json!({"type": "Object", "object": {
                    "describedObject": object, "metric": {"name": "m"}, "target": value,
                }})),
                vec![],
            ),
            (
                metric(json!({"type": "External", "external": {"metric": {}, "target": value}})),
                vec![&at(
                    ".external.metric.name: Required value: must specify a metric name",
                )],
            ),
            (
                metric(
                    json!({"type": "Resource", "pods": {"metric": {"name": "m"}, "target": average}}),
                ),
                vec![&at(
                    ".resource: Required value: must populate information for the given metric source",
                )],
            ),
            (
                vec![("/spec/metrics/0/resource/target/averageValue", json!("1"))],
                vec![&at(
                    ".resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization",
                )],
            ),
            (
                vec![(
                    "/spec/metrics/0/resource/target/averageUtilization",
                    json!(0),
                )],
                vec![&at(
                    ".resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
                )],
            ),
            (
                vec![("/spec/metrics/0/resource/target/type", json!("x"))],
                vec![&at(
                    ".resource.target.type: Invalid value: \"x\": must be either Utilization, Value, or AverageValue",
                )],
            ),
            (
                metric(json!({"type": "ContainerResource", "containerResource": {
                    "name": "cpu", "target": average,
                }})),
                vec![&at(
                    ".containerResource.container: Required value: must specify a container",
                )],
            ),
        ],
    );
}

#[test]
fn behavior() {
    let up = |rules: Value| vec![("/spec/behavior", json!({"scaleUp": rules}))];
    let policy = |kind: &str, value: i64, period: i64| json!({"policies": [{"type": kind, "value": value, "periodSeconds": period}]});
    let at = |rest: &str| format!("spec.behavior.scaleUp.{rest}");
    let with = |field: &str, value: Value| {
        let mut rules = policy("Pods", 1, 60);
        rules[field] = value;
        up(rules)
    };
    creates(
        SCALER,
        &an_autoscaler(),
        vec![
            (up(policy("Pods", 1, 1800)), vec![]),
            (
                up(json!({"policies": []})),
                vec![&at(
                    "policies: Required value: must specify at least one Policy",
                )],
            ),
            (
                up(policy("x", 1, 1)),
                vec![&at(
                    "policies[0].type: Unsupported value: \"x\": supported values: \"Percent\", \"Pods\"",
                )],
            ),
            (
                up(policy("Pods", 0, 1)),
                vec![&at(
                    "policies[0].value: Invalid value: 0: must be greater than zero",
                )],
            ),
            (
                up(policy("Pods", 1, 1801)),
                vec![&at(
                    "policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
                )],
            ),
            (
                with("stabilizationWindowSeconds", json!(3601)),
                vec![&at(
                    "stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
                )],
            ),
            (
                with("selectPolicy", json!("x")),
                vec![&at(
                    "selectPolicy: Unsupported value: \"x\": supported values: \"Disabled\", \"Max\", \"Min\"",
                )],
            ),
        ],
    );
}

#[test]
fn budgets() {
    creates(
        BUDGET,
        &local(BUDGET, json!({"spec": {"minAvailable": 1}})),
        vec![
            fine("/spec/minAvailable", json!("50%")),
            case(
                "/spec/minAvailable",
                json!("101%"),
                "spec.minAvailable: Invalid value: \"101%\": must not be greater than 100%",
            ),
            case(
                "/spec/minAvailable",
                json!("a"),
                "spec.minAvailable: Invalid value: \"a\": a valid percent string must be…",
            ),
            case(
                "/spec/minAvailable",
                json!(-1),
                "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0",
            ),
            case("/spec/maxUnavailable", json!(1), "spec: Invalid value: …"),
            case(
                "/spec/unhealthyPodEvictionPolicy",
                json!("x"),
                "spec.unhealthyPodEvictionPolicy: Unsupported value: \"x\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"",
            ),
            case(
                "/spec/selector",
                json!({"matchLabels": {"a b": "c"}}),
                "spec.selector.matchLabels: Invalid value: \"a b\": name part must consist…",
            ),
        ],
    );
}
