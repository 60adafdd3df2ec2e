//! What long campaigns have shown, run by run, and what they still owe.
//!
//! A ledger is a file of one JSON object a line, to which `matrix --ledger` adds one for each run, so that campaigns
//! of many days add up. Lines are only ever added, those of runs that did not pass as well; fields, too.

mod owed;
mod page;

pub use owed::{Owed, Seen, WANTED, owed};
pub use page::{replace, tell_files};

use crate::campaign::Summary;
use crate::coverage::Cell;
use keelson_kit::check::Check;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

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
    /// What must happen now and then, and did: how often. Nothing in lines of before this was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sometimes: Option<BTreeMap<String, u64>>,
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
            sometimes: None,
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

#[cfg(test)]
mod tests;
