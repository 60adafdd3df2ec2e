//! I5: who makes room for whom.

use super::end_to_end::{add, cluster, is_on, run};
use super::{node, pod, seen, seen_node, with};
use crate::objects::Key;
use crate::runtime::Kind;
use crate::scheduler::decide::PushOut;
use crate::scheduler::pod::PodInfo;
use crate::scheduler::state::{State, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::Instant;

fn ranked(name: &str, cpu: &str, priority: i32) -> Value {
    with(pod(name, cpu, ""), "/spec/priority", json!(priority))
}

/// Pods on nodes: name, CPU, priority.
type Nodes<'n> = &'n [&'n [(&'n str, &'n str, i32)]];

/// Nodes of four CPUs with these Pods on them.
fn state(nodes: Nodes<'_>) -> State {
    let mut state = State::new(Box::new(|_| 0), Instant::now());
    for (at, pods) in nodes.iter().enumerate() {
        let name = format!("n{at}");
        state.table.put_node(seen_node(&node(&name, "4", "8Gi")));
        for (pod, cpu, priority) in *pods {
            state
                .table
                .place(seen(&ranked(pod, cpu, *priority)), &name, false);
        }
    }
    state
}

/// Node and victims, or the sentence about nobody.
fn outcome(state: &mut State, pod: &Arc<PodInfo>) -> Result<(String, Vec<String>), String> {
    match state.decide(pod, None, Instant::now()) {
        Verdict::Wait(_, PushOut::Victims { node, pods }) => {
            let names = pods.iter().map(|one| one.key.name.to_string());
            Ok((node.to_string(), names.collect()))
        }
        Verdict::Wait(text, _) => Err(text),
        Verdict::Bind(node) => Err(format!("bound to {node}")),
    }
}

fn victims(nodes: Nodes<'_>, pod: &Value) -> Result<(String, Vec<String>), String> {
    outcome(&mut state(nodes), &seen(pod))
}

fn is(node: &str, pods: &[&str]) -> Result<(String, Vec<String>), String> {
    Ok((
        node.to_owned(),
        pods.iter().map(|&one| one.to_owned()).collect(),
    ))
}

#[test]
fn only_as_many_go_as_have_to_and_the_more_important_stay() {
    let full: &[_] = &[("a", "1", 1), ("b", "1", 3), ("c", "1", 2), ("d", "1", 9)];
    assert_eq!(victims(&[full], &ranked("p", "1", 5)), is("n0", &["a"]));
    assert_eq!(
        victims(&[full], &ranked("p", "2", 5)),
        is("n0", &["c", "a"])
    );
}

#[test]
fn the_node_is_taken_where_it_matters_least() {
    let cases: [(Nodes<'_>, _); 3] = [
        // The lowest among the highest priorities.
        (&[&[("a", "4", 3)], &[("b", "4", 2)]], is("n1", &["b"])),
        // The smallest sum.
        (
            &[
                &[("a", "2", 2), ("b", "2", 2)],
                &[("c", "2", 2), ("d", "2", 1)],
            ],
            is("n1", &["c", "d"]),
        ),
        // The fewest.
        (
            &[&[("a", "2", 2), ("b", "2", 1)], &[("c", "4", 2)]],
            is("n1", &["c"]),
        ),
    ];
    for (nodes, expected) in cases {
        assert_eq!(victims(nodes, &ranked("p", "4", 5)), expected);
    }
}

#[test]
fn nobody_goes_for_an_equal_or_where_it_does_not_help() {
    let said = |nodes: Nodes<'_>, pod: Value| {
        let text = victims(nodes, &pod).unwrap_err();
        text.split_once("preemption: ")
            .map(|(_, said)| said.to_owned())
    };
    let one = "0/1 nodes are available: 1 ";
    assert_eq!(
        said(&[&[("a", "4", 5)]], ranked("p", "1", 5)),
        Some(format!(
            "{one}No preemption victims found for incoming pod."
        ))
    );
    assert_eq!(
        said(&[&[("a", "3", 9), ("b", "1", 1)]], ranked("p", "2", 5)),
        Some(format!("{one}Insufficient cpu."))
    );
    assert_eq!(
        said(&[&[("a", "4", 1)]], ranked("p", "5", 5)),
        Some(format!("{one}Preemption is not helpful for scheduling."))
    );
    let never = with(
        ranked("p", "1", 5),
        "/spec/preemptionPolicy",
        json!("Never"),
    );
    assert_eq!(
        said(&[&[("a", "4", 1)]], never),
        Some("not eligible due to preemptionPolicy=Never.".to_owned())
    );
}

#[test]
fn room_that_is_made_is_left_to_the_one_it_is_made_for() {
    let mut state = state(&[&[("a", "4", 1)]]);
    let important = seen(&ranked("p", "4", 5));
    assert_eq!(outcome(&mut state, &important), is("n0", &["a"]));
    state.table.remove(&Key::new("default", "a"));
    let other = outcome(&mut state, &seen(&ranked("q", "1", 5)));
    let text = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: \
                1 No preemption victims found for incoming pod.";
    assert_eq!(other, Err(text.to_owned()));
    let higher = outcome(&mut state, &seen(&ranked("r", "1", 6)));
    assert_eq!(higher, Err("bound to n0".to_owned()));
    state.table.remove(&Key::new("default", "r"));
    let own = outcome(&mut state, &important);
    assert_eq!(own, Err("bound to n0".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Victims are less important, without them the Pod fits, and without any one of them it would not;
    /// and looking changes nothing.
    #[test]
    fn i5_victims_are_lower_enough_and_not_too_many(
        pods in proptest::collection::vec((0..3usize, 1..4i64, 0..6i32), 1..14),
        cpu in 1..5i64,
        priority in 0..7i32,
    ) {
        let mut state = state(&[&[], &[], &[]]);
        let mut used = [0; 3];
        for (at, (node, cpu, priority)) in pods.iter().enumerate() {
            if used[*node] + cpu <= 4 {
                used[*node] += cpu;
                let info = seen(&ranked(&format!("p{at}"), &cpu.to_string(), *priority));
                state.table.place(info, &format!("n{node}"), false);
            }
        }
        let before = state.table.columns.used_cpu_m.clone();
        let info = seen(&ranked("new", &cpu.to_string(), priority));
        let verdict = state.decide(&info, None, Instant::now());
        if let Verdict::Wait(_, PushOut::Victims { node, pods }) = verdict {
            prop_assert_eq!(&state.table.columns.used_cpu_m, &before);
            let row = state.table.row(&node).unwrap();
            let left = 4000 - before[row];
            let freed: i64 = pods.iter().map(|one| one.requests.cpu_m).sum();
            prop_assert!(left + freed >= info.requests.cpu_m);
            for victim in &pods {
                prop_assert!(victim.priority < info.priority);
                prop_assert!(left + freed - victim.requests.cpu_m < info.requests.cpu_m);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_more_important_pod_gets_the_place_and_the_other_one_is_told() {
    let cluster = cluster().await;
    add(&cluster, node("n", "1", "1Gi")).await;
    let class = |name: &str, value: i32| {
        json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": name}, "value": value})
    };
    cluster
        .create_in("scheduling.k8s.io", "priorityclasses", class("high", 1000))
        .await;
    run(
        &cluster,
        with(
            pod("low", "1", ""),
            "/metadata/finalizers",
            json!(["example.com/f"]),
        ),
    )
    .await;
    cluster
        .until("low is bound", |world| is_on(world, "low", "n"))
        .await;
    let mut high = pod("high", "1", "");
    high["spec"]["priorityClassName"] = json!("high");
    run(&cluster, high).await;
    let low = Key::new("default", "low");
    cluster
        .until("low goes", |world| {
            world
                .pods
                .get(&low)
                .is_some_and(|low| low.metadata.is_deleting())
        })
        .await;
    let high = Key::new("default", "high");
    cluster
        .until("high is promised the node", |world| {
            let high = world.pods.get(&high);
            high.is_some_and(|high| high.status.nominated_node_name == "n" && !high.is_bound())
        })
        .await;
    let low = cluster.get(Kind::Pod, "default/low").await.unwrap();
    let target = low["status"]["conditions"].as_array().unwrap().iter();
    let target: Vec<_> = target
        .filter(|one| one["type"] == "DisruptionTarget")
        .collect();
    assert_eq!(target[0]["reason"], "PreemptionByScheduler");
    let free = json!({"metadata": {"finalizers": null}});
    cluster.patch(Kind::Pod, "default/low", "", free).await;
    cluster
        .delete(Kind::Pod, "default/low", None, Some(0))
        .await;
    cluster
        .until("high is bound", |world| is_on(world, "high", "n"))
        .await;
}
