//! What is told of a request when it is over.

use super::app::App;
use super::connection::Peer;
use super::inflight::is_long_running;
use super::metrics::RequestLabels;
use crate::authorize::Verdict;
use crate::canonical::{Instant as Time, format_micro_time};
use crate::identity::User;
use crate::request::{Info, Query, Verb};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Instant;

/// Gathers what is told of a request, and tells it when it is dropped: the answer has been sent then, or
/// given up.
pub(super) struct Record {
    app: Arc<App>,
    peer: Arc<Peer>,
    began: Instant,
    began_us: i64,
    /// Names the request in logs on both sides.
    pub(super) id: String,
    uri: String,
    user_agent: String,
    info: Option<Info>,
    labels: RequestLabels,
    is_long_running: bool,
    user: Option<User>,
    acts_as: Option<User>,
    verdict: Option<Verdict>,
    code: u16,
    sent_bytes: u64,
}

impl Record {
    pub(super) fn new(app: &Arc<App>, peer: &Arc<Peer>, uri: String, user_agent: &str) -> Record {
        Record {
            began: Instant::now(),
            began_us: app.clock.now_us(),
            id: uuid(),
            uri,
            user_agent: user_agent.to_owned(),
            info: None,
            labels: RequestLabels {
                component: "apiserver",
                ..RequestLabels::default()
            },
            is_long_running: false,
            user: None,
            acts_as: None,
            verdict: None,
            code: 0,
            sent_bytes: 0,
            app: app.clone(),
            peer: peer.clone(),
        }
    }

    /// What it is about. `is_served`: there is such a resource.
    pub(super) fn is_about(&mut self, info: &Info, query: &Query, is_served: bool) {
        self.labels.verb = verb(&info.verb);
        self.labels.dry_run = match query.get("dryRun") {
            Some("All") => "All",
            _ => "",
        };
        if let Some(resource) = info.resource.as_ref().filter(|_| is_served) {
            self.labels.group.clone_from(&resource.group);
            self.labels.version.clone_from(&resource.version);
            self.labels.resource.clone_from(&resource.resource);
            self.labels.subresource.clone_from(&resource.subresource);
            let places = (&resource.name, &resource.namespace);
            self.labels.scope = match (places.0.is_empty(), places.1.is_empty()) {
                (false, _) => "resource",
                (true, false) => "namespace",
                (true, true) => "cluster",
            };
        }
        self.info = Some(info.clone());
        self.is_long_running = is_served && is_long_running(info);
        if self.is_long_running {
            self.app.metrics.begins(&self.labels);
        }
    }

    pub(super) fn is_from(&mut self, user: &User) {
        self.user = Some(user.clone());
    }

    pub(super) fn acts_as(&mut self, user: &User) {
        self.acts_as = Some(user.clone());
    }

    pub(super) fn is_decided(&mut self, verdict: &Verdict) {
        self.verdict = Some(verdict.clone());
    }

    pub(super) fn is_answered(&mut self, code: u16) {
        self.code = code;
    }

    /// A piece of the answer goes out.
    pub(super) fn sends(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
    }

    /// The line of the audit log.
    fn event(&self) -> Value {
        let time = |us: i64| {
            format_micro_time(Time {
                seconds: us.div_euclid(1_000_000),
                nanos: u32::try_from(us.rem_euclid(1_000_000) * 1_000).unwrap_or_default(),
            })
        };
        let verb = self.info.as_ref().map_or("", |info| info.verb.name());
        let mut event = json!({
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": self.id,
            "stage": "ResponseComplete",
            "requestURI": self.uri,
            "verb": verb,
            "user": self.user.as_ref().map_or_else(|| json!({}), User::to_value),
            "sourceIPs": [self.peer.address.ip().to_string()],
            "userAgent": self.user_agent,
            "responseStatus": {"metadata": {}, "code": self.code},
            "requestReceivedTimestamp": time(self.began_us),
            "stageTimestamp": time(self.app.clock.now_us()),
        });
        if let Some(user) = &self.acts_as {
            event["impersonatedUser"] = user.to_value();
        }
        if let Some(object) = self.object() {
            event["objectRef"] = object;
        }
        if let Some(verdict) = &self.verdict {
            let decision = match verdict.is_allowed() {
                true => "allow",
                false => "forbid",
            };
            event["annotations"] = json!({
                "authorization.k8s.io/decision": decision,
                "authorization.k8s.io/reason": verdict.reason(),
            });
        }
        event
    }

    fn object(&self) -> Option<Value> {
        let resource = self.info.as_ref()?.resource.as_ref()?;
        let mut object = Map::new();
        for (field, text) in [
            ("resource", &resource.resource),
            ("namespace", &resource.namespace),
            ("name", &resource.name),
            ("apiGroup", &resource.group),
            ("apiVersion", &resource.version),
            ("subresource", &resource.subresource),
        ] {
            if !text.is_empty() {
                object.insert(field.to_owned(), text.as_str().into());
            }
        }
        Some(Value::Object(object))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let metrics = &self.app.metrics;
        if self.is_long_running {
            metrics.ends(&self.labels);
        }
        let seconds = self.began.elapsed().as_secs_f64();
        metrics.answered(&self.labels, self.code, seconds);
        if matches!(self.labels.verb, "GET" | "LIST") {
            metrics.sent(&self.labels, self.sent_bytes);
        }
        if let Some(audit) = &self.app.audit {
            match audit.write(&self.event()) {
                true => metrics.audit_events.inc(),
                false => metrics.audit_errors.inc(),
            };
        }
    }
}

/// As upstream's metrics call verbs.
fn verb(verb: &Verb) -> &'static str {
    match verb {
        Verb::Get => "GET",
        Verb::List => "LIST",
        Verb::Watch => "WATCH",
        Verb::Create => "POST",
        Verb::Update => "PUT",
        Verb::Patch => "PATCH",
        Verb::Delete => "DELETE",
        Verb::DeleteCollection => "DELETECOLLECTION",
        Verb::Proxy => "CONNECT",
        Verb::Http(method) => match method.as_str() {
            "get" => "GET",
            "head" => "HEAD",
            "post" => "POST",
            "put" => "PUT",
            "patch" => "PATCH",
            "delete" => "DELETE",
            _ => "other",
        },
    }
}

/// A random id of the common form (RFC 9562, version 4).
pub(super) fn uuid() -> String {
    let random = rand::random::<u128>();
    let versioned = (random & !(0xf << 76)) | (0x4 << 76);
    let marked = (versioned & !(0x3 << 62)) | (0x2 << 62);
    let text = format!("{marked:032x}");
    let parts = [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ];
    parts.join("-")
}
