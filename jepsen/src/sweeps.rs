//! What sweeps of the simulation have been: the file to which `keelson-sim --ledger` adds a line for each.

use keelson_kit::check::Check;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// One sweep. What is not told here is in the file nevertheless.
#[derive(Clone, Debug, Deserialize)]
pub struct Sweep {
    /// What was tried: the commit, as whoever ran it calls it.
    pub label: String,
    /// What was broken on purpose.
    #[serde(default)]
    pub planted: Option<String>,
    /// The first seed.
    pub from: u64,
    /// How many seeds ran.
    pub seeds: u64,
    /// Seeds that failed.
    pub violations: Vec<u64>,
    /// Simulated time, all seeds together.
    pub simulated_ms: u64,
    /// Questions of clients that were judged.
    pub asked: u64,
    /// What went wrong, by kind: how often.
    pub faults: BTreeMap<String, u64>,
}

/// All sweeps of a file, oldest first; `None` if it is none of sweeps.
///
/// # Errors
/// When it cannot be read, or says something else after a sweep.
pub fn read(file: &Path) -> Check<Option<Vec<Sweep>>> {
    let text = std::fs::read_to_string(file)?;
    let first = text.lines().next().map(serde_json::from_str::<Sweep>);
    if !matches!(first, Some(Ok(_))) {
        return Ok(None);
    }
    let sweeps = text.lines().map(serde_json::from_str);
    Ok(Some(sweeps.collect::<Result<_, _>>()?))
}

/// What they were, in words. Those of what was broken on purpose say nothing about anything else.
pub fn tell(sweeps: &[Sweep]) -> String {
    let of: Vec<_> = sweeps.iter().filter(|one| one.planted.is_none()).collect();
    let sum = |what: fn(&Sweep) -> u64| of.iter().map(|one| what(one)).sum::<u64>();
    let labels: BTreeSet<&str> = of.iter().map(|one| one.label.as_str()).collect();
    let labels: Vec<&str> = labels.into_iter().collect();
    let failed: Vec<String> = of
        .iter()
        .flat_map(|one| &one.violations)
        .map(u64::to_string)
        .collect();
    let mut text = format!(
        "**Simulation**: {} different seeds (of 10,000), {:.1} simulated hours, {} questions, of {}. Seeds that failed: {}.\n",
        different(&of),
        sum(|one| one.simulated_ms) as f64 / 3_600_000.0,
        sum(|one| one.asked),
        labels.join(", "),
        if failed.is_empty() {
            "none".to_owned()
        } else {
            failed.join(", ")
        },
    );
    let mut faults: BTreeMap<&str, u64> = BTreeMap::new();
    for (fault, times) in of.iter().flat_map(|one| &one.faults) {
        *faults.entry(fault).or_default() += times;
    }
    text.push_str("\n| fault | times |\n|---|---|\n");
    for (fault, times) in faults {
        let _ = writeln!(text, "| {fault} | {times} |");
    }
    text
}

/// How many seeds these sweeps have tried. One that was tried again, with a later commit, is no other one.
fn different(sweeps: &[&Sweep]) -> u64 {
    let mut ranges: Vec<(u64, u64)> = sweeps
        .iter()
        .map(|one| (one.from, one.from + one.seeds))
        .collect();
    ranges.sort_unstable();
    let (mut counted, mut behind) = (0, 0);
    for (from, to) in ranges {
        counted += to.saturating_sub(from.max(behind));
        behind = behind.max(to);
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"label":"abc","from":0,"seeds":500,"violations":[7],"seconds":250.5,"simulated_ms":7200000,"asked":9,"written":3,"watched":1,"snapshots":2,"faults":{"crash":4,"pause":5}}"#;

    #[test]
    fn sweeps_add_up_and_planted_bugs_do_not_count() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("sim-ledger.jsonl");
        let planted = LINE.replace(r#""from""#, r#""planted":"lost-write","from""#);
        let next = LINE.replace(r#""from":0"#, r#""from":400"#);
        std::fs::write(&file, format!("{LINE}\n{planted}\n{next}\n")).expect("written");
        let sweeps = read(&file).expect("read").expect("sweeps");
        let told = tell(&sweeps);
        let begin = "**Simulation**: 900 different seeds (of 10,000), 4.0 simulated hours, 18 questions, of abc. Seeds that failed: 7, 7.\n";
        assert!(told.starts_with(begin), "{told}");
        assert!(told.contains("| pause | 10 |"), "{told}");
    }

    #[test]
    fn a_ledger_of_campaigns_is_none_of_sweeps() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ledger.jsonl");
        std::fs::write(&file, "{\"label\":\"abc\",\"server\":\"keelson\"}\n").expect("written");
        assert!(read(&file).expect("read").is_none());
    }
}
