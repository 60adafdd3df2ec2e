//! The status of a Job.

use super::account::Ledger;
use super::observe::{Observed, count};
use super::plan::Plan;
use super::verdict::Verdict;
use crate::objects::{Condition, JobStatus, condition};
use crate::pods::stored_condition;
use crate::runtime::seconds;
use serde_json::{Value, json};

/// What was done about the Pods of a Job.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Pods that were made.
    pub made: i32,
    /// Pods that were removed.
    pub removed: i32,
    /// Those of them that were ready.
    pub removed_ready: i32,
}

/// The status after what was done, without what has ended.
pub fn status(observed: &Observed, plan: &Plan, done: Done) -> JobStatus {
    let mut status = observed.job.status.clone();
    let active = count(observed.active());
    let ready = count(observed.active().filter(|pod| pod.is_ready()));
    status.active = active + done.made - done.removed;
    status.ready = Some(ready - done.removed_ready);
    status.terminating = Some(observed.terminating() + done.removed);
    status.uncounted_terminated_pods.get_or_insert_default();
    let spec = &observed.job.spec;
    if status.start_time.is_none() && !spec.suspend {
        status.start_time = Some(seconds(observed.now_us));
    }
    let is_managed = plan.verdict.is_none() && !observed.job.metadata.is_deleting();
    if !is_managed {
        return status;
    }
    let (now, conditions) = (seconds(observed.now_us), &mut status.conditions);
    if spec.suspend {
        let suspended = made("Suspended", "True", "JobSuspended", "Job suspended", &now);
        if put(conditions, suspended) {
            // It is continuously active only from the time when it is resumed.
            status.start_time = None;
        }
    } else {
        let resumed = made("Suspended", "False", "JobResumed", "Job resumed", &now);
        let was_suspended = condition(conditions, "Suspended").is_some();
        if was_suspended && put(conditions, resumed) {
            status.start_time = Some(now);
        }
    }
    status
}

/// Tells the verdict, before the finalizers of Pods go.
pub fn tell(status: &mut JobStatus, verdict: &Verdict, now_us: i64) {
    let (reason, message) = (&verdict.reason, &verdict.message);
    let told = made(verdict.interim(), "True", reason, message, &seconds(now_us));
    put(&mut status.conditions, told);
}

/// Makes the verdict final, if every Pod is counted and none is going. Returns whether it is.
pub fn conclude(ledger: &mut Ledger, verdict: &Verdict, now_us: i64) -> bool {
    let status = &mut ledger.status;
    let notes = status.uncounted_terminated_pods.as_ref();
    let is_settled =
        notes.is_none_or(|notes| notes.succeeded.is_empty() && notes.failed.is_empty());
    if ledger.is_full || !is_settled || status.terminating.unwrap_or_default() > 0 {
        return false;
    }
    let now = seconds(now_us);
    let (reason, message) = (&verdict.reason, &verdict.message);
    let last = made(verdict.terminal(), "True", reason, message, &now);
    put(&mut status.conditions, last);
    if verdict.is_success {
        status.completion_time = Some(now);
    }
    true
}

/// Whether a Job is over for good.
pub fn is_finished(status: &JobStatus) -> bool {
    ["Complete", "Failed"]
        .into_iter()
        .any(|kind| crate::objects::is_true(&status.conditions, kind))
}

fn made(kind: &str, status: &str, reason: &str, message: &str, now: &str) -> Condition {
    Condition {
        r#type: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_probe_time: Some(now.to_owned()),
        last_transition_time: Some(now.to_owned()),
        ..Condition::default()
    }
}

/// Sets a condition. Returns whether it was different.
fn put(conditions: &mut Vec<Condition>, wanted: Condition) -> bool {
    let known = conditions
        .iter_mut()
        .find(|known| known.r#type == wanted.r#type);
    match known {
        Some(known)
            if known.status == wanted.status
                && known.reason == wanted.reason
                && known.message == wanted.message =>
        {
            return false;
        }
        Some(known) => *known = wanted,
        None => conditions.push(wanted),
    }
    true
}

/// The patch that writes a status, if the Job still has this revision.
pub fn patch(status: &JobStatus, revision: u64) -> Value {
    let text = |text: &str| match text {
        "" => Value::Null,
        text => text.into(),
    };
    let number = |number: i32| match number {
        0 => Value::Null,
        number => number.into(),
    };
    let list = |uids: &[String]| match uids {
        [] => Value::Null,
        uids => json!(uids),
    };
    let conditions: Vec<Value> = status.conditions.iter().map(stored_condition).collect();
    let notes = status.uncounted_terminated_pods.as_ref();
    json!({
        "metadata": {"resourceVersion": revision.to_string()},
        "status": {
            "conditions": if conditions.is_empty() { Value::Null } else { conditions.into() },
            "startTime": status.start_time,
            "completionTime": status.completion_time,
            "active": number(status.active),
            "succeeded": number(status.succeeded),
            "failed": number(status.failed),
            "ready": status.ready,
            "terminating": status.terminating,
            "completedIndexes": text(&status.completed_indexes),
            "failedIndexes": status.failed_indexes,
            "uncountedTerminatedPods": notes.map(|notes| json!({
                "succeeded": list(&notes.succeeded),
                "failed": list(&notes.failed),
            })),
        },
    })
}
