use super::*;

fn meta(value: Value) -> Meta {
    serde_json::from_value(value).expect("metadata")
}

fn pod(value: Value) -> Pod {
    serde_json::from_value(value).expect("a pod")
}

#[test]
fn m4_only_a_living_orphan_that_is_selected_is_adopted() {
    let owner = meta(json!({"name": "a", "uid": "u"}));
    let going = meta(json!({"name": "a", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"}));
    let of = |uid: &str| meta(json!({"ownerReferences": [{"uid": uid, "controller": true}]}));
    let orphan = meta(json!({"ownerReferences": [{"uid": "u"}]}));
    let gone = meta(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}));
    for (owner, matches, object, expected) in [
        (&owner, true, of("u"), Belonging::Owned),
        (&owner, false, of("u"), Belonging::Strayed),
        (&owner, true, of("v"), Belonging::Foreign),
        (&owner, false, of("v"), Belonging::Foreign),
        (&owner, true, orphan.clone(), Belonging::Orphaned),
        (&owner, false, orphan.clone(), Belonging::Foreign),
        (&owner, true, gone, Belonging::Foreign),
        (&going, true, orphan, Belonging::Foreign),
        (&going, true, of("u"), Belonging::Owned),
        (&going, false, of("u"), Belonging::Foreign),
    ] {
        let found = belonging(owner, matches, &object);
        assert_eq!(found, expected, "{matches} {object:?}");
    }
}

#[test]
fn m4_adopting_and_releasing_leave_other_owners_alone() {
    let other = json!({"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "o"});
    let mut object = meta(json!({"name": "p", "uid": "x", "ownerReferences": [other]}));
    object.revision = 7;
    let owner = meta(json!({"name": "a", "uid": "u"})).owner_reference("apps/v1", "ReplicaSet");
    let patch = adoption(&object, &owner);
    assert_eq!(patch["metadata"]["ownerReferences"], json!([other, owner]));
    assert_eq!(patch["metadata"]["resourceVersion"], "7");
    assert_eq!(patch["metadata"]["uid"], "x");
    object = meta(json!({"ownerReferences": [other, owner]}));
    let patch = release(&object, "u");
    assert_eq!(patch["metadata"]["ownerReferences"], json!([other]));
}

#[test]
fn m6_a_pod_takes_labels_annotations_finalizers_and_spec_of_its_template() {
    let owner = meta(json!({"name": "a", "namespace": "n", "uid": "u"}));
    let template = json!({
        "metadata": {
            "name": "not-this", "creationTimestamp": null,
            "labels": {"app": "x"}, "annotations": {"k": "v"}, "finalizers": ["f.io/x"],
        },
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    let reference = owner.owner_reference("apps/v1", "ReplicaSet");
    let made = from_template(&template, &owner, reference.clone());
    let expected = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": "n", "generateName": "a-", "ownerReferences": [reference],
            "labels": {"app": "x"}, "annotations": {"k": "v"}, "finalizers": ["f.io/x"],
        },
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    assert_eq!(made, expected);
    assert_eq!(name_base(&"a".repeat(252)).len(), 253);
    assert_eq!(name_base(&"a".repeat(253)).len(), 253);
}

#[test]
fn a_pod_is_available_once_it_has_served_long_enough() {
    let ready = |status: &str, since: Value| {
        pod(json!({"status": {"conditions": [
            {"type": "Ready", "status": status, "lastTransitionTime": since},
        ]}}))
    };
    let since = "1970-01-01T00:01:40Z";
    let second = |n: i64| n * 1_000_000;
    for (pod, min_s, now_us, expected) in [
        (
            ready("False", json!(since)),
            0,
            second(200),
            Availability::Unready,
        ),
        (
            ready("True", json!(since)),
            0,
            second(100),
            Availability::Available,
        ),
        (
            ready("True", json!(null)),
            0,
            second(100),
            Availability::Available,
        ),
        (
            ready("True", json!(null)),
            1,
            second(100),
            Availability::Unready,
        ),
        (
            ready("True", json!(since)),
            10,
            second(101) + 1,
            Availability::In(Duration::from_micros(8_999_999)),
        ),
        (
            ready("True", json!(since)),
            10,
            second(110),
            Availability::Available,
        ),
        (
            ready("True", json!(since)),
            10,
            second(110) - 1,
            Availability::In(Duration::from_micros(1)),
        ),
        // A clock that was ahead of ours.
        (
            ready("True", json!(since)),
            10,
            second(50),
            Availability::In(Duration::from_secs(60)),
        ),
    ] {
        assert_eq!(
            availability(&pod, min_s, now_us),
            expected,
            "{min_s} {now_us}"
        );
    }
}

#[test]
fn conditions_are_written_as_they_were_read() {
    let stored = json!({
        "type": "X", "status": "True", "reason": "R", "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 3,
    });
    let read: Condition = serde_json::from_value(stored.clone()).expect("a condition");
    assert_eq!(stored_condition(&read), stored);
    let bare = json!({"type": "X", "status": "False"});
    let read: Condition = serde_json::from_value(bare.clone()).expect("a condition");
    assert_eq!(stored_condition(&read), bare);
}
