//! Asks all statements and tells what became of each.

use super::client::Client;
use super::list::{KNOWN_FAILURES, NOT_BUILT};
use super::place::Place;
use crate::check::Check;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// No statement takes longer than this.
const DEADLINE: Duration = Duration::from_secs(120);
/// So many are asked at one time.
const AT_ONCE: usize = 12;

/// One numbered statement.
#[derive(Clone, Copy)]
pub struct Statement {
    /// Name of the function, which begins with `s` and the number.
    pub name: &'static str,
    /// Whether it disturbs others, so that it is asked when nobody else is.
    pub alone: bool,
    pub(super) ask: Ask,
}

pub(super) type Ask = for<'a> fn(&'a Place) -> BoxFuture<'a, Check>;

/// Makes a list of [`Statement`]s out of async functions over a [`Place`].
macro_rules! asked {
    ($($function:ident),* $(,)?) => {
        pub(super) fn statements() -> Vec<$crate::kubernetes::Statement> {
            vec![$($crate::kubernetes::Statement {
                name: stringify!($function),
                alone: false,
                ask: |place| Box::pin($function(place)),
            }),*]
        }
    };
}
pub(super) use asked;

/// All statements, in the order of their numbers.
pub fn statements() -> Vec<Statement> {
    use super::*;
    let mut alone = [
        compaction::statements(),
        custom::statements(),
        custom_schemas::statements(),
        definitions::statements(),
    ]
    .concat();
    for statement in &mut alone {
        statement.alone = true;
    }
    let mut all = [
        watches::statements(),
        crowd::statements(),
        lists::statements(),
        alone,
        creates::statements(),
        updates::statements(),
        status::statements(),
        formats::statements(),
        immutable::statements(),
        deletes::statements(),
        namespaces::statements(),
        patches::statements(),
        strategic::statements(),
        apply::statements(),
        apply_lists::statements(),
        quota::statements(),
        access::statements(),
        discovery::statements(),
        tables::statements(),
        traces::statements(),
        errors::statements(),
    ]
    .concat();
    all.sort_by_key(|statement| number(statement.name));
    all
}

/// The number of a statement. What has none comes at the end.
fn number(name: &str) -> u32 {
    let digits = name.trim_start_matches('s').split('_').next();
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(u32::MAX)
}

/// What became of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Fulfilled.
    Ok,
    /// Not fulfilled, and why.
    Failed(String),
    /// Not fulfilled, which is known.
    Known(String),
}

/// What became of all of them.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<(&'static str, Outcome, Duration)>,
    is_whole: bool,
}

impl Report {
    /// What must not be: failures nobody knows of, and known ones that do not fail. Empty when all is well.
    pub fn failures(&self) -> String {
        let mut text = String::new();
        for (name, outcome, _) in &self.lines {
            let is_known = KNOWN_FAILURES.iter().any(|(known, _)| known == name);
            match outcome {
                Outcome::Failed(why) => text.push_str(&format!("{name}: {why}\n")),
                Outcome::Ok if is_known => {
                    text.push_str(&format!("{name}: it holds, take it off the list\n"));
                }
                _ => {}
            }
        }
        text
    }

    /// Every statement with its time, what is not built, and the count.
    pub fn table(&self) -> String {
        let (mut text, mut ok, mut failed, mut known) = (String::new(), 0, 0, 0);
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
                Outcome::Known(why) => {
                    known += 1;
                    format!("known failure: {why}")
                }
            };
            text.push_str(&format!("{:>6} ms  {name:<90} {word}\n", time.as_millis()));
        }
        if self.is_whole {
            for (number, why) in NOT_BUILT {
                text.push_str(&format!("not built: {number} {why}\n"));
            }
        }
        let not_built = NOT_BUILT.len();
        text.push_str(&format!(
            "{ok} ok, {failed} failed, {known} known failures, {not_built} not built\n"
        ));
        text
    }
}

/// Asks every statement whose name contains `filter` (empty: all).
pub async fn run(client: &Client, store: &crate::client::Client, filter: &str) -> Report {
    let mut chosen = statements();
    chosen.retain(|statement| statement.name.contains(filter));
    let (alone, others): (Vec<_>, Vec<_>) = chosen
        .iter()
        .copied()
        .partition(|statement| statement.alone);
    let judge = |statement| judged(statement, client, store);
    let others = futures::stream::iter(others)
        .map(judge)
        .buffer_unordered(AT_ONCE);
    let mut lines = others.collect::<Vec<_>>().await;
    for statement in alone {
        lines.push(judged(statement, client, store).await);
    }
    lines.sort_by_key(|(name, ..)| chosen.iter().position(|statement| statement.name == *name));
    let is_whole = filter.is_empty();
    Report { lines, is_whole }
}

async fn judged(
    statement: Statement,
    client: &Client,
    store: &crate::client::Client,
) -> (&'static str, Outcome, Duration) {
    let started = Instant::now();
    // The first word is the number; of two statements with one number, the length tells them apart.
    let number = statement.name.split('_').next().unwrap_or_default();
    let tag = rand::random::<u32>();
    let namespace = format!("{number}-{tag:08x}");
    let asking = async {
        let place = Place::new(client, store, &namespace).await?;
        (statement.ask)(&place).await
    };
    let outcome = match timeout(DEADLINE, AssertUnwindSafe(asking).catch_unwind()).await {
        Ok(Ok(Ok(()))) => Outcome::Ok,
        Ok(Ok(Err(failure))) => Outcome::Failed(failure.to_string()),
        Ok(Err(_)) => Outcome::Failed("it panicked".into()),
        Err(_) => Outcome::Failed(format!("it took longer than {DEADLINE:?}")),
    };
    let known = KNOWN_FAILURES
        .iter()
        .find(|(name, _)| *name == statement.name);
    let outcome = match (outcome, known) {
        (Outcome::Failed(why), Some((_, reason))) => {
            eprintln!("known failure: {}: {why}", statement.name);
            Outcome::Known((*reason).to_owned())
        }
        (outcome, _) => outcome,
    };
    if let Outcome::Failed(why) = &outcome {
        eprintln!("FAILED {}: {why}", statement.name);
    }
    (statement.name, outcome, started.elapsed())
}
