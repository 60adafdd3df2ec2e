//! `keelson dev`: a cluster that is found, loses members in the open, and leaves nobody behind.

use keelson_kit::check::{Check, Failure, holds, same, some};
use keelson_kit::cli::Cli;
use keelson_kit::port::free_row;
use keelson_kit::wait::{wait_for, wait_until};
use serde_json::Value;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);

/// `keelson dev` with `members` members; dies with this value, and its members with it.
fn dev(members: usize, data_dir: &Path, stdout: Stdio) -> Check<Child> {
    let base = free_row(10 * u16::try_from(members)?)?;
    let child = Command::new(PROGRAM)
        .args(["dev", "--members", &members.to_string()])
        .args(["--base-port", &base.to_string(), "--data-dir"])
        .arg(data_dir)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

/// Exists, and is more than an entry that nobody has asked about.
fn is_alive(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rfind(')').and_then(|end| stat.get(end + 2..end + 3));
    !matches!(state, None | Some("Z" | "X"))
}

fn signal(pid: u64, signal: i32) {
    // SAFETY: the pid is that of a process this test has started and knows to be alive.
    unsafe { libc::kill(pid as i32, signal) };
}

async fn status(data_dir: &Path) -> Check<Value> {
    let directory = data_dir.display().to_string();
    let keelson = Cli::offline(PROGRAM);
    keelson.json(&["status", "--data-dir", &directory]).await
}

/// The pids `status` tells, in the order of names; zero for none.
fn pids(status: &Value) -> Vec<u64> {
    let members = status["members"].as_array().into_iter().flatten();
    members
        .map(|member| member["pid"].as_u64().unwrap_or_default())
        .collect()
}

async fn are_gone(pids: &[u64]) -> Check {
    wait_until("no member is left", PATIENCE, || async {
        !pids.iter().any(|pid| is_alive(*pid))
    })
    .await
}

async fn whole_life() -> Check {
    let scratch = tempfile::tempdir()?;
    let mut child = dev(3, scratch.path(), Stdio::piped())?;
    let stdout = some("stdout", child.stdout.take())?;
    let mut lines = BufReader::new(stdout).lines();
    let line = timeout(PATIENCE, lines.next_line()).await??;
    let banner: Value = serde_json::from_str(&some("a line", line)?)?;
    same(
        "message",
        banner["msg"].as_str(),
        Some("dev cluster is ready"),
    )?;
    same(
        "members",
        banner["members"].as_array().map(Vec::len),
        Some(3),
    )?;

    let before = status(scratch.path()).await?;
    let running = pids(&before);
    same("members", running.len(), 3)?;
    holds(
        &format!("{running:?} live"),
        running.iter().all(|pid| is_alive(*pid)),
    )?;
    signal(running[1], libc::SIGKILL);
    let told = wait_for("status tells of the death", PATIENCE, || async {
        let status = status(scratch.path()).await.ok()?;
        (status["members"][1]["state"] == "down").then_some(status)
    })
    .await?;
    same("pids", pids(&told), vec![running[0], 0, running[2]])?;
    same(
        "others",
        told["members"][2]["state"].as_str(),
        Some("ready"),
    )?;

    signal(some("the pid", child.id())?.into(), libc::SIGINT);
    let ended = timeout(PATIENCE, child.wait()).await??;
    same("exit code", ended.code(), Some(0))?;
    same(
        "living members",
        running.iter().filter(|pid| is_alive(**pid)).count(),
        0,
    )?;
    let said = Cli::offline(PROGRAM)
        .fails(
            1,
            &[
                "status",
                "--data-dir",
                &scratch.path().display().to_string(),
            ],
        )
        .await?;
    holds(&said, said.contains("no running dev cluster"))
}

#[tokio::test]
async fn a_dev_cluster_is_found_loses_a_member_and_stops_without_a_trace() {
    if let Err(failure) = whole_life().await {
        panic!("{failure}");
    }
}

/// A terminal: the end to read, and the end for the child.
fn terminal() -> Check<(OwnedFd, OwnedFd)> {
    let (mut reader, mut writer) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: both descriptors are written before the call returns; the other arguments may be null.
    let made = unsafe { libc::openpty(&mut reader, &mut writer, null, null.cast(), null.cast()) };
    if made != 0 {
        return Err(Failure::new("no pseudo terminal can be had"));
    }
    // SAFETY: openpty has just made them, and nobody else owns them.
    unsafe { Ok((OwnedFd::from_raw_fd(reader), OwnedFd::from_raw_fd(writer))) }
}

async fn on_a_terminal() -> Check {
    let scratch = tempfile::tempdir()?;
    let (reader, writer) = terminal()?;
    let mut child = dev(1, scratch.path(), writer.into())?;
    let reader = tokio::fs::File::from_std(std::fs::File::from(reader));
    let mut lines = BufReader::new(reader).lines();
    for start in [
        "keelson ",
        "  etcd   http://",
        "  data ",
        "  try ",
        "  stop   Ctrl-C",
    ] {
        let line = timeout(PATIENCE, lines.next_line()).await??;
        let line = some("a line", line)?;
        holds(
            &format!("{line:?} begins with {start:?}"),
            line.starts_with(start),
        )?;
    }
    let running = pids(&status(scratch.path()).await?);
    same("members", running.len(), 1)?;
    holds("it lives", is_alive(running[0]))?;
    child.kill().await?;
    are_gone(&running).await
}

#[tokio::test]
async fn a_person_reads_five_lines_and_a_killed_dev_cluster_leaves_no_orphan() {
    if let Err(failure) = on_a_terminal().await {
        panic!("{failure}");
    }
}
