//! Snapshots between members that break off, or that do not fit.

use keelson_kit::check::{Check, Failure, holds, same, some};
use keelson_kit::client::Client;
use keelson_kit::cluster::Cluster;
use keelson_kit::crash::verdict::{has_caught_up, same_everywhere};
use keelson_kit::keelson;
use keelson_kit::mount::Mount;
use keelson_kit::request::{Revision, get, put};
use keelson_kit::tools::skip;
use keelson_kit::wait::{wait_for, wait_until};
use std::path::Path;
use std::time::Duration;

/// For whatever takes as long as the machine is busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// So little of the log is kept that whoever was away needs a snapshot.
const SHORT_LOG: [&str; 2] = ["--snapshot-count=50", "--snapshot-catchup-entries=10"];
const RESERVE_BYTES: u64 = 32 << 20;
/// Large enough that a transfer can be caught in the middle.
const STATE_MIB: usize = 300;
const STATE_BYTES: u64 = 300 << 20;
/// The middle.
const PART_BYTES: u64 = 80 << 20;
/// The line of a member that begins to send.
const SENDING: &str = "\"sending a snapshot\"";
/// The line of a member that waits until somebody is back.
const AWAY: &str = "a snapshot waits for a member that is away";

/// Stores this many values of a mebibyte each, no two alike.
async fn fill(client: &Client, count: usize) -> Check {
    for i in 0..count {
        let value = format!("{i:08}").repeat(1 << 17);
        client.put(put(format!("big/{i:06}"), value)).await?;
    }
    Ok(())
}

/// Bytes of all files below a directory, as far as they can be seen while it changes.
fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let bytes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

/// The number behind a field's name in a line of a log.
fn field(line: &str, name: &str) -> Check<u64> {
    let start = format!("\"{name}\":");
    let digits = line.split_once(&start).map(|(_, rest)| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        &rest[..end.unwrap_or(rest.len())]
    });
    Ok(some(&format!("{name} in {line}"), digits)?.parse()?)
}

/// What member `i` has sent so far: bytes of each snapshot, and how many of them were there already.
fn sent_by(cluster: &Cluster, i: usize) -> Check<Vec<(u64, u64)>> {
    let log = cluster.log(i)?;
    let lines = log.lines().filter(|line| line.contains(SENDING));
    lines
        .map(|line| Ok((field(line, "bytes")?, field(line, "kept_bytes")?)))
        .collect()
}

/// How many checkpoints for others member `i` has made since it started; it must be sending one now.
fn checkpoints_of(cluster: &Cluster, i: usize) -> Check<u64> {
    let mut newest = None;
    for entry in std::fs::read_dir(cluster.data(i).join("state"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("outgoing-").map(str::parse);
        newest = newest.max(number.transpose()?);
    }
    some("a checkpoint", newest)
}

/// A cluster whose third member has missed nearly everything and is now being sent a snapshot, which
/// is in the middle. Says who leads.
async fn in_the_middle(cluster: &mut Cluster) -> Check<usize> {
    cluster.kill(2);
    let others = Client::new(&cluster.endpoints()[..2])?;
    wait_until("the others take a write", PATIENCE, || async {
        others.put(put("first", "v")).await.is_ok()
    })
    .await?;
    fill(&others, STATE_MIB).await?;
    let (leads, _) = cluster.leader().await?;
    wait_until("the leader wants to send a snapshot", PATIENCE, || async {
        cluster.log(leads).is_ok_and(|log| log.contains(AWAY))
    })
    .await?;
    cluster.restart(2)?;
    let incoming = cluster.data(2).join("state/incoming");
    wait_until("a part of the snapshot has arrived", PATIENCE, || async {
        bytes_below(&incoming) > PART_BYTES
    })
    .await?;
    Ok(leads)
}

#[tokio::test]
async fn a_member_killed_in_the_middle_of_a_snapshot_is_sent_only_the_rest() {
    let cluster = Cluster::start(&keelson!(), 3, &SHORT_LOG).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let leads = in_the_middle(&mut cluster).await?;
        let checkpoints = checkpoints_of(&cluster, leads)?;
        cluster.kill(2);
        let there = bytes_below(&cluster.data(2).join("state/incoming"));
        holds("it was killed in the middle", there > PART_BYTES)?;
        cluster.restart(2)?;
        cluster.ready(2).await?;
        let client = cluster.client_of(leads)?;
        println!(
            "caught up after {:?}",
            has_caught_up(&cluster, 2, &client).await?
        );
        let sent = sent_by(&cluster, leads)?;
        println!("{there} bytes were there; (bytes, kept): {sent:?}");
        let first = some("a first transfer", sent.first())?;
        same("nothing was there at first", first.1, 0)?;
        let last = some("a second transfer", sent.get(1..).and_then(<[_]>::last))?;
        holds("what had arrived is kept", last.1 > PART_BYTES / 2)?;
        holds("less is sent", last.0 - last.1 < first.0)?;
        holds(
            &format!("a member that is away costs no checkpoints: {checkpoints}"),
            checkpoints < 5,
        )?;
        let left = bytes_below(&cluster.data(2).join("state/incoming"));
        same("nothing is left of it", left, 0)?;
        let revision = client.put(put("last", "v")).await?.revision();
        same_everywhere(&cluster, revision).await
    };
    Box::pin(run).await.expect("the member catches up");
}

#[tokio::test]
async fn a_leader_killed_in_the_middle_of_a_snapshot_leaves_nothing_that_matters() {
    let cluster = Cluster::start(&keelson!(), 3, &SHORT_LOG).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let leads = in_the_middle(&mut cluster).await?;
        cluster.kill(leads);
        let other = 1 - leads;
        let client = cluster.client_of(other)?;
        wait_until("the other one leads", PATIENCE, || async {
            client.put(put("after", "v")).await.is_ok()
        })
        .await?;
        has_caught_up(&cluster, 2, &client).await?;
        let sent = sent_by(&cluster, other)?;
        println!("(bytes, kept): {sent:?}");
        let first = some("a transfer", sent.first())?;
        same("nothing of the other sender's is kept", first.1, 0)?;
        cluster.restart(leads)?;
        cluster.ready(leads).await?;
        let revision = client.put(put("last", "v")).await?.revision();
        same_everywhere(&cluster, revision).await
    };
    Box::pin(run).await.expect("the member catches up");
}

#[tokio::test]
async fn a_snapshot_that_does_not_fit_is_refused_and_the_old_state_stays() {
    let reserve = format!("--disk-reserve-bytes={RESERVE_BYTES}");
    let flags = [SHORT_LOG[0], SHORT_LOG[1], reserve.as_str()];
    let cluster = Cluster::start(&keelson!(), 3, &flags).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let Some(disk) = Mount::new(&cluster.directory().join("m4"), "1g") else {
            skip(
                "a_snapshot_that_does_not_fit",
                "no right to mount a file system",
            );
            return Ok(());
        };
        let founders = cluster.client()?;
        founders.put(put("old", "v")).await?;
        cluster.add_member(false).await?;
        has_caught_up(&cluster, 3, &founders).await?;
        cluster.kill(3);
        fill(&founders, STATE_MIB).await?;
        // Half of what is needed stays free.
        let ballast = disk.free_bytes()? - RESERVE_BYTES - STATE_BYTES / 2;
        let file = cluster.data(3).join("ballast");
        std::fs::write(&file, vec![1; ballast as usize])?;
        cluster.restart(3)?;
        let refused = wait_for("the member refuses", PATIENCE, || async {
            let log = cluster.log(3).ok()?;
            let line = log
                .lines()
                .find(|line| line.contains("no space for the snapshot"));
            line.map(str::to_owned)
        })
        .await?;
        println!("{refused}");
        let needed = field(&refused, "needed_bytes")?;
        holds("it needs all of it", needed > STATE_BYTES)?;
        same("reserve", field(&refused, "reserve_bytes")?, RESERVE_BYTES)?;
        let free = field(&refused, "free_bytes")?;
        holds("there is less", free < needed + RESERVE_BYTES)?;
        let (leads, _) = cluster.leader_among(&[0, 1, 2]).await?;
        wait_until("the leader says why", PATIENCE, || async {
            let log = cluster.log(leads).unwrap_or_default();
            let mut lines = log.lines();
            lines.any(|line| {
                line.contains("refuses its snapshot") && line.contains(&needed.to_string())
            })
        })
        .await?;
        holds(
            "the disk is not filled",
            disk.free_bytes()? >= RESERVE_BYTES,
        )?;
        let mut old = get("old");
        old.serializable = true;
        let member = cluster.client_of(3)?;
        let found = wait_for("the member answers", PATIENCE, || async {
            member.range(old.clone()).await.ok()
        })
        .await?;
        same("it has what it had", found.kvs.len(), 1)?;
        founders.put(put("meanwhile", "v")).await?;
        std::fs::remove_file(&file)?;
        println!(
            "with space: {:?}",
            has_caught_up(&cluster, 3, &founders).await?
        );
        let revision = founders.put(put("last", "v")).await?.revision();
        same_everywhere(&cluster, revision).await?;
        Ok::<_, Failure>(())
    };
    Box::pin(run)
        .await
        .expect("the member catches up when it can");
}
