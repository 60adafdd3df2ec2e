//! Section 1.2: what a server tells of itself.

use super::client::Answer;
use super::place::Place;
use super::run::asked;
use crate::check::{Check, holds, same, some};
use hyper::Method;
use serde_json::{Value, json};

asked![
    c2_everything_is_told_in_one_document_per_root,
    c2_every_resource_is_told_in_the_old_form_too,
    c2_documents_are_found_by_an_index_and_kept,
    c2_there_is_one_document_of_the_old_kind,
    c2_the_version_is_told,
    c2_health_is_told_check_by_check,
    c2_keys_of_tokens_are_published,
];

const WANTED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

async fn get(p: &Place, path: &str, headers: &[(&str, &str)]) -> Check<Answer> {
    p.client.send(Method::GET, path, headers, "").await
}

async fn c2_everything_is_told_in_one_document_per_root(p: &Place) -> Check {
    for root in ["/api", "/apis"] {
        let first = get(p, root, &[("accept", WANTED)]).await?;
        same("type", first.header("content-type").as_str(), WANTED)?;
        holds("it varies", first.header("vary").contains("Accept"))?;
        let tag = first.header("etag");
        holds(&tag, tag.starts_with('"') && tag.len() == 130)?;
        let list = first.with(200)?;
        same("kind", &list["kind"], &json!("APIGroupDiscoveryList"))?;
        // Every member tells the same.
        for _ in 0..p.client.members() {
            let headers = [("accept", WANTED), ("if-none-match", tag.as_str())];
            let again = get(p, root, &headers).await?;
            same("again", (again.code, again.body.len()), (304, 0))?;
        }
    }
    let list = get(p, "/apis", &[("accept", WANTED)]).await?.with(200)?;
    let groups = list["items"].as_array().into_iter().flatten();
    let mut apps = groups.filter(|group| group["metadata"]["name"] == "apps");
    let apps = some("apps", apps.next())?;
    let resources = apps["versions"][0]["resources"]
        .as_array()
        .into_iter()
        .flatten();
    let mut found = resources.filter(|one| one["resource"] == "deployments");
    let found = some("deployments", found.next())?;
    same("short", &found["shortNames"], &json!(["deploy"]))?;
    same("kind", &found["responseKind"]["kind"], &json!("Deployment"))
}

fn named<'a>(list: &'a Value, name: &str) -> Check<&'a Value> {
    let all = list["resources"].as_array().into_iter().flatten();
    let mut found = all.filter(|one| one["name"] == name);
    some(name, found.next())
}

async fn c2_every_resource_is_told_in_the_old_form_too(p: &Place) -> Check {
    let api = p.client.get("/api").await?.with(200)?;
    same("versions", &api["versions"], &json!(["v1"]))?;
    let groups = p.client.get("/apis").await?.with(200)?;
    same("kind", &groups["kind"], &json!("APIGroupList"))?;
    let versions = groups["groups"].as_array().into_iter().flatten();
    let versions = versions.flat_map(|group| group["versions"].as_array().into_iter().flatten());
    for version in versions {
        let version = version["groupVersion"].as_str().unwrap_or_default();
        let list = p.client.get(&format!("/apis/{version}")).await?.with(200)?;
        same(
            "what the list is of",
            &list["groupVersion"],
            &json!(version),
        )?;
        holds(
            version,
            list["resources"]
                .as_array()
                .is_some_and(|all| !all.is_empty()),
        )?;
    }
    let core = p.client.get("/api/v1").await?.with(200)?;
    let pods = named(&core, "pods")?;
    same("short", &pods["shortNames"], &json!(["po"]))?;
    same("singular", &pods["singularName"], &json!("pod"))?;
    same("namespaced", &pods["namespaced"], &json!(true))?;
    named(&core, "pods/log")?;
    let apps = p.client.get("/apis/apps/v1").await?.with(200)?;
    let scale = named(&apps, "deployments/scale")?;
    same(
        "scale",
        (&scale["group"], &scale["version"]),
        (&json!("autoscaling"), &json!("v1")),
    )
}

async fn c2_documents_are_found_by_an_index_and_kept(p: &Place) -> Check {
    let index = p.client.get("/openapi/v3").await?.with(200)?;
    let place = &index["paths"]["apis/apps/v1"]["serverRelativeURL"];
    let place = some("a place", place.as_str())?;
    // Whichever member told it, all know the place.
    for _ in 0..p.client.members() {
        let answer = p.client.get(place).await?;
        let cached = answer.header("cache-control");
        holds(&cached, cached.contains("immutable"))?;
        let document = answer.with(200)?;
        let patch =
            &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
        let kind = &patch["x-kubernetes-group-version-kind"]["kind"];
        same("kind", kind, &json!("Deployment"))?;
        let mut parameters = patch["parameters"].as_array().into_iter().flatten();
        let validates = parameters.any(|one| one["name"] == "fieldValidation");
        holds("fieldValidation can be said", validates)?;
    }
    let wrong = p.client.get("/openapi/v3/apis/apps/v1?hash=OLD").await?;
    same(
        "another hash",
        (wrong.code, wrong.header("location").as_str()),
        (301, place),
    )
}

async fn c2_there_is_one_document_of_the_old_kind(p: &Place) -> Check {
    let answer = get(p, "/openapi/v2", &[("accept", "application/json")]).await?;
    same("swagger", &answer.with(200)?["swagger"], &json!("2.0"))
}

async fn c2_the_version_is_told(p: &Place) -> Check {
    let version = p.client.get("/version").await?.with(200)?;
    for field in [
        "major",
        "minor",
        "gitVersion",
        "platform",
        "goVersion",
        "compiler",
    ] {
        holds(field, version[field].is_string())?;
    }
    let git = version["gitVersion"].as_str().unwrap_or_default();
    let start = format!(
        "v{}.{}.",
        version["major"].as_str().unwrap_or_default(),
        version["minor"].as_str().unwrap_or_default()
    );
    holds(git, git.starts_with(&start))
}

async fn c2_health_is_told_check_by_check(p: &Place) -> Check {
    for path in ["/healthz", "/livez", "/readyz"] {
        let answer = p.client.get(path).await?;
        same(path, (answer.code, answer.text().as_str()), (200, "ok"))?;
        let told = p.client.get(&format!("{path}?verbose")).await?.text();
        holds(
            &told,
            told.contains("[+]ping ok\n") && told.ends_with("check passed\n"),
        )?;
    }
    let told = p.client.get("/readyz?verbose&exclude=etcd").await?.text();
    holds(&told, told.contains("[+]etcd excluded: ok\n"))?;
    let one = p.client.get("/readyz/etcd").await?;
    same("one check", (one.code, one.text().as_str()), (200, "ok"))?;
    same("no check", p.client.get("/readyz/nothing").await?.code, 404)
}

async fn c2_keys_of_tokens_are_published(p: &Place) -> Check {
    let found = p
        .client
        .get("/.well-known/openid-configuration")
        .await?
        .with(200)?;
    holds("an issuer", found["issuer"].is_string())?;
    let keys = p.client.get("/openid/v1/jwks").await?;
    let media = keys.header("content-type");
    same("type", media.as_str(), "application/jwk-set+json")?;
    let keys = keys.with(200)?;
    holds(
        "a key",
        keys["keys"].as_array().is_some_and(|keys| !keys.is_empty()),
    )
}
