//! How long clients notice that a leader goes, and that a leader who was away tells no old tales.

use keelson_kit::check::{Check, holds, same, some};
use keelson_kit::client::Client;
use keelson_kit::cluster::Cluster;
use keelson_kit::crash::verdict::conclude;
use keelson_kit::crash::writer::Writers;
use keelson_kit::keelson;
use keelson_kit::request::{get, put};
use keelson_kit::wait::{wait_for, wait_until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(60);

/// Writes without pause through every member, and the moments of the acknowledgements.
struct Pulse {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<Instant>>>,
}

impl Pulse {
    fn start(cluster: &Cluster) -> Check<Pulse> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for i in 0..cluster.size() {
            let (client, stop) = (cluster.client_of(i)?, Arc::clone(&stop));
            tasks.push(tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let write = client.put(put(format!("pulse/{i}"), number.to_string()));
                    match tokio::time::timeout(Duration::from_secs(3), write).await {
                        Ok(Ok(_)) => acknowledged.push(Instant::now()),
                        _ => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
                acknowledged
            }));
        }
        Ok(Pulse { stop, tasks })
    }

    /// The longest time without any acknowledgement since `from`.
    async fn longest_gap(self, from: Instant) -> Check<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let mut moments = Vec::new();
        for task in self.tasks {
            moments.extend(task.await?);
        }
        moments.sort();
        let gaps = moments.windows(2).filter(|pair| pair[1] >= from);
        let longest = gaps.map(|pair| pair[1] - pair[0]).max();
        some("acknowledgements after the leader went", longest)
    }
}

/// Waits until a leader of a later term takes writes from every member but `gone`.
async fn recovered(cluster: &Cluster, gone: usize, term: u64) -> Check<u64> {
    let now = wait_for("there is a new leader", PATIENCE, || async {
        let (_, now) = cluster.leader().await.ok()?;
        (now > term).then_some(now)
    })
    .await?;
    for i in (0..cluster.size()).filter(|i| *i != gone) {
        cluster.client_of(i)?.put(put("recovered", "")).await?;
    }
    Ok(now)
}

#[tokio::test]
async fn a_killed_leader_is_replaced_within_500_ms() {
    let cluster = Cluster::start(&keelson!(), 3, &[]).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let mut gaps = Vec::new();
        for _ in 0..5 {
            let (leads, term) = cluster.leader().await?;
            let pulse = Pulse::start(&cluster)?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let killed = Instant::now();
            cluster.kill(leads);
            recovered(&cluster, leads, term).await?;
            gaps.push(pulse.longest_gap(killed).await?);
            cluster.restart(leads)?;
            cluster.ready(leads).await?;
        }
        println!("no acknowledgement for, after SIGKILL of the leader: {gaps:?}");
        let limit = Duration::from_millis(500);
        holds(
            &format!("all below {limit:?}: {gaps:?}"),
            gaps.iter().all(|gap| *gap < limit),
        )
    };
    Box::pin(run).await.expect("the leader is replaced");
}

#[tokio::test]
async fn a_leader_that_is_told_to_stop_hands_over_first() {
    let cluster = Cluster::start(&keelson!(), 3, &[]).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let mut seen = Vec::new();
        for _ in 0..5 {
            let (leads, term) = cluster.leader().await?;
            let pulse = Pulse::start(&cluster)?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let told = Instant::now();
            cluster.stop(leads).await?;
            let stopped = told.elapsed();
            let now = recovered(&cluster, leads, term).await?;
            seen.push((stopped, pulse.longest_gap(told).await?, now - term));
            cluster.restart(leads)?;
            cluster.ready(leads).await?;
        }
        println!("after SIGTERM of the leader (stopped after, gap, terms): {seen:?}");
        for (stopped, gap, terms) in seen {
            holds("stops within 1.5 s", stopped < Duration::from_millis(1500))?;
            holds(
                "a new leader within 500 ms",
                gap < Duration::from_millis(500),
            )?;
            holds("one term further", terms == 1)?;
        }
        Ok::<_, keelson_kit::check::Failure>(())
    };
    Box::pin(run).await.expect("leadership is handed over");
}

/// Counts up one key through the members that run, so that any read can be judged.
fn count(client: Client, acknowledged: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        for number in 1_u64.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let write = client.put(put("count", number.to_string()));
            match tokio::time::timeout(Duration::from_secs(3), write).await {
                Ok(Ok(_)) => acknowledged.store(number, Ordering::SeqCst),
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    })
}

/// A linearizable read; fails if it is older than what was acknowledged before it began.
async fn read(client: &Client, acknowledged: &AtomicU64) -> Check<bool> {
    let floor = acknowledged.load(Ordering::SeqCst);
    let Ok(reply) = client.range(get("count")).await else {
        return Ok(false);
    };
    let text = reply
        .kvs
        .first()
        .map(|kv| String::from_utf8_lossy(&kv.value).into_owned());
    let found: u64 = some("the counter", text)?.parse()?;
    holds(
        &format!("{found} is not older than {floor}"),
        found >= floor,
    )?;
    Ok(true)
}

#[tokio::test]
async fn a_leader_that_was_paused_reads_nothing_old_and_loses_nothing() {
    let cluster = Cluster::start(&keelson!(), 3, &[]).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let (leads, term) = cluster.leader().await?;
        let writers = Writers::start(&cluster.client()?, 6);
        let others: Vec<_> = (0..3).filter(|i| *i != leads).collect();
        let endpoints: Vec<_> = others
            .iter()
            .map(|i| cluster.endpoint(*i).to_owned())
            .collect();
        let (acknowledged, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let counter = count(
            Client::new(&endpoints)?,
            Arc::clone(&acknowledged),
            Arc::clone(&stop),
        );
        let client = cluster.client_of(leads)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        holds("reads work", read(&client, &acknowledged).await?)?;
        let paused = Instant::now();
        cluster.pause(leads);
        let before = acknowledged.load(Ordering::SeqCst);
        // What is on its way when the leader wakes is the most dangerous: it still believes to lead.
        tokio::time::sleep(Duration::from_secs(9)).await;
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let (client, acknowledged) = (client.clone(), Arc::clone(&acknowledged));
                tokio::spawn(async move { read(&client, &acknowledged).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(10).saturating_sub(paused.elapsed())).await;
        let during = acknowledged.load(Ordering::SeqCst) - before;
        holds("the others went on", during > 100)?;
        cluster.resume(leads);
        let mut answered = 0;
        for read in waiting {
            answered += usize::from(read.await??);
        }
        let resumed = Instant::now();
        let mut later = 0;
        while resumed.elapsed() < Duration::from_secs(3) {
            later += usize::from(read(&client, &acknowledged).await?);
        }
        println!(
            "paused for 10 s: {during} writes meanwhile; {answered} of 50 waiting reads and {later} later ones answered, none old"
        );
        holds("the member reads again", later > 0)?;
        let (_, now) = cluster.leader().await?;
        holds("another term", now > term)?;
        stop.store(true, Ordering::Relaxed);
        counter.await?;
        conclude(&cluster, writers).await
    };
    Box::pin(run).await.expect("nothing old is read");
}

/// For an operator who has to find one line in a night's log.
#[tokio::test]
async fn the_log_says_once_that_a_follower_is_away_and_once_that_it_is_back() {
    // Nobody else comes to lead meanwhile, however busy the machine is.
    let cluster = Cluster::start(&keelson!(), 3, &["--election-timeout=10000"]).await;
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let (leader, _) = cluster.leader().await?;
        let away = (leader + 1) % 3;
        let said = |cluster: &Cluster, words: &str| {
            let log = cluster.log(leader).unwrap_or_default();
            log.lines().filter(|line| line.contains(words)).count()
        };
        cluster.kill(away);
        wait_until("the absence is told", PATIENCE, || async {
            said(&cluster, "a member cannot be reached") > 0
        })
        .await?;
        cluster.restart(away)?;
        wait_until("the return is told", PATIENCE, || async {
            said(&cluster, "a member can be reached again") > 0
        })
        .await?;
        same("an absence", said(&cluster, "cannot be reached"), 1)?;
        same("a return", said(&cluster, "can be reached again"), 1)?;
        same("of consensus", said(&cluster, "ReplicationCore"), 0)
    };
    let outcome: Check = run.await;
    outcome.unwrap_or_else(|failure| panic!("{failure}\n{}", cluster.tails()));
}
