//! Whether a Job is over, and why.

use super::observe::Observed;
use super::pod::restarts;
use super::policy::{Action, success_rule};
use super::tally::Tally;
use crate::objects::{condition, is_true};

/// Pods that may fail, unless the Job says.
const BACKOFF_LIMIT: i32 = 6;

/// How a Job ends. It is told first, and becomes final when all its Pods are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it has succeeded.
    pub is_success: bool,
    /// One word.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Verdict {
    fn failure(reason: &str, message: impl Into<String>) -> Verdict {
        Verdict {
            is_success: false,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    /// As many Pods as were wanted have succeeded.
    pub fn complete() -> Verdict {
        Verdict {
            is_success: true,
            reason: "CompletionsReached".to_owned(),
            message: "Reached expected number of succeeded pods".to_owned(),
        }
    }

    /// The condition by which it is told first.
    pub fn interim(&self) -> &'static str {
        match self.is_success {
            true => "SuccessCriteriaMet",
            false => "FailureTarget",
        }
    }

    /// The condition by which it is final.
    pub fn terminal(&self) -> &'static str {
        match self.is_success {
            true => "Complete",
            false => "Failed",
        }
    }

    /// What has been told.
    fn told(observed: &Observed) -> Option<Verdict> {
        let conditions = &observed.job.status.conditions;
        [("SuccessCriteriaMet", true), ("FailureTarget", false)]
            .into_iter()
            .filter(|(kind, _)| is_true(conditions, kind))
            .find_map(|(kind, is_success)| {
                let told = condition(conditions, kind)?;
                Some(Verdict {
                    is_success,
                    reason: told.reason.clone(),
                    message: told.message.clone(),
                })
            })
    }

    /// What there is to say before Pods are made or removed. A Job that merely has enough successes is not
    /// over yet: see `plan`.
    pub fn of(observed: &Observed, tally: &Tally) -> Option<Verdict> {
        Verdict::told(observed)
            .or_else(|| by_policy(observed))
            .or_else(|| by_limit(observed, tally))
            .or_else(|| by_index(observed, tally))
    }
}

fn by_policy(observed: &Observed) -> Option<Verdict> {
    observed.job.spec.pod_failure_policy.as_ref()?;
    let failed = observed.pods.iter().filter(|pod| observed.is_failed(pod));
    failed
        .map(|pod| observed.action(pod))
        .find_map(|action| match action {
            Action::FailJob(message) => Some(Verdict::failure("PodFailurePolicy", message)),
            _ => None,
        })
}

fn by_limit(observed: &Observed, tally: &Tally) -> Option<Verdict> {
    let limit = observed.job.spec.backoff_limit.unwrap_or(BACKOFF_LIMIT);
    if tally.failed > limit || has_restarted_too_often(observed, limit) {
        let message = "Job has reached the specified backoff limit";
        return Some(Verdict::failure("BackoffLimitExceeded", message));
    }
    if deadline_us(observed).is_some_and(|left| left <= 0) {
        let message = "Job was active longer than specified deadline";
        return Some(Verdict::failure("DeadlineExceeded", message));
    }
    None
}

/// With `OnFailure` a Pod does not fail: its containers are started again, and that counts.
fn has_restarted_too_often(observed: &Observed, limit: i32) -> bool {
    let template = &observed.job.spec.template;
    let policy = template.pointer("/spec/restartPolicy");
    if policy.and_then(serde_json::Value::as_str) != Some("OnFailure") {
        return false;
    }
    let running = observed
        .pods
        .iter()
        .filter(|pod| matches!(pod.status.phase.as_str(), "Running" | "Pending"));
    running.map(|pod| restarts(pod)).sum::<i32>() >= limit.max(1)
}

/// How much longer it may run. `None`: for ever.
pub fn deadline_us(observed: &Observed) -> Option<i64> {
    let spec = &observed.job.spec;
    if spec.suspend {
        return None;
    }
    let allowed_us = spec.active_deadline_seconds?.saturating_mul(1_000_000);
    let since = observed.started_us().unwrap_or(observed.now_us);
    Some(since.saturating_add(allowed_us) - observed.now_us)
}

fn by_index(observed: &Observed, tally: &Tally) -> Option<Verdict> {
    let completions = observed.indexes()?;
    let (failed, spec) = (tally.failed_indexes.total(), &observed.job.spec);
    if spec.max_failed_indexes.is_some_and(|most| failed > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(Verdict::failure("MaxFailedIndexesExceeded", message));
    }
    if failed > 0 && failed + tally.completed.total() >= completions {
        return Some(Verdict::failure("FailedIndexes", "Job has failed indexes"));
    }
    let policy = spec.success_policy.as_ref()?;
    let rule = success_rule(policy, &tally.completed, completions)?;
    Some(Verdict {
        is_success: true,
        reason: "SuccessPolicy".to_owned(),
        message: format!("Matched rules at index {rule}"),
    })
}
