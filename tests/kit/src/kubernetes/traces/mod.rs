//! What kubectl and helm really send, request by request, asked again: paths, queries, `Accept` and content types
//! were recorded from the unmodified programs; each file here is one recording, and its bodies ([`bodies`]) are
//! what the programs send for small objects, the protobuf ones byte for byte as long as those recorded.
//!
//! A line is one request (`line`): method, path, what is accepted, and behind it what must come: a status code
//! and a kind, or the reason of a refusal; `-` for whatever is told of a path that is not there. `< WORD NAME`
//! is a body: its content type and which one. `= TEXT` says which command the requests below belong to. In a
//! path `{all}` and `{apps}` stand for what is in the place's namespace, `{hash}` for the one that the index of
//! OpenAPI documents tells, `{version}` for the resourceVersion of the last list.
//!
//! What never happens here: a request that was not recorded (but for the touch that a watch sees), and rules
//! about what an answer means beyond its code, type and kind. The numbered statements have those.

pub mod bodies;
mod line;
mod wire;

use super::client::Answer;
use super::objects::with_annotation;
use super::place::Place;
use super::run::asked;
use super::watch::version;
use crate::check::{Check, Failure, holds, same, some};
use line::{Accept, Line};
use serde_json::{Value, json};

asked![
    trace_kubectl_that_declares_is_answered,
    trace_kubectl_that_commands_is_answered,
    trace_kubectl_that_knows_old_discovery_alone_is_answered,
    trace_helm_is_answered,
];

async fn trace_kubectl_that_declares_is_answered(p: &Place) -> Check {
    replay(p, include_str!("declarative.txt")).await
}

async fn trace_kubectl_that_commands_is_answered(p: &Place) -> Check {
    p.with_account().await?;
    replay(p, include_str!("imperative.txt")).await?;
    // What came as protobuf is what was meant.
    let map = p.get("configmaps", "c2").await?;
    same("replaced", &map["data"], &json!({"a": "c"}))?;
    let secret = p.get("secrets", "s1").await?;
    same("secret", &secret["data"], &json!({"a": "Yg=="}))?;
    let deployment = p.get("apps/v1/deployments", "d2").await?;
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    same("image", &container["image"], &json!("x"))?;
    let service = p.get("services", "s1").await?;
    let port = &service["spec"]["ports"][0];
    let ports = (&port["port"], &port["targetPort"], &port["protocol"]);
    same("ports", ports, (&json!(80), &json!(80), &json!("TCP")))?;
    let role = p.get("rbac.authorization.k8s.io/v1/roles", "r1").await?;
    let rule = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    same("rules", &role["rules"], &rule)
}

async fn trace_kubectl_that_knows_old_discovery_alone_is_answered(p: &Place) -> Check {
    replay(p, include_str!("old_discovery.txt")).await?;
    let tried = p.try_get("apps/v1/deployments", "d1").await?;
    same("a dry run stores nothing", tried.code, 404)
}

async fn trace_helm_is_answered(p: &Place) -> Check {
    replay(p, include_str!("helm.txt")).await?;
    let release = p.get("secrets", "sh.helm.release.v1.r1.v1").await?;
    let labels = &release["metadata"]["labels"];
    same("status", &labels["status"], &json!("deployed"))?;
    same("type", &release["type"], &json!("helm.sh/release.v1"))
}

/// What earlier answers have told.
struct Replay<'a> {
    place: &'a Place,
    /// The index of OpenAPI documents.
    index: Value,
    /// The resourceVersion of the last list.
    version: u64,
    /// The last answer that was JSON.
    last: Value,
}

/// Asks all requests of a recording in their order.
async fn replay(place: &Place, recording: &str) -> Check {
    let mut replay = Replay {
        place,
        index: Value::Null,
        version: 0,
        last: Value::Null,
    };
    let mut command = "";
    for text in recording.lines() {
        match text.strip_prefix("= ") {
            Some(title) => command = title,
            None if text.starts_with('#') => {}
            None => {
                let asked = replay.ask(text).await;
                let told = |failure| Failure::new(format!("{command}: {text}: {failure}"));
                asked.map_err(told)?;
            }
        }
    }
    Ok(())
}

impl Replay<'_> {
    async fn ask(&mut self, text: &str) -> Check {
        let line = some("a request", Line::read(text))?;
        let path = self.path(line.path)?;
        if path.ends_with("&watch=true") {
            return self
                .watch(&line, path.trim_end_matches("&watch=true"))
                .await;
        }
        let mut headers = Vec::new();
        headers.extend(line.accept.header().map(|accept| ("accept", accept)));
        headers.extend(line.content.map(|content| ("content-type", content)));
        let body = match line.body {
            Some(name) => some(name, bodies::body(name, &self.place.namespace, &self.last))?,
            None => Vec::new(),
        };
        let method = line.method.clone();
        let answer = self
            .place
            .client
            .send(method, &path, &headers, body)
            .await?;
        let code = answer.code;
        if code != line.code {
            let body = answer.text().chars().take(500).collect::<String>();
            return Err(Failure::new(format!("{code}: {body}")));
        }
        // Where there is nothing at all, nobody knows forms.
        if line.shape == "-" {
            return Ok(());
        }
        let got = answer.header("content-type");
        same("content type", got.as_str(), line.content_type())?;
        match line.accept {
            Accept::Protobuf => {
                let kind = some("an envelope", wire::kind(&answer.body))?;
                same("kind", kind.as_str(), line.shape)
            }
            Accept::Swagger => holds("a document", answer.body.starts_with(b"\x0a\x032.0")),
            _ => self.json_is(&answer, &line),
        }
    }

    /// The path, with what earlier answers told.
    fn path(&self, path: &str) -> Check<String> {
        let namespace = &self.place.namespace;
        let path = path
            .replace("{all}", &format!("/api/v1/namespaces/{namespace}"))
            .replace("{apps}", &format!("/apis/apps/v1/namespaces/{namespace}"))
            .replace("{namespace}", namespace)
            .replace("{version}", &self.version.to_string());
        let Some((document, _)) = path.split_once("?hash={hash}") else {
            return Ok(path);
        };
        let name = document.trim_start_matches("/openapi/v3/");
        let place = self.index["paths"][name]["serverRelativeURL"].as_str();
        let (_, hash) = some(name, place.and_then(|place| place.split_once("hash=")))?;
        Ok(path.replace("{hash}", hash))
    }

    fn json_is(&mut self, answer: &Answer, line: &Line<'_>) -> Check {
        let body: Value = serde_json::from_slice(&answer.body)?;
        let is_right = match line.shape {
            "version" => body["gitVersion"].is_string(),
            "index" => body["paths"].is_object(),
            "openapi" => body["openapi"]
                .as_str()
                .is_some_and(|v| v.starts_with("3.")),
            reason if line.code >= 400 => {
                body["kind"] == "Status" && body["reason"] == reason && body["code"] == line.code
            }
            // It says which version it is about, not which it is of.
            "APIResourceList" => {
                body["kind"] == "APIResourceList" && body["groupVersion"].is_string()
            }
            kind => body["kind"] == kind && body["apiVersion"].is_string(),
        };
        if line.shape.ends_with("List") || line.shape == "Table" {
            self.version = version(&body);
        }
        match line.shape {
            "index" => self.index = body,
            _ => self.last = body,
        }
        holds(&format!("it is a {}", line.shape), is_right)
    }

    /// A watch, in which a change of the object that the line names is seen in the form that was asked for.
    async fn watch(&self, line: &Line<'_>, path: &str) -> Check {
        let accept = some("what is accepted", line.accept.header())?;
        let (resource, name) = some("an object", line.body.and_then(|it| it.split_once('/')))?;
        let mut watch = self.place.client.watch_as(path, accept).await?;
        self.place
            .merge(resource, name, &with_annotation("touched", "yes"))
            .await?;
        loop {
            let event = watch.event().await?;
            let kind = event.object["kind"].as_str().unwrap_or_default();
            match event.kind.as_str() {
                "MODIFIED" => return same("the object's form", kind, line.shape),
                "BOOKMARK" => {}
                other => return Err(Failure::new(format!("{other} came: {}", event.object))),
            }
        }
    }
}
