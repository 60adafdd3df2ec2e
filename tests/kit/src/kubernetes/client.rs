//! A lean client: each request goes to the next member, bodies are JSON, answers are what came.

use super::connection::{Config, Line};
use super::watch::Watch;
use crate::check::{Check, Failure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// No request but a watch takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const JSON: (&str, &str) = ("content-type", "application/json");

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Lists are merged by their keys.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl Patch {
    /// The content type that says so.
    pub fn media_type(self) -> &'static str {
        match self {
            Patch::Json => "application/json-patch+json",
            Patch::Merge => "application/merge-patch+json",
            Patch::Strategic => "application/strategic-merge-patch+json",
            Patch::Apply => "application/apply-patch+yaml",
        }
    }
}

/// Asks the members of a cluster in turn, as one user. Copies share connections and the turn.
#[derive(Clone)]
pub struct Client {
    config: Arc<Config>,
    lines: Arc<Vec<Line>>,
    turn: Arc<AtomicUsize>,
    only: Option<usize>,
    headers: Vec<(String, String)>,
}

impl Client {
    /// The operator whom a kubeconfig of `keelson dev` describes.
    ///
    /// # Errors
    /// When the file cannot be read or is written in another way.
    pub fn read(kubeconfig: &Path) -> Check<Client> {
        let config = Arc::new(Config::read(kubeconfig)?);
        let lines = lines(&config, &config.operator);
        Ok(Client {
            config,
            lines,
            turn: Arc::default(),
            only: None,
            headers: Vec::new(),
        })
    }

    /// How many members there are.
    pub fn members(&self) -> usize {
        self.config.servers.len()
    }

    /// The same user at one member, counted from 0 and around.
    pub fn at(&self, member: usize) -> Client {
        let mut client = self.clone();
        client.only = Some(member % self.members());
        client
    }

    /// The same user over connections of its own.
    pub fn apart(&self) -> Client {
        let mut client = self.clone();
        client.lines = lines(&self.config, &self.config.operator);
        client
    }

    /// The operator in the name of somebody else, as the headers of impersonation say.
    pub fn acting_as(&self, headers: &[(&str, &str)]) -> Client {
        let mut client = self.clone();
        let named = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        client.headers.extend(named);
        client
    }

    /// Whoever the certificate stands for. It and its key are PEM.
    ///
    /// # Errors
    /// When they are none.
    pub fn showing(&self, certificate: &str, key: &str) -> Check<Client> {
        let shown = self
            .config
            .showing(certificate.as_bytes(), key.as_bytes())?;
        let mut client = self.nobody();
        client.lines = lines(&self.config, &shown);
        Ok(client)
    }

    /// Whoever the token stands for.
    pub fn bearer(&self, token: &str) -> Client {
        let mut client = self.nobody();
        let value = format!("Bearer {token}");
        client.headers = vec![("authorization".to_owned(), value)];
        client
    }

    /// Somebody who shows nothing.
    pub fn nobody(&self) -> Client {
        let mut client = self.clone();
        client.lines = lines(&self.config, &self.config.stranger);
        client.headers = Vec::new();
        client
    }

    /// # Errors
    /// When no answer came.
    pub async fn get(&self, path: &str) -> Check<Answer> {
        self.send(Method::GET, path, &[], "").await
    }

    /// # Errors
    /// When no answer came.
    pub async fn post(&self, path: &str, body: &Value) -> Check<Answer> {
        self.send(Method::POST, path, &[JSON], body.to_string())
            .await
    }

    /// # Errors
    /// When no answer came.
    pub async fn put(&self, path: &str, body: &Value) -> Check<Answer> {
        self.send(Method::PUT, path, &[JSON], body.to_string())
            .await
    }

    /// # Errors
    /// When no answer came.
    pub async fn patch(&self, path: &str, patch: Patch, body: &Value) -> Check<Answer> {
        let headers = [("content-type", patch.media_type())];
        self.send(Method::PATCH, path, &headers, body.to_string())
            .await
    }

    /// Deletes with the options in the body.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn delete(&self, path: &str, options: &Value) -> Check<Answer> {
        self.send(Method::DELETE, path, &[JSON], options.to_string())
            .await
    }

    /// Any request.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Check<Answer> {
        let asked = format!("{method} {path}");
        let asking = async {
            let response = self.ask(method, path, headers, body.into()).await?;
            let (code, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.into_body().collect().await?.to_bytes();
            Check::Ok(Answer {
                asked: asked.clone(),
                code,
                headers,
                body,
            })
        };
        match timeout(PATIENCE, Box::pin(asking)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failure)) => Err(Failure::new(format!("{asked}: {failure}"))),
            Err(_) => Err(Failure::new(format!(
                "{asked}: no answer within {PATIENCE:?}"
            ))),
        }
    }

    /// A watch; `path` has its query without `watch`.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn watch(&self, path: &str) -> Check<Watch> {
        self.watch_as(path, "application/json").await
    }

    /// A watch whose events are of another form.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn watch_as(&self, path: &str, accept: &str) -> Check<Watch> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{mark}watch=1");
        let headers = [("accept", accept)];
        let asking = self.ask(Method::GET, &path, &headers, Bytes::new());
        let late = |_| Failure::new(format!("{path}: no answer within {PATIENCE:?}"));
        let response = timeout(PATIENCE, asking).await.map_err(late)??;
        if response.status() == 200 {
            return Ok(Watch::new(&path, response.into_body()));
        }
        let code = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Err(Failure::new(format!("{path}: {code}: {body}")))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Check<Response<Incoming>> {
        let turn = || self.turn.fetch_add(1, Ordering::Relaxed) % self.members();
        let member = self.only.unwrap_or_else(turn);
        let uri = format!("https://{}{path}", self.config.servers[member]);
        let mut request = Request::builder().method(method).uri(uri);
        let own = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request = request.header(name, value);
        }
        if !headers.iter().any(|(name, _)| *name == "user-agent") {
            request = request.header("user-agent", "statements/1");
        }
        let request = request.body(Full::new(body))?;
        let mut sender = self.lines[member].sender().await?;
        sender.ready().await?;
        Ok(sender.send_request(request).await?)
    }
}

fn lines(config: &Config, tls: &Arc<rustls::ClientConfig>) -> Arc<Vec<Line>> {
    let lines = config.servers.iter().map(|server| Line::new(server, tls));
    Arc::new(lines.collect())
}

/// What came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Method and path.
    pub asked: String,
    /// The HTTP status.
    pub code: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Bytes,
}

impl Answer {
    /// A header's value; empty if there is none.
    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }

    /// All values of a header.
    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.headers.get_all(name).iter();
        values
            .filter_map(|value| Some(value.to_str().ok()?.to_owned()))
            .collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, if the status is this one.
    ///
    /// # Errors
    /// When it is another, or the body is no JSON.
    #[track_caller]
    pub fn with(self, code: u16) -> Check<Value> {
        let text = || self.text().chars().take(1_500).collect::<String>();
        if self.code != code {
            let told = format!("{}: want {code}, got {}: {}", self.asked, self.code, text());
            return Err(Failure::new(told));
        }
        match serde_json::from_slice(&self.body) {
            Ok(value) => Ok(value),
            Err(error) => Err(Failure::new(format!("{}: {error}: {}", self.asked, text()))),
        }
    }

    /// The Status of a refusal with this code and reason.
    ///
    /// # Errors
    /// When it is anything else.
    #[track_caller]
    pub fn refused(self, code: u16, reason: &str) -> Check<Value> {
        let asked = self.asked.clone();
        let status = self.with(code)?;
        let is_right = status["kind"] == "Status"
            && status["apiVersion"] == "v1"
            && status["status"] == "Failure"
            && status["code"] == code
            && status["reason"].as_str().unwrap_or_default() == reason;
        match is_right {
            true => Ok(status),
            false => Err(Failure::new(format!("{asked}: want {reason}: {status}"))),
        }
    }

    /// The same with exactly this message.
    ///
    /// # Errors
    /// When it is anything else.
    #[track_caller]
    pub fn says(self, code: u16, reason: &str, message: &str) -> Check<Value> {
        let asked = self.asked.clone();
        let status = self.refused(code, reason)?;
        match status["message"] == message {
            true => Ok(status),
            false => Err(Failure::new(format!("{asked}: want {message:?}: {status}"))),
        }
    }
}
