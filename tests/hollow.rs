//! `keelson dev --nodes`: nodes without machines that are seen in the store, and leave with the cluster.

use keelson_kit::check::{Check, holds, same, some};
use keelson_kit::cli::Cli;
use keelson_kit::dev::Dev;
use keelson_kit::wait::wait_until;
use std::path::Path;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);

/// Processes that run hollow nodes for the cluster in this directory.
fn running(data_dir: &Path) -> usize {
    let directory = data_dir.display().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines
        .filter(|line| line.contains("\0hollow\0") && line.contains(&directory))
        .count()
}

async fn keys(endpoint: &str, prefix: &str) -> Check<usize> {
    let keelson = Cli::on(PROGRAM, &[endpoint.to_owned()]);
    let found = keelson.json(&["kv", "get", prefix, "--prefix"]).await?;
    Ok(found["kvs"].as_array().map_or(0, Vec::len))
}

async fn whole_life() -> Check {
    let mut dev = Dev::start(Path::new(PROGRAM), 1, &["--nodes", "5"]).await?;
    let nodes = dev.banner()["hollow_nodes"].as_u64();
    same("nodes", nodes, Some(5))?;
    holds("a kubeconfig", dev.kubeconfig()?.is_file())?;
    let endpoint = some("an endpoint", dev.endpoints().pop())?;
    for prefix in ["/registry/minions/", "/registry/leases/kube-node-lease/"] {
        wait_until("five of them are there", PATIENCE, || async {
            keys(&endpoint, prefix).await.is_ok_and(|count| count == 5)
        })
        .await?;
    }
    same("processes", running(dev.data()), 1)?;
    same("exit code", dev.interrupt().await?.code(), Some(0))?;
    same("processes", running(dev.data()), 0)
}

#[tokio::test]
async fn hollow_nodes_come_with_a_dev_cluster_and_leave_with_it() {
    if let Err(failure) = whole_life().await {
        panic!("{failure}");
    }
}
