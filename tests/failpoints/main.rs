//! Members die at every failpoint, come back, and nothing that was promised is lost.
//!
//! A cluster of real processes works: writers of unique values, leases, compactions, watches that follow and
//! watches that catch up. For each failpoint a scene leads a member there, it kills itself, and is started again.
//! A member that dies elsewhere, or does not come back, fails the suite, and so does a failpoint to which nobody
//! came. At the end every acknowledged write is in the history, the members have one hash, and each watch has
//! seen each event once.
//!
//! `make test` takes one slice of all failpoints, another one each hour; `KEELSON_FAILPOINTS_SLICE=n` chooses one,
//! `KEELSON_FAILPOINTS_ALL=1` takes all, and `KEELSON_FAILPOINTS_ONLY=name,name` those.
//!
//! | file | what |
//! |---|---|
//! | `plan` | which failpoint is reached how, and which are tried |
//! | `stage` | the members, what is switched on at them, who has died |
//! | `load`, `watchers` | what they do meanwhile |
//! | `scene`, `growth`, `founding`, `restore` | how members are led to failpoints |
//!
//! What never happens here: a second try. What a scene leads to happens, or the suite fails.

mod founding;
mod growth;
mod load;
mod plan;
mod restore;
mod scene;
mod stage;
mod watchers;

use keelson_kit::check::{Check, holds};
use keelson_kit::request::{put, watch};
use keelson_kit::wait::wait_until;
use keelson_kit::watching::WatchStream;
use keelson_store::faults::{reach, reach_or_fail, switch_on};
use plan::{Way, chosen};
use stage::Stage;
use std::time::Instant;

/// Leads members to every chosen failpoint that is reached while a cluster works, and judges what is left.
async fn at_work(size: usize) -> Check {
    let points = chosen(|way| way.works() && (size > 1 || !way.needs_peers()));
    let mut stage = Stage::open(size).await?;
    let mut failures = Vec::new();
    for (point, way) in &points {
        let began = Instant::now();
        let mut outcome = scene::play(&mut stage, point, *way).await;
        println!("{size} members, {point}: {:.1?}", began.elapsed());
        if outcome.is_ok() && plan::fails(point) && matches!(way, Way::Work | Way::Lag) {
            outcome = scene::fail(&mut stage, point, *way).await;
            println!(
                "{size} members, an error at {point}: {:.1?}",
                began.elapsed()
            );
        }
        let Err(failure) = outcome else { continue };
        println!(
            "{size} members, {point}: {failure}\n{}",
            stage.cluster.tails()
        );
        failures.push(*point);
        // The others are still worth a try, if the members come back.
        let everyone: Vec<_> = stage.members().collect();
        stage.recover(&everyone).await?;
    }
    match stage.close().await {
        Ok(verdict) => println!("{size} members, {} deaths: {verdict:?}", points.len()),
        Err((failure, tails)) => panic!("{size} members, after {points:?}: {failure}\n{tails}"),
    }
    holds(
        &format!("all went well at {failures:?}"),
        failures.is_empty(),
    )
}

#[tokio::test]
async fn three_members_come_back_from_wherever_they_die() {
    at_work(3).await.expect("nothing is lost");
}

#[tokio::test]
async fn a_single_member_comes_back_from_wherever_it_dies() {
    at_work(1).await.expect("nothing is lost");
}

#[tokio::test]
async fn members_that_die_while_they_are_founded_are_founded_again() {
    for (point, _) in chosen(|way| way == Way::Founding) {
        for size in [1, 3] {
            let founded = founding::play(point, size).await;
            founded.unwrap_or_else(|failure| panic!("{size} members, {point}: {failure}"));
        }
    }
}

#[tokio::test]
async fn a_restore_that_dies_leaves_nothing_that_looks_whole() {
    let points = chosen(|way| way == Way::Restore);
    restore::play(&points).await.expect("restored at last");
}

/// A program that ships ends with its first panic.
#[tokio::test]
async fn a_panic_in_one_task_ends_the_whole_member() {
    let mut cluster = stage::prepare(1).expect("a directory");
    cluster.restart(0).expect("it starts");
    cluster.ready(0).await.expect("it serves");
    let client = cluster.client().expect("an address");
    let watcher = WatchStream::open(&client);
    watcher.ask(watch("key")).expect("a stream");
    stage::switch(&cluster, 0, "watch-before-send=panic").expect("a file");
    let put = client.put(put("key", "")).await;
    wait_until("the member is gone", stage::REACHED, || {
        let runs = cluster.runs(0);
        async move { !runs }
    })
    .await
    .unwrap_or_else(|late| panic!("{late}: {put:?}\n{}", cluster.tails()));
}

/// In a process of its own: what is switched on is the process's.
#[test]
fn failpoints_act_when_they_are_told_to_and_as_long() {
    let place = || reach_or_fail("segment-created");
    place().expect("nothing is switched on");
    switch_on("segment-created=error@2").expect("understood");
    let outcomes = [place(), place(), place()].map(|outcome| outcome.is_ok());
    assert_eq!(outcomes, [true, false, true], "the second time only");
    switch_on("segment-created=error").expect("understood");
    assert!(place().is_err() && place().is_err(), "each time");
    switch_on("wal-after-sync=pause").expect("understood");
    std::thread::scope(|scope| {
        let paused = scope.spawn(|| reach("wal-after-sync"));
        switch_on("wal-after-sync=off;segment-created=off").expect("understood");
        paused.join().expect("it goes on");
    });
    place().expect("nothing is switched on any more");
    switch_on("wal-after-sync=error").expect_err("nobody is told of an error there");
}

#[test]
fn every_failpoint_has_a_way_that_leads_to_it() {
    for point in keelson_store::faults::POINTS {
        plan::way(point.name);
    }
}
