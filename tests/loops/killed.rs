//! The member that runs the loops is killed and paused.

use super::record::Recorder;
use super::{MACHINE, MEMBERS, NODES, judged, length, program, work};
use keelson_kit::check::{Check, Failure, holds};
use keelson_kit::client::Client;
use keelson_kit::dev::Dev;
use keelson_kit::kubectl::{Kubectl, programs};
use keelson_kit::process::signal;
use std::time::{Duration, Instant};

const LENGTH: Duration = Duration::from_secs(8);
/// A leader that is paused this long has been replaced.
const PAUSE: Duration = Duration::from_secs(2);

/// Kills the leader, or pauses it until another one leads.
async fn strike(dev: &Dev, round: usize) -> Check {
    let Some((_, pid)) = dev.leader().await? else {
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

async fn storm(dev: &Dev, kubectl: &Kubectl) -> Check<usize> {
    work::begin(kubectl).await?;
    let (began, mut round) = (Instant::now(), 0);
    while began.elapsed() < length(LENGTH) {
        let (changed, struck) = tokio::join!(work::change(kubectl, round), strike(dev, round));
        changed?;
        struck?;
        round += 1;
        dev.has_leader().await?;
    }
    work::are_done(kubectl, round).await?;
    Ok(round)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_the_leader_every_revision_keeps_the_rules() {
    let test = "killed::whatever_becomes_of_the_leader_every_revision_keeps_the_rules";
    let run = async {
        let Some(programs) = programs(test, None)? else {
            return Ok(());
        };
        let _beside_others = MACHINE.read().await;
        let flags = ["--restart", "--nodes", &NODES.to_string()];
        let dev = Dev::start(program(), MEMBERS, &flags).await?;
        let kubectl = Kubectl::new(&programs, dev.kubeconfig()?, "keelson-dev", MEMBERS);
        let recorder = Recorder::start(&dev.endpoints())?;
        let rounds = storm(&dev, &kubectl).await;
        let told = |failure| Failure::new(format!("{failure}\n{}", dev.tails()));
        let rounds = rounds.map_err(told)?;
        recorder.catches_up(&Client::new(&dev.endpoints())?).await?;
        let seen = judged(&recorder, rounds)?;
        holds("loops ran in several terms", seen.terms >= 3)
    };
    Box::pin(run).await.expect("the loops go on");
}
