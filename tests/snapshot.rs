//! From a backup to a new cluster: what was saved is there, what came later is not, and nobody who
//! saw the old cluster misses a change without being told.

use keelson_kit::check::{Check, holds, same};
use keelson_kit::cli::Cli;
use keelson_kit::client::Client;
use keelson_kit::cluster::Cluster;
use keelson_kit::crash::verdict::same_everywhere;
use keelson_kit::etcd::Peer;
use keelson_kit::keelson;
use keelson_kit::request::{Revision, delete, lease, put, range, watch};
use keelson_kit::tools::run;
use keelson_kit::watching::WatchStream;
use keelson_proto::etcdserverpb::{LeaseTimeToLiveRequest, PutRequest, WatchCreateRequest};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const LEASE: i64 = 0x1ea5e;
const BUMP: i64 = 1_000_000_000;
const TOKEN: &str = "restored";

fn path(cluster: &Cluster, name: &str) -> PathBuf {
    cluster.directory().join(name)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Keys that were overwritten, deleted and leased. The revision afterwards.
async fn fill(client: &Client) -> Check<i64> {
    client.grant(lease(LEASE, 3600)).await?;
    for round in 0..3 {
        for i in 0..40 {
            let value = format!("{round}");
            client.put(put(format!("saved/{i:02}"), value)).await?;
        }
    }
    client.delete(delete("saved/39")).await?;
    let leased = PutRequest {
        lease: LEASE,
        ..put("leased", "value")
    };
    Ok(client.put(leased).await?.revision())
}

/// What must not be in the backup. The newest revision the old cluster ever gave out.
async fn write_later(client: &Client) -> Check<i64> {
    client.put(put("saved/00", "later")).await?;
    client.delete(delete("saved/01")).await?;
    let mut last = 0;
    for i in 0..50 {
        last = client.put(put(format!("later/{i}"), "")).await?.revision();
    }
    Ok(last)
}

/// The arguments that restore member `i` into `data_dir`; the same for every member but for these.
fn restore_arguments(cluster: &Cluster, i: usize, file: &Path, data_dir: &Path) -> Vec<String> {
    let members = (0..cluster.size()).map(|i| format!("m{}={}", i + 1, cluster.peer_url(i)));
    [
        "snapshot",
        "restore",
        &text(file),
        "--data-dir",
        &text(data_dir),
        "--name",
        &format!("m{}", i + 1),
        "--initial-cluster",
        &members.collect::<Vec<_>>().join(","),
        "--initial-cluster-token",
        TOKEN,
        "--initial-advertise-peer-urls",
        cluster.peer_url(i),
    ]
    .map(str::to_owned)
    .to_vec()
}

async fn restore_all(cluster: &Cluster, file: &Path, saved: i64) -> Check {
    let mut clusters = Vec::new();
    for i in 0..cluster.size() {
        let data_dir = path(cluster, &format!("m{}", i + 1));
        std::fs::remove_dir_all(&data_dir)?;
        let arguments = restore_arguments(cluster, i, file, &data_dir);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let told = Cli::offline(PROGRAM).json(&arguments).await?;
        same(
            "revision of the backup",
            told["snapshot_revision"].as_i64(),
            Some(saved),
        )?;
        same(
            "new revision",
            told["revision"].as_i64(),
            Some(saved + BUMP),
        )?;
        clusters.push(told["cluster_id"].clone());
    }
    let first = &clusters[0];
    holds(
        &format!("one cluster: {clusters:?}"),
        clusters.iter().all(|cluster| cluster == first),
    )
}

/// What was saved is there, and nothing else.
async fn has_what_was_saved(client: &Client) -> Check {
    let saved = client.range(range("saved/", "saved0")).await?;
    same("keys", saved.kvs.len(), 39)?;
    for kv in &saved.kvs {
        same("value", kv.value.as_ref(), b"2".as_slice())?;
        same("version", kv.version, 3)?;
    }
    let later = client.range(range("later/", "later0")).await?;
    same("later keys", later.kvs.len(), 0)?;
    let asked = LeaseTimeToLiveRequest {
        id: LEASE,
        keys: true,
    };
    let left = client.time_to_live(asked).await?;
    same("granted", left.granted_ttl, 3600)?;
    holds("time is left", left.ttl > 3000)?;
    same("keys of the lease", left.keys, vec!["leased"])
}

/// Whoever saw the old cluster is told that there is a gap.
async fn older_revisions_are_compacted(client: &Client, newest_old: i64, now: i64) -> Check {
    for start_revision in [2, newest_old, newest_old + 1, now - 1] {
        let mut stream = WatchStream::open(client);
        let request = WatchCreateRequest {
            start_revision,
            ..watch("saved/00")
        };
        stream.create(request).await?;
        let answer = stream.next().await?;
        same("canceled", answer.canceled, true)?;
        holds(
            &format!("{start_revision} is compacted: {answer:?}"),
            answer.compact_revision > newest_old,
        )?;
    }
    Ok(())
}

/// A change after the restore is seen by a watch that began at the first new revision.
async fn the_future_is_watched(client: &Client, now: i64) -> Check {
    let mut stream = WatchStream::open(client);
    let request = WatchCreateRequest {
        start_revision: now + 1,
        ..watch("new")
    };
    stream.create(request).await?;
    let revision = client.put(put("new", "value")).await?.revision();
    holds("the next revision", revision > now)?;
    let events = stream.events(1).await?;
    let kv = events.into_iter().next().and_then(|event| event.kv);
    same(
        "revision of the event",
        kv.map(|kv| kv.mod_revision),
        Some(revision),
    )
}

/// What etcdctl saves is a backup like our own.
async fn etcdctl_saves_the_same(cluster: &Cluster, saved: i64) -> Check {
    let Some(peer) = Peer::find_or_skip("etcdctl snapshot save")? else {
        return Ok(());
    };
    let file = path(cluster, "by-etcdctl");
    let endpoints = format!("--endpoints={}", cluster.endpoint(0));
    let arguments = [&endpoints, "snapshot", "save", &text(&file)];
    run(&peer.etcdctl, &arguments, "", Duration::from_secs(30))
        .await?
        .success()?;
    let keelson = Cli::offline(PROGRAM);
    let status = keelson.json(&["snapshot", "status", &text(&file)]).await?;
    same("format", status["format"].as_str(), Some("keelson"))?;
    same("revision", status["revision"].as_i64(), Some(saved))?;
    let data_dir = path(cluster, "from-etcdctl");
    let arguments = restore_arguments(cluster, 0, &file, &data_dir);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    keelson.text(&arguments).await?;
    same("owned", data_dir.join("member.json").exists(), true)
}

async fn to_a_new_cluster() -> Check {
    let mut cluster = Cluster::start(&keelson!(), 3, &[]).await?;
    let saved = fill(&cluster.client()?).await?;
    let file = path(&cluster, "backup");
    let keelson = Cli::on(PROGRAM, &cluster.endpoints());
    keelson.text(&["snapshot", "save", &text(&file)]).await?;
    let status = keelson.json(&["snapshot", "status", &text(&file)]).await?;
    same("revision", status["revision"].as_i64(), Some(saved))?;
    etcdctl_saves_the_same(&cluster, saved).await?;
    let newest_old = write_later(&cluster.client()?).await?;

    for i in 0..3 {
        cluster.stop(i).await?;
    }
    restore_all(&cluster, &file, saved).await?;
    for i in 0..3 {
        cluster.restart(i)?;
    }
    for i in 0..3 {
        cluster.ready(i).await?;
        has_what_was_saved(&cluster.client_of(i)?).await?;
    }
    let client = cluster.client_of(1)?;
    let now = client.revision().await?;
    holds("the revision did not go back", now > newest_old)?;
    same("the revision", now, saved + BUMP)?;
    older_revisions_are_compacted(&client, newest_old, now).await?;
    the_future_is_watched(&client, now).await?;
    same_everywhere(&cluster, client.revision().await?).await?;
    grows_and_restarts(cluster).await
}

/// A fourth member gets the state from the others; and all of it survives another start.
async fn grows_and_restarts(mut cluster: Cluster) -> Check {
    cluster.add_member(false).await?;
    let newcomer = cluster.client_of(3)?;
    has_what_was_saved(&newcomer).await?;
    let written = newcomer.put(put("after", "growth")).await?.revision();
    same_everywhere(&cluster, written).await?;
    for i in 0..4 {
        cluster.kill(i);
    }
    for i in 0..4 {
        cluster.restart(i)?;
    }
    for i in 0..4 {
        cluster.ready(i).await?;
    }
    has_what_was_saved(&cluster.client_of(2)?).await?;
    same_everywhere(&cluster, written).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_becomes_a_new_cluster_that_never_goes_back() {
    if let Err(failure) = to_a_new_cluster().await {
        panic!("{failure}");
    }
}

async fn refusals() -> Check {
    let cluster = Cluster::start(&keelson!(), 1, &[]).await?;
    let client = cluster.client()?;
    client.put(put("key", "value")).await?;
    let file = path(&cluster, "backup");
    let keelson = Cli::on(PROGRAM, &cluster.endpoints());
    keelson.text(&["snapshot", "save", &text(&file)]).await?;

    let offline = Cli::offline(PROGRAM);
    let data_dir = path(&cluster, "new");
    let arguments = restore_arguments(&cluster, 0, &file, &data_dir);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let whole = std::fs::read(&file)?;
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&file, damaged)?;
    let said = offline.fails(1, &arguments).await?;
    holds(&said, said.contains("damaged at byte"))?;
    same("nothing is made", data_dir.exists(), false)?;
    std::fs::write(&file, &whole[..whole.len() - 1])?;
    let said = offline.fails(1, &arguments).await?;
    holds(&said, said.contains("damaged"))?;

    std::fs::write(&file, &whole)?;
    std::fs::create_dir(&data_dir)?;
    std::fs::write(data_dir.join("something"), "")?;
    let said = offline.fails(1, &arguments).await?;
    holds(&said, said.contains("is not empty"))?;
    same("files", std::fs::read_dir(&data_dir)?.count(), 1)?;
    std::fs::remove_file(data_dir.join("something"))?;

    let mut wrong = arguments.clone();
    wrong.extend(["--name", "nobody"]);
    offline.fails(2, &wrong).await?;
    let mut unnamed = arguments.clone();
    let name = unnamed.iter().position(|argument| *argument == "--name");
    unnamed[name.unwrap_or_default() + 1] = "nobody";
    let said = offline.fails(2, &unnamed).await?;
    holds(&said, said.contains("nobody") && said.contains("m1"))?;

    let mut in_place = arguments;
    in_place.extend(["--bump-revision", "0"]);
    let output = offline.output(&in_place).await?;
    holds(&output.stderr, output.stderr.contains("WARNING"))?;
    output.success().map(drop)
}

#[tokio::test]
async fn what_cannot_be_restored_is_refused_and_changes_nothing() {
    if let Err(failure) = refusals().await {
        panic!("{failure}");
    }
}
