//! Large stores: how soon a member is back with its data, and how fast everything is listed.
//!
//! The tests here take turns: each needs the machine for itself.

use keelson_kit::check::{Check, holds, same, some};
use keelson_kit::cluster::{Binary, Cluster};
use keelson_kit::etcd::Peer;
use keelson_kit::keelson;
use keelson_kit::request::{prefix_end, range};
use keelson_kit::tools::run;
use keelson_proto::etcdserverpb::RangeRequest;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// For whatever takes as long as the machine is busy.
const PATIENCE: Duration = Duration::from_secs(300);
/// Room for what is put here.
const QUOTA: &str = "--quota-backend-bytes=8589934592";

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Puts keys under `prefix`, unless they are there, and then makes one `request` (a workload of
/// `keelson bench`); returns the time that took. The load generator counts what comes back without
/// decoding it.
async fn bench(
    endpoint: &str,
    request: &str,
    prefix: &str,
    keys: u64,
    size: u64,
) -> Check<Duration> {
    let (keys, size) = (keys.to_string(), size.to_string());
    let arguments = [
        ["bench", request],
        ["--endpoints", endpoint],
        ["--prefix", prefix],
        ["--key-space", &keys],
        ["--value-size", &size],
        ["--clients", "1"],
        ["--connections", "1"],
        ["--warmup", "0s"],
        ["--total", "1"],
        ["--output", "json"],
    ];
    let program = Path::new(env!("CARGO_BIN_EXE_keelson"));
    let printed = run(program, arguments.as_flattened(), "", PATIENCE).await?;
    let report: Value = serde_json::from_str(&printed.success()?)?;
    same("failed requests", &report["failed"], &Value::from(0))?;
    let micros = some("a mean latency", report["latency_us"]["mean"].as_f64())?;
    Ok(Duration::from_secs_f64(micros / 1e6))
}

/// Keys under a prefix.
async fn count(cluster: &Cluster, prefix: &str) -> Check<u64> {
    let request = RangeRequest {
        count_only: true,
        ..range(prefix.to_owned(), prefix_end(prefix.as_bytes()))
    };
    Ok(cluster.client_of(0)?.range(request).await?.count as u64)
}

/// Time from the start of the process to its first linearizable read, after SIGKILL right behind the
/// writes of each round.
async fn restarts(keys: u64, size: u64, rounds: u64) -> Check<Vec<Duration>> {
    let mut cluster = Cluster::start(&keelson!(), 1, &[QUOTA]).await?;
    let endpoint = cluster.endpoint(0).to_owned();
    bench(&endpoint, "get", "key/", keys, size).await?;
    let mut taken = Vec::new();
    for round in 0..rounds {
        // So that there is a log to replay, whatever was made durable meanwhile.
        let prefix = format!("round/{round}/");
        bench(&endpoint, "get", &prefix, 20_000, size).await?;
        cluster.kill(0);
        let started = Instant::now();
        cluster.restart(0)?;
        cluster.ready(0).await?;
        taken.push(started.elapsed());
        same("the keys", count(&cluster, "key/").await?, keys)?;
        same("the newest keys", count(&cluster, &prefix).await?, 20_000)?;
    }
    Ok(taken)
}

#[tokio::test]
async fn a_million_keys_of_1_kib_are_back_2_s_after_sigkill() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let taken = restarts(1_000_000, 1024, 3).await.expect("it comes back");
    println!("1 M keys of 1 KiB: first linearizable read after {taken:?}");
    // Of the three: for a second now and then a machine that others share stands still.
    assert!(median(&taken) <= 2.0);
}

#[tokio::test]
async fn five_million_keys_of_256_bytes_are_back_6_s_after_sigkill() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let taken = restarts(5_000_000, 256, 3).await.expect("it comes back");
    println!("5 M keys of 256 B: first linearizable read after {taken:?}");
    assert!(median(&taken) <= 6.0);
}

/// One store with 100 000 keys of 1 KiB, and how long it took to list them.
struct Listed {
    cluster: Cluster,
    first: Vec<Duration>,
    second: Vec<Duration>,
}

impl Listed {
    async fn start(binary: &Binary) -> Check<Listed> {
        let listed = Listed {
            cluster: Cluster::start(binary, 1, &[QUOTA]).await?,
            first: Vec::new(),
            second: Vec::new(),
        };
        listed.list().await?;
        Ok(listed)
    }

    async fn list(&self) -> Check<Duration> {
        bench(self.cluster.endpoint(0), "range", "list/", 100_000, 1024).await
    }

    /// Lists twice right after a restart.
    async fn round(&mut self) -> Check {
        self.cluster.stop(0).await?;
        self.cluster.restart(0)?;
        self.cluster.ready(0).await?;
        self.first.push(self.list().await?);
        self.second.push(self.list().await?);
        Ok(())
    }
}

fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

#[tokio::test]
async fn a_list_of_100k_keys_is_no_slower_than_etcds_and_the_second_twice_as_fast() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let found = Peer::find_or_skip("lists against etcd");
    let Some(peer) = found.expect("the script runs") else {
        return;
    };
    let run = async {
        let mut etcd = Listed::start(&peer.binary()).await?;
        let mut ours = Listed::start(&keelson!()).await?;
        for round in 0..7 {
            // Whoever goes first changes: a drift of the machine hits both.
            let order = if round % 2 == 0 {
                [&mut etcd, &mut ours]
            } else {
                [&mut ours, &mut etcd]
            };
            for side in order {
                side.round().await?;
            }
        }
        println!("etcd: first {:?}, second {:?}", etcd.first, etcd.second);
        println!("ours: first {:?}, second {:?}", ours.first, ours.second);
        let first = median(&etcd.first) / median(&ours.first);
        let second = median(&etcd.second) / median(&ours.second);
        println!("etcd / ours: first {first:.2}, second {second:.2}");
        holds("the first list is no slower than etcd's", first >= 1.0)?;
        holds("the second is twice as fast", second >= 2.0)
    };
    Box::pin(run).await.expect("lists are fast");
}
