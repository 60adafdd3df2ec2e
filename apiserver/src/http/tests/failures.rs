//! What is refused before anything is done, and how (section 1.10 of the contract).

use super::lane::Lane;
use super::world::{LONG, Plan, World, allow};
use crate::http::Limits;
use futures::StreamExt;
use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn a_failure_is_a_status_with_the_headers_that_all_answers_have() {
    let world = World::new(Plan::default()).await;
    let answer = world.admin().get("/api/v1/nothings").await;
    let (code, reason, message) = answer.failure();
    assert_eq!((code, reason.as_str()), (404, "NotFound"));
    assert_eq!(message, "the server could not find the requested resource");
    assert_eq!(answer.json()["apiVersion"], "v1");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-cache, private");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("audit-id").len(), 36);
}

#[tokio::test]
async fn statement_40_a_body_that_is_too_large_is_answered_with_413() {
    let world = World::new(Plan::default()).await;
    let body = vec![b' '; 3 * 1024 * 1024 + 1];
    let answer = world.admin().send(Method::POST, PODS, &[], body).await;
    let (code, reason, message) = answer.failure();
    assert_eq!((code, reason.as_str()), (413, "RequestEntityTooLarge"));
    assert_eq!(message, "Request entity too large: limit is 3145728");
}

#[tokio::test]
async fn statement_68_an_unknown_patch_type_is_answered_with_415_and_the_known_ones() {
    let world = World::new(Plan::default()).await;
    let path = format!("{PODS}/x");
    let headers = [("content-type", "application/json")];
    let answer = world
        .admin()
        .send(Method::PATCH, &path, &headers, "{}")
        .await;
    let (code, reason, message) = answer.failure();
    assert_eq!((code, reason.as_str()), (415, "UnsupportedMediaType"));
    for known in [
        "json-patch+json",
        "merge-patch+json",
        "strategic-merge-patch+json",
        "apply-patch+yaml",
    ] {
        assert!(
            message.contains(&format!("application/{known}")),
            "{message}"
        );
    }
    let headers = [("content-type", "text/plain")];
    let answer = world.admin().send(Method::POST, PODS, &headers, "{}").await;
    assert_eq!(answer.failure().0, 415);
}

#[tokio::test]
async fn what_cannot_be_had_is_answered_with_406() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    for accept in [
        "text/html",
        "application/json;as=Table;v=v2;g=meta.k8s.io",
        "application/json;as=Pod;v=v1;g=core",
    ] {
        let answer = admin.get_with(PODS, &[("accept", accept)]).await;
        assert_eq!(answer.failure().0, 406, "{accept}");
    }
    let answer = admin.get_with("/api", &[("accept", "image/png")]).await;
    assert_eq!(
        answer.failure().2,
        "only the following media types are accepted: application/json, application/yaml"
    );
}

#[tokio::test]
async fn a_verb_that_a_resource_does_not_have_is_answered_with_405() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let delete_all = admin
        .send(Method::DELETE, "/api/v1/namespaces", &[], "")
        .await;
    let (code, reason, message) = delete_all.failure();
    assert_eq!((code, reason.as_str()), (405, "MethodNotAllowed"));
    assert_eq!(
        message,
        "deletecollection is not supported on resources of kind \"namespaces\""
    );
    for (method, path) in [
        (Method::POST, "/api/v1/pods"),
        (Method::POST, "/api/v1/namespaces/default/pods/x"),
        (Method::PUT, PODS),
        (
            Method::GET,
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        ),
        (Method::OPTIONS, PODS),
        (Method::POST, "/version"),
    ] {
        let answer = admin.send(method.clone(), path, &[], "{}").await;
        assert_eq!(answer.failure().0, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn a_path_that_does_not_fit_its_resource_is_answered_with_404() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    for path in [
        "/api/v1/pods/x",
        "/api/v1/namespaces/default/nodes/x",
        "/api/v1/namespaces/default/pods/x/nothing",
        "/apis/nothing.io/v1/things",
        "/nothing",
        "/openapi/v3/apis/nothing.io/v1",
        "/readyz/nothing",
    ] {
        assert_eq!(admin.get(path).await.failure().0, 404, "{path}");
    }
    let log = admin.get("/api/v1/namespaces/default/pods/x/log").await;
    assert_eq!(log.failure().0, 503, "there is no node to ask");
}

#[tokio::test]
async fn statement_11_options_of_a_watch_that_mean_nothing_are_answered_with_422() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    for query in [
        "watch=1&sendInitialEvents=true",
        "sendInitialEvents=true",
        "watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=5",
    ] {
        let answer = admin.get(&format!("{PODS}?{query}")).await;
        let (code, reason, _) = answer.failure();
        assert_eq!((code, reason.as_str()), (422, "Invalid"), "{query}");
    }
}

#[tokio::test]
async fn statement_13_a_name_and_another_selector_are_answered_with_400() {
    let world = World::new(Plan::default()).await;
    let path = "/api/v1/watch/namespaces/default/pods/x?fieldSelector=metadata.name%3Dy";
    let (code, reason, _) = world.admin().get(path).await.failure();
    assert_eq!((code, reason.as_str()), (400, "BadRequest"));
}

#[tokio::test]
async fn when_there_is_no_room_requests_are_answered_with_429_but_for_the_operator_and_probes() {
    let plan = Plan {
        limits: Limits {
            reading: 0,
            ..Limits::default()
        },
        policy: allow("jane", &["list"], &[""], &["pods"]),
        ..Plan::default()
    };
    let world = World::new(plan).await;
    let jane = world.bearer("jane-token");
    let answer = jane.get("/api").await;
    let (code, reason, _) = answer.failure();
    assert_eq!((code, reason.as_str()), (429, "TooManyRequests"));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(jane.get("/readyz").await.code, 200);
    assert_eq!(world.admin().get("/api").await.code, 200);
    let metrics = world.admin().get("/metrics").await;
    let refused = "apiserver_flowcontrol_rejected_requests_total{flow_schema=\"in-flight\",\
                   priority_level=\"readOnly\",reason=\"concurrency-limit\"} 1\n";
    assert!(metrics.text().contains(refused), "{}", metrics.text());
}

#[tokio::test]
async fn a_client_that_is_refused_thousands_of_writes_keeps_its_connection() {
    let world = World::new(Plan::default()).await;
    let lane = Lane::open(world.bearer("bob-token")).await;
    let body = bytes::Bytes::from(vec![b'x'; 4_096]);
    let asked = futures::stream::iter(0..5_000).map(|_| async {
        let answer = lane.ask(&Method::POST, PODS, &[], body.clone()).await;
        answer.code
    });
    let codes: Vec<u16> = asked.buffer_unordered(32).collect().await;
    assert!(codes.iter().all(|code| *code == 403));
}

#[tokio::test]
async fn a_refused_write_is_answered_though_its_body_does_not_come() {
    let world = World::new(Plan::default()).await;
    for length in [10_usize, 1 << 40] {
        let mut stream = world.bearer("bob-token").connect("http/1.1").await;
        let head = format!(
            "POST {PODS} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer bob-token\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut begins = [0; 12];
        let reading = stream.read_exact(&mut begins);
        timeout(LONG, reading).await.expect("an answer").unwrap();
        assert_eq!(&begins, b"HTTP/1.1 403", "{length}");
    }
}

#[tokio::test]
async fn a_key_of_a_megabyte_is_not_repeated_in_full() {
    let world = World::new(Plan::default()).await;
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a"}, "data": {"x".repeat(1 << 20): ""}});
    let path = "/api/v1/namespaces/default/configmaps";
    let answer = world.admin().post(path, &object).await;
    assert_eq!(answer.failure().0, 422);
    assert!(answer.bytes.len() < 200_000, "{}", answer.bytes.len());
}
