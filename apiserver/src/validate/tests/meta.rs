//! Metadata, which is the same for all kinds.

use super::*;

fn base() -> Value {
    local("v1/ServiceAccount", json!({}))
}

#[test]
fn names_and_namespaces() {
    creates(
        "v1/ServiceAccount",
        &base(),
        vec![
            (vec![("/metadata/name", json!("a.b-c"))], vec![]),
            (
                vec![("/metadata/name", json!("Foo"))],
                vec![&format!(
                    "metadata.name: Invalid value: \"Foo\": {SUBDOMAIN}"
                )],
            ),
            (
                vec![("/metadata/name", json!("a".repeat(254)))],
                vec!["metadata.name: Invalid value: \"aaaa…"],
            ),
            (
                vec![("/metadata/name", Value::Null)],
                vec!["metadata.name: Required value: name or generateName is required"],
            ),
            (
                vec![("/metadata/generateName", json!("Foo-"))],
                vec!["metadata.generateName: Invalid value: \"Foo-\": a lowercase…"],
            ),
            (vec![("/metadata/generateName", json!("foo-"))], vec![]),
            (
                vec![("/metadata/namespace", Value::Null)],
                vec!["metadata.namespace: Required value"],
            ),
            (
                vec![("/metadata/namespace", json!("a.b"))],
                vec!["metadata.namespace: Invalid value: \"a.b\": must not contain dots"],
            ),
            (
                vec![("/metadata/generation", json!(-1))],
                vec!["metadata.generation: Invalid value: -1: must be greater than or equal to 0"],
            ),
        ],
    );
    let node = sound("v1/Node", json!({}));
    creates(
        "v1/Node",
        &node,
        vec![(
            vec![("/metadata/namespace", json!("ns"))],
            vec!["metadata.namespace: Forbidden: not allowed on this type"],
        )],
    );
}

#[test]
fn labels_annotations_and_finalizers() {
    let annotations = json!({"a": "x".repeat(256 << 10)});
    creates(
        "v1/ServiceAccount",
        &base(),
        vec![
            (
                vec![
                    ("/metadata/labels", json!({"a/b": "c", "d": ""})),
                    ("/metadata/annotations", json!({"A.B/c": "é any thing"})),
                    (
                        "/metadata/finalizers",
                        json!(["a.b/c", "orphan", "kubernetes"]),
                    ),
                ],
                vec![],
            ),
            (
                vec![("/metadata/labels", json!({"-": "c"}))],
                vec!["metadata.labels: Invalid value: \"-\": name part must consist of…"],
            ),
            (
                vec![("/metadata/labels", json!({"a": "b c"}))],
                vec!["metadata.labels: Invalid value: \"b c\": a valid label must be…"],
            ),
            (
                vec![("/metadata/annotations", json!({"a b": ""}))],
                vec!["metadata.annotations: Invalid value: \"a b\": name part must consist of…"],
            ),
            (
                vec![("/metadata/annotations", annotations)],
                vec!["metadata.annotations: Too long: may not be more than 262144 bytes"],
            ),
            (
                vec![("/metadata/finalizers", json!(["mine"]))],
                vec![
                    "metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified",
                ],
            ),
            (
                vec![("/metadata/finalizers", json!(["a/"]))],
                vec![
                    "metadata.finalizers: Invalid value: \"a/\": name part must be non-empty",
                    "metadata.finalizers: Invalid value: \"a/\": name part must consist of…",
                ],
            ),
            (
                vec![(
                    "/metadata/finalizers",
                    json!(["orphan", "foregroundDeletion"]),
                )],
                vec![
                    "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set",
                ],
            ),
            (
                vec![("/metadata/managedFields", json!([{"operation": "Edit"}]))],
                vec![
                    "metadata.managedFields[0].operation: Invalid value: \"Edit\": must be `Apply` or `Update`",
                ],
            ),
        ],
    );
}

#[test]
fn owners() {
    let owner = json!({"apiVersion": "apps/v1", "kind": "Foo", "name": "f", "uid": "1", "controller": true});
    creates(
        "v1/ServiceAccount",
        &base(),
        vec![
            (vec![("/metadata/ownerReferences", json!([owner]))], vec![]),
            (
                vec![("/metadata/ownerReferences", json!([owner, owner]))],
                vec!["metadata.ownerReferences: Invalid value: [{…"],
            ),
            (
                vec![("/metadata/ownerReferences", json!([{}]))],
                vec![
                    "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty",
                    "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty",
                    "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
                    "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
                ],
            ),
            (
                vec![(
                    "/metadata/ownerReferences",
                    json!([{"apiVersion": "v1", "kind": "Event", "name": "e", "uid": "1"}]),
                )],
                vec![
                    "metadata.ownerReferences: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\"…",
                ],
            ),
        ],
    );
}

#[test]
fn what_stays_the_same_in_an_update() {
    let mut old = base();
    edit(&mut old, "/metadata/uid", json!("u"));
    edit(&mut old, "/metadata/generation", json!(3));
    edit(
        &mut old,
        "/metadata/creationTimestamp",
        json!("2026-01-01T00:00:00Z"),
    );
    updates(
        "v1/ServiceAccount",
        &old,
        vec![
            (vec![("/metadata/labels", json!({"a": "b"}))], vec![]),
            // Whoever leaves it out does not change it.
            (vec![("/metadata/uid", Value::Null)], vec![]),
            (
                vec![("/metadata/uid", json!("v"))],
                vec!["metadata.uid: Invalid value: \"v\": field is immutable"],
            ),
            (
                vec![("/metadata/name", json!("y"))],
                vec!["metadata.name: Invalid value: \"y\": field is immutable"],
            ),
            (
                vec![("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z"))],
                vec![
                    "metadata.deletionTimestamp: Invalid value: \"2026-01-01T00:00:00Z\": field is immutable",
                ],
            ),
            (
                vec![("/metadata/generation", json!(2))],
                vec!["metadata.generation: Invalid value: 2: must not be decremented"],
            ),
            (vec![("/metadata/finalizers", json!(["a/b"]))], vec![]),
        ],
    );
}

#[test]
fn finalizers_cannot_be_added_to_what_is_being_deleted() {
    let mut old = base();
    edit(
        &mut old,
        "/metadata/deletionTimestamp",
        json!("2026-01-01T00:00:00Z"),
    );
    edit(&mut old, "/metadata/finalizers", json!(["a/b"]));
    updates(
        "v1/ServiceAccount",
        &old,
        vec![
            (vec![("/metadata/finalizers", Value::Null)], vec![]),
            (
                vec![("/metadata/finalizers", json!(["a/b", "c/d", "a/c"]))],
                vec![
                    "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"a/c\", \"c/d\"}",
                ],
            ),
        ],
    );
}

#[test]
fn names_of_some_kinds_need_only_fit_into_a_path() {
    let event = local(
        "v1/Event",
        json!({"involvedObject": {"namespace": "ns"}, "reason": "x"}),
    );
    let name = |name: &str| vec![("/metadata/name", json!(name))];
    creates(
        "v1/Event",
        &event,
        vec![
            (name("system:node:a.17f"), vec![]),
            (
                name("a/b"),
                vec!["metadata.name: Invalid value: \"a/b\": may not contain '/'"],
            ),
        ],
    );
    for id in [
        "certificates.k8s.io/v1/CertificateSigningRequest",
        "rbac.authorization.k8s.io/v1/ClusterRole",
    ] {
        creates(id, &sound(id, json!({})), vec![(name("A:b"), vec![])]);
    }
    let service = local("v1/Service", json!({"spec": {"ports": [{"port": 80}]}}));
    creates(
        "v1/Service",
        &service,
        vec![(
            name("1a"),
            vec!["metadata.name: Invalid value: \"1a\": a DNS-1035 label…"],
        )],
    );
    // Whose rules are not known here are in a namespace, or they are not.
    let other = local("resource.k8s.io/v1/ResourceClaim", json!({}));
    creates(
        "resource.k8s.io/v1/ResourceClaim",
        &other,
        vec![
            (vec![("/metadata/namespace", Value::Null)], vec![]),
            (
                vec![("/metadata/namespace", json!("a.b"))],
                vec!["metadata.namespace: Invalid value: \"a.b\": must not contain dots"],
            ),
        ],
    );
}
