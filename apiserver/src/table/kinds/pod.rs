//! Pods. What stands under STATUS is no field: it is the most telling of what phase, conditions and
//! containers say, and people and scripts know the texts.

mod containers;

use super::Kind;
use super::template::containers;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::selector::labels;
use crate::table::value::{condition, text, text_or};
use serde_json::{Value, json};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        group: "",
        kind: "Pod",
        columns: POD,
        cells: pod,
        conditions: Some(row_conditions),
        order: None,
    },
    Kind::new("", "PodTemplate", POD_TEMPLATE, pod_template),
];

const POD: &[Column] = &[
    NAME,
    Column::text(
        "Ready",
        "Containers that are ready, of all that run for good",
    ),
    Column::text("Status", "What the pod and its containers are doing"),
    Column::text(
        "Restarts",
        "How often containers were started again, and when last",
    ),
    AGE,
    Column::wide("IP", "The pod's first address"),
    Column::wide("Node", "Where it runs or is to run"),
    Column::wide("Nominated Node", "Where room is being made for it"),
    Column::wide(
        "Readiness Gates",
        "Conditions of others that are met, of all it waits for",
    ),
];

const POD_TEMPLATE: &[Column] = &[
    NAME,
    Column::text("Containers", "Containers of the template"),
    Column::text("Images", "Images of the template's containers"),
    Column::text("Pod Labels", "Labels that pods made from it get"),
];

fn pod(object: &Object<'_>) -> Vec<Value> {
    let state = containers::State::of(object);
    let restarts = match &state.last_restart {
        Some(last) if state.restarts != 0 => format!("{} ({last} ago)", state.restarts),
        _ => state.restarts.to_string(),
    };
    let ips = object.list("status.podIPs");
    vec![
        object.name(),
        format!("{}/{}", state.ready, state.total).into(),
        status(object, state.reason).into(),
        restarts.into(),
        object.age(),
        ips.first()
            .map_or("<none>", |ip| text_or(ip, "ip", "<none>"))
            .into(),
        object.text_or("spec.nodeName", "<none>").into(),
        object.text_or("status.nominatedNodeName", "<none>").into(),
        readiness_gates(object).into(),
    ]
}

/// Deletion outweighs what containers say.
fn status(object: &Object<'_>, reason: String) -> String {
    let is_over = matches!(object.text("status.phase"), "Succeeded" | "Failed");
    match object.is_going() {
        true if object.text("status.reason") == "NodeLost" => "Unknown".to_owned(),
        true if !is_over => "Terminating".to_owned(),
        _ => reason,
    }
}

fn readiness_gates(object: &Object<'_>) -> String {
    let gates = object.list("spec.readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let conditions = object.list("status.conditions");
    let is_met = |gate: &&Value| {
        let found = condition(conditions, text(gate, "conditionType"));
        found.is_some_and(|found| text(found, "status") == "True")
    };
    let met = gates.iter().filter(is_met).count();
    format!("{met}/{}", gates.len())
}

/// A pod that is over says so, for clients that leave such rows out.
fn row_conditions(pod: &Value) -> Option<Value> {
    let phase = text(pod, "status.phase");
    let message = match phase {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return None,
    };
    let condition = json!({
        "type": "Completed",
        "status": "True",
        "reason": phase,
        "message": message,
    });
    Some(json!([condition]))
}

fn pod_template(object: &Object<'_>) -> Vec<Value> {
    let [names, images] = containers(object, "template.spec.containers");
    vec![
        object.name(),
        names,
        images,
        labels(object.value, "template.metadata.labels").into(),
    ]
}
