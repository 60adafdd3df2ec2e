//! Budgets of disruptions, classes of priority and of runtimes, and leases.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::value::scalar;
use serde_json::Value;

pub(super) const KINDS: &[Kind] = &[
    Kind::new("policy", "PodDisruptionBudget", BUDGET, budget),
    Kind::new("scheduling.k8s.io", "PriorityClass", PRIORITY, priority),
    Kind::new("node.k8s.io", "RuntimeClass", RUNTIME, runtime),
    Kind::new("coordination.k8s.io", "Lease", LEASE, lease),
    Kind::new(
        "coordination.k8s.io",
        "LeaseCandidate",
        CANDIDATE,
        candidate,
    ),
];

const BUDGET: &[Column] = &[
    NAME,
    Column::text("Min Available", "So many pods have to be left"),
    Column::text("Max Unavailable", "So many pods may be missing"),
    Column::integer("Allowed Disruptions", "So many pods may go now"),
    AGE,
];

const PRIORITY: &[Column] = &[
    NAME,
    Column::integer("Value", "The greater, the sooner its pods run"),
    Column::boolean("Global-Default", "Pods without a class have this one"),
    AGE,
    Column::text("PreemptionPolicy", "Whether its pods push out others"),
];

const RUNTIME: &[Column] = &[
    NAME,
    Column::text("Handler", "What nodes call this runtime"),
    AGE,
];

const LEASE: &[Column] = &[NAME, Column::text("Holder", "Who holds it"), AGE];

const CANDIDATE: &[Column] = &[
    NAME,
    Column::text("LeaseName", "The lease that it would hold"),
    Column::text("BinaryVersion", "Which version it is"),
    Column::text("EmulationVersion", "As which version it behaves"),
    AGE,
];

fn budget(object: &Object<'_>) -> Vec<Value> {
    let given = |path| scalar(object.value, path).unwrap_or_else(|| "N/A".to_owned());
    vec![
        object.name(),
        given("spec.minAvailable").into(),
        given("spec.maxUnavailable").into(),
        object.int("status.disruptionsAllowed").into(),
        object.age(),
    ]
}

fn priority(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        object.int("value").into(),
        object.flag("globalDefault").into(),
        object.age(),
        object.text("preemptionPolicy").into(),
    ]
}

fn runtime(object: &Object<'_>) -> Vec<Value> {
    vec![object.name(), object.text("handler").into(), object.age()]
}

fn lease(object: &Object<'_>) -> Vec<Value> {
    let holder = object.text("spec.holderIdentity");
    vec![object.name(), holder.into(), object.age()]
}

fn candidate(object: &Object<'_>) -> Vec<Value> {
    vec![
        object.name(),
        object.text("spec.leaseName").into(),
        object.text("spec.binaryVersion").into(),
        object.text("spec.emulationVersion").into(),
        object.age(),
    ]
}
