//! Paths that are no resources.

use super::answer::{self, json_document, respond};
use super::body::Body;
use super::call::Call;
use super::{discovery, health, openapi};
use crate::status::{Failure, GroupResource};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// The release of Kubernetes whose API this is.
pub(super) const RELEASE: &str = "v1.35.0";
const MAJOR: &str = "1";
const MINOR: &str = "35";

/// Answers a request for a path.
pub(super) async fn serve(call: &Call) -> Result<Response<Body>, Failure> {
    let segments: Vec<&str> = call.target.segments.iter().map(String::as_str).collect();
    let reads = matches!(call.info.verb.name(), "get" | "head");
    if !reads {
        return refuse(call, &segments);
    }
    match segments.as_slice() {
        [] => Ok(json_document(&index(call))),
        ["api" | "apis", ..] => discovery::serve(call, &segments),
        ["openapi", "v2"] => Box::pin(openapi::serve_older(call)).await,
        ["openapi", "v3", document @ ..] => Box::pin(openapi::serve(call, document)).await,
        ["version"] => Ok(json_document(&version())),
        ["healthz" | "livez" | "readyz", check @ ..] => {
            health::serve(call, segments[0], &check.join("/")).await
        }
        ["metrics"] => {
            let text = call.app.metrics_text();
            const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
            Ok(respond(StatusCode::OK, CLASSIC, Body::whole(text)))
        }
        [".well-known", "openid-configuration"] => configuration(call),
        ["openid", "v1", "jwks"] => keys(call),
        _ => Err(Failure::unknown_path()),
    }
}

/// What cannot be written to: 405 if there is something, else 404.
fn refuse(call: &Call, segments: &[&str]) -> Result<Response<Body>, Failure> {
    const KNOWN: [&str; 8] = [
        "api", "apis", "openapi", "version", "healthz", "livez", "readyz", "metrics",
    ];
    let is_known = segments.first().is_none_or(|first| KNOWN.contains(first));
    Err(match is_known {
        true => Failure::method_not_allowed(&GroupResource::default(), call.info.verb.name()),
        false => Failure::unknown_path(),
    })
}

/// `/`: what there is.
fn index(call: &Call) -> Value {
    let mut paths: Vec<String> = [
        "/.well-known/openid-configuration",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/",
        "/healthz",
        "/livez",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/openapi/v3/",
        "/openid/v1/jwks",
        "/readyz",
        "/version",
    ]
    .map(str::to_owned)
    .to_vec();
    for group in call.served.catalog.groups() {
        if group.name.is_empty() {
            continue;
        }
        paths.push(format!("/apis/{}", group.name));
        let versions = group.versions.iter();
        paths.extend(versions.map(|version| format!("/apis/{}/{version}", group.name)));
    }
    paths.sort();
    json!({"paths": paths})
}

/// `/version`. Clients compare `gitVersion` and the minor with their own.
pub(super) fn version() -> Value {
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    // As Go calls machines.
    let machine = match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    json!({
        "major": MAJOR,
        "minor": MINOR,
        "emulationMajor": MAJOR,
        "emulationMinor": MINOR,
        "minCompatibilityMajor": MAJOR,
        "minCompatibilityMinor": "34",
        "gitVersion": format!("{RELEASE}+keelson"),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{system}/{machine}"),
    })
}

/// How others find the keys of service accounts.
fn configuration(call: &Call) -> Result<Response<Body>, Failure> {
    let Some(tokens) = call.app.authenticator.service() else {
        return Err(Failure::unknown_path());
    };
    let issuer = tokens.issuer();
    let root = issuer.trim_end_matches('/');
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{root}/openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    Ok(cached(&document, "application/json"))
}

/// The keys of service accounts.
fn keys(call: &Call) -> Result<Response<Body>, Failure> {
    let Some(tokens) = call.app.authenticator.service() else {
        return Err(Failure::unknown_path());
    };
    Ok(cached(&tokens.keys().to_jwks(), "application/jwk-set+json"))
}

/// Others may keep it for an hour: keys are known long before they sign.
fn cached(document: &Value, content_type: &'static str) -> Response<Body> {
    let body = Body::whole(document.to_string());
    let mut response = respond(StatusCode::OK, content_type, body);
    let cache = hyper::header::CACHE_CONTROL;
    answer::header(&mut response, cache, "public, max-age=3600");
    response
}
