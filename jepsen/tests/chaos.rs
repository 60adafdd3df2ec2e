//! A minute of faults against real processes: three short runs with other loads and faults, of which nothing but
//! *pass* is good.
//!
//! Each has a seed that nobody has seen before and prints it together with the command that repeats it;
//! `KEELSON_SEED=7` gives the seed of the first, and `KEELSON_CHAOS_SECONDS` makes all of them longer. What the host
//! cannot do is left out, and that is said: `SKIPPED`. A verdict of *unknown* fails as well. It is rare, because a
//! run goes on until each kind of fault has had its turn, and watches of all keys until they have seen everything.

use keelson_kit::check::{Check, holds, some};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds of all runs together.
const SECONDS: u64 = 60;
/// A run in which too little fits proves nothing.
const LEAST_SECONDS: u64 = 20;

/// Loads, and faults with what each needs of the host.
type Run = (&'static str, &'static [(&'static str, &'static str)]);

const RUNS: [Run; 3] = [
    (
        "register,watch",
        &[("kill", "root"), ("pause", "root"), ("partition", "cuts")],
    ),
    (
        "lease,set",
        &[("power-all", "power-loss"), ("kill-all", "root")],
    ),
    (
        "txn,append",
        &[
            ("stall", "images"),
            ("kill-majority", "root"),
            ("flap", "cuts"),
        ],
    ),
];

/// Past the capture of output: seeds and what was left out are seen in the log of every run.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "chaos: {text}");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn suite() -> Command {
    Command::new(env!("CARGO_BIN_EXE_keelson-jepsen"))
}

/// The server, which is built by the same command as this test: all of the workspace.
fn server() -> Check<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_keelson-jepsen")).with_file_name("keelson");
    let what = format!("{} was built: cargo build -p keelson", program.display());
    holds(&what, program.exists())?;
    Ok(program)
}

/// What the host can do, by name.
fn capabilities() -> Check<Vec<String>> {
    let output = suite().args(["doctor", "-o", "json"]).output()?;
    let said: Value = serde_json::from_slice(&output.stdout)?;
    let findings = some("findings", said["findings"].as_array())?;
    let works = findings.iter().filter(|one| one["works"] == true);
    Ok(works
        .filter_map(|one| Some(one["capability"].as_str()?.to_owned()))
        .collect())
}

/// The faults that can be done; says which cannot.
fn possible(faults: &[(&'static str, &str)], host: &[String]) -> Vec<&'static str> {
    let (can, cannot): (Vec<_>, Vec<_>) = faults
        .iter()
        // To kill and to pause one needs nothing.
        .partition(|(_, need)| *need == "root" || host.iter().any(|one| one == need));
    for (fault, need) in cannot {
        say(&format!(
            "SKIPPED: {fault}: this host lacks {need} (keelson-jepsen doctor says why)"
        ));
    }
    can.iter().map(|(fault, _)| *fault).collect()
}

fn run(loads: &str, faults: &str, seconds: u64, seed: u64, out: &Path) -> Check {
    let mut command = suite();
    command.args(["run", "--workload", loads, "--nemesis", faults]);
    command.args([
        "--time",
        &format!("{seconds}s"),
        "--seed",
        &seed.to_string(),
    ]);
    command.arg("--program").arg(server()?);
    say(&format!(
        "keelson-jepsen run --workload {loads} --nemesis {faults} --time {seconds}s --seed {seed}"
    ));
    let output = command.arg("--out").arg(out).output()?;
    if output.status.success() {
        return Ok(());
    }
    // What is needed to see why stays; a run that passed leaves nothing.
    let kept = std::env::temp_dir().join(format!("keelson-chaos-{seed}"));
    let moved = Command::new("cp").arg("-r").arg(out).arg(&kept).status()?;
    let what = format!(
        "the verdict is pass; history and logs are in {} (copied: {moved})\n{}\n{}",
        kept.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    holds(&what, false)
}

#[test]
fn a_minute_of_chaos_breaks_no_promise() {
    let all = || -> Check {
        let seconds = number("KEELSON_CHAOS_SECONDS").unwrap_or(SECONDS) / RUNS.len() as u64;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let first = number("KEELSON_SEED").unwrap_or(now);
        let host = capabilities()?;
        let scratch = tempfile::tempdir()?;
        for (nth, (loads, faults)) in RUNS.iter().enumerate() {
            let faults = possible(faults, &host).join(",");
            let out = scratch.path().join(nth.to_string());
            run(
                loads,
                &faults,
                seconds.max(LEAST_SECONDS),
                first + nth as u64,
                &out,
            )?;
        }
        Ok(())
    };
    all().expect("all runs pass");
}
