//! D6, D7: the status and its conditions, word by word.

use super::super::condition::{self, PROGRESSING};
use super::super::status::{not_created, status};
use super::*;
use crate::objects::{Condition, DeploymentStatus, condition as find};
use crate::runtime::{Next, seconds};
use std::time::Duration;

const SECOND_US: i64 = 1_000_000;

/// A condition that was said so many seconds ago.
fn said(ago_s: i64, status: &str, reason: &str) -> Condition {
    let at = seconds(START_US - ago_s * SECOND_US);
    Condition {
        r#type: PROGRESSING.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        last_update_time: Some(at.clone()),
        last_transition_time: Some(at),
        ..Condition::default()
    }
}

/// The Deployment, whose status is as its sets are and whose rollout was last told as this.
fn after(spec: Value, sets: &[Given<'_>], before: Condition) -> Observed {
    let seen = seen(spec, sets);
    let mut now = status(&seen, false);
    now.conditions = vec![before];
    seen.but(|deployment| deployment.status = now)
}

/// How the rollout gets on: status, reason and message.
fn progress(status: &DeploymentStatus) -> Option<(&str, &str, &str)> {
    let found = find(&status.conditions, PROGRESSING)?;
    Some((&found.status, &found.reason, &found.message))
}

#[test]
fn d7_the_status_sums_up_what_the_sets_say() {
    let given = seen(
        json!({}),
        &[("a", 3, 3, 2), ("b", 4, 4, 4), ("new", 5, 4, 1)],
    );
    let now = status(&given, true);
    let numbers = [
        now.replicas,
        now.updated_replicas,
        now.ready_replicas,
        now.available_replicas,
        now.unavailable_replicas,
    ];
    assert_eq!(numbers, [11, 4, 7, 7, 5]);
    assert_eq!(now.observed_generation, 1);
    // More than are wanted are not missing.
    let shrinking = seen(json!({}), &[("new", 2, 5, 5)]);
    assert_eq!(status(&shrinking, true).unavailable_replicas, 0);
}

#[test]
fn d7_pods_that_are_going_are_summed_up_if_all_sets_count_them() {
    let given = seen(json!({}), &[("a", 0, 0, 0), ("new", 10, 10, 10)]);
    assert_eq!(status(&given, true).terminating_replicas, None);
    let counted = given
        .but_set(0, |set| set.status.terminating_replicas = Some(2))
        .but_set(1, |set| set.status.terminating_replicas = Some(1));
    assert_eq!(status(&counted, true).terminating_replicas, Some(3));
    let fresh = counted.but_set(1, |set| set.status = Default::default());
    assert_eq!(status(&fresh, true).terminating_replicas, Some(2));
}

#[test]
fn d7_a_deployment_is_available_as_long_as_no_more_are_missing_than_may_be() {
    let table = [
        (
            8,
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        ),
        (
            7,
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        ),
    ];
    for (available, is, reason, message) in table {
        let now = status(&seen(json!({}), &[("new", 10, 10, available)]), true);
        let found = find(&now.conditions, "Available").expect("a condition");
        assert_eq!(
            (&*found.status, &*found.reason, &*found.message),
            (is, reason, message)
        );
    }
}

#[test]
fn d7_a_condition_that_stays_keeps_its_times() {
    let given = seen(json!({}), &[]);
    let mut conditions = vec![said(100, "True", "A")];
    let times = |conditions: &[Condition]| {
        let found = find(conditions, PROGRESSING).expect("a condition");
        let times = [&found.last_update_time, &found.last_transition_time];
        times.map(|at| at.clone().expect("a time"))
    };
    let (before, now) = (seconds(START_US - 100 * SECOND_US), seconds(START_US));
    let new = |status, reason| condition::new(&given, PROGRESSING, status, reason, String::new());
    condition::set(&mut conditions, new("True", "A"));
    assert_eq!(times(&conditions), [before.clone(), before.clone()]);
    condition::refresh(&mut conditions, new("True", "A"));
    assert_eq!(times(&conditions), [now.clone(), before.clone()]);
    condition::set(&mut conditions, new("True", "B"));
    assert_eq!(times(&conditions), [now.clone(), before]);
    condition::set(&mut conditions, new("False", "B"));
    assert_eq!(times(&conditions), [now.clone(), now]);
    assert_eq!(conditions.len(), 1);
}

#[test]
fn d7_a_rollout_begins_with_a_set_that_was_made_or_found() {
    let unnoted = |deployment: &mut Deployment| deployment.metadata.annotations.clear();
    let sets = [("old", 10, 10, 10), ("new", 3, 0, 0)];
    let made = after(
        json!({}),
        &sets,
        said(9999, "True", "NewReplicaSetAvailable"),
    )
    .but(unnoted);
    let now = status(&made, true);
    let created = (
        "True",
        "NewReplicaSetCreated",
        "Created new replica set \"web-new\"",
    );
    assert_eq!(progress(&now), Some(created));
    let found = made.but_set(1, |set| {
        let history = "deployment.kubernetes.io/revision-history".to_owned();
        set.metadata.annotations.insert(history, "1".to_owned());
    });
    let now = status(&found, true);
    let text = (
        "True",
        "FoundNewReplicaSet",
        "Found new replica set \"web-new\"",
    );
    assert_eq!(progress(&now), Some(text));
    // One that nothing was told about yet.
    let now = status(&seen(json!({}), &sets), false);
    assert_eq!(progress(&now), Some(text));
}

#[test]
fn d7_a_rollout_gets_on_when_more_pods_are_new_or_serve_or_fewer_are_old() {
    let sets = [("old", 8, 8, 8), ("new", 5, 4, 0)];
    let before = after(json!({}), &sets, said(300, "True", "NewReplicaSetCreated"));
    let created = ("True", "NewReplicaSetCreated", "");
    assert_eq!(progress(&status(&before, true)), Some(created));
    let moves: [fn(&mut DeploymentStatus); 4] = [
        |before| before.updated_replicas -= 1,
        |before| before.replicas += 1,
        |before| before.ready_replicas -= 1,
        |before| before.available_replicas -= 1,
    ];
    for (case, change) in moves.into_iter().enumerate() {
        let moved = before
            .clone()
            .but(|deployment| change(&mut deployment.status));
        let now = status(&moved, true);
        let updated = (
            "True",
            "ReplicaSetUpdated",
            "ReplicaSet \"web-new\" is progressing.",
        );
        assert_eq!(progress(&now), Some(updated), "case {case}");
        let found = find(&now.conditions, PROGRESSING).expect("a condition");
        assert_eq!(
            found.last_update_time,
            Some(seconds(START_US)),
            "case {case}"
        );
        let since = seconds(START_US - 300 * SECOND_US);
        assert_eq!(found.last_transition_time, Some(since), "case {case}");
    }
}

#[test]
fn d7_a_rollout_that_is_complete_says_so_once() {
    let sets = [("old", 0, 0, 0), ("new", 10, 10, 10)];
    let seen = after(json!({}), &sets, said(9, "True", "ReplicaSetUpdated"));
    let now = status(&seen, true);
    let done = (
        "True",
        "NewReplicaSetAvailable",
        "ReplicaSet \"web-new\" has successfully progressed.",
    );
    assert_eq!(progress(&now), Some(done));
    // A Pod that goes and comes later is no rollout.
    let sets = [("old", 0, 0, 0), ("new", 10, 10, 9)];
    let later = after(
        json!({}),
        &sets,
        said(9999, "True", "NewReplicaSetAvailable"),
    );
    let later = later.but(|deployment| deployment.status.available_replicas = 8);
    let now = status(&later, true);
    assert_eq!(progress(&now), Some(("True", "NewReplicaSetAvailable", "")));
}

#[test]
fn d6_a_rollout_that_does_not_get_on_is_late_after_the_deadline() {
    let sets = [("old", 8, 8, 8), ("new", 5, 5, 0)];
    let at = |ago_s, reason| after(json!({}), &sets, said(ago_s, "True", reason));
    let late = (
        "False",
        "ProgressDeadlineExceeded",
        "ReplicaSet \"web-new\" has timed out progressing.",
    );
    let waiting = at(599, "ReplicaSetUpdated");
    let now = status(&waiting, true);
    assert_eq!(progress(&now), Some(("True", "ReplicaSetUpdated", "")));
    assert_eq!(plan(&waiting).next, Next::After(Duration::from_secs(2)));
    assert_eq!(
        progress(&status(&at(600, "ReplicaSetUpdated"), true)),
        Some(("True", "ReplicaSetUpdated", ""))
    );
    let over = at(601, "ReplicaSetUpdated");
    assert_eq!(progress(&status(&over, true)), Some(late));
    // It is not looked at again for that, and stays so until something moves.
    let told = status(&over, true);
    let over = over.but(|deployment| deployment.status = told);
    let plan = plan(&over);
    assert_eq!((plan.steps.len(), plan.next), (0, Next::Settled));
    let moved = over.but(|deployment| deployment.status.available_replicas -= 1);
    let updated = (
        "True",
        "ReplicaSetUpdated",
        "ReplicaSet \"web-new\" is progressing.",
    );
    assert_eq!(progress(&status(&moved, true)), Some(updated));
}

#[test]
fn d6_without_a_deadline_nothing_is_said_about_progress() {
    let sets = [("old", 8, 8, 8), ("new", 5, 5, 0)];
    let spec = json!({"progressDeadlineSeconds": i32::MAX});
    let seen = after(spec, &sets, said(9999, "True", "ReplicaSetUpdated"));
    assert_eq!(progress(&status(&seen, true)), None);
    assert_eq!(plan(&seen).next, Next::Settled);
}

#[test]
fn d7_why_pods_cannot_be_made_is_passed_on_and_the_new_set_counts_most() {
    let failing = |message: &str| Condition {
        r#type: "ReplicaFailure".to_owned(),
        message: message.to_owned(),
        ..said(7, "True", "FailedCreate")
    };
    let given = seen(json!({}), &[("old", 8, 8, 8), ("new", 5, 4, 0)])
        .but_set(0, |set| set.status.conditions.push(failing("old")));
    let found = |seen: &Observed| {
        let now = status(seen, true);
        find(&now.conditions, "ReplicaFailure").map(|found| found.message.clone())
    };
    assert_eq!(found(&given).as_deref(), Some("old"));
    let both = given.but_set(1, |set| set.status.conditions.push(failing("new")));
    assert_eq!(found(&both).as_deref(), Some("new"));
    let now = status(&both, true);
    let healed = both
        .but(|deployment| deployment.status = now)
        .but_set(0, |set| set.status.conditions.clear())
        .but_set(1, |set| set.status.conditions.clear());
    assert_eq!(found(&healed), None);
}

#[test]
fn d8_a_pause_and_its_end_are_told_but_not_over_a_deadline_that_has_passed() {
    let at = |is_paused: bool, reason: &str| {
        let before = said(9999, "Unknown", reason);
        after(json!({"paused": is_paused}), &[("old", 10, 10, 10)], before)
    };
    let told = |seen: &Observed| {
        let steps = condition::pause(seen);
        let [Step::Tell { patch }] = steps.as_slice() else {
            return None;
        };
        let said = &patch["status"]["conditions"][0];
        let of = |name: &str| said[name].as_str().map(str::to_owned);
        Some((of("status")?, of("reason")?, of("message")?))
    };
    let texts = |reason: &str, message: &str| {
        Some(("Unknown".to_owned(), reason.to_owned(), message.to_owned()))
    };
    let paused = texts("DeploymentPaused", "Deployment is paused");
    let resumed = texts("DeploymentResumed", "Deployment is resumed");
    assert_eq!(told(&at(true, "ReplicaSetUpdated")), paused);
    assert_eq!(told(&at(true, "DeploymentPaused")), None);
    assert_eq!(told(&at(false, "DeploymentPaused")), resumed);
    assert_eq!(told(&at(false, "DeploymentResumed")), None);
    assert_eq!(told(&at(true, "ProgressDeadlineExceeded")), None);
    // The time does not pass during the pause.
    let paused = plan(&at(true, "DeploymentPaused"));
    assert_eq!(paused.next, Next::Settled);
}

#[test]
fn d7_a_set_that_cannot_be_made_is_told() {
    let message = "Failed to create new replica set \"web-x\": no";
    let given = seen(json!({}), &[]);
    let Some(Step::Tell { patch }) = not_created(&given, message) else {
        panic!("it is told");
    };
    let said = &patch["status"]["conditions"][0];
    assert_eq!(said["reason"], "ReplicaSetCreateError");
    assert_eq!(said["status"], "False");
    assert_eq!(said["message"], message);
    let again = given.but(|deployment| {
        let before = self::said(1, "False", "ReplicaSetCreateError");
        deployment.status.conditions.push(before);
    });
    assert!(not_created(&again, message).is_none());
}

#[test]
fn d4_a_pod_that_will_have_served_long_enough_is_waited_for() {
    let sets = [("old", 8, 8, 8), ("new", 5, 5, 0)];
    let mut seen = after(json!({}), &sets, said(0, "True", "ReplicaSetUpdated"));
    seen.sets[1].pods.next = Some(Duration::from_secs(7));
    assert_eq!(plan(&seen).next, Next::After(Duration::from_secs(7)));
}
