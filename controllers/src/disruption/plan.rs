//! The status of a budget, from what was seen. Pure.

use crate::objects::{
    Condition, Pod, PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus,
    condition,
};
use crate::pods::micros;
use crate::runtime::seconds;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// A Pod that was evicted is seen to go in this time, or was not evicted. Upstream's number.
const GOES_WITHIN_US: i64 = 120 * 1_000_000;
/// The condition that says whether anything may be evicted.
const ALLOWED: &str = "DisruptionAllowed";

/// What a status is made of.
pub(super) struct Counted<'a> {
    pub(super) budget: &'a PodDisruptionBudget,
    pub(super) pods: &'a [Arc<Pod>],
    /// How many Pods there should be, or why that cannot be told.
    pub(super) expected: Result<i32, String>,
    pub(super) now_us: i64,
}

/// A status, when to look again, and what users are told if the status is new: whether it is a warning, a
/// word, a text.
pub(super) struct Plan {
    pub(super) status: PodDisruptionBudgetStatus,
    pub(super) again: Option<Duration>,
    pub(super) told: Vec<(bool, &'static str, String)>,
}

/// Whether a budget can only be counted when it is known how many Pods there should be.
pub(super) fn is_part(spec: &PodDisruptionBudgetSpec) -> bool {
    spec.max_unavailable.is_some() || spec.min_available.as_ref().is_some_and(Value::is_string)
}

pub(super) fn plan(counted: &Counted<'_>) -> Plan {
    let Counted { budget, now_us, .. } = counted;
    let mut told = Vec::new();
    if counted.pods.is_empty() {
        told.push((false, "NoPods", "No matching pods found".to_owned()));
    }
    let expected = match &counted.expected {
        Ok(expected) => *expected,
        Err(why) => {
            let text = format!("Failed to calculate the number of expected pods: {why}");
            told.push((true, "CalculateExpectedPodCountFailed", text));
            return Plan {
                status: failed(budget, why, *now_us),
                again: None,
                told,
            };
        }
    };
    let (disrupted_pods, again) = disrupted(counted);
    let serves = |pod: &&Arc<Pod>| {
        pod.is_ready()
            && !pod.metadata.is_deleting()
            && !disrupted_pods.contains_key(&pod.metadata.name)
    };
    let healthy = counted.pods.iter().filter(serves).count();
    let healthy = i32::try_from(healthy).unwrap_or(i32::MAX);
    let wanted = wanted(&budget.spec, expected);
    let allowed = match expected > 0 {
        true => healthy.saturating_sub(wanted).max(0),
        false => 0,
    };
    let mut status = PodDisruptionBudgetStatus {
        observed_generation: budget.metadata.generation,
        disrupted_pods,
        disruptions_allowed: allowed,
        current_healthy: healthy,
        desired_healthy: wanted,
        expected_pods: expected,
        conditions: budget.status.conditions.clone(),
    };
    let (state, reason) = match allowed > 0 {
        true => ("True", "SufficientPods"),
        false => ("False", "InsufficientPods"),
    };
    let generation = status.observed_generation;
    say(
        &mut status.conditions,
        (state, reason, ""),
        generation,
        *now_us,
    );
    Plan {
        status,
        again,
        told,
    }
}

/// How many Pods must serve.
fn wanted(spec: &PodDisruptionBudgetSpec, expected: i32) -> i32 {
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => expected.saturating_sub(scaled(most, expected)).max(0),
        (None, Some(least)) => scaled(least, expected),
        (None, None) => 0,
    }
}

/// A number, or a part of a whole in percent, rounded up.
fn scaled(value: &Value, whole: i32) -> i32 {
    let number = match value {
        Value::String(text) => {
            let percent = text.strip_suffix('%').and_then(|text| text.parse().ok());
            let hundredths = i64::from(whole).saturating_mul(percent.unwrap_or(0));
            hundredths.saturating_add(99).div_euclid(100)
        }
        value => value.as_i64().unwrap_or(0),
    };
    i32::try_from(number.max(0)).unwrap_or(i32::MAX)
}

/// The Pods that were evicted and are not seen to go yet, and when the first of them should have gone.
fn disrupted(
    counted: &Counted<'_>,
) -> (std::collections::BTreeMap<String, String>, Option<Duration>) {
    let noted = &counted.budget.status.disrupted_pods;
    let mut again: Option<i64> = None;
    let still = counted.pods.iter().filter_map(|pod| {
        let (name, since) = noted.get_key_value(&pod.metadata.name)?;
        let left_us = micros(since)?
            .saturating_add(GOES_WITHIN_US)
            .saturating_sub(counted.now_us);
        if pod.metadata.is_deleting() || left_us < 0 {
            return None;
        }
        again = Some(again.map_or(left_us, |again| again.min(left_us)));
        Some((name.clone(), since.clone()))
    });
    let still = still.collect();
    // Times are in whole seconds; one more, and it is over.
    let again = again.and_then(|left_us| u64::try_from(left_us).ok());
    let again = again.map(|left_us| Duration::from_micros(left_us) + Duration::from_secs(1));
    (still, again)
}

/// Nothing is allowed as long as it is not known how many Pods there should be.
fn failed(budget: &PodDisruptionBudget, why: &str, now_us: i64) -> PodDisruptionBudgetStatus {
    let mut status = budget.status.clone();
    status.disruptions_allowed = 0;
    let generation = status.observed_generation;
    let said = ("False", "SyncFailed", why);
    say(&mut status.conditions, said, generation, now_us);
    status
}

fn say(
    conditions: &mut Vec<Condition>,
    (state, reason, message): (&str, &str, &str),
    generation: i64,
    now_us: i64,
) {
    let before = condition(conditions, ALLOWED);
    let since = before.filter(|before| before.status == state);
    let since = since.and_then(|before| before.last_transition_time.clone());
    let said = Condition {
        r#type: ALLOWED.to_owned(),
        status: state.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: since.or_else(|| Some(seconds(now_us))),
        observed_generation: (generation > 0).then_some(generation),
        ..Condition::default()
    };
    match conditions.iter_mut().find(|one| one.r#type == ALLOWED) {
        Some(present) => *present = said,
        None => conditions.push(said),
    }
}
