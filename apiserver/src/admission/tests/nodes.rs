//! New nodes, and Pods on nodes that are lost.

use super::*;

#[test]
fn a_new_node_is_tainted_once() {
    let world = World::empty();
    let ours = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let other = json!({"key": "a", "effect": "NoSchedule"});
    for (given, expected) in [
        (json!({}), json!([ours])),
        (json!({"taints": [other]}), json!([other, ours])),
        (json!({"taints": [ours]}), json!([ours])),
    ] {
        let node = world.admit(creation("nodes", json!({"spec": given})));
        assert_eq!(node["spec"]["taints"], expected);
    }
    let bare = world.admit(creation("nodes", json!({})));
    assert_eq!(bare["spec"]["taints"], json!([ours]));
    let old = world.admit(update("nodes", json!({}), json!({})));
    assert_eq!(old.get("spec"), None);
}

fn tolerations(world: &World, given: Value) -> Value {
    let mut pod = a_pod("x");
    pod["spec"]["tolerations"] = given;
    world.admit(creation("pods", pod))["spec"]["tolerations"].take()
}

#[test]
fn a_pod_stays_five_minutes_unless_it_says_otherwise() {
    let world = World::new();
    let standard = |what: &str| {
        json!({
            "key": format!("node.kubernetes.io/{what}"),
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        })
    };
    let (not_ready, unreachable) = (standard("not-ready"), standard("unreachable"));
    assert_eq!(
        tolerations(&world, json!([])),
        json!([not_ready, unreachable])
    );
    let own = json!({"key": "node.kubernetes.io/not-ready", "operator": "Exists"});
    assert_eq!(tolerations(&world, json!([own])), json!([own, unreachable]));
    let all = json!({"operator": "Exists"});
    assert_eq!(tolerations(&world, json!([all])), json!([all]));
    let other = json!({"operator": "Exists", "effect": "NoSchedule"});
    assert_eq!(
        tolerations(&world, json!([other])),
        json!([other, not_ready, unreachable])
    );
}
