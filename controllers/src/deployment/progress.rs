//! How a rollout gets on (D6, D7): whether something moves, and for how long nothing has.

use super::annotation::{HISTORY, REVISION};
use super::condition::{self, PROGRESSING, TIMED_OUT};
use super::observed::{Observed, Set};
use super::status::is_complete;
use crate::objects::{Condition, DeploymentStatus};
use crate::pods::micros;
use crate::runtime::Next;
use std::time::Duration;

const CREATED: &str = "NewReplicaSetCreated";
const FOUND: &str = "FoundNewReplicaSet";
const UPDATED: &str = "ReplicaSetUpdated";
const DONE: &str = "NewReplicaSetAvailable";

const SECOND_US: i64 = 1_000_000;

/// As upstream where nothing is said.
const DEADLINE_S: i32 = 600;

/// Whether a rollout must get on in some time.
pub(super) fn has_deadline(seen: &Observed) -> bool {
    deadline_s(seen) != i32::MAX
}

fn deadline_s(seen: &Observed) -> i32 {
    let deadline = seen.deployment.spec.progress_deadline_seconds;
    deadline.unwrap_or(DEADLINE_S)
}

/// The revision of the present template, if the Deployment does not have it yet.
pub(super) fn unnoted(seen: &Observed) -> Option<&str> {
    let new = &seen.new_set()?.set.metadata;
    let revision = new.annotations.get(REVISION)?;
    let noted = seen.deployment.metadata.annotations.get(REVISION);
    (noted != Some(revision)).then_some(revision)
}

/// A template is rolled out that was not before: the time until the deadline begins. A ReplicaSet that
/// had other revisions was found, not made.
pub(super) fn begin(seen: &Observed, status: &mut DeploymentStatus) {
    let Some(new) = seen.new_set().filter(|_| has_deadline(seen)) else {
        return;
    };
    let is_known = crate::objects::condition(&status.conditions, PROGRESSING).is_some();
    let is_begun = unnoted(seen).is_none();
    if is_begun && is_known {
        return;
    }
    let name = new.name();
    let was_here = new.set.metadata.annotations.contains_key(HISTORY);
    let (reason, message) = match is_begun || was_here {
        false => (CREATED, format!("Created new replica set \"{name}\"")),
        true => (FOUND, format!("Found new replica set \"{name}\"")),
    };
    let begun = condition::new(seen, PROGRESSING, "True", reason, message);
    match seen.deployment.spec.paused {
        // The time does not pass.
        true => {}
        false => condition::refresh(&mut status.conditions, begun),
    }
}

/// Says whether the rollout is complete, gets on, or has not for too long.
pub(super) fn judge(seen: &Observed, status: &mut DeploymentStatus) {
    if !has_deadline(seen) {
        return condition::remove(&mut status.conditions, PROGRESSING);
    }
    let current = crate::objects::condition(&status.conditions, PROGRESSING);
    let was_done = current.is_some_and(|current| current.reason == DONE);
    if was_done && status.replicas == status.updated_replicas {
        // Nothing is rolled out: Pods that come and go are no progress.
        return;
    }
    let what = match seen.new_set() {
        Some(new) => format!("ReplicaSet \"{}\"", new.name()),
        None => format!("Deployment \"{}\"", seen.deployment.metadata.name),
    };
    let is_late = current.is_some_and(|current| is_late(seen, current));
    let say = |status, reason, text: &str| {
        condition::new(seen, PROGRESSING, status, reason, format!("{what} {text}."))
    };
    if is_complete(seen, status) {
        let done = say("True", DONE, "has successfully progressed");
        condition::set(&mut status.conditions, done);
    } else if has_moved(&seen.deployment.status, status) {
        let moves = say("True", UPDATED, "is progressing");
        condition::refresh(&mut status.conditions, moves);
    } else if is_late {
        let late = say("False", TIMED_OUT, "has timed out progressing");
        condition::set(&mut status.conditions, late);
    }
}

/// More Pods are new, ready or available than before, or fewer are old.
fn has_moved(before: &DeploymentStatus, now: &DeploymentStatus) -> bool {
    let old = |status: &DeploymentStatus| status.replicas - status.updated_replicas;
    now.updated_replicas > before.updated_replicas
        || old(now) < old(before)
        || now.ready_replicas > before.ready_replicas
        || now.available_replicas > before.available_replicas
}

fn is_late(seen: &Observed, current: &Condition) -> bool {
    match current.reason.as_str() {
        DONE => false,
        TIMED_OUT => true,
        _ => left_us(seen, current).is_some_and(|left| left < 0),
    }
}

/// How long it is until the deadline.
fn left_us(seen: &Observed, current: &Condition) -> Option<i64> {
    let from_us = micros(current.last_update_time.as_deref()?)?;
    let until_us = from_us.saturating_add(i64::from(deadline_s(seen)) * SECOND_US);
    Some(until_us.saturating_sub(seen.now_us))
}

/// When to look again at a rollout, if nothing moves: to tell that it is late.
pub(super) fn next(seen: &Observed, status: &DeploymentStatus) -> Next {
    let current = crate::objects::condition(&status.conditions, PROGRESSING);
    let is_over = is_complete(seen, status) || current.is_none_or(|one| one.reason == TIMED_OUT);
    if is_over || !has_deadline(seen) {
        return next_available(seen);
    }
    let left_us = current.and_then(|current| left_us(seen, current));
    let left_us = left_us.and_then(|left| u64::try_from(left.max(0)).ok());
    // A second more, since times have no parts of seconds.
    let deadline = left_us.map(|left| Duration::from_micros(left) + Duration::from_secs(1));
    match (deadline, next_available(seen)) {
        (Some(deadline), Next::After(available)) => Next::After(deadline.min(available)),
        (Some(deadline), Next::Settled) => Next::After(deadline),
        (None, available) => available,
    }
}

/// When to look again because a Pod will have been ready for long enough.
pub(super) fn next_available(seen: &Observed) -> Next {
    let next = seen.sets.iter().filter_map(|set: &Set| set.pods.next).min();
    next.map_or(Next::Settled, Next::After)
}
