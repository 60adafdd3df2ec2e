//! 97 to 100: accounts, rights, tokens and reviews.

use super::apply::may_read;
use super::client::{Client, Patch};
use super::objects::pod;
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same, some};
use crate::wait::wait_until;
use serde_json::{Value, json};
use std::time::Duration;

asked![
    s97_a_pod_has_an_account_its_token_and_no_other,
    s98_nobody_gives_away_what_they_do_not_hold,
    s98_a_role_that_is_made_of_others_follows_them,
    s99_a_bound_token_ends_with_its_pod,
    s100_reviews_answer_as_requests_are_decided,
    s100_impersonation_needs_a_right_for_each_part,
];

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";
const PATIENCE: Duration = Duration::from_secs(30);

async fn s97_a_pod_has_an_account_its_token_and_no_other(p: &Place) -> Check {
    p.with_account().await?;
    let made = p.create("pods", &pod("a")).await?;
    same(
        "account",
        &made["spec"]["serviceAccountName"],
        &json!("default"),
    )?;
    let volumes = made["spec"]["volumes"].as_array().into_iter().flatten();
    let mut tokens = volumes.filter(|one| {
        let sources = one["projected"]["sources"].as_array().into_iter().flatten();
        sources
            .clone()
            .any(|source| source.get("serviceAccountToken").is_some())
    });
    let token = some("a volume with the token", tokens.next())?;
    let mounts = made["spec"]["containers"][0]["volumeMounts"]
        .as_array()
        .into_iter()
        .flatten();
    let mut mounts = mounts.filter(|mount| mount["name"] == token["name"]);
    let mount = some("its mount", mounts.next())?;
    let path = "/var/run/secrets/kubernetes.io/serviceaccount";
    same("where", &mount["mountPath"], &json!(path))?;
    let mut other = pod("b");
    other["spec"]["serviceAccountName"] = "none".into();
    let message = format!(
        "pods \"b\" is forbidden: error looking up service account {}/none: serviceaccount \"none\" not found",
        p.namespace
    );
    p.try_create("pods", &other)
        .await?
        .says(403, "Forbidden", &message)
        .map(|_| ())
}

fn role(name: &str, verbs: &[&str], group: &str, resources: &[&str]) -> Value {
    json!({"apiVersion": RBAC, "kind": "Role", "metadata": {"name": name},
        "rules": [{"verbs": verbs, "apiGroups": [group], "resources": resources}]})
}

fn binding(name: &str, role: &str, user: &str) -> Value {
    json!({"apiVersion": RBAC, "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": role},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}]})
}

/// Gives a user of this namespace rights, and waits until every member follows.
async fn user(p: &Place, rules: Value) -> Check<(String, Client)> {
    let user = format!("{}-jane", p.namespace);
    let mut all = role("held", &[], "", &[]);
    all["rules"] = rules;
    let read = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]});
    if let Some(rules) = all["rules"].as_array_mut() {
        rules.push(read);
    }
    p.create(&format!("{RBAC}/roles"), &all).await?;
    p.create(
        &format!("{RBAC}/rolebindings"),
        &binding("held", "held", &user),
    )
    .await?;
    p.map("there").await?;
    let client = p.client.acting_as(&[("impersonate-user", &user)]);
    for member in 0..client.members() {
        may_read(&client.at(member), &p.one("configmaps", "there")).await?;
    }
    Ok((user, client))
}

async fn s98_nobody_gives_away_what_they_do_not_hold(p: &Place) -> Check {
    let (_, jane) = user(p, json!([
        {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]},
        {"verbs": ["create", "update"], "apiGroups": [GROUP], "resources": ["roles", "rolebindings"]},
        {"verbs": ["bind"], "apiGroups": [GROUP], "resources": ["roles"], "resourceNames": ["given"]},
    ])).await?;
    let (roles, bindings) = (
        p.all(&format!("{RBAC}/roles")),
        p.all(&format!("{RBAC}/rolebindings")),
    );
    jane.post(&roles, &role("less", &["get"], "", &["pods"]))
        .await?
        .with(201)?;
    let more = role("more", &["get", "delete"], "", &["pods"]);
    let status = jane.post(&roles, &more).await?.refused(403, "Forbidden")?;
    let message = status["message"].as_str().unwrap_or_default();
    let missing = "is attempting to grant RBAC permissions not currently held:\n\
        {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\"]}";
    holds(message, message.ends_with(missing))?;
    for name in ["given", "kept"] {
        let role = role(name, &["delete"], "", &["pods"]);
        p.client.post(&roles, &role).await?.with(201)?;
    }
    // The verb bind is for one of them. Members follow new roles a moment later.
    let given = binding("given", "given", "bob");
    let may = || async {
        jane.post(&bindings, &given)
            .await
            .is_ok_and(|one| one.code == 201)
    };
    wait_until("the role may be bound", PATIENCE, may).await?;
    let kept = binding("kept", "kept", "bob");
    let refused = || async {
        jane.post(&bindings, &kept)
            .await
            .is_ok_and(|one| one.code == 403)
    };
    wait_until("the other is known and may not be bound", PATIENCE, refused).await?;
    // The operator, who is of system:masters, may write what nobody holds.
    let all = role("all", &["*"], "*", &["*"]);
    p.client.post(&roles, &all).await?.with(201).map(|_| ())
}

async fn s98_a_role_that_is_made_of_others_follows_them(p: &Place) -> Check {
    let label = format!("{}.io/part", p.namespace);
    let all = format!("/apis/{RBAC}/clusterroles");
    let (whole, part) = (
        format!("{}-whole", p.namespace),
        format!("{}-part", p.namespace),
    );
    let rule = |verb: &str| json!([{"verbs": [verb], "apiGroups": [""], "resources": ["pods"]}]);
    let object = json!({"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": whole},
        "rules": [], "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {label.clone(): "true"}}]}});
    p.client.post(&all, &object).await?.with(201)?;
    let object = json!({"apiVersion": RBAC, "kind": "ClusterRole",
        "metadata": {"name": part, "labels": {label: "true"}}, "rules": rule("get")});
    p.client.post(&all, &object).await?.with(201)?;
    let query = format!("{all}?fieldSelector=metadata.name%3D{whole}");
    let mut watch = p.client.watch(&query).await?;
    watch
        .until(|event| event.object["rules"] == rule("get"))
        .await?;
    let patch = json!({"rules": rule("list")});
    p.client
        .patch(&format!("{all}/{part}"), Patch::Merge, &patch)
        .await?
        .with(200)?;
    watch
        .until(|event| event.object["rules"] == rule("list"))
        .await
        .map(|_| ())
}

const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

fn who_am_i() -> Value {
    json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
}

async fn s99_a_bound_token_ends_with_its_pod(p: &Place) -> Check {
    p.with_account().await?;
    let made = p.create("pods", &pod("a")).await?;
    let ask = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
        "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": made["metadata"]["uid"]},
    }});
    let path = format!("{}/token", p.one("serviceaccounts", "default"));
    let issued = p.client.post(&path, &ask).await?.with(201)?;
    let token = some("a token", issued["status"]["token"].as_str())?;
    let holder = p.client.bearer(token);
    let told = holder.post(WHO, &who_am_i()).await?.with(201)?;
    let name = format!("system:serviceaccount:{}:default", p.namespace);
    let user = &told["status"]["userInfo"];
    same("user", &user["username"], &json!(name))?;
    let pod = &user["extra"]["authentication.kubernetes.io/pod-name"];
    same("bound to", pod, &json!(["a"]))?;
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token}});
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let told = p.client.post(reviews, &review).await?.with(201)?;
    same(
        "authenticated",
        &told["status"]["authenticated"],
        &json!(true),
    )?;
    p.delete("pods", "a", &json!({"gracePeriodSeconds": 0}))
        .await?
        .with(200)?;
    for member in 0..p.client.members() {
        let ask = || async {
            let told = p.client.at(member).post(reviews, &review).await;
            let told = told.and_then(|answer| answer.with(201));
            told.is_ok_and(|told| told["status"]["authenticated"] != true)
        };
        wait_until("the token counts no more", PATIENCE, ask).await?;
    }
    let refused = || async {
        holder
            .get("/api")
            .await
            .is_ok_and(|answer| answer.code == 401)
    };
    wait_until("its holder is nobody", PATIENCE, refused).await
}

async fn s100_reviews_answer_as_requests_are_decided(p: &Place) -> Check {
    let rules = json!([{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]);
    let (name, jane) = user(p, rules).await?;
    let group = "/apis/authorization.k8s.io/v1";
    for (verb, allowed) in [("list", true), ("delete", false)] {
        let asked = json!({"verb": verb, "resource": "pods", "namespace": p.namespace});
        let own = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked}});
        let told = jane
            .post(&format!("{group}/selfsubjectaccessreviews"), &own)
            .await?
            .with(201)?;
        same(verb, &told["status"]["allowed"], &json!(allowed))?;
        let other = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": name, "resourceAttributes": asked}});
        let path = format!("{group}/subjectaccessreviews");
        let told = p.client.post(&path, &other).await?.with(201)?;
        same(verb, &told["status"]["allowed"], &json!(allowed))?;
        jane.post(&path, &other).await?.refused(403, "Forbidden")?;
    }
    jane.get(&p.all("pods")).await?.with(200)?;
    let message = format!(
        "pods \"a\" is forbidden: User \"{name}\" cannot delete resource \"pods\" in API group \"\" in the namespace \"{}\"",
        p.namespace
    );
    jane.delete(&p.one("pods", "a"), &json!({}))
        .await?
        .says(403, "Forbidden", &message)?;
    let ask = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": p.namespace}});
    let told = jane
        .post(&format!("{group}/selfsubjectrulesreviews"), &ask)
        .await?
        .with(201)?;
    let rules = told["status"]["resourceRules"]
        .as_array()
        .into_iter()
        .flatten();
    let mut rules = rules.filter(|rule| rule["resources"] == json!(["pods"]));
    let rule = some("the rule", rules.next())?;
    same("verbs", &rule["verbs"], &json!(["list"]))
}

async fn s100_impersonation_needs_a_right_for_each_part(p: &Place) -> Check {
    // A real user who is not the operator: the account of this namespace.
    p.with_account().await?;
    let ask = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let path = format!("{}/token", p.one("serviceaccounts", "default"));
    let issued = p.client.post(&path, &ask).await?.with(201)?;
    let holder = p
        .client
        .bearer(some("a token", issued["status"]["token"].as_str())?);
    let name = format!("{}-users", p.namespace);
    let role = json!({"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": name},
        "rules": [{"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["bob"]}]});
    p.client
        .post(&format!("/apis/{RBAC}/clusterroles"), &role)
        .await?
        .with(201)?;
    let binding = json!({"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": p.namespace}]});
    p.client
        .post(&format!("/apis/{RBAC}/clusterrolebindings"), &binding)
        .await?
        .with(201)?;
    let bob = holder.acting_as(&[("impersonate-user", "bob")]);
    for member in 0..bob.members() {
        let may = || async {
            let told = bob.at(member).post(WHO, &who_am_i()).await;
            let told = told.and_then(|answer| answer.with(201));
            told.is_ok_and(|told| told["status"]["userInfo"]["username"] == "bob")
        };
        wait_until("the account may be bob", PATIENCE, may).await?;
    }
    for headers in [
        vec![("impersonate-user", "eve")],
        vec![
            ("impersonate-user", "bob"),
            ("impersonate-group", "system:masters"),
        ],
        vec![("impersonate-user", "bob"), ("impersonate-uid", "1")],
        vec![("impersonate-user", "bob"), ("impersonate-extra-a", "b")],
        vec![(
            "impersonate-user",
            "system:serviceaccount:kube-system:default",
        )],
    ] {
        let other = holder.acting_as(&headers);
        let status = other
            .post(WHO, &who_am_i())
            .await?
            .refused(403, "Forbidden")?;
        let message = status["message"].as_str().unwrap_or_default();
        holds(message, message.contains("cannot impersonate resource"))?;
    }
    Ok(())
}
