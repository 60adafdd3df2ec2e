//! D2: revisions, their history, and what is copied from the Deployment.

use super::super::annotation::{HISTORY, REVISION, renewed};
use super::super::status;
use super::*;

/// What is noted on the set of the present template.
fn noted(seen: &Observed) -> Option<Value> {
    let new = seen.new_set().expect("a set of the template");
    renewed(seen, &new.set)
}

#[test]
fn d2_a_new_template_gets_the_next_revision() {
    for (old, expected) in [(0, "1"), (1, "2"), (3, "4")] {
        let old: Vec<_> = ["a", "b", "c"][..old]
            .iter()
            .map(|a| (*a, 0, 0, 0))
            .collect();
        let plan = plan(&seen(json!({}), &old));
        let [Step::Create { object, .. }] = plan.steps.as_slice() else {
            panic!("a set is made: {:?}", plan.steps);
        };
        assert_eq!(object["metadata"]["annotations"][REVISION], expected);
    }
}

#[test]
fn d2_going_back_reuses_the_set_and_remembers_its_revisions() {
    let sets = [("new", 0, 0, 0), ("b", 10, 10, 10)];
    let back = seen(json!({}), &sets);
    let plan = plan(&back);
    let [Step::Note { set, patch }] = plan.steps.as_slice() else {
        panic!("the set is noted first: {:?}", plan.steps);
    };
    assert_eq!(set.metadata.name, "web-new");
    let annotations = json!({REVISION: "3", HISTORY: "1"});
    assert_eq!(*patch, json!({"metadata": {"annotations": annotations}}));
    // And once more.
    let again = back.but_set(0, |set| {
        set.metadata
            .annotations
            .insert(REVISION.to_owned(), "1".to_owned());
        set.metadata
            .annotations
            .insert(HISTORY.to_owned(), "7,8".to_owned());
    });
    let annotations = json!({REVISION: "3", HISTORY: "7,8,1"});
    assert_eq!(
        noted(&again),
        Some(json!({"metadata": {"annotations": annotations}}))
    );
}

#[test]
fn d2_the_newest_revision_stays_when_older_ones_are_deleted() {
    let seen = seen(json!({}), &[("new", 10, 10, 10)]).but_set(0, |set| {
        set.metadata
            .annotations
            .insert(REVISION.to_owned(), "9".to_owned());
    });
    assert_eq!(noted(&seen), None);
    assert_eq!(super::super::progress::unnoted(&seen), Some("9"));
}

#[test]
fn d2_a_long_history_forgets_its_beginning() {
    let long: Vec<String> = (1000..1400).map(|number| number.to_string()).collect();
    let seen = seen(json!({}), &[("new", 0, 0, 0), ("b", 10, 10, 10)]).but_set(0, |set| {
        set.metadata
            .annotations
            .insert(HISTORY.to_owned(), long.join(","));
    });
    let patch = noted(&seen).expect("a note");
    let history = patch["metadata"]["annotations"][HISTORY]
        .as_str()
        .expect("a history");
    assert_eq!(history.len(), 1996);
    assert!(
        history.starts_with("1001,") && history.ends_with(",1399,1"),
        "{history}"
    );
}

#[test]
fn d2_a_revision_that_is_no_number_is_left_alone() {
    let seen = seen(json!({}), &[("new", 0, 0, 0), ("b", 10, 10, 10)]).but_set(0, |set| {
        set.metadata
            .annotations
            .insert(REVISION.to_owned(), "mine".to_owned());
    });
    assert_eq!(noted(&seen), None);
}

#[test]
fn d2_annotations_of_the_deployment_are_copied_but_not_its_own() {
    let seen = seen(json!({"minReadySeconds": 5}), &[("new", 10, 10, 10)]).but(|deployment| {
        let given = [
            ("kubernetes.io/change-cause", "because"),
            ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
            ("deployment.kubernetes.io/desired-replicas", "77"),
            ("deployment.kubernetes.io/max-replicas", "77"),
            ("deployment.kubernetes.io/revision-history", "77"),
            ("deprecated.deployment.rollback.to", "77"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        deployment.metadata.annotations.extend(given);
    });
    let expected = json!({
        "metadata": {"annotations": {"kubernetes.io/change-cause": "because"}},
        "spec": {"minReadySeconds": 5},
    });
    assert_eq!(noted(&seen), Some(expected));
    let copied = seen.but_set(0, |set| {
        let because = "because".to_owned();
        set.metadata
            .annotations
            .insert("kubernetes.io/change-cause".to_owned(), because);
        set.spec.min_ready_seconds = 5;
    });
    assert_eq!(noted(&copied), None);
}

#[test]
fn d2_the_deployment_has_the_revision_of_its_set() {
    let seen = seen(json!({}), &[("a", 0, 0, 0), ("new", 10, 10, 10)]).but(|deployment| {
        deployment
            .metadata
            .annotations
            .insert(REVISION.to_owned(), "1".to_owned());
    });
    let plan = plan(&seen);
    let patch = told(&plan).expect("something is told");
    assert_eq!(patch["metadata"]["annotations"][REVISION], "2");
}

#[test]
fn d1_a_name_that_is_taken_makes_the_next_one_another() {
    let mut given = seen(json!({}), &[]);
    for expected in [1, 2] {
        let Some(Step::Tell { patch }) = status::collided(&given) else {
            panic!("it is told");
        };
        assert_eq!(patch["status"]["collisionCount"], expected);
        given = given.but(|deployment| deployment.status.collision_count = Some(expected));
    }
    let names: Vec<String> = [None, Some(1), Some(2)]
        .map(|count| {
            let seen = given.clone().but(|it| it.status.collision_count = count);
            match plan(&seen).steps.as_slice() {
                [Step::Create { name, .. }] => name.clone(),
                other => panic!("{other:?}"),
            }
        })
        .into();
    assert!(names[0] != names[1] && names[1] != names[2]);
}
