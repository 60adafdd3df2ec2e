//! Conditions of Deployments (D7): how they change, and what a pause says.

use super::observed::Observed;
use super::progress::has_deadline;
use super::status;
use super::step::Step;
use crate::objects::{Condition, condition};
use crate::runtime::seconds;

pub(super) const AVAILABLE: &str = "Available";
pub(super) const PROGRESSING: &str = "Progressing";
pub(super) const REPLICA_FAILURE: &str = "ReplicaFailure";

const PAUSED: &str = "DeploymentPaused";
const RESUMED: &str = "DeploymentResumed";
pub(super) const TIMED_OUT: &str = "ProgressDeadlineExceeded";

/// A condition as of now.
pub(super) fn new(
    seen: &Observed,
    r#type: &str,
    status: &str,
    reason: &str,
    message: String,
) -> Condition {
    let now = seconds(seen.now_us);
    Condition {
        r#type: r#type.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        last_update_time: Some(now.clone()),
        last_transition_time: Some(now),
        ..Condition::default()
    }
}

/// Sets a condition. One that says the same for the same reason stays as it is.
pub(super) fn set(conditions: &mut Vec<Condition>, mut new: Condition) {
    if let Some(before) = condition(conditions, &new.r#type)
        && before.status == new.status
    {
        if before.reason == new.reason {
            return;
        }
        new.last_transition_time
            .clone_from(&before.last_transition_time);
    }
    remove(conditions, &new.r#type);
    conditions.push(new);
}

/// Sets a condition, and says that it holds as of now even if it says the same.
pub(super) fn refresh(conditions: &mut Vec<Condition>, mut new: Condition) {
    if let Some(before) = condition(conditions, &new.r#type)
        && before.status == new.status
    {
        new.last_transition_time
            .clone_from(&before.last_transition_time);
    }
    remove(conditions, &new.r#type);
    conditions.push(new);
}

/// Takes a condition away.
pub(super) fn remove(conditions: &mut Vec<Condition>, r#type: &str) {
    conditions.retain(|one| one.r#type != r#type);
}

/// Says that a pause has begun or ended (D8): the time until the deadline does not pass during a pause,
/// and begins anew after it.
pub(super) fn pause(seen: &Observed) -> Vec<Step> {
    let status = &seen.deployment.status;
    let before = condition(&status.conditions, PROGRESSING).map(|one| one.reason.as_str());
    // That nothing got on is not forgotten over a pause.
    if !has_deadline(seen) || before == Some(TIMED_OUT) {
        return Vec::new();
    }
    let said = match (seen.deployment.spec.paused, before == Some(PAUSED)) {
        (true, false) => (PAUSED, "Deployment is paused"),
        (false, true) => (RESUMED, "Deployment is resumed"),
        _ => return Vec::new(),
    };
    let mut status = status.clone();
    let (reason, message) = (said.0, said.1.to_owned());
    set(
        &mut status.conditions,
        new(seen, PROGRESSING, "Unknown", reason, message),
    );
    status::step(seen, &status, None).into_iter().collect()
}
