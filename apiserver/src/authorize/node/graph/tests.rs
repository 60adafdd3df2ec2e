use super::*;
use serde_json::json;

fn pod(name: &str, node: &str, volumes: Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "ns", "uid": format!("uid-{name}")},
        "spec": {"nodeName": node, "serviceAccountName": "a", "volumes": volumes},
    })
}

fn secret(name: &str) -> Value {
    json!([{"secret": {"secretName": name}}])
}

fn claim(name: &str) -> Value {
    json!([{"persistentVolumeClaim": {"claimName": name}}])
}

/// A volume with a Secret, bound to the claim `c`.
fn volume(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "claimRef": {"namespace": "ns", "name": "c"},
        "csi": {"nodeStageSecretRef": {"namespace": "drivers", "name": "key"}},
    }})
}

fn of_node(what: Related, name: &str, node: &str) -> (Related, Value) {
    let object = json!({"metadata": {"name": name}, "spec": {"nodeName": node}});
    (what, object)
}

fn all(objects: &[(Related, Value)]) -> Graph {
    let mut graph = Graph::default();
    for (what, object) in objects {
        graph.put(*what, object);
    }
    graph
}

#[test]
fn a_node_has_to_do_with_what_its_pods_name() {
    let graph = all(&[
        (Related::Pod, pod("p", "n1", secret("s"))),
        (Related::Pod, pod("q", "n2", secret("t"))),
        (Related::Pod, pod("r", "", secret("u"))),
    ]);
    let is = |node: &str, what, name: &str| graph.is_related(node, what, "ns", name);
    assert!(is("n1", Related::Pod, "p") && !is("n1", Related::Pod, "q"));
    assert!(is("n1", Related::Secret, "s") && !is("n1", Related::Secret, "t"));
    assert!(is("n2", Related::Secret, "t") && !is("n2", Related::Secret, "s"));
    assert!(is("n1", Related::ServiceAccount, "a") && is("n2", Related::ServiceAccount, "a"));
    assert!(!is("n3", Related::ServiceAccount, "a"));
    // The same name is another thing as another kind, and in another namespace.
    assert!(!is("n1", Related::ConfigMap, "s"));
    assert!(!graph.is_related("n1", Related::Secret, "other", "s"));
    // It waits for a node.
    assert!(!is("", Related::Secret, "u") && !is("", Related::Pod, "r"));
}

#[test]
fn a_mirror_pod_gives_no_rights() {
    let mut mirror = pod("p", "n1", secret("s"));
    mirror["metadata"]["annotations"] = json!({MIRROR: "x"});
    let graph = all(&[(Related::Pod, mirror)]);
    assert!(graph.is_related("n1", Related::Pod, "ns", "p"));
    assert!(!graph.is_related("n1", Related::Secret, "ns", "s"));
    assert!(!graph.is_related("n1", Related::ServiceAccount, "ns", "a"));
}

#[test]
fn through_a_claim_a_node_has_to_do_with_the_volume_and_its_secret_in_either_order() {
    let (pod, volume) = (
        (Related::Pod, pod("p", "n1", claim("c"))),
        (Related::PersistentVolume, volume("v")),
    );
    for objects in [[pod.clone(), volume.clone()], [volume, pod]] {
        let mut graph = all(&objects);
        let is = |graph: &Graph, node: &str| {
            let claim = graph.is_related(node, Related::PersistentVolumeClaim, "ns", "c");
            let volume = graph.is_related(node, Related::PersistentVolume, "", "v");
            let secret = graph.is_related(node, Related::Secret, "drivers", "key");
            [claim, volume, secret]
        };
        assert_eq!(is(&graph, "n1"), [true; 3]);
        assert_eq!(is(&graph, "n2"), [false; 3]);
        graph.remove(Related::PersistentVolume, "", "v");
        assert_eq!(is(&graph, "n1"), [true, false, false]);
    }
}

#[test]
fn what_names_its_node_is_that_nodes() {
    let graph = all(&[
        of_node(Related::VolumeAttachment, "x", "n1"),
        of_node(Related::ResourceSlice, "x", "n2"),
        of_node(Related::ResourceSlice, "everywhere", ""),
    ]);
    let is = |node: &str, what, name: &str| graph.is_related(node, what, "", name);
    assert!(is("n1", Related::VolumeAttachment, "x") && !is("n2", Related::VolumeAttachment, "x"));
    assert!(is("n2", Related::ResourceSlice, "x") && !is("n1", Related::ResourceSlice, "x"));
    assert!(!is("", Related::ResourceSlice, "everywhere"));
}

#[test]
fn what_several_pods_need_is_needed_until_the_last_one_goes_and_nothing_is_left_then() {
    let mut graph = all(&[
        (Related::Pod, pod("p", "n1", secret("s"))),
        (Related::Pod, pod("q", "n1", secret("s"))),
        (Related::Pod, pod("r", "n2", claim("c"))),
        (Related::PersistentVolume, volume("v")),
        of_node(Related::VolumeAttachment, "x", "n1"),
    ]);
    let is = |graph: &Graph| graph.is_related("n1", Related::Secret, "ns", "s");
    // Told of again, it counts once.
    graph.put(Related::Pod, &pod("q", "n1", secret("s")));
    graph.remove(Related::Pod, "ns", "p");
    assert!(is(&graph));
    graph.remove(Related::Pod, "ns", "q");
    assert!(!is(&graph));
    graph.remove(Related::Pod, "ns", "r");
    graph.remove(Related::PersistentVolume, "", "v");
    graph.remove(Related::VolumeAttachment, "", "x");
    assert!(graph.is_empty());
}

#[test]
fn a_list_takes_away_what_is_not_on_it_and_nothing_of_another_kind() {
    let mut graph = all(&[
        (Related::Pod, pod("p", "n1", secret("s"))),
        (Related::Pod, pod("q", "n1", secret("t"))),
        (Related::Pod, pod("r", "n1", json!([]))),
        of_node(Related::VolumeAttachment, "x", "n1"),
    ]);
    let round = graph.begin();
    assert!(graph.is_known("ns", "p", "uid-p", "n1"));
    assert!(!graph.is_known("ns", "q", "another", "n1"));
    // Another kind is listed meanwhile.
    let other = graph.begin();
    graph.put(Related::Pod, &pod("r", "n1", json!([])));
    graph.complete(Related::Pod, round);
    let is = |graph: &Graph, what, name: &str| graph.is_related("n1", what, "ns", name);
    assert!(is(&graph, Related::Secret, "s") && is(&graph, Related::Pod, "r"));
    assert!(!is(&graph, Related::Secret, "t") && !is(&graph, Related::Pod, "q"));
    assert!(graph.is_related("n1", Related::VolumeAttachment, "", "x"));
    graph.complete(Related::VolumeAttachment, other);
    assert!(!graph.is_related("n1", Related::VolumeAttachment, "", "x"));
}
