//! The member that runs the loops is cut off: from the other members in both directions or in one, and from
//! its clients, too.

use super::hosts::{Cut, Hosts};
use super::{MACHINE, PATIENCE, judged, length, work};
use keelson_kit::check::{Check, Failure, holds, some};
use keelson_kit::kubectl::programs;
use keelson_kit::kubernetes::Recorder;
use keelson_kit::net;
use keelson_kit::wait::wait_until;
use std::time::{Duration, Instant};

/// Each form at least once, however long that takes.
const LENGTH: Duration = Duration::ZERO;

/// Cuts the leader off until another member leads and what users do is taken, and waits until it has caught
/// up. Returns after how long another one led.
async fn strike(hosts: &Hosts, cut: Cut, round: usize) -> Check<Duration> {
    let (old, term) = some("a leader", hosts.leader().await)?;
    hosts.cut(old, cut)?;
    let began = Instant::now();
    let struck = async {
        let (new, term) = hosts.later_leader(term).await?;
        let led = began.elapsed();
        let what = format!("whether clients reach m{} follows from {cut:?}", old + 1);
        holds(&what, hosts.answers(old).await == (cut != Cut::Everything))?;
        println!(
            "{cut:?}: m{} leads in term {term} instead of m{} after {led:.2?}",
            new + 1,
            old + 1
        );
        Check::Ok(led)
    };
    let (struck, changed) = tokio::join!(struck, work::change(&hosts.kubectl, round));
    hosts.heal()?;
    let led = struck?;
    changed?;
    wait_until("all members are of one mind again", PATIENCE, || async {
        are_of_one_mind(hosts).await.unwrap_or(false)
    })
    .await?;
    Ok(led)
}

async fn are_of_one_mind(hosts: &Hosts) -> Check<bool> {
    let mut seen = Vec::new();
    for host in 0..hosts.endpoints.len() {
        let status = hosts.client.member(host).status().await?;
        seen.push((status.leader, status.raft_term));
    }
    Ok(seen[0].0 != 0 && seen.iter().all(|one| *one == seen[0]))
}

async fn storm(hosts: &Hosts) -> Check<usize> {
    work::begin(&hosts.kubectl).await?;
    let (began, mut round) = (Instant::now(), 0);
    while round < Cut::ALL.len() || began.elapsed() < length(LENGTH) {
        strike(hosts, Cut::ALL[round % Cut::ALL.len()], round).await?;
        round += 1;
    }
    work::are_done(&hosts.kubectl, round).await?;
    Ok(round)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_changes_nothing_about_the_rules() {
    let test = "cut::a_leader_that_is_cut_off_changes_nothing_about_the_rules";
    let _beside_others = MACHINE.read().await;
    let run = async {
        // Outside, so that it can be fetched.
        let Some(programs) = programs(test, None)? else {
            return Ok(());
        };
        if !net::enter(test)? {
            return Ok(());
        }
        let hosts = Hosts::start(&programs).await?;
        let recorder = Recorder::start(&hosts.endpoints)?;
        let rounds = storm(&hosts).await;
        let told = |failure| Failure::new(format!("{failure}\n{}", hosts.tails()));
        let rounds = rounds.map_err(told)?;
        recorder.catches_up(&hosts.client).await?;
        let seen = judged(&recorder, rounds)?;
        holds("each cut cost the lead", seen.terms > rounds)
    };
    Box::pin(run).await.expect("the loops go on");
}
