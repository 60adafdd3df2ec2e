//! How much a run was, to be added up.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of one run or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Simulated time.
    pub simulated_ms: u64,
    /// Questions of clients that were judged.
    pub asked: u64,
    /// Writes that were acknowledged.
    pub written: u64,
    /// Watches that were judged.
    pub watched: u64,
    /// Snapshots that arrived.
    pub snapshots: u64,
    /// What went wrong, by kind: how often.
    pub faults: BTreeMap<String, u64>,
}

/// What a line begins with that says how much a run was.
const BEGIN: &str = "tally ";

impl Tally {
    /// This and another one.
    pub fn add(&mut self, other: &Tally) {
        self.simulated_ms += other.simulated_ms;
        self.asked += other.asked;
        self.written += other.written;
        self.watched += other.watched;
        self.snapshots += other.snapshots;
        for (fault, times) in &other.faults {
            *self.faults.entry(fault.clone()).or_default() += times;
        }
    }

    /// As a line of what a run prints.
    pub fn line(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{BEGIN}{json}")
    }

    /// From what a run printed. A run that did not come to its end counts for nothing.
    pub fn of(output: &str) -> Tally {
        let mut lines = output.lines().filter_map(|line| line.strip_prefix(BEGIN));
        let read = |json: &str| serde_json::from_str(json).ok();
        lines.find_map(read).unwrap_or_default()
    }

    /// In words.
    pub fn text(&self) -> String {
        let faults: Vec<_> = self
            .faults
            .iter()
            .map(|(fault, times)| format!("{fault} {times}"))
            .collect();
        format!(
            "{:.2} simulated hours, {} questions, {} writes, {} watches, {} snapshots, faults: {}",
            self.simulated_ms as f64 / 3_600_000.0,
            self.asked,
            self.written,
            self.watched,
            self.snapshots,
            faults.join(", "),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_print_adds_up() {
        let one = Tally {
            simulated_ms: 1_800_000,
            asked: 3,
            faults: [("pause".to_owned(), 2)].into(),
            ..Tally::default()
        };
        let printed = format!("a plan\n{}\ntrace 1\n", one.line());
        let mut sum = Tally::of(&printed);
        assert_eq!(sum, one);
        sum.add(&Tally::of(&printed));
        sum.add(&Tally::of("no word"));
        let begin = "1.00 simulated hours, 6 questions";
        assert!(sum.text().starts_with(begin), "{}", sum.text());
        assert!(sum.text().ends_with("faults: pause 4"), "{}", sum.text());
    }
}
