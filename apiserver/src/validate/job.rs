//! Jobs, and templates of them.

use super::at::{At, Errors};
use super::format::domain_path;
use super::same::same;
use super::{pod, workload};
use crate::names;
use crate::selector::{from_structure, validate_structure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const PARALLELISM_MAX: i64 = 100_000;
const FAILED_INDEXES_MAX: i64 = 100_000;
const COMPLETIONS_MANY: i64 = 100_000;
const PARALLELISM_OF_MANY: i64 = 10_000;
const FAILED_INDEXES_OF_MANY: i64 = 10_000;
const RULES_MAX: usize = 20;
const EXIT_CODES_MAX: usize = 255;
const CONDITIONS_MAX: usize = 20;
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
    policies(spec, errors);
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

fn policies(spec: &At<'_>, errors: &mut Errors) {
    let failure = spec.get("podFailurePolicy");
    if failure.is_set() {
        let rules = failure.get("rules");
        if rules.len() > RULES_MAX {
            errors.push(rules.too_many(RULES_MAX));
        }
        for rule in rules.items() {
            failure_rule(spec, &rule, errors);
        }
    }
    let success = spec.get("successPolicy");
    if success.is_set() && spec.get("completionMode").text() != "Indexed" {
        errors.push(success.invalid("requires indexed completion mode"));
    } else if success.is_set() {
        success_rules(spec, &success.get("rules"), errors);
    }
    let replacement = spec.get("podReplacementPolicy");
    let allowed: &[&str] = match failure.is_set() {
        true => &["Failed"],
        false => &["Failed", "TerminatingOrFailed"],
    };
    replacement.choice_if(allowed, errors);
}

fn failure_rule(spec: &At<'_>, rule: &At<'_>, errors: &mut Errors) {
    const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
    let action = rule.get("action");
    match action.text() {
        "" => {
            let what = r#"valid values: ["Count" "FailIndex" "FailJob" "Ignore"]"#;
            errors.push(action.required(what));
        }
        "FailIndex" if !spec.get("backoffLimitPerIndex").is_set() => {
            errors.push(action.invalid("requires the backoffLimitPerIndex to be set"));
        }
        text if ACTIONS.contains(&text) => {}
        _ => errors.push(action.not_supported(ACTIONS)),
    }
    let (codes, conditions) = (rule.get("onExitCodes"), rule.get("onPodConditions"));
    if codes.is_set() {
        exit_codes(spec, &codes, errors);
    }
    if conditions.len() > CONDITIONS_MAX {
        errors.push(conditions.too_many(CONDITIONS_MAX));
    }
    for pattern in conditions.items() {
        let kind = pattern.get("type");
        let wrong = names::label_key(kind.text()).into_iter();
        errors.extend(wrong.map(|what| kind.invalid_as(kind.text(), what)));
        let status = pattern.get("status");
        match status.text() {
            "" => errors.push(status.required(r#"valid values: ["False" "True" "Unknown"]"#)),
            _ => status.choice(&["False", "True", "Unknown"], errors),
        }
    }
    let what = match (codes.is_set(), conditions.len() > 0) {
        (true, true) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (false, false) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return,
    };
    // Upstream shows no value here.
    let mut error = rule.invalid(what);
    error.value = None;
    errors.push(error);
}

fn exit_codes(spec: &At<'_>, at: &At<'_>, errors: &mut Errors) {
    let operator = at.get("operator");
    match operator.text() {
        "" => errors.push(operator.required(r#"valid values: ["In" "NotIn"]"#)),
        _ => operator.choice(&["In", "NotIn"], errors),
    }
    let container = at.get("containerName");
    let pod = spec.dig(&["template", "spec"]);
    let is_known = |name: &str| {
        let mut all = ["containers", "initContainers"]
            .into_iter()
            .flat_map(|list| pod.get(list).items());
        all.any(|container| container.get("name").text() == name)
    };
    if container.text_if().is_some_and(|name| !is_known(name)) {
        let what = "must be one of the container or initContainer names in the pod template";
        errors.push(container.invalid(what));
    }
    let values = at.get("values");
    if values.len() == 0 {
        errors.push(values.invalid("at least one value is required"));
    } else if values.len() > EXIT_CODES_MAX {
        errors.push(values.too_many(EXIT_CODES_MAX));
    }
    let mut seen = BTreeSet::new();
    for value in values.items() {
        if operator.text() == "In" && value.int() == 0 {
            errors.push(value.invalid("must not be 0 for the In operator"));
        }
        if !seen.insert(value.int()) {
            errors.push(value.duplicate());
        }
    }
    let numbers: Vec<i64> = values.items().map(|value| value.int()).collect();
    if !numbers.is_sorted() {
        errors.push(values.invalid("must be ordered"));
    }
}

fn success_rules(spec: &At<'_>, rules: &At<'_>, errors: &mut Errors) {
    if rules.len() == 0 {
        let what = "at least one rules must be specified when the successPolicy is specified";
        errors.push(rules.required(what));
    }
    if rules.len() > RULES_MAX {
        errors.push(rules.too_many(RULES_MAX));
    }
    let completions = spec.get("completions").int();
    for rule in rules.items() {
        let (count, indexes) = (rule.get("succeededCount"), rule.get("succeededIndexes"));
        if !count.is_set() && !indexes.is_set() {
            let what = "at least one of succeededCount or succeededIndexes must be specified";
            errors.push(rule.required(what));
        }
        let mut total = completions;
        if let Some(text) = indexes.text_if() {
            match intervals(text, completions) {
                Ok(number) => total = number,
                Err(what) => {
                    let what = format!("error parsing succeededIndexes: {what}");
                    errors.push(indexes.invalid(what));
                }
            }
        }
        count.nonnegative(errors);
        if count.int() > completions {
            errors.push(count.invalid(format!(
                "must be less than or equal to {completions} (the number of specified completions)"
            )));
        } else if indexes.is_set() && count.int() > total {
            errors.push(count.invalid(format!(
                "must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
            )));
        }
    }
}

/// How many numbers intervals such as `0,2-5` have.
fn intervals(text: &str, completions: i64) -> Result<i64, String> {
    let mut last = -1;
    let mut total = 0;
    if text.is_empty() {
        return Ok(0);
    }
    for interval in text.split(',') {
        let (from, to) = interval.split_once('-').unwrap_or((interval, interval));
        let number = |text: &str| {
            let parsed = text.parse::<i64>();
            parsed.map_err(|_| format!("cannot convert string to integer for index: \"{text}\""))
        };
        let (first, end) = (number(from)?, number(to)?);
        for index in [first, end] {
            if index >= completions {
                return Err(format!("too large index: \"{index}\""));
            }
        }
        if first > end || (interval.contains('-') && first == end) {
            return Err(format!(
                "non-increasing order, previous: {first}, current: {end}"
            ));
        }
        if first <= last {
            return Err(format!(
                "non-increasing order, previous: {last}, current: {first}"
            ));
        }
        total += end - first + 1;
        last = end;
    }
    Ok(total)
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
