use super::*;
use crate::authorize::{Attributes, Authorizer, Policy, ResourceTarget, Target, aggregate};
use crate::identity::{KUBE_SCHEDULER, MASTERS, MONITORING, User};
use crate::resource;
use serde_json::json;

fn find(kind: &str, name: &str) -> Value {
    let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects().iter().find(is_it).unwrap().clone()
}

/// As it is once the roles that gather have gathered, over and over until nothing changes.
fn settled() -> Vec<Value> {
    let mut all = objects().to_vec();
    for _ in 0..4 {
        let before = all.clone();
        for object in &mut all {
            let roles = before.iter().filter(|one| one["kind"] == "ClusterRole");
            if let Some(rules) = aggregate::gathered(object, roles).unwrap() {
                object["rules"] = rules.iter().map(Rule::to_value).collect();
            }
        }
    }
    all
}

fn can(policy: &Policy, user: &User, verb: &str, group: &str, resource: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let target = Target::Resource(ResourceTarget {
        group,
        resource,
        subresource,
        namespace: "shop",
        name: "x",
        ..ResourceTarget::default()
    });
    policy
        .authorize(&Attributes { user, verb, target })
        .is_allowed()
}

#[test]
fn there_are_as_many_as_upstream_has() {
    let count = |kind| objects().iter().filter(|one| one["kind"] == kind).count();
    // 31 of people and parts of the system, 37 of controllers.
    assert_eq!(count("ClusterRole"), 68);
    // Twelve of the former are bound, all of the latter.
    assert_eq!(count("ClusterRoleBinding"), 49);
    assert_eq!((count("Role"), count("RoleBinding")), (7, 7));
    for object in objects() {
        let metadata = &object["metadata"];
        let label = &metadata["labels"]["kubernetes.io/bootstrapping"];
        let annotation = &metadata["annotations"]["rbac.authorization.kubernetes.io/autoupdate"];
        assert_eq!(
            (label, annotation),
            (&json!("rbac-defaults"), &json!("true"))
        );
    }
}

#[test]
fn the_roles_of_people_gather_what_lies_below_them() {
    let mut all = settled();
    for name in ["admin", "edit", "view"] {
        all.push(
            json!({"kind": "RoleBinding", "metadata": {"namespace": "shop", "name": name},
            "roleRef": {"kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "User", "name": name}]}),
        );
    }
    let policy = Policy::from_objects(&all).unwrap();
    let [admin, edit, view] = ["admin", "edit", "view"].map(|name| User::new(name, ["g"]));
    let all_three = [&view, &edit, &admin];
    for (verb, group, resource, expected) in [
        ("get", "", "pods", [true, true, true]),
        ("get", "", "secrets", [false, true, true]),
        ("create", "apps", "deployments", [false, true, true]),
        (
            "create",
            "rbac.authorization.k8s.io",
            "rolebindings",
            [false, false, true],
        ),
        ("get", "", "nodes", [false, false, false]),
    ] {
        let may = all_three.map(|user| can(&policy, user, verb, group, resource));
        assert_eq!(may, expected, "{verb} {resource}");
    }
}

#[test]
fn groups_and_components_may_do_their_part() {
    let policy = Policy::from_objects(objects()).unwrap();
    let path = |user: &User, path| {
        let (verb, target) = ("get", Target::Path(path));
        policy
            .authorize(&Attributes { user, verb, target })
            .is_allowed()
    };
    let master = User::new("root", [MASTERS]);
    assert!(can(&policy, &master, "fly", "any", "thing/x") && path(&master, "/any"));
    let anonymous = User::anonymous();
    assert!(path(&anonymous, "/version") && path(&anonymous, "/livez"));
    assert!(!path(&anonymous, "/api") && !path(&anonymous, "/metrics"));
    let somebody = User::new("jane", ["system:authenticated"]);
    assert!(path(&somebody, "/apis/apps/v1") && !path(&somebody, "/metrics"));
    let reviews = "selfsubjectaccessreviews";
    assert!(can(
        &policy,
        &somebody,
        "create",
        "authorization.k8s.io",
        reviews
    ));
    assert!(path(&User::new("prometheus", [MONITORING]), "/metrics"));
    let scheduler = User::new(KUBE_SCHEDULER, ["g"]);
    assert!(can(&policy, &scheduler, "create", "", "pods/binding"));
    let deployments = User::service_account("kube-system", "deployment-controller", "");
    assert!(can(&policy, &deployments, "create", "apps", "replicasets"));
    assert!(!can(&policy, &deployments, "create", "", "pods"));
    // Nodes are bound to their role by nobody: the node authorizer decides.
    assert!(
        find("ClusterRoleBinding", "system:node")
            .get("subjects")
            .is_none()
    );
    assert!(node_rules().len() > 20);
}

#[test]
fn rules_name_resources_that_there_are() {
    let known = resource::everything();
    // Gone, of an aggregated server, or names that only decisions know.
    let other = [
        "approve",
        "sign",
        "attest",
        "deployments/rollback",
        "metrics.k8s.io",
        "*",
        "custom.metrics.k8s.io",
        "external.metrics.k8s.io",
        "extensions",
        "users",
        "groups",
        "apiservices",
    ];
    for object in objects() {
        for rule in Rule::list(object) {
            for group in &rule.groups {
                for full in &rule.resources {
                    let plain = full.split('/').next().unwrap();
                    let is_there = known
                        .all()
                        .iter()
                        .any(|row| row.gvk.group == *group && row.plural == plain);
                    let elsewhere =
                        rule.groups.len() > 1 && known.all().iter().any(|row| row.plural == plain);
                    let is_other = [group, full, &plain.to_owned()]
                        .iter()
                        .any(|text| other.contains(&text.as_str()))
                        || rule.verbs.iter().any(|verb| other.contains(&verb.as_str()));
                    assert!(is_there || elsewhere || is_other, "{group} {full}");
                }
            }
        }
    }
}

#[test]
fn a_line_that_is_wrong_is_named() {
    for (line, what) in [
        ("cluster-role", "cluster-role has no name"),
        ("role r", "role r is no role or binding"),
        ("fly x", "fly x is no role or binding"),
        (
            "controller c bound",
            "controller c bound is no role or binding",
        ),
        ("cluster-role r huge", "a role has no huge"),
        ("cluster-role r bound x", "x is no subject"),
        (
            "cluster-role r bound account:x",
            "account:x has no namespace",
        ),
        ("binding n/b user:x", "a binding has a role"),
        ("  get core pods", "a rule belongs to a role"),
        ("cluster-role r\n  get core", "get core is no rule"),
        (
            "cluster-role r\n  get core pods a b",
            "get core pods a b is no rule",
        ),
        (
            "binding n/b role:r\n  get core pods",
            "a rule belongs to a role",
        ),
    ] {
        let error = load(line).unwrap_err();
        assert_eq!(error.what, what, "{line}");
        assert_eq!(error.line, line.lines().count(), "{line}");
    }
}

#[test]
fn what_is_missing_is_created_and_what_is_there_stays() {
    for wanted in objects() {
        assert_eq!(reconcile(None, wanted), Step::Create(wanted.clone()));
        assert_eq!(reconcile(Some(wanted), wanted), Step::Nothing);
    }
    // Gathered rules are not wanted, and stay.
    for settled in settled() {
        let kind = settled["kind"].as_str().unwrap();
        let name = settled["metadata"]["name"].as_str().unwrap();
        if kind == "ClusterRole" {
            assert_eq!(reconcile(Some(&settled), &find(kind, name)), Step::Nothing);
        }
    }
}

#[test]
fn missing_rules_labels_and_annotations_are_added() {
    let wanted = find("ClusterRole", "system:monitoring");
    let mut stored = wanted.clone();
    let metadata = stored["metadata"].as_object_mut().unwrap();
    metadata.remove("annotations");
    metadata.insert("labels".to_owned(), json!({"mine": "yes"}));
    metadata.insert("uid".to_owned(), json!("u"));
    stored["rules"] = json!([
        {"verbs": ["get"], "nonResourceURLs": ["/metrics*", "/livez*", "/readyz*", "/healthz"]},
        {"verbs": ["delete"], "apiGroups": [""], "resources": ["pods"]},
    ]);
    let Step::Update(updated) = reconcile(Some(&stored), &wanted) else {
        panic!("it is not up to date");
    };
    assert_eq!(updated["metadata"]["uid"], "u");
    assert_eq!(updated["metadata"]["labels"]["mine"], "yes");
    let label = &updated["metadata"]["labels"]["kubernetes.io/bootstrapping"];
    assert_eq!(label, "rbac-defaults");
    assert_eq!(
        updated["metadata"]["annotations"],
        wanted["metadata"]["annotations"]
    );
    let added = json!([
        {"verbs": ["get"], "nonResourceURLs": ["/healthz/*"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["nodes/metrics"]},
    ]);
    assert_eq!(
        updated["rules"].as_array().unwrap()[2..],
        added.as_array().unwrap()[..]
    );
    assert_eq!(reconcile(Some(&updated), &wanted), Step::Nothing);
    stored["metadata"]["annotations"] =
        json!({"rbac.authorization.kubernetes.io/autoupdate": "false"});
    assert_eq!(reconcile(Some(&stored), &wanted), Step::Protected);
}

#[test]
fn missing_subjects_are_added_and_another_role_is_a_new_binding() {
    let wanted = find("ClusterRoleBinding", "system:public-info-viewer");
    let mut stored = wanted.clone();
    let mine = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "me"});
    stored["subjects"] = json!([mine, wanted["subjects"][1]]);
    let Step::Update(updated) = reconcile(Some(&stored), &wanted) else {
        panic!("it is not up to date");
    };
    let expected = json!([mine, wanted["subjects"][1], wanted["subjects"][0]]);
    assert_eq!(updated["subjects"], expected);
    stored["roleRef"]["name"] = json!("other");
    assert_eq!(reconcile(Some(&stored), &wanted), Step::Recreate(wanted));
}

#[test]
fn selectors_are_added_and_an_aggregation_that_is_not_wanted_goes() {
    let wanted = find("ClusterRole", "view");
    let mut stored = wanted.clone();
    let mine = json!({"matchLabels": {"a": "b"}});
    stored["aggregationRule"]["clusterRoleSelectors"] = json!([mine]);
    let Step::Update(updated) = reconcile(Some(&stored), &wanted) else {
        panic!("it is not up to date");
    };
    let selectors = &updated["aggregationRule"]["clusterRoleSelectors"];
    assert_eq!(selectors[0], mine);
    assert_eq!(
        selectors[1],
        wanted["aggregationRule"]["clusterRoleSelectors"][0]
    );
    let plain = find("ClusterRole", "system:monitoring");
    let mut stored = plain.clone();
    stored["aggregationRule"] = wanted["aggregationRule"].clone();
    assert_eq!(
        reconcile(Some(&stored), &plain),
        Step::Update(plain.clone())
    );
}
