//! Section 1.10: what is refused, and the headers that every answer has.

use super::objects::map;
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same};
use hyper::Method;
use serde_json::json;

asked![
    c10_every_answer_has_an_id_and_is_not_kept,
    c10_what_is_not_there_is_not_found,
    c10_a_verb_that_a_resource_lacks_is_not_allowed,
    c10_what_cannot_be_had_is_not_acceptable,
    c10_a_name_that_is_taken_already_exists,
    c10_a_body_that_cannot_be_read_is_a_bad_request,
    c10_whoever_is_nobody_is_told_so,
];

async fn c10_every_answer_has_an_id_and_is_not_kept(p: &Place) -> Check {
    for path in [p.all("configmaps"), p.one("configmaps", "none")] {
        let answer = p.client.get(&path).await?;
        same("an id", answer.header("audit-id").len(), 36)?;
        same(
            "kept",
            answer.header("cache-control").as_str(),
            "no-cache, private",
        )?;
        same(
            "type",
            answer.header("content-type").as_str(),
            "application/json",
        )?;
        let flow = answer.header("x-kubernetes-pf-flowschema-uid");
        let level = answer.header("x-kubernetes-pf-prioritylevel-uid");
        same(
            "flow and level come together",
            flow.is_empty(),
            level.is_empty(),
        )?;
        if answer.code == 404 {
            same(
                "sniffed",
                answer.header("x-content-type-options").as_str(),
                "nosniff",
            )?;
        }
    }
    Ok(())
}

async fn c10_what_is_not_there_is_not_found(p: &Place) -> Check {
    let message = "the server could not find the requested resource";
    for path in [
        "/api/v1/nothings",
        "/apis/nothing.io/v1/things",
        "/apis/apps/v9/deployments",
    ] {
        p.client.get(path).await?.says(404, "NotFound", message)?;
    }
    let status = p.try_get("configmaps", "a").await?;
    let status = status.says(404, "NotFound", "configmaps \"a\" not found")?;
    same(
        "details",
        &status["details"],
        &json!({"name": "a", "kind": "configmaps"}),
    )
}

async fn c10_a_verb_that_a_resource_lacks_is_not_allowed(p: &Place) -> Check {
    for (method, path) in [
        (Method::POST, p.one("configmaps", "a")),
        (Method::PUT, p.all("configmaps")),
        (Method::DELETE, "/api/v1/namespaces".to_owned()),
        (
            Method::GET,
            "/apis/authorization.k8s.io/v1/subjectaccessreviews".to_owned(),
        ),
    ] {
        let headers = [("content-type", "application/json")];
        let answer = p.client.send(method, &path, &headers, "{}").await?;
        answer.refused(405, "MethodNotAllowed")?;
    }
    Ok(())
}

async fn c10_what_cannot_be_had_is_not_acceptable(p: &Place) -> Check {
    for accept in ["text/html", "application/json;as=Table;v=v9;g=meta.k8s.io"] {
        let headers = [("accept", accept)];
        let answer = p
            .client
            .send(Method::GET, &p.all("configmaps"), &headers, "")
            .await?;
        let status = answer.refused(406, "NotAcceptable")?;
        let message = status["message"].as_str().unwrap_or_default();
        holds(
            message,
            message.starts_with("only the following media types are accepted: "),
        )?;
    }
    // The first clause that can be had counts.
    let headers = [("accept", "text/html, application/json, */*")];
    let answer = p
        .client
        .send(Method::GET, &p.all("configmaps"), &headers, "")
        .await?;
    answer.with(200).map(|_| ())
}

async fn c10_a_name_that_is_taken_already_exists(p: &Place) -> Check {
    p.map("a").await?;
    let answer = p.try_create("configmaps", &map("a", "2")).await?;
    let status = answer.says(409, "AlreadyExists", "configmaps \"a\" already exists")?;
    same(
        "details",
        &status["details"],
        &json!({"name": "a", "kind": "configmaps"}),
    )
}

async fn c10_a_body_that_cannot_be_read_is_a_bad_request(p: &Place) -> Check {
    let (path, json_) = (p.all("configmaps"), [("content-type", "application/json")]);
    for body in ["", "{", "[]", r#"{"apiVersion": "v1", "kind": "Pod"}"#] {
        let answer = p.client.send(Method::POST, &path, &json_, body).await?;
        answer.refused(400, "BadRequest")?;
    }
    let headers = [("content-type", "text/plain")];
    let answer = p.client.send(Method::POST, &path, &headers, "{}").await?;
    answer.refused(415, "UnsupportedMediaType")?;
    let message = "the name of the object (b) does not match the name on the URL (a)";
    let answer = p
        .client
        .put(&p.one("configmaps", "a"), &map("b", "1"))
        .await?;
    answer.says(400, "BadRequest", message).map(|_| ())
}

async fn c10_whoever_is_nobody_is_told_so(p: &Place) -> Check {
    let stranger = p.client.bearer("not-a-token");
    stranger
        .get("/api")
        .await?
        .says(401, "Unauthorized", "Unauthorized")?;
    let nobody = p.client.nobody();
    nobody.get("/version").await?.with(200)?;
    // Whether a stranger is nobody or may do nothing is the operator's choice.
    let asked = nobody.get(&p.all("secrets")).await?;
    if asked.code == 401 {
        return asked.says(401, "Unauthorized", "Unauthorized").map(|_| ());
    }
    let message = format!(
        "secrets is forbidden: User \"system:anonymous\" cannot list resource \"secrets\" in API \
         group \"\" in the namespace \"{}\"",
        p.namespace
    );
    asked.says(403, "Forbidden", &message).map(|_| ())
}
