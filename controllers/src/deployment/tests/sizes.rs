//! D8, D9, D11: pauses, another number of Pods, history.

use super::super::annotation::{DESIRED, MAX, REVISION};
use super::super::condition;
use super::*;

/// A Deployment that wanted `before` when its sets were scaled, and says so in a paused status if it is
/// paused.
fn rescaled(before: i32, spec: Value, sets: &[Given<'_>]) -> Observed {
    let mut seen = seen(spec, sets);
    for set in &mut seen.sets {
        let noted = &mut Arc::make_mut(&mut set.set).metadata.annotations;
        noted.insert(DESIRED.to_owned(), before.to_string());
        noted.insert(MAX.to_owned(), (before + (before + 3) / 4).to_string());
    }
    if seen.deployment.spec.paused {
        let message = "Deployment is paused".to_owned();
        let paused = condition::new(&seen, "Progressing", "Unknown", "DeploymentPaused", message);
        seen = seen.but(|deployment| deployment.status.conditions.push(paused));
    }
    seen
}

#[test]
fn d9_another_number_is_spread_over_the_sets_in_proportion() {
    type Row<'a> = (i32, i32, &'a [Given<'a>], &'a [(&'a str, i32)]);
    let table: [Row<'_>; 10] = [
        (
            10,
            15,
            &[("old", 8, 8, 8), ("new", 5, 5, 0)],
            &[("web-old", 12), ("web-new", 7)],
        ),
        (
            10,
            5,
            &[("old", 8, 8, 8), ("new", 5, 5, 0)],
            &[("web-old", 4), ("web-new", 3)],
        ),
        (
            10,
            20,
            &[("old", 8, 8, 8), ("new", 5, 5, 0)],
            &[("web-old", 15), ("web-new", 10)],
        ),
        (
            10,
            0,
            &[("old", 8, 8, 8), ("new", 5, 5, 0)],
            &[("web-old", 0), ("web-new", 0)],
        ),
        // Of equally large ones the newest grows first; what is left over is its, too.
        (
            4,
            5,
            &[("a", 2, 2, 2), ("b", 2, 2, 2)],
            &[("web-b", 4), ("web-a", 3)],
        ),
        // And the oldest shrinks first.
        (
            6,
            4,
            &[("a", 3, 3, 3), ("b", 3, 3, 3)],
            &[("web-a", 2), ("web-b", 3)],
        ),
        // Nobody has Pods: the new one, as in any rollout.
        (0, 4, &[("a", 0, 0, 0), ("new", 0, 0, 0)], &[("web-new", 4)]),
        (10, 4, &[("a", 10, 10, 10), ("b", 0, 0, 0)], &[("web-a", 4)]),
        // The only one with Pods gets all, even if it is old.
        (
            10,
            12,
            &[("a", 10, 10, 10), ("new", 0, 0, 0)],
            &[("web-a", 12)],
        ),
        // As many as before: only what is noted changes.
        (
            10,
            8,
            &[("a", 5, 5, 5), ("b", 5, 5, 5)],
            &[("web-a", 5), ("web-b", 5)],
        ),
    ];
    for (before, after, sets, expected) in table {
        let seen = rescaled(before, json!({"replicas": after}), sets);
        let case = format!("from {before} to {after}: {sets:?}");
        assert_eq!(scales(&plan(&seen)), to(expected), "{case}");
    }
}

#[test]
fn d9_the_example_of_upstreams_documentation() {
    let spec = json!({"replicas": 15, "strategy": rolling(json!(3), json!(2))});
    let seen = rescaled(10, spec, &[("old", 8, 8, 8), ("new", 5, 5, 0)]);
    assert_eq!(scales(&plan(&seen)), to(&[("web-old", 11), ("web-new", 7)]));
}

#[test]
fn d9_what_was_wanted_is_noted_so_that_it_is_done_once() {
    let seen = rescaled(
        10,
        json!({"replicas": 15}),
        &[("a", 10, 10, 10), ("new", 0, 0, 0)],
    );
    let plan = plan(&seen);
    let [
        Step::Scale {
            from,
            to,
            annotations,
            ..
        },
    ] = plan.steps.as_slice()
    else {
        panic!("{:?}", plan.steps);
    };
    assert_eq!((*from, *to), (10, 15));
    assert_eq!(*annotations, json!({DESIRED: "15", MAX: "19"}));
}

#[test]
fn d9_a_set_that_has_the_number_already_is_only_noted() {
    // Somebody scaled both by hand: the rollout must go on.
    let seen = rescaled(3, json!({"replicas": 5}), &[("new", 5, 5, 5)]);
    let plan = plan(&seen);
    let [
        Step::Scale {
            from: 5,
            to: 5,
            annotations,
            ..
        },
    ] = plan.steps.as_slice()
    else {
        panic!("{:?}", plan.steps);
    };
    assert_eq!(annotations[DESIRED], "5");
}

#[test]
fn d9_nothing_grows_while_pods_are_still_to_go() {
    let seen = rescaled(
        10,
        json!({"replicas": 20}),
        &[("old", 8, 9, 8), ("new", 5, 5, 0)],
    );
    assert_eq!(scales(&plan(&seen)), to(&[]));
}

#[test]
fn d9_a_new_set_that_has_all_it_wants_ends_the_old_ones() {
    let seen = rescaled(10, json!({}), &[("old", 2, 2, 2), ("new", 10, 10, 10)]);
    let seen = seen.but_set(0, |set| {
        set.metadata
            .annotations
            .insert(DESIRED.to_owned(), "12".to_owned());
    });
    assert_eq!(scales(&plan(&seen)), to(&[("web-old", 0)]));
}

#[test]
fn d9_sets_that_are_to_be_recreated_are_not_scaled_before() {
    let spec = json!({"replicas": 15, "strategy": {"type": "Recreate"}});
    let seen = rescaled(10, spec, &[("a", 8, 8, 8), ("b", 5, 5, 0)]);
    assert_eq!(scales(&plan(&seen)), to(&[("web-a", 0), ("web-b", 0)]));
}

#[test]
fn d8_a_pause_stops_templates_and_not_numbers() {
    let paused = |replicas| json!({"replicas": replicas, "paused": true});
    // Another template: no set is made.
    let seen = rescaled(10, paused(10), &[("old", 10, 10, 10)]);
    assert_eq!(scales(&plan(&seen)), to(&[]));
    // In the middle of a rollout nothing moves.
    let seen = rescaled(10, paused(10), &[("old", 8, 8, 8), ("new", 3, 3, 3)]);
    assert_eq!(scales(&plan(&seen)), to(&[]));
    // The number changes in proportion.
    let seen = rescaled(10, paused(15), &[("old", 8, 8, 8), ("new", 5, 5, 0)]);
    assert_eq!(scales(&plan(&seen)), to(&[("web-old", 12), ("web-new", 7)]));
    let seen = rescaled(10, paused(12), &[("old", 10, 10, 10)]);
    assert_eq!(scales(&plan(&seen)), to(&[("web-old", 12)]));
}

#[test]
fn d11_the_oldest_revisions_beyond_the_limit_are_deleted_when_all_is_done() {
    let deleted = |seen: &Observed| -> Vec<String> {
        let steps = plan(seen).steps.into_iter();
        steps
            .filter_map(|step| match step {
                Step::Delete { set } => Some(set.metadata.name.clone()),
                _ => None,
            })
            .collect()
    };
    let complete = |limit: i32, sets: &[Given<'_>]| {
        let seen = seen(json!({"revisionHistoryLimit": limit}), sets);
        let status = super::super::status::status(&seen, true);
        seen.but(|deployment| deployment.status = status)
    };
    let new = ("new", 10, 10, 10);
    let sets = [("a", 0, 0, 0), ("b", 0, 0, 0), ("c", 0, 0, 0), new];
    assert_eq!(deleted(&complete(10, &sets)), [""; 0]);
    assert_eq!(deleted(&complete(2, &sets)), ["web-a"]);
    assert_eq!(deleted(&complete(0, &sets)), ["web-a", "web-b", "web-c"]);
    // By revision, not by age.
    let renumbered = complete(2, &sets).but_set(1, |set| {
        set.metadata
            .annotations
            .insert(REVISION.to_owned(), "0".to_owned());
    });
    assert_eq!(deleted(&renumbered), ["web-b"]);
    // Not before all of them have been looked at.
    let stale = complete(0, &sets).but_set(0, |set| set.metadata.generation = 2);
    assert_eq!(deleted(&stale), [""; 0]);
    // One that has Pods, or that is going, stays.
    let mut full = complete(0, &sets);
    full.sets[1].pods.left = 1;
    assert_eq!(deleted(&full), ["web-a", "web-c"]);
    let going = complete(0, &sets).but_set(2, |set| {
        set.metadata.deletion_timestamp = Some("2026-01-01T00:00:00Z".to_owned());
    });
    assert_eq!(deleted(&going), ["web-a", "web-b"]);
    // Not while something is rolled out.
    let sets = [("a", 0, 0, 0), ("b", 0, 0, 0), ("new", 10, 10, 9)];
    assert_eq!(deleted(&complete(0, &sets)), [""; 0]);
}
