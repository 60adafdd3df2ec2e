//! Nodes write what is their own.

use super::*;
use crate::identity::NODES;
use serde_json::json;

/// The namespace `ns` with the node `n1`, a Pod on it, one on another node, and one that waits.
fn world() -> World {
    let world = World::new();
    world.put(
        "nodes",
        "",
        json!({"metadata": {"name": "n1", "uid": "u1"}}),
    );
    for (name, node) in [("mine", "n1"), ("theirs", "n2"), ("waits", "")] {
        world.put("pods", "ns", bound(name, node));
    }
    world
}

fn bound(name: &str, node: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "ns", "uid": format!("uid-{name}")},
        "spec": {"nodeName": node, "containers": [{"name": "c"}]},
    })
}

/// What the node `n1` is told; empty if it is let through.
fn told(world: &World, mut request: AdmissionRequest) -> String {
    request.user = User::new("system:node:n1", [NODES]);
    match world.ask(&mut request) {
        Ok(_) => String::new(),
        Err(failure) => {
            let refused = (failure.code(), failure.message);
            assert!([403, 404].contains(&refused.0), "{refused:?}");
            // Everything behind what the object is called.
            let why = refused.1.split_once(" is forbidden: ");
            why.map_or(refused.1.as_str(), |(_, why)| why).to_owned()
        }
    }
}

fn below(mut request: AdmissionRequest, subresource: &str) -> AdmissionRequest {
    request.target.subresource = subresource.to_owned();
    request
}

fn deletion(id: &str, old: Value) -> AdmissionRequest {
    let name = old["metadata"]["name"].as_str().expect("a name").to_owned();
    let mut request = request(Operation::Delete, id, &name, None);
    request.old = Some(old);
    request
}

fn eviction(name: &str) -> AdmissionRequest {
    let object = json!({"metadata": {"name": name}});
    below(creation("pods", object), "eviction")
}

#[test]
fn a_node_changes_itself_and_no_other_node() {
    let world = world();
    let node = |name: &str| json!({"metadata": {"name": name}});
    for part in ["", "status"] {
        let own = below(update("nodes", node("n1"), node("n1")), part);
        assert_eq!(told(&world, own), "");
        let other = below(update("nodes", node("n2"), node("n2")), part);
        assert_eq!(
            told(&world, other),
            "node \"n1\" is not allowed to modify node \"n2\""
        );
    }
    assert_eq!(told(&world, creation("nodes", node("n1"))), "");
    assert_ne!(told(&world, creation("nodes", node("n2"))), "");
}

#[test]
fn a_node_does_not_choose_what_is_scheduled_to_it() {
    let world = world();
    let labelled = |labels: Value| json!({"metadata": {"name": "n1", "labels": labels}});
    let usual = json!({"kubernetes.io/hostname": "n1", "mine": "yes"});
    assert_eq!(told(&world, creation("nodes", labelled(usual))), "");
    let marked = json!({"node-restriction.kubernetes.io/a": "", "k8s.io/b": "", "mine": "yes"});
    let marked = labelled(marked);
    assert_eq!(
        told(&world, creation("nodes", marked.clone())),
        "node \"n1\" is not allowed to set the following labels: \
         k8s.io/b, node-restriction.kubernetes.io/a"
    );
    // What an operator has set it neither changes nor takes away, and may leave as it is.
    assert_eq!(
        told(&world, update("nodes", marked.clone(), marked.clone())),
        ""
    );
    assert_eq!(
        told(&world, update("nodes", marked, labelled(json!({})))),
        "is not allowed to modify labels: k8s.io/b, node-restriction.kubernetes.io/a"
    );
    let tainted = |taints: Value| json!({"metadata": {"name": "n1"}, "spec": {"taints": taints}});
    let taint = json!([{"key": "a", "effect": "NoSchedule"}]);
    for (old, new) in [(taint.clone(), json!([])), (json!(null), taint)] {
        let request = update("nodes", tainted(old), tainted(new));
        assert_eq!(
            told(&world, request),
            "node \"n1\" is not allowed to modify taints"
        );
    }
    let same = update("nodes", tainted(json!([])), tainted(json!(null)));
    assert_eq!(told(&world, same), "");
}

#[test]
fn a_node_touches_pods_that_run_on_it_and_no_others() {
    let world = world();
    for (name, node) in [("mine", "n1"), ("theirs", "n2"), ("waits", "")] {
        let pod = bound(name, node);
        let because = |why: &str| match node {
            "n1" => String::new(),
            _ => format!("node {why} pods with spec.nodeName set to itself"),
        };
        let status = below(update("pods", pod.clone(), pod.clone()), "status");
        let why = "\"n1\" can only update pod status for";
        assert_eq!(told(&world, status), because(why));
        assert_eq!(
            told(&world, deletion("pods", pod)),
            because("\"n1\" can only delete")
        );
        assert_eq!(told(&world, eviction(name)), because("n1 can only evict"));
    }
    assert_eq!(told(&world, eviction("none")), "pods \"none\" not found");
    let pod = bound("mine", "n1");
    assert_eq!(
        told(&world, update("pods", pod.clone(), pod.clone())),
        "unexpected operation \"UPDATE\", node \"n1\" can only create and delete mirror pods"
    );
    let debug = below(
        update("pods", pod.clone(), pod.clone()),
        "ephemeralcontainers",
    );
    assert_eq!(
        told(&world, debug),
        "unexpected pod subresource \"ephemeralcontainers\", only 'status' and 'eviction' are allowed"
    );
    let mut labelled = pod.clone();
    labelled["metadata"]["labels"] = json!({"a": "b"});
    assert_eq!(
        told(
            &world,
            below(update("pods", pod.clone(), labelled), "status")
        ),
        "node \"n1\" cannot update labels through pod status"
    );
    let mut claiming = pod.clone();
    claiming["status"] =
        json!({"resourceClaimStatuses": [{"name": "a", "resourceClaimName": "b"}]});
    assert_eq!(
        told(&world, below(update("pods", pod, claiming), "status")),
        "node \"n1\" cannot update resource claim statues"
    );
}

/// A Pod as a node may show it.
fn mirror() -> Value {
    let mut pod = bound("m", "n1");
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u1", "controller": true}]);
    pod
}

#[test]
fn a_node_makes_pods_only_to_show_what_it_runs_by_itself() {
    let world = world();
    assert_eq!(told(&world, creation("pods", mirror())), "");
    assert_eq!(
        told(&world, creation("pods", bound("m", "n1"))),
        "pod does not have \"kubernetes.io/config.mirror\" annotation, \
         node \"n1\" can only create mirror pods"
    );
    let owned = "can only create pods with an owner reference set to itself";
    for (pointer, value, why) in [
        (
            "/spec/nodeName",
            json!("n2"),
            "can only create pods with spec.nodeName set to itself",
        ),
        ("/metadata/ownerReferences", json!([]), owned),
        (
            "/metadata/ownerReferences",
            json!([{}, {}]),
            "can only create pods with a single owner reference set to itself",
        ),
        ("/metadata/ownerReferences/0/name", json!("n2"), owned),
        ("/metadata/ownerReferences/0/kind", json!("Pod"), owned),
        (
            "/metadata/ownerReferences/0/controller",
            json!(false),
            "can only create pods with a controller owner reference set to itself",
        ),
        (
            "/spec/containers/0",
            json!({"name": "c", "envFrom": [{"configMapRef": {"name": "a"}}]}),
            "can not create pods that reference configmaps",
        ),
    ] {
        let mut pod = mirror();
        *pod.pointer_mut(pointer).expect("it is there") = value;
        let expected = format!("node \"n1\" {why}");
        assert_eq!(told(&world, creation("pods", pod)), expected, "{pointer}");
    }
    let mut older = mirror();
    older["metadata"]["ownerReferences"][0]["uid"] = json!("u0");
    assert_eq!(
        told(&world, creation("pods", older)),
        "node n1 UID mismatch: expected u0 got u1"
    );
    let mut claiming = mirror();
    claiming["spec"]["volumes"] = json!([{"persistentVolumeClaim": {"claimName": "a"}}]);
    assert_eq!(
        told(&world, creation("pods", claiming)),
        "node \"n1\" can not create pods that reference persistentvolumeclaims"
    );
}

#[test]
fn a_node_gets_tokens_for_pods_that_run_on_it() {
    let world = world();
    let ask = |bound: Value| {
        let object = json!({"metadata": {"name": "default"}, "spec": {"boundObjectRef": bound}});
        told(&world, below(creation("serviceaccounts", object), "token"))
    };
    let pod = |name: &str, uid: &str| {
        ask(json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}))
    };
    assert_eq!(pod("mine", "uid-mine"), "");
    assert_eq!(
        pod("theirs", "uid-theirs"),
        "node requested token bound to a pod scheduled on a different node"
    );
    assert_eq!(
        pod("mine", ""),
        "node requested token with a pod binding without a uid"
    );
    assert_eq!(
        pod("mine", "old"),
        "the UID in the bound object reference (old) does not match the UID in record. \
         The object might have been deleted and then recreated"
    );
    assert_eq!(pod("none", "x"), "pods \"none\" not found");
    for bound in [
        json!(null),
        json!({"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u1"}),
    ] {
        assert_eq!(ask(bound), "node requested token not bound to a pod");
    }
}

#[test]
fn leases_and_the_like_are_called_like_their_node() {
    let world = world();
    let named = |name: &str| json!({"metadata": {"name": name}});
    world.put("namespaces", "", named("kube-node-lease"));
    let lease = |namespace: &str, name: &str| {
        let mut request = creation("leases.coordination.k8s.io", named(name));
        request.target.namespace = namespace.to_owned();
        told(&world, request)
    };
    assert_eq!(lease("kube-node-lease", "n1"), "");
    assert_eq!(
        lease("kube-node-lease", "n2"),
        "can only access node lease with the same name as the requesting node"
    );
    assert_eq!(
        lease("ns", "n1"),
        "can only access leases in the \"kube-node-lease\" system namespace"
    );
    let csi = |name: &str| told(&world, creation("csinodes.storage.k8s.io", named(name)));
    assert_eq!(csi("n1"), "");
    assert_eq!(
        csi("n2"),
        "can only access CSINode with the same name as the requesting node"
    );
    let slice = |node: &str| json!({"metadata": {"name": "s"}, "spec": {"nodeName": node}});
    let id = "resourceslices.resource.k8s.io";
    let refused = |what: &str| {
        format!("can only {what} ResourceSlice with the same NodeName as the requesting node")
    };
    assert_eq!(told(&world, creation(id, slice("n1"))), "");
    assert_eq!(told(&world, creation(id, slice("n2"))), refused("create"));
    assert_eq!(told(&world, deletion(id, slice("n2"))), refused("delete"));
    let stolen = update(id, slice("n1"), slice("n2"));
    assert_eq!(told(&world, stolen), refused("update"));
}

#[test]
fn of_a_claim_a_node_tells_how_large_the_volume_is() {
    let world = world();
    let claim = |size: &str, phase: &str| json!({"metadata": {"name": "c"}, "status": {"phase": phase, "capacity": {"storage": size}}});
    let id = "persistentvolumeclaims";
    let grown = update(id, claim("1Gi", "Bound"), claim("2Gi", "Bound"));
    assert_eq!(told(&world, grown.clone()), "may only update PVC status");
    assert_eq!(told(&world, below(grown, "status")), "");
    let lost = update(id, claim("1Gi", "Bound"), claim("1Gi", "Lost"));
    assert_eq!(
        told(&world, below(lost, "status")),
        "node \"n1\" is not allowed to update fields other than status.capacity and status.conditions"
    );
}

#[test]
fn others_are_not_asked_and_a_node_without_a_name_may_nothing() {
    let world = world();
    let node = json!({"metadata": {"name": "n2"}});
    let mut request = update("nodes", node.clone(), node);
    // The name alone does not make a node.
    request.user = User::new("system:node:n1", ["system:authenticated"]);
    assert!(world.ask(&mut request).is_ok());
    request.user = User::new("system:node:", [NODES]);
    let refused = world.ask(&mut request).expect_err("refused");
    assert_eq!(
        refused.message,
        "nodes \"n2\" is forbidden: could not determine node from user \"system:node:\""
    );
}
