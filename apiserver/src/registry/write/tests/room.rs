//! Nodes are not given more Pods than they have room for, whoever binds and however many at a time.

use super::world::{World, at, body, pod, some_pod, sub};
use crate::registry::capacity::{Audit, COUNTED, Fault, LEDGERS, audit, history};
use crate::registry::{Registry, Target, Written};
use crate::request::PatchType;
use crate::status::{Failure, Reason};
use crate::storage::{At, Committed, Kv, Range, Txn, Write};
use futures::future::join_all;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) fn node(name: &str) -> Target {
    at("v1", "nodes", "", name)
}

/// A Pod that asks for so many thousandths of a processor, and is on that node already if it is named.
pub(super) fn asking(name: &str, milli: u32, on: &str) -> Value {
    let mut object = some_pod(name);
    object["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": format!("{milli}m")}});
    if !on.is_empty() {
        object["spec"]["nodeName"] = on.into();
    }
    object
}

pub(super) async fn some_node(world: &World, name: &str, allocatable: Value) {
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"allocatable": allocatable}});
    world.create(&node(""), &object).await;
}

async fn bind(world: &World, name: &str, to: &str) -> Result<Written, Failure> {
    bind_by(&world.registry, world, name, to).await
}

pub(super) async fn bind_by(
    registry: &Registry,
    world: &World,
    name: &str,
    to: &str,
) -> Result<Written, Failure> {
    let binding = json!({"apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": name}, "target": {"kind": "Node", "name": to}});
    let target = sub(pod(name), "binding");
    registry
        .create(&world.caller, &target, &body(&binding), &world.options)
        .await
}

async fn phase(world: &World, name: &str, phase: &str) {
    let patch = json!({"status": {"phase": phase}});
    let target = sub(pod(name), "status");
    let patched = world.try_patch(&target, PatchType::Merge, &patch).await;
    patched.expect("a status can be patched");
}

async fn at_key(world: &World, key: String) -> Option<(Value, u64)> {
    let range = Range {
        key: key.into(),
        end: None,
        at: At::Latest,
        limit: 1,
        keys_only: false,
    };
    let found = world.kv.range(range).await.unwrap().keys.pop()?;
    Some((
        serde_json::from_slice(&found.value).unwrap(),
        found.mod_revision,
    ))
}

async fn ledger(world: &World, node: &str) -> Option<Value> {
    let found = at_key(world, format!("{LEDGERS}{node}")).await?;
    Some(found.0)
}

pub(super) async fn audited(world: &World) -> Audit {
    audit(&history(&world.kv).await.expect("nothing is compacted"))
}

#[tokio::test]
async fn i1_a_node_that_is_full_takes_no_pod_and_says_what_it_lacks() {
    let world = World::new();
    some_node(&world, "n", json!({"cpu": "1", "pods": "3"})).await;
    for name in ["a", "b", "c", "d", "e"] {
        let milli = if name == "d" || name == "e" { 0 } else { 600 };
        world.create(&pod(""), &asking(name, milli, "")).await;
    }
    bind(&world, "a", "n").await.unwrap();
    let failure = bind(&world, "b", "n").await.unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    assert_eq!(
        failure.message,
        "Operation cannot be fulfilled on pods/binding \"b\": node n has no room: Insufficient cpu"
    );
    assert_eq!(
        ledger(&world, "n").await,
        Some(json!({"cpu": "600m", "pods": "1"}))
    );
    for name in ["d", "e"] {
        bind(&world, name, "n").await.unwrap();
    }
    let failure = bind(&world, "b", "n").await.unwrap_err();
    assert!(
        failure
            .message
            .ends_with("no room: Too many pods, Insufficient cpu"),
        "{failure}"
    );
    // What has ended makes room, and so does what is gone.
    phase(&world, "a", "Succeeded").await;
    bind(&world, "b", "n").await.unwrap();
    assert!(bind(&world, "c", "n").await.is_err());
    world
        .delete(&pod("b"), json!({"gracePeriodSeconds": 0}))
        .await;
    bind(&world, "c", "n").await.unwrap();
    let audit = audited(&world).await;
    assert_eq!((audit.bindings, audit.faults), (5, vec![]));
}

#[tokio::test]
async fn a_binding_on_trial_is_refused_alike_and_takes_nothing() {
    let world = World::new();
    some_node(&world, "n", json!({"cpu": "1", "pods": "9"})).await;
    for (name, milli) in [("a", 600), ("b", 1100)] {
        world.create(&pod(""), &asking(name, milli, "")).await;
    }
    for (name, fits) in [("a", true), ("b", false)] {
        let binding = json!({"metadata": {"name": name}, "target": {"name": "n"}});
        let target = sub(pod(name), "binding");
        let tried = world
            .registry
            .create(&world.caller, &target, &body(&binding), &world.dry())
            .await;
        assert_eq!(tried.is_ok(), fits);
    }
    assert_eq!(ledger(&world, "n").await, None);
}

#[tokio::test]
async fn only_what_changes_a_sum_touches_a_ledger() {
    let world = World::new();
    some_node(&world, "n", json!({"cpu": "1", "pods": "9"})).await;
    world.create(&pod(""), &asking("a", 100, "")).await;
    bind(&world, "a", "n").await.unwrap();
    let before = at_key(&world, format!("{LEDGERS}n")).await;
    phase(&world, "a", "Running").await;
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    world.merge(&pod("a"), label).await;
    // It has begun to go, and is still there.
    let patch = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    world.merge(&pod("a"), patch).await;
    world
        .delete(&pod("a"), json!({"gracePeriodSeconds": 0}))
        .await;
    assert_eq!(at_key(&world, format!("{LEDGERS}n")).await, before);
    world
        .merge(&pod("a"), json!({"metadata": {"finalizers": null}}))
        .await;
    assert_eq!(world.get(&pod("a")).await, None);
    assert_eq!(ledger(&world, "n").await, None);
    assert_eq!(audited(&world).await.faults, vec![]);
}

#[tokio::test]
async fn pods_that_come_with_their_node_and_pods_that_grow_count_and_are_not_refused() {
    let world = World::new();
    some_node(&world, "n", json!({"cpu": "1", "pods": "9"})).await;
    world.create(&pod(""), &asking("a", 800, "n")).await;
    let grow = json!({"spec": {"containers": [
        {"name": "main", "resources": {"requests": {"cpu": "900m"}}}]}});
    let target = sub(pod("a"), "resize");
    let grown = world.try_patch(&target, PatchType::Strategic, &grow).await;
    grown.expect("a Pod can grow");
    world.create(&pod(""), &asking("b", 800, "n")).await;
    assert_eq!(
        ledger(&world, "n").await,
        Some(json!({"cpu": "1700m", "pods": "2"}))
    );
    world.create(&pod(""), &asking("c", 100, "")).await;
    world.create(&pod(""), &asking("d", 0, "")).await;
    assert!(bind(&world, "c", "n").await.is_err());
    // Upstream's rule: what is not asked for does not matter.
    bind(&world, "d", "n").await.unwrap();
    let faults = audited(&world).await.faults;
    assert!(matches!(faults[..], [Fault::Overfull { .. }]), "{faults:?}");
}

#[tokio::test]
async fn a_node_that_does_not_exist_is_not_asked_and_a_new_one_inherits() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.create(&pod(""), &asking(name, 400, "")).await;
    }
    bind(&world, "a", "n").await.unwrap();
    some_node(&world, "n", json!({"cpu": "1", "pods": "9"})).await;
    bind(&world, "b", "n").await.unwrap();
    assert!(bind(&world, "c", "n").await.is_err());
    world.delete(&node("n"), json!({})).await;
    some_node(&world, "n", json!({"cpu": "1", "pods": "9"})).await;
    assert!(bind(&world, "c", "n").await.is_err());
    world.delete(&node("n"), json!({})).await;
    for name in ["a", "b"] {
        world
            .delete(&pod(name), json!({"gracePeriodSeconds": 0}))
            .await;
    }
    assert_eq!(ledger(&world, "n").await, None);
    assert_eq!(audited(&world).await.faults, vec![]);
}

/// Shrinks a node so many steps after a binding to it has begun. True: it was bound before.
async fn shrinks_after(steps: u32) -> bool {
    let world = World::new();
    some_node(&world, "n", json!({"cpu": "9", "pods": "9"})).await;
    world.create(&pod(""), &asking("p", 400, "")).await;
    let shrink = async {
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        let patch = json!({"status": {"allocatable": {"cpu": "100m"}}});
        let target = sub(node("n"), "status");
        let patched = world.try_patch(&target, PatchType::Merge, &patch).await;
        patched.expect("a node can shrink");
    };
    let (bound, ()) = tokio::join!(bind(&world, "p", "n"), shrink);
    let faults = audited(&world).await.faults;
    let is_shrunk = |fault: &Fault| matches!(fault, Fault::Overfull { .. });
    assert!(faults.iter().all(is_shrunk), "{steps}: {faults:?}");
    assert_eq!(faults.len(), usize::from(bound.is_ok()), "{steps}");
    bound.is_ok()
}

#[tokio::test]
async fn a_node_that_shrinks_while_a_binding_is_made_is_seen() {
    let mut bound = Vec::new();
    for steps in 0..20 {
        bound.push(shrinks_after(steps).await);
    }
    assert!(bound.contains(&true) && bound.contains(&false), "{bound:?}");
}

/// Puts objects into the store as a version without ledgers left them.
async fn left_behind(world: &World, pods: u32, nodes: u32) {
    for number in 0..pods {
        let name = format!("old{number}");
        let mut object = asking(&name, 300, &format!("n{}", number % nodes));
        object["metadata"]["namespace"] = "ns".into();
        object["metadata"]["uid"] = name.clone().into();
        let txn = Txn {
            writes: vec![Write::Put {
                key: format!("/registry/pods/ns/{name}").into(),
                value: object.to_string().into(),
                lease: 0,
            }],
            ..Txn::default()
        };
        let put = world.kv.txn(txn).await.unwrap();
        assert!(matches!(put, Committed::Written { .. }));
    }
}

#[tokio::test]
async fn what_an_earlier_version_left_is_counted_before_it_is_relied_on() {
    let world = World::new();
    left_behind(&world, 200, 100).await;
    for number in 0..100 {
        some_node(
            &world,
            &format!("n{number}"),
            json!({"cpu": "1", "pods": "9"}),
        )
        .await;
    }
    for name in ["a", "b"] {
        world.create(&pod(""), &asking(name, 400, "")).await;
    }
    bind(&world, "a", "n7").await.unwrap();
    assert_eq!(
        ledger(&world, "n7").await,
        Some(json!({"cpu": "1", "pods": "3"}))
    );
    assert_eq!(
        at_key(&world, COUNTED.to_owned()).await,
        None,
        "some nodes each"
    );
    assert!(bind(&world, "b", "n7").await.is_err());
    let gone = ["old8", "old108", "old9"].map(|name| (name, json!({"gracePeriodSeconds": 0})));
    for (name, options) in gone {
        world.delete(&pod(name), options).await;
    }
    assert!(at_key(&world, COUNTED.to_owned()).await.is_some());
    assert_eq!(
        ledger(&world, "n9").await,
        Some(json!({"cpu": "300m", "pods": "1"}))
    );
    bind(&world, "b", "n8").await.unwrap();
    assert_eq!(
        ledger(&world, "n8").await,
        Some(json!({"cpu": "400m", "pods": "1"}))
    );
    assert_eq!(audited(&world).await.faults, vec![]);
}

/// What one of many does to a Pod, all at the same time.
#[derive(Clone, Debug)]
enum Act {
    /// Tries nodes in turn, from this one on.
    Bind(usize),
    /// Is bound, ends, and is deleted after.
    Finish(usize),
    /// Is bound and deleted.
    Delete(usize),
    /// Comes with its node.
    Direct(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0..NODES).prop_map(Act::Bind),
        2 => (0..NODES).prop_map(Act::Finish),
        2 => (0..NODES).prop_map(Act::Delete),
        1 => (0..NODES).prop_map(Act::Direct),
    ]
}

const NODES: usize = 3;

/// Binds a Pod to the first node that takes it. True: it has a node.
async fn seat(world: &World, name: &str, first: usize) -> bool {
    for number in 0..NODES {
        match bind(world, name, &format!("n{}", (first + number) % NODES)).await {
            Ok(_) => return true,
            Err(failure) => assert!(failure.message.contains("has no room"), "{failure}"),
        }
    }
    false
}

async fn carry_out(world: &World, number: usize, act: &Act, milli: u32) {
    let name = format!("p{number}");
    let now = json!({"gracePeriodSeconds": 0});
    match act {
        Act::Direct(first) => {
            let object = asking(&name, milli, &format!("n{first}"));
            world.create(&pod(""), &object).await;
        }
        Act::Bind(first) | Act::Finish(first) | Act::Delete(first) => {
            world.create(&pod(""), &asking(&name, milli, "")).await;
            seat(world, &name, *first).await;
        }
    }
    match act {
        Act::Finish(_) => {
            phase(world, &name, "Failed").await;
            world.delete(&pod(&name), now).await;
        }
        Act::Delete(_) => drop(world.delete(&pod(&name), now).await),
        Act::Bind(_) | Act::Direct(_) => {}
    }
}

async fn run(acts: Vec<(Act, u32)>, old: u32) {
    let world = World::new();
    left_behind(&world, old, 2).await;
    for number in 0..NODES {
        some_node(
            &world,
            &format!("n{number}"),
            json!({"cpu": "2", "pods": "6"}),
        )
        .await;
    }
    let each = acts.iter().enumerate();
    join_all(each.map(|(number, (act, milli))| carry_out(&world, number, act, *milli))).await;
    let audit = audited(&world).await;
    // Only those who come with their node, and those who were there before, fill one up too much.
    let is_theirs = |fault: &Fault| matches!(fault, Fault::Overfull { .. });
    assert!(audit.faults.iter().all(is_theirs), "{:?}", audit.faults);
    let has_theirs = old > 0 || acts.iter().any(|(act, _)| matches!(act, Act::Direct(_)));
    assert!(has_theirs || audit.faults.is_empty(), "{:?}", audit.faults);
    // Nobody is turned away as long as there is room: whoever has no node fits nowhere.
    if acts.iter().all(|(act, _)| matches!(act, Act::Bind(_))) {
        for (number, (_, milli)) in acts.iter().enumerate() {
            let name = format!("p{number}");
            let found = world.get(&pod(&name)).await.unwrap();
            if found["spec"].get("nodeName").is_none() {
                assert!(!seat(&world, &name, 0).await, "{name} asks for {milli}m");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i1_i2_whoever_binds_at_the_same_time_no_node_is_overcommitted_and_ledgers_are_right(
        acts in prop::collection::vec((act(), 0u32..900), 1..40),
        old in prop_oneof![2 => Just(0u32), 1 => 1u32..8],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(run(acts, old));
    }

    #[test]
    fn i1_many_binders_and_nothing_else_fill_nodes_without_a_fault(
        acts in prop::collection::vec(((0..NODES).prop_map(Act::Bind), 100u32..900), 10..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(run(acts, 0));
    }
}
