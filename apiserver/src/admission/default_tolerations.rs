//! How long Pods stay on a node that is lost, if they do not say.

use super::{AdmissionRequest, Admitted, Objects, Operation, Plugin};
use crate::status::Failure;
use crate::storage::Future;
use serde_json::{Value, json};

const SECONDS: i64 = 300;
const KEYS: [&str; 2] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
];

/// See the file's first line.
pub struct DefaultTolerationSeconds;

impl Plugin for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        let writes = [Operation::Create, Operation::Update].contains(&request.operation);
        writes && request.is_for("", "pods")
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
        _objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        if let Some(pod) = request.object.as_mut() {
            tolerate(pod);
        }
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }
}

fn tolerate(pod: &mut Value) {
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    let text =
        |toleration: &Value, field: &str| toleration[field].as_str().unwrap_or_default().to_owned();
    let covers = |toleration: &Value, key: &str| {
        let effect = text(toleration, "effect");
        let own = text(toleration, "key");
        ["", "NoExecute"].contains(&effect.as_str()) && ["", key].contains(&own.as_str())
    };
    let list = spec.get("tolerations").and_then(Value::as_array);
    let missing: Vec<Value> = KEYS
        .into_iter()
        .filter(|key| !list.into_iter().flatten().any(|one| covers(one, key)))
        .map(|key| {
            json!({
                "key": key,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": SECONDS,
            })
        })
        .collect();
    if missing.is_empty() {
        return;
    }
    let list = spec.entry("tolerations").or_insert_with(|| json!([]));
    match list {
        Value::Array(list) => list.extend(missing),
        Value::Null => *list = Value::Array(missing),
        _ => {}
    }
}
