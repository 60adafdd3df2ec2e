//! Whole clusters in one process, on simulated disks, networks and time: `docs/simulation.md` tells how
//! it works and what it cannot see.
//!
//! | file | what |
//! |---|---|
//! | `plan` | what a seed decides before anything runs |
//! | `run` | one seed: trouble, health, reckoning |
//! | `sweep`, `ledger`, `tally` | many seeds, each in its own process, and what all of them were |
//! | `member`, `lanes`, `shelf` | a member's lives, and what outlives them |
//! | `wires` | connections between hosts |
//! | `client`, `ask`, `watcher` | what clients do |
//! | `asked` | what they ask and are told |
//! | `chronicle` | what the store has been |
//! | `history`, `leases`, `watches` | whether the answers can be true |
//! | `trouble` | what goes wrong |
//! | `operator` | who belongs to the cluster |
//! | `inspect`, `image`, `rules` | what must hold at every moment |
//! | `entropy`, `trace` | that a seed decides everything, and how that is seen |
//!
//! It is the one crate of tests that looks into the store, because some promises cannot be seen from
//! outside before it is too late: what is committed is on a quorum of disks. What never happens here: a
//! real clock, a second thread, a random number that the seed did not make.

mod ask;
mod asked;
mod chronicle;
mod client;
mod entropy;
mod history;
mod image;
mod inspect;
mod lanes;
mod leases;
mod ledger;
mod member;
mod operator;
mod plan;
mod rules;
mod run;
mod shelf;
mod sweep;
mod tally;
mod trace;
mod trouble;
mod watcher;
mod watches;
mod wires;

use plan::{Plan, Planted};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: keelson-sim --seeds N [--from S] [--jobs N] [--plant BUG] [--ledger FILE --label COMMIT]
       keelson-sim --seed S [--plant BUG] [--trace] [--log FILTER]
";

/// Code that is hardly optimised needs room.
const STACK_BYTES: usize = 64 << 20;

/// What the command line says.
#[derive(Default)]
struct Options {
    seed: Option<u64>,
    seeds: Option<u64>,
    from: u64,
    jobs: Option<usize>,
    planted: Option<(String, Planted)>,
    trace: bool,
    log: Option<String>,
    ledger: Option<PathBuf>,
    label: String,
}

fn options() -> Option<Options> {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--trace" => options.trace = true,
            "--seed" => options.seed = Some(words.next()?.parse().ok()?),
            "--seeds" => options.seeds = Some(words.next()?.parse().ok()?),
            "--from" => options.from = words.next()?.parse().ok()?,
            "--jobs" => options.jobs = Some(words.next()?.parse().ok()?),
            "--ledger" => options.ledger = Some(words.next()?.into()),
            "--label" => options.label = words.next()?,
            "--log" => options.log = Some(words.next()?),
            "--plant" => {
                let name = words.next()?;
                let bug = Planted::named(&name)?;
                options.planted = Some((name, bug));
            }
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        return usage();
    };
    match (options.seed, options.seeds) {
        (Some(seed), None) => one(seed, &options),
        (None, Some(seeds)) => many(seeds, options),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprint!("{USAGE}       BUG:");
    for (name, _) in Planted::ALL {
        eprint!(" {name}");
    }
    eprintln!();
    ExitCode::from(2)
}

fn many(seeds: u64, options: Options) -> ExitCode {
    let sweep = sweep::Sweep {
        from: options.from,
        seeds,
        jobs: options.jobs.unwrap_or(1).max(1),
        planted: options.planted,
        label: options.label,
        ledger: options.ledger.map(ledger::Ledger::new),
    };
    match sweep.run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("keelson-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Where the few real files of a run lie: in memory, if the system has such a place. What a process of the same
/// number left there when it was killed is removed.
fn scratch() -> std::io::Result<PathBuf> {
    let memory = PathBuf::from("/dev/shm");
    let root = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    let scratch = root.join(format!("keelson-sim-{}", std::process::id()));
    match std::fs::remove_dir_all(&scratch) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(scratch),
    }
}

/// Does something on a thread that has done nothing else. How a thread's hash maps are ordered follows from how many of
/// them it has made, and logs are kept with some: on a thread of its own a seed is the same run with and without
/// a log.
fn alone<T: Send>(what: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, what);
        let thread = thread.map_err(|error| format!("there is no thread: {error}"))?;
        let panic = |_| run::panicked().unwrap_or_default();
        thread.join().map_err(panic)
    })
}

fn one(seed: u64, options: &Options) -> ExitCode {
    if let Some(filter) = &options.log {
        tracing_subscriber::fmt()
            .with_env_filter(filter.as_str())
            .with_writer(std::io::stderr)
            .without_time()
            .init();
    }
    let mut plan = Plan::of(seed);
    plan.planted = options.planted.as_ref().map(|(_, bug)| *bug);
    println!("{plan:?}");
    let scratch = match scratch() {
        Ok(scratch) => scratch,
        Err(error) => {
            eprintln!("keelson-sim: an old run's files cannot be removed: {error}");
            return ExitCode::FAILURE;
        }
    };
    entropy::seed(seed);
    let report = alone(|| run::run(&plan, &scratch, options.trace));
    let _ = std::fs::remove_dir_all(&scratch);
    let report = match report {
        Ok(report) => report,
        Err(panic) => {
            println!("BROKEN: the simulation itself: {panic}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", report.tally.line());
    println!("trace {:016x} of {} lines", report.trace, report.lines);
    match report.broken {
        None => ExitCode::SUCCESS,
        Some(broken) => {
            println!("BROKEN: {broken}");
            println!("again: keelson-sim --seed {seed} --trace --log info");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    #[test]
    fn what_a_killed_run_left_is_no_members_past() {
        let left = super::scratch().unwrap().join("n1-0/wal");
        fs::create_dir_all(&left).unwrap();
        let scratch = super::scratch().unwrap();
        assert!(!scratch.exists());
    }
}
