//! 15: many who watch, and one who does not read.

use super::client::Client;
use super::place::Place;
use super::run::asked;
use super::watch::version;
use crate::check::{Check, holds, same};
use crate::wait::wait_until;
use futures::future::try_join_all;
use serde_json::json;
use std::time::Duration;

/// On so many connections of their own.
const CONNECTIONS: usize = 10;
const EACH: usize = 100;
/// Altogether more than what lies between a server and a reader that does not read.
const LARGE: usize = 900 * 1024;
const WRITES: usize = 24;
const PATIENCE: Duration = Duration::from_secs(60);

asked![
    s15_a_thousand_watches_each_get_each_event,
    s15_a_reader_that_stalls_is_let_go_and_delays_nobody,
];

async fn s15_a_thousand_watches_each_get_each_event(p: &Place) -> Check {
    let made = p.secret("x").await?;
    let from = format!("{}?resourceVersion={}", p.all("secrets"), version(&made));
    let clients: Vec<_> = (0..CONNECTIONS).map(|n| p.client.apart().at(n)).collect();
    let opening = clients
        .iter()
        .flat_map(|client| (0..EACH).map(|_| client.watch(&from)));
    let watches = try_join_all(opening).await?;
    same("watches", watches.len(), CONNECTIONS * EACH)?;
    for app in ["a", "b"] {
        p.label("secrets", "x", app).await?;
    }
    p.delete("secrets", "x", &json!({})).await?.with(200)?;
    let reading = watches.into_iter().map(|mut watch| async move {
        for wanted in ["MODIFIED x", "MODIFIED x", "DELETED x"] {
            watch.expect(wanted).await?;
        }
        Check::Ok(())
    });
    try_join_all(reading).await.map(|_| ())
}

/// How many readers a member has let go because they did not read.
async fn let_go(member: &Client) -> Check<u64> {
    let metrics = member.get("/metrics").await?.text();
    let values = metrics.lines().filter_map(|line| {
        let is_it = line.starts_with("apiserver_") && line.contains("terminated_watchers_total");
        line.rsplit(' ')
            .next()
            .filter(|_| is_it)?
            .parse::<u64>()
            .ok()
    });
    Ok(values.sum())
}

async fn s15_a_reader_that_stalls_is_let_go_and_delays_nobody(p: &Place) -> Check {
    let path = p.all("secrets");
    let first = p.client.at(0);
    let before = let_go(&first).await?;
    let mut stalled = first.apart().watch(&path).await?;
    let mut reader = p.client.apart().watch(&path).await?;
    let value = "x".repeat(LARGE);
    for n in 0..WRITES {
        let name = format!("m{n}");
        let large = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"key": value}});
        p.create("secrets", &large).await?;
        reader.expect(&format!("ADDED {name}")).await?;
    }
    let is_let_go = || async { let_go(&first).await.is_ok_and(|now| now > before) };
    wait_until("the stalled reader is let go", PATIENCE, is_let_go).await?;
    // What was on the way still comes, but not all.
    let mut came = 0;
    while let Ok(Some(_)) = stalled.next().await {
        came += 1;
    }
    holds("not everything came", came < WRITES)
}
