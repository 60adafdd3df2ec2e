//! 5, 18 and 21: what a server answers about states that are gone. They are asked when nobody else is.

use super::place::{Place, names};
use super::run::asked;
use super::watch::version;
use crate::check::{Check, holds, same, some};
use crate::wait::wait_until;
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

asked![
    s5_a_watch_from_a_compacted_version_says_so_and_ends,
    s18_a_compacted_token_is_answered_with_a_fresh_one,
    s21_a_compacted_state_cannot_be_listed,
];

/// The list of an old state.
fn exactly(p: &Place, revision: u64) -> String {
    let query = format!("resourceVersion={revision}&resourceVersionMatch=Exact");
    format!("{}?{query}", p.all("secrets"))
}

/// Takes all states before this one, and waits until each member has followed.
async fn compact(p: &Place, revision: u64) -> Check {
    p.store.compact(i64::try_from(revision)?).await?;
    for member in 0..p.client.members() {
        let (client, path) = (p.client.at(member), exactly(p, revision - 1));
        let is_gone = || async {
            client
                .get(&path)
                .await
                .is_ok_and(|answer| answer.code == 410)
        };
        wait_until("the member has compacted", PATIENCE, is_gone).await?;
    }
    Ok(())
}

async fn s5_a_watch_from_a_compacted_version_says_so_and_ends(p: &Place) -> Check {
    let old = version(&p.secret("x").await?);
    p.label("secrets", "x", "a").await?;
    compact(p, version(&p.label("secrets", "x", "b").await?)).await?;
    for member in 0..p.client.members() {
        let path = format!("{}?resourceVersion={old}", p.all("secrets"));
        let mut watch = p.client.at(member).watch(&path).await?;
        let events = watch.rest().await?;
        same("events", events.len(), 1)?;
        let event = some("the error", events.first())?;
        same("its type", event.kind.as_str(), "ERROR")?;
        let status = &event.object;
        same("kind", &status["kind"], &json!("Status"))?;
        same("code", &status["code"], &json!(410))?;
        same("reason", &status["reason"], &json!("Expired"))?;
    }
    Ok(())
}

async fn s18_a_compacted_token_is_answered_with_a_fresh_one(p: &Place) -> Check {
    for n in 0..6 {
        p.secret(&format!("x{n}")).await?;
    }
    let first = p.list("secrets", "limit=3").await?;
    let token = some("a token", first["metadata"]["continue"].as_str())?;
    let latest = version(&p.secret("x3a").await?);
    compact(p, latest).await?;
    let old = format!("limit=3&continue={token}");
    let status = p.try_list("secrets", &old).await?.refused(410, "Expired")?;
    let message = status["message"].as_str().unwrap_or_default();
    let start = "The provided continue parameter is too old to display a consistent list result";
    holds(message, message.starts_with(start))?;
    let fresh = some("a fresh token", status["metadata"]["continue"].as_str())?;
    let rest = p
        .list("secrets", &format!("limit=9&continue={fresh}"))
        .await?;
    same(
        "from the same key, as it is now",
        names(&rest),
        ["x3", "x3a", "x4", "x5"],
    )?;
    holds("the latest version", version(&rest) >= latest)
}

async fn s21_a_compacted_state_cannot_be_listed(p: &Place) -> Check {
    let old = version(&p.secret("x").await?);
    p.label("secrets", "x", "a").await?;
    compact(p, version(&p.label("secrets", "x", "b").await?)).await?;
    for member in 0..p.client.members() {
        let answer = p.client.at(member).get(&exactly(p, old)).await?;
        answer.refused(410, "Expired")?;
    }
    Ok(())
}
