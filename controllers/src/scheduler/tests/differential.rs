//! I6: on random clusters the best nodes are those of the naive model.

use super::model::Model;
use super::{node, pod, seen, seen_node};
use crate::objects::{Node, Pod};
use crate::scheduler::cycle::Cycle;
use crate::scheduler::snapshot::Table;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn a_node() -> impl Strategy<Value = Value> {
    let taint = (select(vec!["k", "l"]), select(vec!["v", "w"]));
    let effect = select(vec!["NoSchedule", "PreferNoSchedule", "NoExecute"]);
    let taints = proptest::collection::vec((taint, effect), 0..3);
    (
        select(vec!["2", "4", "3500m"]),
        select(vec!["4Gi", "8Gi"]),
        select(vec!["", "a", "b", "c"]),
        proptest::bool::weighted(0.15),
        taints,
    )
        .prop_map(|(cpu, memory, zone, is_cordoned, taints)| {
            let mut node = node("n", cpu, memory);
            if !zone.is_empty() {
                node["metadata"]["labels"]["zone"] = json!(zone);
            }
            node["status"]["allocatable"]["pods"] = json!("6");
            let taints: Vec<Value> = taints
                .into_iter()
                .map(|((key, value), effect)| json!({"key": key, "value": value, "effect": effect}))
                .collect();
            node["spec"] = json!({"unschedulable": is_cordoned, "taints": taints});
            node
        })
}

fn constraint() -> impl Strategy<Value = Value> {
    (
        select(vec!["zone", "kubernetes.io/hostname"]),
        1..4i64,
        select(vec!["DoNotSchedule", "ScheduleAnyway"]),
        select(vec!["x", "y"]),
    )
        .prop_map(|(key, skew, when, app)| {
            json!({"topologyKey": key, "maxSkew": skew, "whenUnsatisfiable": when,
                "labelSelector": {"matchLabels": {"app": app}}})
        })
}

/// What a Pod says of others: which kind, how much (0: it must be), about whom.
fn beside() -> impl Strategy<Value = (&'static str, i64, &'static str, &'static str)> {
    (
        select(vec!["podAffinity", "podAntiAffinity"]),
        select(vec![0, 0, 10, 60]),
        select(vec!["zone", "kubernetes.io/hostname"]),
        select(vec!["x", "y"]),
    )
}

fn say(affinity: &mut Value, said: Vec<(&str, i64, &str, &str)>) {
    for (kind, weight, key, app) in said {
        let term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}});
        let (part, term) = match weight {
            0 => ("requiredDuringSchedulingIgnoredDuringExecution", term),
            weight => (
                "preferredDuringSchedulingIgnoredDuringExecution",
                json!({"weight": weight, "podAffinityTerm": term}),
            ),
        };
        match affinity[kind][part].as_array_mut() {
            Some(terms) => terms.push(term),
            None => affinity[kind][part] = json!([term]),
        }
    }
}

fn a_pod() -> impl Strategy<Value = Value> {
    let toleration = (
        select(vec!["k", "l", ""]),
        any::<bool>(),
        select(vec!["", "NoSchedule"]),
    );
    (
        (
            select(vec!["", "0", "250m", "1"]),
            select(vec!["", "0", "512Mi", "2Gi"]),
            select(vec!["x", "y"]),
        ),
        proptest::option::weighted(0.3, select(vec!["a", "b"])),
        proptest::collection::vec(toleration, 0..3),
        proptest::collection::vec(constraint(), 0..3),
        proptest::collection::vec((1..100i64, select(vec!["a", "b", "c"])), 0..3),
        proptest::collection::vec(beside(), 0..3),
    )
        .prop_map(
            |((cpu, memory, app), zone, tolerations, constraints, preferred, said)| {
                let mut pod = pod("p", cpu, memory);
                pod["metadata"]["labels"] = json!({"app": app});
                if let Some(zone) = zone {
                    pod["spec"]["nodeSelector"] = json!({"zone": zone});
                }
                let tolerations: Vec<Value> = tolerations
                    .into_iter()
                    .map(|(key, exists, effect)| match exists || key.is_empty() {
                        true => json!({"key": key, "operator": "Exists", "effect": effect}),
                        false => json!({"key": key, "value": "v", "effect": effect}),
                    })
                    .collect();
                pod["spec"]["tolerations"] = json!(tolerations);
                pod["spec"]["topologySpreadConstraints"] = json!(constraints);
                let terms: Vec<Value> = preferred
                    .into_iter()
                    .map(|(weight, zone)| {
                        let expression = json!({"key": "zone", "operator": "In", "values": [zone]});
                        json!({"weight": weight, "preference": {"matchExpressions": [expression]}})
                    })
                    .collect();
                pod["spec"]["affinity"] = json!({"nodeAffinity":
                {"preferredDuringSchedulingIgnoredDuringExecution": terms}});
                say(&mut pod["spec"]["affinity"], said);
                pod
            },
        )
}

fn parsed<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn i6_the_best_nodes_are_those_of_the_naive_model(
        nodes in proptest::collection::vec(a_node(), 1..10),
        pods in proptest::collection::vec(a_pod(), 1..16),
        picks in proptest::collection::vec(any::<usize>(), 16),
    ) {
        let (mut table, mut model) = (Table::default(), Model { nodes: Vec::new(), pods: Vec::new() });
        for (at, mut node) in nodes.into_iter().enumerate() {
            let name = format!("n{at}");
            node["metadata"]["name"] = json!(name);
            node["metadata"]["labels"]["kubernetes.io/hostname"] = json!(name);
            table.put_node(seen_node(&node));
            model.nodes.push(parsed::<Node>(&node));
        }
        let mut cycle = Cycle::new(Box::new(|_| 0));
        for (at, mut pod) in pods.into_iter().enumerate() {
            pod["metadata"]["name"] = json!(format!("p{at}"));
            let info = seen(&pod);
            let found = cycle.best_of(&info, None, &mut table);
            let found: BTreeSet<String> = match &found {
                Ok(rows) => rows.iter().map(|row| table.name(*row).to_string()).collect(),
                Err(_) => BTreeSet::new(),
            };
            let pod: Pod = parsed(&pod);
            let expected = model.best(&pod);
            prop_assert_eq!(&found, &expected, "pod {}", at);
            if let Some(node) = found.iter().nth(picks[at] % found.len().max(1)) {
                table.place(info, node, true);
                model.pods.push((pod, node.clone()));
            }
        }
    }
}
