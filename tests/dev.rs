//! `keelson dev`: a cluster that is found, loses members in the open, and leaves nobody behind.

use keelson_kit::check::{Check, Failure, holds, same, some};
use keelson_kit::cli::Cli;
use keelson_kit::dev::{Dev, Member, arguments};
use keelson_kit::process::{is_alive, signal};
use keelson_kit::wait::{wait_for, wait_until};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);

async fn are_gone(pids: &[i32]) -> Check {
    wait_until("no member is left", PATIENCE, || async {
        !pids.iter().any(|pid| is_alive(*pid))
    })
    .await
}

async fn whole_life() -> Check {
    let mut dev = Dev::start(Path::new(PROGRAM), 3, &[]).await?;
    same("members", dev.endpoints().len(), 3)?;
    let before = dev.members().await?;
    let running: Vec<i32> = before.iter().filter_map(|member| member.pid).collect();
    same("members", running.len(), 3)?;
    holds(
        &format!("{running:?} live"),
        running.iter().all(|pid| is_alive(*pid)),
    )?;
    signal(running[1], libc::SIGKILL);
    // If it led, the others have no leader for a moment.
    let death = "status tells of the death, and the others have a leader";
    let told = wait_for(death, PATIENCE, || async {
        let members = dev.members().await.ok()?;
        let states = members.iter().map(|member| member.state.as_str());
        let is_told = states.eq(["ready", "down", "ready"]);
        is_told.then_some(members)
    })
    .await?;
    let pids: Vec<Option<i32>> = told.iter().map(|member: &Member| member.pid).collect();
    same("pids", pids, vec![Some(running[0]), None, Some(running[2])])?;

    same("exit code", dev.interrupt().await?.code(), Some(0))?;
    same(
        "living members",
        running.iter().filter(|pid| is_alive(**pid)).count(),
        0,
    )?;
    let directory = dev.data().display().to_string();
    let said = Cli::offline(PROGRAM)
        .fails(1, &["status", "--data-dir", &directory])
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
    let directory = scratch.path().display().to_string();
    let (reader, writer) = terminal()?;
    let mut child = Command::new(PROGRAM)
        .args(arguments(1, &["--data-dir", &directory])?)
        .stdin(Stdio::null())
        .stdout(writer)
        .kill_on_drop(true)
        .spawn()?;
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
    let status = Cli::offline(PROGRAM)
        .json(&["status", "--data-dir", &directory])
        .await?;
    let members = status["members"].as_array().cloned().unwrap_or_default();
    same("members", members.len(), 1)?;
    let pid = some("its process", members[0]["pid"].as_i64())?;
    let running = [i32::try_from(pid)?];
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
