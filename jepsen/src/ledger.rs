//! What long campaigns have shown, run by run, and what they still owe.
//!
//! A ledger is a file of one JSON object a line, to which `matrix --ledger` adds one for each run, so that campaigns
//! of many days add up. Lines are only ever added, those of runs that did not pass as well; fields, too.

use crate::campaign::Summary;
use crate::coverage::Cell;
use keelson_kit::check::Check;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// How often each pair below must have been covered.
pub const WANTED: u64 = 20;

/// Pairs of faults and loads that must be covered before anything is believed. The comparison of all members at
/// the end belongs to every run.
const MUST: [(&str, &[&str]); 13] = [
    ("kill", &["register", "txn", "watch", "lease"]),
    ("power", &["register", "txn", "watch", "lease"]),
    ("failpoint", &["register", "txn", "watch", "lease"]),
    ("pause", &["register", "txn", "watch", "lease", "lock"]),
    ("partition", &["register", "txn", "watch", "lease"]),
    ("stall", &["register", "txn", "watch", "lease"]),
    ("power-all", &["set"]),
    ("defragment", &["watch", "compact"]),
    ("restart", &["register", "txn", "watch", "lease"]),
    ("kill", &["objects", "informers", "controllers"]),
    ("power", &["objects", "informers"]),
    ("pause", &["objects", "informers", "controllers"]),
    ("partition", &["objects", "informers", "controllers"]),
];

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// What was tried: the commit, as whoever ran it calls it.
    pub label: String,
    /// Whose server.
    pub server: String,
    /// Members.
    pub nodes: u8,
    /// How long clients worked while things broke.
    pub seconds: u64,
    /// Loads.
    pub workloads: Vec<String>,
    /// Faults that were seen to work, by kind: how often.
    pub faults: BTreeMap<String, u64>,
    /// Operations that were judged.
    pub operations: u64,
    /// Events of watches that were judged.
    pub events: u64,
    /// `pass`, `fail`, `unknown` or `broken`.
    pub verdict: String,
    /// What repeats it.
    pub command: String,
}

impl Entry {
    /// Of a run that has ended with an exit code.
    pub fn new(label: &str, server: &str, nodes: u8, seconds: u64, cell: &Cell) -> Entry {
        Entry {
            label: label.to_owned(),
            server: server.to_owned(),
            nodes,
            seconds,
            workloads: cell.loads().into_iter().map(str::to_owned).collect(),
            faults: BTreeMap::new(),
            operations: 0,
            events: 0,
            verdict: "broken".to_owned(),
            command: String::new(),
        }
    }

    /// With what came out of it.
    #[must_use]
    pub fn ended(mut self, summary: &Summary, code: u8) -> Entry {
        let tally = summary.tally;
        self.faults = summary
            .faults
            .iter()
            .map(|(fault, times)| (fault.clone(), times.effective))
            .filter(|(_, times)| *times > 0)
            .collect();
        self.operations = tally.ok + tally.failed + tally.unknown;
        self.events = tally.events;
        self.verdict = match code {
            0 => "pass",
            1 => "fail",
            2 => "unknown",
            _ => "broken",
        }
        .to_owned();
        self.command.clone_from(&summary.command);
        self
    }

    fn passed(&self) -> bool {
        self.verdict == "pass"
    }
}

/// Adds a run.
///
/// # Errors
/// The file's.
pub fn append(file: &Path, entry: &Entry) -> Check {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(file)?;
    Ok(file.write_all(&line)?)
}

/// All runs of a file, oldest first.
///
/// # Errors
/// When it cannot be read, or says something else.
pub fn read(file: &Path) -> Check<Vec<Entry>> {
    let text = std::fs::read_to_string(file)?;
    let entries = text.lines().map(serde_json::from_str);
    Ok(entries.collect::<Result<_, _>>()?)
}

/// What runs have shown of one server, in Markdown.
pub fn tell(entries: &[Entry], server: &str) -> String {
    let of: Vec<_> = entries.iter().filter(|one| one.server == server).collect();
    let passed: Vec<_> = of.iter().copied().filter(|one| one.passed()).collect();
    let sum = |what: fn(&Entry) -> u64| passed.iter().map(|one| what(one)).sum::<u64>();
    let others = |verdict: &str| of.iter().filter(|one| one.verdict == verdict).count();
    let mut text = format!(
        "{server}: {} runs passed, {} failed, {} unknown, {} broken. Those that passed: {:.1} hours, {} operations, \
         {} events of watches.\n\n| fault | load | 3 members | 5 members | of {WANTED} |\n|---|---|---|---|---|\n",
        passed.len(),
        others("fail"),
        others("unknown"),
        others("broken"),
        sum(|one| one.seconds) as f64 / 3600.0,
        sum(|one| one.operations),
        sum(|one| one.events),
    );
    for (fault, loads) in MUST {
        for load in loads {
            let times = |nodes: u8| -> u64 {
                let runs = passed.iter().filter(|one| one.nodes == nodes);
                let runs = runs.filter(|one| one.workloads.iter().any(|name| name == load));
                runs.filter_map(|one| one.faults.get(fault)).sum()
            };
            let [three, five] = [times(3), times(5)];
            let done = if three >= WANTED && five >= WANTED {
                "yes"
            } else {
                "**no**"
            };
            let _ = writeln!(text, "| {fault} | {load} | {three} | {five} | {done} |");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::FaultTally;
    use crate::nemesis::kind::Nemesis;
    use crate::recorder::Tally;
    use crate::workload::Workload;

    fn entry(nodes: u8, effective: u64, code: u8) -> Entry {
        let cell = Cell {
            workloads: vec![Workload::Register],
            nemeses: vec![Nemesis::Kill],
        };
        let tally = FaultTally {
            begun: effective + 1,
            effective,
        };
        let summary = Summary {
            command: "keelson-jepsen run".to_owned(),
            target: String::new(),
            enclosure: String::new(),
            tally: Tally {
                ok: 90,
                failed: 9,
                unknown: 1,
                events: 50,
            },
            faults: [("kill".to_owned(), tally)].into(),
            is_complete: true,
            detail: String::new(),
        };
        Entry::new("abc", "keelson", nodes, 3600, &cell).ended(&summary, code)
    }

    #[test]
    fn runs_add_up_and_only_those_that_passed_cover_anything() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ledger.jsonl");
        for one in [
            entry(3, 15, 0),
            entry(3, 5, 0),
            entry(5, 30, 0),
            entry(5, 99, 1),
            entry(3, 99, 2),
        ] {
            append(&file, &one).expect("written");
        }
        let told = tell(&read(&file).expect("read"), "keelson");
        let begin = "keelson: 3 runs passed, 1 failed, 1 unknown, 0 broken. Those that passed: 3.0 hours, 300 operations, 150";
        assert!(told.starts_with(begin), "{told}");
        assert!(
            told.contains("| kill | register | 20 | 30 | yes |"),
            "{told}"
        );
        assert!(told.contains("| kill | txn | 0 | 0 | **no** |"), "{told}");
    }
}
