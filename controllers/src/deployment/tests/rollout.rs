//! D3, D4, D6, D10, D13: the next step of a rollout.

use super::super::fence::Fence;
use super::*;

/// Sets, and what is to be scaled to what.
type Row<'a> = (&'a [Given<'a>], &'a [(&'a str, i32)]);

#[test]
fn d3_surge_is_rounded_up_and_what_may_be_missing_down() {
    let quarter = || rolling(json!("25%"), json!("25%"));
    let table = [
        (1, quarter(), (1, 0)),
        (3, quarter(), (1, 0)),
        (4, quarter(), (1, 1)),
        (10, quarter(), (3, 2)),
        (0, quarter(), (0, 0)),
        // One of both must be possible.
        (3, rolling(json!("0%"), json!("10%")), (0, 1)),
        (10, rolling(json!(0), json!("1%")), (0, 1)),
        (10, rolling(json!(1), json!(0)), (1, 0)),
        (10, rolling(json!("1%"), json!(0)), (1, 0)),
        (10, rolling(json!(5), json!(20)), (5, 10)),
        (2, rolling(json!("100%"), json!("100%")), (2, 2)),
        (7, rolling(json!("33%"), json!("33%")), (3, 2)),
        // Nothing rolls.
        (10, json!({"type": "Recreate"}), (0, 0)),
    ];
    for (replicas, strategy, (surge, unavailable)) in table {
        let case = format!("{replicas} with {strategy}");
        let seen = seen(json!({"replicas": replicas, "strategy": strategy}), &[]);
        assert_eq!(Fence::of(&seen), Fence { surge, unavailable }, "{case}");
    }
}

#[test]
fn d4_the_new_set_grows_as_far_as_the_surge_allows_and_first() {
    let table: [Row<'_>; 10] = [
        (&[], &[("created", 10)]),
        (&[("old", 10, 10, 10)], &[("created", 3)]),
        (&[("old", 10, 10, 10), ("new", 0, 0, 0)], &[("web-new", 3)]),
        (&[("old", 8, 8, 8), ("new", 3, 3, 0)], &[("web-new", 5)]),
        // No more than wanted.
        (&[("old", 2, 2, 2), ("new", 9, 9, 9)], &[("web-new", 10)]),
        // Too many are wanted of the new one itself.
        (&[("new", 12, 12, 12)], &[("web-new", 10)]),
        // Pods that are still to go take room.
        (&[("old", 8, 10, 8), ("new", 3, 3, 3)], &[("web-old", 5)]),
        (&[("old", 8, 9, 8), ("new", 3, 3, 3)], &[("web-new", 4)]),
        (&[("old", 13, 13, 13)], &[("created", 0)]),
        // What the new set has already it may keep.
        (&[("old", 8, 8, 8), ("new", 0, 4, 4)], &[("web-new", 5)]),
    ];
    for (sets, expected) in table {
        assert_eq!(scaled(json!({}), sets), to(expected), "{sets:?}");
    }
}

#[test]
fn d4_old_sets_shrink_as_far_as_enough_pods_stay_available() {
    let table: [Row<'_>; 10] = [
        (&[("old", 10, 10, 10), ("new", 3, 0, 0)], &[("web-old", 8)]),
        (&[("old", 10, 10, 10), ("new", 3, 3, 3)], &[("web-old", 5)]),
        (&[("old", 8, 8, 8), ("new", 5, 5, 0)], &[]),
        (&[("old", 8, 8, 8), ("new", 5, 5, 1)], &[("web-old", 7)]),
        (&[("old", 3, 3, 3), ("new", 10, 10, 10)], &[("web-old", 0)]),
        (&[("old", 3, 3, 3), ("new", 10, 10, 6)], &[("web-old", 2)]),
        // Those that do not serve go first, and those that are needed stay.
        (&[("old", 10, 10, 7), ("new", 3, 3, 0)], &[("web-old", 8)]),
        (&[("old", 10, 10, 0), ("new", 3, 3, 0)], &[("web-old", 8)]),
        (&[("old", 10, 10, 0), ("new", 3, 3, 3)], &[("web-old", 5)]),
        // The oldest first.
        (
            &[("a", 4, 4, 1), ("b", 6, 6, 4), ("new", 3, 3, 3)],
            &[("web-a", 1), ("web-b", 4)],
        ),
    ];
    for (sets, expected) in table {
        assert_eq!(scaled(json!({}), sets), to(expected), "{sets:?}");
    }
}

#[test]
fn d4_a_pod_that_is_ready_but_not_for_long_enough_may_outlive_one_that_is() {
    // Of ten ready Pods five are available. Which go is not known: none may be spared.
    let mut seen = seen(json!({}), &[("old", 10, 10, 5), ("new", 3, 3, 3)]);
    seen.sets[0].pods.ready = 10;
    assert_eq!(scales(&plan(&seen)), to(&[]));
    seen.sets[0].pods.available = 7;
    assert_eq!(scales(&plan(&seen)), to(&[("web-old", 8)]));
}

#[test]
fn d4_a_set_whose_pods_are_still_to_go_keeps_no_more_than_it_wants() {
    // Its status would say ten.
    let sets = [("old", 8, 10, 10), ("new", 3, 3, 0)];
    assert_eq!(scaled(json!({}), &sets), to(&[]));
}

#[test]
fn d6_bad_pods_are_as_many_as_may_be_too_many_and_missing() {
    let mut sets = [("old", 10, 10, 10), ("new", 0, 0, 0)];
    for _ in 0..10 {
        for (name, to) in scaled(json!({}), &sets) {
            let at = usize::from(name == "web-new");
            sets[at] = (sets[at].0, to, to, if at == 0 { to } else { 0 });
        }
    }
    assert_eq!(sets, [("old", 8, 8, 8), ("new", 5, 5, 0)]);
}

#[test]
fn d10_all_old_pods_are_gone_before_a_new_one_comes() {
    let spec = || json!({"replicas": 3, "strategy": {"type": "Recreate"}});
    let table: [Row<'_>; 6] = [
        (
            &[("a", 2, 2, 2), ("b", 1, 1, 1)],
            &[("web-a", 0), ("web-b", 0)],
        ),
        (&[("a", 3, 3, 3), ("new", 3, 0, 0)], &[("web-a", 0)]),
        (&[("a", 0, 1, 1)], &[]),
        (&[("a", 0, 0, 0)], &[("created", 3)]),
        (&[("a", 0, 0, 0), ("new", 0, 0, 0)], &[("web-new", 3)]),
        (&[("a", 0, 0, 0), ("new", 3, 3, 0)], &[]),
    ];
    for (sets, expected) in table {
        assert_eq!(scaled(spec(), sets), to(expected), "{sets:?}");
    }
    // One that is going is still there.
    let mut going = seen(spec(), &[("a", 0, 0, 0), ("new", 0, 0, 0)]);
    going.sets[0].pods.left = 1;
    assert_eq!(scales(&plan(&going)), to(&[]));
}

#[test]
fn d13_a_third_template_makes_both_earlier_sets_old() {
    let sets = [("a", 8, 8, 8), ("b", 5, 5, 0)];
    // There is no room: the set is made without Pods, and b, which does not serve, goes first.
    assert_eq!(scaled(json!({}), &sets), to(&[("created", 0)]));
    let sets = [("a", 8, 8, 8), ("b", 5, 5, 0), ("new", 0, 0, 0)];
    assert_eq!(scaled(json!({}), &sets), to(&[("web-b", 0)]));
    let sets = [("a", 8, 8, 8), ("b", 0, 5, 0), ("new", 0, 0, 0)];
    assert_eq!(scaled(json!({}), &sets), to(&[]));
    let sets = [("a", 8, 8, 8), ("b", 0, 0, 0), ("new", 0, 0, 0)];
    assert_eq!(scaled(json!({}), &sets), to(&[("web-new", 5)]));
}

#[test]
fn numbers_that_are_as_large_as_can_be_are_no_problem() {
    const MANY: i32 = i32::MAX;
    for replicas in [0, 1, MANY] {
        for strategy in [
            rolling(json!(MANY), json!(MANY)),
            rolling(json!("100%"), json!("50%")),
        ] {
            let spec = json!({"replicas": replicas, "strategy": strategy, "progressDeadlineSeconds": MANY - 1});
            for sets in [
                [
                    ("old", MANY, MANY, MANY),
                    ("b", MANY, 0, 0),
                    ("new", MANY, MANY, MANY),
                ],
                [
                    ("old", MANY, MANY, 0),
                    ("b", 0, MANY, MANY),
                    ("new", 0, 0, 0),
                ],
            ] {
                for noted in [replicas, 7] {
                    let seen = seen(spec.clone(), &sets).but_set(0, |set| {
                        let desired = "deployment.kubernetes.io/desired-replicas".to_owned();
                        set.metadata.annotations.insert(desired, noted.to_string());
                    });
                    plan(&seen);
                    super::super::status::status(&seen, true);
                }
            }
        }
    }
}

#[test]
fn nothing_is_done_about_a_deployment_that_is_as_it_should_be() {
    let settled = seen(json!({}), &[("old", 0, 0, 0), ("new", 10, 10, 10)]);
    let status = super::super::status::status(&settled, true);
    let settled = settled.but(|deployment| deployment.status = status);
    let plan = plan(&settled);
    assert!(plan.steps.is_empty(), "{:?}", plan.steps);
    assert_eq!(plan.next, crate::runtime::Next::Settled);
}
