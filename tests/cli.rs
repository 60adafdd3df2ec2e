//! The command line against a running cluster: what programs read, and how commands end.

use keelson_kit::check::{Check, holds, same, some};
use keelson_kit::cli::Cli;
use keelson_kit::cluster::Cluster;
use keelson_kit::keelson;
use keelson_kit::request::{delete, put};
use keelson_kit::wait::{wait_for, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);

/// The member of that name in what `member` commands print.
fn named(printed: &Value, name: &str) -> Check<Value> {
    let members = printed["members"].as_array();
    let mut members = members.into_iter().flatten();
    let found = members.find(|member| member["name"] == name);
    some(name, found.cloned())
}

async fn history(cluster: &Cluster, keelson: &Cli) -> Check {
    let client = cluster.client()?;
    client.put(put("h", "one")).await?;
    client.put(put("h", "two")).await?;
    client.delete(delete("h")).await?;
    client.put(put("h", "three")).await?;
    let all = keelson.json(&["kv", "history", "h"]).await?;
    let versions = some("versions", all["versions"].as_array())?;
    let short = |version: &Value| {
        let kv = &version["kv"];
        json!([version["type"], kv["value"], kv["version"]])
    };
    same(
        "history",
        versions.iter().map(short).collect::<Vec<_>>(),
        vec![
            json!(["PUT", "one", 1]),
            json!(["PUT", "two", 2]),
            json!(["DELETE", "", 0]),
            json!(["PUT", "three", 1]),
        ],
    )?;
    same("oldest", &all["oldest_revision"], &json!(1))?;

    let newest = some("revision", all["revision"].as_i64())?;
    client.compact(newest - 2).await?;
    let rest = keelson.json(&["kv", "history", "h"]).await?;
    let versions = some("versions", rest["versions"].as_array())?;
    same(
        "what compaction left",
        versions.iter().map(short).collect::<Vec<_>>(),
        vec![
            json!(["PUT", "two", 2]),
            json!(["DELETE", "", 0]),
            json!(["PUT", "three", 1]),
        ],
    )?;
    let limited = keelson
        .text(&["kv", "history", "h", "--limit", "1"])
        .await?;
    let lines: Vec<&str> = limited.lines().collect();
    same("lines", lines.len(), 2)?;
    holds(
        &limited,
        lines[0].starts_with("REVISION") && lines[1].ends_with("three"),
    )
}

async fn leadership(keelson: &Cli) -> Check {
    let before = keelson.json(&["status"]).await?;
    let leader = some("leader", before["leader"].as_str())?.to_owned();
    let target = if leader == "m1" { "m2" } else { "m1" };
    let moved = keelson.json(&["member", "move-leader", target]).await?;
    same("moved", moved, json!({"from": leader, "to": target}))?;
    wait_until("the new leader is known", PATIENCE, || async {
        let status = keelson.json(&["status"]).await;
        status.is_ok_and(|status| status["leader"] == target)
    })
    .await?;
    let said = keelson
        .fails(1, &["member", "move-leader", "nobody"])
        .await?;
    holds(&said, said.contains("error:") && said.contains("m1 ("))
}

/// Announced, moved and taken out again without ever having started.
async fn announcement(keelson: &Cli) -> Check {
    let urls = ["http://127.0.0.1:1", "http://127.0.0.1:2"];
    let add = ["member", "add", "x", "--learner", "--peer-urls", urls[0]];
    // A cluster grows only when its members have been there for some seconds.
    let added = wait_for("the cluster may grow", PATIENCE, || async {
        keelson.json(&add).await.ok()
    })
    .await?;
    let id = some("id", added["id"].as_str())?.to_owned();
    let cluster = some("cluster", added["initial_cluster"].as_str())?;
    holds(cluster, cluster.contains("x=http://127.0.0.1:1"))?;
    let unnamed = named(&added, "")?;
    same("id", &unnamed["id"], &json!(id))?;
    same("kind", &unnamed["is_learner"], &json!(true))?;

    let update = ["member", "update", &id, "--peer-urls", urls[1]];
    let updated = keelson.json(&update).await?;
    let unnamed = named(&updated, "")?;
    same("peer URLs", &unnamed["peer_urls"], &json!([urls[1]]))?;

    let said = keelson.fails(2, &["member", "remove", &id]).await?;
    holds(&said, said.contains("--yes"))?;
    let removed = keelson.json(&["member", "remove", &id, "--yes"]).await?;
    let left = some("members", removed["members"].as_array())?.len();
    same("members", left, 3)
}

async fn promotion(cluster: &mut Cluster, keelson: &Cli) -> Check {
    cluster.add_member(true).await?;
    wait_until("the learner has told its name", PATIENCE, || async {
        let list = keelson.json(&["member", "list"]).await;
        list.is_ok_and(|list| named(&list, "m4").is_ok())
    })
    .await?;
    let promoted = wait_for("the learner has caught up", PATIENCE, || async {
        keelson.json(&["member", "promote", "m4"]).await.ok()
    })
    .await?;
    same(
        "learner",
        &named(&promoted, "m4")?["is_learner"],
        &json!(false),
    )?;
    let said = keelson.fails(1, &["member", "promote", "m4"]).await?;
    holds(
        &said,
        said.contains("not a learner") || said.contains("can only promote"),
    )?;
    let removed = keelson.json(&["member", "remove", "m4", "--yes"]).await?;
    holds("m4 is no member any more", named(&removed, "m4").is_err())?;
    cluster.kill(3);
    Ok(())
}

async fn health(cluster: &mut Cluster, keelson: &Cli) -> Check {
    let verdict = keelson.json(&["health"]).await?;
    let healthy = json!({"healthy": true, "members": 3, "reasons": []});
    same("verdict", verdict, healthy)?;
    cluster.kill(2);
    let output = keelson.output(&["health", "-o", "json"]).await?;
    same("exit code", output.code, Some(10))?;
    let verdict: Value = serde_json::from_str(&output.stdout)?;
    same("healthy", &verdict["healthy"], &json!(false))?;
    let reasons = verdict["reasons"].to_string();
    holds(&reasons, reasons.contains("member m3 is down"))?;
    let nobody = Cli::on(PROGRAM, &["127.0.0.1:1".to_owned()]);
    nobody.fails(1, &["health"]).await.map(drop)
}

async fn all() -> Check {
    let mut cluster = Cluster::start(&keelson!(), 3, &[]).await?;
    let keelson = Cli::on(PROGRAM, &cluster.endpoints());
    let list = keelson.json(&["member", "list"]).await?;
    let first = named(&list, "m1")?;
    same(
        "peer URLs",
        &first["peer_urls"],
        &json!([cluster.peer_url(0)]),
    )?;
    same(
        "client URLs",
        &first["client_urls"],
        &json!([cluster.endpoint(0)]),
    )?;
    history(&cluster, &keelson).await?;
    leadership(&keelson).await?;
    announcement(&keelson).await?;
    promotion(&mut cluster, &keelson).await?;
    health(&mut cluster, &keelson).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_tell_and_change_a_running_cluster() {
    if let Err(failure) = all().await {
        panic!("{failure}");
    }
}

async fn mistakes() -> Check {
    let keelson = Cli::offline(PROGRAM);
    keelson.fails(2, &["kv", "gte", "key"]).await?;
    keelson.fails(2, &["member", "add", "x"]).await?;
    let said = keelson
        .fails(
            2,
            &[
                "server",
                "--nmae=a",
                "--initial-cluster-stat",
                "new",
                "--snapshot-count=many",
            ],
        )
        .await?;
    for part in [
        "did you mean --name?",
        "did you mean --initial-cluster-state?",
        "snapshot-count (flag): \"many\" is not a whole number",
        "3 mistakes",
    ] {
        holds(&format!("{part:?} in {said}"), said.contains(part))?;
    }
    let said = keelson
        .fails(2, &["config", "explain", "snapshot-cuont"])
        .await?;
    holds(&said, said.contains("snapshot-count"))
}

#[tokio::test]
async fn mistakes_are_told_all_at_once_and_with_the_nearest_name() {
    if let Err(failure) = mistakes().await {
        panic!("{failure}");
    }
}

#[tokio::test]
async fn every_shell_gets_a_completion_script() {
    let keelson = Cli::offline(PROGRAM);
    for shell in ["bash", "zsh", "fish"] {
        let script = keelson.text(&["completion", shell]).await;
        let script = script.unwrap_or_else(|failure| panic!("{failure}"));
        for word in ["snapshot", "move-leader", "listen-client-urls"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
}
