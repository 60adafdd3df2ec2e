//! `keelson dev --nodes`: nodes without machines that are seen in the store, and leave with the cluster.

use keelson_kit::check::{Check, holds, same, some};
use keelson_kit::cli::Cli;
use keelson_kit::port::free_row;
use keelson_kit::wait::wait_until;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);

fn dev(data_dir: &Path) -> Check<Child> {
    let base = free_row(3)?;
    let child = Command::new(PROGRAM)
        .args(["dev", "--members", "1", "--nodes", "5"])
        .args(["--base-port", &base.to_string(), "--data-dir"])
        .arg(data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

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
    let scratch = tempfile::tempdir()?;
    let mut child = dev(scratch.path())?;
    let stdout = some("stdout", child.stdout.take())?;
    let mut lines = BufReader::new(stdout).lines();
    let line = timeout(PATIENCE, lines.next_line()).await??;
    let banner: Value = serde_json::from_str(&some("a line", line)?)?;
    same("nodes", banner["hollow_nodes"].as_u64(), Some(5))?;
    holds("a kubeconfig", banner["kubeconfig"].is_string())?;
    let endpoint = some("an endpoint", banner["endpoints"].as_str())?.to_owned();
    for prefix in ["/registry/minions/", "/registry/leases/kube-node-lease/"] {
        wait_until("five of them are there", PATIENCE, || async {
            keys(&endpoint, prefix).await.is_ok_and(|count| count == 5)
        })
        .await?;
    }
    same("processes", running(scratch.path()), 1)?;
    let pid = some("the pid", child.id())?;
    // SAFETY: the pid is that of a process this test has started and knows to be alive.
    unsafe { libc::kill(pid as i32, libc::SIGINT) };
    let ended = timeout(PATIENCE, child.wait()).await??;
    same("exit code", ended.code(), Some(0))?;
    same("processes", running(scratch.path()), 0)
}

#[tokio::test]
async fn hollow_nodes_come_with_a_dev_cluster_and_leave_with_it() {
    if let Err(failure) = whole_life().await {
        panic!("{failure}");
    }
}
