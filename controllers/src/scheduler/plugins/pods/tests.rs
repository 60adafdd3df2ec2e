//! Who is beside whom.

use crate::scheduler::plugins::tests::{labelled, scores, verdicts, zones};
use crate::scheduler::tests::{pod, seen, with};
use serde_json::{Value, json};

fn beside(kind: &str, app: &str) -> Value {
    let term = json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": app}}});
    json!({kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})
}

#[test]
fn pods_that_must_be_together_are_and_the_first_of_them_goes_anywhere() {
    let verdict = |app: &str, wanted: &str| {
        let pod = labelled(pod("p", "", ""), json!({"app": app}));
        let pod = with(pod, "/spec/affinity", beside("podAffinity", wanted));
        verdicts("InterPodAffinity", &pod, zones())
    };
    let alone = "!node(s) didn't match pod affinity rules";
    // A Pod of app a is in both zones: one that is going still counts.
    assert_eq!(verdict("b", "a"), ["", "", "", alone]);
    assert_eq!(verdict("b", "c"), [alone; 4]);
    assert_eq!(verdict("c", "c"), ["", "", "", alone]);
}

#[test]
fn pods_that_must_not_be_together_are_not_whoever_says_so() {
    let placed = |affinity: Option<Value>| {
        let mut table = zones();
        let other = labelled(pod("o", "", ""), json!({"app": "o"}));
        let other = match affinity {
            Some(affinity) => with(other, "/spec/affinity", affinity),
            None => other,
        };
        table.place(seen(&other), "n2", false);
        table
    };
    let plain = labelled(pod("p", "", ""), json!({"app": "p"}));
    let shy = with(
        plain.clone(),
        "/spec/affinity",
        beside("podAntiAffinity", "o"),
    );
    assert_eq!(
        verdicts("InterPodAffinity", &shy, placed(None)),
        ["", "", "node(s) didn't match pod anti-affinity rules", ""]
    );
    let shunning = placed(Some(beside("podAntiAffinity", "p")));
    assert_eq!(
        verdicts("InterPodAffinity", &plain, shunning),
        [
            "",
            "",
            "node(s) didn't satisfy existing pods anti-affinity rules",
            ""
        ]
    );
    assert_eq!(verdicts("InterPodAffinity", &plain, placed(None)), [""; 4]);
}

#[test]
fn a_term_is_about_its_own_namespace_unless_it_says_others() {
    let term = |more: Value| {
        let mut affinity = beside("podAntiAffinity", "a");
        let term =
            &mut affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0];
        for (key, value) in more.as_object().unwrap() {
            term[key] = value.clone();
        }
        let pod = with(pod("p", "", ""), "/spec/affinity", affinity);
        let mut table = zones();
        table.put_namespace(
            "default",
            Some([("team".to_owned(), "x".to_owned())].into()),
        );
        let pod = with(pod, "/metadata/namespace", json!("other"));
        verdicts("InterPodAffinity", &pod, table)[0].is_empty()
    };
    assert!(term(json!({})));
    assert!(!term(json!({"namespaces": ["default"]})));
    assert!(!term(json!({"namespaceSelector": {}})));
    assert!(!term(
        json!({"namespaceSelector": {"matchLabels": {"team": "x"}}})
    ));
    assert!(term(
        json!({"namespaceSelector": {"matchLabels": {"team": "y"}}})
    ));
}

#[test]
fn preferences_for_and_against_others_add_up_both_ways() {
    let term = |weight: i64, app: &str| {
        let term = json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": app}}});
        json!([{"weight": weight, "podAffinityTerm": term}])
    };
    let soft = |kind: &str, weight: i64, app: &str| json!({kind: {"preferredDuringSchedulingIgnoredDuringExecution": term(weight, app)}});
    let plain = labelled(pod("p", "", ""), json!({"app": "p"}));
    // Two of app a in zone a, one that is going in b: 20, 20, 10, 0.
    let fond = with(
        plain.clone(),
        "/spec/affinity",
        soft("podAffinity", 10, "a"),
    );
    let scored = scores("InterPodAffinity", &fond, None, zones());
    assert_eq!(scored, Some(vec![100, 100, 50, 0]));
    let shy = with(
        plain.clone(),
        "/spec/affinity",
        soft("podAntiAffinity", 10, "a"),
    );
    let scored = scores("InterPodAffinity", &shy, None, zones());
    assert_eq!(scored, Some(vec![0, 0, 50, 100]));
    let mut table = zones();
    let other = with(
        pod("o", "", ""),
        "/spec/affinity",
        beside("podAffinity", "p"),
    );
    table.place(seen(&other), "n2", false);
    let scored = scores("InterPodAffinity", &plain, None, table);
    assert_eq!(scored, Some(vec![0, 0, 100, 0]));
    assert_eq!(scores("InterPodAffinity", &plain, None, zones()), None);
}
