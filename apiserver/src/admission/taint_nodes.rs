//! New nodes are not ready: nothing runs there until somebody has looked.

use super::{AdmissionRequest, Admitted, Objects, Operation, Plugin};
use crate::status::Failure;
use crate::storage::Future;
use serde_json::{Value, json};

const KEY: &str = "node.kubernetes.io/not-ready";

/// See the file's first line.
pub struct TaintNodesByCondition;

impl Plugin for TaintNodesByCondition {
    fn name(&self) -> &'static str {
        "TaintNodesByCondition"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        request.operation == Operation::Create && request.is_for("", "nodes")
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
        _objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        if let Some(node) = request.object.as_mut() {
            taint(node);
        }
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }
}

fn taint(node: &mut Value) {
    let Some(node) = node.as_object_mut() else {
        return;
    };
    let spec = node.entry("spec").or_insert_with(|| json!({}));
    let Some(spec) = spec.as_object_mut() else {
        return;
    };
    let taints = spec.entry("taints").or_insert_with(|| json!([]));
    let Some(taints) = taints.as_array_mut() else {
        return;
    };
    let is_ours = |taint: &Value| taint["key"] == KEY && taint["effect"] == "NoSchedule";
    if !taints.iter().any(is_ours) {
        taints.push(json!({"key": KEY, "effect": "NoSchedule"}));
    }
}
