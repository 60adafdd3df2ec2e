//! Paths, queries and headers that make no sense.

use super::is_sound;
use crate::http::tests::everybody::place::Place;
use hyper::Method;
use std::fmt::Write;

/// Paths that try to be others, with the codes that may be answered.
fn paths() -> Vec<(String, &'static [u16])> {
    const NOT: &[u16] = &[400, 404];
    let tricks = [
        "/api/v1/namespaces/shop/secrets/..",
        "/api/v1/namespaces/shop/../other/secrets",
        "/api/v1/namespaces/../secrets",
        "/api/v1/namespaces/shop/configmaps/../secrets/there",
        "/api/v1/namespaces/shop/configmaps/%2e%2e/secrets",
        "/api/v1/namespaces/shop%2fsecrets",
        "/api/v1/namespaces/shop/configmaps%2fthere",
        "/api/v1/namespaces/shop/configmaps/there%2fstatus",
        "/api/v1/namespaces/%2e%2e/configmaps",
        "/api/v1/namespaces//configmaps",
        "/api/v1/namespaces/shop//configmaps",
        "/api/v1//namespaces/shop/configmaps",
        "/api//v1/namespaces",
        "/apis//v1/pods",
        "/apis/apps//deployments",
        "/api/v1/namespaces/shop/configmaps//there",
        "/api/v1/namespaces/shop/configmaps/%00",
        "/api/v1/namespaces/shop/configmaps/a%00b",
        "/api/v1/namespaces/shop/configmaps/%ff",
        "/api/v1/namespaces/%c0%ae%c0%ae/pods",
        "/api/v1/namespaces/shop/configmaps/%",
        "/api/v1/namespaces/shop/configmaps/%2",
        "/api/v1/namespaces/shop/configmaps/%zz",
        "/api/v1/namespaces/shop/configmaps/%u0041",
        "/api/v1/namespaces/shop/configmaps/there/none",
        "/api/v1/namespaces/shop/configmaps/there/status/more",
        "/api/v1/namespaces/shop/pods/there/status/../log",
        "/api/v1/namespaces/shop/configmaps/..%2f..%2fother",
        "/api/v1/namespaces/shop/configmaps/..;/there",
        "/api/v1/namespaces/shop;x=y/configmaps/there",
        "/api/v1/namespaces/shop/configmaps/there;x=y",
        "/api/v1/namespaces/shop/configmaps/there%3fwatch=1",
        "/api/v1/namespaces/shop/configmaps/there%23",
        "/api/v1/namespaces/shop/configmaps/%20",
        "/api/v1/namespaces/shop/CONFIGMAPS",
        "/api/v1/namespaces/shop/configmap",
        "/API/V1/namespaces",
        "/api/V1/namespaces",
        "/api/v1/watch",
        "/api/v1/watch/watch/pods",
        "/api/v9/pods",
        "/api/v1/apps/v1/deployments",
        "/apis/v1/pods",
        "/apis/core/v1/pods",
        "/apis/apps/v1beta9/deployments",
        "/apis/../api/v1/secrets",
        "/apis/apps/v1/../../../api/v1/secrets",
        "/apis/a/b/c/d/e/f/g/h",
        "//api/v1/secrets/x",
        "/%2fapi/v1/secrets",
        "/./api/v1/secrets",
        "/api/./v1/secrets",
        "/etc/passwd",
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/registry/secrets",
        "/openapi/v3/..%2f..%2fx",
        "/openapi/v3/apis/../api",
        "/healthz/..",
        "/healthz/../metrics",
        "/version/../metrics",
        "/readyz/%2e%2e/metrics",
    ];
    let mut all: Vec<(String, &[u16])> = tricks.map(|path| (path.to_owned(), NOT)).to_vec();
    all.push((
        format!("/api/v1/namespaces/shop/configmaps/{}", "a".repeat(60_000)),
        NOT,
    ));
    all.push((
        format!(
            "/api/v1/namespaces/shop/configmaps/{}",
            "%61".repeat(20_000)
        ),
        NOT,
    ));
    all.push((format!("/{}", "a/".repeat(30_000)), NOT));
    all.push((format!("/{}", "/".repeat(60_000)), &[200, 400, 404]));
    // Nothing is in the first, and nobody serves the second.
    let maps = "/api/v1/namespaces/shop%00/configmaps".to_owned();
    all.push((maps, &[200, 400, 404]));
    let proxy = "/api/v1/proxy/namespaces/shop/pods/there".to_owned();
    all.push((proxy, &[405]));
    let more = "/api/v1/namespaces/shop/pods/there/status/more".to_owned();
    all.push((more, &[404]));
    all.push((
        format!("/api/v1/namespaces/{}/configmaps", "x".repeat(300)),
        &[200, 400, 404],
    ));
    all
}

#[tokio::test]
async fn paths_that_try_to_be_others_are_not_found() {
    let place = Place::new().await;
    let before = place.store.revision();
    let mut wrong = Vec::new();
    for (path, codes) in paths() {
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            let answer = place.operator.ask(&method, &path, &[], "{}").await;
            let is_known =
                codes.contains(&answer.code) || (method != Method::GET && answer.code < 500);
            let checked = is_sound(&answer).and_then(|()| match is_known {
                true => Ok(()),
                false => Err(format!("{} {:?}", answer.code, answer.bytes)),
            });
            let shown: String = path.chars().take(100).collect();
            wrong.extend(checked.err().map(|why| format!("{method} {shown}: {why}")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} answers:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(place.store.revision(), before);
}

/// Queries, and whether a read that has one may be answered.
fn queries() -> Vec<(String, bool)> {
    let refused = [
        "limit=x",
        "limit=1.5",
        "limit=0x10",
        "limit=9223372036854775808",
        "limit=1e3",
        "limit=%20",
        "continue=x",
        "continue=%00",
        "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiIifQ",
        "continue=eyJ2IjoieCJ9",
        "resourceVersion=x",
        "resourceVersion=-1",
        "resourceVersion=1.5",
        "resourceVersion=18446744073709551616",
        "resourceVersion=+1",
        "resourceVersion=0x1",
        "resourceVersionMatch=Exact",
        "resourceVersionMatch=None&resourceVersion=1",
        "resourceVersionMatch=Exact&resourceVersion=0",
        "continue=x&resourceVersion=5",
        "labelSelector=a in",
        "labelSelector=a%20in%20(",
        "labelSelector=!!a",
        "labelSelector=,,",
        "labelSelector=a%3Db%3Dc",
        "labelSelector=%00",
        "labelSelector=a%20in%20()x",
        "labelSelector=-a",
        "labelSelector=a%3Db%20c",
        "labelSelector=a%3Ex",
        "labelSelector=%2Fa",
        "fieldSelector=a",
        "fieldSelector=a=b",
        "fieldSelector=metadata.name==a==b",
        "fieldSelector=metadata.name%3Ea",
        "fieldSelector=%00=1",
        "fieldSelector=spec.nothing=1",
        "timeoutSeconds=x",
        "timeoutSeconds=1.5",
        "timeoutSeconds=99999999999999999999",
        "sendInitialEvents=true",
        "timeout=x",
        "timeout=1",
        "timeout=1d",
    ];
    let either = [
        "limit=-1",
        "limit=",
        "limit=9223372036854775807",
        "limit=1&limit=x",
        "limit=x&limit=1",
        "resourceVersion=",
        "resourceVersion=0&resourceVersion=x",
        "labelSelector=",
        "fieldSelector=",
        "a=b&a=c&=&&&=x&%=1&%zz=1",
        "dryRun=All",
        "dryRun=none",
        "pretty=maybe",
        "%00=%00",
        "labelSelector=a==",
        "timeout=9999999999999999999999s",
        "watch=maybe",
        "allowWatchBookmarks=maybe",
        "timeoutSeconds=-1",
        "timeoutSeconds=0",
        "timeout=0s",
        "timeout=-5s",
        "x;y",
        "????",
        "#",
        "resourceVersion=9223372036854775807&resourceVersionMatch=Exact&timeout=100ms",
        "limit=1;continue=x",
    ];
    let mut all: Vec<(String, bool)> = refused.map(|one| (one.to_owned(), false)).to_vec();
    all.extend(either.map(|one| (one.to_owned(), true)));
    let mut many = String::from("labelSelector=a%20in%20(");
    (0..9_000).for_each(|number| write!(many, "v{number},").unwrap());
    all.push((format!("{many}v)"), true));
    all.push((format!("labelSelector={}a", "a!=b,".repeat(9_000)), true));
    all.push((format!("labelSelector={}", "(".repeat(60_000)), false));
    all.push((format!("labelSelector={}", "!".repeat(60_000)), false));
    all.push((
        format!(
            "fieldSelector={}metadata.name=a",
            "metadata.name=a,".repeat(4_000)
        ),
        true,
    ));
    all.push((format!("fieldSelector={}", "\\\\".repeat(30_000)), false));
    all.push((format!("continue={}", "A".repeat(60_000)), false));
    all.push(("limit=1&".repeat(8_000), true));
    all
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused_and_harm_nobody() {
    let place = Place::new().await;
    let before = place.store.revision();
    let mut wrong = Vec::new();
    let maps = "/api/v1/namespaces/shop/configmaps";
    for (query, may_answer) in queries() {
        // A space may not stand in a request line.
        let query = query.replace(' ', "%20");
        for (method, path) in [
            (Method::GET, maps.to_owned()),
            (Method::GET, format!("{maps}/there")),
            (Method::GET, format!("{maps}?watch=1")),
            (Method::DELETE, format!("{maps}?dryRun=All")),
            (Method::POST, format!("{maps}?dryRun=All")),
        ] {
            let mark = if path.contains('?') { '&' } else { '?' };
            let line = format!("{path}{mark}{query}");
            let body = match method == Method::POST {
                true => r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}}"#,
                false => "",
            };
            let answer = place.operator.ask(&method, &line, &[], body).await;
            let is_deadline = answer.code == 504 && query.contains("timeout");
            let is_list = method == Method::GET && path == maps;
            let checked = match is_deadline {
                true => Ok(()),
                false => is_sound(&answer).and_then(|()| {
                    match is_list && answer.code < 300 && !may_answer {
                        true => Err(format!("answered: {}", answer.code)),
                        false => Ok(()),
                    }
                }),
            };
            let shown: String = line.chars().take(160).collect();
            wrong.extend(
                checked
                    .err()
                    .map(|why| format!("{method} {shown}: {why:.600}")),
            );
        }
    }
    assert!(
        wrong.is_empty(),
        "{} answers:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(place.store.revision(), before);
}

#[tokio::test]
async fn options_of_writes_that_make_no_sense_are_refused_and_write_nothing() {
    let place = Place::new().await;
    let before = place.store.revision();
    let long = format!("fieldManager={}", "m".repeat(200));
    let mut wrong = Vec::new();
    for query in [
        "dryRun=all",
        "dryRun=None",
        "dryRun=All&dryRun=x",
        "dryRun=",
        "fieldValidation=strict",
        "fieldValidation=x",
        "fieldManager=%00",
        "fieldManager=a%0ab",
        &long,
        "gracePeriodSeconds=x",
        "gracePeriodSeconds=99999999999999999999",
        "propagationPolicy=x",
        "propagationPolicy=Orphan&orphanDependents=true",
        "orphanDependents=maybe&propagationPolicy=x",
    ] {
        let path = format!("/api/v1/namespaces/shop/configmaps/there?{query}");
        let create = format!("/api/v1/namespaces/shop/configmaps?{query}");
        let object = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "there"}, "data": {"new": "1"}}"#;
        let is_deletion = ["gracePeriod", "propagation", "orphan"]
            .iter()
            .any(|word| query.starts_with(word));
        let asks: Vec<(Method, &str, &str)> = match is_deletion {
            true => vec![(Method::DELETE, &path, "application/json")],
            false => vec![
                (Method::PUT, &path, "application/json"),
                (Method::POST, &create, "application/json"),
                (Method::PATCH, &path, "application/merge-patch+json"),
            ],
        };
        for (method, path, media) in asks {
            let body = if method == Method::DELETE { "" } else { object };
            let object = object.replace("there", "new");
            let body = if method == Method::POST {
                object.as_str()
            } else {
                body
            };
            let headers = [("content-type", media)];
            let answer = place
                .operator
                .ask(&method, path, &headers, body.to_owned())
                .await;
            let checked = is_sound(&answer).and_then(|()| match answer.code {
                400 | 422 => Ok(()),
                code => Err(format!("{code}")),
            });
            wrong.extend(checked.err().map(|why| format!("{method} {path}: {why}")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} answers:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(place.store.revision(), before);
}

#[tokio::test]
async fn headers_that_make_no_sense_are_refused_or_passed_over() {
    let place = Place::new().await;
    let before = place.store.revision();
    let long = "x".repeat(10_000);
    let many = "application/json;q=0.1,".repeat(2_000);
    let values = [
        "",
        " ",
        ",",
        ";",
        "/",
        "*/*",
        "*",
        "a/b/c",
        "application",
        "application/",
        "/json",
        "application/json;",
        "application/json;;;",
        "application/json; charset=utf-16",
        "application/json; charset=\"utf-8",
        "application/json;q=x",
        "application/json;q=-1",
        "application/json;q=1e999",
        "application/json;as=Table",
        "application/json;as=Table;g=;v=",
        "application/json;stream=watch",
        "application/vnd.kubernetes.protobuf;type=watch",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/json\t",
        &long,
        &many,
    ];
    let mut wrong = Vec::new();
    for name in [
        "accept",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "user-agent",
        "audit-id",
        "if-none-match",
        "impersonate-uid",
        "impersonate-extra-%zz",
        "x-forwarded-for",
        "x-remote-user",
        "x-http-method-override",
        "range",
    ] {
        for value in &values {
            for (method, path) in [
                (Method::GET, "/api/v1/namespaces/shop/configmaps"),
                (Method::GET, "/apis"),
                (
                    Method::POST,
                    "/api/v1/namespaces/shop/configmaps?dryRun=All",
                ),
            ] {
                let body =
                    r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}}"#;
                let body = if method == Method::POST { body } else { "" };
                let answer = place
                    .operator
                    .ask(&method, path, &[(name, value)], body)
                    .await;
                // Whoever takes other forms is answered in them.
                let checked = is_sound(&answer);
                wrong.extend(
                    checked
                        .err()
                        .map(|why| format!("{method} {path} {name}: {value:.80}: {why:.400}")),
                );
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} answers:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(place.store.revision(), before);
}
