//! What Jobs make of Pods that failed or succeeded.

use super::at::{At, Errors};
use crate::names;
use std::collections::BTreeSet;

const RULES_MAX: usize = 20;
const EXIT_CODES_MAX: usize = 255;
const CONDITIONS_MAX: usize = 20;

/// The policies of a Job.
pub(super) fn check(spec: &At<'_>, errors: &mut Errors) {
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
