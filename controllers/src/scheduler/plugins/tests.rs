//! Each plug-in by itself: whom it rejects and why, and how it scores.

use super::standard;
use crate::scheduler::framework::{Event, PreFilter, Round};
use crate::scheduler::plugins::spread::PodTopologySpread;
use crate::scheduler::snapshot::Table;
use crate::scheduler::tests::{node, pod, seen, seen_node, table, with};
use keelson_apiserver::selector::LabelSelector;
use serde_json::{Value, json};

/// What a plug-in says of each node, in the order of names: "" if it will do, `!` before what no Pod's
/// going can change.
pub fn verdicts(plugin: &str, pod: &Value, mut table: Table) -> Vec<String> {
    let pod = seen(pod);
    PodTopologySpread::prepare(&pod, None, &mut table);
    let round = Round {
        pod: &pod,
        table: &table,
        group: None,
    };
    let plugins = standard();
    let plugin = plugins.iter().find(|one| one.name() == plugin).unwrap();
    let mut rows = table.order().to_vec();
    let mut rejected = Vec::new();
    match plugin.pre_filter(&round) {
        PreFilter::Skip => {}
        PreFilter::Judge(filter) | PreFilter::Among(_, filter) => {
            filter.filter(&mut rows, &mut rejected);
        }
    }
    let text = |row: usize| match rejected.iter().find(|(one, _)| *one == row) {
        None => String::new(),
        Some((_, rejection)) => {
            let mark = if rejection.is_resolvable { "" } else { "!" };
            format!("{mark}{}", rejection.reasons.join("; "))
        }
    };
    table.order().iter().map(|&row| text(row)).collect()
}

/// How a plug-in scores the nodes, in the order of names; `None`: it does not.
pub fn scores(
    plugin: &str,
    pod: &Value,
    group: Option<&LabelSelector>,
    mut table: Table,
) -> Option<Vec<i64>> {
    let pod = seen(pod);
    PodTopologySpread::prepare(&pod, group, &mut table);
    let round = Round {
        pod: &pod,
        table: &table,
        group,
    };
    let plugins = standard();
    let plugin = plugins.iter().find(|one| one.name() == plugin).unwrap();
    let score = plugin.pre_score(&round, table.order())?;
    let mut scores = Vec::new();
    score.score(table.order(), &mut scores);
    score.normalize(table.order(), &mut scores);
    Some(scores)
}

pub fn nodes(count: usize) -> Vec<Value> {
    let names = (0..count).map(|number| format!("n{number}"));
    names.map(|name| node(&name, "4", "8Gi")).collect()
}

pub fn labelled(pod: Value, labels: Value) -> Value {
    with(pod, "/metadata/labels", labels)
}

#[test]
fn plugins_are_upstreams_with_upstreams_weights() {
    let all = standard();
    let all: Vec<_> = all.iter().map(|one| (one.name(), one.weight())).collect();
    let expected = [
        ("SchedulingGates", 0),
        ("NodeUnschedulable", 0),
        ("NodeName", 0),
        ("TaintToleration", 3),
        ("NodeAffinity", 2),
        ("NodePorts", 0),
        ("NodeResourcesFit", 1),
        ("PodTopologySpread", 2),
        ("InterPodAffinity", 2),
        ("NodeResourcesBalancedAllocation", 1),
        ("ImageLocality", 1),
    ];
    assert_eq!(all, expected);
}

#[test]
fn fit_names_everything_that_is_missing() {
    let small = node("n1", "1", "1Gi");
    let full = with(
        node("n2", "4", "8Gi"),
        "/status/allocatable/pods",
        json!("1"),
    );
    let gpu = with(
        node("n3", "4", "8Gi"),
        "/status/allocatable/example.com~1gpu",
        json!("2"),
    );
    let wants_gpu = pod("p", "2", "2Gi");
    let wants_gpu = with(
        wants_gpu,
        "/spec/containers/0/resources/requests/example.com~1gpu",
        json!(1),
    );
    let placed = [(pod("a", "3", "7Gi"), "n0"), (pod("b", "", ""), "n2")];
    let table = table(&[node("n0", "4", "8Gi"), small, full, gpu], &placed);
    assert_eq!(
        verdicts("NodeResourcesFit", &wants_gpu, table),
        [
            "!Insufficient cpu; Insufficient memory; Insufficient example.com/gpu",
            "!Insufficient cpu; Insufficient memory; Insufficient example.com/gpu",
            "!Too many pods; Insufficient example.com/gpu",
            "",
        ]
    );
}

#[test]
fn fit_says_whether_the_empty_node_would_do_and_lets_a_pod_that_asks_for_nothing_in() {
    let placed = [(pod("a", "4", "8Gi"), "n0")];
    let verdict = |pod: &Value| verdicts("NodeResourcesFit", pod, table(&nodes(1), &placed));
    assert_eq!(verdict(&pod("p", "1", "")), ["Insufficient cpu"]);
    assert_eq!(verdict(&pod("p", "5", "")), ["!Insufficient cpu"]);
    assert_eq!(verdict(&pod("p", "", "")), [""]);
}

#[test]
fn least_allocated_is_the_mean_of_what_is_left_over() {
    // n0: cpu (4000-1000)*100/4000 = 75, memory (8-4)*100/8 = 50; n1: 75 and 75.
    let placed = [
        (pod("a", "500m", "2Gi"), "n0"),
        (pod("b", "500m", "0"), "n1"),
    ];
    let scored = scores(
        "NodeResourcesFit",
        &pod("p", "500m", "2Gi"),
        None,
        table(&nodes(2), &placed),
    );
    assert_eq!(scored, Some(vec![62, 75]));
}

#[test]
fn balance_is_about_pods_that_ask_for_something() {
    let placed = [(pod("a", "1", "4Gi"), "n0")];
    let scored = |pod: &Value| {
        let table = table(&nodes(2), &placed);
        scores("NodeResourcesBalancedAllocation", pod, None, table)
    };
    // n0: 2/4 and 6/8: 1 - 0.125; n1: 1/4 and 2/8: 1.
    assert_eq!(scored(&pod("p", "1", "2Gi")), Some(vec![87, 100]));
    assert_eq!(scored(&pod("p", "", "")), None);
}

fn taint(key: &str, value: &str, effect: &str) -> Value {
    json!([{"key": key, "value": value, "effect": effect}])
}

#[test]
fn taints_keep_pods_off_unless_they_bear_them() {
    let mut nodes = nodes(4);
    let taints = [
        taint("k", "v", "NoSchedule"),
        taint("k", "w", "NoExecute"),
        taint("k", "v", "PreferNoSchedule"),
    ];
    for (node, taints) in nodes.iter_mut().skip(1).zip(taints) {
        node["spec"] = json!({"taints": taints});
    }
    let verdict = |tolerations: Value| {
        let pod = with(pod("p", "", ""), "/spec/tolerations", tolerations);
        verdicts("TaintToleration", &pod, table(&nodes, &[]))
    };
    let first = "!node(s) had untolerated taint {k: v}";
    let second = "!node(s) had untolerated taint {k: w}";
    assert_eq!(verdict(json!([])), ["", first, second, ""]);
    let cases = [
        (json!({"operator": "Exists"}), ["", ""]),
        (json!({"key": "k", "operator": "Exists"}), ["", ""]),
        (json!({"key": "k", "value": "v"}), ["", second]),
        (
            json!({"key": "k", "operator": "Exists", "effect": "NoExecute"}),
            [first, ""],
        ),
        (json!({"key": "l", "operator": "Exists"}), [first, second]),
    ];
    for (toleration, expected) in cases {
        assert_eq!(verdict(json!([toleration]))[1..3], expected, "{toleration}");
    }
    let scored = scores(
        "TaintToleration",
        &pod("p", "", ""),
        None,
        table(&nodes, &[]),
    );
    assert_eq!(scored, Some(vec![100, 100, 100, 0]));
}

#[test]
fn cordoned_nodes_take_only_pods_that_bear_it() {
    let mut nodes = nodes(2);
    nodes[1]["spec"] = json!({"unschedulable": true});
    let verdict = |pod: &Value| verdicts("NodeUnschedulable", pod, table(&nodes, &[]));
    assert_eq!(
        verdict(&pod("p", "", "")),
        ["", "!node(s) were unschedulable"]
    );
    let toleration = json!([{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]);
    let bears = with(pod("p", "", ""), "/spec/tolerations", toleration);
    assert_eq!(verdict(&bears), ["", ""]);
}

#[test]
fn a_named_node_is_the_only_one() {
    let named = with(pod("p", "", ""), "/spec/nodeName", json!("n1"));
    let other = "!node(s) didn't match the requested node name";
    assert_eq!(
        verdicts("NodeName", &named, table(&nodes(2), &[])),
        [other, ""]
    );
}

#[test]
fn affinity_filters_by_labels_and_scores_by_weights() {
    let mut nodes = nodes(3);
    nodes[1]["metadata"]["labels"]["disk"] = json!("ssd");
    nodes[2]["metadata"]["labels"]["zone"] = json!("a");
    let selective = with(
        pod("p", "", ""),
        "/spec/nodeSelector",
        json!({"disk": "ssd"}),
    );
    let other = "!node(s) didn't match Pod's node affinity/selector";
    assert_eq!(
        verdicts("NodeAffinity", &selective, table(&nodes, &[])),
        [other, "", other]
    );
    let term = |weight: i32, key: &str| {
        let expression = json!({"key": key, "operator": "Exists"});
        json!({"weight": weight, "preference": {"matchExpressions": [expression]}})
    };
    let affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
        [term(10, "disk"), term(40, "zone")]}});
    let choosy = with(pod("p", "", ""), "/spec/affinity", affinity);
    let scored = scores("NodeAffinity", &choosy, None, table(&nodes, &[]));
    assert_eq!(scored, Some(vec![0, 25, 100]));
}

#[test]
fn ports_are_taken_per_address_and_protocol() {
    let port = |number: i32, ip: &str, protocol: &str| {
        let port =
            json!([{"hostPort": number, "containerPort": 1, "hostIP": ip, "protocol": protocol}]);
        with(pod("p", "", ""), "/spec/containers/0/ports", port)
    };
    let taken = "node(s) didn't have free ports for the requested pod ports";
    let cases = [
        (port(80, "", "TCP"), taken),
        (port(80, "10.0.0.1", ""), taken),
        (port(80, "10.0.0.2", ""), ""),
        (port(80, "", "UDP"), ""),
        (port(81, "", ""), ""),
    ];
    for (pod, expected) in cases {
        let placed = [(
            with(port(80, "10.0.0.1", "TCP"), "/metadata/name", json!("a")),
            "n0",
        )];
        let table = table(&nodes(1), &placed);
        assert_eq!(verdicts("NodePorts", &pod, table), [expected], "{pod}");
    }
}

#[test]
fn images_count_by_size_and_by_how_many_nodes_have_them() {
    const MB: i64 = 1024 * 1024;
    let mut nodes = nodes(3);
    let image = |name: &str, size: i64| json!([{"names": [name], "sizeBytes": size * MB}]);
    nodes[0]["status"]["images"] = image("i:latest", 1500);
    nodes[1]["status"]["images"] = image("j:latest", 40);
    // 1500 MB on one of three nodes: 500 MB of at most 1000.
    let scored = scores("ImageLocality", &pod("p", "", ""), None, table(&nodes, &[]));
    assert_eq!(scored, Some(vec![100 * (500 - 23) / (1000 - 23), 0, 0]));
}

/// Two nodes in zone a, one in b, one in none; two Pods in a, none in b.
pub fn zones() -> Table {
    let mut nodes = nodes(4);
    for (node, zone) in nodes.iter_mut().zip(["a", "a", "b"]) {
        node["metadata"]["labels"]["zone"] = json!(zone);
    }
    let app = |name: &str| labelled(pod(name, "", ""), json!({"app": "a"}));
    let going = with(
        app("z"),
        "/metadata/deletionTimestamp",
        json!("2026-01-01T00:00:00Z"),
    );
    let placed = [(app("x"), "n0"), (app("y"), "n1"), (going, "n2")];
    table(&nodes, &placed)
}

#[test]
fn plugins_know_what_may_help_a_pod_that_they_rejected() {
    let plain = nodes(1).remove(0);
    let tainted = with(
        plain.clone(),
        "/spec",
        json!({"taints": taint("k", "v", "NoSchedule")}),
    );
    let cordoned = with(plain.clone(), "/spec", json!({"unschedulable": true}));
    let smaller = with(plain.clone(), "/status/allocatable/cpu", json!("1"));
    let [plain, tainted, cordoned, smaller] =
        [plain, tainted, cordoned, smaller].map(|one| seen_node(&one));
    let changed = |before, after| Event::NodeChanged { before, after };
    let wanting = seen(&pod("p", "2", ""));
    let gone = seen(&pod("q", "1", ""));
    let cases = [
        ("TaintToleration", changed(&tainted, &plain), true),
        ("TaintToleration", changed(&plain, &tainted), false),
        ("TaintToleration", Event::NodeAdded(&tainted), false),
        ("TaintToleration", Event::PodGone(&gone), false),
        ("NodeUnschedulable", changed(&cordoned, &plain), true),
        ("NodeUnschedulable", changed(&plain, &cordoned), false),
        ("NodeUnschedulable", Event::NodeAdded(&cordoned), false),
        ("NodeResourcesFit", changed(&smaller, &plain), true),
        ("NodeResourcesFit", changed(&plain, &smaller), false),
        ("NodeResourcesFit", Event::NodeAdded(&plain), true),
        ("NodeResourcesFit", Event::NodeAdded(&smaller), false),
        ("NodeResourcesFit", Event::PodGone(&gone), true),
        ("NodeResourcesFit", Event::PodPlaced(&gone), false),
        ("NodePorts", Event::PodGone(&gone), false),
        ("PodTopologySpread", Event::PodGone(&gone), false),
    ];
    let plugins = standard();
    for (name, event, expected) in cases {
        let plugin = plugins.iter().find(|one| one.name() == name).unwrap();
        assert_eq!(
            plugin.is_helped(&wanting, &event),
            expected,
            "{name} {event:?}"
        );
    }
}
