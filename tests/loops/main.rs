//! The control loops while the member that runs them is killed, paused, cut off, or not the only one who
//! runs them: whatever happens, every revision of the whole history keeps the rules.
//!
//! | file | what |
//! |---|---|
//! | `work` | what users do meanwhile |
//! | `killed` | the leader is killed and paused |
//! | `cut` | the leader is cut off, on hosts (`hosts`) whose wires are cut |
//! | `owners` | all members run the loops at one time, and go on when their term has ended |
//! | `replaced` | how soon a Pod is replaced that is deleted while the leader dies |
//! | `storm` | a cluster, from its start to the judgement of its history |
//! | `wrong` | histories that the judge (`keelson_kit::kubernetes::judge`) refuses |
//!
//! `KEELSON_LOOPS_SECONDS=600` makes each of the four longer.

mod cut;
mod hosts;
mod killed;
mod owners;
mod replaced;
mod storm;
mod work;
mod wrong;

use keelson_kit::check::{Check, holds};
use keelson_kit::kubernetes::{Recorder, judge};
use std::path::Path;
use std::time::Duration;
use tokio::sync::RwLock;

const MEMBERS: usize = 3;
const NODES: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever measures time has the machine for itself.
static MACHINE: RwLock<()> = RwLock::const_new(());

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_keelson"))
}

/// How long a test goes on: as it says itself, if the environment says nothing else.
fn length(otherwise: Duration) -> Duration {
    let given = std::env::var("KEELSON_LOOPS_SECONDS").ok();
    given.map_or(otherwise, |text| {
        Duration::from_secs(text.parse().expect("seconds"))
    })
}

/// Judges what was recorded. Returns what there was to judge.
fn judged(recorder: &Recorder, rounds: usize) -> Check<judge::Seen> {
    let changes = recorder.changes();
    let (seen, violations) = judge::judge(&changes);
    println!("{rounds} rounds, {} changes, {seen:?}", changes.len());
    holds(&format!("{violations:?}"), violations.is_empty())?;
    holds("the Lease was written", seen.renewals > 0)?;
    holds(
        "Pods were created and bound",
        seen.pods > 40 && seen.bound > 40,
    )?;
    Ok(seen)
}
