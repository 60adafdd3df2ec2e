//! Roles and bindings.

use super::*;

const ROLE: &str = "rbac.authorization.k8s.io/v1/Role";
const CLUSTER_ROLE: &str = "rbac.authorization.k8s.io/v1/ClusterRole";
const BINDING: &str = "rbac.authorization.k8s.io/v1/RoleBinding";
const CLUSTER_BINDING: &str = "rbac.authorization.k8s.io/v1/ClusterRoleBinding";
const GROUP: &str = "rbac.authorization.k8s.io";

#[test]
fn rules_of_roles() {
    let rule = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]});
    let base = local(ROLE, json!({"rules": [rule]}));
    creates(
        ROLE,
        &base,
        vec![
            fine("/metadata/name", json!("system:a")),
            case(
                "/metadata/name",
                json!("a/b"),
                "metadata.name: Invalid value: \"a/b\": may not contain '/'",
            ),
            case(
                "/rules/0/verbs",
                json!([]),
                "rules[0].verbs: Required value: verbs must contain at least one value",
            ),
            case(
                "/rules/0/apiGroups",
                Value::Null,
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
            ),
            case(
                "/rules/0/resources",
                Value::Null,
                "rules[0].resources: Required value: resource rules must supply at least one resource",
            ),
            case(
                "/rules/0",
                json!({"verbs": ["get"], "nonResourceURLs": ["/x"]}),
                "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
            ),
        ],
    );
}

#[test]
fn rules_of_cluster_roles() {
    let base = sound(
        CLUSTER_ROLE,
        json!({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]}),
    );
    creates(
        CLUSTER_ROLE,
        &base,
        vec![
            case(
                "/rules/0/resources",
                json!(["pods"]),
                "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: rules cannot apply to both regular resources and non-resource URLs",
            ),
            fine(
                "/aggregationRule",
                json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}),
            ),
            case(
                "/aggregationRule",
                json!({}),
                "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
            ),
            case(
                "/aggregationRule",
                json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b c"}}]}),
                "aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: \"b c\": a valid label…",
            ),
        ],
    );
}

#[test]
fn bindings() {
    let reference = json!({"apiGroup": GROUP, "kind": "ClusterRole", "name": "r"});
    let user = json!({"apiGroup": GROUP, "kind": "User", "name": "u"});
    let object = json!({"roleRef": reference, "subjects": [user]});
    let account = |more: Value| {
        let mut account = json!({"kind": "ServiceAccount"});
        for (field, value) in more.as_object().expect("an object") {
            account[field] = value.clone();
        }
        vec![("/subjects/0", account)]
    };
    creates(
        BINDING,
        &local(BINDING, object.clone()),
        vec![
            fine("/roleRef/kind", json!("Role")),
            case(
                "/roleRef/kind",
                json!("x"),
                "roleRef.kind: Unsupported value: \"x\": supported values: \"Role\", \"ClusterRole\"",
            ),
            case(
                "/roleRef/apiGroup",
                json!("x"),
                "roleRef.apiGroup: Unsupported value: \"x\": supported values: \"rbac.authorization.k8s.io\"",
            ),
            case("/roleRef/name", json!(""), "roleRef.name: Required value"),
            case(
                "/roleRef/name",
                json!("a/b"),
                "roleRef.name: Invalid value: \"a/b\": may not contain '/'",
            ),
            (account(json!({"name": "a"})), vec![]),
            (
                account(json!({"name": "A"})),
                vec!["subjects[0].name: Invalid value: \"A\": a lowercase…"],
            ),
            (
                account(json!({"name": "a", "apiGroup": "b"})),
                vec!["subjects[0].apiGroup: Unsupported value: \"b\": supported values: \"\""],
            ),
            (
                vec![("/subjects/0/name", json!(""))],
                vec![
                    "subjects[0].name: Required value",
                    "subjects[0].name: Invalid value: \"\": user name cannot be empty",
                ],
            ),
            case(
                "/subjects/0/apiGroup",
                json!("x"),
                "subjects[0].apiGroup: Unsupported value: \"x\": supported values: \"rbac.authorization.k8s.io\"",
            ),
            case(
                "/subjects/0/kind",
                json!("x"),
                "subjects[0].kind: Unsupported value: \"x\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
            ),
        ],
    );
    let base = sound(CLUSTER_BINDING, object);
    creates(
        CLUSTER_BINDING,
        &base,
        vec![
            (account(json!({"name": "a", "namespace": "ns"})), vec![]),
            (
                account(json!({"name": "a"})),
                vec!["subjects[0].namespace: Required value"],
            ),
            case(
                "/roleRef/kind",
                json!("Role"),
                "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
            ),
        ],
    );
    updates(
        CLUSTER_BINDING,
        &base,
        vec![
            fine("/subjects", json!([])),
            case("/roleRef/name", json!("s"), "roleRef: Invalid value: …"),
        ],
    );
}
