//! The plain HTTP endpoints of the client port: health for load balancers and orchestrators, the
//! version, and metrics. Texts are etcd's.

use super::front::Front;
use super::version;
use crate::Error;
use ::http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body_util::Full;
use keelson_proto::etcdserverpb::{AlarmMember, AlarmType, RangeRequest};
use std::fmt::Write;
use std::future::Future;
use tonic::body::Body;

const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// Prometheus' classic text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the endpoints look at.
pub trait Vitals: Sync {
    /// The alarms that are raised.
    fn alarms(&self) -> Vec<AlarmMember>;
    /// A leader is known.
    fn has_leader(&self) -> bool;
    /// This member does not vote.
    fn is_learner(&self) -> bool;
    /// Reads a key, with or without asking the quorum.
    fn probe(&self, linearizable: bool) -> impl Future<Output = Result<(), Error>> + Send;
    /// The text of a scrape.
    fn metrics(&self) -> String;
    /// `/health` was asked and answered.
    fn health_checked(&self, healthy: bool);
}

impl Vitals for Front {
    fn alarms(&self) -> Vec<AlarmMember> {
        self.state().alarms()
    }

    fn has_leader(&self) -> bool {
        self.handle.progress().leader.is_some()
    }

    fn is_learner(&self) -> bool {
        self.handle.progress().is_learner
    }

    async fn probe(&self, linearizable: bool) -> Result<(), Error> {
        if linearizable {
            self.read_barrier().await?;
        }
        let key = RangeRequest {
            key: "a".into(),
            limit: 1,
            ..RangeRequest::default()
        };
        self.read(key).await.map(drop)
    }

    fn metrics(&self) -> String {
        self.metrics.text()
    }

    fn health_checked(&self, healthy: bool) {
        self.counters.health_checked(healthy);
    }
}

/// Answers one request that is not gRPC.
pub(super) async fn answer(vitals: &impl Vitals, method: &Method, uri: &Uri) -> Response<Body> {
    let path = uri.path();
    let known = ["/health", "/version", "/metrics"].contains(&path) || Probe::of(path).is_some();
    if !known {
        return response(StatusCode::NOT_FOUND, PLAIN, "404 page not found\n".into());
    }
    if method != Method::GET {
        let text = "Method Not Allowed\n".into();
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, text);
        let allowed = HeaderValue::from_static("GET");
        response.headers_mut().insert(header::ALLOW, allowed);
        return response;
    }
    let query = Query(uri.query().unwrap_or(""));
    match path {
        "/version" => response(StatusCode::OK, JSON, version_json()),
        "/metrics" => response(StatusCode::OK, METRICS, vitals.metrics()),
        "/health" => {
            let reason = illness(vitals, &query).await;
            vitals.health_checked(reason.is_none());
            health(reason)
        }
        _ => match Probe::of(path) {
            Some(probe) => probe.answer(vitals, &query).await,
            None => response(StatusCode::NOT_FOUND, PLAIN, "404 page not found\n".into()),
        },
    }
}

fn version_json() -> String {
    let (server, cluster, storage) = (version::SERVER, version::CLUSTER, version::STORAGE);
    format!(r#"{{"etcdserver":"{server}","etcdcluster":"{cluster}","storage":"{storage}"}}"#)
}

/// Why `/health` is not well, if so.
async fn illness(vitals: &impl Vitals, query: &Query<'_>) -> Option<String> {
    let excluded = |alarm: &AlarmMember| query.has("exclude", alarm.alarm().as_str_name());
    if let Some(alarm) = vitals.alarms().iter().find(|alarm| !excluded(alarm)) {
        return Some(format!("ALARM {}", alarm.alarm().as_str_name()));
    }
    let serializable = query.has("serializable", "true");
    if !serializable && !vitals.has_leader() {
        return Some("RAFT NO LEADER".to_owned());
    }
    let error = vitals.probe(!serializable).await.err()?;
    Some(format!("RANGE ERROR:{error}"))
}

fn health(reason: Option<String>) -> Response<Body> {
    let status = match reason {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let healthy = reason.is_none().to_string();
    let reason = reason.unwrap_or_default();
    // Built by hand: the order of the fields is part of what scripts match.
    let reason = serde_json::Value::String(reason);
    let text = format!(r#"{{"health":"{healthy}","reason":{reason}}}"#);
    response(status, JSON, text)
}

/// One check of `/livez` or `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    DataCorruption,
    LinearizableRead,
    NonLearner,
    SerializableRead,
}

impl Check {
    const LIVE: &[Check] = &[Check::SerializableRead];
    const READY: &[Check] = &[
        Check::DataCorruption,
        Check::LinearizableRead,
        Check::NonLearner,
        Check::SerializableRead,
    ];

    fn name(self) -> &'static str {
        match self {
            Check::DataCorruption => "data_corruption",
            Check::LinearizableRead => "linearizable_read",
            Check::NonLearner => "non_learner",
            Check::SerializableRead => "serializable_read",
        }
    }

    async fn run(self, vitals: &impl Vitals) -> Result<(), String> {
        match self {
            Check::DataCorruption => {
                let mut alarms = vitals.alarms().into_iter();
                match alarms.any(|alarm| alarm.alarm() == AlarmType::Corrupt) {
                    true => Err("alarm activated: CORRUPT".to_owned()),
                    false => Ok(()),
                }
            }
            Check::NonLearner if vitals.is_learner() => {
                Err(Error::NotSupportedForLearner.to_string())
            }
            Check::NonLearner => Ok(()),
            Check::LinearizableRead => vitals.probe(true).await.map_err(|error| error.to_string()),
            Check::SerializableRead => vitals.probe(false).await.map_err(|error| error.to_string()),
        }
    }
}

/// The checks that a path asks for.
struct Probe {
    checks: &'static [Check],
    /// The path names one check, so there is nothing to exclude.
    single: bool,
}

impl Probe {
    fn of(path: &str) -> Option<Probe> {
        let (checks, rest) = match (path.strip_prefix("/livez"), path.strip_prefix("/readyz")) {
            (Some(rest), _) => (Check::LIVE, rest),
            (_, Some(rest)) => (Check::READY, rest),
            _ => return None,
        };
        if rest.is_empty() {
            let single = false;
            return Some(Probe { checks, single });
        }
        let name = rest.strip_prefix('/')?;
        let at = checks.iter().position(|check| check.name() == name)?;
        Some(Probe {
            checks: &checks[at..=at],
            single: true,
        })
    }

    async fn answer(&self, vitals: &impl Vitals, query: &Query<'_>) -> Response<Body> {
        let mut report = String::new();
        let mut failed = false;
        for check in self.checks {
            let name = check.name();
            let outcome = match !self.single && query.has("exclude", name) {
                true => Ok(" excluded: ok"),
                false => check.run(vitals).await.map(|()| " ok"),
            };
            failed |= outcome.is_err();
            let _ = match outcome {
                Ok(outcome) => writeln!(report, "[+]{name}{outcome}"),
                Err(reason) => writeln!(report, "[-]{name} failed: {reason}"),
            };
        }
        if failed {
            return response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, report);
        }
        let mut text = match query.contains("verbose") {
            true => report,
            false => String::new(),
        };
        text.push_str("ok\n");
        response(StatusCode::OK, PLAIN, text)
    }
}

/// A query string. Values are compared as they are: none that matter need escapes.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.pairs().any(|pair| pair == (name, value))
    }

    fn contains(&self, name: &str) -> bool {
        self.pairs().any(|pair| pair.0 == name)
    }
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

#[cfg(test)]
mod tests;
