//! What sweeps were: a file of one JSON object a line, one for each sweep, so that those of many days add up. Lines
//! are only ever added, those of sweeps that found something as well.
//!
//! What a sweep has done so far lies beside it, so that one that was stopped can go on. If something else is swept
//! next, the part that was done is a line of its own: it happened.

use crate::tally::Tally;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One sweep, or as much of it as was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What was tried: the commit, as whoever ran it calls it.
    pub label: String,
    /// What was broken on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted: Option<String>,
    /// The first seed.
    pub from: u64,
    /// How many seeds ran.
    pub seeds: u64,
    /// Seeds that failed.
    pub violations: Vec<u64>,
    /// How long it took, all jobs together.
    pub seconds: f64,
    /// How much it was.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Entry {
    /// Nothing yet.
    pub fn new(label: &str, planted: Option<&str>, from: u64) -> Entry {
        Entry {
            label: label.to_owned(),
            planted: planted.map(str::to_owned),
            from,
            seeds: 0,
            violations: Vec::new(),
            seconds: 0.0,
            tally: Tally::default(),
        }
    }

    /// In one line.
    pub fn text(&self) -> String {
        format!(
            "{} seeds from {} on, {} violations {:?}, {:.2} s a seed; {}",
            self.seeds,
            self.from,
            self.violations.len(),
            self.violations,
            self.seconds / self.seeds.max(1) as f64,
            self.tally.text()
        )
    }

    fn is_of(&self, other: &Entry) -> bool {
        (&self.label, &self.planted, self.from) == (&other.label, &other.planted, other.from)
    }
}

/// The file.
#[derive(Clone, Debug)]
pub struct Ledger(PathBuf);

impl Ledger {
    /// It need not be there.
    pub fn new(file: PathBuf) -> Ledger {
        Ledger(file)
    }

    fn part(&self) -> PathBuf {
        let mut part = self.0.clone().into_os_string();
        part.push(".part");
        part.into()
    }

    /// Where a sweep stands that begins like this one.
    ///
    /// # Errors
    /// The file's.
    pub fn resume(&self, begun: Entry) -> io::Result<Entry> {
        let part = match std::fs::read(self.part()) {
            Ok(part) => serde_json::from_slice::<Entry>(&part)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(begun),
            Err(error) => return Err(error),
        };
        if part.is_of(&begun) {
            return Ok(part);
        }
        self.append(&part)?;
        Ok(begun)
    }

    /// So much is done.
    ///
    /// # Errors
    /// The file's.
    pub fn keep(&self, entry: &Entry) -> io::Result<()> {
        let new = self.0.with_extension("new");
        write(&new, false, entry)?;
        std::fs::rename(new, self.part())
    }

    /// Adds a sweep that is over.
    ///
    /// # Errors
    /// The file's.
    pub fn append(&self, entry: &Entry) -> io::Result<()> {
        write(&self.0, true, entry)?;
        match std::fs::remove_file(self.part()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn write(file: &Path, append: bool, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    let mut options = std::fs::File::options();
    let options = options.create(true).write(true);
    let options = options.append(append).truncate(!append);
    options.open(file)?.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(label: &str) -> Entry {
        Entry::new(label, None, 100)
    }

    fn lines(file: &Path) -> Vec<Entry> {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("entries")
    }

    #[test]
    fn a_sweep_that_was_stopped_goes_on_and_another_one_does_not_go_on_with_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ledger.jsonl");
        let ledger = Ledger::new(file.clone());
        let mut entry = ledger.resume(begun("a")).expect("nothing there");
        assert_eq!(entry, begun("a"));
        (entry.seeds, entry.violations) = (7, vec![103]);
        ledger.keep(&entry).expect("kept");
        assert_eq!(ledger.resume(begun("a")).expect("read"), entry);
        assert!(lines(&file).is_empty(), "it is not over");

        assert_eq!(ledger.resume(begun("b")).expect("read"), begun("b"));
        assert_eq!(lines(&file), [entry.clone()]);
        assert_eq!(ledger.resume(begun("a")).expect("read"), begun("a"));

        ledger.append(&begun("b")).expect("written");
        assert_eq!(lines(&file), [entry, begun("b")]);
    }
}
