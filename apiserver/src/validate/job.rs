//! Jobs, and templates of them.

use super::at::{At, Errors};
use super::format::domain_path;
use super::same::same;
use super::{job_policy, pod, workload};
use crate::names;
use crate::selector::{from_structure, validate_structure};
use serde_json::Value;
use std::collections::BTreeMap;

const PARALLELISM_MAX: i64 = 100_000;
const FAILED_INDEXES_MAX: i64 = 100_000;
const COMPLETIONS_MANY: i64 = 100_000;
const PARALLELISM_OF_MANY: i64 = 10_000;
const FAILED_INDEXES_OF_MANY: i64 = 10_000;
const MANAGED_BY_MAX: usize = 63;

/// A new Job. Its selector and the labels that it picks have been made.
pub(super) fn create(job: &At<'_>, errors: &mut Errors) {
    generated_selector(job, errors);
    let spec = job.get("spec");
    with_selector(&spec, errors);
    let completions = spec.get("completions").int();
    if spec.get("completionMode").text() == "Indexed" && completions > 0 {
        let name = job.dig(&["metadata", "name"]);
        let host = format!("{}-{}", name.text(), completions - 1);
        if !names::dns1123_label(&host).is_empty() {
            let what = format!("will not able to create pod with invalid DNS label: {host}");
            errors.push(name.invalid(what));
        }
    }
}

/// A selector that was made picks what belongs to the Job and nothing else.
fn generated_selector(job: &At<'_>, errors: &mut Errors) {
    let spec = job.get("spec");
    let selector = spec.get("selector");
    if spec.get("manualSelector").flag() || !selector.is_set() {
        return;
    }
    let uid = job.dig(&["metadata", "uid"]);
    uid.nonempty(errors);
    let name = job.dig(&["metadata", "name"]).text();
    let labels = spec.dig(&["template", "metadata", "labels"]);
    let mut expected = BTreeMap::new();
    for (key, value) in [
        ("controller-uid", uid.text()),
        ("job-name", name),
        ("batch.kubernetes.io/controller-uid", uid.text()),
        ("batch.kubernetes.io/job-name", name),
    ] {
        expected.insert(key.to_owned(), value.to_owned());
        let label = labels.key(key);
        let what = format!("must be '{value}'");
        if !label.is_set() {
            errors.push(label.required(&what));
        } else if label.text() != value {
            errors.push(label.invalid_as(labels.value().clone(), what));
        }
    }
    if let Ok(picks) = from_structure(Some(selector.value()))
        && !picks.matches(&expected)
    {
        errors.push(selector.invalid("`selector` not auto-generated"));
    }
}

fn with_selector(spec: &At<'_>, errors: &mut Errors) {
    check(spec, errors);
    let selector = spec.get("selector");
    match selector.is_set() {
        false => errors.push(selector.required("")),
        true => errors.extend(validate_structure(selector.value(), &selector.path())),
    }
    workload::matching(&selector, &spec.get("template"), true, errors);
}

/// The specification of a Job, wherever it stands.
pub(super) fn check(spec: &At<'_>, errors: &mut Errors) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        spec.get(field).nonnegative(errors);
    }
    let per_index = spec.get("backoffLimitPerIndex");
    let failed = spec.get("maxFailedIndexes");
    if failed.is_set() && !per_index.is_set() {
        errors.push(per_index.required("when maxFailedIndexes is specified"));
    }
    let manager = spec.get("managedBy");
    if manager.is_set() {
        domain_path(&manager, errors);
        if manager.text().len() > MANAGED_BY_MAX {
            errors.push(manager.too_long(MANAGED_BY_MAX));
        }
    }
    let mode = spec.get("completionMode");
    mode.choice_if(&["NonIndexed", "Indexed"], errors);
    match mode.text() {
        "Indexed" => indexed(spec, errors),
        "NonIndexed" | "" => {
            for at in [&per_index, &failed] {
                if at.is_set() {
                    errors.push(at.invalid("requires indexed completion mode"));
                }
            }
        }
        _ => {}
    }
    job_policy::check(spec, errors);
    pod::template(&spec.get("template"), errors);
    restart(spec, errors);
}

fn indexed(spec: &At<'_>, errors: &mut Errors) {
    let (completions, parallelism) = (spec.get("completions"), spec.get("parallelism"));
    let failed = spec.get("maxFailedIndexes");
    if !completions.is_set() {
        errors.push(completions.required("when completion mode is Indexed"));
    }
    if parallelism.int() > PARALLELISM_MAX {
        errors.push(parallelism.invalid(format!(
            "must be less than or equal to {PARALLELISM_MAX} when completion mode is Indexed"
        )));
    }
    if completions.is_set() && failed.int() > completions.int() {
        errors.push(failed.invalid("must be less than or equal to completions"));
    }
    if failed.int() > FAILED_INDEXES_MAX {
        let what = format!("must be less than or equal to {FAILED_INDEXES_MAX}");
        errors.push(failed.invalid(what));
    }
    let is_many = completions.int() > COMPLETIONS_MANY;
    if !is_many || !spec.get("backoffLimitPerIndex").is_set() {
        return;
    }
    if !failed.is_set() {
        let what = format!("must be specified when completions is above {COMPLETIONS_MANY}");
        errors.push(failed.required(&what));
    }
    for (at, most) in [
        (&parallelism, PARALLELISM_OF_MANY),
        (&failed, FAILED_INDEXES_OF_MANY),
    ] {
        if at.int() > most {
            errors.push(at.invalid(format!(
                "must be less than or equal to {most} when completions are above {COMPLETIONS_MANY} and used with backoff limit per index"
            )));
        }
    }
}

/// Pods of a Job end.
fn restart(spec: &At<'_>, errors: &mut Errors) {
    let policy = spec.dig(&["template", "spec", "restartPolicy"]);
    match policy.text() {
        "" | "Always" => {
            errors.push(policy.required(r#"valid values: "OnFailure", "Never""#));
        }
        "OnFailure" if spec.get("podFailurePolicy").is_set() => {
            let what = r#"only "Never" is supported when podFailurePolicy is specified"#;
            errors.push(policy.invalid(what));
        }
        "OnFailure" | "Never" => {}
        _ => errors.push(policy.not_supported(&["OnFailure", "Never"])),
    }
}

/// A Job that changes.
pub(super) fn update(job: &At<'_>, old_job: &At<'_>, errors: &mut Errors) {
    let (spec, old) = (job.get("spec"), old_job.get("spec"));
    with_selector(&spec, errors);
    completions(&spec, &old, errors);
    spec.get("selector").unchanged(&old.get("selector"), errors);
    template(&spec, &old, old_job, errors);
    for field in [
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ] {
        spec.get(field).unchanged(&old.get(field), errors);
    }
}

/// A Job with indexes grows and shrinks with its parallelism.
fn completions(spec: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let (now, before) = (spec.get("completions"), old.get("completions"));
    if spec.get("completionMode").text() != "Indexed" {
        return now.unchanged(&before, errors);
    }
    let has_changed = now.int_if() != before.int_if();
    if has_changed && now.is_set() && now.int() != spec.get("parallelism").int() {
        errors.push(now.invalid("can only be modified in tandem with spec.parallelism"));
    }
}

/// Before a suspended Job has begun, it can be told where its Pods run.
fn template(spec: &At<'_>, old: &At<'_>, old_job: &At<'_>, errors: &mut Errors) {
    let has_begun = old_job.dig(&["status", "startTime"]).is_set();
    let may_direct = old.get("suspend").flag() && !has_begun;
    let (now, before) = (spec.get("template"), old.get("template"));
    let is_same = match may_direct {
        true => same(&undirected(now.value()), &undirected(before.value())),
        false => same(now.value(), before.value()),
    };
    if !is_same {
        errors.push(now.invalid(super::at::IMMUTABLE));
    }
}

/// A template without what says where its Pods run.
fn undirected(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("labels");
        metadata.remove("annotations");
    }
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        for field in ["nodeSelector", "tolerations", "schedulingGates"] {
            spec.remove(field);
        }
        if let Some(affinity) = spec.get_mut("affinity").and_then(Value::as_object_mut) {
            affinity.remove("nodeAffinity");
        }
    }
    template
}
