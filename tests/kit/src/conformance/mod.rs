//! What an etcd-compatible store must do, one function per numbered statement.
//!
//! A statement's function is named by its number and by what it says. It sees the store through its
//! gRPC port alone and returns why it failed, if it did. It works in a key space of its own, so that
//! statements can share a server; a statement that needs an empty store, special limits, a restart or
//! several members starts a private cluster.
//!
//! Statements on the shared server run one after the other: many of them watch the store's revision.
//! Beside them run those with private clusters, a few at once: most of their time is waiting.
//!
//! The list is checked against real etcd servers; marks say for which versions a statement is true.
//! Keelson must fulfil all, except those that describe an oddity of etcd we do not copy and those
//! marked as not built. Every statement that is not asked says so loudly.

mod compaction;
mod helpers;
mod lease;
mod limits;
mod maintenance;
mod members;
mod put;
mod quota;
mod range;
mod range_stream;
mod revisions;
mod texts;
mod txn;
mod watch_events;
mod watch_start;
mod watch_stream;

use crate::check::Check;
use crate::target::{Kind, Launcher, Target, Version};
use crate::tools::skip;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// No statement takes longer than this.
const DEADLINE: Duration = Duration::from_secs(120);
/// So many statements with private clusters run at once.
const PRIVATE_AT_ONCE: usize = 4;

/// What a statement is asked of.
#[derive(Clone, Copy)]
enum Ask {
    /// The server all such statements share.
    Shared(for<'a> fn(&'a Target) -> BoxFuture<'a, Check>),
    /// Clusters it starts for itself. It cannot reach the shared one.
    Private(for<'a> fn(&'a Launcher) -> BoxFuture<'a, Check>),
}

/// One numbered statement and where it is true.
#[derive(Clone, Copy)]
pub struct Statement {
    /// Name of the function, which begins with the number.
    pub name: &'static str,
    since: Option<Version>,
    until: Option<Version>,
    etcd_only: bool,
    restarts: bool,
    not_built: Option<&'static str>,
    ask: Ask,
}

impl Statement {
    const fn new(name: &'static str, ask: Ask) -> Self {
        Self {
            name,
            since: None,
            until: None,
            etcd_only: false,
            restarts: false,
            not_built: None,
            ask,
        }
    }

    /// True from this version of etcd on.
    pub(crate) const fn since(mut self, major: u64, minor: u64, patch: u64) -> Self {
        self.since = Some(Version(major, minor, patch));
        self
    }

    /// Broken in etcd from this version on; Keelson must fulfil it all the same.
    pub(crate) const fn until(mut self, major: u64, minor: u64, patch: u64) -> Self {
        self.until = Some(Version(major, minor, patch));
        self
    }

    /// An oddity of etcd that Keelson does not copy.
    pub(crate) const fn etcd_only(mut self) -> Self {
        self.etcd_only = true;
        self
    }

    /// Its subject is what survives the restart of a member.
    pub(crate) const fn restarts(mut self) -> Self {
        self.restarts = true;
        self
    }

    /// Keelson does not have it yet; `what` names it.
    pub(crate) const fn not_built(mut self, what: &'static str) -> Self {
        self.not_built = Some(what);
        self
    }

    /// Why it does not count for this server, if so.
    fn excuse(&self, kind: Kind) -> Option<String> {
        match kind {
            Kind::KeelsonInMemory if self.restarts => Some("a restart loses the state".into()),
            Kind::Keelson | Kind::KeelsonInMemory => {
                let oddity = self
                    .etcd_only
                    .then(|| "an oddity of etcd, not copied".into());
                oddity.or(self.not_built.map(|what| format!("not built: {what}")))
            }
            Kind::Etcd(version) => {
                let since = self.since.filter(|since| version < *since);
                let until = self.until.filter(|until| version >= *until);
                let since = since.map(|since| format!("true since {since}, this is {version}"));
                since.or(until.map(|until| format!("broken since {until}, this is {version}")))
            }
        }
    }
}

/// Makes a [`Statement`] out of an async function that works on the shared server.
macro_rules! statement {
    ($function:ident) => {
        $crate::conformance::Statement::new(
            stringify!($function),
            $crate::conformance::Ask::Shared(|target| Box::pin($function(target))),
        )
    };
}
pub(crate) use statement;

/// The same out of one that starts its own.
macro_rules! private {
    ($function:ident) => {
        $crate::conformance::Statement::new(
            stringify!($function),
            $crate::conformance::Ask::Private(|launcher| Box::pin($function(launcher))),
        )
    };
}
pub(crate) use private;

/// All statements, in the order of their numbers.
pub fn statements() -> Vec<Statement> {
    [
        revisions::statements(),
        compaction::statements(),
        range::statements(),
        put::statements(),
        range_stream::statements(),
        txn::statements(),
        watch_start::statements(),
        watch_events::statements(),
        watch_stream::statements(),
        lease::statements(),
        quota::statements(),
        maintenance::statements(),
        members::statements(),
        limits::statements(),
    ]
    .concat()
}

/// What became of one statement.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Fulfilled.
    Ok,
    /// Not fulfilled, and why.
    Failed(String),
    /// Not asked, and why.
    Skipped(String),
}

/// What became of all statements.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

type Line = (&'static str, Outcome, Duration);

impl Report {
    /// The failed statements, one per line with the reason; empty when all is well.
    pub fn failures(&self) -> String {
        let mut text = String::new();
        for (name, outcome, _) in &self.lines {
            if let Outcome::Failed(why) = outcome {
                text.push_str(&format!("{name}: {why}\n"));
            }
        }
        text
    }

    /// The table: statement, outcome, time.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let (mut ok, mut failed, mut skipped) = (0, 0, 0);
        for (name, outcome, time) in &self.lines {
            let word = match outcome {
                Outcome::Ok => {
                    ok += 1;
                    "ok".to_owned()
                }
                Outcome::Failed(_) => {
                    failed += 1;
                    "FAILED".to_owned()
                }
                Outcome::Skipped(why) => {
                    skipped += 1;
                    format!("skipped ({why})")
                }
            };
            text.push_str(&format!("{:>6} ms  {name:<80} {word}\n", time.as_millis()));
        }
        text.push_str(&format!("{ok} ok, {failed} failed, {skipped} skipped\n"));
        text
    }
}

/// Runs every statement whose name contains `filter` (empty: all).
pub async fn run(target: &Target, filter: &str) -> Report {
    let mut chosen = statements();
    chosen.retain(|statement| statement.name.contains(filter));
    let (shared, private): (Vec<_>, Vec<_>) = chosen
        .iter()
        .partition(|statement| matches!(statement.ask, Ask::Shared(_)));
    let judge = |statement| judged(statement, target);
    let (mut lines, others) = tokio::join!(
        futures::stream::iter(shared)
            .then(judge)
            .collect::<Vec<Line>>(),
        futures::stream::iter(private)
            .map(judge)
            .buffer_unordered(PRIVATE_AT_ONCE)
            .collect::<Vec<Line>>(),
    );
    lines.extend(others);
    let place = |name| chosen.iter().position(|statement| statement.name == name);
    lines.sort_by_key(|(name, ..)| place(*name));
    Report { lines }
}

async fn judged(statement: &Statement, target: &Target) -> Line {
    let started = Instant::now();
    let outcome = match statement.excuse(target.kind) {
        Some(why) => {
            skip(statement.name, &why);
            Outcome::Skipped(why)
        }
        None => ask(statement, target).await,
    };
    if let Outcome::Failed(why) = &outcome {
        eprintln!("FAILED {}: {why}", statement.name);
    }
    (statement.name, outcome, started.elapsed())
}

async fn ask(statement: &Statement, target: &Target) -> Outcome {
    let run = match statement.ask {
        Ask::Shared(run) => run(target),
        Ask::Private(run) => run(target),
    };
    match timeout(DEADLINE, AssertUnwindSafe(run).catch_unwind()).await {
        Ok(Ok(Ok(()))) => Outcome::Ok,
        Ok(Ok(Err(failure))) => Outcome::Failed(failure.to_string()),
        Ok(Err(_)) => Outcome::Failed("it panicked".into()),
        Err(_) => Outcome::Failed(format!("it took longer than {DEADLINE:?}")),
    }
}
