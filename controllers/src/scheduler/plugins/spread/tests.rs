//! Domains that are full, and domains with fewer.

use crate::scheduler::plugins::tests::{labelled, scores, verdicts, zones};
use crate::scheduler::tests::{pod, with};
use keelson_apiserver::selector::{LabelSelector, Operator, Requirement};
use keelson_apiserver::status::Path;
use serde_json::{Value, json};

fn constraint(key: &str, skew: i32, when: &str) -> Value {
    json!({"topologyKey": key, "maxSkew": skew, "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"app": "a"}}})
}

#[test]
fn spread_keeps_domains_even_and_wants_the_label() {
    let full = "node(s) didn't match pod topology spread constraints";
    let bare = "!node(s) didn't match pod topology spread constraints (missing required label)";
    let verdict = |constraint: Value| {
        let pod = labelled(pod("p", "", ""), json!({"app": "a", "rev": "1"}));
        let pod = with(pod, "/spec/topologySpreadConstraints", json!([constraint]));
        verdicts("PodTopologySpread", &pod, zones())
    };
    let hard = constraint("zone", 2, "DoNotSchedule");
    assert_eq!(verdict(hard.clone()), [full, full, "", bare]);
    assert_eq!(
        verdict(with(hard.clone(), "/maxSkew", json!(3))),
        ["", "", "", bare]
    );
    // With too few domains the emptiest counts as empty: the same here, as b is empty.
    let more = with(hard.clone(), "/minDomains", json!(3));
    assert_eq!(verdict(more), [full, full, "", bare]);
    // Nobody has this label's value: all domains are even.
    let own = with(hard, "/matchLabelKeys", json!(["rev"]));
    assert_eq!(verdict(own), ["", "", "", bare]);
}

#[test]
fn spread_counts_only_nodes_that_its_policies_include() {
    let hard = constraint("zone", 1, "DoNotSchedule");
    let verdict = |constraint: Value, pod: Value| {
        let pod = labelled(pod, json!({"app": "a"}));
        let pod = with(pod, "/spec/topologySpreadConstraints", json!([constraint]));
        verdicts("PodTopologySpread", &pod, zones())
    };
    let in_a = with(pod("p", "", ""), "/spec/nodeSelector", json!({"zone": "a"}));
    // Zone b is out of the question, so a is the emptiest domain itself.
    assert_eq!(verdict(hard.clone(), in_a.clone())[0], "");
    let ignoring = with(hard, "/nodeAffinityPolicy", json!("Ignore"));
    assert_ne!(verdict(ignoring, in_a)[0], "");
}

#[test]
fn soft_spread_scores_domains_with_fewer_pods_higher() {
    let soft = constraint("zone", 1, "ScheduleAnyway");
    let pod = labelled(pod("p", "", ""), json!({"app": "a"}));
    let pod = with(pod, "/spec/topologySpreadConstraints", json!([soft]));
    // ln(4) * 2 = 2.77, rounded 3; 0: 100 * (3 + 0 - s) / 3; the node without a zone has nothing.
    let scored = scores("PodTopologySpread", &pod, None, zones());
    assert_eq!(scored, Some(vec![0, 0, 100, 0]));
}

#[test]
fn pods_of_a_group_are_spread_over_nodes_even_without_zones() {
    let equals = Requirement::new("app", Operator::Equals, vec!["a".into()], &Path::none());
    let group = LabelSelector::new(vec![equals.unwrap()]);
    let pod = labelled(pod("p", "", ""), json!({"app": "a"}));
    // Per node ln(6) * count + 2; all nodes are in the one zone that has no name.
    let scored = scores("PodTopologySpread", &pod, Some(&group), zones());
    assert_eq!(scored, Some(vec![50, 50, 100, 100]));
    assert_eq!(scores("PodTopologySpread", &pod, None, zones()), None);
}
