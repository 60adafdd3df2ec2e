//! The control loops while the member that runs them is killed and paused: whatever happens, every revision
//! of the whole history keeps the rules.
//!
//! `KEELSON_LOOPS_SECONDS=600` makes it longer.

mod cluster;
mod judge;
mod record;
mod wrong;

use cluster::Cluster;
use keelson_kit::check::{Check, Failure, holds};
use keelson_kit::kubectl::programs;
use keelson_kit::process::signal;
use keelson_kit::wait::wait_until;
use record::Recorder;
use std::time::{Duration, Instant};

const NODES: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);
/// A leader that is paused this long has been replaced.
const PAUSE: Duration = Duration::from_secs(2);

fn length() -> Duration {
    let given = std::env::var("KEELSON_LOOPS_SECONDS").ok();
    Duration::from_secs(given.map_or(15, |text| text.parse().expect("seconds")))
}

/// Kills the leader, or pauses it until another one leads.
async fn strike(cluster: &Cluster, round: usize) -> Check {
    let Some((_, pid)) = cluster.dev.leader().await? else {
        return Ok(());
    };
    if round % 3 == 2 {
        signal(pid, libc::SIGSTOP);
        tokio::time::sleep(PAUSE).await;
        signal(pid, libc::SIGCONT);
    } else {
        signal(pid, libc::SIGKILL);
    }
    Ok(())
}

/// What users do in one round, while the leader is struck.
async fn change(cluster: &Cluster, round: usize) -> Check {
    let image = format!("c=nginx:1.{round}");
    let replicas = format!("--replicas={}", [12, 8, 15, 10][round % 4]);
    let job = format!("job-{round}");
    cluster
        .kubectl(&["set", "image", "deployment/web", &image])
        .await?;
    cluster
        .kubectl(&["scale", "deployment/free", &replicas])
        .await?;
    let made = cluster
        .kubectl(&["create", "job", &job, "--image=x", "--", "true"])
        .await;
    // Asked twice, because nobody knew what became of the first request.
    match made {
        Err(failure) if !failure.to_string().contains("already exists") => Err(failure),
        _ => Ok(()),
    }
}

async fn are_done(cluster: &Cluster, rounds: usize) -> Check {
    for deployment in ["deployment/web", "deployment/free"] {
        let arguments = ["rollout", "status", deployment, "--timeout=15s"];
        cluster.kubectl(&arguments).await?;
    }
    for round in 0..rounds {
        let job = format!("job/job-{round}");
        let arguments = ["wait", "--for=condition=complete", &job, "--timeout=15s"];
        cluster.kubectl(&arguments).await?;
    }
    Ok(())
}

async fn storm(cluster: &Cluster, recorder: &Recorder) -> Check<usize> {
    for name in ["web", "free"] {
        let image = "--image=nginx:1.0";
        cluster
            .kubectl(&["create", "deployment", name, image, "--replicas=10"])
            .await?;
        let all_containers = format!("deployment/{name}");
        let patch =
            r#"[{"op":"replace","path":"/spec/template/spec/containers/0/name","value":"c"}]"#;
        cluster
            .kubectl(&["patch", &all_containers, "--type=json", "-p", patch])
            .await?;
    }
    are_done(cluster, 0).await?;
    let (began, mut round) = (Instant::now(), 0);
    while began.elapsed() < length() {
        let (changed, struck) = tokio::join!(change(cluster, round), strike(cluster, round));
        changed?;
        struck?;
        round += 1;
        cluster.dev.has_leader().await?;
    }
    are_done(cluster, round).await?;
    let last = recorder.changes().last().map_or(0, |last| last.revision);
    holds("the history is whole", last > 0)?;
    Ok(round)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_the_leader_every_revision_keeps_the_rules() {
    let run = async {
        let test = "whatever_becomes_of_the_leader_every_revision_keeps_the_rules";
        let Some(programs) = programs(test, None)? else {
            return Ok(());
        };
        let cluster = Cluster::start(&programs, NODES).await?;
        let recorder = Recorder::start(&cluster.dev.endpoints())?;
        let rounds = storm(&cluster, &recorder)
            .await
            .map_err(|failure| Failure::new(format!("{failure}\n{}", cluster.dev.tails())))?;
        let changes = recorder.changes();
        let (seen, violations) = judge::judge(&changes);
        println!("{rounds} rounds, {} changes, {seen:?}", changes.len());
        holds(&format!("{violations:?}"), violations.is_empty())?;
        holds("loops ran in several terms", seen.terms >= 3)?;
        holds(
            "Pods were created and bound",
            seen.pods > 40 && seen.bound > 40,
        )
    };
    Box::pin(run).await.expect("the loops go on");
}

/// Kills the leader and deletes a Pod at the same moment. Returns how long it took from the kill until
/// another Pod was there in its place: an election, the deletion, the look of a loop.
async fn replace(cluster: &Cluster, recorder: &Recorder) -> Check<Duration> {
    let names = ["get", "pods", "-l", "app=web", "-o", "name"];
    let names = cluster.kubectl(&names).await?;
    let Some(pod) = names.lines().next() else {
        return Err(Failure::new("there is no Pod"));
    };
    let Some((_, pid)) = cluster.dev.leader().await? else {
        return Err(Failure::new("there is no leader"));
    };
    let killed = Instant::now();
    signal(pid, libc::SIGKILL);
    let gone = ["delete", pod, "--wait=false", "--grace-period=0", "--force"];
    cluster.kubectl(&gone).await?;
    let is_new = |change: &record::Change| {
        let created = change.object.as_ref().is_some_and(|pod| {
            pod.pointer("/spec/nodeName").is_none()
                && pod
                    .pointer("/metadata/labels/app")
                    .is_some_and(|app| app == "web")
        });
        change.key.starts_with("/registry/pods/") && created
    };
    let mut took = Duration::ZERO;
    wait_until("another Pod is there", PATIENCE, || {
        let at = recorder.first(killed, is_new);
        took = at.map_or(Duration::ZERO, |at| at - killed);
        async move { at.is_some() }
    })
    .await?;
    let done = ["rollout", "status", "deployment/web", "--timeout=30s"];
    cluster.kubectl(&done).await?;
    Ok(took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_deleted_while_the_leader_dies_is_replaced_within_two_seconds() {
    const ROUNDS: usize = 6;
    let run = async {
        let test = "a_pod_deleted_while_the_leader_dies_is_replaced_within_two_seconds";
        let Some(programs) = programs(test, None)? else {
            return Ok(());
        };
        let cluster = Cluster::start(&programs, 2).await?;
        let recorder = Recorder::start(&cluster.dev.endpoints())?;
        cluster
            .kubectl(&["create", "deployment", "web", "--image=x", "--replicas=5"])
            .await?;
        cluster
            .kubectl(&["rollout", "status", "deployment/web", "--timeout=30s"])
            .await?;
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            cluster.dev.has_leader().await?;
            took.push(replace(&cluster, &recorder).await?);
        }
        took.sort();
        println!("replaced after {took:?}");
        let slowest = took.last().copied().unwrap_or_default();
        holds(&format!("{took:?}"), slowest <= Duration::from_secs(2))
    };
    Box::pin(run).await.expect("it is replaced");
}
