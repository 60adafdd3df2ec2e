//! Rights that are no verbs of a request, and requests that only one user in the world may make.

use super::cells::{JSON, SHOP};
use super::people::{Person, Rights};
use super::place::Place;
use super::{is_refused, none};
use crate::authorize::RBAC;
use hyper::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn whoever_may_not_be_somebody_else_is_told_whom() {
    let place = Place::new().await;
    let path = "/api/v1/namespaces/shop/configmaps/there";
    let accounts = |namespace: &str| {
        let it = "serviceaccounts \"default\" is forbidden: User \"_\" cannot impersonate resource \"serviceaccounts\"";
        format!("{it} in API group \"\" in the namespace \"{namespace}\"")
    };
    let others = |what: &str, name: &str| {
        let it = format!(
            "{what} \"{name}\" is forbidden: User \"_\" cannot impersonate resource \"{what}\""
        );
        format!("{it} in API group \"\" at the cluster scope")
    };
    let wanted: [(&[(&str, &str)], String); 4] = [
        (&[("impersonate-user", "bob")], others("users", "bob")),
        (
            &[("impersonate-user", "system:node:n1")],
            others("users", "system:node:n1"),
        ),
        (
            &[("impersonate-user", "system:serviceaccount:other:default")],
            accounts("other"),
        ),
        (
            &[("impersonate-user", "system:serviceaccount:shop:default")],
            accounts("shop"),
        ),
    ];
    for person in place.people().await {
        let mut wrong = Vec::new();
        for (headers, message) in &wanted {
            let answer = person.lane.ask(&Method::GET, path, headers, "").await;
            let is_own = headers[0].1 == "system:serviceaccount:shop:default";
            let (code, wanted) = match person.rights {
                Rights::Refused | Rights::Nobody => (401, "Unauthorized".to_owned()),
                // Then it is that one who may not.
                Rights::Everything => (403, format!("User \"{}\" cannot get", headers[0].1)),
                Rights::Edit | Rights::Admin if is_own => {
                    (403, format!("User \"{}\" cannot get", headers[0].1))
                }
                _ => (403, message.replace('_', &person.user)),
            };
            let reason = if code == 401 {
                "Unauthorized"
            } else {
                "Forbidden"
            };
            let checked = is_refused(&answer, code, reason).and_then(|status| {
                let said = status["message"].as_str().unwrap_or_default();
                match said.contains(&wanted) {
                    true => Ok(()),
                    false => Err(format!("want {wanted:?}: {said:?}")),
                }
            });
            wrong.extend(
                checked
                    .err()
                    .map(|why| format!("{} as {headers:?}: {why}", person.who)),
            );
        }
        none(&wrong);
    }
}

fn role(rules: Value) -> Value {
    json!({"apiVersion": format!("{RBAC}/v1"), "kind": "Role", "metadata": {"name": "there"},
        "rules": rules})
}

fn rule(verb: &str, resource: &str) -> Value {
    json!([{"verbs": [verb], "apiGroups": [""], "resources": [resource]}])
}

/// What is written, who may, and what others are told.
struct Gift {
    object: Value,
    is_for_admin: bool,
}

fn gifts() -> Vec<Gift> {
    let bound = |kind: &str, name: &str| {
        json!({"apiVersion": format!("{RBAC}/v1"), "kind": "RoleBinding",
            "metadata": {"name": "given"},
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
            "subjects": [{"kind": "User", "apiGroup": RBAC, "name": "guest"}]})
    };
    let all = |is_for_admin: bool, object: Value| Gift {
        object,
        is_for_admin,
    };
    let mut own = role(rule("get", "pods"));
    own["metadata"]["name"] = "new".into();
    let named = |mut role: Value| {
        role["metadata"]["name"] = "new".into();
        role
    };
    vec![
        all(true, bound("ClusterRole", "view")),
        all(true, bound("ClusterRole", "edit")),
        all(true, bound("ClusterRole", "admin")),
        all(false, bound("ClusterRole", "cluster-admin")),
        all(false, bound("ClusterRole", "system:node")),
        all(true, own),
        all(false, named(role(rule("get", "nodes")))),
        all(false, named(role(rule("*", "pods")))),
        all(false, named(role(rule("get", "*")))),
        all(false, named(role(rule("bind", "pods")))),
        all(
            false,
            named(role(
                json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]),
            )),
        ),
    ]
}

async fn give(place: &Place, person: &Person, gift: &Gift) -> Result<(), String> {
    let plural = match gift.object["kind"] == "Role" {
        true => "roles",
        false => "rolebindings",
    };
    let is_allowed = match person.rights {
        Rights::Everything => true,
        Rights::Admin => gift.is_for_admin,
        _ => false,
    };
    let dry = if is_allowed { "?dryRun=All" } else { "" };
    let path = format!("/apis/{RBAC}/v1/namespaces/{SHOP}/{plural}{dry}");
    let headers = [("content-type", JSON)];
    let before = place.store.revision();
    let body = gift.object.to_string();
    let answer = person.lane.ask(&Method::POST, &path, &headers, body).await;
    if place.store.revision() != before {
        return Err("it was written".to_owned());
    }
    if is_allowed {
        let is_done = answer.code == 201;
        return is_done
            .then_some(())
            .ok_or_else(|| format!("want it done: {answer:?}"));
    }
    if matches!(person.rights, Rights::Refused | Rights::Nobody) {
        return is_refused(&answer, 401, "Unauthorized").map(drop);
    }
    let status = is_refused(&answer, 403, "Forbidden")?;
    let message = status["message"].as_str().unwrap_or_default();
    let wanted = match person.rights {
        Rights::Admin => "is attempting to grant RBAC permissions not currently held:",
        _ => "cannot create resource",
    };
    match message.contains(wanted) {
        true => Ok(()),
        false => Err(format!("want {wanted:?}: {message}")),
    }
}

#[tokio::test]
async fn nobody_binds_or_writes_a_role_of_what_they_do_not_hold() {
    let place = Place::new().await;
    for person in place.people().await {
        let mut wrong = Vec::new();
        for gift in gifts() {
            let given = give(&place, &person, &gift).await;
            wrong.extend(
                given
                    .err()
                    .map(|why| format!("{}: {}: {why}", person.who, gift.object)),
            );
        }
        none(&wrong);
    }
}

#[tokio::test]
async fn a_role_that_is_there_does_not_grow_beyond_its_writer() {
    let place = Place::new().await;
    let people = place.people().await;
    let owner = people
        .iter()
        .find(|one| one.rights == Rights::Admin)
        .unwrap();
    let path = format!("/apis/{RBAC}/v1/namespaces/{SHOP}/roles/there");
    let rules = rule("get", "nodes");
    let before = place.store.revision();
    for (method, media, body) in [
        (Method::PUT, JSON, role(rules.clone())),
        (
            Method::PATCH,
            "application/merge-patch+json",
            json!({"rules": rules}),
        ),
        (
            Method::PATCH,
            "application/strategic-merge-patch+json",
            json!({"rules": rules}),
        ),
        (
            Method::PATCH,
            "application/json-patch+json",
            json!([{"op": "add", "path": "/rules", "value": rules}]),
        ),
        (
            Method::PATCH,
            "application/apply-patch+yaml",
            role(rules.clone()),
        ),
    ] {
        let path = match media.contains("apply") {
            true => format!("{path}?fieldManager=me&force=true"),
            false => path.clone(),
        };
        let headers = [("content-type", media)];
        let answer = owner
            .lane
            .ask(&method, &path, &headers, body.to_string())
            .await;
        let (code, reason, message) = answer.failure();
        assert_eq!(
            (code, reason.as_str()),
            (403, "Forbidden"),
            "{media}: {message}"
        );
        assert!(message.contains("not currently held"), "{media}: {message}");
    }
    assert_eq!(place.store.revision(), before);
    // What it holds it may give away, by the same ways.
    let headers = [("content-type", "application/merge-patch+json")];
    let held = json!({"rules": rule("get", "pods")}).to_string();
    let answer = owner.lane.ask(&Method::PATCH, &path, &headers, held).await;
    assert_eq!(answer.code, 200, "{answer:?}");
}

#[tokio::test]
async fn a_node_reads_its_own_and_not_its_neighbours() {
    let place = Place::new().await;
    let people = place.people().await;
    let node = people
        .iter()
        .find(|one| one.rights == Rights::Node)
        .unwrap();
    let lease = "/apis/coordination.k8s.io/v1/namespaces";
    for (path, is_allowed) in [
        ("/api/v1/nodes/n1", true),
        ("/api/v1/nodes/n2", false),
        ("/api/v1/nodes", false),
        ("/api/v1/nodes?fieldSelector=metadata.name%3Dn1", true),
        ("/api/v1/nodes?fieldSelector=metadata.name%3Dn2", false),
        ("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", true),
        (
            "/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3Dn1",
            true,
        ),
        ("/api/v1/pods?fieldSelector=spec.nodeName%3Dn2", false),
        ("/api/v1/pods?fieldSelector=spec.nodeName!%3Dn1", false),
        (
            "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1%2Cspec.nodeName%3Dn2",
            true,
        ),
        ("/api/v1/namespaces/shop/secrets/mine", true),
        ("/api/v1/namespaces/shop/secrets/there", false),
        ("/api/v1/namespaces/shop/secrets", false),
        (
            "/api/v1/namespaces/shop/secrets?fieldSelector=metadata.name%3Dmine",
            true,
        ),
        (
            "/api/v1/namespaces/shop/secrets?fieldSelector=metadata.name%3Dthere",
            false,
        ),
        ("/api/v1/secrets?fieldSelector=metadata.name%3Dmine", false),
        ("/apis/storage.k8s.io/v1/csinodes/n1", true),
        ("/apis/storage.k8s.io/v1/csinodes/n2", false),
    ] {
        let answer = node.lane.ask(&Method::GET, path, &[], "").await;
        assert_eq!(answer.code != 403, is_allowed, "{path}: {answer:?}");
    }
    for (path, is_allowed) in [
        ("kube-node-lease/leases/n1", true),
        ("kube-node-lease/leases/n2", false),
        ("shop/leases/n1", false),
    ] {
        let path = format!("{lease}/{path}");
        let answer = node.lane.ask(&Method::GET, &path, &[], "").await;
        assert_eq!(answer.code != 403, is_allowed, "{path}: {answer:?}");
    }
}
