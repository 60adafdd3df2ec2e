mod cost;

use super::super::subject::Subject;
use super::super::{RBAC, ResourceTarget, compact};
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn role(namespace: &str, name: &str, rules: Value) -> Value {
    match namespace {
        "" => json!({"kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}),
        _ => {
            json!({"kind": "Role", "metadata": {"namespace": namespace, "name": name}, "rules": rules})
        }
    }
}

fn binding(namespace: &str, name: &str, role: (&str, &str), subjects: Value) -> Value {
    let reference = json!({"apiGroup": RBAC, "kind": role.0, "name": role.1});
    let (kind, metadata) = match namespace {
        "" => ("ClusterRoleBinding", json!({"name": name})),
        _ => ("RoleBinding", json!({"namespace": namespace, "name": name})),
    };
    json!({"kind": kind, "metadata": metadata, "roleRef": reference, "subjects": subjects})
}

fn get_pods() -> Value {
    json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}])
}

fn ask(policy: &Policy, user: &User, namespace: &str) -> Verdict {
    policy.authorize(&Attributes {
        user,
        verb: "get",
        target: Target::Resource(ResourceTarget {
            resource: "pods",
            namespace,
            ..ResourceTarget::default()
        }),
    })
}

#[test]
fn a_binding_of_the_cluster_holds_everywhere_and_one_of_a_namespace_there() {
    let subjects = json!([{"kind": "User", "name": "jane"}]);
    let reader = role("", "reader", get_pods());
    let mut policy = Policy::from_objects([&reader]).unwrap();
    let (jane, bob) = (User::new("jane", ["g"]), User::new("bob", ["g"]));
    assert_eq!(ask(&policy, &jane, "shop"), Verdict::NO_OPINION);

    let inner = binding("shop", "b", ("ClusterRole", "reader"), subjects.clone());
    policy.put(&inner).unwrap();
    assert_eq!(
        ask(&policy, &jane, "shop").reason(),
        "RBAC: allowed by RoleBinding \"b/shop\" of ClusterRole \"reader\" to User \"jane\""
    );
    assert!(!ask(&policy, &jane, "other").is_allowed());
    assert!(!ask(&policy, &jane, "").is_allowed());
    assert!(!ask(&policy, &bob, "shop").is_allowed());

    let outer = binding("", "b", ("ClusterRole", "reader"), subjects);
    policy.put(&outer).unwrap();
    assert!(ask(&policy, &jane, "other").is_allowed());
    assert!(ask(&policy, &jane, "").is_allowed());
    policy.remove(&outer).unwrap();
    assert!(!ask(&policy, &jane, "other").is_allowed());
    policy.remove(&inner).unwrap();
    assert!(!ask(&policy, &jane, "shop").is_allowed());
    assert!(policy.namespaces.is_empty(), "an empty part stays");
}

#[test]
fn subjects_are_users_groups_and_service_accounts() {
    let subjects = json!([
        {"kind": "Group", "name": "dev"},
        {"kind": "ServiceAccount", "name": "here"},
        {"kind": "ServiceAccount", "name": "there", "namespace": "far"},
        {"kind": "Robot", "name": "r"},
    ]);
    let objects = [
        role("shop", "reader", get_pods()),
        binding("shop", "b", ("Role", "reader"), subjects),
    ];
    let policy = Policy::from_objects(&objects).unwrap();
    for (user, to) in [
        (User::new("x", ["a", "dev"]), "Group \"dev\""),
        (
            User::service_account("shop", "here", ""),
            "ServiceAccount \"here/shop\"",
        ),
        (
            User::service_account("far", "there", ""),
            "ServiceAccount \"there/far\"",
        ),
    ] {
        let reason = format!("RBAC: allowed by RoleBinding \"b/shop\" of Role \"reader\" to {to}");
        assert_eq!(ask(&policy, &user, "shop").reason(), reason);
    }
    for user in [
        User::service_account("shop", "there", ""),
        User::service_account("far", "here", ""),
        User::new("r", ["Robot"]),
        User::new("dev", ["here"]),
    ] {
        assert!(!ask(&policy, &user, "shop").is_allowed(), "{user:?}");
    }
    let subjects = json!([{"kind": "ServiceAccount", "name": "here"}]);
    let objects = [
        role("", "reader", get_pods()),
        binding("", "b", ("ClusterRole", "reader"), subjects),
    ];
    let policy = Policy::from_objects(&objects).unwrap();
    let nobody = User::new("system:serviceaccount::here", ["g"]);
    assert!(!ask(&policy, &nobody, "shop").is_allowed());
}

#[test]
fn a_role_that_is_not_there_is_named() {
    let subjects = json!([{"kind": "User", "name": "jane"}]);
    let objects = [
        binding("shop", "a", ("Role", "gone"), subjects.clone()),
        binding("shop", "b", ("ClusterRole", "gone"), subjects.clone()),
        binding("shop", "c", ("ClusterRole", "gone"), subjects.clone()),
    ];
    let mut policy = Policy::from_objects(&objects).unwrap();
    let jane = User::new("jane", ["g"]);
    assert_eq!(
        ask(&policy, &jane, "shop").reason(),
        "RBAC: [clusterrole.rbac.authorization.k8s.io \"gone\" not found, \
         role.rbac.authorization.k8s.io \"gone\" not found]"
    );
    let strange = binding("shop", "a", ("Mole", "gone"), subjects);
    policy = Policy::from_objects([&strange]).unwrap();
    assert_eq!(
        ask(&policy, &jane, "shop").reason(),
        "RBAC: unsupported role reference kind: \"Mole\""
    );
}

#[test]
fn a_binding_of_the_cluster_gives_no_role_of_a_namespace() {
    let subjects = json!([{"kind": "User", "name": "jane"}]);
    let objects = [
        role("", "reader", get_pods()),
        binding("", "b", ("Role", "reader"), subjects),
    ];
    let policy = Policy::from_objects(&objects).unwrap();
    let verdict = ask(&policy, &User::new("jane", ["g"]), "shop");
    assert!(!verdict.is_allowed());
    let missing = "RBAC: role.rbac.authorization.k8s.io \"reader\" not found";
    assert_eq!(verdict.reason(), missing);
}

#[test]
fn a_binding_that_changes_takes_back_what_it_gave() {
    let to = |name: &str| json!([{"kind": "User", "name": name}]);
    let role = role("", "reader", get_pods());
    let mut policy = Policy::from_objects([&role]).unwrap();
    let reader = ("ClusterRole", "reader");
    policy.put(&binding("", "b", reader, to("jane"))).unwrap();
    let before = policy.clone();
    policy.put(&binding("", "b", reader, to("bob"))).unwrap();
    let (jane, bob) = (User::new("jane", ["g"]), User::new("bob", ["g"]));
    assert!(!ask(&policy, &jane, "").is_allowed() && ask(&policy, &bob, "").is_allowed());
    // The copy is a snapshot: it still says what was so.
    assert!(ask(&before, &jane, "").is_allowed() && !ask(&before, &bob, "").is_allowed());
    policy.remove(&role).unwrap();
    assert!(!ask(&policy, &bob, "").is_allowed());
}

#[test]
fn rules_of_a_user_come_by_binding_each_once() {
    let subjects = json!([{"kind": "User", "name": "jane"}, {"kind": "Group", "name": "g"}]);
    let list = json!([{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]);
    let objects = [
        role("", "reader", get_pods()),
        role("shop", "lister", list),
        binding("", "b", ("ClusterRole", "reader"), subjects.clone()),
        binding("shop", "z", ("Role", "lister"), subjects.clone()),
        binding("shop", "a", ("Role", "gone"), subjects),
    ];
    let policy = Policy::from_objects(&objects).unwrap();
    let found = policy.rules_for(&User::new("jane", ["g"]), "shop");
    let verbs: Vec<_> = found.rules.iter().map(|rule| &*rule.verbs[0]).collect();
    assert_eq!(verbs, ["get", "list"]);
    assert_eq!(
        found.errors,
        ["role.rbac.authorization.k8s.io \"gone\" not found"]
    );
    assert!(!found.is_incomplete);
}

#[test]
fn what_is_no_policy_changes_nothing() {
    let mut policy = Policy::default();
    for object in [
        json!({"kind": "Pod", "metadata": {"name": "p", "namespace": "n"}}),
        json!({"kind": "ClusterRole", "metadata": {}}),
        json!({"kind": "Role", "metadata": {"name": "r"}}),
        json!({"kind": "ClusterRole", "metadata": {"name": "r", "namespace": "n"}}),
        json!("x"),
        Value::Null,
    ] {
        assert!(policy.put(&object).is_err(), "{object}");
        assert!(policy.remove(&object).is_err(), "{object}");
    }
    assert!(policy.cluster.is_empty() && policy.namespaces.is_empty());
}

/// RBAC as it is written down: looks at every binding.
fn naive(objects: &[Value], user: &User, namespace: &str, attributes: &Attributes<'_>) -> bool {
    let find = |kind: &str, namespace: &str, name: &str| {
        objects.iter().find(|object| {
            let metadata = &object["metadata"];
            object["kind"] == kind
                && text(metadata, "name") == name
                && text(metadata, "namespace") == namespace
        })
    };
    objects.iter().any(|object| {
        let own = text(&object["metadata"], "namespace");
        let holds_here = match text(object, "kind") {
            "ClusterRoleBinding" => true,
            "RoleBinding" => !namespace.is_empty() && own == namespace,
            _ => false,
        };
        let subjects = object["subjects"].as_array();
        let means = |subject| Subject::from_value(subject, own).is_some_and(|one| one.means(user));
        let reference = &object["roleRef"];
        let kind = text(reference, "kind");
        let role_namespace = if kind == "Role" { own } else { "" };
        let role = find(kind, role_namespace, text(reference, "name"));
        holds_here
            && subjects.into_iter().flatten().any(means)
            && role.is_some_and(|role| Rule::list(role).iter().any(|rule| rule.allows(attributes)))
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let namespace = prop::sample::select(vec!["", "n", "m"]);
    let verb = prop::sample::select(vec!["get", "list", "*"]);
    let resource = prop::sample::select(vec!["pods", "sets", "*"]);
    let subject = prop::sample::select(vec![
        json!({"kind": "User", "name": "jane"}),
        json!({"kind": "User", "name": "system:serviceaccount:n:jane"}),
        json!({"kind": "Group", "name": "jane"}),
        json!({"kind": "Group", "name": "dev"}),
        json!({"kind": "ServiceAccount", "name": "jane"}),
        json!({"kind": "ServiceAccount", "name": "jane", "namespace": "m"}),
    ]);
    let a_role = (name.clone(), namespace.clone(), verb, resource).prop_map(
        |(name, namespace, verb, resource)| {
            let rule = json!({"verbs": [verb], "apiGroups": [""], "resources": [resource]});
            role(namespace, name, json!([rule]))
        },
    );
    let kind = prop::sample::select(vec!["Role", "ClusterRole"]);
    let subjects = prop::collection::vec(subject, 0..3);
    let a_binding = (name.clone(), namespace, kind, name, subjects).prop_map(
        |(name, namespace, kind, role, subjects)| {
            binding(namespace, name, (kind, role), Value::Array(subjects))
        },
    );
    prop_oneof![a_role, a_binding]
}

proptest! {
    #[test]
    fn the_index_agrees_with_looking_at_everything(
        changes in prop::collection::vec((any_object(), prop::bool::weighted(0.8)), 0..40),
    ) {
        let identity = |object: &Value| (object["kind"].clone(), object["metadata"].clone());
        let (mut policy, mut objects) = (Policy::default(), Vec::<Value>::new());
        let users = [
            User::new("jane", ["dev"]),
            User::new("bob", ["jane"]),
            User::service_account("n", "jane", ""),
            User::service_account("m", "jane", ""),
        ];
        let mut snapshots = Vec::new();
        for (object, is_put) in changes {
            objects.retain(|one| identity(one) != identity(&object));
            if is_put {
                policy.put(&object).unwrap();
                objects.push(object);
            } else {
                policy.remove(&object).unwrap();
            }
            snapshots.push((policy.clone(), objects.clone()));
        }
        // Old snapshots as well: a change must not reach into a copy.
        for (policy, objects) in snapshots.iter().rev().take(3) {
            for user in &users {
                for namespace in ["", "n", "m", "x"] {
                    let rules = compact(policy.rules_for(user, namespace).rules);
                    for (verb, resource) in [("get", "pods"), ("list", "pods"), ("get", "sets"), ("put", "x")] {
                        let target = ResourceTarget { resource, namespace, ..ResourceTarget::default() };
                        let attributes = Attributes { user, verb, target: Target::Resource(target) };
                        let expected = naive(objects, user, namespace, &attributes);
                        prop_assert_eq!(policy.authorize(&attributes).is_allowed(), expected);
                        prop_assert_eq!(rules.iter().any(|rule| rule.allows(&attributes)), expected);
                    }
                }
            }
        }
    }
}
