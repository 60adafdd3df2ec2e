//! LimitRanges and ResourceQuotas.

use super::*;

#[test]
fn limits_of_kinds() {
    let base = local("v1/LimitRange", json!({"spec": {"limits": []}}));
    let limit = |limit: Value| vec![("/spec/limits", json!([limit]))];
    let at = |rest: &str| format!("spec.limits[0]{rest}");
    creates(
        "v1/LimitRange",
        &base,
        vec![
            (
                limit(json!({
                    "type": "Container",
                    "min": {"cpu": "1"},
                    "defaultRequest": {"cpu": "2"},
                    "default": {"cpu": "3"},
                    "max": {"cpu": "4"},
                    "maxLimitRequestRatio": {"cpu": "2"},
                })),
                vec![],
            ),
            (
                limit(json!({"type": "x"})),
                vec![&at(
                    ".type: Invalid value: \"x\": must be a standard limit type or fully qualified",
                )],
            ),
            (limit(json!({"type": "a.b/c"})), vec![]),
            (
                vec![("/spec/limits", json!([{"type": "Pod"}, {"type": "Pod"}]))],
                vec!["spec.limits[1].type: Duplicate value: \"Pod\""],
            ),
            (
                limit(json!({"type": "Pod", "default": {"cpu": "1"}})),
                vec![&at(
                    ".default: Forbidden: may not be specified when `type` is 'Pod'",
                )],
            ),
            (
                limit(json!({"type": "Container", "max": {"x": "1"}})),
                vec![
                    &at(
                        ".max[x]: Invalid value: \"x\": must be a standard resource type or fully qualified",
                    ),
                    &at(
                        ".max[x]: Invalid value: \"x\": must be a standard resource for containers",
                    ),
                ],
            ),
            (
                limit(json!({"type": "PersistentVolumeClaim", "max": {"storage": "1"}})),
                vec![],
            ),
            (
                limit(json!({"type": "PersistentVolumeClaim"})),
                vec![&at(
                    ".limits: Required value: either minimum or maximum storage value is required, but neither was provided",
                )],
            ),
        ],
    );
}

#[test]
fn limits_that_contradict_each_other() {
    let base = local(
        "v1/LimitRange",
        json!({"spec": {"limits": [{"type": "Container"}]}}),
    );
    let with = |lists: Value| {
        let mut limit = json!({"type": "Container"});
        for (list, amount) in lists.as_object().expect("an object") {
            limit[list] = json!({"cpu": amount});
        }
        vec![("/spec/limits/0", limit)]
    };
    let at = |rest: &str| format!("spec.limits[0].{rest}");
    creates(
        "v1/LimitRange",
        &base,
        vec![
            (
                with(json!({"min": "2", "max": "1"})),
                vec![&at(
                    "min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
                )],
            ),
            (
                with(json!({"min": "2", "defaultRequest": "1"})),
                vec![&at(
                    "defaultRequest[cpu]: Invalid value: \"1\": min value 2 is greater than default request value 1",
                )],
            ),
            (
                with(json!({"max": "1", "defaultRequest": "2"})),
                vec![&at(
                    "defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is greater than max value 1",
                )],
            ),
            (
                with(json!({"default": "1", "defaultRequest": "2"})),
                vec![&at(
                    "defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is greater than default limit value 1",
                )],
            ),
            (
                with(json!({"min": "2", "default": "1"})),
                vec![&at(
                    "default[cpu]: Invalid value: \"2\": min value 2 is greater than default value 1",
                )],
            ),
            (
                with(json!({"max": "1", "default": "2"})),
                vec![&at(
                    "default[cpu]: Invalid value: \"1\": default value 2 is greater than max value 1",
                )],
            ),
            (
                with(json!({"maxLimitRequestRatio": "500m"})),
                vec![&at(
                    "maxLimitRequestRatio[cpu]: Invalid value: \"500m\": ratio 500m is less than 1",
                )],
            ),
            (
                with(json!({"min": "1", "max": "2", "maxLimitRequestRatio": "3"})),
                vec![&at(
                    "maxLimitRequestRatio[cpu]: Invalid value: \"3\": ratio 3 is greater than max/min = 2.000000",
                )],
            ),
        ],
    );
}

#[test]
fn quotas() {
    let base = local("v1/ResourceQuota", json!({"spec": {"hard": {"pods": "1"}}}));
    let scoped = |hard: &str, scopes: Value| {
        vec![("/spec/hard", json!({hard: "1"})), ("/spec/scopes", scopes)]
    };
    let shown = |scopes: &str, what: &str| format!("spec.scopes: Invalid value: {scopes}: {what}");
    creates(
        "v1/ResourceQuota",
        &base,
        vec![
            fine(
                "/spec/hard",
                json!({"count/deployments.apps": "1", "requests.example.com/gpu": "2"}),
            ),
            (
                vec![("/spec/hard", json!({"x": "1"}))],
                vec![
                    "spec.hard[x]: Invalid value: \"x\": must be a standard resource type or fully qualified",
                    "spec.hard[x]: Invalid value: \"x\": must be a standard resource for quota",
                ],
            ),
            case(
                "/spec/hard",
                json!({"pods": "1500m"}),
                "spec.hard[pods]: Invalid value: \"1500m\": must be an integer",
            ),
            case(
                "/spec/hard",
                json!({"pods": "-1"}),
                "spec.hard[pods]: Invalid value: \"-1\": must be greater than or equal to 0",
            ),
            (scoped("pods", json!(["BestEffort"])), vec![]),
            (
                scoped("pods", json!(["x"])),
                vec![&shown("[\"x\"]", "unsupported scope")],
            ),
            (
                scoped("cpu", json!(["BestEffort"])),
                vec![&shown(
                    "[\"BestEffort\"]",
                    "unsupported scope applied to resource",
                )],
            ),
            (
                scoped("pods", json!(["BestEffort", "NotBestEffort"])),
                vec![&shown(
                    "[\"BestEffort\",\"NotBestEffort\"]",
                    "conflicting scopes",
                )],
            ),
        ],
    );
    updates(
        "v1/ResourceQuota",
        &base,
        vec![
            fine("/spec/hard/pods", json!("2")),
            case(
                "/spec/scopes",
                json!(["BestEffort"]),
                "spec.scopes: Invalid value: [\"BestEffort\"]: field is immutable",
            ),
        ],
    );
    statuses(
        "v1/ResourceQuota",
        &base,
        vec![
            fine(
                "/status",
                json!({"hard": {"pods": "1"}, "used": {"pods": "0"}}),
            ),
            case(
                "/status",
                json!({"used": {"pods": "-1"}}),
                "status.used[pods]: Invalid value: \"-1\": must be greater than or equal to 0",
            ),
        ],
    );
}

#[test]
fn selectors_of_scopes() {
    let base = local("v1/ResourceQuota", json!({"spec": {"hard": {"pods": "1"}}}));
    let with = |requirement: Value| {
        vec![(
            "/spec/scopeSelector",
            json!({"matchExpressions": [requirement]}),
        )]
    };
    let at = |rest: &str| format!("spec.scopeSelector.matchExpressions.{rest}");
    creates(
        "v1/ResourceQuota",
        &base,
        vec![
            (
                with(json!({"scopeName": "PriorityClass", "operator": "In", "values": ["a"]})),
                vec![],
            ),
            (
                with(json!({"scopeName": "x", "operator": "Exists"})),
                vec![&at("scopeName: Invalid value: \"x\": unsupported scope")],
            ),
            (
                with(json!({"scopeName": "PriorityClass", "operator": "In"})),
                vec![&at(
                    "values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
                )],
            ),
            (
                with(json!({"scopeName": "PriorityClass", "operator": "Exists", "values": ["a"]})),
                vec![&at(
                    "values: Invalid value: [\"a\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
                )],
            ),
            (
                with(json!({"scopeName": "BestEffort", "operator": "DoesNotExist"})),
                vec![&at(
                    "operator: Invalid value: \"DoesNotExist\": must be 'Exists' when scope…",
                )],
            ),
            (
                with(json!({"scopeName": "PriorityClass", "operator": "x"})),
                vec![&at(
                    "operator: Invalid value: \"x\": not a valid selector operator",
                )],
            ),
        ],
    );
}
