//! D1: which ReplicaSet is that of the present template, and what a new one is like. M4: which are one's
//! own.

use super::super::template::{are_equal, hash, selector, set_name};
use super::*;

#[test]
fn d1_templates_are_equal_but_for_the_hash_label_and_what_is_empty() {
    let base = json!({
        "metadata": {"labels": {"app": "web"}, "creationTimestamp": null},
        "spec": {"containers": [{"name": "c"}], "tolerations": []},
    });
    let with = |change: fn(&mut Value)| {
        let mut other = base.clone();
        change(&mut other);
        other
    };
    let same: [fn(&mut Value); 6] = [
        |_| {},
        |t| t["metadata"]["labels"]["pod-template-hash"] = json!("abc"),
        |t| t["metadata"]["annotations"] = json!({}),
        |t| t["spec"]["volumes"] = json!([]),
        |t| t["spec"]["hostname"] = Value::Null,
        |t| {
            t["spec"] = json!({"containers": [{"name": "c"}]});
        },
    ];
    for (case, change) in same.into_iter().enumerate() {
        let other = with(change);
        assert!(are_equal(&base, &other), "case {case}");
        assert!(are_equal(&other, &base), "case {case}, turned round");
        assert_eq!(hash(&base, None), hash(&other, None), "case {case}");
    }
    let different: [fn(&mut Value); 5] = [
        |t| t["metadata"]["labels"]["tier"] = json!("a"),
        |t| t["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "now"}),
        |t| t["spec"]["containers"][0]["name"] = json!("d"),
        |t| t["spec"]["containers"] = json!([{"name": "c"}, {"name": "d"}]),
        // An empty selector selects everything, an absent one nothing.
        |t| t["spec"]["affinity"] = json!({"namespaceSelector": {}}),
    ];
    for (case, change) in different.into_iter().enumerate() {
        let other = with(change);
        assert!(!are_equal(&base, &other), "case {case}");
        assert!(!are_equal(&other, &base), "case {case}, turned round");
        assert_ne!(hash(&base, None), hash(&other, None), "case {case}");
    }
}

#[test]
fn d1_templates_without_labels_are_equal_to_those_with_the_hash_label_alone() {
    let labelled = json!({"metadata": {"labels": {"pod-template-hash": "x"}}, "spec": {}});
    let emptied = json!({"metadata": {"labels": {}}, "spec": {}});
    let without = json!({"metadata": {}, "spec": {}});
    for other in [&labelled, &emptied, &without] {
        assert!(are_equal(&emptied, other), "{other}");
        assert_eq!(hash(&emptied, None), hash(other, None), "{other}");
    }
}

#[test]
fn d1_hashes_are_short_safe_and_stay_what_they_are() {
    let word = hash(&template("new"), None);
    assert_eq!(word.len(), 10);
    let is_safe = |c: char| "bcdfghjklmnpqrstvwxz2456789".contains(c);
    assert!(word.chars().all(is_safe), "{word}");
    // Whoever changes this renames the ReplicaSets of everybody who recreates a Deployment.
    assert_eq!(word, GOLDEN);
    let turned: Value = serde_json::from_str(
        r#"{"spec": {"containers": [{"image": "new", "name": "c"}]}, "metadata": {"labels": {"app": "web"}}}"#,
    )
    .expect("a template");
    assert_eq!(hash(&turned, None), word);
    let salted: Vec<_> = [None, Some(0), Some(1)]
        .map(|collisions| hash(&template("new"), collisions))
        .into();
    assert!(salted[0] != salted[1] && salted[1] != salted[2] && salted[0] != salted[2]);
}

const GOLDEN: &str = "qmhmpbnmkq";

#[test]
fn d1_names_of_sets_fit() {
    assert_eq!(set_name("web", "abc"), "web-abc");
    let name = set_name(&"x".repeat(253), "0123456789");
    assert_eq!(name.len(), 253);
    assert!(name.ends_with("x-0123456789"), "{name}");
}

#[test]
fn d1_the_oldest_set_of_the_template_is_the_present_one() {
    let mut seen = seen(json!({}), &[("a", 0, 0, 0), ("b", 0, 0, 0), ("c", 0, 0, 0)]);
    for at in [1, 2] {
        Arc::make_mut(&mut seen.sets[at].set).spec.template = template("new");
    }
    assert_eq!(seen.new_set().map(Set::name), Some("web-b"));
    let old: Vec<_> = seen.old_sets().iter().map(|set| set.name()).collect();
    assert_eq!(old, ["web-a", "web-c"]);
}

#[test]
fn d1_a_new_set_has_the_hash_in_its_labels_its_selector_and_its_template() {
    let seen = seen(json!({"minReadySeconds": 3}), &[]).but(|deployment| {
        let noted = [
            ("kubernetes.io/change-cause", "because"),
            ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ];
        let noted = noted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        deployment.metadata.annotations.extend(noted);
    });
    let plan = plan(&seen);
    let [
        Step::Create {
            name,
            wanted,
            object,
        },
    ] = plan.steps.as_slice()
    else {
        panic!("one set is made: {:?}", plan.steps);
    };
    let word = hash(&template("new"), None);
    assert_eq!(*name, format!("web-{word}"));
    assert_eq!(*wanted, 10);
    let labels = json!({"app": "web", "pod-template-hash": word});
    assert_eq!(
        *object,
        json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": "default",
                "labels": labels,
                "annotations": {
                    "deployment.kubernetes.io/desired-replicas": "10",
                    "deployment.kubernetes.io/max-replicas": "13",
                    "deployment.kubernetes.io/revision": "1",
                    "kubernetes.io/change-cause": "because",
                },
                "ownerReferences": [{
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": "web",
                    "uid": "d",
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "replicas": 10,
                "minReadySeconds": 3,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": template("new")["spec"],
                },
            },
        })
    );
}

#[test]
fn d1_expressions_of_a_selector_are_kept() {
    let given = json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]});
    assert_eq!(
        selector(&given, "abc"),
        json!({
            "matchExpressions": [{"key": "app", "operator": "Exists"}],
            "matchLabels": {"pod-template-hash": "abc"},
        })
    );
}

#[test]
fn m4_matching_orphans_are_adopted_and_strays_released_before_anything_else() {
    let mut seen = seen(json!({}), &[("old", 4, 4, 4), ("stray", 4, 4, 4)]).but_set(1, |set| {
        set.metadata
            .labels
            .insert("app".to_owned(), "other".to_owned());
    });
    let orphan = |image, label: &str, is_going: bool| {
        let mut set = set(5, 10, (image, 1, 1, 1)).set;
        let metadata = &mut Arc::make_mut(&mut set).metadata;
        metadata.owner_references.clear();
        metadata.labels.insert("app".to_owned(), label.to_owned());
        metadata.deletion_timestamp = is_going.then(|| "2026-01-01T00:00:00Z".to_owned());
        set
    };
    seen.orphans = vec![
        orphan("mine", "web", false),
        orphan("other", "db", false),
        orphan("going", "web", true),
    ];
    let owned: Vec<(String, usize)> = plan(&seen)
        .steps
        .into_iter()
        .map(|step| match step {
            Step::Own { set, patch } => {
                let owners = patch["metadata"]["ownerReferences"].as_array();
                (set.metadata.name.clone(), owners.expect("owners").len())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [("web-stray".to_owned(), 0), ("web-mine".to_owned(), 1)];
    assert_eq!(owned, expected);
    // Who is going takes nothing and gives nothing.
    let going = seen.but(|deployment| {
        deployment.metadata.deletion_timestamp = Some("2026-01-01T00:00:00Z".to_owned());
    });
    let steps = plan(&going).steps;
    assert!(matches!(steps.as_slice(), [Step::Tell { .. }]), "{steps:?}");
}
