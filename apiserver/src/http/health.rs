//! `/healthz`, `/livez`, `/readyz`: whether the server is well.

use super::answer::plain;
use super::app::Phase;
use super::body::Body;
use super::call::Call;
use crate::status::Failure;
use crate::status::text::quote;
use futures::future::join_all;
use hyper::{Response, StatusCode};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A check that takes longer has failed.
const WITHIN: Duration = Duration::from_secs(5);

/// What a check returns: nothing if all is well, else why not.
pub type CheckFuture = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Something that must be true of a server that is well.
#[derive(Clone)]
pub struct Check {
    name: String,
    is_for_life: bool,
    run: Arc<dyn Fn() -> CheckFuture + Send + Sync>,
}

impl Check {
    /// A server that fails this is not ready: it gets no requests until it is. The name is a path
    /// segment, such as `etcd`.
    pub fn of_readiness(
        name: &str,
        run: impl Fn() -> CheckFuture + Send + Sync + 'static,
    ) -> Check {
        Check {
            name: name.to_owned(),
            is_for_life: false,
            run: Arc::new(run),
        }
    }

    /// A server that fails this is beyond help: it is started again. It is not ready either.
    pub fn of_life(name: &str, run: impl Fn() -> CheckFuture + Send + Sync + 'static) -> Check {
        Check {
            is_for_life: true,
            ..Check::of_readiness(name, run)
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it holds, and why not.
    ///
    /// # Errors
    /// Why not.
    pub async fn run(&self) -> Result<(), String> {
        let ran = timeout(WITHIN, (self.run)()).await;
        ran.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }
}

/// The checks of an endpoint, those that every server has first.
fn checks(call: &Call, endpoint: &str) -> Vec<Check> {
    let well = || -> CheckFuture { Box::pin(async { Ok(()) }) };
    let mut checks = vec![Check::of_life("ping", well)];
    let added = call.app.checks.iter();
    checks.extend(
        added
            .filter(|check| check.is_for_life || endpoint != "livez")
            .cloned(),
    );
    if endpoint == "readyz" {
        let phase = *call.app.phase.borrow();
        checks.push(Check::of_readiness("shutdown", move || {
            Box::pin(async move {
                match phase {
                    Phase::Serving => Ok(()),
                    _ => Err("process is shutting down".to_owned()),
                }
            })
        }));
    }
    checks
}

/// Answers for all checks of an endpoint, or for the one that the path names.
pub(super) async fn serve(
    call: &Call,
    endpoint: &str,
    name: &str,
) -> Result<Response<Body>, Failure> {
    let checks = checks(call, endpoint);
    if !name.is_empty() {
        let check = checks.iter().find(|check| check.name == name);
        let check = check.ok_or_else(Failure::unknown_path)?;
        return Ok(match check.run().await {
            Ok(()) => plain(StatusCode::OK, "ok".to_owned()),
            Err(why) => {
                let text = format!("internal server error: {why}\n");
                plain(StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        });
    }
    let query = &call.target.query;
    let mut excluded: Vec<&str> = query.all("exclude").collect();
    let is_excluded = |check: &Check| query.all("exclude").any(|one| one == check.name);
    let ran = checks.iter().map(|check| async move {
        match is_excluded(check) {
            true => None,
            false => Some(check.run().await),
        }
    });
    let mut text = String::new();
    let mut fails = false;
    for (check, result) in checks.iter().zip(join_all(ran).await) {
        let name = &check.name;
        text += &match result {
            None => {
                excluded.retain(|one| one != name);
                format!("[+]{name} excluded: ok\n")
            }
            Some(Ok(())) => format!("[+]{name} ok\n"),
            Some(Err(why)) => {
                // Anybody may ask; only the log says why.
                tracing::warn!(endpoint, check = name, why, "a health check failed");
                fails = true;
                format!("[-]{name} failed: reason withheld\n")
            }
        };
    }
    if !excluded.is_empty() {
        let names: Vec<String> = excluded.iter().map(|name| quote(name)).collect();
        let names = names.join(", ");
        text += &format!("warn: some health checks cannot be excluded: no matches for {names}\n");
    }
    if fails {
        text += &format!("{endpoint} check failed\n");
        return Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, text));
    }
    if query.get("verbose").is_none() {
        return Ok(plain(StatusCode::OK, "ok".to_owned()));
    }
    text += &format!("{endpoint} check passed\n");
    Ok(plain(StatusCode::OK, text))
}
