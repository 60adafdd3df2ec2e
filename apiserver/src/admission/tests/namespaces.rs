//! New objects and their namespaces.

use super::*;

#[test]
fn nothing_is_made_in_a_missing_namespace() {
    let failure = World::empty().refuse(creation("configmaps", json!({})));
    assert_eq!(failure.code(), 404);
    assert_eq!(failure.message, "namespaces \"ns\" not found");
}

#[test]
fn an_update_in_a_missing_namespace_is_refused_and_a_deletion_is_not() {
    let world = World::empty();
    let failure = world.refuse(update("configmaps", json!({}), json!({})));
    assert_eq!(failure.code(), 404);
    let mut deletion = request(Operation::Delete, "configmaps", "x", None);
    assert_eq!(world.ask(&mut deletion), Ok(Admitted::default()));
}

#[test]
fn nothing_new_comes_into_a_namespace_that_goes() {
    let world = World::empty();
    world.put(
        "namespaces",
        "",
        json!({"metadata": {"name": "ns"}, "status": {"phase": "Terminating"}}),
    );
    let failure = world.refuse(creation("configmaps", json!({})));
    assert_eq!(failure.code(), 403);
    assert_eq!(
        failure.message,
        "configmaps \"x\" is forbidden: unable to create new content in namespace ns because it is being terminated"
    );
    let details = failure.details.expect("details");
    let causes: Vec<&str> = details
        .causes
        .iter()
        .map(|cause| cause.reason.as_str())
        .collect();
    assert_eq!(causes, ["NamespaceTerminating"]);
    world.admit(update("configmaps", json!({}), json!({})));
}

#[test]
fn a_namespace_that_begins_to_go_is_noticed_at_the_last_moment() {
    let world = World::new();
    let mut request = creation("configmaps", json!({}));
    let admitted = world.ask(&mut request).expect("let through");
    let going = json!({"metadata": {"name": "ns"}, "status": {"phase": "Terminating"}});
    world.put("namespaces", "", going);
    assert!(!world.commit(&request, admitted));
    assert_eq!(world.stored("configmaps", "ns", "x"), None);
    assert_eq!(world.ask(&mut request).expect_err("refused").code(), 403);
}

#[test]
fn what_is_in_no_namespace_needs_none() {
    let world = World::empty();
    let mut request = creation("clusterroles.rbac.authorization.k8s.io", json!({}));
    assert_eq!(world.ask(&mut request), Ok(Admitted::default()));
    world.admit(creation(
        "localsubjectaccessreviews.authorization.k8s.io",
        json!({}),
    ));
}

#[test]
fn some_namespaces_stay() {
    let world = World::new();
    for name in ["default", "kube-system", "kube-public"] {
        let failure = world.refuse(request(Operation::Delete, "namespaces", name, None));
        assert_eq!(failure.code(), 403);
        assert_eq!(
            failure.message,
            format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted")
        );
    }
    for name in ["ns", "kube-node-lease"] {
        let mut request = request(Operation::Delete, "namespaces", name, None);
        assert_eq!(world.ask(&mut request), Ok(Admitted::default()));
    }
}
