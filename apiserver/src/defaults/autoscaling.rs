//! HorizontalPodAutoscalers.

use super::rule::{Constant::*, Step, Step::*, absent, is_empty, object_or_new, set_absent};
use serde_json::{Map, Value, json};

pub(super) const V1: &[Step] = &[absent("spec.minReplicas", Int(1))];

pub(super) const V2: &[Step] = &[
    absent("spec.minReplicas", Int(1)),
    At("spec", &[Do(metrics)]),
    At("spec.behavior", &[Do(behavior)]),
];

/// Four fifths of what was asked for, if nothing is said about what to look at.
fn metrics(spec: &mut Map<String, Value>) {
    if is_empty(spec, "metrics") {
        let cpu = json!([{
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
        }]);
        spec.insert("metrics".to_owned(), cpu);
    }
}

/// Who says how to scale in one direction gets the rest of both spelled out: up at once, by four Pods or
/// all of them again; down by all of them.
fn behavior(behavior: &mut Map<String, Value>) {
    let all = || json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    if let Some(up) = object_or_new(behavior, "scaleUp") {
        set_absent(up, "stabilizationWindowSeconds", 0);
        set_absent(up, "selectPolicy", "Max");
        let four = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
        set_absent(up, "policies", json!([four, all()]));
    }
    if let Some(down) = object_or_new(behavior, "scaleDown") {
        set_absent(down, "selectPolicy", "Max");
        set_absent(down, "policies", json!([all()]));
    }
}
