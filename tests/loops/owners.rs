//! Every member runs the loops at one time, whoever leads, and goes on in a term that has ended until it is
//! told: what should never happen does no harm.

use super::storm::{PAUSE, outlive};
use super::{PATIENCE, length, work};
use keelson_kit::check::{Check, holds, some};
use keelson_kit::dev::Dev;
use keelson_kit::kubectl::Kubectl;
use keelson_kit::metrics::metric;
use keelson_kit::process::signal;
use keelson_kit::wait::wait_until;
use std::time::{Duration, Instant};

const LENGTH: Duration = Duration::from_secs(4);
const FENCED: &str = "keelson_loop_writes_fenced_total";
const STALE: &str = "keelson_loop_writes_stale_total";

/// The sum of a counter over the members.
async fn sum(dev: &Dev, name: &str) -> Check<f64> {
    let mut sum = 0.0;
    for endpoint in dev.endpoints() {
        sum += metric(&endpoint, name).await?;
    }
    Ok(sum)
}

async fn storm(dev: &Dev, kubectl: &Kubectl) -> Check<usize> {
    work::begin(kubectl).await?;
    let (began, mut round) = (Instant::now(), 0);
    while round < 2 || began.elapsed() < length(LENGTH) {
        let (_, pid) = some("a leader", dev.leader().await?)?;
        signal(pid, libc::SIGSTOP);
        let struck = async {
            tokio::time::sleep(PAUSE).await;
            signal(pid, libc::SIGCONT);
        };
        let ((), changed) = tokio::join!(struck, work::change(kubectl, round));
        changed?;
        round += 1;
        dev.has_leader().await?;
    }
    work::are_done(kubectl, round).await?;
    Ok(round)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_owners_of_the_loops_do_nothing_twice_and_their_late_writes_are_counted() {
    let test =
        "owners::many_owners_of_the_loops_do_nothing_twice_and_their_late_writes_are_counted";
    let run = async {
        let everywhere = ["--", "--unsafe-loops-everywhere"];
        let Some(outlived) = outlive(test, &everywhere, storm).await? else {
            return Ok(());
        };
        let dev = &outlived.dev;
        wait_until(
            "late writes are counted, for either reason",
            PATIENCE,
            || async {
                let (fenced, stale) = (sum(dev, FENCED).await, sum(dev, STALE).await);
                fenced.is_ok_and(|count| count > 0.0) && stale.is_ok_and(|count| count > 0.0)
            },
        )
        .await?;
        let (fenced, stale) = (sum(dev, FENCED).await?, sum(dev, STALE).await?);
        println!("refused: {fenced} writes of terms that had ended, {stale} of an older state");
        holds("somebody was late", fenced > 0.0 && stale > 0.0)
    };
    Box::pin(run).await.expect("they do no harm");
}
