//! Members are killed again and again while writers write; nothing acknowledged may be lost.
//!
//! `KEELSON_STORM_SECONDS=600` makes the storm longer.

use keelson_kit::check::Check;
use keelson_kit::cluster::{Binary, Cluster};
use keelson_kit::crash::storm::{first_read, rage};
use keelson_kit::crash::verdict::{judge, same_everywhere};
use keelson_kit::crash::writer::{Write, Writers};
use keelson_kit::etcd::Peer;
use keelson_kit::keelson;
use keelson_kit::request::{Revision, put};
use keelson_kit::wait::wait_until;
use std::time::Duration;

fn seconds(otherwise: u64) -> Duration {
    let given = std::env::var("KEELSON_STORM_SECONDS").ok();
    Duration::from_secs(given.map_or(otherwise, |text| text.parse().expect("seconds")))
}

fn peer(test: &str) -> Option<Binary> {
    let peer = Peer::find_or_skip(test).expect("the script runs")?;
    Some(peer.binary())
}

/// Returns the slowest restart of one member and of all.
async fn storm(binary: &Binary, length: Duration) -> Check<(Duration, Duration)> {
    // No automatic compaction: the whole history is read afterwards.
    let mut cluster = Cluster::start(binary, 3, &[]).await?;
    let writers = Writers::start(&cluster.client()?, 8);
    let storm = rage(&mut cluster, length).await;
    let writes = writers.finish().await?;
    let storm = match storm {
        Ok(storm) => storm,
        Err(failure) => panic!("{failure}\n{}", cluster.tails()),
    };
    println!("one member back: {}", storm.member);
    println!("all members back: {}", storm.all);
    match judge(&cluster, &writes).await {
        Ok(verdict) => {
            println!("{verdict:?}");
            assert!(verdict.acknowledged > 100, "too few writes to say anything");
        }
        Err(failure) => panic!("{failure}\n{}", cluster.tails()),
    }
    assert!(!storm.member.is_empty(), "nothing was killed");
    Ok((storm.member.percentile(100), storm.all.percentile(100)))
}

/// A member that was down for `count` writes has them all afterwards, and says so by its hash.
async fn catch_up(binary: &Binary, count: usize, flags: &[&str]) -> Check {
    let mut cluster = Cluster::start(binary, 3, flags).await?;
    match fall_behind(&mut cluster, count).await {
        Ok(()) => Ok(()),
        Err(failure) => panic!("{failure}\n{}", cluster.tails()),
    }
}

async fn fall_behind(cluster: &mut Cluster, count: usize) -> Check {
    const AT_ONCE: usize = 64;
    cluster.kill(2);
    let client = cluster.client_of(0)?;
    // If the leader was killed, the others elect a new one first.
    wait_until("the others take writes", Duration::from_secs(30), || {
        let client = client.clone();
        async move { client.put(put("ready", "")).await.is_ok() }
    })
    .await?;
    let mut tasks = Vec::new();
    for task in 0..AT_ONCE {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let mut last = 0;
            for i in 0..count.div_ceil(AT_ONCE) {
                let key = format!("catch-up/{task:02}/{:03}", i % 500);
                last = client
                    .put(put(key, i.to_string()))
                    .await?
                    .revision()
                    .max(last);
            }
            Ok::<i64, tonic::Status>(last)
        }));
    }
    let mut last = 0;
    for task in tasks {
        last = task.await??.max(last);
    }
    assert!(
        last as usize > count,
        "{count} writes make as many revisions"
    );
    // Writes go on. An idle cluster is another matter: etcd's leader looks whether it owes somebody a
    // snapshot only after it has applied something.
    let writers = Writers::start(&client, 1);
    cluster.restart(2)?;
    let back = first_read(cluster, 2).await?;
    println!("{count} writes behind: first linearizable read after {back:?}");
    writers.finish().await?;
    let last = client.revision().await?;
    let revision = cluster.client_of(2)?.revision().await?;
    assert_eq!(revision, last, "the member that was away has everything");
    same_everywhere(cluster, revision).await
}

/// A judge that never objects would be no judge: acknowledgements are falsified one by one.
async fn objections(binary: &Binary) -> Check {
    let cluster = Cluster::start(binary, 1, &[]).await?;
    let client = cluster.client()?;
    let writers = Writers::start(&client, 2);
    wait_until("there are some writes", Duration::from_secs(30), || async {
        writers.acknowledged() > 40
    })
    .await?;
    let honest = writers.finish().await?;
    judge(&cluster, &honest).await?;
    let mut lost = honest.clone();
    lost.push(Write {
        writer: 0,
        number: 1_000_000,
        revision: Some(2),
    });
    let mut never_acknowledged = lost.clone();
    never_acknowledged[honest.len()].revision = Some(1_000_000);
    let mut moved = honest.clone();
    moved[3].revision = moved[3].revision.map(|revision| revision + 1_000_000);
    let mut unwritten = honest.clone();
    unwritten.remove(5);
    for (name, falsified) in [
        ("a revision given twice", lost),
        ("a lost write", never_acknowledged),
        ("a write at another revision", moved),
        ("a value nobody wrote", unwritten),
    ] {
        let objection = judge(&cluster, &falsified).await;
        println!("{name}: {objection:?}");
        assert!(objection.is_err(), "the judge accepts {name}");
    }
    Ok(())
}

#[tokio::test]
async fn the_judge_objects() {
    let Some(etcd) = peer("the_judge_objects") else {
        return;
    };
    objections(&etcd)
        .await
        .expect("the honest history is accepted");
}

#[tokio::test]
async fn etcd_survives_a_storm() {
    let Some(etcd) = peer("etcd_survives_a_storm") else {
        return;
    };
    storm(&etcd, seconds(25))
        .await
        .expect("nothing acknowledged is lost");
}

#[tokio::test]
async fn etcd_catches_up() {
    let Some(etcd) = peer("etcd_catches_up") else {
        return;
    };
    // More than its log keeps, so that it needs a snapshot as well.
    catch_up(&etcd, 20_000, &[])
        .await
        .expect("the member catches up");
}

/// One second, and an election: twice the default election time-out, as a vote may have to be repeated.
const RESTART: Duration = Duration::from_millis(1000 + 2 * 1000);

#[tokio::test]
async fn keelson_survives_a_storm() {
    let storm = storm(&keelson!(), seconds(60)).await;
    let (member, all) = storm.expect("nothing acknowledged is lost");
    assert!(member < RESTART, "one member took {member:?}");
    assert!(all < RESTART, "all members took {all:?}");
}

#[tokio::test]
async fn keelson_catches_up() {
    let caught_up = catch_up(&keelson!(), 100_000, &[]).await;
    caught_up.expect("the member catches up");
}

/// So little of the log is kept that the member must be sent a snapshot.
#[tokio::test]
async fn keelson_catches_up_by_snapshot() {
    let flags = ["--snapshot-count=1000", "--snapshot-catchup-entries=100"];
    let caught_up = catch_up(&keelson!(), 20_000, &flags).await;
    caught_up.expect("the member catches up");
}
