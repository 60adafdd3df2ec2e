//! Large stores: how soon a member is back with its data, and how fast everything is listed.
//!
//! The tests here take turns: each needs the machine for itself.

use keelson_kit::bulk::{fill, list};
use keelson_kit::check::{Check, holds};
use keelson_kit::cluster::{Binary, Cluster};
use keelson_kit::etcd::Peer;
use keelson_kit::tools::skip;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

fn keelson() -> Binary {
    Binary::keelson(env!("CARGO_BIN_EXE_keelson"))
}

/// Time from the start of the process to its first linearizable read, after SIGKILL in the middle
/// of the writes of each round.
async fn restarts(keys: u64, value_size: usize, rounds: u64) -> Check<Vec<Duration>> {
    let mut cluster = Cluster::start(&keelson(), 1, &["--quota-backend-bytes=8589934592"]).await?;
    fill(&cluster.client_of(0)?, "key/", keys, value_size).await?;
    let mut taken = Vec::new();
    for round in 0..rounds {
        // So that there is a log to replay, whatever was made durable meanwhile.
        let prefix = format!("round/{round}/");
        fill(&cluster.client_of(0)?, &prefix, 20_000, value_size).await?;
        cluster.kill(0);
        let started = Instant::now();
        cluster.restart(0)?;
        cluster.ready(0).await?;
        taken.push(started.elapsed());
        let (bytes, _) = list(&cluster.client_of(0)?, &prefix).await?;
        holds("the newest keys are there", bytes > 20_000 * value_size)?;
    }
    Ok(taken)
}

#[tokio::test]
async fn a_million_keys_of_1_kib_are_back_2_s_after_sigkill() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let taken = restarts(1_000_000, 1024, 3).await.expect("it comes back");
    println!("1 M keys of 1 KiB: first linearizable read after {taken:?}");
    assert!(taken.iter().all(|time| *time <= Duration::from_secs(2)));
}

#[tokio::test]
async fn five_million_keys_of_256_bytes_are_back_6_s_after_sigkill() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let taken = restarts(5_000_000, 256, 3).await.expect("it comes back");
    println!("5 M keys of 256 B: first linearizable read after {taken:?}");
    assert!(taken.iter().all(|time| *time <= Duration::from_secs(6)));
}

/// One store with 100 000 keys of 1 KiB.
struct Listed {
    cluster: Cluster,
    first: Vec<Duration>,
    second: Vec<Duration>,
}

impl Listed {
    async fn start(binary: &Binary) -> Check<Listed> {
        let cluster = Cluster::start(binary, 1, &["--quota-backend-bytes=8589934592"]).await?;
        fill(&cluster.client_of(0)?, "list/", 100_000, 1024).await?;
        Ok(Listed {
            cluster,
            first: Vec::new(),
            second: Vec::new(),
        })
    }

    /// Lists twice right after a restart.
    async fn round(&mut self) -> Check {
        self.cluster.stop(0).await?;
        self.cluster.restart(0)?;
        self.cluster.ready(0).await?;
        let client = self.cluster.client_of(0)?;
        for times in [&mut self.first, &mut self.second] {
            let (bytes, time) = list(&client, "list/").await?;
            holds("all keys are listed", bytes > 100_000 * 1024)?;
            times.push(time);
        }
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
    let Some(peer) = Peer::find(None).expect("the script runs") else {
        skip("lists against etcd", "no real etcd on this machine");
        return;
    };
    let run = async {
        let mut etcd = Listed::start(&peer.binary()).await?;
        let mut ours = Listed::start(&keelson()).await?;
        for round in 0..5 {
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
