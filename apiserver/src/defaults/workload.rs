//! Kinds that make Pods.

use super::pod::SPEC;
use super::rule::{
    Constant::*, Step, Step::*, absent, empty, is_empty, object, object_or_new, set_absent, text,
};
use serde_json::{Map, Value};

/// Pods of a template.
const PODS: Step = At("spec.template.spec", SPEC);

pub(super) const DEPLOYMENT: &[Step] = &[
    absent("spec.replicas", Int(1)),
    empty("spec.strategy.type", Text("RollingUpdate")),
    At("spec.strategy", &[Do(rolling)]),
    At(
        "spec.strategy.rollingUpdate",
        &[
            absent("maxUnavailable", Text("25%")),
            absent("maxSurge", Text("25%")),
        ],
    ),
    absent("spec.revisionHistoryLimit", Int(10)),
    absent("spec.progressDeadlineSeconds", Int(600)),
    PODS,
];

pub(super) const REPLICA_SET: &[Step] = &[absent("spec.replicas", Int(1)), PODS];

pub(super) const REPLICATION_CONTROLLER: &[Step] = &[
    Do(labels_of_template),
    absent("spec.replicas", Int(1)),
    PODS,
];

pub(super) const DAEMON_SET: &[Step] = &[
    empty("spec.updateStrategy.type", Text("RollingUpdate")),
    At("spec.updateStrategy", &[Do(rolling)]),
    At(
        "spec.updateStrategy.rollingUpdate",
        &[absent("maxUnavailable", Int(1)), absent("maxSurge", Int(0))],
    ),
    absent("spec.revisionHistoryLimit", Int(10)),
    PODS,
];

pub(super) const STATEFUL_SET: &[Step] = &[
    empty("spec.podManagementPolicy", Text("OrderedReady")),
    At("spec.updateStrategy", &[Do(partition)]),
    absent("spec.persistentVolumeClaimRetentionPolicy", Object),
    At(
        "spec.persistentVolumeClaimRetentionPolicy",
        &[
            empty("whenDeleted", Text("Retain")),
            empty("whenScaled", Text("Retain")),
        ],
    ),
    absent("spec.replicas", Int(1)),
    absent("spec.revisionHistoryLimit", Int(10)),
    At(
        "spec.volumeClaimTemplates[]",
        &[
            empty("apiVersion", Text("v1")),
            empty("kind", Text("PersistentVolumeClaim")),
            At("", super::storage::CLAIM),
        ],
    ),
    PODS,
];

pub(super) const JOB: &[Step] = &[
    At("spec", &[Do(job)]),
    Do(labels_of_job),
    absent("spec.completionMode", Text("NonIndexed")),
    absent("spec.suspend", Bool(false)),
    absent("spec.manualSelector", Bool(false)),
    JOB_CONDITIONS,
    PODS,
];

/// A Job's own fields are left alone until the Job is made.
pub(super) const CRON_JOB: &[Step] = &[
    empty("spec.concurrencyPolicy", Text("Allow")),
    absent("spec.suspend", Bool(false)),
    absent("spec.successfulJobsHistoryLimit", Int(3)),
    absent("spec.failedJobsHistoryLimit", Int(1)),
    At("spec.jobTemplate", &[JOB_CONDITIONS, PODS]),
];

const JOB_CONDITIONS: Step = empty(
    "spec.podFailurePolicy.rules[].onPodConditions[].status",
    Text("True"),
);

/// A rolling update has parameters, even if they are all left out.
fn rolling(strategy: &mut Map<String, Value>) {
    if text(strategy, "type") == "RollingUpdate" {
        object_or_new(strategy, "rollingUpdate");
    }
}

/// A rolling update of a StatefulSet goes down to the first Pod. Who names the strategy and leaves out
/// the parameters gets none.
fn partition(strategy: &mut Map<String, Value>) {
    if is_empty(strategy, "type") {
        strategy.insert("type".to_owned(), Value::from("RollingUpdate"));
        object_or_new(strategy, "rollingUpdate");
    }
    if text(strategy, "type") == "RollingUpdate"
        && let Some(parameters) = object(strategy, "rollingUpdate")
    {
        set_absent(parameters, "partition", 0);
    }
}

/// How many Pods, and how often they may fail.
fn job(spec: &mut Map<String, Value>) {
    if is_absent(spec, "completions") && is_absent(spec, "parallelism") {
        set_absent(spec, "completions", 1);
    }
    set_absent(spec, "parallelism", 1);
    // Where every index has a limit of its own, the whole has none.
    let limit = match is_absent(spec, "backoffLimitPerIndex") {
        true => 6,
        false => i32::MAX,
    };
    set_absent(spec, "backoffLimit", limit);
    let replacement = match is_absent(spec, "podFailurePolicy") {
        true => "TerminatingOrFailed",
        false => "Failed",
    };
    set_absent(spec, "podReplacementPolicy", replacement);
}

fn is_absent(fields: &Map<String, Value>, field: &str) -> bool {
    fields.get(field).is_none_or(Value::is_null)
}

/// The labels of the template of Pods, if there are any.
fn template_labels(object: &Map<String, Value>) -> Option<Value> {
    let labels = object
        .get("spec")?
        .get("template")?
        .get("metadata")?
        .get("labels")?;
    let has_some = labels.as_object().is_some_and(|labels| !labels.is_empty());
    has_some.then(|| labels.clone())
}

/// A Job without labels has those of its Pods.
fn labels_of_job(job: &mut Map<String, Value>) {
    if let Some(labels) = template_labels(job)
        && let Some(metadata) = object_or_new(job, "metadata")
        && is_empty(metadata, "labels")
    {
        metadata.insert("labels".to_owned(), labels);
    }
}

/// A ReplicationController without labels or selector has its Pods' labels for them.
fn labels_of_template(controller: &mut Map<String, Value>) {
    labels_of_job(controller);
    if let Some(labels) = template_labels(controller)
        && let Some(spec) = object(controller, "spec")
        && is_empty(spec, "selector")
    {
        spec.insert("selector".to_owned(), labels);
    }
}
