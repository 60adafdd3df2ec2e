use super::*;
use serde_json::json;

fn cluster_role(name: &str, rules: Value) -> Value {
    json!({"kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
}

fn rule(verbs: &[&str], group: &str, resources: &[&str]) -> Value {
    json!({"verbs": verbs, "apiGroups": [group], "resources": resources})
}

fn role(rules: Value) -> Value {
    json!({"kind": "Role", "metadata": {"namespace": "shop", "name": "r"}, "rules": rules})
}

fn binding(kind: &str, role: &str) -> Value {
    json!({"kind": "RoleBinding", "metadata": {"namespace": "shop", "name": "b"},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
        "subjects": [{"kind": "User", "name": "friend"}]})
}

/// Jane holds `rules` in the namespace `shop`, besides the roles that are there.
fn policy(rules: Value) -> Policy {
    let pods = json!([rule(&["get", "list"], "", &["pods"])]);
    let objects = [
        cluster_role("pods", pods.clone()),
        cluster_role("held", rules),
        json!({"kind": "Role", "metadata": {"namespace": "shop", "name": "pods"}, "rules": pods}),
        json!({"kind": "RoleBinding", "metadata": {"namespace": "shop", "name": "jane"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "held"},
            "subjects": [{"kind": "User", "name": "jane"}]}),
    ];
    Policy::from_objects(&objects).unwrap()
}

fn try_write(policy: &Policy, groups: &[&str], write: Write<'_>) -> Result<(), String> {
    let user = User::new("jane", groups.iter().copied());
    let writer = Writer {
        user: &user,
        authorizer: policy,
        policy,
    };
    check(&writer, &write).map_err(|failure| failure.message)
}

fn create<'a>(new: &'a Value, namespace: &'a str) -> Write<'a> {
    Write {
        namespace,
        name: "",
        new,
        old: None,
    }
}

#[test]
fn a_role_gives_no_more_than_its_author_holds() {
    let policy = policy(json!([rule(&["get", "list"], "", &["pods"])]));
    let held = role(json!([rule(&["get"], "", &["pods"])]));
    assert_eq!(try_write(&policy, &["g"], create(&held, "shop")), Ok(()));
    let more = role(json!([
        rule(&["get", "watch", "create"], "", &["pods", "secrets"]),
        rule(&["get"], "apps", &["deployments"]),
    ]));
    let expected = concat!(
        "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"jane\" (groups=[\"g\" \"h\"]) is ",
        "attempting to grant RBAC permissions not currently held:\n",
        "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\" \"create\"]}\n",
        "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"watch\" \"create\"]}\n",
        "{APIGroups:[\"apps\"], Resources:[\"deployments\"], Verbs:[\"get\"]}"
    );
    let refused = try_write(&policy, &["g", "h"], create(&more, "shop"));
    assert_eq!(refused.unwrap_err(), expected);
    // What is held in one namespace is not held in another, nor in the cluster.
    assert!(try_write(&policy, &["g"], create(&held, "other")).is_err());
    let wide = cluster_role("r", json!([rule(&["get"], "", &["pods"])]));
    assert!(try_write(&policy, &["g"], create(&wide, "")).is_err());
    assert_eq!(
        try_write(&policy, &[MASTERS], create(&more, "shop")),
        Ok(())
    );
}

#[test]
fn whoever_may_escalate_may_write_any_role() {
    let held = json!([{"verbs": ["escalate"], "apiGroups": [RBAC], "resources": ["roles"],
        "resourceNames": ["r"]}]);
    let policy = policy(held);
    let wanted = role(json!([rule(&["*"], "*", &["*"])]));
    let update = Write {
        name: "r",
        ..create(&wanted, "shop")
    };
    assert_eq!(try_write(&policy, &["g"], update), Ok(()));
    // The name is not known while a role is created.
    assert!(try_write(&policy, &["g"], create(&wanted, "shop")).is_err());
}

#[test]
fn a_binding_gives_no_more_than_its_author_holds() {
    let bound = binding("ClusterRole", "pods");
    let less = policy(json!([rule(&["get"], "", &["pods"])]));
    let refused = try_write(&less, &["g"], create(&bound, "shop"));
    assert_eq!(
        refused.unwrap_err(),
        "rolebindings.rbac.authorization.k8s.io \"b\" is forbidden: user \"jane\" (groups=[\"g\"]) is \
         attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\"]}"
    );
    let enough = policy(json!([rule(&["get", "list"], "", &["pods"])]));
    assert_eq!(try_write(&enough, &["g"], create(&bound, "shop")), Ok(()));
    let local = binding("Role", "pods");
    assert_eq!(try_write(&enough, &["g"], create(&local, "shop")), Ok(()));
    assert!(try_write(&less, &["g"], create(&local, "shop")).is_err());
}

#[test]
fn whoever_may_bind_a_role_may_give_it_even_before_it_is_there() {
    let bind = |name: &str| {
        json!([{"verbs": ["bind"], "apiGroups": [RBAC], "resources": ["clusterroles"],
            "resourceNames": [name]}])
    };
    let (pods, gone) = (
        binding("ClusterRole", "pods"),
        binding("ClusterRole", "gone"),
    );
    let allowed = policy(bind("pods"));
    assert_eq!(try_write(&allowed, &["g"], create(&pods, "shop")), Ok(()));
    let local = binding("Role", "pods");
    assert!(try_write(&allowed, &["g"], create(&local, "shop")).is_err());
    assert_eq!(
        try_write(&allowed, &["g"], create(&gone, "shop")).unwrap_err(),
        "clusterrole.rbac.authorization.k8s.io \"gone\" not found"
    );
    assert_eq!(
        try_write(&policy(bind("gone")), &["g"], create(&gone, "shop")),
        Ok(())
    );
    let strange = binding("Mole", "gone");
    assert_eq!(
        try_write(&allowed, &["g"], create(&strange, "shop")).unwrap_err(),
        "unsupported role reference kind: \"Mole\""
    );
}

#[test]
fn the_collector_may_change_owners_and_finalizers_of_any_role() {
    let policy = policy(json!([]));
    let old = role(json!([rule(&["*"], "*", &["*"])]));
    let mut new = old.clone();
    new["metadata"]["ownerReferences"] = json!([{"name": "x"}]);
    new["metadata"]["finalizers"] = json!([]);
    let update = |new: &Value| {
        let write = Write {
            old: Some(&old),
            name: "r",
            ..create(new, "shop")
        };
        try_write(&policy, &["g"], write)
    };
    assert_eq!(update(&new), Ok(()));
    new["metadata"]["labels"] = json!({"a": "b"});
    assert!(update(&new).is_err());
}

#[test]
fn only_who_holds_everything_may_gather_rules() {
    let mut wanted = cluster_role("r", json!([]));
    let plain = wanted.clone();
    wanted["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]});
    let give = |rules: Value| {
        let binding = json!({"kind": "ClusterRoleBinding", "metadata": {"name": "j"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "all"},
            "subjects": [{"kind": "User", "name": "jane"}]});
        Policy::from_objects([&cluster_role("all", rules), &binding]).unwrap()
    };
    let resources = rule(&["*"], "*", &["*"]);
    // Whoever may do everything with resources may also escalate.
    let some = give(json!([rule(&["get"], "*", &["*"])]));
    let expected = "clusterroles.rbac.authorization.k8s.io \"r\" is forbidden: must have cluster-admin \
        privileges to use the aggregationRule";
    let refused = try_write(&some, &["g"], create(&wanted, ""));
    assert_eq!(refused.unwrap_err(), expected);
    // Nor may others stop the gathering.
    let stop = Write {
        old: Some(&wanted),
        name: "r",
        ..create(&plain, "")
    };
    let policy = give(json!([{"verbs": ["get"], "nonResourceURLs": ["*"]}]));
    assert_eq!(try_write(&policy, &["g"], stop).unwrap_err(), expected);
    let all = json!([resources, {"verbs": ["*"], "nonResourceURLs": ["*"]}]);
    assert_eq!(try_write(&give(all), &["g"], create(&wanted, "")), Ok(()));
}

#[test]
fn bindings_that_lead_nowhere_are_told_with_the_refusal() {
    let mut policy = policy(json!([]));
    let lost = json!({"kind": "RoleBinding", "metadata": {"namespace": "shop", "name": "lost"},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "gone"},
        "subjects": [{"kind": "User", "name": "jane"}]});
    policy.put(&lost).unwrap();
    let wanted = role(json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]));
    let refused = try_write(&policy, &["g"], create(&wanted, "shop")).unwrap_err();
    let end = "; resolution errors: [role.rbac.authorization.k8s.io \"gone\" not found]";
    assert!(refused.ends_with(end), "{refused}");
}
