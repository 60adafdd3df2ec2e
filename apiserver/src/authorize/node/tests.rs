use super::super::bootstrap;
use super::*;
use crate::identity::NODES;

/// The node `n1` has to do with everything called `mine` in `ns`, and with what is in no namespace.
struct Mine;

impl NodeGraph for Mine {
    fn is_related(&self, node: &str, what: Related, namespace: &str, name: &str) -> bool {
        let in_none = [
            Related::PersistentVolume,
            Related::VolumeAttachment,
            Related::ResourceSlice,
        ];
        let expected = if in_none.contains(&what) { "" } else { "ns" };
        node == "n1" && namespace == expected && name == "mine"
    }
}

fn ask(verb: &str, target: ResourceTarget<'_>) -> Verdict {
    let node = User::new("system:node:n1", [NODES]);
    ask_as(&node, verb, target)
}

fn ask_as(user: &User, verb: &str, target: ResourceTarget<'_>) -> Verdict {
    let authorizer = NodeAuthorizer::new(Arc::new(Mine), bootstrap::node_rules());
    authorizer.authorize(&Attributes {
        user,
        verb,
        target: Target::Resource(target),
    })
}

fn target<'a>(resource: &'a str, namespace: &'a str, name: &'a str) -> ResourceTarget<'a> {
    let (group, resource) = resource.split_once(':').unwrap_or(("", resource));
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    ResourceTarget {
        group,
        resource,
        subresource,
        namespace,
        name,
        ..ResourceTarget::default()
    }
}

const STRANGER: &str = "no relationship found between node 'n1' and this object";

#[test]
fn a_node_reads_what_its_pods_need_and_nothing_else_of_that_sort() {
    for (verbs, resource, namespace) in [
        ("get list watch", "secrets", "ns"),
        ("get list watch", "configmaps", "ns"),
        ("get", "serviceaccounts", "ns"),
        ("create", "serviceaccounts/token", "ns"),
        ("get", "persistentvolumeclaims", "ns"),
        ("update patch", "persistentvolumeclaims/status", "ns"),
        ("get", "persistentvolumes", ""),
        ("get", "resource.k8s.io:resourceclaims", "ns"),
        (
            "get update patch delete",
            "resource.k8s.io:resourceslices",
            "",
        ),
        ("get", "storage.k8s.io:volumeattachments", ""),
        ("get list watch", "pods", "ns"),
    ] {
        for verb in verbs.split(' ') {
            let mine = ask(verb, target(resource, namespace, "mine"));
            assert_eq!(mine, Verdict::ALLOWED, "{verb} {resource}");
            let other = ask(verb, target(resource, namespace, "other"));
            assert_eq!(other.reason(), STRANGER, "{verb} {resource}");
            let foreign = ask(verb, target(resource, "elsewhere", "mine"));
            assert_eq!(foreign.reason(), STRANGER, "{verb} {resource}");
        }
    }
}

#[test]
fn what_a_node_may_not_do_with_these_it_is_told() {
    for (verb, resource, namespace, name, reason) in [
        ("list", "secrets", "ns", "", "No Object name found"),
        (
            "list",
            "secrets",
            "",
            "",
            "can only read namespaced object of this type",
        ),
        (
            "delete",
            "secrets",
            "ns",
            "mine",
            "can only read resources of this type",
        ),
        (
            "get",
            "configmaps/x",
            "ns",
            "mine",
            "cannot read subresource",
        ),
        (
            "list",
            "persistentvolumes",
            "",
            "",
            "can only get individual resources of this type",
        ),
        (
            "get",
            "persistentvolumes/status",
            "",
            "mine",
            "cannot get subresource",
        ),
        (
            "get",
            "persistentvolumeclaims/status",
            "ns",
            "mine",
            "can only get/update/patch this type",
        ),
        (
            "list",
            "serviceaccounts",
            "ns",
            "",
            "can only create tokens for individual service accounts",
        ),
        (
            "create",
            "serviceaccounts",
            "ns",
            "mine",
            "can only create token subresource of serviceaccount",
        ),
        (
            "create",
            "serviceaccounts/token",
            "ns",
            "",
            "can only create tokens for individual service accounts",
        ),
        (
            "list",
            "pods",
            "ns",
            "",
            "can only list/watch pods with spec.nodeName field selector",
        ),
        ("update", "pods", "ns", "mine", ""),
        ("create", "pods/exec", "ns", "mine", ""),
        (
            "get",
            "nodes",
            "",
            "n2",
            "node 'n1' cannot read 'n2', only its own Node object",
        ),
        (
            "list",
            "nodes",
            "",
            "",
            "node 'n1' cannot read all nodes, only its own Node object",
        ),
        ("delete", "nodes", "", "n1", ""),
        (
            "get",
            "certificates.k8s.io:podcertificaterequests",
            "ns",
            "mine",
            "",
        ),
        (
            "list",
            "coordination.k8s.io:leases",
            "kube-node-lease",
            "",
            "can only get, create, update, patch, or delete a node lease",
        ),
        (
            "get",
            "coordination.k8s.io:leases",
            "ns",
            "n1",
            "can only access leases in the \"kube-node-lease\" system namespace",
        ),
        (
            "get",
            "coordination.k8s.io:leases",
            "kube-node-lease",
            "n2",
            "can only access node lease with the same name as the requesting node",
        ),
        (
            "get",
            "storage.k8s.io:csinodes",
            "",
            "n2",
            "can only access CSINode with the same name as the requesting node",
        ),
        (
            "watch",
            "storage.k8s.io:csinodes",
            "",
            "n1",
            "can only get, create, update, patch, or delete a CSINode",
        ),
        (
            "get",
            "storage.k8s.io:csinodes/status",
            "",
            "n1",
            "cannot authorize CSINode subresources",
        ),
        (
            "list",
            "resource.k8s.io:resourceslices",
            "",
            "",
            "can only list/watch/deletecollection resourceslices with nodeName field selector",
        ),
    ] {
        let verdict = ask(verb, target(resource, namespace, name));
        assert_eq!(
            verdict.decision,
            super::super::Decision::NoOpinion,
            "{verb} {resource}"
        );
        assert_eq!(verdict.reason(), reason, "{verb} {resource}");
    }
}

#[test]
fn a_node_keeps_its_own_objects() {
    for (verbs, resource, namespace, name) in [
        ("get list watch update patch", "nodes", "", "n1"),
        ("create", "nodes", "", ""),
        ("update patch", "nodes/status", "", "n1"),
        (
            "create",
            "coordination.k8s.io:leases",
            "kube-node-lease",
            "",
        ),
        (
            "get update patch delete",
            "coordination.k8s.io:leases",
            "kube-node-lease",
            "n1",
        ),
        ("create", "storage.k8s.io:csinodes", "", ""),
        (
            "get update patch delete",
            "storage.k8s.io:csinodes",
            "",
            "n1",
        ),
        ("create delete", "pods", "ns", "x"),
        ("update patch", "pods/status", "ns", "x"),
        ("create", "pods/eviction", "ns", "x"),
        ("create", "resource.k8s.io:resourceslices", "", ""),
        ("create patch update", "events", "ns", ""),
        ("create", "authentication.k8s.io:tokenreviews", "", ""),
        ("list watch", "services", "", ""),
        (
            "create",
            "certificates.k8s.io:certificatesigningrequests",
            "",
            "",
        ),
    ] {
        for verb in verbs.split(' ') {
            let verdict = ask(verb, target(resource, namespace, name));
            assert_eq!(verdict, Verdict::ALLOWED, "{verb} {resource}");
        }
    }
    for (verb, resource) in [("delete", "services"), ("list", "apps:deployments")] {
        assert!(
            !ask(verb, target(resource, "ns", "")).is_allowed(),
            "{verb} {resource}"
        );
    }
}

#[test]
fn lists_limited_to_the_node_are_allowed() {
    for (selector, is_allowed) in [
        ("spec.nodeName=n1", true),
        ("status.phase!=Failed,spec.nodeName=n1", true),
        ("spec.nodeName=n2", false),
        ("spec.nodeName!=n1", false),
        ("metadata.name=n1", false),
    ] {
        let selector: FieldSelector = selector.parse().unwrap();
        for resource in ["pods", "resource.k8s.io:resourceslices"] {
            let target = ResourceTarget {
                fields: Some(&selector),
                ..target(resource, "", "")
            };
            let verdict = ask("watch", target);
            assert_eq!(verdict.is_allowed(), is_allowed, "{selector} {resource}");
        }
    }
}

#[test]
fn it_has_no_opinion_about_others() {
    let secret = target("secrets", "ns", "mine");
    let plain = User::new("system:node:n1", ["g"]);
    assert_eq!(ask_as(&plain, "get", secret), Verdict::NO_OPINION);
    let nameless = User::new("system:node:", [NODES]);
    assert_eq!(
        ask_as(&nameless, "get", secret).reason(),
        "unknown node for user \"system:node:\""
    );
    let authorizer = NodeAuthorizer::new(Mine, Vec::new());
    assert_eq!(authorizer.rules_for(&plain, "ns"), UserRules::default());
    assert!(authorizer.rules_for(&nameless, "ns").is_incomplete);
}
