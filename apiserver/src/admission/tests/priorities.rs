//! Priority classes.

use super::*;

const CLASSES: &str = "priorityclasses.scheduling.k8s.io";

fn class(name: &str, value: i64, is_default: bool) -> Value {
    json!({"metadata": {"name": name}, "value": value, "globalDefault": is_default})
}

fn of_class(name: &str) -> Value {
    let mut pod = a_pod("x");
    pod["spec"]["priorityClassName"] = json!(name);
    pod
}

fn shown(pod: &Value) -> Value {
    let field = |name: &str| pod["spec"].get(name).cloned().unwrap_or_default();
    json!([
        field("priorityClassName"),
        field("priority"),
        field("preemptionPolicy")
    ])
}

#[test]
fn a_class_becomes_a_number() {
    let world = World::new();
    let mut high = class("high", 1000, false);
    high["preemptionPolicy"] = json!("Never");
    world.put(CLASSES, "", high);
    let admitted = |pod: Value| shown(&world.admit(creation("pods", pod)));
    assert_eq!(admitted(of_class("high")), json!(["high", 1000, "Never"]));
    assert_eq!(
        admitted(a_pod("x")),
        json!([null, 0, "PreemptLowerPriority"])
    );
    assert_eq!(
        admitted(of_class("system-node-critical")),
        json!([
            "system-node-critical",
            2_000_001_000,
            "PreemptLowerPriority"
        ])
    );
    let failure = world.refuse(creation("pods", of_class("low")));
    assert_eq!(failure.code(), 403);
    assert_eq!(
        failure.message,
        "pods \"x\" is forbidden: no PriorityClass with name low was found"
    );
}

#[test]
fn a_number_of_ones_own_must_be_the_right_one() {
    let world = World::new();
    world.put(CLASSES, "", class("high", 1000, false));
    let mut pod = of_class("high");
    pod["spec"]["priority"] = json!(1000);
    world.admit(creation("pods", pod.clone()));
    pod["spec"]["priority"] = json!(7);
    assert_eq!(
        world.refuse(creation("pods", pod.clone())).message,
        "pods \"x\" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name"
    );
    pod["spec"]["priority"] = json!(1000);
    pod["spec"]["preemptionPolicy"] = json!("Never");
    assert_eq!(
        world.refuse(creation("pods", pod)).message,
        "pods \"x\" is forbidden: the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name"
    );
}

#[test]
fn the_lowest_default_counts() {
    let world = World::new();
    world.put(CLASSES, "", class("a", 10, true));
    world.put(CLASSES, "", class("b", 5, true));
    let pod = world.admit(creation("pods", a_pod("x")));
    assert_eq!(shown(&pod), json!(["b", 5, "PreemptLowerPriority"]));
}

#[test]
fn there_is_one_default() {
    let world = World::new();
    world.admit(creation(CLASSES, class("a", 10, true)));
    world.put(CLASSES, "", class("a", 10, true));
    let failure = world.refuse(creation(CLASSES, class("b", 5, true)));
    assert_eq!(failure.code(), 403);
    assert_eq!(
        failure.message,
        "priorityclasses.scheduling.k8s.io \"b\" is forbidden: PriorityClass a is already marked as default. Only one default can exist"
    );
    world.admit(creation(CLASSES, class("b", 5, false)));
    world.admit(update(CLASSES, class("a", 10, true), class("a", 10, true)));
}

#[test]
fn an_update_keeps_what_it_leaves_out() {
    let world = World::new();
    let mut old = of_class("high");
    old["spec"]["priority"] = json!(3);
    old["spec"]["preemptionPolicy"] = json!("Never");
    let pod = world.admit(update("pods", old, of_class("high")));
    assert_eq!(shown(&pod), json!(["high", 3, "Never"]));
}
