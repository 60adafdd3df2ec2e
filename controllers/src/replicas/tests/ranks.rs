//! RS2: the chain by which the first to go is found, step by step; and how many go.

use super::*;
use crate::replicas::plan::{Step, plan};
use crate::replicas::rank::rank;
use crate::replicas::seen::Seen;
use keelson_apiserver::selector::LabelSelector;
use std::collections::HashMap;

/// 2026-01-01T01:00:00Z.
const NOW_US: i64 = 1_767_229_200_000_000;

fn pod(changes: Value) -> Pod {
    let mut pod = json!({
        "metadata": {
            "name": "p", "uid": "m", "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {},
        },
        "spec": {"nodeName": "n", "initContainers": [{"name": "s", "restartPolicy": "Always"}]},
        "status": {
            "phase": "Running",
            "conditions": [{
                "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
            "containerStatuses": [{"name": "c", "restartCount": 3}],
            "initContainerStatuses": [{"name": "s", "restartCount": 3}],
        },
    });
    for (pointer, value) in changes.as_object().into_iter().flatten() {
        *pod.pointer_mut(pointer).expect("a place that is there") = value.clone();
    }
    serde_json::from_value(pod).expect("a pod")
}

const READY: &str = "/status/conditions/0/status";
const SINCE: &str = "/status/conditions/0/lastTransitionTime";
const CREATED: &str = "/metadata/creationTimestamp";

/// Each one goes before the next, by what is said, although all that counts less speaks against it.
fn chain() -> Vec<(&'static str, Pod, usize)> {
    let cost = |cost: &str| json!({"controller.kubernetes.io/pod-deletion-cost": cost});
    let restarts = "/status/containerStatuses/0/restartCount";
    let sidecar_restarts = "/status/initContainerStatuses/0/restartCount";
    vec![
        ("no node", pod(json!({"/spec/nodeName": ""})), 0),
        ("pending", pod(json!({"/status/phase": "Pending"})), 0),
        ("unknown", pod(json!({"/status/phase": "Unknown"})), 0),
        (
            "unready",
            pod(json!({READY: "False", "/metadata/annotations": cost("9")})),
            0,
        ),
        (
            "cheapest",
            pod(json!({"/metadata/annotations": cost("-2147483648")})),
            0,
        ),
        (
            "cheap",
            pod(json!({"/metadata/annotations": cost("-1")})),
            0,
        ),
        ("crowded", pod(json!({SINCE: "2025-01-01T00:00:00Z"})), 9),
        ("ready since nobody knows", pod(json!({SINCE: null})), 5),
        (
            "ready for no time",
            pod(json!({SINCE: "2026-01-01T01:00:00Z", restarts: 0})),
            5,
        ),
        (
            "ready for a second",
            pod(json!({SINCE: "2026-01-01T00:59:59Z", restarts: 0})),
            5,
        ),
        (
            "restarted",
            pod(json!({restarts: 4, sidecar_restarts: 0})),
            5,
        ),
        (
            "sidecar restarted",
            pod(json!({sidecar_restarts: 4, CREATED: "2025-01-01T00:00:00Z"})),
            5,
        ),
        (
            "just made",
            pod(json!({CREATED: "2026-01-01T00:59:59Z", "/metadata/uid": "z"})),
            5,
        ),
        ("smallest uid", pod(json!({"/metadata/uid": "a"})), 5),
        ("middle", pod(json!({})), 5),
        (
            "greater uid, as old by power of two",
            pod(json!({
                CREATED: "2025-12-31T23:59:50Z", SINCE: "2025-12-31T23:59:50Z", "/metadata/uid": "n",
            })),
            5,
        ),
        (
            "old",
            pod(json!({CREATED: "2025-01-01T00:00:00Z", "/metadata/uid": "b"})),
            5,
        ),
        (
            "less crowded",
            pod(json!({SINCE: "2026-01-01T00:59:59Z", restarts: 9})),
            2,
        ),
        (
            "costly",
            pod(json!({"/metadata/annotations": cost("10"), restarts: 9})),
            9,
        ),
    ]
}

#[test]
fn rs2_each_step_of_the_chain_decides_before_those_behind_it() {
    let chain = chain();
    for pair in chain.windows(2) {
        let [(first, a, crowd_a), (second, b, crowd_b)] = pair else {
            unreachable!("two");
        };
        let (a, b) = (rank(a, *crowd_a, NOW_US), rank(b, *crowd_b, NOW_US));
        assert!(a < b, "{first} goes before {second}: {a:?} {b:?}");
    }
}

#[test]
fn rs2_a_cost_that_is_no_proper_number_is_none() {
    let cost = |cost: &str| {
        let annotations = json!({"controller.kubernetes.io/pod-deletion-cost": cost});
        rank(
            &pod(json!({"/metadata/annotations": annotations})),
            0,
            NOW_US,
        )
    };
    let none = rank(&pod(json!({})), 0, NOW_US);
    for same in ["", "0", "+10", "008", "2147483648", "1.5", "x", "- 1"] {
        assert_eq!(cost(same), none, "{same}");
    }
    assert!(cost("-10") < none && none < cost("10"));
}

fn seen(pods: Vec<Pod>, replicas: i32, crowds: &[(&str, usize)]) -> Seen {
    let set = json!({"spec": {"replicas": replicas}});
    let set: Replicas = serde_json::from_value(set).expect("a set");
    Seen {
        kind: Kind::ReplicaSet,
        set: Arc::new(set),
        selector: LabelSelector::everything(),
        owned: pods.into_iter().map(Arc::new).collect(),
        terminating: 0,
        strayed: Vec::new(),
        orphaned: Vec::new(),
        crowds: crowds
            .iter()
            .map(|(node, count)| ((*node).to_owned(), *count))
            .collect::<HashMap<_, _>>(),
        now_us: NOW_US,
    }
}

#[test]
fn rs2_whatever_their_order_the_same_ones_go() {
    let chain: Vec<Pod> = chain().into_iter().map(|(_, pod, _)| pod).collect();
    let gone = |pods: Vec<Pod>| match plan(&seen(pods, 12, &[("n", 3)])) {
        Step::Delete(pods) => pods
            .iter()
            .map(|pod| format!("{:?}", rank(pod, 3, NOW_US)))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let expected = gone(chain.clone());
    assert_eq!(expected.len(), chain.len() - 12);
    for turn in 0..chain.len() {
        let mut turned = chain.clone();
        turned.rotate_left(turn);
        assert_eq!(gone(turned.clone()), expected);
        turned.reverse();
        assert_eq!(gone(turned), expected);
    }
}

#[test]
fn rs2_pods_on_crowded_nodes_go_first() {
    let on = |node: &str, uid: &str| pod(json!({"/spec/nodeName": node, "/metadata/uid": uid}));
    let pods = vec![on("a", "1"), on("b", "2"), on("c", "3")];
    let Step::Delete(gone) = plan(&seen(pods, 2, &[("a", 1), ("b", 4), ("c", 2)])) else {
        panic!("one goes");
    };
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].metadata.uid, "2");
}

#[test]
fn m2_one_look_makes_or_deletes_five_hundred_at_most() {
    assert!(matches!(
        plan(&seen(Vec::new(), 501, &[])),
        Step::Create(500)
    ));
    assert!(matches!(
        plan(&seen(Vec::new(), 499, &[])),
        Step::Create(499)
    ));
    assert!(matches!(plan(&seen(Vec::new(), 0, &[])), Step::Nothing));
    let pods = vec![pod(json!({})); 502];
    assert!(matches!(plan(&seen(pods, 1, &[])), Step::Delete(gone) if gone.len() == 500));
}
