//! Conditions and taints as merge patches, which replace lists as a whole.

use crate::objects::{Condition, Meta, Taint};
use serde_json::{Map, Value, json};

/// A condition as it is stored.
pub(crate) fn condition_value(condition: &Condition) -> Value {
    let mut members = Map::new();
    members.insert("type".to_owned(), condition.r#type.as_str().into());
    members.insert("status".to_owned(), condition.status.as_str().into());
    let texts = [
        (
            "reason",
            Some(&condition.reason).filter(|text| !text.is_empty()),
        ),
        (
            "message",
            Some(&condition.message).filter(|text| !text.is_empty()),
        ),
        (
            "lastTransitionTime",
            condition.last_transition_time.as_ref(),
        ),
        ("lastHeartbeatTime", condition.last_heartbeat_time.as_ref()),
        ("lastUpdateTime", condition.last_update_time.as_ref()),
        ("lastProbeTime", condition.last_probe_time.as_ref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            members.insert(name.to_owned(), text.as_str().into());
        }
    }
    if let Some(generation) = condition.observed_generation {
        members.insert("observedGeneration".to_owned(), generation.into());
    }
    members.into()
}

/// An object of this state gets these conditions.
pub(super) fn conditions_patch(meta: &Meta, conditions: &[Condition]) -> Value {
    let conditions: Vec<Value> = conditions.iter().map(condition_value).collect();
    json!({
        "metadata": {"resourceVersion": meta.revision.to_string()},
        "status": {"conditions": conditions},
    })
}

/// The same for a Pod, which must be the one that was seen.
pub(crate) fn pod_patch(meta: &Meta, conditions: &[Condition]) -> Value {
    let mut patch = conditions_patch(meta, conditions);
    patch["metadata"]["uid"] = meta.uid.as_str().into();
    patch
}

/// A node of this state gets these taints.
pub(super) fn taints_patch(meta: &Meta, taints: &[Taint]) -> Value {
    let taint = |taint: &Taint| {
        let mut value = json!({"key": taint.key, "effect": taint.effect});
        if !taint.value.is_empty() {
            value["value"] = taint.value.as_str().into();
        }
        if let Some(since) = &taint.time_added {
            value["timeAdded"] = since.as_str().into();
        }
        value
    };
    let taints: Vec<Value> = taints.iter().map(taint).collect();
    let taints = match taints.is_empty() {
        true => Value::Null,
        false => taints.into(),
    };
    json!({
        "metadata": {"resourceVersion": meta.revision.to_string()},
        "spec": {"taints": taints},
    })
}
