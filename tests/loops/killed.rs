//! The member that runs the loops is killed and paused.

use super::storm::{PAUSE, outlive};
use super::{length, work};
use keelson_kit::check::{Check, holds};
use keelson_kit::dev::Dev;
use keelson_kit::kubectl::Kubectl;
use keelson_kit::process::signal;
use std::time::{Duration, Instant};

const LENGTH: Duration = Duration::from_secs(8);

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
        let Some(outlived) = outlive(test, &[], storm).await? else {
            return Ok(());
        };
        holds("loops ran in several terms", outlived.seen.terms >= 3)
    };
    Box::pin(run).await.expect("the loops go on");
}
