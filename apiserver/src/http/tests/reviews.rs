//! Kinds that ask for a decision.

use super::world::{Plan, World, allow};
use crate::decode::Wire;
use crate::encode;
use crate::schema::{self, Gvk};
use hyper::Method;
use serde_json::{Value, json};

const GROUP: &str = "/apis/authorization.k8s.io/v1";

fn review(kind: &str, spec: Value) -> Value {
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec})
}

#[tokio::test]
async fn statement_100_reviews_answer_as_requests_are_decided() {
    let plan = Plan {
        policy: allow("jane", &["list"], &[""], &["pods"]),
        ..Plan::default()
    };
    let world = World::new(plan).await;
    let jane = world.bearer("jane-token");
    let own = format!("{GROUP}/selfsubjectaccessreviews");
    for (verb, is_allowed) in [("list", true), ("delete", false)] {
        let spec =
            json!({"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "x"}});
        let answer = jane
            .post(&own, &review("SelfSubjectAccessReview", spec))
            .await;
        assert_eq!(answer.code, 201, "{answer:?}");
        assert_eq!(answer.json()["status"]["allowed"], is_allowed, "{verb}");
    }
    let rules = format!("{GROUP}/selfsubjectrulesreviews");
    let spec = json!({"namespace": "x"});
    let rules = jane
        .post(&rules, &review("SelfSubjectRulesReview", spec))
        .await
        .json();
    let rules = rules["status"]["resourceRules"].as_array().unwrap();
    assert!(
        rules
            .iter()
            .any(|rule| rule["resources"] == json!(["pods"])),
        "{rules:?}"
    );

    let others = format!("{GROUP}/subjectaccessreviews");
    let spec = json!({"user": "jane", "resourceAttributes": {"verb": "list", "resource": "pods"}});
    let ask = review("SubjectAccessReview", spec);
    assert_eq!(
        world.admin().post(&others, &ask).await.json()["status"]["allowed"],
        true
    );
    assert_eq!(jane.post(&others, &ask).await.failure().0, 403);
}

#[tokio::test]
async fn a_local_review_gets_the_namespace_of_its_path() {
    let world = World::new(Plan::default()).await;
    let path = "/apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews";
    let spec = |namespace: &str| {
        let asked = json!({"verb": "get", "resource": "pods", "namespace": namespace});
        review(
            "LocalSubjectAccessReview",
            json!({"user": "bob", "resourceAttributes": asked}),
        )
    };
    let admin = world.admin();
    let answer = admin.post(path, &spec("shop")).await;
    assert_eq!(answer.code, 201, "{answer:?}");
    assert_eq!(answer.json()["status"]["allowed"], false);
    assert_eq!(admin.post(path, &spec("other")).await.failure().0, 422);
}

#[tokio::test]
async fn a_review_comes_in_protobuf_as_clients_of_today_send_it() {
    let world = World::new(Plan::default()).await;
    let gvk = Gvk {
        group: "authorization.k8s.io".to_owned(),
        version: "v1".to_owned(),
        kind: "SelfSubjectAccessReview".to_owned(),
    };
    let asked = review(
        &gvk.kind,
        json!({"nonResourceAttributes": {"verb": "get", "path": "/x"}}),
    );
    let table = schema::builtin();
    let body = encode::protobuf(table, &Wire::new(table), &gvk, &asked).unwrap();
    let kind = "application/vnd.kubernetes.protobuf";
    let path = format!("{GROUP}/selfsubjectaccessreviews");
    let admin = world.admin();
    let headers = [("content-type", kind)];
    let answer = admin
        .send(Method::POST, &path, &headers, body.clone())
        .await;
    assert_eq!(answer.json()["status"]["allowed"], true);
    let headers = [("content-type", kind), ("accept", kind)];
    let answer = admin.send(Method::POST, &path, &headers, body).await;
    assert_eq!(answer.code, 201);
    assert_eq!(answer.header("content-type"), kind);
    assert!(answer.bytes.starts_with(b"k8s\0"));
}

#[tokio::test]
async fn unknown_fields_are_warned_about_or_refused() {
    let world = World::new(Plan::default()).await;
    let mut asked = review(
        "SelfSubjectAccessReview",
        json!({"nonResourceAttributes": {"verb": "get", "path": "/x"}}),
    );
    asked["spec"]["foo"] = 1.into();
    let path = format!("{GROUP}/selfsubjectaccessreviews");
    let admin = world.admin();
    let answer = admin.post(&path, &asked).await;
    assert_eq!(answer.code, 201);
    assert_eq!(
        answer.header("warning"),
        "299 - \"unknown field \\\"spec.foo\\\"\""
    );
    let strict = admin
        .post(&format!("{path}?fieldValidation=Strict"), &asked)
        .await;
    let (code, _, message) = strict.failure();
    assert_eq!(code, 400);
    assert!(
        message.contains("strict decoding error: unknown field \"spec.foo\""),
        "{message}"
    );
    let wrong = json!({"apiVersion": "v1", "kind": "Pod"});
    assert_eq!(admin.post(&path, &wrong).await.failure().0, 400);
    assert_eq!(
        admin.send(Method::POST, &path, &[], "{").await.failure().0,
        400
    );
}
